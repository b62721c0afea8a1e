//! One Engine.IO session: the packets that wait for its client on any transport, and its peer once it has joined.
//!
//! Invariant: one transport at a time takes packets: a GET, or the WebSocket after the upgrade.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::select;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::super::Net;
use super::super::close::End;
use super::super::peer::log_disconnected;
use crate::base::Limits;
use crate::hub::{Handshake, Hub, Mailbox, Peer, Ticket, Who};
use crate::wire::engineio;

/// Time in which a client must join a namespace, at first and after it has left.
const JOIN_TIME: Duration = Duration::from_secs(45);

/// Sent to clients in place of "never": timers of browsers take at most 2³¹ milliseconds.
pub(super) const RARELY: Duration = Duration::from_secs(1_000_000);

pub(in super::super) struct Session {
    sid: String,
    pub(super) hub: Hub,
    net: Weak<Net>,
    pub(super) handshake: Handshake,
    pub(super) limits: Limits,
    state: Mutex<SessionState>,
    /// For the hanging GET: a packet waits, the client has joined, or it changes its transport.
    pub(super) wake: Notify,
    /// A GET has fetched packets.
    pub(super) fetched: Notify,
    pub(super) pong: Notify,
    over: CancellationToken,
}

pub(in super::super) struct SessionState {
    /// Packets of the session itself; they go before the peer's messages.
    own: VecDeque<Bytes>,
    own_bytes: usize,
    /// The place that the handshake got, until the client joins.
    pub(super) ticket: Option<Ticket>,
    pub(super) peer: Option<Arc<Peer>>,
    /// Since when the client is in no namespace.
    pub(super) left_at: Instant,
    pub(super) transport: Transport,
    /// A GET is being answered.
    pub(super) hanging: bool,
    /// A POST is being answered.
    pub(super) posting: bool,
    /// Announced binary attachments, which are dropped.
    pub(super) attachments: usize,
    /// A fault that follows the packets that a GET has just taken.
    pub(super) held: Option<End>,
    pub(in super::super) stalled: bool,
    pub(super) ended: Option<End>,
    /// The task of the session's WebSocket.
    pub(super) socket: Option<Waker>,
}

/// The way in which a client fetches its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Polling,
    /// Polling, with a WebSocket open beside it.
    Trying,
    /// Polling, with a probed WebSocket. No GET hangs, so that the client can upgrade.
    Moving,
    WebSocket,
}

/// The sessions of a server by their ids.
pub(in super::super) type Sessions = Mutex<HashMap<String, Arc<Session>>>;

/// Fifteen random bytes as text. No seed determines them, so that no client can guess another's session. `None` if the
/// system has no random numbers.
pub(super) fn secret() -> Option<String> {
    let mut bytes = [0; 15];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

impl Session {
    /// Opens a session whose first packet carries its id.
    pub(super) fn open(
        net: &Arc<Net>,
        sid: String,
        handshake: Handshake,
        ticket: Ticket,
        transport: Transport,
    ) -> Arc<Session> {
        let (limits, opened) = (net.hub.limits(), Instant::now());
        let every = match limits.ping_every {
            Duration::ZERO => RARELY,
            every => every.min(RARELY),
        };
        let upgrades = match transport {
            Transport::WebSocket => "[]",
            _ => "[\"websocket\"]",
        };
        let timeout = limits.pong_time.min(RARELY).as_millis();
        let open = engineio::open(&sid, upgrades, every.as_millis(), timeout, limits.message);
        let state = SessionState {
            own: VecDeque::from([Bytes::from(open)]),
            own_bytes: 0,
            ticket: Some(ticket),
            peer: None,
            left_at: opened,
            transport,
            hanging: false,
            posting: false,
            attachments: 0,
            held: None,
            stalled: false,
            ended: None,
            socket: None,
        };
        let session = Arc::new(Session {
            sid: sid.clone(),
            hub: net.hub.clone(),
            net: Arc::downgrade(net),
            handshake,
            limits,
            state: Mutex::new(state),
            wake: Notify::new(),
            fetched: Notify::new(),
            pong: Notify::new(),
            over: CancellationToken::new(),
        });
        net.sessions().insert(sid, session.clone());
        let (pinged, shutdown) = (session.clone(), net.shutdown.clone());
        net.tasks.spawn(async move {
            select! {
                end = pinged.ping(opened, limits.ping_every) => pinged.end(&end),
                () = shutdown.cancelled() => pinged.end(&End::shutdown()),
                () = pinged.over() => {}
            }
        });
        session
    }

    pub(in super::super) fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn transport(&self) -> Transport {
        self.state().transport
    }

    pub(super) fn set_transport(&self, transport: Transport) {
        self.state().transport = transport;
        self.wake.notify_one();
    }

    /// The time by which the client has to join; `None` once it has.
    pub(super) fn join_by(&self) -> Option<Instant> {
        let state = self.state();
        state.peer.is_none().then_some(state.left_at + JOIN_TIME)
    }

    pub(super) fn mailbox(&self) -> Option<Arc<Mailbox>> {
        let state = self.state();
        state.peer.as_ref().map(|peer| peer.mailbox().clone())
    }

    /// The client has to read answers before more of its messages are read.
    pub(super) fn is_pressed(&self) -> bool {
        self.mailbox().is_some_and(|mailbox| mailbox.is_half_full())
    }

    /// Notes that reading pauses until the client has read its answers.
    pub(in super::super) fn paused(&self) {
        if let Some(peer) = self.state().peer.clone() {
            peer.paused();
        }
    }

    /// Queues a packet of the session's own.
    pub(super) fn send(&self, packet: impl Into<Bytes>) -> Result<(), End> {
        let mut state = self.state();
        state.send(packet.into(), &self.limits)?;
        self.ring(&mut state);
        Ok(())
    }

    pub(super) fn ring(&self, state: &mut SessionState) {
        self.wake.notify_one();
        if let Some(socket) = state.socket.take() {
            socket.wake();
        }
    }

    /// Waits until packets may wait for the client.
    pub(super) async fn changed(&self) {
        match self.mailbox() {
            None => self.wake.notified().await,
            Some(mailbox) => select! {
                () = self.wake.notified() => {}
                () = mailbox.changed() => {}
            },
        }
    }

    /// Ends the session once, and disconnects its peer.
    pub(super) fn end(&self, end: &End) {
        let mut state = self.state();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(end.clone());
        // Released outside the lock: disconnecting runs handlers.
        let (peer, ticket) = (state.peer.take(), state.ticket.take());
        self.ring(&mut state);
        drop(state);
        drop(ticket);
        if let Some(net) = self.net.upgrade() {
            net.sessions().remove(&self.sid);
        }
        if let Some(limit) = end.limit() {
            self.hub.reached(limit, self.who_is(peer.as_deref()), end);
        }
        if let Some(peer) = peer {
            self.disconnect(peer, end);
        }
        self.over.cancel();
    }

    pub(super) fn disconnect(&self, peer: Arc<Peer>, end: &End) {
        let id = peer.id();
        peer.closed(end.code());
        drop(peer);
        log_disconnected(&self.hub, id, self.handshake.address, end);
    }

    /// The peer, or the client before it has joined.
    pub(super) fn who(&self) -> Who {
        self.who_is(self.state().peer.as_deref())
    }

    fn who_is(&self, peer: Option<&Peer>) -> Who {
        peer.map_or(Who::Client(self.handshake.address), |peer| {
            Who::Peer(peer.id())
        })
    }

    pub(in super::super) fn ended(&self) -> Option<End> {
        self.state().ended.clone()
    }

    /// Waits for the end of the session.
    pub(in super::super) async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl SessionState {
    /// Queues a packet of the session's own. Their number has the bounds of a mailbox.
    pub(super) fn send(&mut self, packet: Bytes, limits: &Limits) -> Result<(), End> {
        if self.own.len() >= limits.mailbox_frames
            || self.own_bytes + packet.len() > limits.mailbox_bytes
        {
            return Err(End::NotFetched(self.own.len()));
        }
        self.own_bytes += packet.len();
        self.own.push_back(packet);
        Ok(())
    }

    pub(super) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    pub(super) fn next_own(&mut self) -> Option<Bytes> {
        let packet = self.own.pop_front()?;
        self.own_bytes = self.own_bytes.saturating_sub(packet.len());
        Some(packet)
    }
}
