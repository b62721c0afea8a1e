//! Files of scenarios: read as trees and merged with what they extend, with every problem at its place.

pub(crate) mod bundled;
mod extends;
mod load;
pub(in crate::lang) mod problem;
pub(in crate::lang) mod source;
pub(in crate::lang) mod tree;

pub use bundled::bundled;
pub use load::{Env, FileText, Files, NoFiles, load, read_text};
pub use problem::{Problem, Problems, nearest};
