//! Readers of option values. An error says what the value must be; clap adds the value and the option.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use crate::base::MAX_ITEMS;
use crate::lang;

/// `NAME=VALUE`
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("must be a name, `=` and a value".to_owned()),
    }
}

pub(super) fn count(text: &str) -> Result<(String, u64), String> {
    let (name, value) = assignment(text)?;
    match value.parse() {
        Ok(count) if count <= MAX_ITEMS => Ok((name, count)),
        _ => Err(format!("must be a whole number from 0 to {MAX_ITEMS}")),
    }
}

pub(super) fn interval(text: &str) -> Result<(String, Duration), String> {
    let (name, value) = assignment(text)?;
    let interval = lang::duration(&value).filter(|time| *time >= Duration::from_millis(1));
    let must = "must be a duration such as `250ms`, `5s` or `1m 30s`";
    Ok((name, interval.ok_or(must)?))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let must = "must be a duration such as `90s`, `15m`, `1h` or `7d`";
    Ok(lang::duration(text).ok_or(must)?)
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    if text != "random" {
        let must = "must be a whole number from 0, or `random`";
        return Ok(text.parse().map_err(|_| must)?);
    }
    // Four bytes: short enough to type again, and exact as a number of JavaScript.
    let mut bytes = [0; 4];
    let drawn = SystemRandom::new().fill(&mut bytes);
    drawn.map_err(|_| "the system has no random numbers")?;
    Ok(u32::from_le_bytes(bytes).into())
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    let size = lang::size(text).filter(|size| *size > 0);
    Ok(size.ok_or("must be a size such as `65536`, `512KiB` or `32MiB`")?)
}

/// A list in the environment may have empty parts, so these pass here and are ignored later.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_.:[]".contains(sign);
    if !text.trim().chars().all(plain) {
        return Err(
            "must be a host name without scheme and path, such as `mock.example`".to_owned(),
        );
    }
    Ok(text.trim().to_owned())
}

/// Empty parts pass here as well.
pub(super) fn origin(text: &str) -> Result<String, String> {
    // Some browsers and shells send `file://` for a page from disk.
    if matches!(text.trim(), "" | "*" | "null" | "file://") {
        return Ok(text.trim().to_owned());
    }
    let origin = text.trim().trim_end_matches('/');
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let plain = |sign: char| sign.is_ascii_graphic() && sign != '/';
    if host.is_empty() || !host.chars().all(plain) {
        return Err("must be an origin such as `https://app.example:8080`, or `*`".to_owned());
    }
    Ok(origin.to_owned())
}
