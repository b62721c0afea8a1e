//! Moments and durations as text.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Moment;

/// `2024-01-20T10:30:00.000Z`
pub fn rfc3339(moment: Moment) -> String {
    timestamp(moment).map_or_else(String::new, |time| format!("{time:.3}"))
}

/// `2024-01-20`
pub fn date(moment: Moment) -> String {
    let mut text = rfc3339(moment);
    text.truncate(text.find('T').unwrap_or(0));
    text
}

/// The moment of an RFC 3339 text.
pub fn parse(text: &str) -> Option<Moment> {
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

/// Whether a text is a calendar date, `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// A duration's text (`250ms`, `30s`, `1h 30m`), zero or longer.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.trim().parse().ok()?;
    Duration::try_from(duration).ok()
}

/// `30s`, `1h 30m`
pub fn print_duration(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{}s", duration.as_secs()), |d| format!("{d:#}"))
}

fn timestamp(moment: Moment) -> Option<Timestamp> {
    Timestamp::from_millisecond(moment).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_durations_read_back() {
        let text = "2024-01-20T10:30:00.000Z";
        assert_eq!(rfc3339(parse(text).unwrap()), text);
        assert_eq!(date(parse(text).unwrap()), "2024-01-20");
        for (text, millis) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
            assert_eq!(print_duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(parse_duration("-3s"), None);
        assert_eq!(parse_duration("soon"), None);
        assert!(is_date("2024-02-29") && !is_date("2024-02-30") && !is_date("2024-2-3"));
    }
}
