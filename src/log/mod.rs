//! The log on standard error: lines of text for people, or of JSON for machines.
//!
//! Invariant: whatever a client sent, a line stays one line and moves no cursor.

mod escape;
mod json;
#[cfg(test)]
mod lines;
mod text;

use std::io::{self, IsTerminal};

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use json::Json;
use text::Text;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2024-01-20 10:30:06 INFO message field=value`, in local time
    Text {
        /// Whether colours help.
        color: bool,
    },
    /// `{"time":…,"level":…,"message":…,"field":…}`, in UTC
    Json,
}

/// Starts the log; a second start changes nothing.
pub fn start(format: Format, level: LevelFilter) {
    let layer = fmt::layer()
        .with_writer(io::stderr)
        // Nobody reads what cannot be written, and the attempt would panic.
        .log_internal_errors(false);
    let filter = filter(level);
    let registry = tracing_subscriber::registry();
    let started = match format {
        Format::Text { color } => registry
            .with(
                layer
                    .with_ansi(color)
                    .event_format(Text)
                    .fmt_fields(Text)
                    .with_filter(filter),
            )
            .try_init(),
        Format::Json => registry
            .with(
                layer
                    .with_ansi(false)
                    .event_format(Json)
                    .fmt_fields(Json)
                    .with_filter(filter),
            )
            .try_init(),
    };
    started.ok();
}

/// Ours and what scenarios log (`log:`) at this level, libraries from warnings on.
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_target("ws_mock", level)
        .with_target("scenario", level)
        .with_default(level.min(LevelFilter::WARN))
}

/// How much is logged after so many `-v` and `-q`.
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

/// Whether a person at a terminal reads along who wants colours.
pub fn wants_color() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = set("TERM").is_some_and(|term| term == "dumb");
    set("NO_COLOR").is_none() && !dumb && io::stderr().is_terminal()
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_heard_as_we_are_and_libraries_when_there_is_trouble() {
        let filter = filter(LevelFilter::INFO);
        for (target, level, heard) in [
            ("ws_mock::net", Level::INFO, true),
            ("ws_mock::net", Level::DEBUG, false),
            ("scenario", Level::INFO, true),
            ("hyper", Level::INFO, false),
            ("hyper", Level::WARN, true),
        ] {
            assert_eq!(
                filter.would_enable(target, &level),
                heard,
                "{target} {level}"
            );
        }
    }

    #[test]
    fn each_v_tells_more_and_each_q_less() {
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
