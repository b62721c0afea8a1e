//! Resets and reloads: another world in the place of the running one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use crate::base::{Clock, Limits};
use crate::engine::{self, Facts, Input};
use crate::lang::model::Scenario;
use crate::world::World;

use super::{Hub, Who, wall};

/// Only one world is made at a time: it may take gigabytes.
#[derive(Default)]
pub(super) struct Remakes {
    turn: Mutex<Option<Reset>>,
    /// The number of resets that have ended.
    ended: AtomicU64,
}

/// The last reset.
struct Reset {
    seed: u64,
    result: Result<(), String>,
}

impl Hub {
    /// Puts everything back to the start, perhaps under another seed; connections, sessions and rooms stay.
    /// A reset that waited for one with the same seed shares its result.
    pub async fn reset(&self, seed: Option<u64>) -> anyhow::Result<()> {
        let remakes = &self.0.remakes;
        let seed = seed.unwrap_or(self.0.options.seed);
        let ended = remakes.ended.load(Ordering::Acquire);
        let mut last = remakes.turn.lock().await;
        let is_done = remakes.ended.load(Ordering::Acquire) > ended;
        let result = match &*last {
            Some(reset) if is_done && reset.seed == seed => reset.result.clone(),
            _ => {
                let made = self.make(self.scenario(), seed, self.0.options.clock).await;
                let result = made.map(|fresh| self.replace(&Input::Reset(fresh)));
                let result = result.map_err(|error| format!("{error:#}"));
                if result.is_ok() {
                    self.0.journal.clear();
                }
                let reset = last.insert(Reset { seed, result });
                remakes.ended.fetch_add(1, Ordering::Release);
                reset.result.clone()
            }
        };
        result.map_err(anyhow::Error::msg)
    }

    /// Puts another scenario in the place of this one; its data is made, connections stay.
    pub async fn reload(&self, scenario: Arc<Scenario>, limits: Limits) -> anyhow::Result<()> {
        let _turn = self.0.remakes.turn.lock().await;
        let (seed, clock) = {
            let core = self.core();
            (core.world.seed, core.world.clock)
        };
        let fresh = self.make(scenario, seed, clock).await?;
        self.replace(&Input::Reload(fresh));
        self.0.journal.bound(&limits);
        let mut bounds = self
            .0
            .limits
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *bounds = limits;
        Ok(())
    }

    /// Makes a world, which takes seconds if it is large: nothing else waits for it.
    async fn make(
        &self,
        scenario: Arc<Scenario>,
        seed: u64,
        clock: Clock,
    ) -> anyhow::Result<Arc<World>> {
        let options = self.0.options.clone();
        let making = move || engine::make(scenario, &options, seed, clock, wall());
        Ok(Arc::new(tokio::task::spawn_blocking(making).await??))
    }

    fn replace(&self, input: &Input) {
        let mut core = self.core_mut();
        self.write(&mut core, Who::Nobody, input, Facts::default());
        core.names = self.0.journal.names.of(&core.world.scenario);
        let (world, inner) = (&core.world, &self.0);
        let asks_server = world.scenario.asks_server;
        inner.asks_server.store(asks_server, Ordering::Relaxed);
        inner
            .has_faults
            .store(!world.faults.is_empty(), Ordering::Relaxed);
    }
}
