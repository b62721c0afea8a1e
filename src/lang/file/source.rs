//! The texts of a scenario, and places in them.

use std::path::PathBuf;

use super::problem::Problem;
use super::tree::Spot;

/// Bytes behind a node's start in which its expressions are looked for.
const WINDOW: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Source {
    /// The name as given, for problems and steps.
    pub(crate) name: String,
    pub(crate) text: String,
    /// `None` for a bundled text, which has no files beside it.
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// Adds a text; returns its number.
    pub(crate) fn add(&mut self, mut source: Source) -> u32 {
        // The YAML reader does not count a byte-order mark.
        if source.text.starts_with('\u{feff}') {
            source.text.drain(..'\u{feff}'.len_utf8());
        }
        self.0.push(source);
        self.0.len() as u32 - 1
    }

    pub(crate) fn get(&self, number: u32) -> &Source {
        &self.0[number as usize]
    }

    /// `stations.yaml:41:7`
    pub(crate) fn place(&self, at: Spot) -> String {
        format!("{}:{}:{}", self.get(at.source).name, at.line, at.column)
    }

    pub(crate) fn problem(&self, at: Spot, message: String, hint: Option<String>) -> Problem {
        Problem {
            file: self.get(at.source).name.clone(),
            line: at.line as usize,
            column: at.column as usize,
            message,
            hint,
        }
    }

    /// The place in the file of byte `offset` of an expression, given the start of its text. If escapes or folded
    /// lines hide the expression, it is the start of the text.
    pub(crate) fn inside(&self, at: Spot, expression: &str, offset: usize) -> Spot {
        let text = &self.get(at.source).text;
        let Some(rest) = text.get(at.byte as usize..) else {
            return at;
        };
        let mut end = rest.len().min(WINDOW);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let Some(start) = rest[..end].find(&format!("${{{expression}")) else {
            return at;
        };
        let before = &rest[..start + 2 + offset.min(expression.len())];
        let mut lines = before.rsplit('\n');
        let last = lines.next().unwrap_or_default().chars().count() as u32;
        let down = before.matches('\n').count() as u32;
        Spot {
            line: at.line + down,
            column: if down > 0 { last + 1 } else { at.column + last },
            ..at
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_found_behind_its_texts_start() {
        let mut sources = Sources::default();
        let source = sources.add(Source {
            name: "a.yaml".into(),
            text: "a: я ${ x } ${ y }\nb: |\n  x\n  ${ z }\n".into(),
            folder: None,
        });
        let check = |line, column, byte, expression, offset, place: &str| {
            let at = Spot {
                source,
                line,
                column,
                byte,
            };
            assert_eq!(sources.place(sources.inside(at, expression, offset)), place);
        };
        check(1, 4, 3, " y ", 1, "a.yaml:1:16");
        check(2, 4, 23, " z ", 1, "a.yaml:4:6");
        check(1, 4, 3, " unseen ", 1, "a.yaml:1:4");
    }
}
