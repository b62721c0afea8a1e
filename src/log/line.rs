//! The fields of an event, and the line that they become.

use std::fmt::{Debug, Write};

use tracing::Level;
use tracing::field::{Field, Visit};

use super::Format;
use crate::base::text::{is_unsafe, write_safe};

const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Fields in the order in which they were recorded.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

#[derive(Debug, Clone)]
enum Value {
    String(String),
    /// By `Display` or `Debug`, which text repeats as it is.
    Shown(String),
    /// A number or a bool, the same in JSON as in text.
    Plain(String),
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let shown = format!("{value:?}");
        // `?name` of a string: the quotes are Debug's. One with escapes inside stays as Debug wrote it.
        let inner = shown.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        let value = match inner.filter(|inner| !inner.contains(['"', '\\'])) {
            Some(inner) => Value::String(inner.to_owned()),
            None => Value::Shown(shown),
        };
        self.0.push((field.name(), value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), Value::String(value.to_owned())));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), Value::Plain(value.to_string())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), Value::Plain(value.to_string())));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), Value::Plain(value.to_string())));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = format!("{value:?}");
        // JSON has no NaN.
        let value = if value.is_finite() {
            Value::Plain(text)
        } else {
            Value::Shown(text)
        };
        self.0.push((field.name(), value));
    }
}

impl Fields {
    pub(super) fn append(&mut self, other: &Fields) {
        self.0.extend_from_slice(&other.0);
    }

    pub(super) fn line(mut self, format: Format, level: Level) -> String {
        let message = self.0.iter().position(|(name, _)| *name == "message");
        let message = message.map(|at| self.0.remove(at).1);
        let mut out = String::new();
        // Writing to a `String` cannot fail.
        let _ = match format {
            Format::Json => self.write_json(&mut out, level, message.as_ref()),
            Format::Text { color: false } => {
                self.write_text(&mut out, level, message.as_ref(), ["", ""], "")
            }
            Format::Text { color: true } => {
                let code = match level {
                    Level::ERROR => "\x1b[31m",
                    Level::WARN => "\x1b[33m",
                    Level::INFO => "\x1b[32m",
                    Level::DEBUG => "\x1b[34m",
                    Level::TRACE => "\x1b[35m",
                };
                self.write_text(&mut out, level, message.as_ref(), [DIM, code], PLAIN)
            }
        };
        out.push('\n');
        out
    }

    fn write_text(
        &self,
        out: &mut String,
        level: Level,
        message: Option<&Value>,
        [dim, bright]: [&str; 2],
        plain: &str,
    ) -> std::fmt::Result {
        let time = jiff::ZonedDateTime::now();
        write!(
            out,
            "{dim}{}{plain} {bright}{level}{plain} ",
            time.strftime("%F %T")
        )?;
        if let Some(message) = message {
            write_safe(out, message.text())?;
        }
        for (name, value) in &self.0 {
            write!(out, " {dim}{name}={plain}")?;
            match value {
                Value::String(text) => write_word(out, text)?,
                Value::Shown(text) | Value::Plain(text) => write_safe(out, text)?,
            }
        }
        Ok(())
    }

    fn write_json(
        &self,
        out: &mut String,
        level: Level,
        message: Option<&Value>,
    ) -> std::fmt::Result {
        let time = jiff::Timestamp::now();
        write!(out, r#"{{"time":"{time:.3}","level":"{level}""#)?;
        let message = message.into_iter().map(|message| ("message", message));
        let others = self.0.iter().map(|(name, value)| (*name, value));
        for (name, value) in message.chain(others) {
            write!(out, ",\"{name}\":")?;
            match value {
                Value::Plain(text) => out.push_str(text),
                Value::String(text) | Value::Shown(text) => write_json_string(out, text)?,
            }
        }
        out.push('}');
        Ok(())
    }
}

impl Value {
    fn text(&self) -> &str {
        match self {
            Value::String(text) | Value::Shown(text) | Value::Plain(text) => text,
        }
    }
}

/// Bare if it is one plain word, otherwise in quotes.
fn write_word(out: &mut String, text: &str) -> std::fmt::Result {
    let plain = |c: char| !(c.is_whitespace() || is_unsafe(c) || matches!(c, '"' | '=' | '\\'));
    if !text.is_empty() && text.chars().all(plain) {
        out.push_str(text);
        return Ok(());
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    out.push('"');
    write_safe(out, &escaped)?;
    out.push('"');
    Ok(())
}

/// JSON allows C1 and bidirectional controls in strings; a terminal obeys them, so they are escaped as well.
fn write_json_string(out: &mut String, text: &str) -> std::fmt::Result {
    let json = serde_json::Value::from(text).to_string();
    for c in json.chars() {
        // Each of them is below U+10000: one escape.
        if is_unsafe(c) {
            write!(out, "\\u{:04x}", c as u32)?;
        } else {
            out.push(c);
        }
    }
    Ok(())
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
            let mut out = String::new();
            write_word(&mut out, value).unwrap();
            assert_eq!(out, written, "{value:?}");
        }
    }
}
