//! The command line as it is typed: types for clap, whose doc comments are the help.
//!
//! Invariant: nothing is decided here but which of two contradictory options counts.

mod tips;
mod values;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Id, Parser,
    Subcommand, ValueEnum,
};
use clap_complete::Shell;

use crate::config::ClockStart;

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
    pub verb: CliVerb,
    #[command(flatten)]
    pub log: LogArgs,
}

impl Cli {
    pub fn command() -> Command {
        let command = <Cli as CommandFactory>::command();
        let serve = command.find_subcommand("serve").into_iter();
        let options = serve.flat_map(Command::get_arguments);
        let options = options.chain(command.get_arguments());
        let ids: Vec<_> = options.map(|option| option.get_id().clone()).collect();
        with_variables(command, &ids)
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
            if let CliVerb::Serve(serve) = &mut cli.verb {
                serve.listen.settle(typed)?;
                serve.play.settle(typed);
            }
        }
        Ok(cli)
    }
}

/// Gives the options of `serve`, wherever they occur, their variables: `WS_MOCK_PORT` is that of `--port`.
fn with_variables(command: Command, ids: &[Id]) -> Command {
    let adapt = |arg: Arg| {
        if !ids.contains(arg.get_id()) {
            return arg;
        }
        let name = format!("WS_MOCK_{}", arg.get_id().as_str().to_uppercase());
        // An empty one counts as unset, because compose files pass those on.
        if std::env::var_os(&name).is_some_and(|value| value.is_empty()) {
            return arg;
        }
        let arg = match arg.get_action() {
            ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
            _ => arg,
        };
        arg.env(OsString::from(name)).hide_env_values(true)
    };
    let command = command.mut_args(adapt);
    command.mut_subcommands(|verb| with_variables(verb, ids))
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
pub enum CliVerb {
    /// Play a scenario until Ctrl-C
    Serve(Box<ServeArgs>),
    /// List the bundled scenarios, or show one
    Scenarios(ScenariosArgs),
    /// Check scenario files and report every problem in them
    Validate(ValidateArgs),
    /// Print a token that a running scenario accepts
    Token(TokenArgs),
    /// Make the development certificate, and explain how to trust it
    Certs(CertsArgs),
    /// Check that a running server answers
    Health(HealthArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print a man page
    Man(ManArgs),
}

#[derive(Debug, Clone, Args)]
#[command(args_override_self = true)]
pub struct ServeArgs {
    /// The name of a bundled scenario (see `ws-mock scenarios`) or a file
    #[arg(
        default_value = "stations",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub scenario: String,
    #[command(flatten)]
    pub listen: ListenArgs,
    #[command(flatten)]
    pub play: PlayArgs,
    #[command(flatten)]
    pub access: AccessArgs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub struct ListenArgs {
    /// The host to listen on: `localhost` is 127.0.0.1 and `::1`, `0.0.0.0` is every interface
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// The port instead of the scenario's; 0 takes a free one
    #[arg(short, long)]
    pub port: Option<u16>,
    /// Turn TLS on; plain ws:// and http:// are still answered on the same port
    #[arg(long)]
    pub ssl: bool,
    /// Turn TLS off
    #[arg(long)]
    pub no_ssl: bool,
    /// Turn TLS on, and refuse plain ws:// and http://
    #[arg(long)]
    pub ssl_only: bool,
    /// A certificate chain (PEM) instead of the development certificate; turns TLS on
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The private key (PEM) of the chain
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Write process id, port and URLs to this file (JSON) once connections are accepted
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Stop when this process ends, without PID when the parent process does
    #[arg(
        long,
        value_name = "PID",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "0"
    )]
    pub exit_with_parent: Option<u32>,
}

impl ListenArgs {
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
pub struct PlayArgs {
    /// The seed of every generated value: a number, or `random`
    #[arg(short, long, value_name = "N|random", default_value = "1", value_parser = values::seed)]
    pub seed: u64,
    /// `real`, `manual` (held at the time of the start), or a time such as 2024-01-20T10:30:00Z to hold it at
    #[arg(long, value_name = "real|manual|TIME", default_value = "real")]
    pub clock: ClockStart,
    /// The number of items of a collection: `stations=2500`
    #[arg(long, value_name = "COLLECTION=N", value_delimiter = ',', value_parser = values::count)]
    pub count: Vec<(String, u64)>,
    /// The interval of a timer: `heartbeat=5s`
    #[arg(long, value_name = "NAME=TIME", value_delimiter = ',', value_parser = values::interval)]
    pub timer: Vec<(String, Duration)>,
    /// Run timers only when the control API fires them
    #[arg(long)]
    pub no_timers: bool,
    /// Answer unknown fields and filters with an error
    #[arg(long)]
    pub strict: bool,
    /// Inject a fault: `latency=200ms`, `drop,on=getStations,share=0.1`; separate several by `;`, in the environment also by spaces
    #[arg(
        long,
        value_name = "KIND[=VALUE][,on=…][,share=…]",
        value_delimiter = ';'
    )]
    pub fault: Vec<String>,
    /// Do not reload the scenario when its files change
    #[arg(long)]
    pub no_watch: bool,
}

impl PlayArgs {
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
pub struct AccessArgs {
    /// Let pages of this origin connect, `'*'` for all; local pages always may
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', value_parser = values::origin)]
    pub allow_origin: Vec<String>,
    /// Answer to this host name too, in containers and behind proxies
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = values::host_name)]
    pub allow_host: Vec<String>,
    /// Open the control API to pages of this origin
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', value_parser = values::origin)]
    pub control_origin: Vec<String>,
    /// Turn the control API off
    #[arg(long)]
    pub no_control: bool,
    /// The maximum number of open connections [default: 20000]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<NonZeroUsize>,
    /// The largest message and frame, such as 512KiB or 32MiB [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub max_message: Option<usize>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// The format of log lines on standard error
    #[arg(
        long,
        global = true,
        value_name = "text|json",
        hide_possible_values = true,
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// Colours in the log: `auto` uses them on a terminal, unless `NO_COLOR` is set
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto"
    )]
    pub color: Color,
    /// Log each message as well; twice, internal events too
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Log warnings and errors only; twice, errors only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,
}

impl LogArgs {
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
pub struct ScenariosArgs {
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
pub struct ValidateArgs {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The scenario whose secret signs the token: a bundled name or a file
    #[arg(long)]
    pub scenario: String,
    /// A claim: `role=master`; the value is JSON if it parses as JSON
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment)]
    pub claim: Vec<(String, String)>,
    /// The token's lifetime, such as 90s or 1h [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub expires: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CertsArgs {
    #[command(subcommand)]
    pub verb: Option<CertsVerb>,
    /// Make a new authority and certificate; the authority must be trusted again
    #[arg(long)]
    pub force: bool,
    /// A further host name or address that the certificate is for
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = values::host_name)]
    pub allow_host: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum CertsVerb {
    /// Explain how systems, browsers and tools are made to trust the authority
    Trust,
}

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The server's URL, such as `https://localhost:10009`
    pub url: Option<String>,
    /// Without a URL: the server's port on this machine [default: the scenario's]
    #[arg(short, long)]
    pub port: Option<u16>,
    /// The scenario that the server plays
    #[arg(long, default_value = "stations")]
    pub scenario: String,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The verb whose page to print instead of ws-mock's own
    pub verb: Option<String>,
}

#[cfg(test)]
mod tests;
