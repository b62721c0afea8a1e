//! The door: parse, log, run, exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use ws_mock::cli::Cli;
use ws_mock::cmd;

/// What one worker allocates another often frees: the journal's entries, what is pushed to many.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// mimalloc's `purge_delay`.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
    give_memory_back();
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    cmd::start_log(&cli.log);
    match cmd::run(cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cmd::failed(&error),
    }
}

/// Memory that is free goes back to the system at once. Otherwise it waits for the next free, which after a rush may
/// be hours away.
fn give_memory_back() {
    #[expect(
        unsafe_code,
        reason = "mimalloc's options have no safe interface; this sets a number and nothing else"
    )]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
    }
}
