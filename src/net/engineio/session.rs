//! One Engine.IO session: what waits for its client, whichever way it is fetched, and its peer once it has joined.
//!
//! Invariant: one way at a time takes from it: a GET, or the WebSocket that the client has moved to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::select;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::super::Net;
use super::super::close::End;
use crate::base::Limits;
use crate::hub::{Handshake, Hub, Mailbox, Peer, Ticket, Who};
use crate::wire::engineio;

/// A session that has not joined a namespace by then, or not again, is closed.
const JOIN_TIME: Duration = Duration::from_secs(45);

/// What a client is told instead of "never": the timers of browsers take no more than 2³¹ milliseconds.
pub(super) const RARELY: Duration = Duration::from_secs(1_000_000);

/// One session.
pub(in super::super) struct Session {
    sid: String,
    pub(super) hub: Hub,
    net: Weak<Net>,
    pub(super) ask: Handshake,
    pub(super) limits: Limits,
    state: Mutex<State>,
    /// Something of the session's own waits, the client has joined, or it moves.
    pub(super) wake: Notify,
    /// Something was fetched.
    pub(super) fetched: Notify,
    pub(super) pong: Notify,
    over: CancellationToken,
}

/// What changes about it.
pub(super) struct State {
    /// Packets of the session's own, ahead of the peer's messages.
    own: VecDeque<Bytes>,
    own_bytes: usize,
    /// The place that was given at the handshake, until the client joins.
    pub(super) ticket: Option<Ticket>,
    pub(super) peer: Option<Arc<Peer>>,
    /// Since when it is in no namespace.
    pub(super) joinless: Instant,
    pub(super) transport: Transport,
    pub(super) hanging: bool,
    pub(super) posting: bool,
    /// Binary messages that were announced and are thrown away.
    pub(super) swallow: usize,
    /// A fault that comes behind what a GET has just taken.
    pub(super) held: Option<End>,
    pub(super) stalled: bool,
    pub(super) ended: Option<End>,
}

/// How the client fetches what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Polling,
    /// By polling, and a WebSocket is open beside it.
    Trying,
    /// By polling, and the WebSocket beside it was probed: no GET hangs, so that the client can move.
    Moving,
    WebSocket,
}

impl Session {
    /// Opens one; its first packet tells the client its id.
    pub(super) fn open(
        net: &Arc<Net>,
        sid: String,
        ask: Handshake,
        ticket: Ticket,
        transport: Transport,
    ) -> Arc<Session> {
        let (limits, opened) = (net.hub.limits(), Instant::now());
        let every = match limits.ping_every {
            Duration::ZERO => RARELY,
            every => every.min(RARELY),
        };
        let upgrades: &[&str] = match transport {
            Transport::WebSocket => &[],
            _ => &["websocket"],
        };
        let open = engineio::Handshake {
            sid: &sid,
            upgrades,
            ping_interval: every.as_millis() as u64,
            ping_timeout: limits.pong_time.min(RARELY).as_millis() as u64,
            max_payload: limits.message,
        };
        let state = State {
            own: VecDeque::from([Bytes::from(open.packet())]),
            own_bytes: 0,
            ticket: Some(ticket),
            peer: None,
            joinless: opened,
            transport,
            hanging: false,
            posting: false,
            swallow: 0,
            held: None,
            stalled: false,
            ended: None,
        };
        let session = Arc::new(Session {
            sid: sid.clone(),
            hub: net.hub.clone(),
            net: Arc::downgrade(net),
            ask,
            limits,
            state: Mutex::new(state),
            wake: Notify::new(),
            fetched: Notify::new(),
            pong: Notify::new(),
            over: CancellationToken::new(),
        });
        net.sessions.insert(sid, session.clone());
        let (beating, shutdown) = (session.clone(), net.shutdown.clone());
        net.tasks.spawn(async move {
            select! {
                end = beating.beat(opened, every) => beating.end(&end),
                () = shutdown.cancelled() => beating.end(&End::shutdown()),
                () = beating.over() => {}
            }
        });
        session
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the client fetches.
    pub(super) fn transport(&self) -> Transport {
        self.state().transport
    }

    /// By when it has to join; `None` once it has.
    pub(super) fn join_by(&self) -> Option<Instant> {
        let state = self.state();
        state.peer.is_none().then_some(state.joinless + JOIN_TIME)
    }

    /// The peer's mailbox, once there is a peer.
    pub(super) fn mailbox(&self) -> Option<Arc<Mailbox>> {
        self.state()
            .peer
            .as_ref()
            .map(|peer| peer.mailbox().clone())
    }

    /// Answers in the mailbox have come to half its bounds: what else the client asks has to wait.
    pub(super) fn is_pressed(&self) -> bool {
        self.mailbox().is_some_and(|mailbox| mailbox.is_half_full())
    }

    /// Tells that for this it waits.
    pub(super) fn paused(&self) {
        if let Some(peer) = self.state().peer.clone() {
            peer.paused();
        }
    }

    /// Puts a packet of the session's own in.
    pub(super) fn say(&self, packet: impl Into<Bytes>) -> Result<(), End> {
        self.state().say(packet.into(), &self.limits)?;
        self.wake.notify_one();
        Ok(())
    }

    /// The next packet of the session's own.
    pub(super) fn next_own(&self) -> Option<Bytes> {
        self.state().next_own()
    }

    /// Waits until something may wait for the client.
    pub(super) async fn changed(&self) {
        match self.mailbox() {
            None => self.wake.notified().await,
            Some(mailbox) => select! {
                () = self.wake.notified() => {}
                () = mailbox.changed() => {}
            },
        }
    }

    /// Ends it, if it has not ended; its peer leaves.
    pub(super) fn end(&self, end: &End) {
        let mut state = self.state();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(end.clone());
        let (peer, ticket) = (state.peer.take(), state.ticket.take());
        let who = self.who_is(peer.as_deref());
        drop(state);
        drop(ticket);
        if let Some(net) = self.net.upgrade() {
            net.sessions.remove(&self.sid);
        }
        if let Some(limit) = end.limit() {
            self.hub.reached(limit, who, end);
        }
        if let Some(peer) = peer {
            let (code, address) = (end.code(), self.ask.address);
            tracing::info!(peer = format_args!("c{}", peer.id()), %address, code, why = %end, "disconnected");
            peer.closed(code);
        }
        self.over.cancel();
    }

    /// Its peer, or the client that asked for it.
    pub(super) fn who(&self) -> Who {
        self.who_is(self.state().peer.as_deref())
    }

    fn who_is(&self, peer: Option<&Peer>) -> Who {
        peer.map_or(Who::Client(self.ask.address), |peer| Who::Peer(peer.id()))
    }

    /// How it has ended.
    pub(super) fn ended(&self) -> Option<End> {
        self.state().ended.clone()
    }

    /// Waits for its end.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl State {
    /// Puts a packet of the session's own in. A client that fetches none of them is cut off as by its mailbox.
    pub(super) fn say(&mut self, packet: Bytes, limits: &Limits) -> Result<(), End> {
        if self.own.len() >= limits.mailbox_frames
            || self.own_bytes + packet.len() > limits.mailbox_bytes
        {
            return Err(End::Unread(self.own.len()));
        }
        self.own_bytes += packet.len();
        self.own.push_back(packet);
        Ok(())
    }

    pub(super) fn next_own(&mut self) -> Option<Bytes> {
        let packet = self.own.pop_front()?;
        self.own_bytes = self.own_bytes.saturating_sub(packet.len());
        Some(packet)
    }
}
