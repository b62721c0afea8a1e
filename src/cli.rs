//! The command line as it is typed: types for clap, whose doc comments are the help.
//!
//! Invariant: nothing is decided here but which of two contradictory options counts.

mod tips;
mod values;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, Resettable};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand,
    ValueEnum,
};
use clap_complete::Shell;

pub use values::{Assignment, Clock, ParentProcess, Seed};

const EXIT_CODES: &str = "Exit codes: 0 done; 1 could not run (a port taken, a certificate unreadable); \
                          2 wrong usage or an unsound scenario.";

/// Plays a real-time back end from a file, the scenario.
///
/// Every option of `serve` can also be set by an environment variable, which its help names; the command line takes
/// precedence. An empty variable counts as unset.
#[derive(Debug, Parser)]
#[command(name = "ws-mock", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
    #[command(flatten)]
    pub log: Log,
}

impl Cli {
    pub fn command() -> Command {
        with_variables(<Cli as CommandFactory>::command())
    }

    /// Reads a command line, the program's name first, and the environment.
    pub fn read<A: Into<OsString> + Clone>(
        line: impl IntoIterator<Item = A>,
    ) -> Result<Cli, clap::Error> {
        let matches = Cli::command()
            .try_get_matches_from(line)
            .map_err(tips::improve)?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        if let Some((_, typed)) = matches.subcommand() {
            cli.log.settle(typed)?;
            if let Verb::Serve(serve) = &mut cli.verb {
                serve.listen.settle(typed)?;
                serve.play.settle(typed);
            }
        }
        Ok(cli)
    }
}

/// Adapts all options to their variables. An empty one counts as unset, because compose files pass those on.
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

/// True if `off` must be dropped, false if `on` must: of two contradictory options a typed one beats a variable.
///
/// clap's own `conflicts_with` would also refuse a typed option that contradicts a variable.
fn contradiction(matches: &ArgMatches, on: &str, off: &str) -> Result<bool, clap::Error> {
    let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    if typed(on) == typed(off) {
        let option = |id: &str| format!("--{}", id.replace('_', "-"));
        let message = format!("`{}` cannot be used with `{}`", option(on), option(off));
        return Err(Cli::command().error(ErrorKind::ArgumentConflict, message));
    }
    Ok(typed(on))
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Play a scenario until Ctrl-C
    Serve(Box<Serve>),
    /// List the bundled scenarios, or show one
    Scenarios(Scenarios),
    /// Check scenario files and report every problem in them
    Validate(Validate),
    /// Print a token that a running scenario accepts
    Token(Token),
    /// Make the development certificate, and explain how to trust it
    Certs(Certs),
    /// Check that a running server answers
    Health(Health),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a man page
    Man(Man),
}

#[derive(Debug, Clone, Args)]
#[command(args_override_self = true)]
pub struct Serve {
    /// The name of a bundled scenario (see `ws-mock scenarios`) or a file
    #[arg(
        default_value = "stations",
        env = "WS_MOCK_SCENARIO",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub scenario: String,
    #[command(flatten)]
    pub listen: Listen,
    #[command(flatten)]
    pub play: Play,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub struct Listen {
    /// The host to listen on: `localhost` is 127.0.0.1 and `::1`, `0.0.0.0` is every interface
    #[arg(long, default_value = "localhost", env = "WS_MOCK_HOST")]
    pub host: String,
    /// The port instead of the scenario's; 0 takes a free one
    #[arg(short, long, env = "WS_MOCK_PORT")]
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
    /// Stop when this process ends; without PID, when the parent process ends
    #[arg(
        long,
        value_name = "PID",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "parent",
        env = "WS_MOCK_EXIT_WITH_PARENT"
    )]
    pub exit_with_parent: Option<ParentProcess>,
}

impl Listen {
    fn settle(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for (on, id) in [(self.ssl, "ssl"), (self.ssl_only, "ssl_only")] {
            if !(on && self.no_ssl) {
                continue;
            }
            if contradiction(matches, id, "no_ssl")? {
                self.no_ssl = false;
            } else {
                (self.ssl, self.ssl_only) = (false, false);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Playing")]
pub struct Play {
    /// The seed of every generated value: a number, or `random`
    #[arg(
        short,
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
    /// The number of items of a collection: `stations=2500`
    #[arg(
        long,
        value_name = "COLLECTION=N",
        env = "WS_MOCK_COUNT",
        value_delimiter = ','
    )]
    pub count: Vec<Assignment>,
    /// The interval of a timer: `heartbeat=5s`
    #[arg(
        long,
        value_name = "NAME=TIME",
        env = "WS_MOCK_TIMER",
        value_delimiter = ','
    )]
    pub timer: Vec<Assignment>,
    /// Run timers only when the control API fires them
    #[arg(long, env = "WS_MOCK_NO_TIMERS")]
    pub no_timers: bool,
    /// Answer unknown fields and filters with an error
    #[arg(long, env = "WS_MOCK_STRICT")]
    pub strict: bool,
    /// Inject a fault: `latency=200ms`, `drop,on=getStations,share=0.1`; separate several by `;`, in the environment also by spaces
    #[arg(
        long,
        value_name = "KIND[=VALUE][,on=…][,share=…]",
        env = "WS_MOCK_FAULT",
        value_delimiter = ';'
    )]
    pub fault: Vec<String>,
    /// Do not reload the scenario when its files change
    #[arg(long, env = "WS_MOCK_NO_WATCH")]
    pub no_watch: bool,
}

impl Play {
    /// In a variable white space separates faults; on the command line it may be in a name: `on=GET /api/x`.
    fn settle(&mut self, matches: &ArgMatches) {
        if matches.value_source("fault") == Some(ValueSource::EnvVariable) {
            let words = self.fault.iter().flat_map(|text| text.split_whitespace());
            self.fault = words.map(str::to_owned).collect();
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access and limits")]
pub struct Access {
    /// Let pages of this origin connect, `'*'` for all; local pages always may
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
    /// Turn the control API off
    #[arg(long, env = "WS_MOCK_NO_CONTROL")]
    pub no_control: bool,
    /// The maximum number of open connections [default: 20000]
    #[arg(long, value_name = "N", env = "WS_MOCK_MAX_CONNECTIONS")]
    pub max_connections: Option<NonZeroUsize>,
    /// The largest message and frame, such as 512KiB or 32MiB [default: 1MiB]
    #[arg(long, value_name = "SIZE", env = "WS_MOCK_MAX_MESSAGE")]
    pub max_message: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub struct Log {
    /// The format of log lines on standard error
    #[arg(
        long,
        global = true,
        value_name = "text|json",
        hide_possible_values = true,
        default_value = "text",
        env = "WS_MOCK_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
    /// Colours in the log: `auto` uses them on a terminal, unless `NO_COLOR` is set
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto",
        env = "WS_MOCK_COLOR"
    )]
    pub color: Color,
    /// Log each message as well; twice, internal events too
    #[arg(short, long, global = true, action = ArgAction::Count, env = "WS_MOCK_VERBOSE")]
    pub verbose: u8,
    /// Log warnings and errors only; twice, errors only
    #[arg(short, long, global = true, action = ArgAction::Count, env = "WS_MOCK_QUIET")]
    pub quiet: u8,
}

impl Log {
    fn settle(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if self.verbose > 0 && self.quiet > 0 {
            if contradiction(matches, "verbose", "quiet")? {
                self.quiet = 0;
            } else {
                self.verbose = 0;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Scenarios {
    #[command(subcommand)]
    pub verb: Option<ScenariosVerb>,
}

#[derive(Debug, Subcommand)]
pub enum ScenariosVerb {
    /// Print a scenario's file, to read it or to start from it
    Show {
        /// The scenario's name
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Validate {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Token {
    /// The scenario whose secret signs the token: a bundled name or a file
    #[arg(long, env = "WS_MOCK_SCENARIO")]
    pub scenario: String,
    /// A claim: `role=master`; the value is JSON if it parses as JSON
    #[arg(long, value_name = "NAME=VALUE")]
    pub claim: Vec<Assignment>,
    /// The token's lifetime, such as 90s or 1h [default: 24h]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Certs {
    #[command(subcommand)]
    pub verb: Option<CertsVerb>,
    /// Make a new authority and certificate; the authority must be trusted again
    #[arg(long)]
    pub force: bool,
    /// A further host name or address that the certificate is for
    #[arg(
        long,
        value_name = "NAME",
        env = "WS_MOCK_ALLOW_HOST",
        value_delimiter = ','
    )]
    pub allow_host: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum CertsVerb {
    /// Explain how systems, browsers and tools are made to trust the authority
    Trust,
}

#[derive(Debug, Args)]
pub struct Health {
    /// The server's URL, such as `https://localhost:10009`
    pub url: Option<String>,
    /// Without a URL: the server's port on this machine [default: the scenario's]
    #[arg(short, long, env = "WS_MOCK_PORT")]
    pub port: Option<u16>,
    /// The scenario that the server plays
    #[arg(long, default_value = "stations", env = "WS_MOCK_SCENARIO")]
    pub scenario: String,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    /// The verb whose page to print instead of ws-mock's own
    pub verb: Option<String>,
}

#[cfg(test)]
mod tests;
