//! What the user declares: a scenario file, read strictly, checked and compiled.

pub mod expr;
pub mod model;

pub use minijinja::Value;
