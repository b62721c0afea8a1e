//! The door: parse, log, run, exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use ws_mock::cli::Cli;
use ws_mock::cmd;

/// What one worker allocates another often frees: the journal's entries, what is pushed to many.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    cmd::start_log(&cli.log);
    match cmd::run(cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cmd::failed(&error),
    }
}
