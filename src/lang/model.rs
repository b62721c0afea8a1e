//! A scenario once it is checked and compiled: what the rest of the program works with.
//!
//! Invariant: nothing here can be wrong any more. Names are known, expressions parse, steps that need a writer
//! are marked; later code looks things up and never validates again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Limits;
use crate::lang::Value;
use crate::lang::expr::{Expr, Symbol, Symbols, Template};
use crate::lang::faults::Fault;
use crate::lang::verbs::Steps;

/// Everything a scenario file says.
#[derive(Debug)]
pub struct Scenario {
    /// `scenario:`, the name it goes by.
    pub name: String,
    /// `title:`, one line for people.
    pub title: String,
    /// The files it was read from (none for a bundled one): what `serve` watches.
    pub files: Vec<PathBuf>,
    pub listen: Listen,
    /// Bounds of its own.
    pub limits: Limits,
    /// Names given in the file (`let`, `as`, `each`, …) and the built-in ones.
    pub symbols: Symbols,
    /// An expression uses `server`, whose facts are costly to gather.
    pub asks_server: bool,
    /// `let:` constants, evaluated at load.
    pub constants: Vec<(Symbol, Value)>,
    /// The environment variables that expressions ask for, as they were at load.
    pub env: HashMap<String, String>,
    /// `data:` in the file's order; a [`CollectionId`] is a place in it.
    pub data: Vec<Collection>,
    /// `auth: { jwt: … }`.
    pub jwt: Option<Jwt>,
    pub messages: Messages,
    /// `on: { NAME: … }`.
    pub on: foldhash::HashMap<Box<str>, Arc<Handler>>,
    /// The names in `on`, in the file's order, for `error.known`.
    pub known: Vec<String>,
    /// `on: { "*": … }`, which takes what no other takes.
    pub otherwise: Option<Arc<Handler>>,
    /// `before:`, steps ahead of every handler of a message.
    pub before: Option<Arc<Handler>>,
    /// Steps at the handshake.
    pub upgrade: Option<Arc<Handler>>,
    /// Steps when a peer has arrived.
    pub connect: Option<Arc<Handler>>,
    /// Steps when a peer has gone.
    pub disconnect: Option<Arc<Handler>>,
    /// By collection.
    pub changes: Vec<Changes>,
    pub timers: Vec<Timer>,
    /// The names of handlers in logs, journal and metrics: `getStations`, `timer heartbeat`, `GET /api/x`.
    pub handlers: Arc<[Arc<str>]>,
    pub triggers: Vec<(String, Arc<Handler>)>,
    pub http: Http,
    /// `define:`, a [`Step`] list to `run:` by its place here.
    pub define: Vec<(String, Steps)>,
    /// `faults:`, on from the start.
    pub faults: Vec<Fault>,
}

impl Scenario {
    pub fn handler_name(&self, id: HandlerId) -> &str {
        &self.handlers[id.0 as usize]
    }

    /// The handlers that a fault may name; `None` if `"*"` takes messages of any name.
    pub fn fault_handlers(&self) -> Option<Vec<&str>> {
        if self.otherwise.is_some() {
            return None;
        }
        let name = |handler: &Arc<Handler>| self.handler_name(handler.id);
        let routes = self.http.routes.iter().map(|route| name(&route.handler));
        let timers = self.timers.iter().map(|timer| name(&timer.handler));
        let triggers = self.triggers.iter().map(|(_, handler)| name(handler));
        let messages = self.known.iter().map(String::as_str);
        Some(
            messages
                .chain(routes)
                .chain(timers)
                .chain(triggers)
                .collect(),
        )
    }
}

/// A place in [`Scenario::data`].
pub type CollectionId = usize;

#[derive(Debug, Clone)]
pub struct Listen {
    /// The port unless told otherwise.
    pub port: u16,
    pub tls: bool,
    /// The WebSocket paths; empty means every path.
    pub paths: Vec<String>,
    pub protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One JSON value a message.
    Json,
    /// Text and binary as they are.
    Raw,
    /// Socket.IO 5 over Engine.IO 4.
    SocketIo,
}

/// One collection of `data:`.
#[derive(Debug)]
pub struct Collection {
    pub name: String,
    /// The field that identifies an item.
    pub key: String,
    pub origin: Origin,
    pub place: Arc<str>,
}

#[derive(Debug)]
pub enum Origin {
    /// `items:` or `from:`: JSON texts of objects, one an item.
    Literal(Vec<String>),
    /// `item:` with `count:`, and `each:` when made for every item of another collection.
    Generated {
        /// The number of items, for each parent if there are parents; sees `parent`.
        count: Placed<Template>,
        /// The collection whose items are the parents.
        each: Option<CollectionId>,
        /// `with:`, values made once an item and not part of it.
        with: Vec<(Symbol, Placed<Template>)>,
        /// Fields in wire order; a later one sees the earlier ones as `item.x`.
        fields: Vec<(String, Placed<Template>)>,
    },
}

/// `auth: { jwt: … }`.
#[derive(Clone)]
pub struct Jwt {
    pub secret: String,
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jwt { secret: *** }")
    }
}

/// A part of the file that is evaluated outside of any step, and where it is, for when that fails.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    pub place: Arc<str>,
    pub part: T,
}

#[derive(Debug)]
pub struct Messages {
    /// The name of a message's handler; `None` is always `"*"`. For Socket.IO the default is the event.
    pub name: Option<Placed<Template>>,
    /// The envelope of answers; `None` sends the reply bare.
    pub reply: Option<Template>,
    /// The envelope of errors; always there (a plain one if the file has none).
    pub error: Placed<Template>,
    /// Socket.IO: the event that carries an error that no acknowledgement can. Default `error`.
    pub error_event: String,
    /// The words of the built-in errors, by code; each sees `error`. Codes not here have English words.
    pub errors: HashMap<String, Placed<Template>>,
}

/// A place in [`Scenario::handlers`]. Names are passed on by number: threads would contend for the count of an `Arc`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandlerId(pub u32);

impl HandlerId {
    /// The names of these, which every scenario has.
    pub const FIXED: [&str; 3] = ["", super::faults::PUSH, "later"];
    /// Of a message that no handler takes.
    pub const NONE: HandlerId = HandlerId(0);
    /// Of what nobody asked for.
    pub const PUSH: HandlerId = HandlerId(1);
    /// Of a plan that no handler made.
    pub const LATER: HandlerId = HandlerId(2);
}

/// Steps and what they need.
#[derive(Debug)]
pub struct Handler {
    pub id: HandlerId,
    pub steps: Steps,
    /// True when it may draw chance, change data, remember, join, plan, send to others: when it needs the world to itself.
    pub writes: bool,
}

/// `changes: { COLLECTION: … }`.
#[derive(Debug, Default)]
pub struct Changes {
    /// Seeing `created`, a list of items.
    pub created: Option<Arc<Handler>>,
    /// Seeing `updated`, a list of `{ before, item }`.
    pub updated: Option<Arc<Handler>>,
    /// Seeing `removed`, a list of items.
    pub removed: Option<Arc<Handler>>,
}

/// `timers: { NAME: … }`.
#[derive(Debug)]
pub struct Timer {
    pub name: String,
    /// Between its turns: a duration's text or milliseconds; sees `item` under `for`.
    pub every: Placed<Template>,
    /// `while:`; false skips a turn.
    pub guard: Option<Placed<Expr>>,
    /// `for: COLLECTION`: a turn of its own for each item, seen as `item`.
    pub each: Option<CollectionId>,
    pub handler: Arc<Handler>,
}

#[derive(Debug, Default)]
pub struct Http {
    /// Browsers of accepted origins may read answers.
    pub cors: bool,
    /// `error:`, the envelope of errors; `None` is `{"error":{"code":…,"message":…}}`.
    pub error: Option<Placed<Template>>,
    /// `"GET /api/x/{id}"`, in the file's order.
    pub routes: Vec<Route>,
}

/// One mocked HTTP request.
#[derive(Debug)]
pub struct Route {
    /// The method, in capitals.
    pub method: String,
    /// The path, part by part.
    pub path: Vec<Segment>,
    pub handler: Arc<Handler>,
}

/// One part of a route's path.
#[derive(Debug, PartialEq, Eq)]
pub enum Segment {
    Literal(String),
    /// Any text, under this name in `request.params`.
    Param(String),
}
