//! Watches a scenario's files. A changed scenario that passes its checks is handed on; otherwise its problems are logged.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use std::{fs, io, thread};

use tokio::sync::mpsc;

use super::super::env;
use super::config;
use crate::cli;
use crate::config::Listen;
use crate::disk::load;
use crate::lang::Problems;
use crate::lang::model::Scenario;
use crate::server::Reload;

/// The files are looked at instead of asking the system for events, which do not cross the mounts of containers and
/// get lost when an editor saves by renaming.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Changes with a file; `None` if it is missing.
type FileStamp = Option<(SystemTime, u64)>;

/// Watches until the receiver is dropped.
pub(super) fn start(
    args: cli::ServeArgs,
    listen: Listen,
    scenario: &Scenario,
) -> io::Result<mpsc::Receiver<Reload>> {
    let (reloads, receiver) = mpsc::channel(1);
    let mut files = scenario.files.clone();
    let mut seen = stamps(&files);
    let watch = move || {
        while !reloads.is_closed() {
            thread::sleep(LOOK_EVERY);
            let now = stamps(&files);
            if now == seen {
                continue;
            }
            seen = settled(&files, now);
            match reload(&args, &listen) {
                Ok(reload) => {
                    if reload.scenario.files != files {
                        files.clone_from(&reload.scenario.files);
                        seen = stamps(&files);
                    }
                    // Without a receiver the server is stopping.
                    reloads.blocking_send(reload).ok();
                }
                Err(error) => log(&error),
            }
        }
    };
    thread::Builder::new()
        .name("watch".to_owned())
        .spawn(watch)?;
    Ok(receiver)
}

/// The stamps once they stay the same: an editor saves in several steps.
fn settled(files: &[PathBuf], mut last: Vec<FileStamp>) -> Vec<FileStamp> {
    loop {
        thread::sleep(LOOK_EVERY);
        let now = stamps(files);
        if now == last {
            return now;
        }
        last = now;
    }
}

fn stamps(files: &[PathBuf]) -> Vec<FileStamp> {
    let stamp = |file: &PathBuf| {
        let found = fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    files.iter().map(stamp).collect()
}

fn reload(args: &cli::ServeArgs, start: &Listen) -> anyhow::Result<Reload> {
    let scenario = load(&args.scenario, &env)?;
    config::reload(start, args, scenario)
}

fn log(error: &anyhow::Error) {
    match error.downcast_ref::<Problems>() {
        None => tracing::error!("{error:#}"),
        Some(problems) => {
            for problem in problems.iter() {
                let mut line = problem.clone();
                let hint = line.hint.take();
                tracing::error!(hint, "{line}");
            }
        }
    }
    tracing::warn!("the old scenario stays");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, CliVerb};

    const SHOP: &str = "scenario: shop\ntitle: one\nlisten: { tls: false }\n";

    #[test]
    fn saved_file_is_handed_on_once_it_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.yaml");
        fs::write(&file, SHOP).unwrap();
        let line = ["ws-mock", "serve", file.to_str().unwrap()];
        let CliVerb::Serve(args) = Cli::read(line).unwrap().verb else {
            panic!("not served");
        };
        let scenario = load(&args.scenario, &env).unwrap();
        let config = config::resolve(&args, &scenario).unwrap();
        let mut reloads = start(*args, config.listen, &scenario).unwrap();
        fs::write(&file, "scenario: [").unwrap();
        // Long enough to be seen: nothing is handed on.
        thread::sleep(LOOK_EVERY * 4);
        let saved = folder.path().join("shop.yaml~");
        fs::write(&saved, SHOP.replace("one", "two")).unwrap();
        fs::rename(&saved, &file).unwrap();
        assert_eq!(reloads.blocking_recv().unwrap().scenario.title, "two");
    }
}
