//! Everything that can happen to a world.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tungstenite::Utf8Bytes;

use crate::base::Moment;
use crate::base::json::{Json, JsonError};
use crate::lang::faults::Fault;
use crate::world::{Arrival, PeerId, World};

use super::Recipients;

/// Facts from outside, taken when an input happens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stamp {
    /// The real time.
    pub wall: Moment,
    /// Zeros unless the scenario's expressions name `server`.
    pub facts: Facts,
}

/// The process, as expressions see it under `server`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// Open connections.
    pub connections: u64,
    /// Messages sent since the start.
    pub sent: u64,
    /// Messages received since the start.
    pub received: u64,
    /// Seconds since the start.
    pub uptime: f64,
    /// Percent of the machine's processors in use.
    pub cpu: f64,
    /// Percent of the machine's memory in use.
    pub memory: f64,
}

/// One thing that happens. A world changes by inputs and in no other way.
#[derive(Debug, Clone)]
pub enum Input {
    /// A handshake asks to be accepted.
    Upgrade(Arc<Arrival>),
    /// An accepted peer connects: it gets the next number, and `connect` runs.
    Connect {
        arrival: Arc<Arrival>,
        /// Set by `upgrade`, the first values of the session.
        remembered: Vec<(String, Json)>,
    },
    /// A peer's message runs its handler.
    Message(PeerId, Message),
    /// A peer's message is refused, for the peer sends too fast.
    TooMany(PeerId, Message),
    /// A connection has ended: `disconnect` runs, then the peer is removed.
    Disconnect(PeerId),
    /// A peer's ping asks to be answered.
    Ping(PeerId),
    /// A request for mocked HTTP runs its route's handler.
    Http(HttpRequest),
    /// A trigger's steps run.
    Trigger { name: String, args: Json },
    /// A timer's steps run now, whenever they are due.
    Fire(String),
    /// The next timer or plan runs that is due; a held clock first moves on to it.
    Tick,
    /// The control API edits data, and `changes` run.
    Edit(Change),
    /// A timer gets another interval, counted from now, or is paused or resumed.
    SetTimer {
        name: String,
        every: Option<Duration>,
        paused: Option<bool>,
    },
    /// The clock is held, released or moved.
    SetClock(ClockChange),
    /// The control API sends a message.
    Send {
        to: Recipients,
        event: Option<String>,
        message: Json,
    },
    /// The control API closes a connection.
    Close(PeerId, u16),
    /// Other faults take the place of those in force.
    SetFaults(Vec<Fault>),
    /// A fresh world takes the place of this one; peers, sessions and rooms stay.
    Reset(Arc<World>),
    /// As [`Input::Reset`], of another scenario and under the clock of this world.
    Reload(Arc<World>),
}

/// A peer's message.
#[derive(Debug, Clone)]
pub struct Message {
    /// For an event of Socket.IO the list of its arguments.
    pub content: Content,
    pub event: Option<Event>,
}

#[derive(Debug, Clone)]
pub enum Content {
    Json(Json),
    /// Text and bytes as they are, where the scenario speaks `raw`.
    Text(Utf8Bytes),
    Binary(Bytes),
    /// Should be JSON and is not.
    Malformed {
        bytes: Bytes,
        is_text: bool,
        error: JsonError,
    },
}

/// An event of Socket.IO.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    /// The acknowledgement that it asks for.
    pub ack: Option<u64>,
}

/// A request for mocked HTTP.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    pub address: SocketAddr,
    /// In capitals.
    pub method: String,
    /// As sent, without the query.
    pub path: String,
    /// As sent, without `?`.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// An edit of data from outside.
#[derive(Debug, Clone)]
pub struct Change {
    /// The collection's name.
    pub collection: String,
    /// The item's key; empty for an insertion.
    pub key: String,
    pub kind: ChangeKind,
}

#[derive(Debug, Clone)]
pub enum ChangeKind {
    Insert(Json),
    /// All fields but the key.
    Replace(Json),
    /// Some fields.
    Merge(Json),
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    Hold,
    Release,
    /// What is due on the way runs by [`Input::Tick`], each at its own moment.
    Advance(Duration),
}
