//! The verbs of the command line, one file each, and how their errors are reported.
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
use crate::cli::{self, CliVerb};
use crate::lang::{Problems, nearest};
use crate::log::{self, Format};

/// A wrong command line, which no second attempt would make right. Reported with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default())]
pub struct Usage {
    message: String,
    hint: Option<String>,
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

pub fn start_log(options: &cli::LogArgs) {
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

pub fn run(verb: CliVerb) -> anyhow::Result<()> {
    if let CliVerb::Serve(args) = verb {
        return serve::run(*args);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match verb {
        CliVerb::Serve(_) => Ok(()),
        CliVerb::Scenarios(args) => scenarios::run(&args, &mut out),
        CliVerb::Validate(args) => validate::run(&args, &mut out),
        CliVerb::Token(args) => token::run(&args, &mut out),
        CliVerb::Certs(args) => certs::run(&args, &mut out),
        CliVerb::Health(args) => health::run(&args, &mut out),
        CliVerb::Completions(args) => completions::run(&args, &mut out),
        CliVerb::Man(args) => man::run(&args, &mut out),
    };
    out.flush()?;
    done
}

/// Reports why a verb failed, and returns its exit code.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    // A reader that closes our standard output has read enough.
    let io = error.downcast_ref::<io::Error>();
    if io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let text = match error.downcast_ref::<Problems>() {
        Some(problems) => problems.to_string(),
        None => {
            let text = format!("error: {error:#}");
            let lines: Vec<_> = text.lines().map(|line| safe(line).to_string()).collect();
            lines.join("\n")
        }
    };
    // A closed standard error leaves nowhere to report to.
    writeln!(io::stderr(), "{text}").ok();
    ExitCode::from(code(error))
}

/// 2 for wrong usage and unsound scenarios, 1 for what could not be done, such as listening on a taken port.
fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() || error.is::<Problems>() {
        2
    } else {
        1
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_usage_has_its_own_exit_code() {
        let problems = Problems::of_file("a.yaml", "is empty", None);
        for (error, expected) in [
            (anyhow::Error::new(Usage::new("x")), 2),
            (anyhow::Error::new(problems).context("reading"), 2),
            (anyhow::anyhow!("port 80 is taken"), 1),
        ] {
            assert_eq!(code(&error), expected, "{error:#}");
        }
    }

    #[test]
    fn unknown_names_come_with_the_known_ones() {
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
