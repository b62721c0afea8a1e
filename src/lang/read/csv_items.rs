//! Items of a CSV file, whose first line names the fields.

use std::collections::HashSet;

use super::ScenarioReader;
use crate::base::json::{Json, write};
use crate::lang::file::problem::shown;
use crate::lang::file::tree::Spot;

impl ScenarioReader<'_> {
    pub(super) fn csv_items(&mut self, text: &str, source: u32, key: &str) -> Vec<String> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let line_of = |line: u64| Spot {
            source,
            line: line as u32,
            column: 1,
            byte: 0,
        };
        let headers = match reader.headers() {
            Ok(headers) => headers.clone(),
            Err(error) => {
                self.problem(line_of(1), csv_problem(&error), None);
                return Vec::new();
            }
        };
        let mut seen = HashSet::new();
        for header in &headers {
            if !seen.insert(header) {
                let message = format!("two columns are called {}", shown(header));
                self.problem(line_of(1), message, None);
            }
        }
        let key_column = headers.iter().position(|header| header == key);
        let mut keys = HashSet::new();
        let mut texts = Vec::new();
        let mut open = None;
        for record in reader.records() {
            match record {
                Ok(record) => {
                    let line = record.position().map_or(1, csv::Position::line);
                    let found = key_column
                        .and_then(|column| record.get(column))
                        .filter(|cell| !cell.is_empty())
                        .map(str::to_owned);
                    self.item_key(found, key, &mut keys, || line_of(line));
                    open = is_open(text, &record).then_some(line);
                    texts.push(csv_item(&headers, &record));
                }
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line);
                    self.problem(line_of(line), csv_problem(&error), None);
                }
            }
        }
        if let Some(line) = open {
            let message = "a quote that is not closed: all that follows is in one cell".to_owned();
            self.problem(line_of(line), message, None);
        }
        texts
    }
}

/// The text ends inside of the quotes of this record's last cell. The csv crate takes that for the end of the cell.
fn is_open(text: &str, record: &csv::StringRecord) -> bool {
    let cell = record.iter().next_back().unwrap_or_default();
    let as_written = cell.replace('"', "\"\"");
    let before = text.strip_suffix(&as_written);
    !cell.is_empty() && before.is_some_and(|before| before.ends_with('"'))
}

fn csv_problem(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("a line of {len} cells, the first has {expected_len}"),
        _ => "invalid CSV".to_owned(),
    }
}

/// A cell that is a JSON number, `true` or `false` keeps that type; an empty one is null.
fn csv_item(headers: &csv::StringRecord, record: &csv::StringRecord) -> String {
    let mut out = String::from("{");
    for (n, (header, cell)) in headers.iter().zip(record).enumerate() {
        if n > 0 {
            out.push(',');
        }
        write::string(&mut out, header);
        out.push(':');
        let first = cell.bytes().next().unwrap_or(b' ');
        let typed = first == b'-' || first.is_ascii_digit() || cell == "true" || cell == "false";
        match cell {
            "" => out.push_str("null"),
            cell if typed && Json::parse(cell).is_ok() => out.push_str(cell),
            cell => write::string(&mut out, cell),
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_that_is_not_closed_is_noticed() {
        for (text, open) in [
            ("a,b\n1,\"x\ny\n", true),
            ("a,b\n1,\"x", true),
            ("a,b\n1,\"x \"\"y\"\"\nz", true),
            ("a,b\n1,\"x\ny\"\n", false),
            ("a,b\n1,\"x\"", false),
            ("a,b\n1,\"x \"\"y\"\"\"\n", false),
            ("a,b\n1,5\" pipe\n", false),
            ("a,b\n1,\"\"", false),
            ("a,b\n1,x\n", false),
        ] {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let last = reader.records().last().unwrap().unwrap();
            assert_eq!(is_open(text, &last), open, "{text}");
        }
    }

    #[test]
    fn cells_are_typed_as_json_reads_them() {
        let headers = csv::StringRecord::from(vec!["id", "a", "b", "c", "d", "e"]);
        let record = csv::StringRecord::from(vec!["007", "1.50", "true", "", "-x", "\"q\""]);
        assert_eq!(
            csv_item(&headers, &record),
            r#"{"id":"007","a":1.50,"b":true,"c":null,"d":"-x","e":"\"q\""}"#
        );
    }
}
