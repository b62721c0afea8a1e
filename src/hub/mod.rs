//! A cheap handle to the one running world: the lock around it, the mailboxes, the clock.
//!
//! Invariant: frames go into mailboxes under the lock, and those for other peers under the write lock. So every peer
//! sees one order of things, and it is the journal's.
//! Nothing here waits while it holds the lock.

mod admission;
mod deliver;
mod entry;
mod facts;
mod flush;
mod inputs;
mod journal;
mod limits;
mod mailbox;
mod metrics;
mod names;
mod operations;
mod peer;
mod remake;
mod time;
mod wall;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use foldhash::HashMap;
use tokio::sync::{Notify, Semaphore};

use crate::base::Limits;
use crate::config::Play;
use crate::engine::{self, LiveWorld};
use crate::lang::model::Scenario;
use crate::world::Options;

use names::Name;

pub use crate::base::Clock;
pub use crate::base::Limit;
pub use crate::base::time::{print_duration, rfc3339};
pub use crate::dialect::Inbound;
pub use crate::engine::{
    Change, ChangeKind, DataError, HttpAnswer, HttpRequest, Recipients, Returned, has_route, query,
    unescaped,
};
pub use crate::world::{Collection, PeerId};
pub use admission::{Admission, Handshake, Ticket};
pub use entry::{About, Entry};
pub use journal::Journal;
pub use limits::Who;
pub use mailbox::{Mailbox, Outgoing, Outlet};
pub use metrics::Metrics;
pub use names::{NameId, Names};
pub use operations::TimerShown;
pub use peer::{Peer, PeerShown};
pub use time::NotHeld;
pub use wall::wall;

/// The handle.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    core: RwLock<Core>,
    limits: RwLock<Limits>,
    options: Arc<Options>,
    journal: Journal,
    metrics: Metrics,
    /// Whether faults are in force. It changes under the write lock alone.
    has_faults: AtomicBool,
    slots: Mutex<admission::Slots>,
    /// Whether the scenario names `server`: gathering its facts costs something.
    asks_server: AtomicBool,
    /// Something became due earlier, or the clock was moved.
    agenda: Notify,
    started: Instant,
    warned: Mutex<HashSet<String>>,
    /// Log lines about each limit, and about handlers that failed.
    told: Mutex<HashMap<&'static str, limits::Told>>,
    machine: facts::Machine,
    remakes: remake::Remakes,
    /// Permits for long reads.
    long_reads: Semaphore,
}

/// Protected by the lock.
pub(crate) struct Core {
    pub(crate) world: LiveWorld,
    pub(crate) lines: HashMap<PeerId, peer::Line>,
    /// By [`HandlerId`](crate::lang::model::HandlerId).
    names: Arc<[Arc<Name>]>,
}

impl Hub {
    /// A world made from a scenario.
    pub fn new(scenario: Arc<Scenario>, play: Play, limits: Limits) -> anyhow::Result<Hub> {
        let wall = wall();
        let options = Arc::new(options(play, wall));
        let asks_server = scenario.asks_server;
        let journal = Journal::new(&limits);
        let handlers = journal.names.of(&scenario);
        let world = engine::make(scenario, &options, options.seed, options.clock, wall)?;
        Ok(Hub(Arc::new(Inner {
            has_faults: AtomicBool::new(!world.faults.is_empty()),
            core: RwLock::new(Core {
                world: LiveWorld::new(world),
                lines: HashMap::default(),
                names: handlers,
            }),
            limits: RwLock::new(limits),
            options,
            journal,
            metrics: Metrics::default(),
            asks_server: AtomicBool::new(asks_server),
            slots: Mutex::default(),
            agenda: Notify::new(),
            started: Instant::now(),
            warned: Mutex::default(),
            told: Mutex::default(),
            machine: facts::Machine::new()?,
            remakes: remake::Remakes::default(),
            long_reads: inputs::permits(),
        })))
    }

    fn core(&self) -> RwLockReadGuard<'_, Core> {
        self.0.core.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn core_mut(&self) -> RwLockWriteGuard<'_, Core> {
        self.0.core.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn scenario(&self) -> Arc<Scenario> {
        self.core().world.scenario.clone()
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        *self.0.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub fn uptime(&self) -> std::time::Duration {
        self.0.started.elapsed()
    }
}

fn options(play: Play, wall: crate::base::Moment) -> Options {
    Options {
        seed: play.seed,
        clock: time::start_clock(play.clock, wall),
        counts: play.counts,
        timers: play.timers,
        timers_run: play.timers_run,
        strict: play.strict,
        faults: play.faults,
    }
}
