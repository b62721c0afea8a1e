//! What the user declares: a scenario file, read strictly, checked and compiled.

mod bundled;
pub mod expr;
mod files;
mod lasting;
mod limit;
mod load;
mod merge;
pub mod model;
mod problem;
mod read;
mod source;
mod tree;
mod units;

#[cfg(test)]
mod tests;

pub use minijinja::Value;

pub use bundled::bundled;
pub use files::{Disk, Files, NoFiles};
pub use limit::Limit;
pub use load::{Env, load, read_text};
pub use model::MAX_ITEMS;
pub use problem::{Problem, Problems, nearest};
pub use units::{duration, milliseconds, size};
