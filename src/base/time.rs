use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Moment;

/// `2024-01-20T10:30:00.000Z`; later years show as the end of 9999.
pub fn rfc3339(moment: Moment) -> String {
    let end = if moment < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    format!("{:.3}", Timestamp::from_millisecond(moment).unwrap_or(end))
}

/// RFC 3339 has years of four digits.
pub fn has_text(moment: Moment) -> bool {
    /// The first moment of the year 0; earlier years have a sign.
    const YEAR_0: Moment = -62_167_219_200_000;
    moment >= YEAR_0 && Timestamp::from_millisecond(moment).is_ok()
}

pub fn date(moment: Moment) -> String {
    let mut text = rfc3339(moment);
    text.truncate(text.find('T').unwrap_or(0));
    text
}

pub fn parse(text: &str) -> Option<Moment> {
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

/// Checks for a calendar date, `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// `30s` or `1h 30m`, as the language reads it.
pub fn print_duration(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{}s", duration.as_secs()), |d| format!("{d:#}"))
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
            assert_eq!(print_duration(Duration::from_millis(millis)), text);
        }
        for far in [i64::MAX, i64::MIN] {
            assert!(!has_text(far));
            assert!(rfc3339(far).contains("9999-"), "{}", rfc3339(far));
        }
        assert!(is_date("2024-02-29") && !is_date("2024-02-30") && !is_date("2024-2-3"));
    }
}
