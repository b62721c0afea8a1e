//! One running server, put together from its parts.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::Config;
use crate::scenario::model::Scenario;

/// A scenario whose file was changed and is sound, and what the same options come to with it.
#[derive(Debug)]
pub struct Reload {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Where it listens, who has access and the seed are as at the start.
    pub config: Config,
}

/// Serves until a signal comes.
#[expect(clippy::unused_async, reason = "a stand-in")]
pub async fn run(
    config: Config,
    scenario: Arc<Scenario>,
    reloads: Option<mpsc::Receiver<Reload>>,
) -> anyhow::Result<()> {
    tracing::debug!(
        ?config,
        scenario = scenario.name,
        watched = reloads.is_some(),
        "stand-in"
    );
    anyhow::bail!("the server is not built yet")
}
