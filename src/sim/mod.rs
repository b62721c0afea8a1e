//! Reproducibility: the clock and the streams of chance. The only place for either.

mod chance;
mod clock;
pub mod time;

pub use chance::Chance;
pub use clock::{Clock, wall};

/// A moment of the mock's time, in milliseconds since 1970.
pub type Moment = i64;
