//! The command line as it is typed: types for clap, whose doc comments are the help.
//!
//! Invariant: nothing is decided here; `cmd` turns these into decisions.

mod values;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, Resettable};
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand,
    ValueEnum,
};
use clap_complete::Shell;

pub use values::{Assignment, Clock, Seed};

const EXIT_CODES: &str = "Exit codes: 0 done; 1 could not run (a port taken, a certificate unreadable); \
                          2 wrong usage or an unsound scenario.";

/// Plays a real-time back end from a file, the scenario.
///
/// Every option of `serve` can also be given in the environment, as the help of each says; what the command line
/// says goes first. An empty variable is as good as none.
#[derive(Debug, Parser)]
#[command(name = "ws-mock", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What is to be done.
    #[command(subcommand)]
    pub verb: Verb,
    /// How it is logged.
    #[command(flatten)]
    pub log: Log,
}

impl Cli {
    /// The command for clap.
    pub fn command() -> Command {
        with_variables(<Cli as CommandFactory>::command())
    }

    /// Reads a command line, the program's name first, and the environment.
    pub fn read<A: Into<OsString> + Clone>(
        line: impl IntoIterator<Item = A>,
    ) -> Result<Cli, clap::Error> {
        let matches = Cli::command().try_get_matches_from(line)?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        if let (Verb::Serve(serve), Some((_, typed))) = (&mut cli.verb, matches.subcommand()) {
            serve.listen.settle(typed);
            serve.play.settle(typed);
        }
        Ok(cli)
    }
}

/// What holds for the variables of all options. One that is set to nothing is none: compose files pass those on.
fn with_variables(command: Command) -> Command {
    let adapt = |arg: Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        if value.is_some_and(|value| value.is_empty()) {
            return arg.env(Resettable::Reset);
        }
        let arg = arg.hide_env_values(true);
        match arg.get_action() {
            ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
            _ => arg,
        }
    };
    command.mut_args(adapt).mut_subcommands(with_variables)
}

/// What ws-mock can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Play a scenario until Ctrl-C
    Serve(Box<Serve>),
    /// List the scenarios inside the binary, or show one
    Scenarios(Scenarios),
    /// Check scenario files and tell every problem in them
    Validate(Validate),
    /// Print a token that a running scenario accepts
    Token(Token),
    /// Make the development certificate, and tell how to trust it
    Certs(Certs),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a man page
    Man(Man),
}

/// `serve`
#[derive(Debug, Clone, Args)]
#[command(args_override_self = true)]
pub struct Serve {
    /// A bundled scenario's name (see `ws-mock scenarios`) or a file
    #[arg(
        default_value = "stations",
        env = "WS_MOCK_SCENARIO",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub scenario: String,
    /// Where it listens.
    #[command(flatten)]
    pub listen: Listen,
    /// How its world is made and moved.
    #[command(flatten)]
    pub play: Play,
    /// Who may talk to it, and how much.
    #[command(flatten)]
    pub access: Access,
}

/// Where `serve` listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub struct Listen {
    /// The host to listen on: `localhost` is 127.0.0.1 and `::1`, `0.0.0.0` is everywhere
    #[arg(long, default_value = "localhost", env = "WS_MOCK_HOST")]
    pub host: String,
    /// The port instead of the scenario's; 0 takes a free one
    #[arg(long, env = "WS_MOCK_PORT")]
    pub port: Option<u16>,
    /// Turn TLS on; plain ws:// and http:// are still answered on the same port
    #[arg(long, env = "WS_MOCK_SSL")]
    pub ssl: bool,
    /// Turn TLS off
    #[arg(long, env = "WS_MOCK_NO_SSL")]
    pub no_ssl: bool,
    /// Turn TLS on, and refuse plain ws:// and http://
    #[arg(long, env = "WS_MOCK_SSL_ONLY")]
    pub ssl_only: bool,
    /// A certificate chain (PEM) instead of the development certificate; turns TLS on
    #[arg(long, value_name = "FILE", env = "WS_MOCK_CERT", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The private key (PEM) of the chain
    #[arg(long, value_name = "FILE", env = "WS_MOCK_KEY", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Write process id, port and URLs to this file (JSON) once connections are accepted
    #[arg(long, value_name = "FILE", env = "WS_MOCK_READY_FILE")]
    pub ready_file: Option<PathBuf>,
}

impl Listen {
    /// Of TLS on and off the last one typed counts, and what was typed goes before what the environment says.
    fn settle(&mut self, matches: &ArgMatches) {
        let rank = |given: bool, id| {
            let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
            given.then(|| (typed, matches.index_of(id)))
        };
        let on = rank(self.ssl, "ssl").max(rank(self.ssl_only, "ssl_only"));
        let off = rank(self.no_ssl, "no_ssl");
        if off > on {
            (self.ssl, self.ssl_only) = (false, false);
        } else {
            self.no_ssl = false;
        }
    }
}

/// How the world of `serve` is made and moved.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Playing")]
pub struct Play {
    /// What fixes every generated value: a number, or `random`
    #[arg(
        long,
        value_name = "N|random",
        default_value = "1",
        env = "WS_MOCK_SEED"
    )]
    pub seed: Seed,
    /// `real`, `manual` (held at the time of the start), or a time such as 2024-01-20T10:30:00Z to hold it at
    #[arg(
        long,
        value_name = "real|manual|TIME",
        default_value = "real",
        env = "WS_MOCK_CLOCK"
    )]
    pub clock: Clock,
    /// How many items a collection has: `stations=2500`
    #[arg(
        long,
        value_name = "COLLECTION=N",
        env = "WS_MOCK_COUNT",
        value_delimiter = ','
    )]
    pub count: Vec<Assignment>,
    /// How often a timer runs: `heartbeat=5s`
    #[arg(
        long,
        value_name = "NAME=TIME",
        env = "WS_MOCK_TIMER",
        value_delimiter = ','
    )]
    pub timer: Vec<Assignment>,
    /// Let no timer run by itself
    #[arg(long, env = "WS_MOCK_NO_TIMERS")]
    pub no_timers: bool,
    /// Answer unknown fields and filters with an error
    #[arg(long, env = "WS_MOCK_STRICT")]
    pub strict: bool,
    /// Break something on purpose: `latency=200ms`, `drop,on=getStations,share=0.1`; several are parted by `;`, in the environment by blanks too
    #[arg(
        long,
        value_name = "KIND[=VALUE][,on=…][,share=…]",
        env = "WS_MOCK_FAULT",
        value_delimiter = ';'
    )]
    pub fault: Vec<String>,
    /// Leave a changed scenario file alone until the next start
    #[arg(long, env = "WS_MOCK_NO_WATCH")]
    pub no_watch: bool,
}

impl Play {
    /// In the environment white space parts faults; typed, it may be in a name: `on=GET /api/x`.
    fn settle(&mut self, matches: &ArgMatches) {
        if matches.value_source("fault") == Some(ValueSource::EnvVariable) {
            let words = self.fault.iter().flat_map(|text| text.split_whitespace());
            self.fault = words.map(str::to_owned).collect();
        }
    }
}

/// Who may talk to `serve`, and how much.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access and limits")]
pub struct Access {
    /// Let pages of this origin connect, `'*'` for all; local ones may anyway
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "WS_MOCK_ALLOW_ORIGIN",
        value_delimiter = ','
    )]
    pub allow_origin: Vec<String>,
    /// Answer to this host name too, in containers and behind proxies
    #[arg(
        long,
        value_name = "NAME",
        env = "WS_MOCK_ALLOW_HOST",
        value_delimiter = ','
    )]
    pub allow_host: Vec<String>,
    /// Open the control API to pages of this origin
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "WS_MOCK_CONTROL_ORIGIN",
        value_delimiter = ','
    )]
    pub control_origin: Vec<String>,
    /// Take the control API away
    #[arg(long, env = "WS_MOCK_NO_CONTROL")]
    pub no_control: bool,
    /// Connections at one time [default: 20000]
    #[arg(long, value_name = "N", env = "WS_MOCK_MAX_CONNECTIONS")]
    pub max_connections: Option<NonZeroUsize>,
    /// The largest message and frame, such as 512KiB or 32MiB [default: 1MiB]
    #[arg(long, value_name = "SIZE", env = "WS_MOCK_MAX_MESSAGE")]
    pub max_message: Option<String>,
}

/// What is logged, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub struct Log {
    /// Lines of text or of JSON, on standard error
    #[arg(
        long,
        global = true,
        value_name = "text|json",
        hide_possible_values = true,
        default_value = "text",
        env = "WS_MOCK_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
    /// Colours in it: `auto` has them on a terminal, unless `NO_COLOR` is set
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto",
        env = "WS_MOCK_COLOR"
    )]
    pub color: Color,
    /// Log each message as well; twice, what happens inside
    #[arg(short, long, global = true, action = ArgAction::Count, env = "WS_MOCK_VERBOSE")]
    pub verbose: u8,
    /// Log warnings and errors only; twice, errors only
    #[arg(short, long, global = true, action = ArgAction::Count, env = "WS_MOCK_QUIET")]
    pub quiet: u8,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// For machines
    Json,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `scenarios`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Scenarios {
    /// Absent: list them.
    #[command(subcommand)]
    pub verb: Option<ScenariosVerb>,
}

/// `scenarios …`
#[derive(Debug, Subcommand)]
pub enum ScenariosVerb {
    /// Print a scenario's file, to read it or to start from it
    Show {
        /// The scenario's name
        name: String,
    },
}

/// `validate`
#[derive(Debug, Args)]
pub struct Validate {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// `token`
#[derive(Debug, Args)]
pub struct Token {
    /// The scenario whose secret signs it: a bundled name or a file
    #[arg(long, env = "WS_MOCK_SCENARIO")]
    pub scenario: String,
    /// What it claims: `role=master`; the value is JSON where it parses
    #[arg(long, value_name = "NAME=VALUE")]
    pub claim: Vec<Assignment>,
    /// How long it is good for, such as 90s or 1h [default: 24h]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

/// `certs`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Certs {
    /// Absent: make what is missing, and show it.
    #[command(subcommand)]
    pub verb: Option<CertsVerb>,
    /// Make the authority and the certificate anew; the authority has to be trusted again
    #[arg(long)]
    pub force: bool,
}

/// `certs …`
#[derive(Debug, Subcommand)]
pub enum CertsVerb {
    /// Tell how systems, browsers and tools come to trust the authority
    Trust,
}

/// `completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// `man`
#[derive(Debug, Args)]
pub struct Man {
    /// The verb to tell about; absent: ws-mock itself
    pub verb: Option<String>,
}

#[cfg(test)]
mod tests;
