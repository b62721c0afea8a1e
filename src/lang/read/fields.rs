//! Members of maps and values of one type, each with the words for what is allowed.

use super::ScenarioReader;
use crate::lang::file::problem::{did_you_mean, one_of, shown};
use crate::lang::file::tree::{MapKey, Node, NodeContent, Spot};
use crate::lang::units;

/// A map whose keys were checked.
pub(in crate::lang) struct MapFields<'n> {
    pub(in crate::lang) at: Spot,
    entries: &'n [(MapKey, Node)],
}

impl<'n> MapFields<'n> {
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
        NodeContent::Null => "nothing".to_owned(),
        NodeContent::Bool(value) => format!("`{value}`"),
        NodeContent::Whole(number) => format!("the number `{number}`"),
        NodeContent::Float(number) => format!("the number `{number}`"),
        NodeContent::Text(text) if text.contains("${") => format!("the expression {}", shown(text)),
        NodeContent::Text(text) => format!("the text {}", shown(text)),
        NodeContent::List(elements) if elements.is_empty() => "an empty list".to_owned(),
        NodeContent::Map(entries) if entries.is_empty() => "an empty map".to_owned(),
        NodeContent::List(_) => "a list".to_owned(),
        NodeContent::Map(_) => "a map".to_owned(),
    }
}

impl ScenarioReader<'_> {
    /// A map with any keys; null is an empty one.
    pub(in crate::lang) fn map<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(MapKey, Node)] {
        match &node.content {
            NodeContent::Map(entries) => entries,
            NodeContent::Null => &[],
            _ => {
                self.expected(node, what, "a map");
                &[]
            }
        }
    }

    /// A list; null is an empty one.
    pub(in crate::lang) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.content {
            NodeContent::List(elements) => elements,
            NodeContent::Null => &[],
            _ => {
                self.expected(node, what, "a list");
                &[]
            }
        }
    }

    pub(in crate::lang) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        allowed: &[&str],
    ) -> MapFields<'n> {
        let entries = self.map(node, what);
        self.keys_among(entries, what, allowed);
        MapFields {
            at: node.at,
            entries,
        }
    }

    /// Reports keys that are not allowed.
    pub(in crate::lang) fn keys_among(
        &mut self,
        entries: &[(MapKey, Node)],
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

    pub(in crate::lang) fn required<'n>(
        &mut self,
        fields: &MapFields<'n>,
        name: &str,
        what: &str,
    ) -> Option<&'n Node> {
        let found = fields.get(name);
        if found.is_none() {
            self.problem(fields.at, format!("{what} has no `{name}`"), None);
        }
        found
    }

    /// Reports a value that is not allowed.
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
            NodeContent::Bool(value) => return Some(value),
            _ => self.expected(node, what, "`true` or `false`"),
        }
        None
    }

    pub(in crate::lang) fn whole(
        &mut self,
        node: &Node,
        what: &str,
        low: u64,
        high: u64,
    ) -> Option<u64> {
        if let NodeContent::Whole(number) = node.content
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

    /// A list of texts, or one text.
    pub(in crate::lang) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        if node.text().is_some() {
            return self.plain_text(node, what).into_iter().collect();
        }
        let NodeContent::List(elements) = &node.content else {
            self.expected(node, what, "a list of texts");
            return Vec::new();
        };
        elements
            .iter()
            .filter_map(|element| self.plain_text(element, what))
            .collect()
    }

    /// A duration without expressions.
    pub(in crate::lang) fn duration(
        &mut self,
        node: &Node,
        what: &str,
    ) -> Option<std::time::Duration> {
        let found = match &node.content {
            NodeContent::Text(text) => units::duration(text),
            NodeContent::Whole(number) => units::milliseconds(*number as f64),
            NodeContent::Float(number) => units::milliseconds(*number),
            _ => None,
        };
        if found.is_none() {
            let allowed = "a duration such as `30s`, `1h 30m` or a number of milliseconds";
            self.expected(node, what, allowed);
        }
        found
    }

    pub(in crate::lang) fn size(&mut self, node: &Node, what: &str) -> Option<usize> {
        let found = match &node.content {
            NodeContent::Text(text) => units::size(text),
            NodeContent::Whole(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        let found = found.filter(|size| (1..=MAX_SIZE).contains(size));
        if found.is_none() {
            self.expected(node, what, "a size such as `64KiB` or `1MiB`, up to 1 GiB");
        }
        found
    }
}

/// The largest size of a limit.
const MAX_SIZE: usize = 1 << 30;
