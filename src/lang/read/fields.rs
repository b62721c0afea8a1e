//! The parts of a map, and values of one type: what was found and what is allowed.

use super::Reader;
use crate::lang::file::problem::{did_you_mean, one_of, shown};
use crate::lang::file::tree::{Content, Key, Node, Spot};
use crate::lang::units;

/// A map whose keys are known to be allowed.
pub(in crate::lang) struct Fields<'n> {
    pub(in crate::lang) at: Spot,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(in crate::lang) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    /// The place of a key, or of the map without it.
    pub(in crate::lang) fn key_at(&self, name: &str) -> Spot {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map_or(self.at, |(key, _)| key.at)
    }

    /// The keys of these that are present.
    pub(in crate::lang) fn among<'w>(&self, names: &[&'w str]) -> Vec<&'w str> {
        names
            .iter()
            .copied()
            .filter(|name| self.get(name).is_some())
            .collect()
    }
}

/// A value as messages name it.
pub(in crate::lang) fn described(node: &Node) -> String {
    match &node.content {
        Content::Null => "nothing".to_owned(),
        Content::Bool(value) => format!("`{value}`"),
        Content::Whole(number) => format!("the number `{number}`"),
        Content::Float(number) => format!("the number `{number}`"),
        Content::Text(text) if text.contains("${") => format!("the expression {}", shown(text)),
        Content::Text(text) => format!("the text {}", shown(text)),
        Content::List(elements) if elements.is_empty() => "an empty list".to_owned(),
        Content::Map(entries) if entries.is_empty() => "an empty map".to_owned(),
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "a map".to_owned(),
    }
}

impl Reader<'_> {
    /// A map, whatever its keys; nothing at all is an empty one.
    pub(in crate::lang) fn map<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(Key, Node)] {
        match &node.content {
            Content::Map(entries) => entries,
            Content::Null => &[],
            _ => {
                self.expected(node, what, "a map");
                &[]
            }
        }
    }

    /// A list; nothing at all is an empty one.
    pub(in crate::lang) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.content {
            Content::List(elements) => elements,
            Content::Null => &[],
            _ => {
                self.expected(node, what, "a list");
                &[]
            }
        }
    }

    /// A map that may have these keys and no others.
    pub(in crate::lang) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        allowed: &[&str],
    ) -> Fields<'n> {
        let entries = self.map(node, what);
        self.keys_among(entries, what, allowed);
        Fields {
            at: node.at,
            entries,
        }
    }

    /// Tells of the keys that are not allowed.
    pub(in crate::lang) fn keys_among(
        &mut self,
        entries: &[(Key, Node)],
        what: &str,
        allowed: &[&str],
    ) {
        for (key, _) in entries {
            if !allowed.contains(&key.name.as_str()) {
                let hint = did_you_mean(&key.name, allowed.iter().copied());
                let message = format!("unknown key {} in {what}", shown(&key.name));
                let hint =
                    hint.or_else(|| Some(format!("keys are {}", one_of(allowed.iter().copied()))));
                self.problem(key.at, message, hint);
            }
        }
    }

    /// A key that has to be there.
    pub(in crate::lang) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        what: &str,
    ) -> Option<&'n Node> {
        let found = fields.get(name);
        if found.is_none() {
            self.problem(fields.at, format!("{what} has no `{name}`"), None);
        }
        found
    }

    /// Tells that something else is allowed here.
    pub(in crate::lang) fn expected(&mut self, node: &Node, what: &str, allowed: &str) {
        let message = format!("{what} must be {allowed}, got {}", described(node));
        self.problem(node.at, message, None);
    }

    /// A text without expressions.
    pub(in crate::lang) fn plain_text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.text() {
            Some(text) if !text.contains("${") => return Some(text.to_owned()),
            _ => self.expected(node, what, "a text"),
        }
        None
    }

    pub(in crate::lang) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.content {
            Content::Bool(value) => return Some(value),
            _ => self.expected(node, what, "`true` or `false`"),
        }
        None
    }

    /// A whole number within bounds.
    pub(in crate::lang) fn whole(
        &mut self,
        node: &Node,
        what: &str,
        low: u64,
        high: u64,
    ) -> Option<u64> {
        if let Content::Whole(number) = node.content
            && let Ok(number) = u64::try_from(number)
            && (low..=high).contains(&number)
        {
            return Some(number);
        }
        let allowed = match high {
            u64::MAX => format!("a whole number from {low}"),
            _ => format!("a whole number from {low} to {high}"),
        };
        self.expected(node, what, &allowed);
        None
    }

    /// One of these words.
    pub(in crate::lang) fn word<'w>(
        &mut self,
        node: &Node,
        what: &str,
        allowed: &[&'w str],
    ) -> Option<&'w str> {
        let text = node.text().unwrap_or_default();
        let found = allowed.iter().copied().find(|word| *word == text);
        if found.is_none() {
            self.expected(node, what, &one_of(allowed.iter().copied()));
        }
        found
    }

    /// A list of texts, or one alone.
    pub(in crate::lang) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        if node.text().is_some() {
            return self.plain_text(node, what).into_iter().collect();
        }
        let Content::List(elements) = &node.content else {
            self.expected(node, what, "a list of texts");
            return Vec::new();
        };
        elements
            .iter()
            .filter_map(|element| self.plain_text(element, what))
            .collect()
    }

    /// A duration that is known at load.
    pub(in crate::lang) fn duration(
        &mut self,
        node: &Node,
        what: &str,
    ) -> Option<std::time::Duration> {
        let found = match &node.content {
            Content::Text(text) => units::duration(text),
            Content::Whole(number) => units::milliseconds(*number as f64),
            Content::Float(number) => units::milliseconds(*number),
            _ => None,
        };
        if found.is_none() {
            let allowed = "a duration such as `30s`, `1h 30m` or a number of milliseconds";
            self.expected(node, what, allowed);
        }
        found
    }

    /// A number of bytes.
    pub(in crate::lang) fn size(&mut self, node: &Node, what: &str) -> Option<usize> {
        let found = match &node.content {
            Content::Text(text) => units::size(text),
            Content::Whole(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        let found = found.filter(|size| (1..=MAX_SIZE).contains(size));
        if found.is_none() {
            self.expected(node, what, "a size such as `64KiB` or `1MiB`, up to 1 GiB");
        }
        found
    }
}

/// Nothing that is kept in memory may be larger.
const MAX_SIZE: usize = 1 << 30;
