//! `check`: the parts that a value must have and may have.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::file::problem::{did_you_mean, one_of, shown};
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::read::{NameScope, ScenarioReader, is_expression, prefix_of};

#[derive(Debug)]
pub struct CheckStep {
    pub value: Template,
    /// The prefix of a part in errors: `data.`.
    pub prefix: String,
    /// Parts that must be there.
    pub has: Vec<(String, PartRule)>,
    /// Parts that may be absent or null.
    pub may: Vec<(String, PartRule)>,
}

#[derive(Debug, Clone)]
pub enum PartRule {
    Types(Vec<JsonType>),
    /// One of these values, as JSON texts.
    Values(Vec<String>),
}

/// A JSON type in the words of `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    String,
    Number,
    Integer,
    Boolean,
    Object,
    List,
    /// A list of texts.
    Strings,
    /// A text that is a calendar date, `YYYY-MM-DD`.
    Date,
    Null,
    Any,
}

const TYPES: &[(&str, JsonType)] = &[
    ("string", JsonType::String),
    ("number", JsonType::Number),
    ("integer", JsonType::Integer),
    ("boolean", JsonType::Boolean),
    ("object", JsonType::Object),
    ("list", JsonType::List),
    ("strings", JsonType::Strings),
    ("date", JsonType::Date),
    ("null", JsonType::Null),
    ("any", JsonType::Any),
];

impl Declare for CheckStep {
    const NAME: &'static str = "check";
    const KEYS: &'static [&'static str] = &["has", "may"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let value = reader.template(step.value, scope);
        let (has, may) = (step.fields.get("has"), step.fields.get("may"));
        if has.or(may).is_none() {
            let message = "`check` must have `has` or `may`".to_owned();
            reader.problem(step.fields.at, message, None);
        }
        Some(CheckStep {
            prefix: prefix_of(&value),
            value,
            has: rules(reader, has, "`has`"),
            may: rules(reader, may, "`may`"),
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::of([&self.value])
    }
}

fn rules(
    reader: &mut ScenarioReader<'_>,
    node: Option<&Node>,
    what: &str,
) -> Vec<(String, PartRule)> {
    let Some(node) = node else { return Vec::new() };
    let mut rules = Vec::new();
    for (key, node) in reader.map(node, what) {
        reader.no_expression(key);
        if let Some((outer, _)) = key.name.rsplit_once('.') {
            let message = format!("a part must be a name, got the path {}", shown(&key.name));
            let hint =
                format!("check the inner value by its own step: `check: ${{ message.{outer} }}`");
            reader.problem(key.at, message, Some(hint));
        }
        rules.extend(rule(reader, node).map(|rule| (key.name.clone(), rule)));
    }
    rules
}

fn rule(reader: &mut ScenarioReader<'_>, node: &Node) -> Option<PartRule> {
    match &node.content {
        // YAML reads the word `null` as nothing.
        NodeContent::Null => Some(PartRule::Types(vec![JsonType::Null])),
        NodeContent::Text(text) => types(reader, text, node).map(PartRule::Types),
        NodeContent::List(values) => {
            for value in values.iter().filter(|value| is_expression(value)) {
                reader.expected(value, "a list of values", "plain values");
            }
            if values.is_empty() {
                reader.expected(node, "a list of values", "one value at least");
            }
            Some(PartRule::Values(values.iter().map(Node::json).collect()))
        }
        _ => {
            let allowed = "a type such as `string`, or a list of values";
            reader.expected(node, "a part", allowed);
            None
        }
    }
}

fn types(reader: &mut ScenarioReader<'_>, text: &str, node: &Node) -> Option<Vec<JsonType>> {
    let words = || TYPES.iter().map(|(word, _)| *word);
    let mut types = Vec::new();
    for word in text.split('|').map(str::trim) {
        let Some((_, found)) = TYPES.iter().find(|(known, _)| *known == word) else {
            let hint = did_you_mean(word, words());
            let hint = hint.or_else(|| Some(format!("types are {}", one_of(words()))));
            reader.problem(node.at, format!("unknown type {}", shown(word)), hint);
            return None;
        };
        types.push(*found);
    }
    Some(types)
}
