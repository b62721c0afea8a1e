//! Floor 0: JSON texts, payloads, time, chance and limits. It imports nothing of ours.

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

/// Checks a code for a Close frame. RFC 6455, section 7.4, reserves 1004, keeps 1005, 1006 and 1015 out of frames,
/// and assigns none from 1016 to 2999.
pub fn is_close_code(code: impl TryInto<u16>) -> bool {
    let Ok(code) = code.try_into() else {
        return false;
    };
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
