//! The log on standard error: text for people, JSON for programs, one line an event.
//!
//! Invariant: whatever a client sent, a line stays one line and cannot drive a terminal.

mod line;

use std::io::{self, IsTerminal, Write};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::{LookupSpan, Scope};

use line::Fields;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2024-01-20 10:30:06 INFO message field=value`, in local time
    Text { color: bool },
    /// `{"time":…,"level":…,"message":…,"field":…}`, in UTC
    Json,
}

/// Starts the log. A second call has no effect.
pub fn start(format: Format, level: LevelFilter) {
    // A log that cannot be written has no other place to report that.
    let write = |line: &str| drop(io::stderr().write_all(line.as_bytes()));
    tracing_subscriber::registry()
        .with(Lines { format, write }.with_filter(filter(level)))
        .try_init()
        .ok();
}

/// Our events and those of scenarios (`log:`) at this level, those of libraries from warnings on.
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_target("ws_mock", level)
        .with_target("scenario", level)
        .with_default(level.min(LevelFilter::WARN))
}

/// The level for this number of `-v` and of `-q`.
pub fn level(verbose: u8, quiet: u8) -> LevelFilter {
    const FROM_QUIET: [LevelFilter; 5] = [
        LevelFilter::ERROR,
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    let at = 2 + i16::from(verbose) - i16::from(quiet);
    FROM_QUIET[at.clamp(0, 4) as usize]
}

/// True on a terminal that shows colours, unless `NO_COLOR` is set.
pub fn wants_color() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = set("TERM").is_some_and(|term| term == "dumb");
    set("NO_COLOR").is_none() && !dumb && io::stderr().is_terminal()
}

/// Writes each event as one line, its own fields before those of the spans around it.
///
/// `tracing_subscriber::fmt` is not used: it nests the fields of spans, names the time differently, and leaves C1
/// and bidirectional control characters as they are.
struct Lines<W> {
    format: Format,
    write: W,
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let spans = context.event_scope(event);
        for span in spans.into_iter().flat_map(Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.append(of_span);
            }
        }
        (self.write)(&fields.line(self.format, *event.metadata().level()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;
    use crate::base::text::is_unsafe;

    /// The lines that `log` writes.
    fn lines(format: Format, log: impl FnOnce()) -> String {
        let written = Arc::<Mutex<String>>::default();
        let write = {
            let written = written.clone();
            move |line: &str| written.lock().unwrap().push_str(line)
        };
        let registry = tracing_subscriber::registry().with(Lines { format, write });
        tracing::subscriber::with_default(registry, log);
        let written = written.lock().unwrap();
        written.clone()
    }

    #[track_caller]
    fn check(log: impl FnOnce(), expected: &str) {
        let lines = lines(Format::Text { color: false }, log);
        let (time, rest) = lines.split_at("2024-01-20 10:30:06".len());
        let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
        let shape: String = time.chars().map(shape).collect();
        assert_eq!(shape, "0000-00-00 00:00:00");
        assert_eq!(rest, expected);
    }

    fn json(log: impl FnOnce()) -> Value {
        let mut value: Value = serde_json::from_str(&lines(Format::Json, log)).unwrap();
        let time = value.as_object_mut().unwrap().shift_remove("time").unwrap();
        assert_eq!(
            time.as_str().unwrap().len(),
            "2024-01-20T10:30:00.000Z".len()
        );
        value
    }

    #[test]
    fn text_has_time_level_message_and_fields() {
        check(
            || tracing::info!(clients = 3, peer = "c1", "connected"),
            " INFO connected clients=3 peer=c1\n",
        );
    }

    #[test]
    fn spans_add_their_fields() {
        check(
            || {
                let span =
                    tracing::info_span!("connection", id = %"c1", path = tracing::field::Empty);
                span.record("path", "/ws");
                let _connection = span.entered();
                tracing::info!("gone");
            },
            " INFO gone id=c1 path=/ws\n",
        );
    }

    #[test]
    fn input_of_clients_stays_in_its_field() {
        let name = "x\n2024-01-20 ERROR \u{1b}[2J";
        check(
            || tracing::info!(bare = name, display = %name, debug = ?name, "got {name}"),
            " INFO got x\\n2024-01-20 ERROR \\u{1b}[2J bare=\"x\\n2024-01-20 ERROR \\u{1b}[2J\" \
             display=x\\n2024-01-20 ERROR \\u{1b}[2J debug=\"x\\n2024-01-20 ERROR \\u{1b}[2J\"\n",
        );
    }

    #[test]
    fn colours_mark_level_and_names() {
        let line = lines(Format::Text { color: true }, || {
            tracing::error!(port = 1, "no");
        });
        assert!(line.starts_with("\x1b[2m"), "{line:?}");
        assert!(
            line.ends_with("\x1b[31mERROR\x1b[0m no \x1b[2mport=\x1b[0m1\n"),
            "{line:?}"
        );
    }

    #[test]
    fn json_keeps_the_types_of_fields() {
        let value = json(|| {
            let _connection = tracing::info_span!("connection", connection = %"c1").entered();
            tracing::info!(n = 3, share = 0.5, on = true, name = ?"get x", what = ?Some(1), "got");
        });
        let expected = r#"{"level":"INFO","message":"got","n":3,"share":0.5,"on":true,"name":"get x","what":"Some(1)","connection":"c1"}"#;
        assert_eq!(value.to_string(), expected);
    }

    #[test]
    fn json_is_one_line_without_control_characters() {
        let sent = "a\"b\\\n\u{1b}\u{9b}\u{202e}";
        let line = lines(Format::Json, || tracing::warn!(sent, "x"));
        assert!(!line.trim_end().contains(is_unsafe), "{line:?}");
        assert_eq!(json(|| tracing::warn!(sent, "x"))["sent"], sent);
    }

    #[test]
    fn libraries_log_from_warnings_on() {
        let filter = filter(LevelFilter::INFO);
        for (target, level, heard) in [
            ("ws_mock::net", tracing::Level::INFO, true),
            ("ws_mock::net", tracing::Level::DEBUG, false),
            ("scenario", tracing::Level::INFO, true),
            ("hyper", tracing::Level::INFO, false),
            ("hyper", tracing::Level::WARN, true),
        ] {
            assert_eq!(
                filter.would_enable(target, &level),
                heard,
                "{target} {level}"
            );
        }
    }

    #[test]
    fn each_v_logs_more_and_each_q_less() {
        for (verbose, quiet, expected) in [
            (0, 0, LevelFilter::INFO),
            (1, 0, LevelFilter::DEBUG),
            (2, 0, LevelFilter::TRACE),
            (9, 0, LevelFilter::TRACE),
            (0, 1, LevelFilter::WARN),
            (0, 2, LevelFilter::ERROR),
            (0, 255, LevelFilter::ERROR),
            (1, 1, LevelFilter::INFO),
        ] {
            assert_eq!(level(verbose, quiet), expected, "-v {verbose} -q {quiet}");
        }
    }
}
