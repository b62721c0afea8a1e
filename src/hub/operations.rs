//! What the control API does with the running world.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::base::Moment;
use crate::base::json::Json;
use crate::engine::{Change, DataError, Facts, Input, Recipients, Returned};
use crate::lang::faults::Fault;
use crate::world::{Collection, PeerId, Ticker};

use super::peer::PeerShown;
use super::{Hub, Who};

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
    /// The seed in force.
    pub fn seed(&self) -> u64 {
        self.core().world.seed
    }

    /// The number of resets and reloads so far.
    pub fn generation(&self) -> u64 {
        self.core().world.generation
    }

    pub fn connections(&self) -> Vec<PeerShown> {
        self.core().shown()
    }

    /// Closes a connection; returns whether there was one of this number.
    pub fn cut_off(&self, peer: PeerId, code: u16) -> bool {
        self.run(Who::Peer(peer), &Input::Close(peer, code))
            .returned
            != Returned::NotFound
    }

    /// Each room's name and members.
    pub fn rooms(&self) -> Vec<(Arc<str>, Vec<PeerId>)> {
        let core = self.core();
        let rooms = core.world.rooms.iter();
        rooms
            .map(|(name, peers)| (name.clone(), peers.iter().copied().collect()))
            .collect()
    }

    /// A snapshot of the collections.
    pub fn collections(&self) -> Vec<Arc<Collection>> {
        self.core().world.collections.clone()
    }

    /// A snapshot of one collection.
    pub fn collection(&self, name: &str) -> Result<Arc<Collection>, DataError> {
        let core = self.core();
        let mut collections = core.world.collections.iter();
        let found = collections.find(|collection| collection.name == name);
        found
            .cloned()
            .ok_or_else(|| DataError::no_collection(name, &core.world))
    }

    /// Edits data; `changes` run. Returns the item as it is, or as it was before its removal.
    pub fn edit(&self, change: Change) -> Result<Json, DataError> {
        match self.run(Who::Nobody, &Input::Edit(change)).returned {
            Returned::Edited(edited) => edited,
            _ => Ok(Json::null()),
        }
    }

    /// Sends a message from outside. Returns the number of recipients, `None` if the connection does not exist.
    pub fn send_to(&self, to: Recipients, event: Option<String>, message: Json) -> Option<usize> {
        let input = Input::Send { to, event, message };
        match self.run(Who::Nobody, &input).returned {
            Returned::Sent(sent) => Some(sent),
            _ => None,
        }
    }

    pub fn triggers(&self) -> Vec<String> {
        let scenario = self.scenario();
        let triggers = scenario.triggers.iter();
        triggers.map(|(name, _)| name.clone()).collect()
    }

    /// Runs a trigger's steps.
    pub fn trigger(&self, name: &str, args: Json) -> Returned {
        let name = name.to_owned();
        let input = Input::Trigger { name, args };
        self.run(Who::Nobody, &input).returned
    }

    pub fn timers(&self) -> Vec<TimerShown> {
        let core = self.core();
        let shown = |(name, ticker): (&String, &Ticker)| TimerShown {
            name: name.clone(),
            every: Duration::from_millis(ticker.every as u64),
            due: ticker.due(),
            paused: ticker.paused,
        };
        core.world.agenda.tickers.iter().map(shown).collect()
    }

    /// Runs a timer's steps now; returns whether there is one of this name.
    pub fn fire(&self, name: &str) -> bool {
        let tickers = self.core().world.tickers(name).len();
        self.0.metrics.timers.inc_by(tickers as u64);
        self.run(Who::Nobody, &Input::Fire(name.to_owned()))
            .returned
            != Returned::NotFound
    }

    /// Sets a timer's interval, counted from now, or pauses it; returns whether there is one of this name.
    pub fn set_timer(&self, name: &str, every: Option<Duration>, paused: Option<bool>) -> bool {
        let input = Input::SetTimer {
            name: name.to_owned(),
            every,
            paused,
        };
        self.run(Who::Nobody, &input).returned != Returned::NotFound
    }

    /// The faults in force as declared, each with what is left of its `times`.
    pub fn faults_shown(&self) -> Vec<(Json, Option<u64>)> {
        let core = self.core();
        let shown = core.world.faults.shown();
        shown.map(|(json, left)| (json.clone(), left)).collect()
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let has_faults = !faults.is_empty();
        let mut core = self.core_mut();
        let input = Input::SetFaults(faults);
        self.write(&mut core, Who::Nobody, &input, Facts::default());
        self.0.has_faults.store(has_faults, Ordering::Relaxed);
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
