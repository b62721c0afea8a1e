//! The whole state of one mock: its scenario, clock, data, peers, rooms, timers, plans, chance and faults.
//!
//! Invariant: a world is a value. The same inputs, applied to equal worlds, make equal worlds.

mod agenda;
mod collection;
mod index;
mod rows;
mod shapes;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::json::Json;
use crate::base::{Chance, Clock, Moment};
use crate::fault::Faults;
use crate::lang::faults::Fault;
use crate::lang::model::Scenario;

pub use agenda::{Agenda, Due, Plan, Ticker};
pub use collection::{Collection, Edit, RowId, key_text, merged};
pub use index::Condition;
pub use rows::{Picked, Rows, Selection};
pub use shapes::FieldId;
pub use value::{MAX_MADE, Val, from_value};

/// A connected client's number; `c1` as text.
pub type PeerId = u64;

/// Everything that an input may read or change.
#[derive(Clone)]
pub struct World {
    pub scenario: Arc<Scenario>,
    pub options: Arc<Options>,
    /// Every stream of chance derives from it.
    pub seed: u64,
    pub clock: Clock,
    /// In the scenario's order.
    pub collections: Vec<Arc<Collection>>,
    pub peers: BTreeMap<PeerId, Peer>,
    /// The members of each room. A room without members is removed.
    pub rooms: BTreeMap<Arc<str>, BTreeSet<PeerId>>,
    /// Timers and plans by the moment they are due.
    pub agenda: Agenda,
    pub faults: Faults,
    /// Counts resets and reloads.
    pub generation: u64,
    /// Streams of chance that have been drawn from, by name.
    streams: BTreeMap<String, Chance>,
    /// Bytes of all sessions.
    remembered: usize,
    last_peer: PeerId,
}

/// The command line's share in a world.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed at the start, and after a reset that names none.
    pub seed: u64,
    /// The clock at the start, and after a reset.
    pub clock: Clock,
    /// `--count COLLECTION=N`
    pub counts: Vec<(String, u64)>,
    /// `--timer NAME=5s`
    pub timers: Vec<(String, Duration)>,
    /// False under `--no-timers`.
    pub timers_run: bool,
    /// Unknown fields and filters are errors.
    pub strict: bool,
    /// `--fault KIND…`, in force after those of the scenario.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 0,
            clock: Clock::held_at(0),
            counts: Vec::new(),
            timers: Vec::new(),
            timers_run: true,
            strict: false,
            faults: Vec::new(),
        }
    }
}

/// A connected client.
#[derive(Debug, Clone)]
pub struct Peer {
    pub arrival: Arc<Arrival>,
    /// When it connected.
    pub since: Moment,
    /// Written by [`World::remember`].
    pub session: BTreeMap<String, Json>,
    pub rooms: BTreeSet<Arc<str>>,
}

/// A handshake's request.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// The client's IP address.
    pub address: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The subprotocols that the client offers.
    pub protocols: Vec<String>,
}

/// The state, without what it was made from and without caches: equal worlds look the same.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("clock", &self.clock)
            .field("collections", &self.collections)
            .field("peers", &self.peers)
            .field("rooms", &self.rooms)
            .field("agenda", &self.agenda)
            .field("faults", &self.faults)
            .field("generation", &self.generation)
            .field("streams", &self.streams)
            .field("remembered", &self.remembered)
            .field("last_peer", &self.last_peer)
            .finish_non_exhaustive()
    }
}

impl World {
    /// A world without data, peers, timers or faults.
    pub fn new(scenario: Arc<Scenario>, options: Arc<Options>, seed: u64, clock: Clock) -> Self {
        World {
            scenario,
            options,
            seed,
            clock,
            collections: Vec::new(),
            peers: BTreeMap::new(),
            rooms: BTreeMap::new(),
            agenda: Agenda::default(),
            faults: Faults::default(),
            generation: 0,
            streams: BTreeMap::new(),
            remembered: 0,
            last_peer: 0,
        }
    }

    /// The world that replaces this one on a reset or reload: `fresh` with the peers, sessions and rooms of this one.
    #[must_use]
    pub fn succeeded_by(&self, fresh: &World) -> World {
        World {
            peers: self.peers.clone(),
            rooms: self.rooms.clone(),
            remembered: self.remembered,
            last_peer: self.last_peer,
            generation: self.generation + 1,
            ..fresh.clone()
        }
    }

    /// Takes a stream out, where its last draw left it.
    pub fn take_stream(&mut self, name: &str) -> Chance {
        self.streams
            .remove(name)
            .unwrap_or_else(|| Chance::stream(self.seed, name, 0))
    }

    pub fn put_stream(&mut self, name: String, chance: Chance) {
        self.streams.insert(name, chance);
    }

    pub fn forget_streams(&mut self) {
        self.streams.clear();
    }

    /// Adds a peer under the next number.
    pub fn arrive(&mut self, arrival: Arc<Arrival>, since: Moment) -> PeerId {
        self.last_peer += 1;
        let peer = Peer {
            arrival,
            since,
            session: BTreeMap::new(),
            rooms: BTreeSet::new(),
        };
        self.peers.insert(self.last_peer, peer);
        self.last_peer
    }

    /// Removes a peer from everything.
    pub fn depart(&mut self, id: PeerId) {
        self.streams.remove(&peer_stream(id));
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        for room in &peer.rooms {
            self.leave(id, room);
        }
        let kept = peer.session.values().map(|value| value.text().len());
        self.remembered -= kept.sum::<usize>();
    }

    pub fn join(&mut self, id: PeerId, room: &str) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let room: Arc<str> = Arc::from(room);
        peer.rooms.insert(room.clone());
        self.rooms.entry(room).or_default().insert(id);
    }

    pub fn leave(&mut self, id: PeerId, room: &str) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.rooms.remove(room);
        }
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(&id);
            if members.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// Sets a value of a peer's session; null removes it.
    pub fn remember(&mut self, id: PeerId, name: &str, value: &Json) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let old = if value.part().is_null() {
            peer.session.remove(name)
        } else {
            self.remembered += value.text().len();
            // A copy: a part of a message would keep the whole message in memory.
            let own = Json::parse(value.text()).unwrap_or_else(|_| value.clone());
            peer.session.insert(name.to_owned(), own)
        };
        self.remembered -= old.map_or(0, |old| old.text().len());
    }

    /// Bytes that handlers keep: growth of the data, sessions, plans.
    pub fn kept(&self) -> usize {
        let grown: i64 = self.collections.iter().map(|of| of.grown()).sum();
        usize::try_from(grown).unwrap_or(0) + self.remembered + self.agenda.bytes()
    }

    /// The members of a room, by number.
    pub fn members(&self, room: &str) -> Vec<PeerId> {
        self.rooms
            .get(room)
            .map(|members| members.iter().copied().collect())
            .unwrap_or_default()
    }

    /// A timer's tickers: itself, or one for each item under `for`, `NAME:KEY`. A ticker's own name means it alone.
    pub fn tickers(&self, name: &str) -> Vec<String> {
        let is_meant = |ticker: &&String| {
            ticker
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        let names = self.agenda.tickers.keys();
        names.filter(is_meant).cloned().collect()
    }
}

/// The stream that a peer's handlers draw from.
pub fn peer_stream(id: PeerId) -> String {
    format!("peer/{id}")
}
