//! `ws-mock serve`: a scenario, played until a signal comes.

mod config;
mod tls;
mod watch;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

use super::{Usage, env};
use crate::{cli, lang, server};

pub(super) use tls::own as own_certificate;

pub(super) fn run(args: &cli::Serve) -> anyhow::Result<()> {
    if let Some(path) = &args.listen.ready_file {
        forget(path)?;
    }
    let scenario = lang::load(&args.scenario, &env)?;
    let config = config::resolve(args, &scenario)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let served = runtime.block_on(async {
        if args.play.no_watch || scenario.files.is_empty() {
            return server::run(config, scenario, None).await;
        }
        let (watch, reloads) = watch::Watch::new(args.clone(), config.clone(), &scenario);
        tokio::select! {
            served = server::run(config, scenario, Some(reloads)) => served,
            never = watch.run() => match never {},
        }
    });
    runtime.shutdown_background();
    served
}

/// Whoever waits for the ready file must not find that of an earlier run. What is no file is nothing of ours.
fn forget(path: &Path) -> anyhow::Result<()> {
    if let Ok(there) = fs::symlink_metadata(path)
        && !there.is_file()
    {
        let path = path.display();
        return Err(Usage::new(format!(
            "ready file `{path}` is there and is no regular file"
        ))
        .hint("a name that is free, or that of an earlier ready file, is needed")
        .into());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error)
            .with_context(|| format!("ready file `{}` cannot be replaced", path.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_file_of_an_earlier_run_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ready.json");
        fs::write(&file, "{}").unwrap();
        forget(&file).unwrap();
        assert!(!file.exists());
        forget(&file).unwrap();
        for other in [folder.path(), Path::new("/dev/null")] {
            let error = forget(other).unwrap_err();
            assert!(error.to_string().starts_with("ready file `"), "{error}");
            assert!(other.exists());
        }
    }
}
