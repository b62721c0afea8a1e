//! The verbs of the command line, one file each, and what becomes of their errors.
//!
//! Invariant: data goes to standard output, everything else to standard error.

mod certs;
mod completions;
mod health;
mod man;
mod scenarios;
mod serve;
mod table;
mod token;
mod validate;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::base::text::safe;
use crate::cli::{self, Verb};
use crate::lang::{Problems, nearest};
use crate::log::{self, Format};

/// It could not run: a port taken, a certificate unreadable.
const COULD_NOT_RUN: u8 = 1;
/// Wrong usage, or an unsound scenario.
const WRONG: u8 = 2;

/// What was asked for makes no sense, however often it is tried.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default())]
pub struct Usage {
    message: String,
    hint: Option<String>,
}

/// Some of the scenarios to validate are unsound; what is wrong with them was printed.
#[derive(Debug, thiserror::Error)]
#[error("{unsound} of {all} unsound")]
struct Unsound {
    unsound: usize,
    all: usize,
}

impl Usage {
    fn new(message: impl Into<String>) -> Self {
        Usage {
            message: message.into(),
            hint: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Usage {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// A `what` of a name that is none of the `known`.
    fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        let error = Usage::new(format!("unknown {what} `{name}`"));
        if known.is_empty() {
            return error.hint(format!("there is no {what}"));
        }
        let list: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let list = list.join(", ");
        match nearest(name, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`? Known: {list}")),
            None => error.hint(format!("known: {list}")),
        }
    }
}

/// Starts the log as the command line wants it.
pub fn start_log(options: &cli::Log) {
    let format = match options.log_format {
        cli::LogFormat::Json => Format::Json,
        cli::LogFormat::Text => Format::Text {
            color: match options.color {
                cli::Color::Always => true,
                cli::Color::Never => false,
                cli::Color::Auto => log::wants_color(),
            },
        },
    };
    log::start(format, log::level(options.verbose, options.quiet));
}

/// Does what was asked for.
pub fn run(verb: Verb) -> anyhow::Result<()> {
    if let Verb::Serve(args) = verb {
        return serve::run(*args);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match verb {
        Verb::Serve(_) => Ok(()),
        Verb::Scenarios(args) => scenarios::run(&args, &mut out),
        Verb::Validate(args) => validate::run(&args, &mut out),
        Verb::Token(args) => token::run(&args, &mut out),
        Verb::Certs(args) => certs::run(&args, &mut out),
        Verb::Health(args) => health::run(&args, &mut out),
        Verb::Completions(args) => completions::run(&args, &mut out),
        Verb::Man(args) => man::run(&args, &mut out),
    };
    out.flush()?;
    done
}

/// Tells why a verb failed, and its exit code. Whoever closes our standard output has read enough: no error.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let mut err = io::stderr();
    // There is nobody else to tell.
    match error.downcast_ref::<Problems>() {
        Some(problems) => writeln!(err, "{problems}").ok(),
        None => format!("error: {error:#}")
            .lines()
            .try_for_each(|line| writeln!(err, "{}", safe(line)))
            .ok(),
    };
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() || error.is::<Problems>() || error.is::<Unsound>() {
        WRONG
    } else {
        COULD_NOT_RUN
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_usage_from_bad_luck() {
        let problems = Problems::of_file("a.yaml", "is empty", None);
        for (error, expected) in [
            (anyhow::Error::new(Usage::new("x")), 2),
            (anyhow::Error::new(problems).context("reading"), 2),
            (anyhow::Error::new(Unsound { unsound: 1, all: 2 }), 2),
            (anyhow::anyhow!("port 80 is taken"), 1),
        ] {
            assert_eq!(code(&error), expected, "{error:#}");
        }
    }

    #[test]
    fn an_unknown_name_comes_with_the_known_ones() {
        let near = Usage::unknown("timer", "hartbeat", &["heartbeat", "load"]);
        assert_eq!(
            near.to_string(),
            "unknown timer `hartbeat`\n  hint: did you mean `heartbeat`? Known: `heartbeat`, `load`"
        );
        let far = Usage::unknown("timer", "x", &["heartbeat"]);
        assert_eq!(
            far.to_string(),
            "unknown timer `x`\n  hint: known: `heartbeat`"
        );
        let none = Usage::unknown("timer", "x", &[]);
        assert_eq!(
            none.to_string(),
            "unknown timer `x`\n  hint: there is no timer"
        );
    }
}
