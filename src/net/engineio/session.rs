//! One Engine.IO session: what waits for its client, whichever way it is fetched, and its peer once it has joined.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::select;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::super::Net;
use crate::config::Limits;
use crate::hub::{Admission, Handshake, Hub, Inbound, Mailbox, Outgoing, Peer, Ticket};
use crate::wire::engineio::{self, Packet};
use crate::wire::socketio::{self, Body};

/// A session that has not joined a namespace by then is closed.
const JOIN_TIME: Duration = Duration::from_secs(45);

/// What its `error` event says of binary messages.
const NO_BINARY: &str = r#"{"message":"binary attachments are not taken; send JSON"}"#;

/// The sessions of a server, by their secret ids.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, Arc<Session>>>);

impl Sessions {
    fn map(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of an id.
    pub(super) fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.map().get(sid).cloned()
    }
}

/// One session.
pub(in super::super) struct Session {
    sid: String,
    hub: Hub,
    net: Weak<Net>,
    ask: Handshake,
    state: Mutex<State>,
    /// Something was put in, or the session has ended.
    wake: Notify,
    pong: Notify,
}

struct State {
    /// Packets of the session's own, ahead of the peer's messages.
    own: Vec<String>,
    /// The place that was given at the handshake, until the client joins.
    ticket: Option<Ticket>,
    peer: Option<Arc<Peer>>,
    /// How the client fetches what waits.
    transport: Transport,
    /// A GET hangs.
    hanging: bool,
    /// Binary messages that were announced and are thrown away.
    swallow: usize,
    ended: bool,
    /// The client said so.
    left: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Polling,
    /// By polling, and a WebSocket is being tried beside it.
    Trying,
    WebSocket,
}

/// What goes to the client now.
#[derive(Default)]
pub(super) struct Drained {
    pub(super) packets: Vec<Bytes>,
    /// Why it ends after these.
    pub(super) end: Option<Ending>,
    /// When to look again for a message that is delayed.
    pub(super) again: Option<Instant>,
}

/// How a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Close(u16, String),
    Abort,
    Stall,
}

impl Drained {
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.end.is_none()
    }

    /// As the body of an answer to a GET.
    pub(super) fn payload(mut self) -> Vec<u8> {
        if self.end.is_some() {
            self.packets
                .push(Bytes::from_static(engineio::CLOSE.as_bytes()));
        }
        engineio::join(self.packets)
    }
}

/// While a GET hangs.
pub(super) struct Turn<'s>(&'s Session);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().hanging = false;
    }
}

impl Session {
    /// Opens one; its first packet tells the client its id.
    pub(super) fn open(
        net: &Arc<Net>,
        limits: Limits,
        ask: Handshake,
        ticket: Ticket,
        polling: bool,
    ) -> Arc<Session> {
        let sid = secret();
        let upgrades: &[&str] = if polling { &["websocket"] } else { &[] };
        let open = engineio::Handshake {
            sid: &sid,
            upgrades,
            ping_interval: limits.ping_every.as_millis() as u64,
            ping_timeout: limits.pong_time.as_millis() as u64,
            max_payload: limits.message,
        };
        let state = State {
            own: vec![open.packet()],
            ticket: Some(ticket),
            peer: None,
            transport: if polling {
                Transport::Polling
            } else {
                Transport::WebSocket
            },
            hanging: false,
            swallow: 0,
            ended: false,
            left: false,
        };
        let session = Arc::new(Session {
            sid: sid.clone(),
            hub: net.hub.clone(),
            net: Arc::downgrade(net),
            ask,
            state: Mutex::new(state),
            wake: Notify::new(),
            pong: Notify::new(),
        });
        net.sessions.map().insert(sid, session.clone());
        let (beating, shutdown) = (session.clone(), net.shutdown.clone());
        net.tasks.spawn(async move {
            select! {
                () = beating.beat(limits) => {}
                () = shutdown.cancelled() => {}
            }
            beating.end();
        });
        session
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the client fetches by GETs.
    pub(super) fn is_polling(&self) -> bool {
        self.state().transport != Transport::WebSocket
    }

    /// The right to hang; `None` when another GET does.
    pub(super) fn turn(&self) -> Option<Turn<'_>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.hanging, true) {
            return None;
        }
        drop(state);
        Some(Turn(self))
    }

    /// The client tries a WebSocket, or has given it up. While it tries no GET hangs, so that it can move.
    pub(super) fn set_trying(&self, trying: bool) {
        self.state().transport = if trying {
            Transport::Trying
        } else {
            Transport::Polling
        };
        self.wake.notify_one();
    }

    /// Whether the client tries a WebSocket beside its polling.
    pub(super) fn is_trying(&self) -> bool {
        self.state().transport == Transport::Trying
    }

    /// From now on a WebSocket fetches what waits.
    pub(super) fn upgraded(&self) {
        self.state().transport = Transport::WebSocket;
        self.wake.notify_one();
    }

    /// Whether the client ended it by its own word.
    pub(super) fn was_left(&self) -> bool {
        self.state().left
    }

    /// Ends it; its peer leaves.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        let (peer, ticket) = (state.peer.take(), state.ticket.take());
        drop(state);
        drop((peer, ticket));
        if let Some(net) = self.net.upgrade() {
            net.sessions.map().remove(&self.sid);
        }
        self.wake.notify_waiters();
        self.wake.notify_one();
        self.pong.notify_one();
    }

    /// What waits, about so many bytes of it.
    pub(super) fn drain(&self, budget: usize) -> Drained {
        let mut state = self.state();
        let mut drained = Drained {
            packets: state.own.drain(..).map(Bytes::from).collect(),
            ..Drained::default()
        };
        if state.ended {
            let noop = if state.left {
                Bytes::from_static(engineio::NOOP.as_bytes())
            } else {
                Bytes::new()
            };
            drained.packets.extend((!noop.is_empty()).then_some(noop));
            drained.end = (!state.left).then(|| Ending::Close(1000, String::new()));
            return drained;
        }
        let mailbox = state.peer.as_ref().map(|peer| peer.mailbox().clone());
        drop(state);
        if let Some(mailbox) = mailbox {
            let mut out = Vec::new();
            drained.again = mailbox.take(Instant::now(), budget, &mut out);
            for outgoing in out {
                match outgoing {
                    Outgoing::Message { payload, .. } => drained.packets.push(payload),
                    Outgoing::Close { code, reason } => {
                        drained.end = Some(Ending::Close(code, reason));
                    }
                    Outgoing::Abort => drained.end = Some(Ending::Abort),
                    Outgoing::Stall => drained.end = Some(Ending::Stall),
                }
            }
        }
        if drained.end.is_some() {
            self.end();
        }
        drained
    }

    /// Waits until something may wait for the client.
    pub(super) async fn changed(&self) {
        let mailbox: Option<Arc<Mailbox>> = self
            .state()
            .peer
            .as_ref()
            .map(|peer| peer.mailbox().clone());
        match mailbox {
            None => self.wake.notified().await,
            Some(mailbox) => select! {
                () = self.wake.notified() => {}
                () = mailbox.changed() => {}
            },
        }
    }

    fn say(&self, packet: String) {
        self.state().own.push(packet);
        self.wake.notify_one();
    }

    /// Takes a packet in; false when it is one that ends the session.
    pub(super) fn receive(&self, packet: &Packet<'_>) -> bool {
        match packet {
            Packet::Pong(_) => self.pong.notify_one(),
            Packet::Message(text) => return self.message(text),
            Packet::Binary(_) => return self.swallow(),
            Packet::Close => {
                self.state().left = true;
                self.end();
                return false;
            }
            Packet::Ping(_) => return false,
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => {}
        }
        true
    }

    /// A binary message: fine when it was announced.
    pub(super) fn swallow(&self) -> bool {
        let mut state = self.state();
        let announced = state.swallow > 0;
        state.swallow = state.swallow.saturating_sub(1);
        announced
    }

    fn message(&self, text: &str) -> bool {
        if self.state().swallow > 0 {
            return false;
        }
        let Ok(packet) = socketio::Packet::decode(text) else {
            return false;
        };
        let main = packet.namespace == socketio::MAIN;
        match packet.body {
            Body::Connect(_) if !main => {
                let mut refused = String::new();
                socketio::connect_error(
                    &mut refused,
                    packet.namespace,
                    socketio::INVALID_NAMESPACE,
                );
                self.say(refused);
                true
            }
            Body::Connect(_) => self.join(),
            _ if !main => false,
            Body::Disconnect => {
                let peer = self.state().peer.take();
                peer.is_some()
            }
            Body::Event { name, args, ack } => {
                let peer = self.state().peer.clone();
                let Some(peer) = peer else { return false };
                peer.receive(Inbound::Event {
                    name,
                    args: Bytes::from(args),
                    ack,
                });
                self.wake.notify_one();
                true
            }
            Body::Ack { .. } => true,
            Body::Binary { attachments, .. } => {
                self.state().swallow = attachments;
                let mut refused = String::new();
                socketio::event(&mut refused, "error", &format!("[{NO_BINARY}]"));
                self.say(refused);
                true
            }
            Body::ConnectError(_) => false,
        }
    }

    /// The client joins: now it is a peer. After it left it may join again, if there is a place.
    fn join(&self) -> bool {
        let mut state = self.state();
        if state.peer.is_some() || state.ended {
            return false;
        }
        let ticket = match state.ticket.take() {
            Some(ticket) => ticket,
            None => match self.hub.admit(self.ask.clone()) {
                Admission::Accepted { ticket, .. } => ticket,
                Admission::Refused(_) => return false,
            },
        };
        let mut joined = String::new();
        socketio::connect(&mut joined, &secret());
        state.own.push(joined);
        let peer = self.hub.connect(ticket);
        tracing::info!(peer = format_args!("c{}", peer.id()), address = %self.ask.address, "connected");
        state.peer = Some(Arc::new(peer));
        drop(state);
        self.wake.notify_one();
        true
    }

    /// Pings, and ends when no pong comes; also when nobody joins in time.
    async fn beat(&self, limits: Limits) {
        let opened = Instant::now();
        loop {
            let pause = if limits.ping_every.is_zero() {
                JOIN_TIME
            } else {
                limits.ping_every
            };
            sleep(pause).await;
            let (ended, joined) = {
                let state = self.state();
                (state.ended, state.peer.is_some())
            };
            if ended || (!joined && opened.elapsed() >= JOIN_TIME) {
                return;
            }
            let muted = self.state().peer.clone().is_some_and(|peer| peer.muted());
            if limits.ping_every.is_zero() || muted {
                continue;
            }
            self.say(engineio::PING.to_owned());
            if timeout(limits.pong_time, self.pong.notified())
                .await
                .is_err()
            {
                self.hub.metrics().limit("heartbeat");
                tracing::info!(address = %self.ask.address, "no pong in time: the session ends");
                return;
            }
        }
    }
}

/// Fifteen random bytes as text: nothing that a seed fixes, so that no client guesses another's.
fn secret() -> String {
    let mut bytes = [0; 15];
    // Without randomness of the system's no session could be kept apart; it does not fail on systems we run on.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        tracing::error!("the system gives no random numbers");
    }
    URL_SAFE_NO_PAD.encode(bytes)
}
