//! Floor 0: JSON texts, payloads, time, chance and the names of limits. It imports nothing of ours.

mod chance;
mod clock;
pub mod json;
pub mod jwt;
mod limit;
pub mod payload;
pub mod text;
pub mod time;

pub use chance::Chance;
pub use clock::Clock;
pub use limit::{Limit, LimitKey, Limits, MAX_ITEMS, Setting};

/// A moment of the mock's time, in milliseconds since 1970.
pub type Moment = i64;
