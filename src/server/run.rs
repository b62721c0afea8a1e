//! A server from its start to its signal.

use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use super::Server;
use crate::base::text::safe;
use crate::config::Config;
use crate::control;
use crate::hub::Hub;
use crate::lang::model::Scenario;

/// How long data may be made in silence.
const PATIENCE: Duration = Duration::from_secs(3);

/// A scenario whose file was changed and is sound, and what the same options come to with it.
#[derive(Debug)]
pub struct Reload {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Where it listens, who has access and the seed are as at the start.
    pub config: Config,
}

/// Serves until a signal comes.
pub async fn run(
    config: Config,
    scenario: Arc<Scenario>,
    reloads: Option<mpsc::Receiver<Reload>>,
) -> anyhow::Result<()> {
    let waiting = tokio::spawn(async {
        tokio::time::sleep(PATIENCE).await;
        tracing::info!(
            "the data takes its time: fewer items or simpler expressions are made faster"
        );
    });
    let hub = Hub::new(scenario, config.play.clone(), config.limits)?;
    waiting.abort();
    let addresses = Arc::new(OnceLock::new());
    let api = control::handler(hub.clone(), addresses.clone());
    let server = Server::bind(&config, hub.clone(), Some(api))?;
    let urls = server.urls();
    addresses.get_or_init(|| vec![urls.ws.clone(), urls.http.clone(), urls.control.clone()]);
    tell(&hub, &server);
    // Before anybody is told that it listens: from then on a signal is a way to end it.
    let asked = stopping()?;
    let url = &server.urls().ws;
    // Whoever closed the standard output does not want to know.
    writeln!(std::io::stdout(), "listening on {}", safe(url)).ok();
    tokio::select! {
        ended = server.run(asked) => Ok(ended?),
        () = hub.run_timers() => Ok(()),
        () = apply(&hub, reloads) => Ok(()),
    }
}

fn tell(hub: &Hub, server: &Server) {
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

/// Ends when the process is asked to.
fn stopping() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let (mut terminate, mut interrupt) = {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("signals cannot be listened for");
        (
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
        )
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("stopping");
    })
}

/// Puts every sound version of the scenario in the place of the one before, for as long as it is polled.
async fn apply(hub: &Hub, reloads: Option<mpsc::Receiver<Reload>>) {
    if let Some(mut reloads) = reloads {
        while let Some(Reload { scenario, config }) = reloads.recv().await {
            match hub.reload(scenario, config.limits) {
                Ok(()) => {
                    tracing::info!("the scenario was changed: data made anew, connections kept");
                }
                Err(error) => tracing::error!("{error:#}; the scenario stays as it was"),
            }
        }
    }
    std::future::pending::<()>().await;
}
