//! What the fuzzer does with its bytes. The crate's own tests play the seeds of `corpus/` through the same functions.
//!
//! Each module has one `check`, which panics where a promise is broken.

pub mod control;
pub mod frames;
pub mod messages;
pub mod packets;
pub mod scenario;
mod stage;
