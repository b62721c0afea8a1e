//! `ws-mock serve`: plays a scenario until it is asked to stop.

mod config;
mod tls;
mod watch;

use std::path::Path;

use anyhow::Context;

use super::{Usage, env};
use crate::cli::{self, ParentProcess};
use crate::disk;
use crate::server::{self, Parent};

pub(super) use config::addresses;
pub(super) use tls::own as own_certificate;

pub(super) fn run(args: cli::Serve) -> anyhow::Result<()> {
    if let Some(path) = &args.listen.ready_file {
        check_ready_file(path)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(serve(args));
    // Data may still be made, for a start or a reload that is not wanted any more.
    runtime.shutdown_background();
    served
}

async fn serve(args: cli::Serve) -> anyhow::Result<()> {
    let parent = args.listen.exit_with_parent.map(|parent| match parent {
        ParentProcess::Own => Parent::Own,
        ParentProcess::Id(id) => Parent::Id(id),
    });
    let stop = server::stop_token(parent)?;
    let for_load = args.clone();
    let load = move || {
        let scenario = disk::load(&for_load.scenario, &env)?;
        let config = config::resolve(&for_load, &scenario)?;
        Ok((scenario, config))
    };
    let Some((scenario, config)) = server::prepare(&stop, load).await? else {
        return Ok(());
    };
    if args.play.no_watch || scenario.files.is_empty() {
        return server::run(config, scenario, None, &stop).await;
    }
    let (watch, reloads) = watch::Watch::new(args, config.clone(), &scenario);
    tokio::select! {
        served = server::run(config, scenario, Some(reloads), &stop) => served,
        never = watch.run() => match never {},
    }
}

/// The path must be free or have a regular file, which may be an earlier ready file.
fn check_ready_file(path: &Path) -> Result<(), Usage> {
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => {
            let path = path.display();
            let message = format!("ready file `{path}` exists and is not a regular file");
            Err(Usage::new(message).hint("use a free name, or that of an earlier ready file"))
        }
        _ => Ok(()),
    }
}
