//! What the tests talk with.

pub(crate) mod binary;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod world;
