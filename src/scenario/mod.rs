//! Stand-in: replaced at merge.

pub mod expr;
pub mod model;

pub use self::model::*;
/// Stand-in.
pub type Value = serde_json::Value;
