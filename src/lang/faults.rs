//! Faults: one table of kinds, and one reader for the scenario, the control API (both JSON) and `--fault`.

use std::fmt;
use std::time::Duration;

use super::file::problem::{did_you_mean, one_of, shown};
use super::units;
use crate::base::is_close_code;
use crate::base::json::{Json, Kind, write};

#[derive(Debug, Clone)]
pub struct Fault {
    pub kind: FaultKind,
    /// The name of the kind.
    pub name: &'static str,
    /// Handlers it applies to, `push` for pushes; empty is all.
    pub on: Vec<String>,
    /// The part of the messages that it applies to, from 0 to 1.
    pub share: f64,
    /// Connections it applies to (`c1`); empty is all.
    pub connections: Vec<String>,
    /// The number of times that it happens; `None` is unlimited.
    pub times: Option<u64>,
    /// The declaration, as the control API shows it.
    pub shown: Json,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// Delays by a time between these two.
    Latency(Duration, Duration),
    Drop,
    Duplicate,
    Corrupt,
    /// Sends this error instead.
    Error(String),
    /// Closes the connection with this code instead.
    Close(u16),
    /// Ends the connection without a Close frame instead.
    Abort,
    /// Answers the handshake with this status.
    Refuse(u16),
    /// Neither reads nor writes any more, and leaves the socket open.
    Stall,
    /// Bytes per second.
    Slow(u64),
    /// Bytes per frame.
    Fragment(usize),
    /// Leaves pings unanswered.
    Mute,
}

/// The value that a kind takes: its key, its bounds and default, and the fault that it makes.
enum Takes {
    Nothing(fn() -> FaultKind),
    Times(&'static str, fn(Duration, Duration) -> FaultKind),
    Text(&'static str, &'static str, fn(String) -> FaultKind),
    Number(&'static str, NumberValue, fn(u64) -> FaultKind),
}

struct NumberValue {
    low: u64,
    high: u64,
    /// Without one the value is required.
    default: Option<u64>,
}

const fn number(low: u64, high: u64, default: Option<u64>) -> NumberValue {
    NumberValue { low, high, default }
}

const KINDS: &[(&str, Takes)] = &[
    ("latency", Takes::Times("time", FaultKind::Latency)),
    ("drop", Takes::Nothing(|| FaultKind::Drop)),
    ("duplicate", Takes::Nothing(|| FaultKind::Duplicate)),
    ("corrupt", Takes::Nothing(|| FaultKind::Corrupt)),
    (
        "error",
        Takes::Text("code", "SCENARIO_ERROR", FaultKind::Error),
    ),
    (
        "close",
        Takes::Number("code", number(1000, 4999, Some(1011)), |code| {
            FaultKind::Close(code as u16)
        }),
    ),
    ("abort", Takes::Nothing(|| FaultKind::Abort)),
    (
        "refuse",
        Takes::Number("status", number(400, 599, Some(503)), |status| {
            FaultKind::Refuse(status as u16)
        }),
    ),
    ("stall", Takes::Nothing(|| FaultKind::Stall)),
    (
        "slow",
        Takes::Number("rate", number(1, 1 << 40, None), FaultKind::Slow),
    ),
    (
        "fragment",
        Takes::Number("bytes", number(1, 1 << 30, None), |bytes| {
            FaultKind::Fragment(bytes as usize)
        }),
    ),
    ("mute", Takes::Nothing(|| FaultKind::Mute)),
];

/// The name in `on` that stands for every push.
pub const PUSH: &str = "push";
/// Keys of every fault. `left` comes back when a client puts the list that the control API gave it.
const COMMON_KEYS: &[&str] = &["kind", "on", "share", "connections", "times", "left"];

impl Takes {
    fn key(&self) -> Option<&'static str> {
        match self {
            Takes::Nothing(_) => None,
            Takes::Times(key, _) | Takes::Text(key, ..) | Takes::Number(key, ..) => Some(key),
        }
    }
}

fn kind_names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, _)| *name)
}

fn find_kind(name: &str) -> Result<&'static (&'static str, Takes), FaultProblem> {
    KINDS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| {
            let hint = did_you_mean(name, kind_names());
            wrong(Some("kind"), format!("unknown fault kind {}", shown(name)))
                .hint(hint.unwrap_or_else(|| format!("kinds are {}", one_of(kind_names()))))
        })
}

/// A mistake in a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultProblem {
    /// The key whose value is wrong, or that is not allowed; `None` is the whole fault.
    pub key: Option<String>,
    pub message: String,
    pub hint: Option<String>,
}

impl FaultProblem {
    fn hint(self, hint: String) -> Self {
        FaultProblem {
            hint: Some(hint),
            ..self
        }
    }
}

impl fmt::Display for FaultProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FaultProblem {}

fn wrong(key: Option<&str>, message: String) -> FaultProblem {
    FaultProblem {
        key: key.map(str::to_owned),
        message,
        hint: None,
    }
}

fn must_be(key: &str, allowed: &str, found: &Json) -> FaultProblem {
    let found = shown(found.text());
    wrong(Some(key), format!("`{key}` must be {allowed}, got {found}"))
}

impl Fault {
    /// Reads a fault's JSON. `handlers` are the names that `on` may have besides `push`; `None` is any.
    pub fn read(json: &Json, handlers: Option<&[&str]>) -> Result<Fault, FaultProblem> {
        if json.kind() != Kind::Object {
            let found = shown(json.text());
            let message = format!("a fault must be an object, got {found}");
            return Err(wrong(None, message).hint("write `{\"kind\":\"drop\"}`".to_owned()));
        }
        let Some(name) = text(json, "kind")? else {
            let hint = format!("kinds are {}", one_of(kind_names()));
            return Err(wrong(None, "a fault needs a `kind`".to_owned()).hint(hint));
        };
        let (name, takes) = find_kind(&name)?;
        known_keys(json, name, takes.key())?;
        let share = match json.get("share") {
            Some(given) => given
                .part()
                .as_f64()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| must_be("share", "a number from 0 to 1", &given))?,
            None => 1.0,
        };
        let on = texts(json, "on")?;
        known_handlers(&on, handlers)?;
        Ok(Fault {
            kind: kind(name, takes, json)?,
            name,
            on,
            share,
            connections: texts(json, "connections")?,
            times: whole(json, "times", 0, u64::MAX >> 11)?,
            shown: json.clone(),
        })
    }

    /// Reads `--fault KIND[=VALUE][,on=a+b][,share=0.5][,connections=c1][,times=3]`.
    pub fn read_option(option: &str, handlers: Option<&[&str]>) -> Result<Fault, FaultProblem> {
        let mut json = String::from("{");
        for (at, part) in option.split(',').enumerate() {
            let (name, value) = part
                .split_once('=')
                .map_or((part, None), |(name, value)| (name, Some(value)));
            if at > 0 {
                put(&mut json, name, &common_value(part, name, value)?);
                continue;
            }
            put(&mut json, "kind", Json::string(name).text());
            if let Some(value) = value {
                let (key, value) = own_value(name, value)?;
                put(&mut json, key, &value);
            }
        }
        json.push('}');
        let json = Json::parse(json).map_err(|error| wrong(None, error.to_string()))?;
        Fault::read(&json, handlers)
    }
}

fn known_keys(json: &Json, name: &str, own: Option<&str>) -> Result<(), FaultProblem> {
    for member in json.part().members() {
        let key = member.key();
        let allowed = || own.into_iter().chain(COMMON_KEYS.iter().copied());
        if !allowed().any(|known| known == key) {
            let keys = one_of(allowed().filter(|key| *key != "left"));
            let message = format!("unknown key {} in a fault `{name}`", shown(&key));
            let hint = did_you_mean(&key, allowed()).unwrap_or_else(|| format!("keys are {keys}"));
            return Err(wrong(Some(&key), message).hint(hint));
        }
    }
    Ok(())
}

fn known_handlers(on: &[String], handlers: Option<&[&str]>) -> Result<(), FaultProblem> {
    let Some(handlers) = handlers else {
        return Ok(());
    };
    let known = || handlers.iter().copied().chain([PUSH]);
    for name in on {
        if !known().any(|known| known == name) {
            let hint = did_you_mean(name, known())
                .unwrap_or_else(|| format!("`on` takes {}", one_of(known().take(20))));
            let message = format!("unknown handler {} in `on`", shown(name));
            return Err(wrong(Some("on"), message).hint(hint));
        }
    }
    Ok(())
}

fn kind(name: &str, takes: &Takes, json: &Json) -> Result<FaultKind, FaultProblem> {
    Ok(match takes {
        Takes::Nothing(make) => make(),
        Takes::Times(key, make) => {
            let (low, high) = times(name, key, json)?;
            make(low, high)
        }
        Takes::Text(key, default, make) => {
            make(text(json, key)?.unwrap_or_else(|| (*default).to_owned()))
        }
        Takes::Number(key, bounds, make) => {
            let given = whole(json, key, bounds.low, bounds.high)?;
            let number = given
                .or(bounds.default)
                .ok_or_else(|| wrong(None, format!("a fault `{name}` needs a `{key}`")))?;
            if *key == "code" && !is_close_code(number) {
                let allowed = "a close code such as 1000, 1011, 1012 or 4000 to 4999";
                return Err(must_be(
                    key,
                    allowed,
                    &json.get(key).unwrap_or_else(Json::null),
                ));
            }
            make(number)
        }
    })
}

/// One time, or the shortest and the longest.
fn times(name: &str, key: &str, json: &Json) -> Result<(Duration, Duration), FaultProblem> {
    const ALLOWED: &str = "a time such as `200ms`, or the shortest and the longest in a list";
    let given = json
        .get(key)
        .ok_or_else(|| wrong(None, format!("a fault `{name}` needs a `{key}`")))?;
    let one = |json: &Json| match json.part().as_str() {
        Some(text) => units::duration(&text),
        None => json.part().as_f64().and_then(units::milliseconds),
    };
    let range = match given.elements().collect::<Vec<_>>().as_slice() {
        [low, high] => one(low).zip(one(high)),
        _ => one(&given).map(|time| (time, time)),
    };
    range
        .filter(|(low, high)| low <= high)
        .ok_or_else(|| must_be(key, ALLOWED, &given))
}

fn text(json: &Json, key: &str) -> Result<Option<String>, FaultProblem> {
    let given = json.get(key);
    let read = |given: Json| match given.part().as_str() {
        Some(text) => Ok(text.into_owned()),
        None => Err(must_be(key, "a text", &given)),
    };
    given.map(read).transpose()
}

fn texts(json: &Json, key: &str) -> Result<Vec<String>, FaultProblem> {
    let Some(given) = json.get(key) else {
        return Ok(Vec::new());
    };
    if let Some(one) = given.part().as_str() {
        return Ok(vec![one.into_owned()]);
    }
    let elements = given.part().elements();
    let list: Option<Vec<String>> = elements
        .map(|part| part.as_str().map(String::from))
        .collect();
    list.filter(|_| given.kind() == Kind::List)
        .ok_or_else(|| must_be(key, "a text or a list of texts", &given))
}

fn whole(json: &Json, key: &str, low: u64, high: u64) -> Result<Option<u64>, FaultProblem> {
    let Some(given) = json.get(key) else {
        return Ok(None);
    };
    let number = given.part().as_i64();
    number
        .and_then(|number| u64::try_from(number).ok())
        .filter(|number| (low..=high).contains(number))
        .map(Some)
        .ok_or_else(|| must_be(key, &format!("a whole number from {low} to {high}"), &given))
}

fn put(json: &mut String, key: &str, value: &str) {
    if json.len() > 1 {
        json.push(',');
    }
    write::string(json, key);
    json.push(':');
    json.push_str(value);
}

/// The JSON of a value that is typed behind `KIND=`.
fn own_value(kind: &str, value: &str) -> Result<(&'static str, String), FaultProblem> {
    let text = |value: &str| Json::string(value).text().to_owned();
    match &find_kind(kind)?.1 {
        Takes::Nothing(_) => {
            let message = format!("a fault `{kind}` takes no value, got {}", shown(value));
            Err(wrong(None, message))
        }
        Takes::Text(key, ..) => Ok((key, text(value))),
        Takes::Number(key, ..) => Ok((key, typed_number(value))),
        Takes::Times(key, _) => Ok((
            key,
            match value.split_once("..") {
                Some((low, high)) => format!("[{},{}]", text(low), text(high)),
                None => text(value),
            },
        )),
    }
}

/// The JSON of a value that is typed behind a comma.
fn common_value(part: &str, name: &str, value: Option<&str>) -> Result<String, FaultProblem> {
    match (name, value) {
        ("on" | "connections", Some(value)) => {
            let names = value
                .split('+')
                .map(|name| Json::string(name).text().to_owned());
            Ok(format!("[{}]", names.collect::<Vec<_>>().join(",")))
        }
        ("share" | "times", Some(value)) => Ok(typed_number(value)),
        _ => {
            let hint = "write `on=NAME`, `share=0.5`, `connections=c1` or `times=3`".to_owned();
            Err(wrong(None, format!("unknown part {}", shown(part))).hint(hint))
        }
    }
}

/// JSON that is a number where the text is one, so that the reader of JSON refuses all others.
fn typed_number(value: &str) -> String {
    let is_number = Json::parse(value).is_ok_and(|json| json.kind() == Kind::Number);
    if is_number {
        value.to_owned()
    } else {
        Json::string(value).text().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_json_read_the_same() {
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
            let fault = Fault::read_option(option, None).unwrap();
            assert_eq!(fault.shown.text(), json);
        }
    }

    #[test]
    fn mistakes_say_what_is_allowed() {
        let cases = [
            (
                "latensy=3s",
                "unknown fault kind `latensy`; did you mean `latency`?",
            ),
            (
                "explode",
                "unknown fault kind `explode`; kinds are `latency`, ",
            ),
            ("drop=1", "a fault `drop` takes no value, got `1`"),
            ("latency", "a fault `latency` needs a `time`"),
            ("latency=3s..1s", "`time` must be a time such as `200ms`"),
            ("close=1005", "`code` must be a close code"),
            (
                "close=soon",
                "`code` must be a whole number from 1000 to 4999, got `\"soon\"`",
            ),
            (
                "drop,share=2",
                "`share` must be a number from 0 to 1, got `2`",
            ),
            ("drop,when=now", "unknown part `when=now`; write `on=NAME`"),
            ("slow", "a fault `slow` needs a `rate`"),
            (
                "drop,on=getStation",
                "unknown handler `getStation` in `on`; did you mean `getStations`?",
            ),
        ];
        for (option, words) in cases {
            let problem = Fault::read_option(option, Some(&["getStations"])).unwrap_err();
            assert!(problem.to_string().contains(words), "{option}: {problem}");
        }
    }

    #[test]
    fn faults_name_handlers_or_pushes() {
        for (option, handlers) in [
            ("drop,on=push", Some(&[][..])),
            ("drop,on=a+push", Some(&["a"])),
            ("drop,on=anything", None),
        ] {
            assert!(Fault::read_option(option, handlers).is_ok(), "{option}");
        }
    }
}
