//! A YAML or JSON text as a tree in which every node knows its place.
//!
//! Invariant: bounded time and memory for any text; the YAML reader's budget caps nodes, depth and aliases.

mod unreadable;
mod visit;

use serde_saphyr::options::DuplicateKeyPolicy;

use crate::base::json::write;

pub(crate) use unreadable::Unreadable;

/// Bytes in one file.
pub const MAX_FILE_BYTES: usize = 16 << 20;
/// Nodes in one file: about 100 MB in memory.
const MAX_NODES: usize = 1_000_000;
/// Lists and maps inside each other; [`STACK`] suffices for this many levels.
pub(crate) const MAX_DEPTH: usize = 64;
/// Nodes that aliases may add.
const MAX_REPLAYED: usize = 100_000;

/// Stack for [`MAX_DEPTH`] levels. In a debug build a level takes up to 40 KiB.
const STACK: usize = 16 << 20;

/// Runs a reader of trees with a stack that suffices for the deepest tree, on any thread.
pub(crate) fn on_own_stack<T: Send>(run: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("scenario".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, run)?;
        match thread.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spot {
    /// The number of the text.
    pub(crate) source: u32,
    pub(crate) line: u32,
    /// From 1, in characters.
    pub(crate) column: u32,
    /// From 0, in the file's text; unknown for lists and maps.
    pub(crate) byte: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Spot,
    pub(crate) content: NodeContent,
}

#[derive(Debug, Clone)]
pub(crate) enum NodeContent {
    /// `null`, `~` or nothing.
    Null,
    Bool(bool),
    Whole(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the file's order; a key may occur twice.
    Map(Vec<(MapKey, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct MapKey {
    pub(crate) at: Spot,
    /// The text, also of a number.
    pub(crate) name: String,
}

pub(crate) fn parse(text: &str, source: u32) -> Result<Node, Unreadable> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 3 * MAX_NODES,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        null_as_string: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let mut root: Node = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| unreadable::explain(&error, text, source))?;
    root.belongs_to(source);
    Ok(root)
}

impl Node {
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    /// The members of a map; empty for anything else.
    pub(crate) fn entries(&self) -> &[(MapKey, Node)] {
        match &self.content {
            NodeContent::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; empty for anything else.
    pub(crate) fn elements(&self) -> &[Node] {
        match &self.content {
            NodeContent::List(elements) => elements,
            _ => &[],
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            NodeContent::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, NodeContent::Null)
    }

    /// The JSON text; expressions in it stay as they are.
    pub(crate) fn json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.content {
            NodeContent::List(elements) => {
                out.push('[');
                for (n, element) in elements.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    element.write_json(out);
                }
                out.push(']');
            }
            NodeContent::Map(entries) => {
                out.push('{');
                for (n, (key, value)) in entries.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    write::string(out, &key.name);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
            scalar => scalar.write_scalar(out),
        }
    }

    fn belongs_to(&mut self, source: u32) {
        self.at.source = source;
        match &mut self.content {
            NodeContent::List(elements) => elements
                .iter_mut()
                .for_each(|element| element.belongs_to(source)),
            NodeContent::Map(entries) => {
                for (key, value) in entries {
                    key.at.source = source;
                    value.belongs_to(source);
                }
            }
            _ => {}
        }
    }
}

impl NodeContent {
    pub(crate) fn write_scalar(&self, out: &mut String) {
        match self {
            NodeContent::Bool(true) => out.push_str("true"),
            NodeContent::Bool(false) => out.push_str("false"),
            NodeContent::Whole(number) => out.push_str(&number.to_string()),
            NodeContent::Float(number) => write::float(out, *number),
            NodeContent::Text(text) => write::string(out, text),
            NodeContent::Null | NodeContent::List(_) | NodeContent::Map(_) => out.push_str("null"),
        }
    }
}

#[cfg(test)]
mod tests;
