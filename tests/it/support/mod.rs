//! What the tests talk with.

pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod world;
