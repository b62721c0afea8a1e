//! Items that are written out: in the scenario, or in a file beside it.

use std::collections::HashSet;

use super::ScenarioReader;
use crate::base::json::{Json, Kind, Part, write};
use crate::lang::file::problem::{one_of, shown};
use crate::lang::file::source::Source;
use crate::lang::file::tree::{self, Node, NodeContent, Spot};

const ENDINGS: &[&str] = &[".json", ".yaml", ".yml", ".csv"];

impl ScenarioReader<'_> {
    /// The JSON texts of items in a tree.
    pub(super) fn items(&mut self, items: &[Node], key: &str) -> Vec<String> {
        let mut keys = HashSet::new();
        let mut texts = Vec::new();
        for item in items {
            if !matches!(item.content, NodeContent::Map(_)) {
                self.expected(item, "an item", "a map");
                continue;
            }
            let found = item.get(key).and_then(|node| match &node.content {
                NodeContent::Text(text) => Some(text.clone()),
                NodeContent::Whole(number) => Some(number.to_string()),
                _ => None,
            });
            self.item_key(found, key, &mut keys, || item.at);
            texts.push(item.json());
        }
        texts
    }

    pub(super) fn item_key(
        &mut self,
        found: Option<String>,
        key: &str,
        keys: &mut HashSet<String>,
        at: impl Fn() -> Spot,
    ) {
        let Some(found) = found else {
            let message = format!("an item must have {}, a text or a whole number", shown(key));
            let hint = "`key` names the field that identifies an item".to_owned();
            self.problem(at(), message, Some(hint));
            return;
        };
        if keys.contains(&found) {
            let message = format!("two items have the {} {}", shown(key), shown(&found));
            self.problem(at(), message, None);
        }
        keys.insert(found);
    }

    /// The JSON texts of the items in the file that `from:` names.
    pub(super) fn items_of_file(&mut self, node: &Node, key: &str) -> Vec<String> {
        let Some(name) = self.plain_text(node, "`from`") else {
            return Vec::new();
        };
        let Some(ending) = ENDINGS.iter().find(|ending| name.ends_with(**ending)) else {
            let allowed = format!("a file that ends with {}", one_of(ENDINGS.iter().copied()));
            self.expected(node, "`from`", &allowed);
            return Vec::new();
        };
        let Some(folder) = self.sources.get(node.at.source).folder.clone() else {
            let message = "a bundled scenario has no files beside it".to_owned();
            self.problem(node.at, message, None);
            return Vec::new();
        };
        let path = folder.join(&name);
        let text = match self.files.below(&folder, &path) {
            Ok(found) => found.text,
            Err(reason) => {
                let message = format!("cannot read {}: {reason}", shown(&name));
                self.problem(node.at, message, None);
                return Vec::new();
            }
        };
        let source = self.sources.add(Source {
            name: path.display().to_string(),
            text: text.clone(),
            folder: None,
        });
        self.paths.push(path);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        match *ending {
            ".json" => self.json_items(text, source, key),
            ".csv" => self.csv_items(text, source, key),
            _ => self.yaml_items(text, source, key),
        }
    }

    fn yaml_items(&mut self, text: &str, source: u32, key: &str) -> Vec<String> {
        match tree::parse(text, source) {
            Err(problem) => self.problem(problem.at, problem.message, problem.hint),
            Ok(root) => match &root.content {
                NodeContent::List(items) => return self.items(items, key),
                _ => self.expected(&root, "a file of items", "a list of maps"),
            },
        }
        Vec::new()
    }

    /// JSON is not read as YAML, which would lose the digits of its numbers.
    fn json_items(&mut self, text: &str, source: u32, key: &str) -> Vec<String> {
        let json = match Json::parse(text) {
            Ok(json) if json.kind() == Kind::List => json,
            Ok(_) => {
                let message = "a file of items must be a list of objects".to_owned();
                self.problem(spot_of(text, source, 0), message, None);
                return Vec::new();
            }
            Err(error) => {
                let message = format!("invalid JSON: found {}", error.what);
                self.problem(spot_of(text, source, error.at), message, None);
                return Vec::new();
            }
        };
        let mut keys = HashSet::new();
        let mut texts = Vec::new();
        let start = text.find('[').unwrap_or_default();
        for item in json.part().elements() {
            if self.problems.full() {
                break;
            }
            // A part is a slice of the text, so its place is found when a problem needs it.
            let at = || spot_of(text, source, start + offset_of(json.text(), item.text()));
            if item.kind() != Kind::Object {
                self.problem(at(), "an item must be an object".to_owned(), None);
                continue;
            }
            if let Some(name) = repeated(item) {
                let message = format!("the name {} is in this item twice", shown(&name));
                self.problem(at(), message, None);
            }
            let found = item.get(key).and_then(|part| match part.kind() {
                Kind::String => part.as_str().map(std::borrow::Cow::into_owned),
                _ => part.as_i64().map(|number| number.to_string()),
            });
            self.item_key(found, key, &mut keys, at);
            let mut compact = String::with_capacity(item.text().len());
            write_compact(&mut compact, item);
            texts.push(compact);
        }
        texts
    }
}

fn write_compact(out: &mut String, part: Part<'_>) {
    match part.kind() {
        Kind::List => {
            out.push('[');
            write::joined(out, part.elements(), write_compact);
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            write::joined(out, part.members(), |out, member| {
                write::string(out, &member.key());
                out.push(':');
                write_compact(out, member);
            });
            out.push('}');
        }
        _ => out.push_str(part.text()),
    }
}

/// A name that an object somewhere in a part has twice.
fn repeated(part: Part<'_>) -> Option<String> {
    let mut names = HashSet::new();
    part.members()
        .find_map(|member| {
            let name = member.key().into_owned();
            repeated(member).or_else(|| (!names.insert(name.clone())).then_some(name))
        })
        .or_else(|| part.elements().find_map(repeated))
}

fn offset_of(text: &str, slice: &str) -> usize {
    (slice.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

fn spot_of(text: &str, source: u32, byte: usize) -> Spot {
    let before = &text[..text.floor_char_boundary(byte)];
    let line = before.rsplit('\n').next().unwrap_or_default();
    Spot {
        source,
        line: before.matches('\n').count() as u32 + 1,
        column: line.chars().count() as u32 + 1,
        byte: before.len() as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_json_keeps_its_digits() {
        let json = Json::parse("{ \"a\" : [ 1.50 , { \"b\\n\" : null } ] }").unwrap();
        let mut out = String::new();
        write_compact(&mut out, json.part());
        assert_eq!(out, r#"{"a":[1.50,{"b\n":null}]}"#);
    }
}
