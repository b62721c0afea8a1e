//! The one place that reads the system's clock.

use crate::base::Moment;

#[expect(
    clippy::disallowed_methods,
    reason = "everything else gets the time as an argument"
)]
pub fn wall() -> Moment {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as Moment)
}
