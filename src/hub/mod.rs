//! A cheap handle to the one running world: the lock around it, the mailboxes, the clock.
//!
//! Invariant: frames go into mailboxes while the lock is held, and others' with the world to oneself, so that every peer
//! sees one order of things, and that is the journal's.
//! Nothing here waits while it holds the lock.

mod admission;
mod deliver;
mod entry;
mod flush;
mod journal;
mod limits;
mod mailbox;
mod metrics;
mod operations;
mod peer;
mod time;
mod wall;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use foldhash::HashMap;
use tokio::sync::Notify;

use crate::base::Limits;
use crate::config::Play;
use crate::engine::{self, Effect, Event, Facts, Moments, Options, Outcome, State};
use crate::fault::Faults;
use crate::lang::faults::Fault;
use crate::lang::model::Scenario;

use deliver::Delivery;

pub use crate::base::Clock;
pub use crate::base::Limit;
pub use crate::base::time::{print_duration, rfc3339};
pub use crate::engine::{Change, DataError, HttpAnswer, Inbound, query, unescaped};
pub use crate::world::{Collection, PeerId};
pub use admission::{Admission, Handshake, HttpRequest, Ticket};
pub use entry::{About, Entry};
pub use journal::Journal;
pub use limits::Who;
pub use mailbox::{Mailbox, Outgoing, Outlet};
pub use metrics::Metrics;
pub use operations::{DataProblem, SendTo, TimerShown};
pub use peer::{Peer, PeerShown};
pub use time::NotHeld;
pub use wall::wall;

/// The handle.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    core: RwLock<Core>,
    limits: RwLock<Limits>,
    play: Play,
    journal: Journal,
    metrics: Metrics,
    faults: Mutex<Faults>,
    /// Whether there are any: the lock is not taken for nothing.
    faulty: AtomicBool,
    slots: Mutex<admission::Slots>,
    /// Whether the scenario asks for the facts of the process: they are not gathered for nothing.
    asks_server: AtomicBool,
    /// Something became due earlier, or the clock was moved.
    agenda: Notify,
    started: Instant,
    warned: Mutex<HashSet<String>>,
    /// How often each limit, and a handler that failed, was told of.
    told: Mutex<HashMap<Option<Limit>, limits::Told>>,
    machine: Machine,
    next_peer: AtomicU64,
}

/// What the lock protects.
pub(crate) struct Core {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) world: Arc<State>,
    pub(crate) clock: Clock,
    pub(crate) lines: HashMap<PeerId, peer::Line>,
    pub(crate) seed: u64,
    /// How often the world was made.
    pub(crate) generation: u64,
}

/// The machine's figures.
struct Machine {
    system: Mutex<sysinfo::System>,
    /// The second of the last look.
    looked: AtomicU64,
    /// Both as the bits of a double.
    cpu: AtomicU64,
    memory: AtomicU64,
}

impl Hub {
    /// A world made from a scenario.
    pub fn new(scenario: Arc<Scenario>, play: Play, limits: Limits) -> anyhow::Result<Hub> {
        let wall = crate::hub::wall();
        let clock = time::start_clock(play.clock, wall);
        let faults = declared_faults(&scenario, &play);
        let moments = Moments {
            now: clock.now(wall),
            facts: Facts::default(),
            strict: play.strict,
        };
        let world = engine::make(&scenario, &options(&play, play.seed), moments)?;
        let asks_server = scenario.asks_server;
        let core = Core {
            scenario,
            world: Arc::new(world),
            clock,
            lines: HashMap::default(),
            seed: play.seed,
            generation: 0,
        };
        Ok(Hub(Arc::new(Inner {
            core: RwLock::new(core),
            limits: RwLock::new(limits),
            journal: Journal::new(&limits),
            metrics: Metrics::default(),
            faulty: AtomicBool::new(!faults.is_empty()),
            asks_server: AtomicBool::new(asks_server),
            faults: Mutex::new(Faults::new(faults, play.seed)),
            slots: Mutex::default(),
            agenda: Notify::new(),
            started: Instant::now(),
            warned: Mutex::default(),
            told: Mutex::default(),
            machine: Machine {
                system: Mutex::new(sysinfo::System::new()?),
                looked: AtomicU64::new(0),
                cpu: AtomicU64::new(0),
                memory: AtomicU64::new(0),
            },
            next_peer: AtomicU64::new(0),
            play,
        })))
    }

    fn core(&self) -> RwLockReadGuard<'_, Core> {
        self.0.core.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn core_mut(&self) -> RwLockWriteGuard<'_, Core> {
        self.0.core.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scenario that plays.
    pub fn scenario(&self) -> Arc<Scenario> {
        self.core().scenario.clone()
    }

    /// The bounds in force.
    pub fn limits(&self) -> Limits {
        *self.0.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The last messages.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Since the start.
    pub fn uptime(&self) -> std::time::Duration {
        self.0.started.elapsed()
    }

    fn asks_server(&self) -> bool {
        self.0.asks_server.load(Ordering::Relaxed)
    }

    fn facts(&self) -> Facts {
        if !self.asks_server() {
            return Facts::default();
        }
        let metrics = &self.0.metrics;
        let (cpu, memory) = self.machine();
        Facts {
            connections: u64::try_from(metrics.open.get()).unwrap_or(0),
            sent: metrics.sent.get(),
            received: metrics.received.get(),
            uptime: self.0.started.elapsed().as_secs_f64(),
            cpu,
            memory,
        }
    }

    /// The machine's figures, looked at once a second at most, by whoever comes first.
    fn machine(&self) -> (f64, f64) {
        let machine = &self.0.machine;
        let second = self.0.started.elapsed().as_secs() + 1;
        let looked = machine.looked.load(Ordering::Relaxed);
        if looked < second
            && machine
                .looked
                .compare_exchange(looked, second, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let mut system = machine
                .system
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            system.refresh_cpu_usage();
            system.refresh_memory();
            let memory = system.used_memory() as f64 / system.total_memory().max(1) as f64 * 100.0;
            machine.cpu.store(
                f64::from(system.global_cpu_usage()).to_bits(),
                Ordering::Relaxed,
            );
            machine.memory.store(memory.to_bits(), Ordering::Relaxed);
        }
        let figure = |bits: &AtomicU64| f64::from_bits(bits.load(Ordering::Relaxed));
        (figure(&machine.cpu), figure(&machine.memory))
    }

    fn moments(&self, clock: Clock, facts: Facts) -> Moments {
        Moments {
            now: clock.now(crate::hub::wall()),
            facts,
            strict: self.0.play.strict,
        }
    }

    /// Handles an event: under a read lock when it only reads, else with the world to itself.
    fn feed(&self, who: Who, event: &Event) -> Outcome {
        let facts = self.facts();
        {
            let core = self.core();
            let mut delivery = Delivery::new(self, &core, who);
            let moments = self.moments(core.clock, facts);
            if let Some(outcome) = read(&mut delivery, &mut Vec::new(), event, moments) {
                return outcome;
            }
        }
        self.write(&mut self.core_mut(), who, event, facts)
    }

    /// Handles one event after the other: for all in a row that only read, the world is locked once, and they come at one
    /// moment.
    fn feed_all(&self, who: Who, mut next: impl FnMut() -> Option<Event>) {
        let mut effects = Vec::new();
        let mut upcoming = next();
        while let Some(mut event) = upcoming.take() {
            let facts = self.facts();
            let core = self.core();
            let mut delivery = Delivery::new(self, &core, who);
            let moments = self.moments(core.clock, facts);
            let to_write = loop {
                if read(&mut delivery, &mut effects, &event, moments).is_none() {
                    break Some(event);
                }
                upcoming = next();
                match upcoming.take_if(|_| !self.asks_server()) {
                    Some(another) => event = another,
                    None => break None,
                }
            };
            drop(delivery);
            drop(core);
            if let Some(event) = to_write {
                self.write(&mut self.core_mut(), who, &event, facts);
                upcoming = next();
            }
        }
    }

    /// Handles an event with the world to itself.
    fn write(&self, core: &mut Core, who: Who, event: &Event, facts: Facts) -> Outcome {
        let began = Instant::now();
        let mut effects = Vec::new();
        let moments = self.moments(core.clock, facts);
        let scenario = core.scenario.clone();
        let due = core.world.agenda.next_due();
        let outcome = engine::write(&scenario, &mut core.world, moments, event, &mut effects);
        let next = core.world.agenda.next_due();
        if next.is_some_and(|next| due.is_none_or(|due| next < due)) {
            self.0.agenda.notify_one();
        }
        let mut delivery = Delivery::new(self, core, who);
        delivery.follow(
            Some(event),
            &mut effects,
            outcome.handler,
            moments.now,
            began,
        );
        drop(delivery);
        outcome
    }
}

/// Handles an event that only reads; `None` if it does not. `effects` has none, before and after: it is lent.
fn read(
    delivery: &mut Delivery<'_>,
    effects: &mut Vec<Effect>,
    event: &Event,
    moments: Moments,
) -> Option<Outcome> {
    let began = Instant::now();
    let core = delivery.core;
    let outcome = engine::read(&core.scenario, &core.world, moments, event, effects)?;
    delivery.follow(Some(event), effects, outcome.handler, moments.now, began);
    Some(outcome)
}

fn options(play: &Play, seed: u64) -> Options {
    Options {
        seed,
        counts: play.counts.clone(),
        timers: play.timers.clone(),
        timers_run: play.timers_run,
    }
}

/// The faults at the start: the scenario's, then the command line's.
fn declared_faults(scenario: &Scenario, play: &Play) -> Vec<Fault> {
    scenario
        .faults
        .iter()
        .chain(&play.faults)
        .cloned()
        .collect()
}
