//! `ws-mock serve`: a scenario, played until a signal comes.

mod config;
mod tls;
mod watch;

use anyhow::Context;

use super::env;
use crate::{cli, scenario, server};

pub(super) use tls::own as own_certificate;

pub(super) fn run(args: &cli::Serve) -> anyhow::Result<()> {
    let scenario = scenario::load(&args.scenario, &env)?;
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
