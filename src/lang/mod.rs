//! What the user declares: a scenario file, read strictly, checked and compiled.

mod bundled;
pub mod expr;
pub mod faults;
mod files;
mod interner;
mod load;
mod merge;
pub mod model;
mod problem;
mod read;
mod source;
mod tree;
mod units;
pub mod verbs;

#[cfg(test)]
mod tests;

pub use minijinja::Value;

pub use bundled::bundled;
pub use files::{Disk, Files, NoFiles};
pub use load::{Env, load, read_text};
pub use problem::{Problem, Problems, nearest};
pub use units::{duration, milliseconds, size};
