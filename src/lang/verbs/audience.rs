//! Whom a push is for: `to:` of `send`, and the connections of `for`.

use crate::lang::expr::Template;
use crate::lang::file::problem::one_of;
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::read::{NameScope, ScenarioReader};

const KEYS: &[&str] = &["room", "connection", "session", "others"];

#[derive(Debug)]
pub enum Audience {
    /// The connection that the event belongs to.
    This,
    All,
    Room(Template),
    Connection(Template),
    /// The connections whose session has all these values.
    Session(Vec<(String, Template)>),
    /// All of these, each peer once.
    Any(Vec<Audience>),
    /// All of these but [`Audience::This`].
    Others(Box<Audience>),
}

impl Audience {
    pub(super) fn draws(&self) -> bool {
        match self {
            Audience::This | Audience::All => false,
            Audience::Room(name) | Audience::Connection(name) => name.draws(),
            Audience::Session(values) => values.iter().any(|(_, value)| value.draws()),
            Audience::Any(several) => several.iter().any(Audience::draws),
            Audience::Others(others) => others.draws(),
        }
    }

    /// Reads a word, a map with one key, or a list of these.
    pub(super) fn read(
        reader: &mut ScenarioReader<'_>,
        node: &Node,
        what: &str,
        scope: &NameScope<'_>,
    ) -> Option<Audience> {
        match &node.content {
            NodeContent::Text(text) if text == "this" => Some(Audience::This),
            NodeContent::Text(text) if text == "all" => Some(Audience::All),
            NodeContent::List(elements) => {
                let several: Vec<Option<Audience>> = elements
                    .iter()
                    .map(|element| Audience::read(reader, element, what, scope))
                    .collect();
                several
                    .into_iter()
                    .collect::<Option<_>>()
                    .map(Audience::Any)
            }
            NodeContent::Map(entries) => {
                reader.keys_among(entries, what, KEYS);
                let [(key, node)] = entries.as_slice() else {
                    let message = format!(
                        "{what} must be a map with one of {}, got {} keys",
                        one_of(KEYS.iter().copied()),
                        entries.len()
                    );
                    let hint = "several together are a list".to_owned();
                    reader.problem(node.at, message, Some(hint));
                    return None;
                };
                match key.name.as_str() {
                    "room" => Some(Audience::Room(reader.template(node, scope))),
                    "connection" => Some(Audience::Connection(reader.template(node, scope))),
                    "session" => {
                        let values = reader.named_values(node, "`session`", scope);
                        if values.is_empty() {
                            let allowed = "a map of remembered names and values";
                            reader.expected(node, "`session`", allowed);
                        }
                        Some(Audience::Session(values))
                    }
                    "others" => Audience::read(reader, node, "`others`", scope)
                        .map(|others| Audience::Others(Box::new(others))),
                    _ => None,
                }
            }
            _ => {
                let allowed = "`this`, `all`, a map with `room`, `connection`, `session` or `others`, or a list of these";
                reader.expected(node, what, allowed);
                None
            }
        }
    }
}
