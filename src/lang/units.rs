//! Durations and sizes: `1h 30m`, `250ms`, `64KiB`.

use std::time::Duration;

use jiff::SignedDuration;

/// About 317 years, far from an overflow.
const MAX_MILLISECONDS: f64 = 1e13;

pub fn duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.trim().parse().ok()?;
    let duration = Duration::try_from(duration).ok()?;
    (duration.as_secs_f64() * 1e3 <= MAX_MILLISECONDS).then_some(duration)
}

/// `None` if the number is negative or too large.
pub fn milliseconds(number: f64) -> Option<Duration> {
    (0.0..=MAX_MILLISECONDS)
        .contains(&number)
        .then(|| Duration::from_micros((number * 1e3).round() as u64))
}

pub fn size(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: usize = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("1.5s", Some(1_500)),
            ("1h 30m", Some(5_400_000)),
            ("1h30m", Some(5_400_000)),
            ("0s", Some(0)),
            ("", None),
            ("s", None),
            ("1500", None),
            ("-5s", None),
            ("5x", None),
            ("inf", None),
            ("9999999999h", None),
        ] {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(duration(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_bytes() {
        for (text, bytes) in [
            ("17", Some(17)),
            ("64KiB", Some(65_536)),
            ("32 MiB", Some(33_554_432)),
            ("1MB", None),
            ("KiB", None),
            ("99999999999999999999", None),
            ("17179869184GiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }
}
