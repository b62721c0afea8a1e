//! `ws-mock serve`: plays a scenario until it is asked to stop.

mod config;
mod tls;
mod watch;

use std::path::Path;

use anyhow::Context;

use super::{Usage, env};
use crate::{cli, disk, server};

pub(super) use config::addresses;
pub(super) use tls::own as own_certificate;

pub(super) fn run(args: cli::ServeArgs) -> anyhow::Result<()> {
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

async fn serve(args: cli::ServeArgs) -> anyhow::Result<()> {
    let stop = server::stop_token(args.listen.exit_with_parent)?;
    let for_load = args.clone();
    let load = move || {
        let scenario = disk::load(&for_load.scenario, &env)?;
        let config = config::resolve(&for_load, &scenario)?;
        Ok((scenario, config))
    };
    let Some((scenario, config)) = server::prepare(&stop, load).await? else {
        return Ok(());
    };
    let watched = !args.play.no_watch && !scenario.files.is_empty();
    let reloads = watched
        .then(|| watch::start(args, config.listen.clone(), &scenario))
        .transpose()
        .context("cannot watch the scenario")?;
    server::run(config, scenario, reloads, &stop).await
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
