//! What the control API does with the running world.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::base::Limits;
use crate::base::json::Json;
use crate::base::text::{listed, shortened};
use crate::base::{self, Moment};
use crate::engine::{self, Change, DataError, Event, Facts, Moments};
use crate::fault::Faults;
use crate::lang::faults::Fault;
use crate::lang::model::Scenario;
use crate::world::{Collection, PeerId};

use super::deliver::{Cause, Delivery};
use super::peer::PeerShown;
use super::{Core, Hub, Who, declared_faults, options, time};

/// Why data cannot be shown or edited so.
#[derive(Debug, thiserror::Error)]
pub enum DataProblem {
    /// No such collection.
    #[error("no collection `{0}`; known: {1}")]
    NoCollection(String, String),
    /// The edit itself.
    #[error(transparent)]
    Edit(#[from] DataError),
}

/// To whom the control API sends.
#[derive(Debug, Clone)]
pub enum SendTo {
    /// Everyone.
    All,
    /// A room.
    Room(String),
    /// One connection.
    Connection(PeerId),
}

/// A timer as the control API shows it.
#[derive(Debug, Clone)]
pub struct TimerShown {
    /// Its name.
    pub name: String,
    /// Between its turns.
    pub every: Duration,
    /// Its next turn.
    pub due: Option<Moment>,
    /// Whether its turns are skipped.
    pub paused: bool,
}

impl Hub {
    /// The seed.
    pub fn seed(&self) -> u64 {
        self.core().seed
    }

    /// Who is here.
    pub fn connections(&self) -> Vec<PeerShown> {
        self.core().shown()
    }

    /// Closes a connection; answers whether it was there.
    pub fn cut_off(&self, peer: PeerId, code: u16) -> bool {
        let core = self.core();
        self.close(&core, peer, code, "closed by the control API");
        core.lines.contains_key(&peer)
    }

    /// Each room's name and who is in it.
    pub fn rooms(&self) -> Vec<(Arc<str>, Vec<PeerId>)> {
        let core = self.core();
        core.world
            .rooms
            .iter()
            .map(|(name, peers)| (name.clone(), peers.iter().copied().collect()))
            .collect()
    }

    /// The collections, as they are now.
    pub fn collections(&self) -> Vec<Arc<Collection>> {
        self.core().world.collections.clone()
    }

    /// One collection, as it is now.
    pub fn collection(&self, name: &str) -> Result<Arc<Collection>, DataProblem> {
        let core = self.core();
        let found = core
            .world
            .collections
            .iter()
            .find(|collection| collection.name == name);
        found
            .cloned()
            .ok_or_else(|| no_collection(name, &core.world.collections))
    }

    /// Edits data; `changes` follow. Answers the item as it is, or as it was when it is gone.
    pub fn edit(
        &self,
        name: &str,
        change: Change,
        key: &str,
        item: Option<&Json>,
    ) -> Result<Json, DataProblem> {
        let facts = self.facts();
        let mut core = self.core_mut();
        let collections = &core.world.collections;
        let Some(collection) = collections
            .iter()
            .position(|collection| collection.name == name)
        else {
            return Err(no_collection(name, collections));
        };
        let edited = engine::edit(&mut core.world, collection, change, key, item)?;
        let shown = edited
            .edit
            .item
            .clone()
            .or_else(|| edited.edit.before.clone())
            .unwrap_or_else(Json::null);
        self.write(&mut core, Who::Nobody, &Event::Edited(vec![edited]), facts);
        Ok(shown)
    }

    /// Sends a message from outside; `None` for a connection that is not there.
    pub fn send_to(&self, to: &SendTo, event: Option<&str>, json: &Json) -> Option<usize> {
        // Alone: it comes to all in one order with what others send.
        let core = self.core_mut();
        let peers: Vec<PeerId> = match to {
            SendTo::All => core.world.peers.keys().copied().collect(),
            SendTo::Room(room) => core.world.members(room),
            SendTo::Connection(peer) => vec![*core.lines.get_key_value(peer)?.0],
        };
        let (text, payload) = engine::encode(core.scenario.listen.protocol, event, json);
        let now = core.clock.now(crate::hub::wall());
        let push = engine::SendKind::Push;
        let cause = Cause::new(None, now);
        Delivery::new(self, &core, Who::Nobody).send(&peers, text, payload, push, cause);
        Some(peers.len())
    }

    /// The triggers' names.
    pub fn triggers(&self) -> Vec<String> {
        self.core()
            .scenario
            .triggers
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Starts a trigger; answers whether there is one of this name.
    pub fn trigger(&self, name: &str, args: Json) -> bool {
        let Some(at) = self
            .core()
            .scenario
            .triggers
            .iter()
            .position(|(known, _)| known == name)
        else {
            return false;
        };
        self.feed(Who::Nobody, &Event::Trigger(at, args));
        true
    }

    /// The timers.
    pub fn timers(&self) -> Vec<TimerShown> {
        let core = self.core();
        let shown = |(name, ticker): (&String, &crate::world::Ticker)| TimerShown {
            name: name.clone(),
            every: Duration::from_millis(ticker.every as u64),
            due: ticker.due(),
            paused: ticker.paused,
        };
        core.world.agenda.tickers.iter().map(shown).collect()
    }

    /// Runs a timer's turn now; answers whether there is one of this name.
    pub fn fire(&self, name: &str) -> bool {
        let turns = turns(&self.core(), name);
        for turn in &turns {
            self.feed(Who::Nobody, &Event::Fire(turn.clone()));
            self.0.metrics.timers.inc();
        }
        !turns.is_empty()
    }

    /// Sets a timer's pace, counted from now, or pauses it; answers whether there is one of this name.
    pub fn set_timer(&self, name: &str, every: Option<Duration>, paused: Option<bool>) -> bool {
        let mut core = self.core_mut();
        let now = core.clock.now(crate::hub::wall());
        let turns = turns(&core, name);
        for turn in &turns {
            if let Some(paused) = paused {
                engine::set_paused(&mut core.world, turn, paused, now);
            }
            if let Some(every) = every {
                engine::repace(&mut core.world, turn, every, now);
            }
        }
        drop(core);
        self.0.agenda.notify_one();
        !turns.is_empty()
    }

    /// The faults as they are shown, with what is left of their `times`.
    pub fn faults_shown(&self) -> Vec<(Json, Option<u64>)> {
        self.faults()
            .shown()
            .map(|(json, left)| (json.clone(), left))
            .collect()
    }

    /// Other faults.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let seed = self.seed();
        let faults = Faults::new(faults, seed);
        self.0.faulty.store(!faults.is_empty(), Ordering::Relaxed);
        *self.faults() = faults;
    }

    /// Everything as at the start, perhaps under another seed; connections, sessions and rooms stay.
    pub fn reset(&self, seed: Option<u64>) -> anyhow::Result<()> {
        let (scenario, seed) = {
            let core = self.core();
            (core.scenario.clone(), seed.unwrap_or(self.0.play.seed))
        };
        let clock = time::start_clock(self.0.play.clock, crate::hub::wall());
        self.remake(scenario, seed, Some(clock))?;
        self.0.journal.clear();
        Ok(())
    }

    /// Another scenario in the place of this one: data made anew, connections kept.
    pub fn reload(&self, scenario: Arc<Scenario>, limits: Limits) -> anyhow::Result<()> {
        let seed = self.seed();
        self.remake(scenario, seed, None)?;
        self.0.journal.bound(&limits);
        *self
            .0
            .limits
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = limits;
        Ok(())
    }

    fn remake(
        &self,
        scenario: Arc<Scenario>,
        seed: u64,
        clock: Option<base::Clock>,
    ) -> anyhow::Result<()> {
        let faults = declared_faults(&scenario, &self.0.play);
        let clock = clock.unwrap_or(self.core().clock);
        let moments = Moments {
            now: clock.now(crate::hub::wall()),
            facts: Facts::default(),
            strict: self.0.play.strict,
        };
        // Made outside of the lock: a large world takes its time.
        let mut world = engine::make(&scenario, &options(&self.0.play, seed), moments)?;
        let mut core = self.core_mut();
        if core.scenario.listen.protocol != scenario.listen.protocol {
            // A client understands only the protocol that it began with.
            for peer in core.lines.keys() {
                self.close(&core, *peer, 1012, "the scenario's protocol has changed");
            }
        }
        world.take_over(&core.world);
        core.world = Arc::new(world);
        self.0
            .asks_server
            .store(scenario.asks_server, Ordering::Relaxed);
        core.scenario = scenario;
        core.clock = clock;
        core.seed = seed;
        core.generation += 1;
        let faults = Faults::new(faults, seed);
        self.0.faulty.store(!faults.is_empty(), Ordering::Relaxed);
        *self.faults() = faults;
        drop(core);
        self.0.agenda.notify_one();
        Ok(())
    }

    /// Frames that wait in all mailboxes.
    pub fn waiting(&self) -> usize {
        self.core()
            .lines
            .values()
            .map(|line| line.mailbox.len().0)
            .sum()
    }
}

fn no_collection(name: &str, collections: &[Arc<Collection>]) -> DataProblem {
    let known: Vec<&str> = collections
        .iter()
        .map(|collection| collection.name.as_str())
        .collect();
    DataProblem::NoCollection(shortened(name), listed(&known))
}

/// A timer under `for` has a turn for each item, `NAME:KEY`; its bare name means all of them.
fn turns(core: &Core, name: &str) -> Vec<String> {
    let means = |turn: &&String| {
        *turn == name
            || turn
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(':'))
    };
    core.world
        .agenda
        .tickers
        .keys()
        .filter(means)
        .cloned()
        .collect()
}
