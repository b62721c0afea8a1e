//! A cheap handle to the one running world: the lock around it, the mailboxes, the clock.
//!
//! Invariant: frames go into mailboxes while the lock is held, so that every peer sees one order of things.
//! Nothing here waits while it holds the lock.

mod admission;
mod hands;
mod journal;
mod mailbox;
mod metrics;
mod peer;
mod time;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::config::{Limits, Play};
use crate::engine::{self, Effect, Event, Facts, Moments, Options, Outcome, SendKind, State};
use crate::fault::{self, Fault, Faults, Kind};
use crate::json::Json;
use crate::scenario::model::{Protocol, Scenario};
use crate::sim;
use crate::wire::ws::Opcode;

pub use crate::engine::{Change, DataError, HttpAnswer, Inbound, query, unescaped};
pub use crate::fault::from_json as read_fault;
pub use crate::sim::Clock;
pub use crate::sim::time::{print_duration, rfc3339};
pub use crate::world::{Collection, PeerId};
pub use admission::{Admission, Handshake, HttpRequest, Ticket};
pub use hands::{DataProblem, SendTo, TimerShown};
pub use journal::{Entry, Journal};
pub use mailbox::{Mailbox, Outgoing};
pub use metrics::Metrics;
pub use peer::{Peer, PeerShown};
pub use time::NotHeld;

use mailbox::Put;

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
    /// Something became due earlier, or the clock was moved.
    agenda: Notify,
    started: Instant,
    warned: Mutex<HashSet<String>>,
    machine: Machine,
    next_peer: AtomicU64,
}

/// What the lock protects.
pub(crate) struct Core {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) world: Arc<State>,
    pub(crate) clock: Clock,
    pub(crate) mailboxes: BTreeMap<PeerId, Arc<Mailbox>>,
    pub(crate) peers: BTreeMap<PeerId, Arc<peer::Traffic>>,
    pub(crate) seed: u64,
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

/// Who an effect's message is an answer to.
struct Origin {
    peer: Option<PeerId>,
    name: Arc<str>,
}

impl Hub {
    /// A world made from a scenario.
    pub fn new(scenario: Arc<Scenario>, play: Play, limits: Limits) -> anyhow::Result<Hub> {
        let wall = sim::wall();
        let clock = time::start_clock(play.clock, wall);
        let faults = declared_faults(&scenario, &play)?;
        let moments = Moments {
            now: clock.now(wall),
            facts: Facts::default(),
            strict: play.strict,
        };
        let world = engine::make(&scenario, &options(&play, play.seed), moments)?;
        let core = Core {
            scenario,
            world: Arc::new(world),
            clock,
            mailboxes: BTreeMap::new(),
            peers: BTreeMap::new(),
            seed: play.seed,
        };
        Ok(Hub(Arc::new(Inner {
            core: RwLock::new(core),
            limits: RwLock::new(limits),
            journal: Journal::default(),
            metrics: Metrics::default(),
            faulty: AtomicBool::new(!faults.is_empty()),
            faults: Mutex::new(Faults::new(faults, play.seed)),
            slots: Mutex::default(),
            agenda: Notify::new(),
            started: Instant::now(),
            warned: Mutex::default(),
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

    /// Whether unknown fields and filters are errors.
    pub fn strict(&self) -> bool {
        self.0.play.strict
    }

    /// Since the start.
    pub fn uptime(&self) -> std::time::Duration {
        self.0.started.elapsed()
    }

    fn facts(&self) -> Facts {
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
            now: clock.now(sim::wall()),
            facts,
            strict: self.0.play.strict,
        }
    }

    /// Handles an event: under a read lock when it only reads, else with the world to itself.
    fn feed(&self, peer: Option<PeerId>, event: &Event) -> Outcome {
        let facts = self.facts();
        let began = Instant::now();
        let mut effects = Vec::new();
        {
            let core = self.core();
            let moments = self.moments(core.clock, facts);
            if let Some(outcome) =
                engine::read(&core.scenario, &core.world, moments, event, &mut effects)
            {
                self.note_incoming(peer, event, &outcome, moments);
                self.deliver(&core, peer, &outcome, effects, moments);
                drop(core);
                self.ran(&outcome, began);
                return outcome;
            }
        }
        let mut core = self.core_mut();
        let outcome = self.write(&mut core, peer, event, facts);
        drop(core);
        self.ran(&outcome, began);
        self.0.agenda.notify_one();
        outcome
    }

    /// Handles an event with the world to itself.
    fn write(&self, core: &mut Core, peer: Option<PeerId>, event: &Event, facts: Facts) -> Outcome {
        let mut effects = Vec::new();
        let moments = self.moments(core.clock, facts);
        let scenario = core.scenario.clone();
        let outcome = engine::write(&scenario, &mut core.world, moments, event, &mut effects);
        self.note_incoming(peer, event, &outcome, moments);
        self.deliver(core, peer, &outcome, effects, moments);
        outcome
    }

    fn ran(&self, outcome: &Outcome, began: Instant) {
        if let Some(handler) = &outcome.handler {
            self.0.metrics.ran(handler, began.elapsed().as_secs_f64());
        }
    }

    fn note_incoming(
        &self,
        peer: Option<PeerId>,
        event: &Event,
        outcome: &Outcome,
        moments: Moments,
    ) {
        let (Event::Message(_, inbound), Some(peer)) = (event, peer) else {
            return;
        };
        let (text, payload) = match inbound {
            Inbound::Text(bytes) => (true, bytes.clone()),
            Inbound::Binary(bytes) => (false, bytes.clone()),
            Inbound::Event { name, args, ack } => {
                let mut out = ack.map_or_else(String::new, |ack| ack.to_string());
                out.push('[');
                crate::json::write::string(&mut out, name);
                let rest = std::str::from_utf8(args)
                    .unwrap_or("[]")
                    .trim()
                    .trim_start_matches('[');
                out.push_str(if rest.trim_start().starts_with(']') {
                    ""
                } else {
                    ","
                });
                out.push_str(rest);
                (true, Bytes::from(out))
            }
        };
        self.0.metrics.received.inc();
        self.0.metrics.received_bytes.inc_by(payload.len() as u64);
        let name = outcome.handler.clone().unwrap_or_else(nobody);
        tracing::debug!(peer = %format_args!("c{peer}"), name = ?name, size = payload.len(), "message");
        self.0.journal.note(Entry {
            seq: 0,
            time: moments.now,
            peer,
            inward: true,
            name,
            size: 0,
            payload,
            text,
            fault: Vec::new(),
        });
    }

    /// Puts what follows an event where it belongs, in order.
    fn deliver(
        &self,
        core: &Core,
        peer: Option<PeerId>,
        outcome: &Outcome,
        effects: Vec<Effect>,
        moments: Moments,
    ) {
        let origin = Origin {
            peer,
            name: outcome.handler.clone().unwrap_or_else(nobody),
        };
        for effect in effects {
            match effect {
                Effect::Send {
                    to,
                    text,
                    payload,
                    kind,
                } => self.send(core, &origin, &to, text, &payload, kind, moments),
                Effect::Close { peer, code, reason } => {
                    self.put(
                        core,
                        peer,
                        std::time::Duration::ZERO,
                        Outgoing::Close { code, reason },
                        true,
                    );
                }
                Effect::Log(text) => {
                    tracing::info!(target: "scenario", "{}", text.escape_debug().to_string());
                }
                Effect::WarnOnce(text) => {
                    let mut warned = self.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
                    // So that made-up names cannot fill the memory.
                    if warned.len() < 1000 && warned.insert(text.clone()) {
                        tracing::warn!(target: "scenario", "{}", text.escape_debug().to_string());
                    }
                }
                Effect::Failed { place, why } => {
                    tracing::error!(target: "scenario", place = %place, why = ?why, "a handler failed");
                }
                Effect::Refused { code } => self.0.metrics.error(&code),
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one effect and what surrounds it"
    )]
    fn send(
        &self,
        core: &Core,
        origin: &Origin,
        to: &[PeerId],
        text: bool,
        payload: &Bytes,
        kind: SendKind,
        moments: Moments,
    ) {
        let push = nobody_push();
        let name = if kind == SendKind::Push {
            &push
        } else {
            &origin.name
        };
        let faulty = self.0.faulty.load(Ordering::Relaxed);
        for peer in to {
            // A peer that is being read drains its own mailbox next; one that polls has to be woken.
            let own = origin.peer == Some(*peer)
                && kind != SendKind::Push
                && core.scenario.listen.protocol != Protocol::SocketIo;
            let mut names = Vec::new();
            if faulty {
                names = self.send_faulty(core, *peer, name, text, payload, !own);
            } else {
                let message = message(text, payload.clone());
                self.put(core, *peer, std::time::Duration::ZERO, message, !own);
            }
            self.0.journal.note(Entry {
                seq: 0,
                time: moments.now,
                peer: *peer,
                inward: false,
                name: name.clone(),
                size: 0,
                payload: payload.clone(),
                text,
                fault: std::mem::take(&mut names),
            });
        }
    }

    /// The one point where faults are decided.
    fn send_faulty(
        &self,
        core: &Core,
        peer: PeerId,
        name: &str,
        text: bool,
        payload: &Bytes,
        wake: bool,
    ) -> Vec<&'static str> {
        let verdict = self.faults().message(name, &format!("c{peer}"));
        for fault in &verdict.names {
            self.0.metrics.fault(fault);
        }
        let delay = verdict.delay;
        if let Some(instead) = &verdict.instead {
            let outgoing = match instead {
                Kind::Error(code) => {
                    let mut effects = Vec::new();
                    engine::error(
                        &core.scenario,
                        &core.world,
                        peer,
                        code,
                        payload,
                        &mut effects,
                    );
                    effects.into_iter().find_map(|effect| match effect {
                        Effect::Send { text, payload, .. } => Some(message(text, payload)),
                        _ => None,
                    })
                }
                Kind::Close(code) => Some(Outgoing::Close {
                    code: *code,
                    reason: "fault".to_owned(),
                }),
                Kind::Abort => Some(Outgoing::Abort),
                Kind::Stall => Some(Outgoing::Stall),
                _ => None,
            };
            if let Some(outgoing) = outgoing {
                self.put(core, peer, delay, outgoing, true);
            }
            return verdict.names;
        }
        let payload = if verdict.corrupt {
            Bytes::from(fault::corrupted(payload))
        } else {
            payload.clone()
        };
        let kind = if text { Opcode::Text } else { Opcode::Binary };
        let outgoing = Outgoing::Message {
            kind,
            payload,
            fragment: verdict.fragment,
            rate: verdict.rate,
        };
        if verdict.twice {
            self.put(core, peer, delay, outgoing.clone(), wake);
        }
        self.put(core, peer, delay, outgoing, wake);
        verdict.names
    }

    fn put(
        &self,
        core: &Core,
        peer: PeerId,
        delay: std::time::Duration,
        what: Outgoing,
        wake: bool,
    ) {
        let Some(mailbox) = core.mailboxes.get(&peer) else {
            return;
        };
        let size = match &what {
            Outgoing::Message { payload, .. } => Some(payload.len()),
            _ => None,
        };
        match mailbox.put(delay, what, wake) {
            Put::Taken => {
                if let Some(size) = size {
                    self.0.metrics.sent.inc();
                    self.0.metrics.sent_bytes.inc_by(size as u64);
                    if let Some(traffic) = core.peers.get(&peer) {
                        traffic.sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            Put::Overfull => {
                self.0.metrics.limit("mailbox");
                let limits = self.limits();
                tracing::warn!(
                    peer = %format_args!("c{peer}"), frames = limits.mailbox_frames, bytes = limits.mailbox_bytes,
                    "cut off: its mailbox is full since it does not read (scenario: limits.mailbox_frames, limits.mailbox_bytes)"
                );
            }
            Put::Closed => {}
        }
    }
}

fn message(text: bool, payload: Bytes) -> Outgoing {
    let kind = if text { Opcode::Text } else { Opcode::Binary };
    Outgoing::Message {
        kind,
        payload,
        fragment: None,
        rate: None,
    }
}

/// The name of what no handler takes.
fn nobody() -> Arc<str> {
    static NOBODY: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| Arc::from(""));
    NOBODY.clone()
}

fn nobody_push() -> Arc<str> {
    static PUSH: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| Arc::from("push"));
    PUSH.clone()
}

fn options(play: &Play, seed: u64) -> Options {
    Options {
        seed,
        counts: play.counts.clone(),
        timers: play.timers.clone(),
        timers_run: play.timers_run,
    }
}

/// The faults that are there from the start: the scenario's, then the command line's.
fn declared_faults(scenario: &Scenario, play: &Play) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for (n, value) in scenario.faults.iter().enumerate() {
        faults.push(
            fault::from_json(&Json::from_value(value))
                .with_context(|| format!("`faults`, entry {}", n + 1))?,
        );
    }
    for option in &play.faults {
        faults.push(fault::from_option(option).with_context(|| format!("`--fault {option}`"))?);
    }
    Ok(faults)
}
