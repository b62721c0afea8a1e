//! Reading a fault: from a scenario or the control API (JSON), or from `--fault KIND[=VALUE][,on=…][,share=…]`.

use std::time::Duration;

use thiserror::Error;

use crate::base::json::{Json, Kind, write};
use crate::base::text::shortened;
use crate::lang;

/// One fault as it was declared.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What it does.
    pub kind: FaultKind,
    /// The handlers it concerns, `push` for pushes; empty is everything.
    pub on: Vec<String>,
    /// The part of the messages it concerns, 0–1.
    pub share: f64,
    /// The connections it concerns (`c1`); empty is all.
    pub connections: Vec<String>,
    /// How often it happens; `None` is without end.
    pub times: Option<u64>,
    /// As it is shown.
    pub shown: Json,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// Later by a time, or one drawn between two.
    Latency(Duration, Duration),
    /// Not at all.
    Drop,
    /// Twice.
    Duplicate,
    /// As broken JSON.
    Corrupt,
    /// An error instead.
    Error(String),
    /// The connection closed instead.
    Close(u16),
    /// The connection torn down instead, without a Close frame.
    Abort,
    /// The handshake refused.
    Refuse(u16),
    /// Neither read nor written any more, the socket left open.
    Stall,
    /// So many bytes a second.
    Slow(u64),
    /// Frames of so many bytes.
    Fragment(usize),
    /// Pings unanswered.
    Mute,
}

impl FaultKind {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Latency(..) => "latency",
            FaultKind::Drop => "drop",
            FaultKind::Duplicate => "duplicate",
            FaultKind::Corrupt => "corrupt",
            FaultKind::Error(_) => "error",
            FaultKind::Close(_) => "close",
            FaultKind::Abort => "abort",
            FaultKind::Refuse(_) => "refuse",
            FaultKind::Stall => "stall",
            FaultKind::Slow(_) => "slow",
            FaultKind::Fragment(_) => "fragment",
            FaultKind::Mute => "mute",
        }
    }
}

const KINDS: &str =
    "latency, drop, duplicate, corrupt, error, close, abort, refuse, stall, slow, fragment, mute";

/// What is wrong with a fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct FaultError(String);

fn wrong<T>(why: impl Into<String>) -> Result<T, FaultError> {
    Err(FaultError(why.into()))
}

/// A fault from its JSON.
pub fn from_json(json: &Json) -> Result<Fault, FaultError> {
    if json.kind() != Kind::Object {
        return wrong(format!(
            "a fault is an object such as {{\"kind\":\"drop\"}}, found `{}`",
            shortened(json.text())
        ));
    }
    let Some(name) = text(json, "kind")? else {
        return wrong(format!("a fault needs a `kind`: {KINDS}"));
    };
    let (own, kind) = kind(&name, json)?;
    for member in json.part().members() {
        let key = member.key();
        if !["kind", "on", "share", "connections", "times", "left", own].contains(&&*key) {
            let value = if own.is_empty() {
                String::new()
            } else {
                format!(", {own}")
            };
            let key = shortened(&key);
            return wrong(format!(
                "`{name}` has no `{key}`; allowed: kind{value}, on, share, connections, times"
            ));
        }
    }
    let share = number(json, "share")?.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&share) {
        return wrong(format!("`share` is a number from 0 to 1, found `{share}`"));
    }
    let times = whole(json, "times", 0, u64::MAX >> 11)?;
    Ok(Fault {
        kind,
        on: texts(json, "on")?,
        share,
        connections: texts(json, "connections")?,
        times,
        shown: json.clone(),
    })
}

fn kind(name: &str, json: &Json) -> Result<(&'static str, FaultKind), FaultError> {
    Ok(match name {
        "latency" => {
            let (low, high) = latency(json)?;
            ("time", FaultKind::Latency(low, high))
        }
        "drop" => ("", FaultKind::Drop),
        "duplicate" => ("", FaultKind::Duplicate),
        "corrupt" => ("", FaultKind::Corrupt),
        "error" => (
            "code",
            FaultKind::Error(text(json, "code")?.unwrap_or_else(|| "SCENARIO_ERROR".to_owned())),
        ),
        "close" => {
            let code = whole(json, "code", 1000, 4999)?.unwrap_or(1011);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return wrong(format!(
                    "`code` is a close code such as 1000, 1011, 1012 or 4000–4999, found `{code}`"
                ));
            }
            ("code", FaultKind::Close(code as u16))
        }
        "abort" => ("", FaultKind::Abort),
        "refuse" => (
            "status",
            FaultKind::Refuse(whole(json, "status", 400, 599)?.unwrap_or(503) as u16),
        ),
        "stall" => ("", FaultKind::Stall),
        "slow" => match whole(json, "rate", 1, 1 << 40)? {
            Some(rate) => ("rate", FaultKind::Slow(rate)),
            None => return wrong("`slow` needs a `rate` in bytes a second"),
        },
        "fragment" => match whole(json, "bytes", 1, 1 << 30)? {
            Some(bytes) => ("bytes", FaultKind::Fragment(bytes as usize)),
            None => return wrong("`fragment` needs `bytes`, the size of a frame"),
        },
        "mute" => ("", FaultKind::Mute),
        other => {
            let other = shortened(other);
            return wrong(format!("unknown kind `{other}`; known: {KINDS}"));
        }
    })
}

fn latency(json: &Json) -> Result<(Duration, Duration), FaultError> {
    const NEEDS: &str =
        "`latency` needs a `time` such as \"200ms\", or a range [\"50ms\",\"250ms\"]";
    let one = |json: &Json| -> Result<Duration, FaultError> {
        let found = match json.part().as_str() {
            Some(text) => lang::duration(&text),
            None => json.part().as_f64().and_then(lang::milliseconds),
        };
        found.ok_or_else(|| FaultError(format!("{NEEDS}; found `{}`", shortened(json.text()))))
    };
    let Some(given) = json.get("time") else {
        return wrong(NEEDS);
    };
    if given.kind() != Kind::List {
        return one(&given).map(|time| (time, time));
    }
    match given.elements().collect::<Vec<_>>().as_slice() {
        [low, high] => {
            let (low, high) = (one(low)?, one(high)?);
            if low > high {
                wrong("the range of `time` goes from the shorter to the longer")
            } else {
                Ok((low, high))
            }
        }
        _ => wrong(NEEDS),
    }
}

fn text(json: &Json, name: &str) -> Result<Option<String>, FaultError> {
    match json.get(name) {
        None => Ok(None),
        Some(value) => match value.part().as_str() {
            Some(text) => Ok(Some(text.into_owned())),
            None => wrong(format!(
                "`{name}` is a text, found `{}`",
                shortened(value.text())
            )),
        },
    }
}

fn texts(json: &Json, name: &str) -> Result<Vec<String>, FaultError> {
    let Some(value) = json.get(name) else {
        return Ok(Vec::new());
    };
    if let Some(one) = value.part().as_str() {
        return Ok(vec![one.into_owned()]);
    }
    let list: Option<Vec<String>> = value
        .part()
        .elements()
        .map(|part| part.as_str().map(String::from))
        .collect();
    match list {
        Some(list) if value.kind() == Kind::List => Ok(list),
        _ => wrong(format!(
            "`{name}` is a text or a list of texts, found `{}`",
            shortened(value.text())
        )),
    }
}

fn number(json: &Json, name: &str) -> Result<Option<f64>, FaultError> {
    match json.get(name) {
        None => Ok(None),
        Some(value) => match value.part().as_f64() {
            Some(number) => Ok(Some(number)),
            None => wrong(format!(
                "`{name}` is a number, found `{}`",
                shortened(value.text())
            )),
        },
    }
}

fn whole(json: &Json, name: &str, low: u64, high: u64) -> Result<Option<u64>, FaultError> {
    let Some(value) = json.get(name) else {
        return Ok(None);
    };
    match value
        .part()
        .as_i64()
        .and_then(|number| u64::try_from(number).ok())
    {
        Some(number) if (low..=high).contains(&number) => Ok(Some(number)),
        _ => wrong(format!(
            "`{name}` is a whole number from {low} to {high}, found `{}`",
            shortened(value.text())
        )),
    }
}

/// A fault from the command line.
pub fn from_option(option: &str) -> Result<Fault, FaultError> {
    let mut json = String::from("{");
    let mut put = |name: &str, value: &str| {
        if json.len() > 1 {
            json.push(',');
        }
        write::string(&mut json, name);
        json.push(':');
        json.push_str(value);
    };
    for (at, part) in option.split(',').enumerate() {
        let (name, value) = part
            .split_once('=')
            .map_or((part, None), |(name, value)| (name, Some(value)));
        if at == 0 {
            put("kind", Json::string(name).text());
            if let Some(value) = value {
                let (own, value) = own_value(name, value)?;
                put(own, &value);
            }
            continue;
        }
        let Some(value) = value else {
            return wrong(format!(
                "`{part}` says nothing; allowed: on=NAME, share=0.5, connections=c1, times=3"
            ));
        };
        match name {
            "on" | "connections" => {
                let list: Vec<String> = value
                    .split('+')
                    .map(|name| Json::string(name).text().to_owned())
                    .collect();
                put(name, &format!("[{}]", list.join(",")));
            }
            "share" | "times" if is_number(value) => put(name, value),
            "share" | "times" => return wrong(format!("`{name}` is a number, found `{value}`")),
            _ => {
                return wrong(format!(
                    "unknown `{name}`; allowed: on, share, connections, times"
                ));
            }
        }
    }
    json.push('}');
    from_json(&Json::parse(json).map_err(|error| FaultError(error.to_string()))?)
}

fn own_value(kind: &str, value: &str) -> Result<(&'static str, String), FaultError> {
    let text = |value: &str| Json::string(value).text().to_owned();
    Ok(match kind {
        "latency" => match value.split_once("..") {
            Some((low, high)) => ("time", format!("[{},{}]", text(low), text(high))),
            None => ("time", text(value)),
        },
        "error" => ("code", text(value)),
        "close" => ("code", digits(value)?),
        "refuse" => ("status", digits(value)?),
        "slow" => ("rate", digits(value)?),
        "fragment" => ("bytes", digits(value)?),
        _ => {
            return wrong(format!(
                "`{kind}` takes no value, found `{value}`; known kinds: {KINDS}"
            ));
        }
    })
}

fn is_number(value: &str) -> bool {
    Json::parse(value).is_ok_and(|json| json.kind() == Kind::Number)
}

fn digits(value: &str) -> Result<String, FaultError> {
    match value.parse::<u64>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => wrong(format!("a whole number is needed, found `{value}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_json_say_the_same() {
        let cases = [
            ("latency=200ms", r#"{"kind":"latency","time":"200ms"}"#),
            (
                "latency=50ms..250ms,on=push",
                r#"{"kind":"latency","time":["50ms","250ms"],"on":["push"]}"#,
            ),
            (
                "close=1012,times=1",
                r#"{"kind":"close","code":1012,"times":1}"#,
            ),
            (
                "drop,on=a+b,share=0.5",
                r#"{"kind":"drop","on":["a","b"],"share":0.5}"#,
            ),
        ];
        for (option, json) in cases {
            assert_eq!(from_option(option).unwrap().shown.text(), json);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("latensy=3s", "takes no value"),
            ("explode", "unknown kind `explode`; known: latency"),
            ("latency", "needs a `time`"),
            ("close=1005", "a close code"),
            ("drop,share=2", "from 0 to 1"),
            ("drop,when=now", "unknown `when`"),
            ("slow", "needs a `rate`"),
        ];
        for (option, words) in cases {
            let error = from_option(option).unwrap_err().to_string();
            assert!(error.contains(words), "{option}: {error}");
        }
    }
}
