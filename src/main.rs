//! The door: parse, log, run, exit code.

use std::process::ExitCode;

use ws_mock::cli::Cli;
use ws_mock::cmd;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    cmd::start_log(&cli.log);
    match cmd::run(cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cmd::failed(&error),
    }
}
