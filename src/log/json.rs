//! Lines for machines: `{"time":…,"level":…,"message":…,"field":…}`.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::escape::unquoted;
use super::name;
use crate::base::text::is_unsafe;

/// The format of a line, and of the fields of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let time = jiff::Timestamp::now();
        let level = name(*event.metadata().level());
        let mut fields = Fields::default();
        event.record(&mut fields);
        write!(out, r#"{{"time":"{time:.3}","level":"{level}""#)?;
        out.write_str(&fields.message)?;
        out.write_str(&fields.others)?;
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                out.write_str(&fields.fields)?;
            }
        }
        out.write_str("}\n")
    }
}

impl<'w> FormatFields<'w> for Json {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'w>, record: R) -> fmt::Result {
        let mut fields = Fields::default();
        record.record(&mut fields);
        out.write_str(&fields.others)
    }
}

/// `,"message":…`, and `,"name":value` for each other field.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Fields {
    fn put(&mut self, field: &Field, value: &str) {
        let out = match field.name() {
            "message" => &mut self.message,
            _ => &mut self.others,
        };
        out.push(',');
        write_text(out, field.name());
        out.push(':');
        out.push_str(value);
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        let mut value = String::with_capacity(text.len() + 2);
        write_text(&mut value, text);
        self.put(field, &value);
    }
}

/// JSON text in which even the characters that JSON allows but a terminal obeys are spelt out.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of these are below U+10000. A `String` takes everything.
            c if is_unsafe(c) => write!(out, "\\u{:04x}", c as u32).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out.push('"');
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        self.put_text(field, unquoted(&value).unwrap_or(&value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, if value { "true" } else { "false" });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.put(field, &value.to_string());
        } else {
            self.put(field, "null");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::lines::lines;
    use super::*;

    fn logged(log: impl FnOnce()) -> Value {
        let mut value: Value = serde_json::from_str(&lines(Json, false, log)).unwrap();
        let time = value.as_object_mut().unwrap().shift_remove("time").unwrap();
        assert_eq!(
            time.as_str().unwrap().len(),
            "2024-01-20T10:30:00.000Z".len()
        );
        value
    }

    #[test]
    fn fields_keep_their_types() {
        let value = logged(|| {
            let _connection = tracing::info_span!("connection", connection = %"c1").entered();
            tracing::info!(n = 3, share = 0.5, on = true, name = ?"get x", what = ?Some(1), "got");
        });
        let expected = r#"{"level":"INFO","message":"got","n":3,"share":0.5,"on":true,"name":"get x","what":"Some(1)","connection":"c1"}"#;
        assert_eq!(value.to_string(), expected);
    }

    #[test]
    fn a_line_is_one_line_without_control_characters() {
        let sent = "a\"b\\\n\u{1b}\u{9b}\u{202e}";
        let line = lines(Json, false, || tracing::warn!(sent, "x"));
        assert!(!line.trim_end().contains(is_unsafe), "{line:?}");
        assert_eq!(logged(|| tracing::warn!(sent, "x"))["sent"], sent);
    }
}
