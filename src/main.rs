//! Parses the command line, starts the log, runs the verb, returns its exit code.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use mimalloc::MiMalloc;
use ws_mock::cli::Cli;
use ws_mock::cmd;

/// Journal entries and pushes are often freed on another thread than the one that allocated them, which mimalloc
/// does without contention.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How often free memory is returned to the system. If every free did, large answers would fault their pages in anew;
/// if none did, the memory of a burst would stay until the next.
const RETURN_MEMORY_EVERY: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    return_memory();
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    cmd::start_log(&cli.log);
    match cmd::run(cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cmd::failed(&error),
    }
}

fn return_memory() {
    let collect = || {
        loop {
            thread::sleep(RETURN_MEMORY_EVERY);
            #[expect(
                unsafe_code,
                reason = "the call has no safe interface, and takes no pointers"
            )]
            unsafe {
                libmimalloc_sys::mi_collect(true);
            }
        }
    };
    let thread = thread::Builder::new().name("memory".to_owned());
    // Without the thread the process only uses more memory.
    thread.spawn(collect).ok();
}
