//! A server from its start to its stop.

use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{Claim, Server};
use crate::base::Limits;
use crate::base::text::safe;
use crate::config::Config;
use crate::control;
use crate::hub::Hub;
use crate::lang::model::Scenario;

/// How long data may be made without a word.
const SILENCE: Duration = Duration::from_secs(3);

/// A changed scenario that passed its checks.
#[derive(Debug)]
pub struct Reload {
    pub scenario: Arc<Scenario>,
    pub limits: Limits,
    /// Changed settings that only a restart can apply, such as `listen.port: 4000`.
    pub pending: Vec<String>,
}

/// Does long work on a thread of its own; `None` if the process is asked to stop first.
///
/// On a worker of the runtime it would hold up signals, timers and connections.
pub async fn prepare<T: Send + 'static>(
    stop: &CancellationToken,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<Option<T>> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        done = spawn_blocking(work) => Ok(Some(done.context("internal error")??)),
    }
}

/// Serves until `stop` is cancelled.
pub async fn run(
    config: Config,
    scenario: Arc<Scenario>,
    reloads: Option<mpsc::Receiver<Reload>>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let claim = Claim::new(&config.listen)?;
    let Some(hub) = make(&config, scenario, stop).await? else {
        return Ok(());
    };
    let addresses = Arc::new(OnceLock::new());
    let api = control::handler(hub.clone(), addresses.clone());
    let server = Server::new(claim, &config, hub.clone(), Some(api))?;
    let urls = server.urls().clone();
    addresses.get_or_init(|| vec![urls.ws.clone(), urls.http, urls.control]);
    log_start(&hub, &server);
    let accepting = server.accept()?;
    // After everything that can fail. Without a reader of standard output the server serves all the same.
    writeln!(std::io::stdout(), "listening on {}", safe(&urls.ws)).ok();
    // A task of its own, because a timer's turn may take long.
    let timers = tokio::spawn({
        let hub = hub.clone();
        async move { hub.run_timers().await }
    });
    tokio::select! {
        () = stop.cancelled() => {}
        () = apply(&hub, reloads) => {}
    }
    accepting.close().await;
    timers.abort();
    Ok(())
}

async fn make(
    config: &Config,
    scenario: Arc<Scenario>,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Hub>> {
    let (play, limits) = (config.play.clone(), config.limits);
    let made = prepare(stop, move || Hub::new(scenario, play, limits));
    tokio::pin!(made);
    if let Ok(made) = tokio::time::timeout(SILENCE, &mut made).await {
        return made;
    }
    tracing::info!("still making data; hint: fewer items or simpler expressions take less time");
    made.await
}

fn log_start(hub: &Hub, server: &Server) {
    let scenario = hub.scenario();
    let made: Vec<String> = hub
        .collections()
        .iter()
        .map(|collection| format!("{} {}", collection.len(), collection.name))
        .collect();
    tracing::info!(scenario = %scenario.name, seed = hub.seed(), made = %made.join(", "), "data made");
    for address in server.addresses() {
        tracing::info!(%address, url = %server.urls().ws, "listening");
    }
}

/// Applies every changed scenario, as long as it is polled.
async fn apply(hub: &Hub, reloads: Option<mpsc::Receiver<Reload>>) {
    if let Some(mut reloads) = reloads {
        while let Some(reload) = reloads.recv().await {
            if let Err(error) = apply_one(hub, reload).await {
                tracing::error!("{error:#}; the old scenario stays");
            }
        }
    }
    std::future::pending::<()>().await;
}

async fn apply_one(hub: &Hub, reload: Reload) -> anyhow::Result<()> {
    tracing::debug!("reloading the scenario");
    let protocol = reload.scenario.listen.protocol;
    let kept = protocol == hub.scenario().listen.protocol;
    hub.reload(reload.scenario, reload.limits).await?;
    let connections = if kept {
        "kept"
    } else {
        "closed, because the protocol changed"
    };
    tracing::info!("reloaded the scenario: data made anew, connections {connections}");
    for setting in reload.pending {
        tracing::warn!("`{setting}` needs a restart; until then the old value is used");
    }
    Ok(())
}
