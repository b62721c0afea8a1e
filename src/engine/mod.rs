//! The rules: an event in, effects out.
//!
//! Invariant: nothing here waits, reads a clock, or touches a socket. Time comes as an argument, chance from the
//! world's streams, and what should happen outside goes into the list of effects.

mod answer;
mod changes;
mod check;
mod context;
mod data;
mod dispatch;
mod eval;
mod fake;
mod functions;
mod generate;
mod http;
mod refusal;
mod scope;
mod select;
mod send;
mod steps;
mod timers;
mod value;

use std::sync::Arc;

use bytes::Bytes;
use tungstenite::Utf8Bytes;

use crate::base::Limit;
use crate::base::Moment;
use crate::base::json::Json;
use crate::base::payload::Payload;
use crate::lang::expr::Symbol;
use crate::lang::model::{Protocol, Scenario};
use crate::lang::verbs::Steps;
use crate::world::{Arrival, PeerId, World};

pub use data::{Change, DataError, Edited, edit};
pub use generate::{MakeError, Options};
pub use http::{HttpAnswer, HttpRequest, Route, query, route, unescaped};
pub use refusal::Refusal;
pub use timers::{repace, set_paused};
pub use value::Val;

use context::{Access, Turn};

/// The world as the engine keeps it.
pub type State = World<Planned>;

/// What a plan (`later:`) keeps.
#[derive(Debug, Clone)]
pub struct Planned {
    steps: Steps,
    names: Vec<(Symbol, Val)>,
    peer: Option<PeerId>,
    handler: &'static str,
    /// How many plans in a row, this one the last, were made for at once.
    at_once: u32,
}

/// Facts of the process that `server` shows; they come from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// Open connections.
    pub connections: u64,
    /// Messages sent so far.
    pub sent: u64,
    /// Messages received so far.
    pub received: u64,
    /// Seconds since the start.
    pub uptime: f64,
    /// Percent of the machine's processors in use.
    pub cpu: f64,
    /// Percent of the machine's memory in use.
    pub memory: f64,
}

/// What surrounds an event.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    /// The mock's time.
    pub now: Moment,
    /// The process.
    pub facts: Facts,
    /// Whether unknown fields and filters are errors.
    pub strict: bool,
}

/// Everything that can happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A handshake asks to be let in.
    Upgrade(Arc<Arrival>),
    /// A peer has arrived; it is in the world already.
    Connect(PeerId),
    /// A peer has gone; it is in the world still.
    Disconnect(PeerId),
    /// A message came.
    Message(PeerId, Inbound),
    /// A message came that is more than the peer may send.
    TooMany(PeerId, Inbound),
    /// Mocked HTTP; the handler's place in the routes and the path's parameters.
    Http(HttpRequest, usize, Vec<(String, String)>),
    /// A trigger was started by name.
    Trigger(usize, Json),
    /// A timer's turn, by its ticker's name.
    Fire(String),
    /// What a `later` planned.
    Plan(Planned),
    /// Data was edited by the control API.
    Edited(Vec<Edited>),
}

/// A message as it came off the wire.
#[derive(Debug, Clone)]
pub enum Inbound {
    /// Text.
    Text(Utf8Bytes),
    /// Bytes.
    Binary(Bytes),
    /// A Socket.IO event: its arguments after the name as the text of a JSON array.
    Event {
        /// The event's name.
        name: String,
        /// A JSON array.
        args: Utf8Bytes,
        /// The acknowledgement that is asked for.
        ack: Option<u64>,
    },
}

/// Everything that can follow.
#[derive(Debug)]
pub enum Effect {
    /// A frame for these peers' mailboxes.
    Send {
        /// Whose.
        to: Vec<PeerId>,
        /// Text or binary.
        text: bool,
        /// What is sent, encoded.
        payload: Payload,
        /// An answer to this peer's message, or a push.
        kind: SendKind,
    },
    /// Close after what is queued.
    Close {
        /// Whose connection.
        peer: PeerId,
        /// The close code.
        code: u16,
        /// For people.
        reason: String,
    },
    /// A line in the log.
    Log(String),
    /// A warning in the log, once for each text.
    WarnOnce(String),
    /// Something failed in a handler: its place in the file and why.
    Failed {
        /// `stations.yaml:41:7`
        place: Arc<str>,
        /// Why.
        why: String,
        /// The limit that it went over.
        limit: Option<Limit>,
    },
    /// A limit was reached by a message, which is answered with an error.
    Reached {
        /// Which.
        limit: Limit,
        /// In words, with the figure.
        why: String,
    },
    /// An error was answered.
    Refused {
        /// Its code.
        code: String,
    },
}

/// Why something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendKind {
    /// The answer to a message.
    Answer,
    /// An error as the answer.
    Error,
    /// A push.
    Push,
}

/// What came of an event, beside the effects.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The name of the handler that ran, for log, journal and metrics.
    pub handler: Option<&'static str>,
    /// What HTTP answers.
    pub http: Option<HttpAnswer>,
    /// At the handshake: why it is refused.
    pub refused: Option<HttpAnswer>,
    /// At the handshake: the subprotocol that was chosen.
    pub protocol: Option<String>,
    /// At the handshake: what the session keeps from the start.
    pub remembered: Vec<(String, Json)>,
}

/// Makes the world of a scenario.
pub fn make(
    scenario: &Arc<Scenario>,
    options: &Options,
    moments: Moments,
) -> Result<State, MakeError> {
    let mut world = State::new(options.seed);
    generate::fill(scenario, options, moments, &mut world)?;
    timers::start(scenario, options, moments, &mut world)?;
    Ok(world)
}

/// An event that only reads. Answers `None` when it has to have the world to itself: then [`write`] does it.
pub fn read(
    scenario: &Arc<Scenario>,
    world: &Arc<State>,
    moments: Moments,
    event: &Event,
    effects: &mut Vec<Effect>,
) -> Option<Outcome> {
    let mark = effects.len();
    let mut turn = Turn::new(scenario, Access::Read(world), moments, effects);
    let outcome = turn.run(event).filter(|_| !turn.wants_to_write);
    if outcome.is_none() {
        effects.truncate(mark);
    }
    outcome
}

/// An event with the world to itself.
pub fn write(
    scenario: &Arc<Scenario>,
    world: &mut Arc<State>,
    moments: Moments,
    event: &Event,
    effects: &mut Vec<Effect>,
) -> Outcome {
    let mut turn = Turn::new(scenario, Access::Write(world), moments, effects);
    turn.run(event).unwrap_or_default()
}

/// Runs everything due at `moments.now` or earlier that comes next; `None` when nothing is.
pub fn tick(
    scenario: &Arc<Scenario>,
    world: &mut Arc<State>,
    moments: Moments,
    effects: &mut Vec<Effect>,
) -> Option<Outcome> {
    timers::tick(scenario, world, moments, effects)
}

/// Encodes a message pushed from outside, as the scenario's peers speak.
pub fn encode(protocol: Protocol, event: Option<&str>, message: &Json) -> (bool, Payload) {
    answer::encode(protocol, event, message.text())
}

/// The error that a fault puts in an answer's place; its envelope sees the answer as `message`.
pub fn error(
    scenario: &Arc<Scenario>,
    world: &Arc<State>,
    peer: PeerId,
    code: &str,
    answer: &[u8],
    effects: &mut Vec<Effect>,
) {
    let moments = Moments {
        now: 0,
        facts: Facts::default(),
        strict: false,
    };
    Turn::new(scenario, Access::Read(world), moments, effects).fault(peer, code, answer);
}
