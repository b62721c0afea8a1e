//! A world without sockets, its peers spoken for, and what must hold after each thing that happens.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::runtime::Runtime;
use ws_mock::base::Limits;
use ws_mock::config::{ClockStart, Play};
use ws_mock::hub::{Admission, Handshake, HttpRequest, Hub, Inbound, Outgoing, Peer};
use ws_mock::lang::model::{Protocol, Scenario};
use ws_mock::wire::socketio::{PacketBody, SocketPacket};

/// 2024-01-20T10:30:00Z
const START: i64 = 1_705_746_600_000;
/// So few that a peer that does not read is soon cut off.
const FRAMES: usize = 8;
const BYTES: usize = 64 << 10;
const PEERS: usize = 8;
/// Turns that a request to the control API or a move of the clock may take before whoever asked hangs up.
const TURNS: usize = 300;
const ITEMS: u64 = 4;

/// A hub and who is connected.
pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) runtime: Runtime,
    protocol: Protocol,
    actors: Vec<Actor>,
    journalled: u64,
}

struct Actor {
    peer: Peer,
    /// Its messages by the journal that were not taken out of the mailbox yet.
    owed: Vec<Bytes>,
    /// Whether it lets its mailbox fill.
    stalled: bool,
    /// Whether a fault was at its messages: then these are not what the journal says.
    faulty: bool,
}

impl Stage {
    /// Nothing when the world cannot be made so.
    pub(crate) fn new(scenario: Arc<Scenario>) -> Option<Stage> {
        let play = Play {
            seed: 1,
            clock: ClockStart::At(START),
            counts: scenario
                .data
                .iter()
                .map(|collection| (collection.name.clone(), ITEMS))
                .collect(),
            timers: Vec::new(),
            timers_run: true,
            strict: false,
            faults: Vec::new(),
        };
        let limits = Limits {
            mailbox_frames: FRAMES,
            mailbox_bytes: BYTES,
            ..Limits::default()
        };
        let protocol = scenario.listen.protocol;
        let hub = Hub::new(scenario, play, limits).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        Some(Stage {
            hub,
            runtime: runtime.expect("a runtime"),
            protocol,
            actors: Vec::new(),
            journalled: 0,
        })
    }

    /// Somebody comes, if they are let in.
    pub(crate) fn come(&mut self, target: &str) {
        if self.actors.len() >= PEERS {
            return;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let ask = Handshake {
            address: address(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("origin".to_owned(), target.to_owned())],
            protocols: vec![query.to_owned()],
        };
        if let Admission::Accepted { ticket, .. } = self.hub.admit(ask) {
            let peer = self.hub.connect(ticket);
            self.actors.push(Actor {
                peer,
                owed: Vec::new(),
                stalled: false,
                faulty: false,
            });
        }
        self.look();
    }

    /// Somebody goes.
    pub(crate) fn go(&mut self, who: usize) {
        if who < self.actors.len() {
            drop(self.actors.remove(who));
        }
        self.look();
    }

    /// Somebody reads no more, or again.
    pub(crate) fn stall(&mut self, who: usize) {
        if let Some(actor) = self.actors.get_mut(who) {
            actor.stalled = !actor.stalled;
        }
        self.look();
    }

    /// Somebody says something.
    pub(crate) fn say(&mut self, who: usize, what: &[u8], binary: bool) {
        let Some(actor) = self.actors.get(who) else {
            return;
        };
        let message = match (self.protocol, std::str::from_utf8(what)) {
            (Protocol::SocketIo, Ok(text)) => {
                match SocketPacket::decode(text).map(|packet| packet.body) {
                    Ok(PacketBody::Event { name, args, ack }) => Inbound::Event {
                        name,
                        args: args.into(),
                        ack,
                    },
                    _ => return,
                }
            }
            (Protocol::SocketIo, Err(_)) => return,
            (_, Ok(text)) if !binary => Inbound::Text(text.into()),
            _ => Inbound::Binary(Bytes::copy_from_slice(what)),
        };
        actor.peer.receive(message);
        self.look();
    }

    /// A request for mocked HTTP.
    pub(crate) fn request(&mut self, method: &str, target: &str, body: &[u8]) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = HttpRequest {
            address: address(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Bytes::copy_from_slice(body),
        };
        let answer = self.runtime.block_on(self.hub.http(request));
        assert!((100..=999).contains(&answer.status), "{}", answer.status);
        self.look();
    }

    /// Time passes; everyone reads meanwhile.
    pub(crate) fn wait(&mut self, by: std::time::Duration) {
        let stalled: Vec<u64> = self
            .actors
            .iter_mut()
            .filter_map(|actor| std::mem::take(&mut actor.stalled).then(|| actor.peer.id()))
            .collect();
        self.look();
        let hub = self.hub.clone();
        self.during(async move { hub.advance(by).await });
        for actor in &mut self.actors {
            actor.stalled = stalled.contains(&actor.peer.id());
        }
    }

    /// Waits for something that needs nobody to read.
    pub(crate) fn until<T>(&mut self, what: impl Future<Output = T>) -> T {
        let found = self.runtime.block_on(what);
        self.look();
        found
    }

    /// Waits for something while everyone reads, for a number of turns; then whoever asked hangs up.
    pub(crate) fn during<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        let mut what = Box::pin(what);
        for _ in 0..TURNS {
            let found = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    found = &mut what => Some(found),
                    () = tokio::task::yield_now() => None,
                }
            });
            self.look();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// What must hold: the journal is the one order of things and each peer gets its part of it in that order; a
    /// mailbox never holds more than it may; rooms hold only who is here, and an empty one is none.
    pub(crate) fn look(&mut self) {
        self.read_journal();
        let mut ended = Vec::new();
        for (at, actor) in self.actors.iter_mut().enumerate() {
            let (frames, bytes) = actor.peer.mailbox().len();
            assert!(frames <= FRAMES, "{frames} frames wait");
            assert!(frames <= 1 || bytes <= BYTES, "{bytes} bytes wait");
            if !actor.stalled && actor.read(self.protocol) {
                ended.push(at);
            }
        }
        if !ended.is_empty() {
            for at in ended.into_iter().rev() {
                drop(self.actors.remove(at));
            }
            // Who goes may be said goodbye to.
            return self.look();
        }
        let here: Vec<u64> = self.actors.iter().map(|actor| actor.peer.id()).collect();
        for (name, members) in self.hub.rooms() {
            assert!(!members.is_empty(), "the empty room {name}");
            assert!(
                members.iter().all(|member| here.contains(member)),
                "ghosts in {name}: {members:?}, here are {here:?}"
            );
        }
        let open = self.hub.metrics().open.get();
        assert_eq!(open, here.len() as i64, "connections that are open");
    }

    fn read_journal(&mut self) {
        let by_id: HashMap<u64, usize> = self
            .actors
            .iter()
            .enumerate()
            .map(|(at, actor)| (actor.peer.id(), at))
            .collect();
        for entry in self
            .hub
            .journal()
            .select(self.journalled, usize::MAX, |_| true)
        {
            assert!(entry.seq > self.journalled, "numbers go up");
            self.journalled = entry.seq;
            if !entry.about.inward
                && let Some(at) = by_id.get(&entry.about.peer)
            {
                self.actors[*at].faulty |= !entry.fault.is_empty();
                self.actors[*at].owed.push(entry.payload.whole());
            }
        }
    }
}

impl Actor {
    /// Reads everything; answers whether it was closed.
    fn read(&mut self, protocol: Protocol) -> bool {
        let mut taken = Vec::new();
        self.peer
            .mailbox()
            .take(Instant::now(), usize::MAX, &mut taken);
        let mut owed = std::mem::take(&mut self.owed).into_iter();
        for outgoing in taken {
            let Outgoing::Message { payload, .. } = outgoing else {
                return true;
            };
            if self.faulty {
                continue;
            }
            let sent = payload.whole();
            // The journal has what a packet says, without its numbers.
            let numbers = sent.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let said = match protocol {
                Protocol::SocketIo => sent.slice(numbers..),
                Protocol::Json | Protocol::Raw => sent,
            };
            let Some(expected) = owed.next() else {
                panic!("{payload:?} is sent, of which the journal does not know");
            };
            // The journal keeps the beginning of what is long.
            assert!(
                said.starts_with(&expected),
                "{payload:?} is sent where the journal has {expected:?}"
            );
        }
        assert!(
            self.faulty || owed.next().is_none(),
            "what the journal has was sent"
        );
        false
    }
}

fn address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000)
}
