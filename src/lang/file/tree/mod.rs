//! A YAML (or JSON) text as a tree in which every node knows its place.
//!
//! Invariant: bounded time and memory, whatever the text: the YAML reader's budget caps nodes, depth and aliases.

mod unreadable;
mod visit;

use serde_saphyr::options::DuplicateKeyPolicy;

use crate::base::json::write;

pub(crate) use unreadable::Unreadable;

/// Bytes in one file.
pub const MAX_FILE_BYTES: usize = 16 << 20;
/// Nodes in one file; far above what a person writes, and about 100 MB in memory.
const MAX_NODES: usize = 1_000_000;
/// Lists and maps in each other. Whoever reads a tree has the stack for this many levels.
pub(crate) const MAX_DEPTH: usize = 64;
/// Nodes that aliases may add.
const MAX_REPLAYED: usize = 100_000;

/// Stack for [`MAX_DEPTH`] levels, also in a debug build, where one takes up to 40 KiB.
const STACK: usize = 16 << 20;

/// Runs what reads trees where they cannot overflow the stack.
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
    /// From 0, in the file's text; not known of lists and maps.
    pub(crate) byte: u32,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Spot,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// `null`, `~` or nothing.
    Null,
    Bool(bool),
    Whole(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// A map in the file's order; a key may stand in it twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) at: Spot,
    /// Its text, also for numbers and the like.
    pub(crate) name: String,
}

/// Reads a text; every place in the tree is in `source`.
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
    /// A member of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    /// The members of a map; of anything else none.
    pub(crate) fn entries(&self) -> &[(Key, Node)] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; of anything else none.
    pub(crate) fn elements(&self) -> &[Node] {
        match &self.content {
            Content::List(elements) => elements,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// Its JSON text, whatever its texts contain.
    pub(crate) fn json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.content {
            Content::List(elements) => {
                out.push('[');
                for (n, element) in elements.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    element.write_json(out);
                }
                out.push(']');
            }
            Content::Map(entries) => {
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
            Content::List(elements) => elements
                .iter_mut()
                .for_each(|element| element.belongs_to(source)),
            Content::Map(entries) => {
                for (key, value) in entries {
                    key.at.source = source;
                    value.belongs_to(source);
                }
            }
            _ => {}
        }
    }
}

impl Content {
    /// The JSON text of what is neither a list nor a map.
    pub(crate) fn write_scalar(&self, out: &mut String) {
        match self {
            Content::Bool(true) => out.push_str("true"),
            Content::Bool(false) => out.push_str("false"),
            Content::Whole(number) => out.push_str(&number.to_string()),
            Content::Float(number) => write::float(out, *number),
            Content::Text(text) => write::string(out, text),
            Content::Null | Content::List(_) | Content::Map(_) => out.push_str("null"),
        }
    }
}

#[cfg(test)]
mod tests;
