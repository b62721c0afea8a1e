//! The texts a scenario was read from, and how a place in them is told.

use std::path::PathBuf;

use super::problem::Problem;
use super::tree::Spot;

/// How far behind a node's start its expressions are looked for.
const WINDOW: usize = 64 << 10;

/// One text.
#[derive(Debug)]
pub(crate) struct Source {
    /// As it was named; problems and steps are told with it.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: String,
    /// Where it lies; a bundled text and one without a file lie nowhere.
    pub(crate) folder: Option<PathBuf>,
}

/// All texts of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// Takes one more and answers its number.
    pub(crate) fn add(&mut self, mut source: Source) -> u32 {
        // The YAML reader does not count a byte-order mark either.
        if source.text.starts_with('\u{feff}') {
            source.text.drain(..'\u{feff}'.len_utf8());
        }
        self.0.push(source);
        self.0.len() as u32 - 1
    }

    /// One of them.
    pub(crate) fn get(&self, number: u32) -> &Source {
        &self.0[number as usize]
    }

    /// A place as people write it: `stations.yaml:41:7`.
    pub(crate) fn place(&self, at: Spot) -> String {
        format!("{}:{}:{}", self.get(at.source).name, at.line, at.column)
    }

    /// A problem at a place.
    pub(crate) fn problem(&self, at: Spot, message: String, hint: Option<String>) -> Problem {
        Problem {
            file: self.get(at.source).name.clone(),
            line: at.line as usize,
            column: at.column as usize,
            message,
            hint,
        }
    }

    /// Where in the file the byte `offset` of an expression stands, given the text's start. Escapes and folded lines
    /// can hide it; then it is the text's start.
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
