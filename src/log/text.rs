//! Lines for people: `2024-01-20 10:30:06 INFO message field=value`.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::escape::{unquoted, write_value};
use super::name;
use crate::base::text::write_safe;

const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// The format of a line, and of the fields of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
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
        let color = out.has_ansi_escapes();
        let time = jiff::ZonedDateTime::now();
        if color {
            write!(out, "{DIM}{}{PLAIN}", time.strftime("%F %T"))?;
        } else {
            write!(out, "{}", time.strftime("%F %T"))?;
        }
        write_level(&mut out, *event.metadata().level(), color)?;
        let mut fields = Fields::new(color);
        event.record(&mut fields);
        out.write_str(&fields.message)?;
        out.write_str(&fields.others)?;
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                out.write_str(&fields.fields)?;
            }
        }
        out.write_char('\n')
    }
}

impl<'w> FormatFields<'w> for Text {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'w>, record: R) -> fmt::Result {
        let mut fields = Fields::new(out.has_ansi_escapes());
        record.record(&mut fields);
        out.write_str(&fields.others)
    }
}

fn write_level(out: &mut Writer<'_>, level: Level, color: bool) -> fmt::Result {
    let name = name(level);
    if !color {
        return write!(out, " {name} ");
    }
    let code = match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    };
    write!(out, " \x1b[{code}m{name}{PLAIN} ")
}

/// The message, and ` name=value` for each other field.
struct Fields {
    message: String,
    others: String,
    color: bool,
}

impl Fields {
    fn new(color: bool) -> Self {
        Fields {
            message: String::new(),
            others: String::new(),
            color,
        }
    }

    fn name(&mut self, name: &str) {
        if self.color {
            self.others.extend([" ", DIM, name, "=", PLAIN]);
        } else {
            self.others.extend([" ", name, "="]);
        }
    }
}

// Writing to a `String` cannot fail, which is why results are dropped here.
impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        if field.name() == "message" {
            write_safe(&mut self.message, &value).ok();
            return;
        }
        self.name(field.name());
        match unquoted(&value) {
            Some(text) => write_value(&mut self.others, text).ok(),
            None => write_safe(&mut self.others, &value).ok(),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            write_safe(&mut self.message, value).ok();
            return;
        }
        self.name(field.name());
        write_value(&mut self.others, value).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;

    fn check(color: bool, log: impl FnOnce(), expected: &str) {
        let lines = lines(Text, color, log);
        let (_, rest) = lines.split_at("2024-01-20 10:30:06".len());
        assert_eq!(rest, expected);
    }

    #[test]
    fn a_line_has_time_level_message_and_fields() {
        check(
            false,
            || tracing::info!(clients = 3, peer = "c1", "connected"),
            " INFO connected clients=3 peer=c1\n",
        );
    }

    #[test]
    fn the_time_is_to_the_second() {
        let line = lines(Text, false, || tracing::warn!("x"));
        let shape: String = line
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00 00:00:00 WARN x\n");
    }

    #[test]
    fn spans_give_their_fields() {
        check(
            false,
            || {
                let _connection = tracing::info_span!("connection", id = %"c1").entered();
                tracing::info!("gone");
            },
            " INFO gone id=c1\n",
        );
    }

    #[test]
    fn what_a_client_sent_stays_in_its_field() {
        let name = "x\n2024-01-20 ERROR \u{1b}[2J";
        check(
            false,
            || tracing::info!(bare = name, display = %name, debug = ?name, "got {name}"),
            " INFO got x\\n2024-01-20 ERROR \\u{1b}[2J bare=\"x\\n2024-01-20 ERROR \\u{1b}[2J\" \
             display=x\\n2024-01-20 ERROR \\u{1b}[2J debug=\"x\\n2024-01-20 ERROR \\u{1b}[2J\"\n",
        );
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        let line = lines(Text, true, || tracing::error!(port = 1, "no"));
        assert!(line.starts_with("\x1b[2m"), "{line:?}");
        assert!(
            line.ends_with("\x1b[31mERROR\x1b[0m no \x1b[2mport=\x1b[0m1\n"),
            "{line:?}"
        );
    }
}
