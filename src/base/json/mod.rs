//! JSON texts, indexed in one pass.
//!
//! A [`Json`] is a cheap handle to a part of a text. Forwarding it copies its bytes unchanged, so that a client's
//! `12345678901234567` or `1.50` keeps its digits. [`write`] prints values that expressions make.

mod read;
mod value;
pub mod write;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use foldhash::HashMap;
use tungstenite::Utf8Bytes;

pub use read::JsonError;

/// Lists and objects inside each other.
pub const MAX_DEPTH: usize = 128;

/// A part of a JSON text, the whole of it included.
#[derive(Clone)]
pub struct Json {
    doc: Arc<Doc>,
    at: u32,
}

struct Doc {
    text: Utf8Bytes,
    /// In the order of the text; a container comes before its contents.
    nodes: Box<[JsonNode]>,
    /// White space stands around or between the parts.
    spaced: bool,
    /// The name of a member has escapes.
    escaped_names: bool,
    /// Built at the first look-up by name in a large object.
    large: OnceLock<Box<MemberNames>>,
}

/// The node of each member by name, by the node of its object. Of two equal names the last counts.
type MemberNames = HashMap<u32, HashMap<Box<str>, u32>>;

/// Nodes in an object from which on look-ups by name use a map.
const LARGE: u32 = 256;

/// The name length of a node that is not a member.
const NO_KEY: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct JsonNode {
    /// The start of the member's name behind its quote, and its length.
    key: u32,
    key_len: u32,
    start: u32,
    end: u32,
    /// The node after this one and its contents.
    next: u32,
    kind: Kind,
    /// The text has escapes.
    escaped: bool,
    /// A container whose contents have no contents, so that they are consecutive nodes.
    flat: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    List,
    Object,
}

/// A borrowed [`Json`], for look-ups on the hot path.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    doc: &'a Doc,
    at: u32,
}

impl Json {
    /// Reads a text strictly (RFC 8259), to [`MAX_DEPTH`].
    pub fn parse(text: impl Into<Utf8Bytes>) -> Result<Json, JsonError> {
        read::document(text.into())
    }

    pub fn from_bytes(bytes: Bytes) -> Result<Json, JsonError> {
        read::document(Utf8Bytes::try_from(bytes).map_err(|_| JsonError {
            at: 0,
            what: "bytes that are not UTF-8",
        })?)
    }

    pub fn null() -> Json {
        Json::constant("null", Kind::Null)
    }

    pub fn string(text: &str) -> Json {
        let mut out = String::with_capacity(text.len() + 2);
        write::string(&mut out, text);
        let escaped = out.len() != text.len() + 2;
        let mut json = Json::constant(out, Kind::String);
        if escaped && let Some(doc) = Arc::get_mut(&mut json.doc) {
            doc.nodes[0].escaped = true;
        }
        json
    }

    fn constant(text: impl Into<String>, kind: Kind) -> Json {
        let text = Utf8Bytes::from(text.into());
        let end = text.len() as u32;
        let node = JsonNode {
            key: 0,
            key_len: NO_KEY,
            start: 0,
            end,
            next: 1,
            kind,
            escaped: false,
            flat: false,
        };
        Json {
            doc: Arc::new(Doc {
                text,
                nodes: Box::new([node]),
                spaced: false,
                escaped_names: false,
                large: OnceLock::new(),
            }),
            at: 0,
        }
    }

    pub fn part(&self) -> Part<'_> {
        Part {
            doc: &self.doc,
            at: self.at,
        }
    }

    #[must_use]
    pub fn at(&self, part: Part<'_>) -> Json {
        debug_assert!(std::ptr::eq(part.doc, &raw const *self.doc));
        Json {
            doc: self.doc.clone(),
            at: part.at,
        }
    }

    pub fn text(&self) -> &str {
        self.part().text()
    }

    /// The whole text that it is a part of, including surrounding white space.
    pub fn source(&self) -> &str {
        &self.doc.text
    }

    /// A whole text without white space around or between its parts.
    pub fn is_compact(&self) -> bool {
        self.at == 0 && !self.doc.spaced
    }

    pub fn kind(&self) -> Kind {
        self.part().kind()
    }

    pub fn get(&self, name: &str) -> Option<Json> {
        self.part().get(name).map(|part| self.at(part))
    }

    pub fn elements(&self) -> impl Iterator<Item = Json> + '_ {
        self.part().elements().map(|part| self.at(part))
    }
}

impl Doc {
    fn names(&self) -> MemberNames {
        let parts = (0..self.nodes.len() as u32).map(|at| Part { doc: self, at });
        let is_large = |part: &Part<'_>| part.node().next - part.at > LARGE;
        let names = |part: Part<'_>| {
            let members = part.members();
            members
                .map(|member| (member.key().into(), member.at))
                .collect()
        };
        parts
            .filter(is_large)
            .map(|part| (part.at, names(part)))
            .collect()
    }
}

impl JsonNode {
    #[inline]
    fn name(&self) -> Range<usize> {
        let start = self.key as usize;
        start..start + self.key_len as usize
    }

    /// The start of the member, at the quote of its name.
    fn member(&self) -> usize {
        self.key as usize - 1
    }
}

/// Compares the inside of quotes with a text, escapes resolved.
#[cold]
fn means(inner: Option<&str>, text: &str) -> bool {
    inner.is_some_and(|inner| read::unquote(inner, true) == text)
}

impl<'a> Part<'a> {
    #[inline]
    fn node(self) -> &'a JsonNode {
        &self.doc.nodes[self.at as usize]
    }

    pub fn kind(self) -> Kind {
        self.node().kind
    }

    pub fn text(self) -> &'a str {
        let node = self.node();
        &self.doc.text.as_str()[node.start as usize..node.end as usize]
    }

    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    pub fn as_str(self) -> Option<Cow<'a, str>> {
        if self.kind() != Kind::String {
            return None;
        }
        let text = self.text();
        Some(read::unquote(&text[1..text.len() - 1], self.node().escaped))
    }

    pub fn is_str(self, text: &str) -> bool {
        let node = self.node();
        if node.kind != Kind::String {
            return false;
        }
        let (inner, all) = (
            node.start as usize + 1..node.end as usize - 1,
            &self.doc.text,
        );
        if node.escaped {
            return means(all.get(inner), text);
        }
        all.as_bytes().get(inner) == Some(text.as_bytes())
    }

    pub fn as_f64(self) -> Option<f64> {
        (self.kind() == Kind::Number)
            .then(|| self.text().parse().ok())
            .flatten()
    }

    /// A whole number; `3`, `3.0` and `3e0` are.
    pub fn as_i64(self) -> Option<i64> {
        if self.kind() != Kind::Number {
            return None;
        }
        let whole = self.text().parse().ok();
        whole.or_else(|| {
            let number = self.as_f64()?;
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        })
    }

    pub fn key(self) -> Cow<'a, str> {
        let name = self.doc.text.get(self.node().name()).unwrap_or("");
        read::unquote(name, self.doc.escaped_names)
    }

    #[inline]
    pub fn is_named(self, name: &str) -> bool {
        let (node, text) = (self.node(), self.doc.text.as_str());
        if self.doc.escaped_names {
            return means(text.get(node.name()), name);
        }
        node.key_len as usize == name.len()
            && text.as_bytes().get(node.name()) == Some(name.as_bytes())
    }

    /// `"name":value`, as written in the text.
    pub fn member_text(self) -> &'a str {
        let node = self.node();
        &self.doc.text.as_str()[node.member()..node.end as usize]
    }

    /// A member of an object; of two equal names the last.
    pub fn get(self, name: &str) -> Option<Part<'a>> {
        if self.node().next - self.at > LARGE {
            return self.of_many(name);
        }
        self.members().filter(|member| member.is_named(name)).last()
    }

    #[cold]
    fn of_many(self, name: &str) -> Option<Part<'a>> {
        let large = self.doc.large.get_or_init(|| Box::new(self.doc.names()));
        let at = *large.get(&self.at)?.get(name)?;
        Some(Part { doc: self.doc, at })
    }

    pub fn member(self, place: usize) -> Option<Part<'a>> {
        self.members().nth(place)
    }

    /// Writes an object of the members at these places, which are given as runs.
    pub fn write_some(self, out: &mut String, runs: &[Range<usize>]) {
        if runs.is_sorted_by_key(|run| run.start) {
            let mut members = self.members();
            let mut place = 0;
            self.write_runs(out, runs, |run| {
                let first = members.nth(run.start - place)?;
                place = run.end;
                match run.len() {
                    1 => Some((first, first)),
                    many => Some((first, members.nth(many - 2)?)),
                }
            });
        } else {
            let members: Vec<Part<'a>> = self.members().collect();
            self.write_runs(out, runs, |run| {
                Some((*members.get(run.start)?, *members.get(run.end - 1)?))
            });
        }
    }

    fn write_runs(
        self,
        out: &mut String,
        runs: &[Range<usize>],
        mut ends: impl FnMut(&Range<usize>) -> Option<(Part<'a>, Part<'a>)>,
    ) {
        let text = self.doc.text.as_str();
        let mut before = '{';
        for (first, last) in runs.iter().filter_map(&mut ends) {
            out.push(before);
            out.push_str(&text[first.node().member()..last.node().end as usize]);
            before = ',';
        }
        out.push_str(if before == '{' { "{}" } else { "}" });
    }

    pub fn members(self) -> Children<'a> {
        self.children(Kind::Object)
    }

    pub fn elements(self) -> Children<'a> {
        self.children(Kind::List)
    }

    fn children(self, kind: Kind) -> Children<'a> {
        let end = if self.kind() == kind {
            self.node().next
        } else {
            self.at + 1
        };
        Children {
            doc: self.doc,
            at: self.at + 1,
            end,
            flat: self.node().flat,
        }
    }
}

#[derive(Clone)]
pub struct Children<'a> {
    doc: &'a Doc,
    at: u32,
    end: u32,
    flat: bool,
}

impl<'a> Iterator for Children<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if self.at >= self.end {
            return None;
        }
        let part = Part {
            doc: self.doc,
            at: self.at,
        };
        self.at = part.node().next;
        Some(part)
    }

    fn nth(&mut self, n: usize) -> Option<Part<'a>> {
        if self.flat {
            self.at = u32::try_from(n).map_or(self.end, |n| self.at.saturating_add(n));
        } else {
            (0..n).try_for_each(|_| self.next().map(|_| ()))?;
        }
        self.next()
    }
}

impl PartialEq for Json {
    /// Compares as JSON: numbers by value, objects in any order.
    fn eq(&self, other: &Json) -> bool {
        self.part() == other.part()
    }
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.kind() != other.kind() {
            return false;
        }
        if self.text() == other.text() {
            return true;
        }
        match self.kind() {
            Kind::Null => true,
            Kind::Bool => self.text() == other.text(),
            Kind::Number => self.text() == other.text() || self.as_f64() == other.as_f64(),
            Kind::String => self.as_str() == other.as_str(),
            Kind::List => self.elements().eq(other.elements()),
            Kind::Object => {
                self.members().count() == other.members().count()
                    && self
                        .members()
                        .all(|m| other.get(&m.key()).is_some_and(|o| o == m))
            }
        }
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}
