//! A connected client: from its handshake until it is dropped.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::base::json::write;
use crate::base::time;
use crate::dialect::{Dialect, Inbound};
use crate::engine::{Input, Returned};
use crate::world::{self, PeerId};

use super::admission::{Slot, Ticket};
use super::mailbox::{Mailbox, Outgoing};
use super::{Core, Hub, Limit, Who};

/// Going on too fast for this long closes the connection.
const PATIENCE: Duration = Duration::from_secs(5);
const POLICY: u16 = 1008;

/// A connected client. Dropping it disconnects.
pub struct Peer {
    hub: Hub,
    id: PeerId,
    mailbox: Arc<Mailbox>,
    received: Arc<AtomicU64>,
    dialect: Dialect,
    /// Messages a second, as it was when it came.
    most: Option<u32>,
    rate: Mutex<Rate>,
    /// Whether it was told that its reading pauses.
    paused: AtomicBool,
    _slot: Slot,
}

/// The hub's end of a connection.
pub(crate) struct Line {
    pub(super) mailbox: Arc<Mailbox>,
    /// Messages that came over it.
    received: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Rate {
    second: Option<Instant>,
    count: u32,
    /// Since when every second had too many.
    over: Option<Instant>,
    last_over: Option<Instant>,
    closing: bool,
}

impl Hub {
    /// Takes in a client whose handshake is answered.
    pub fn connect(&self, ticket: Ticket) -> Peer {
        let limits = self.limits();
        let mailbox = Arc::new(Mailbox::new(limits.mailbox_frames, limits.mailbox_bytes));
        let received = Arc::new(AtomicU64::new(0));
        self.0.metrics.open.inc();
        self.0.metrics.connections.inc();
        let line = Line {
            mailbox: mailbox.clone(),
            received: received.clone(),
        };
        let facts = self.facts();
        let input = Input::Connect {
            arrival: ticket.arrival,
            remembered: ticket.remembered,
        };
        let mut core = self.core_mut();
        let applied = self.apply(&mut core, &input, facts);
        let Returned::Connected(id) = applied.outcome.returned else {
            unreachable!("a peer that connects gets a number");
        };
        // Before its effects are delivered: they may greet it.
        core.lines.insert(id, line);
        self.deliver(&core, Who::Peer(id), &input, applied);
        let dialect = core.world.scenario.listen.protocol.into();
        drop(core);
        Peer {
            hub: self.clone(),
            id,
            mailbox,
            received,
            dialect,
            most: limits.messages_per_second,
            rate: Mutex::default(),
            paused: AtomicBool::new(false),
            _slot: ticket.slot,
        }
    }
}

impl Peer {
    /// Its number.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// What waits for it.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// One message of the client. Its answers are in the mailbox when this returns.
    pub fn receive(&self, message: Inbound) {
        let mut message = Some(message);
        self.receive_all(|| message.take());
    }

    /// As [`Peer::receive`], of all that have come. The world may be held while `next` is called: it asks for nothing of
    /// the hub, and comes to an end soon.
    pub fn receive_all(&self, mut next: impl FnMut() -> Option<Inbound>) {
        self.hub.run_all(Who::Peer(self.id), || {
            next().map(|message| self.input(message))
        });
    }

    fn input(&self, message: Inbound) -> Input {
        self.received.fetch_add(1, Ordering::Relaxed);
        match self.most {
            // It is refused unread, so it is not decoded.
            Some(most) if self.too_fast(most) => {
                Input::TooMany(self.id, Dialect::Raw.decode(message))
            }
            _ => Input::Message(self.id, self.dialect.decode(message)),
        }
    }

    fn too_fast(&self, most: u32) -> bool {
        let now = Instant::now();
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if rate
            .second
            .is_none_or(|second| now - second >= Duration::from_secs(1))
        {
            rate.second = Some(now);
            rate.count = 0;
        }
        rate.count += 1;
        if rate.count <= most {
            return false;
        }
        if rate
            .last_over
            .is_none_or(|last| now - last > Duration::from_secs(2))
        {
            rate.over = Some(now);
            let what = format_args!(
                "sends too fast: what is over {most} messages a second is refused, for {PATIENCE:?} at most"
            );
            self.hub
                .reached(Limit::MessagesPerSecond, Who::Peer(self.id), what);
        } else {
            self.hub.0.metrics.limit(Limit::MessagesPerSecond);
        }
        rate.last_over = Some(now);
        if !rate.closing && rate.over.is_some_and(|over| now - over >= PATIENCE) {
            rate.closing = true;
            // The world may be held already, so it is not asked for the mailbox.
            let reason = "too many messages".to_owned();
            let code = POLICY;
            self.mailbox
                .put(Duration::ZERO, Outgoing::Close { code, reason }, true);
        }
        true
    }

    /// It asks faster than it reads its answers, so it is not read either for a while: counted each time, told once.
    pub fn paused(&self) {
        if self.mailbox.is_reserved() {
            // It waits for an answer that takes long, and does nothing wrong.
            return;
        }
        if self.paused.swap(true, Ordering::Relaxed) {
            self.hub.0.metrics.limit(Limit::Answers);
            return;
        }
        let limits = self.hub.limits();
        let what = format_args!(
            "asks faster than it reads, and is read again once less than {} frames and {} bytes wait for it",
            limits.mailbox_frames / 2,
            limits.mailbox_bytes / 2
        );
        self.hub.noted(Limit::Answers, Who::Peer(self.id), what);
    }

    /// Whether the client's ping goes unanswered.
    pub fn muted(&self) -> bool {
        // Most have no faults, and `receive_all` may hold the lock: with faults it does not.
        self.hub.0.has_faults.load(Ordering::Relaxed)
            && self
                .hub
                .run(Who::Peer(self.id), &Input::Ping(self.id))
                .returned
                == Returned::Muted
    }

    /// The code of the close that ended it: nothing more is taken in for it.
    pub fn closed(&self, code: u16) {
        tracing::debug!(peer = %format_args!("c{}", self.id), code, "closed");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.hub.0.metrics.open.dec();
        let facts = self.hub.facts();
        let mut core = self.hub.core_mut();
        core.lines.remove(&self.id);
        let input = Input::Disconnect(self.id);
        self.hub.write(&mut core, Who::Peer(self.id), &input, facts);
    }
}

/// A connection as the control API shows it.
pub struct PeerShown {
    /// Its number.
    pub id: PeerId,
    /// Its JSON.
    pub json: String,
}

impl Core {
    /// Who is here.
    pub(super) fn shown(&self) -> Vec<PeerShown> {
        self.world
            .peers
            .iter()
            .map(|(id, peer)| PeerShown {
                id: *id,
                json: self.shown_one(*id, peer),
            })
            .collect()
    }

    fn shown_one(&self, id: PeerId, peer: &world::Peer) -> String {
        let mut out = format!(
            "{{\"id\":\"c{id}\",\"since\":\"{}\",\"address\":",
            time::rfc3339(peer.since)
        );
        write::string(&mut out, &peer.arrival.address);
        out.push_str(",\"path\":");
        write::string(&mut out, &peer.arrival.path);
        out.push_str(",\"rooms\":[");
        write::joined(&mut out, &peer.rooms, |out, room| write::string(out, room));
        out.push_str("],\"session\":");
        write::members(&mut out, &peer.session);
        let line = self.lines.get(&id);
        let received = line.map_or(0, |line| line.received.load(Ordering::Relaxed));
        let sent = line.map_or(0, |line| line.mailbox.taken());
        let (frames, bytes) = line.map_or((0, 0), |line| line.mailbox.len());
        out.push_str(&format!(
            ",\"messages\":{{\"in\":{received},\"out\":{sent}}},\"queue\":{{\"frames\":{frames},\"bytes\":{bytes}}}}}",
        ));
        out
    }
}
