//! The strict reader: one pass, no recursion, and no decoding before a value is used.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use thiserror::Error;
use tungstenite::Utf8Bytes;

use super::{Doc, Json, JsonNode, Kind, MAX_DEPTH, NO_KEY};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("found {what} at byte {at}")]
pub struct JsonError {
    pub at: usize,
    pub what: &'static str,
}

/// Bytes of text for a node in most messages, so that the list of nodes seldom grows or shrinks.
const BYTES_A_NODE: usize = 12;
const MAX_EXPECTED_NODES: usize = 4096;

const TOO_DEEP: &str = "more than 128 levels";

impl JsonError {
    pub fn is_too_deep(&self) -> bool {
        self.what == TOO_DEEP
    }
}

pub(super) fn document(text: Utf8Bytes) -> Result<Json, JsonError> {
    // Capped, because a client's text may be one long string.
    let expected = (text.len() / BYTES_A_NODE + 1).min(MAX_EXPECTED_NODES);
    let nodes = Vec::with_capacity(expected);
    let mut reader = Parser {
        bytes: text.as_bytes(),
        at: 0,
        nodes,
        within: NOTHING,
        depth: 0,
        spaced: false,
        escaped_names: false,
    };
    if reader.bytes.len() > u32::MAX as usize {
        return Err(reader.found("more than 4 GiB"));
    }
    reader.all()?;
    let Parser {
        nodes,
        spaced,
        escaped_names,
        ..
    } = reader;
    Ok(Json {
        doc: Arc::new(Doc {
            text,
            nodes: nodes.into_boxed_slice(),
            spaced,
            escaped_names,
            large: OnceLock::new(),
        }),
        at: 0,
    })
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    /// An open container has the index of the container around it in `next`.
    nodes: Vec<JsonNode>,
    /// The index of the innermost open container.
    within: u32,
    depth: usize,
    spaced: bool,
    escaped_names: bool,
}

/// The index of the container around the whole text.
const NOTHING: u32 = u32::MAX;

type Name = (usize, usize);

const NO_NAME: Name = (0, NO_KEY as usize);

impl Parser<'_> {
    #[cold]
    fn found(&self, what: &'static str) -> JsonError {
        let what = if self.at >= self.bytes.len() && !what.starts_with("more") {
            "the end of the text"
        } else {
            what
        };
        JsonError { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
            self.spaced = true;
        }
    }

    fn all(&mut self) -> Result<(), JsonError> {
        self.space();
        loop {
            let name = if self.around() == Some(Kind::Object) {
                self.name()?
            } else {
                NO_NAME
            };
            let opened = self.value(name)?;
            if !opened && self.ends()? {
                return Ok(());
            }
        }
    }

    /// The kind of the innermost open container.
    fn around(&self) -> Option<Kind> {
        self.nodes.get(self.within as usize).map(|node| node.kind)
    }

    /// Reads a member's name and the colon after it.
    fn name(&mut self) -> Result<Name, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.found("no name of a member"));
        }
        let start = self.at;
        self.escaped_names |= self.string()?;
        let name = (start + 1, self.at - start - 2);
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.found("no colon after a name"));
        }
        self.at += 1;
        self.space();
        Ok(name)
    }

    /// Reads a value, or the start of a container; `true` if its contents come next.
    fn value(&mut self, name: Name) -> Result<bool, JsonError> {
        let start = self.at;
        let mut escaped = false;
        let kind = match self.peek() {
            Some(b'"') => {
                escaped = self.string()?;
                Kind::String
            }
            Some(b'{') => return self.open(name, Kind::Object, b'}'),
            Some(b'[') => return self.open(name, Kind::List, b']'),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Kind::Bool)?,
            Some(b'f') => self.word(b"false", Kind::Bool)?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            _ => return Err(self.found("no value")),
        };
        let next = self.nodes.len() as u32 + 1;
        self.add(name, start, next, kind, escaped);
        Ok(false)
    }

    fn add(&mut self, (key, key_len): Name, start: usize, next: u32, kind: Kind, escaped: bool) {
        self.nodes.push(JsonNode {
            key: key as u32,
            key_len: key_len as u32,
            start: start as u32,
            end: self.at as u32,
            next,
            kind,
            escaped,
            flat: true,
        });
    }

    fn open(&mut self, name: Name, kind: Kind, end: u8) -> Result<bool, JsonError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.found(TOO_DEEP));
        }
        let place = self.nodes.len() as u32;
        self.add(name, self.at, self.within, kind, false);
        self.within = place;
        self.depth += 1;
        self.at += 1;
        self.space();
        let empty = self.peek() == Some(end);
        if empty {
            self.close();
        }
        Ok(!empty)
    }

    /// Ends the innermost container at its last byte.
    fn close(&mut self) {
        self.at += 1;
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[self.within as usize];
        let holds_some = next - self.within > 1;
        node.end = self.at as u32;
        self.within = std::mem::replace(&mut node.next, next);
        self.depth -= 1;
        if holds_some && let Some(around) = self.nodes.get_mut(self.within as usize) {
            around.flat = false;
        }
    }

    /// Closes the containers that end after a value. `true` is the end of the text, `false` the next value.
    fn ends(&mut self) -> Result<bool, JsonError> {
        loop {
            self.space();
            match (self.around(), self.peek()) {
                (None, None) => return Ok(true),
                (None, Some(_)) => return Err(self.found("more after the value's end")),
                (Some(_), Some(b',')) => {
                    self.at += 1;
                    self.space();
                    return Ok(false);
                }
                (Some(Kind::Object), Some(b'}')) | (Some(Kind::List), Some(b']')) => self.close(),
                _ => {
                    return Err(self.found("neither a comma nor the end of an object or list"));
                }
            }
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, JsonError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.found("an unknown word"));
        }
        self.at += word.len();
        Ok(kind)
    }

    /// Skips a string; returns whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, JsonError> {
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = plain(self.bytes, self.at);
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Ok(escaped);
            }
            self.escape()?;
            escaped = true;
        }
    }

    /// Skips an escape, the only thing allowed where a string is neither plain nor at its end.
    #[cold]
    fn escape(&mut self) -> Result<(), JsonError> {
        if self.peek() != Some(b'\\') {
            return Err(self.found("a control character in a string"));
        }
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.found("an escape without four hexadecimal digits"));
                }
                self.at += 5;
            }
            _ => return Err(self.found("an unknown escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.found("a minus without digits")),
        }
        let mut large = self.at - start > 300;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            large = true;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if large && !fits_a_double(&self.bytes[start..self.at]) {
            self.at = start;
            return Err(self.found("a number that no double can hold"));
        }
        Ok(Kind::Number)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.found("no digit where a number needs one"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}

/// Finds the first quote, escape or control character from a place on, or the end.
fn plain(bytes: &[u8], mut at: usize) -> usize {
    // Eight bytes at a time: the high bit of a byte is set where the byte is less than a bound. XOR with 2 moves a
    // quote next to the control characters, so that one comparison finds both.
    const ONES: u64 = u64::MAX / 0xff;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let quote = (word ^ (ONES * 2)).wrapping_sub(ONES * (u64::from(b'"' ^ 2) + 1));
        let escape = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let special = (quote | escape) & !word & (ONES << 7);
        if special != 0 {
            // Only the first hit is certain: a borrow may have spread from it.
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let special = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
    at + special.unwrap_or(rest.len())
}

fn fits_a_double(number: &[u8]) -> bool {
    std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(f64::is_finite)
}

/// Resolves the escapes of a string's inside; half of a surrogate pair becomes U+FFFD.
pub(super) fn unquote(inner: &str, escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (decoded, used) = unescape(&rest[at..]);
        out.push(decoded);
        rest = &rest[at + used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn unescape(text: &str) -> (char, usize) {
    match text.as_bytes().get(1) {
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'u') => unescape_unit(text),
        Some(&other) => (char::from(other), 2),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

fn unescape_unit(text: &str) -> (char, usize) {
    let unit = |at: usize| {
        text.get(at..at + 4)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let Some(high) = unit(2) else {
        return (char::REPLACEMENT_CHARACTER, 2);
    };
    if (0xd800..0xdc00).contains(&high)
        && text.get(6..8) == Some("\\u")
        && let Some(low @ 0xdc00..0xe000) = unit(8)
    {
        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return (
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
            12,
        );
    }
    (
        char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER),
        6,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn refused(text: &str, what: &str) {
        let error = Json::parse(text).expect_err(text);
        assert!(error.to_string().contains(what), "{text}: {error}");
    }

    /// Each name looked for among all others, this would take minutes.
    #[test]
    fn very_many_members_are_found_by_name() {
        const MANY: usize = 100_000;
        let member = |n: usize| format!(r#""a{n}":{n}"#);
        let up: Vec<String> = (0..MANY).map(member).collect();
        let down: Vec<String> = (0..MANY).rev().map(member).collect();
        let up = Json::parse(format!("{{{}}}", up.join(","))).unwrap();
        let twice = format!(r#"{{"a7":"old",{}}}"#, down.join(","));
        let down = Json::parse(format!("{{{}}}", down.join(","))).unwrap();
        assert_eq!(up, down);
        let twice = Json::parse(twice).unwrap();
        assert_eq!(twice.get("a7").unwrap().text(), "7", "the last counts");
        assert!(twice.get("b").is_none());
        let inner = Json::parse(format!(r#"{{"a1":"outer","b":{}}}"#, up.text())).unwrap();
        assert_eq!(inner.get("a1").unwrap().text(), r#""outer""#);
        assert_eq!(inner.get("b").unwrap().get("a1").unwrap().text(), "1");
    }

    #[test]
    fn members_are_written_in_any_order() {
        for item in [
            r#"{"a":1,"b":2,"c":3,"d":4}"#,
            r#"{"a":1,"b":[2,[2]],"c":{"c":3},"d":4}"#,
        ] {
            let json = Json::parse(item).unwrap();
            let text = |name| json.get(name).unwrap().text().to_owned();
            let written = |runs: &[std::ops::Range<usize>]| {
                let mut out = String::new();
                json.part().write_some(&mut out, runs);
                out
            };
            let (a, b, c, d) = (text("a"), text("b"), text("c"), text("d"));
            assert_eq!(
                written(std::slice::from_ref(&(1..3))),
                format!(r#"{{"b":{b},"c":{c}}}"#)
            );
            assert_eq!(written(&[0..1, 3..4]), format!(r#"{{"a":{a},"d":{d}}}"#));
            assert_eq!(
                written(&[2..4, 0..2]),
                format!(r#"{{"c":{c},"d":{d},"a":{a},"b":{b}}}"#)
            );
            assert_eq!(written(&[]), "{}");
            assert_eq!(json.part().member(3).unwrap().text(), d);
            assert!(json.part().member(4).is_none());
        }
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        refused("", "the end of the text at byte 0");
        refused("{", "the end of the text");
        refused("{\"a\":1,}", "no name of a member at byte 7");
        refused("[1,]", "no value at byte 3");
        refused("01", "more after the value's end at byte 1");
        refused("1.", "the end of the text");
        refused("-", "the end of the text");
        refused("1e400", "no double can hold");
        refused("\"\u{1}\"", "a control character");
        refused("\"\\x\"", "an unknown escape");
        refused("\"\\u12\"", "four hexadecimal digits");
        refused("\u{feff}{}", "no value at byte 0");
        refused("nul", "an unknown word");
        refused("NaN", "no value");
        refused(&"[".repeat(100_000), "more than 128 levels");
    }

    #[test]
    fn parts_keep_their_text() {
        let json =
            Json::parse(r#" {"a": 1.50, "b":[12345678901234567,"\ud83d\ude00"], "a":{"c":null}} "#)
                .unwrap();
        assert_eq!(json.get("a").unwrap().text(), r#"{"c":null}"#);
        let b = json.get("b").unwrap();
        assert_eq!(b.text(), r#"[12345678901234567,"\ud83d\ude00"]"#);
        assert_eq!(b.part().elements().nth(1).unwrap().as_str().unwrap(), "😀");
        assert_eq!(
            Json::parse(r#""\ud83d""#).unwrap().part().as_str().unwrap(),
            "\u{fffd}"
        );
    }

    #[test]
    fn names_and_texts_are_compared_by_what_their_escapes_mean() {
        // The escapes stand for two backslashes before the `n`, and for the letters of `ab`.
        let json = Json::parse(r#"{"\\n":"\\n","a\u0062":"\u0061b","c":"c"}"#).unwrap();
        for (name, told) in [(r"\n", true), ("ab", true), ("c", true), (r"\\n", false)] {
            let found = json.get(name);
            assert_eq!(found.is_some(), told, "{name}");
            let members = || json.part().members();
            assert_eq!(members().any(|member| member.key() == name), told, "{name}");
            assert_eq!(members().any(|member| member.is_str(name)), told, "{name}");
        }
    }

    #[test]
    fn white_space_between_parts_is_noticed() {
        let compact = |text: &str| Json::parse(text).unwrap().is_compact();
        assert!(compact(r#"{"a b":[1,"c d"]}"#));
        for spaced in [" 1", "1 ", "[1, 2]", "{\"a\": 1}", "{ }", "[\n]"] {
            assert!(!compact(spaced), "{spaced}");
        }
    }

    #[test]
    fn whole_numbers_are_told_from_others() {
        let whole = |text: &str| Json::parse(text).unwrap().part().as_i64();
        assert_eq!(whole("3"), Some(3));
        assert_eq!(whole("3.0"), Some(3));
        assert_eq!(whole("3.5"), None);
        assert_eq!(whole("\"3\""), None);
        assert_eq!(whole("1e300"), None);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::btree_map(".{0,5}", inner, 0..5)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Value>()),
            ]
        })
    }

    /// By every way from a part to those that it holds.
    fn is_as(part: crate::base::json::Part<'_>, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(members) => {
                part.kind() == Kind::Object
                    && part.members().count() == members.len()
                    && members.iter().enumerate().all(|(n, (name, value))| {
                        let places = [part.get(name), part.member(n), part.members().nth(n)];
                        places.into_iter().all(|member| {
                            member.is_some_and(|m| m.key() == name.as_str() && is_as(m, value))
                        })
                    })
            }
            serde_json::Value::Array(elements) => {
                part.kind() == Kind::List
                    && part.elements().count() == elements.len()
                    && part.elements().zip(elements).all(|(p, v)| is_as(p, v))
                    && elements
                        .iter()
                        .enumerate()
                        .all(|(n, value)| part.elements().nth(n).is_some_and(|p| is_as(p, value)))
            }
            serde_json::Value::String(text) => part.as_str().is_some_and(|own| own == *text),
            other => Json::parse(other.to_string()).is_ok_and(|own| own.part() == part),
        }
    }

    proptest! {
        #[test]
        fn what_is_in_what_is_found_again(value in any_json(), spaced: bool) {
            let text = if spaced {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let json = Json::parse(text.clone()).unwrap();
            prop_assert!(is_as(json.part(), &value), "{}", text);
        }

        #[test]
        fn what_is_plain_ends_where_a_byte_by_byte_look_says(bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(0x1f), Just(0x20), Just(0x7f), Just(0x80)], 0..40)
        ) {
            let expected = bytes.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
            prop_assert_eq!(plain(&bytes, 0), expected.unwrap_or(bytes.len()));
        }

        #[test]
        fn it_agrees_with_serde_json(text in "[\\[\\]{}\",:0-9eE.\\-+ a-z\\\\]{0,24}") {
            let ours = Json::parse(text.clone());
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // serde_json refuses half of a surrogate pair, as JavaScript does not.
            if !text.contains("\\u") {
                prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
            }
        }
    }
}
