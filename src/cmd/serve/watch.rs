//! A scenario's files, watched: saved and sound, the scenario is handed on; unsound, its problems are shown.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, future};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::super::env;
use super::config;
use crate::cli;
use crate::config::Config;
use crate::disk::load;
use crate::lang::Problems;
use crate::lang::model::Scenario;
use crate::server::Reload;

/// An editor saves in several strokes; the last of them counts.
const SETTLE: Duration = Duration::from_millis(100);

/// Reloads a scenario whenever its files change.
pub(super) struct Watch {
    args: cli::Serve,
    start: Config,
    files: Vec<PathBuf>,
    seen: Vec<Stamp>,
    reloads: mpsc::Sender<Reload>,
}

/// What changes with a file; `None` when it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Watch {
    /// A watch over the files of `scenario`, and where its reloads arrive.
    pub(super) fn new(
        args: cli::Serve,
        start: Config,
        scenario: &Scenario,
    ) -> (Watch, mpsc::Receiver<Reload>) {
        let (reloads, receiver) = mpsc::channel(1);
        let files = scenario.files.clone();
        let seen = stamps(&files);
        let watch = Watch {
            args,
            start,
            files,
            seen,
            reloads,
        };
        (watch, receiver)
    }

    /// Watches until dropped.
    pub(super) async fn run(mut self) -> Infallible {
        let (bell, mut rings) = mpsc::channel(1);
        let mut watcher = match watcher(bell) {
            Ok(watcher) => watcher,
            Err(error) => {
                tracing::warn!(%error, "the scenario is not watched");
                return future::pending().await;
            }
        };
        let mut folders = BTreeSet::new();
        loop {
            watch_new(&mut watcher, &mut folders, &self.files);
            let now = stamps(&self.files);
            if now != self.seen {
                self.seen = now;
                self.reload().await;
                continue;
            }
            if rings.recv().await.is_none() {
                return future::pending().await;
            }
            sleep(SETTLE).await;
        }
    }

    async fn reload(&mut self) {
        let (args, start) = (self.args.clone(), self.start.clone());
        let read = move || {
            let scenario = load(&args.scenario, &env)?;
            Ok(Reload {
                config: config::again(&start, &args, &scenario)?,
                pending: config::pending(&start.listen, &args.listen, &scenario),
                scenario,
            })
        };
        let read = spawn_blocking(read).await;
        match read.map_err(anyhow::Error::from).flatten() {
            Ok(reload) => self.hand_on(reload).await,
            Err(error) => show(&error),
        }
    }

    async fn hand_on(&mut self, reload: Reload) {
        let files = &reload.scenario.files;
        if *files != self.files {
            self.files.clone_from(files);
            self.seen = stamps(files);
        }
        // Without a receiver the server is stopping.
        self.reloads.send(reload).await.ok();
    }
}

/// Rings for whatever happens in a watched folder.
fn watcher(bell: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
        // One that waits stands for all that come meanwhile.
        bell.try_send(()).ok();
    })
}

/// Folders are watched, not files: an editor that saves by renaming would take a file's watch away with it.
fn watch_new(watcher: &mut impl Watcher, folders: &mut BTreeSet<PathBuf>, files: &[PathBuf]) {
    for file in files {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        if folders.contains(&folder) {
            continue;
        }
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            tracing::warn!(folder = %folder.display(), %error, "a folder of the scenario is not watched");
        }
        folders.insert(folder);
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let of = fs::metadata(file).ok()?;
        Some((of.modified().ok()?, of.len()))
    };
    files.iter().map(stamp).collect()
}

fn show(error: &anyhow::Error) {
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
    tracing::warn!("the scenario stays as it was");
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::cli::{Cli, Verb};

    const SHOP: &str = "scenario: shop\ntitle: one\nlisten: { tls: false }\n";

    /// Far more than it takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_saved_file_is_handed_on_once_it_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.yaml");
        fs::write(&file, SHOP).unwrap();
        let line = ["ws-mock", "serve", file.to_str().unwrap()];
        let Verb::Serve(args) = Cli::read(line).unwrap().verb else {
            panic!("not served");
        };
        let scenario = load(&args.scenario, &env).unwrap();
        let start = config::resolve(&args, &scenario).unwrap();
        let (watch, mut reloads) = Watch::new(*args, start, &scenario);
        let edit = async {
            // Until it is handed on, however late the watch begins.
            let mut round = 0;
            loop {
                round += 1;
                fs::write(&file, "scenario: [").unwrap();
                sleep(SETTLE).await;
                let saved = folder.path().join("shop.yaml~");
                let longer = "#".repeat(round);
                fs::write(&saved, format!("{}{longer}\n", SHOP.replace("one", "two"))).unwrap();
                fs::rename(&saved, &file).unwrap();
                if let Ok(reload) = timeout(SETTLE * 10, reloads.recv()).await {
                    return reload.unwrap();
                }
            }
        };
        let reload = tokio::select! {
            never = watch.run() => match never {},
            reload = timeout(PATIENCE, edit) => reload.unwrap(),
        };
        assert_eq!(reload.scenario.title, "two");
    }
}
