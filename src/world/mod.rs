//! The state, in plain structs: collections, peers and their rooms and sessions, what is due.

mod agenda;
mod collection;
mod index;
mod list_cache;
mod rows;
mod shapes;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::base::json::Json;
use crate::base::{Chance, Moment};

pub use agenda::{Agenda, Due, Plan, Ticker};
pub use collection::{Collection, Edit, RowId, key_text, merged};
pub use index::Condition;
pub use list_cache::{Asked, Listed};
pub use rows::{Picked, Rows, Selection};
pub use shapes::FieldId;

/// A connected client's number; `c1` as text.
pub type PeerId = u64;

/// Everything that a handler may see or change.
#[derive(Debug, Clone)]
pub struct World<P> {
    /// What every stream of chance comes from.
    pub seed: u64,
    /// In the scenario's order.
    pub collections: Vec<Arc<Collection>>,
    /// Who is here.
    pub peers: BTreeMap<PeerId, Peer>,
    /// Who is in which room; an empty room does not exist.
    pub rooms: BTreeMap<Arc<str>, BTreeSet<PeerId>>,
    /// What is due when.
    pub agenda: Agenda<P>,
    /// Streams that go on from draw to draw, by name.
    pub streams: HashMap<String, Chance>,
    /// Bytes that sessions keep.
    pub remembered: usize,
    /// What was listed before.
    pub asked: Asked,
}

/// A connected client.
#[derive(Debug, Clone)]
pub struct Peer {
    /// What the handshake asked.
    pub arrival: Arc<Arrival>,
    /// When it came.
    pub since: Moment,
    /// What the session keeps, see [`World::remember`].
    pub session: BTreeMap<String, Json>,
    /// The rooms it is in.
    pub rooms: BTreeSet<Arc<str>>,
}

/// What a handshake asked.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// The client's IP address.
    pub address: String,
    /// The path.
    pub path: String,
    /// The query's names and values.
    pub query: Vec<(String, String)>,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The subprotocols offered.
    pub protocols: Vec<String>,
}

impl<P> World<P> {
    /// Without data, peers or plans.
    pub fn new(seed: u64) -> Self {
        World {
            seed,
            collections: Vec::new(),
            peers: BTreeMap::new(),
            rooms: BTreeMap::new(),
            agenda: Agenda::default(),
            streams: HashMap::new(),
            remembered: 0,
            asked: Asked::default(),
        }
    }

    /// The stream of a name, where its last draw left it.
    pub fn stream(&mut self, name: &str) -> Chance {
        self.streams
            .remove(name)
            .unwrap_or_else(|| Chance::stream(self.seed, name, 0))
    }

    /// Puts a peer into a room; answers whether it was not there yet.
    pub fn join(&mut self, id: PeerId, room: &str) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else {
            return false;
        };
        let room: Arc<str> = Arc::from(room);
        peer.rooms.insert(room.clone()) && self.rooms.entry(room).or_default().insert(id)
    }

    /// Takes a peer out of a room; answers whether it was there.
    pub fn leave(&mut self, id: PeerId, room: &str) -> bool {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.rooms.remove(room);
        }
        let Some(members) = self.rooms.get_mut(room) else {
            return false;
        };
        let was = members.remove(&id);
        if members.is_empty() {
            self.rooms.remove(room);
        }
        was
    }

    /// Keeps a value in a peer's session; null is forgotten.
    pub fn remember(&mut self, id: PeerId, name: &str, value: &Json) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let old = if value.part().is_null() {
            peer.session.remove(name)
        } else {
            self.remembered += value.text().len();
            // In memory of its own: what it came with may be much longer.
            let own = Json::parse(value.text()).unwrap_or_else(|_| value.clone());
            peer.session.insert(name.to_owned(), own)
        };
        self.remembered -= old.map_or(0, |old| old.text().len());
    }

    /// Bytes that handlers keep: by which the data has grown, in sessions, in plans.
    pub fn kept(&self) -> usize {
        let grown: i64 = self.collections.iter().map(|of| of.grown()).sum();
        usize::try_from(grown).unwrap_or(0) + self.remembered + self.agenda.bytes()
    }

    /// The peers of another world, with their sessions and rooms.
    pub fn take_over(&mut self, other: &World<P>) {
        self.peers.clone_from(&other.peers);
        self.rooms.clone_from(&other.rooms);
        self.remembered = other.remembered;
    }

    /// Takes a peer out of everything.
    pub fn depart(&mut self, id: PeerId) {
        let rooms: Vec<Arc<str>> = self
            .peers
            .get(&id)
            .map(|peer| peer.rooms.iter().cloned().collect())
            .unwrap_or_default();
        for room in rooms {
            self.leave(id, &room);
        }
        if let Some(peer) = self.peers.remove(&id) {
            let kept = peer.session.values().map(|value| value.text().len());
            self.remembered -= kept.sum::<usize>();
        }
    }

    /// The peers in a room, by number.
    pub fn members(&self, room: &str) -> Vec<PeerId> {
        self.rooms
            .get(room)
            .map(|members| members.iter().copied().collect())
            .unwrap_or_default()
    }
}
