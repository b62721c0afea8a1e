//! `check:` — the parts that a value has and may have.

use super::Reader;
use super::names::Scope;
use super::query::{is_expression, prefix_of};
use super::steps::StepNode;
use crate::lang::model::{Kind, Kinds, Verb};
use crate::lang::problem::{did_you_mean, one_of, shown};
use crate::lang::tree::{Content, Node};

const KINDS: &[(&str, Kind)] = &[
    ("string", Kind::String),
    ("number", Kind::Number),
    ("integer", Kind::Integer),
    ("boolean", Kind::Boolean),
    ("object", Kind::Object),
    ("list", Kind::List),
    ("strings", Kind::Strings),
    ("date", Kind::Date),
    ("null", Kind::Null),
    ("any", Kind::Any),
];

impl Reader<'_> {
    pub(super) fn check_step(&mut self, step: &StepNode<'_>, scope: &Scope<'_>) -> Verb {
        let value = self.template(step.value, scope);
        let has = self.parts(step.fields.get("has"), "`has`");
        let may = self.parts(step.fields.get("may"), "`may`");
        if step.fields.among(&["has", "may"]).is_empty() {
            let message = "`check` has neither `has` nor `may`".to_owned();
            self.problem(step.fields.at, message, None);
        }
        Verb::Check {
            prefix: prefix_of(&value),
            value,
            has,
            may,
        }
    }

    fn parts(&mut self, node: Option<&Node>, what: &str) -> Vec<(String, Kinds)> {
        let Some(node) = node else { return Vec::new() };
        let mut parts = Vec::new();
        for (key, node) in self.map(node, what) {
            self.no_expression(key);
            if key.name.contains('.') {
                let (outer, _) = key.name.rsplit_once('.').unwrap_or_default();
                let message = format!("{} is no part but a way to one", shown(&key.name));
                let hint = format!(
                    "check what is inside by a step of its own: `check: ${{ message.{outer} }}`"
                );
                self.problem(key.at, message, Some(hint));
            }
            if let Some(kinds) = self.kinds(node) {
                parts.push((key.name.clone(), kinds));
            }
        }
        parts
    }

    fn kinds(&mut self, node: &Node) -> Option<Kinds> {
        match &node.content {
            // `null` unquoted is the word, too.
            Content::Null => Some(Kinds::Types(vec![Kind::Null])),
            Content::Text(text) => self.types(text, node).map(Kinds::Types),
            Content::List(values) => {
                for value in values {
                    if is_expression(value) {
                        self.expected(value, "a list of values", "plain values");
                    }
                }
                if values.is_empty() {
                    self.expected(node, "a list of values", "one value at least");
                }
                Some(Kinds::Values(values.iter().map(Node::json).collect()))
            }
            _ => {
                self.expected(
                    node,
                    "a part",
                    "a type such as `string`, or a list of values",
                );
                None
            }
        }
    }

    fn types(&mut self, text: &str, node: &Node) -> Option<Vec<Kind>> {
        let words = || KINDS.iter().map(|(word, _)| *word);
        let mut kinds = Vec::new();
        for word in text.split('|').map(str::trim) {
            let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == word) else {
                let message = format!(
                    "unknown type {}, there are {}",
                    shown(word),
                    one_of(words())
                );
                self.problem(node.at, message, did_you_mean(word, words()));
                return None;
            };
            kinds.push(*kind);
        }
        Some(kinds)
    }
}
