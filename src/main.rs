//! The door: parse, log, run, exit code.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use mimalloc::MiMalloc;
use ws_mock::cli::Cli;
use ws_mock::cmd;

/// What one worker allocates another often frees: the journal's entries, what is pushed to many.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How often memory that is free goes back to the system. At every free, answers of many kilobytes would fault their
/// pages in anew; left alone, what a rush took stays until the next.
const GIVE_BACK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    give_memory_back();
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    cmd::start_log(&cli.log);
    match cmd::run(cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cmd::failed(&error),
    }
}

/// Looks after the memory for as long as the process lives. Without the thread it only holds more.
fn give_memory_back() {
    let look_after = || {
        loop {
            thread::sleep(GIVE_BACK);
            #[expect(
                unsafe_code,
                reason = "mimalloc's collection has no safe interface; it takes no pointers"
            )]
            unsafe {
                libmimalloc_sys::mi_collect(true);
            }
        }
    };
    thread::Builder::new()
        .name("memory".to_owned())
        .spawn(look_after)
        .ok();
}
