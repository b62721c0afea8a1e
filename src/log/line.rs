//! The fields of an event, and the line that they become.

use std::fmt::Debug;

use tracing::Level;
use tracing::field::{Field, Visit};

use super::Format;
use crate::base::text::{is_unsafe, safe};

/// Fields in the order in which they were recorded.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<Recorded>);

#[derive(Debug, Clone)]
struct Recorded {
    name: &'static str,
    text: String,
    kind: FieldKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    String,
    /// By `Display` or `Debug`, which text repeats as it is.
    Shown,
    /// A number or a bool, the same in JSON as in text.
    Plain,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let shown = format!("{value:?}");
        // `?name` of a string: the quotes are Debug's. One with escapes inside stays as Debug wrote it.
        let inner = shown.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        match inner.filter(|inner| !inner.contains(['"', '\\'])) {
            Some(inner) => self.put(field, FieldKind::String, inner.to_owned()),
            None => self.put(field, FieldKind::Shown, shown),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, FieldKind::String, value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, FieldKind::Plain, value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, FieldKind::Plain, value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, FieldKind::Plain, value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no NaN.
        let kinds = [FieldKind::Shown, FieldKind::Plain];
        self.put(
            field,
            kinds[usize::from(value.is_finite())],
            format!("{value:?}"),
        );
    }
}

impl Fields {
    fn put(&mut self, field: &Field, kind: FieldKind, text: String) {
        let name = field.name();
        self.0.push(Recorded { name, text, kind });
    }

    pub(super) fn append(&mut self, other: &Fields) {
        self.0.extend_from_slice(&other.0);
    }

    pub(super) fn line(mut self, format: Format, level: Level) -> String {
        // The message first, wherever it was recorded.
        self.0.sort_by_key(|field| field.name != "message");
        match format {
            Format::Json => self.json(level),
            Format::Text { color } => self.text(level, color),
        }
    }

    fn text(&self, level: Level, color: bool) -> String {
        let paint = |code, text: &str| {
            if color {
                format!("\x1b[{code}m{text}\x1b[0m")
            } else {
                text.to_owned()
            }
        };
        let code = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        let time = jiff::ZonedDateTime::now().strftime("%F %T").to_string();
        let mut out = format!("{} {}", paint(2, &time), paint(code, level.as_str()));
        for Recorded { name, text, kind } in &self.0 {
            out.push(' ');
            if *name != "message" {
                out += &paint(2, &format!("{name}="));
            }
            match kind {
                FieldKind::String if *name != "message" => out += &word(text),
                _ => out += &safe(text).to_string(),
            }
        }
        out + "\n"
    }

    fn json(&self, level: Level) -> String {
        let time = jiff::Timestamp::now();
        let mut out = format!("{{\"time\":\"{time:.3}\",\"level\":\"{level}\"");
        for Recorded { name, text, kind } in &self.0 {
            out += &format!(",\"{name}\":");
            match kind {
                FieldKind::Plain => out += text,
                FieldKind::String | FieldKind::Shown => write_json_string(&mut out, text),
            }
        }
        out + "}\n"
    }
}

/// Bare if it is one plain word, otherwise in quotes.
fn word(text: &str) -> String {
    let plain = |c: char| !(c.is_whitespace() || is_unsafe(c) || matches!(c, '"' | '=' | '\\'));
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", safe(&escaped))
}

/// JSON allows C1 and bidirectional controls in strings; a terminal obeys them, so they are escaped as well.
fn write_json_string(out: &mut String, text: &str) {
    for c in serde_json::Value::from(text).to_string().chars() {
        if is_unsafe(c) {
            // Each of them is below U+10000: one escape.
            *out += &format!("\\u{:04x}", c as u32);
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bare_and_others_quoted() {
        for (value, written) in [
            ("c1", "c1"),
            ("/api/x?y", "/api/x?y"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("say \"hi\"", r#""say \"hi\"""#),
            (r"c:\x", r#""c:\\x""#),
            ("a\nb", "\"a\\nb\""),
            ("Москва", "Москва"),
        ] {
            assert_eq!(word(value), written, "{value:?}");
        }
    }
}
