//! The language: a scenario file, read strictly, checked and compiled.

pub mod expr;
pub mod faults;
mod file;
pub mod model;
mod read;
mod units;
pub mod verbs;

#[cfg(test)]
mod tests;

pub use minijinja::Value;

pub use file::tree::MAX_FILE_BYTES;
pub use file::{
    Env, FileText, Files, NoFiles, Problem, Problems, bundled, load, nearest, read_text,
};
pub use units::{duration, milliseconds, size};
