//! A checked and compiled scenario.
//!
//! Invariant: nothing here can be wrong. Names are known, expressions compile, handlers that need write access are
//! marked; later code looks things up and never validates again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Limits;
use crate::lang::Value;
use crate::lang::expr::{Expr, Symbol, Symbols, Template};
use crate::lang::faults::Fault;
use crate::lang::verbs::Steps;

#[derive(Debug)]
pub struct Scenario {
    pub name: String,
    pub title: String,
    /// The files that it was read from, which `serve` watches; none for a bundled one.
    pub files: Vec<PathBuf>,
    pub listen: DeclaredListen,
    pub limits: Limits,
    /// Built-in names and those of `let`, `as`, `each` and `with`.
    pub symbols: Symbols,
    /// An expression uses `server`, whose facts are costly to gather.
    pub asks_server: bool,
    /// `let:`, evaluated at load.
    pub constants: Vec<(Symbol, Value)>,
    /// The environment variables that expressions use, as of load.
    pub env: HashMap<String, String>,
    /// `data:` in the file's order; a [`CollectionId`] is an index.
    pub data: Vec<DeclaredCollection>,
    /// `auth: { jwt: … }`.
    pub jwt: Option<Jwt>,
    pub messages: Messages,
    /// `on: { NAME: … }`.
    pub on: foldhash::HashMap<Box<str>, Arc<Handler>>,
    /// The names in `on`, in the file's order, for `error.known`.
    pub known: Vec<String>,
    /// `on: { "*": … }`, for messages of any other name.
    pub otherwise: Option<Arc<Handler>>,
    /// `before:`, steps ahead of every handler of a message.
    pub before: Option<Arc<Handler>>,
    pub upgrade: Option<Arc<Handler>>,
    pub connect: Option<Arc<Handler>>,
    pub disconnect: Option<Arc<Handler>>,
    /// By collection.
    pub changes: Vec<Changes>,
    pub timers: Vec<Timer>,
    /// The names of handlers in logs, journal and metrics: `getStations`, `timer heartbeat`, `GET /api/x`.
    pub handlers: Arc<[Arc<str>]>,
    pub triggers: Vec<(String, Arc<Handler>)>,
    pub http: Http,
    /// `define:`; `run` has an index.
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

/// An index in [`Scenario::data`].
pub type CollectionId = usize;

#[derive(Debug, Clone)]
pub struct DeclaredListen {
    /// The default port.
    pub port: u16,
    pub tls: bool,
    /// The accepted paths; empty is every path.
    pub paths: Vec<String>,
    pub protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json,
    Raw,
    /// Socket.IO 5 over Engine.IO 4.
    SocketIo,
}

#[derive(Debug)]
pub struct DeclaredCollection {
    pub name: String,
    /// The field that identifies an item.
    pub key: String,
    pub origin: ItemOrigin,
    pub place: Arc<str>,
}

#[derive(Debug)]
pub enum ItemOrigin {
    /// `items:` or `from:`: the JSON text of each item.
    Literal(Vec<String>),
    /// `item:` and `count:`, for every item of another collection under `each:`.
    Generated {
        /// The number of items, for each parent if there are parents; sees `parent`.
        count: Placed<Template>,
        /// The collection whose items are the parents.
        each: Option<CollectionId>,
        /// `with:`, values for the fields of an item that are not part of it.
        with: Vec<(Symbol, Placed<Template>)>,
        /// Fields in the order of the wire; later ones see earlier ones as `item.x`.
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

/// A part of the file that is evaluated outside of steps, with its place for errors.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    pub place: Arc<str>,
    pub part: T,
}

#[derive(Debug)]
pub struct Messages {
    /// The name of a message's handler; `None` is always `"*"`. For Socket.IO the default is the event.
    pub name: Option<Placed<Template>>,
    /// The envelope of answers; `None` is a bare reply.
    pub reply: Option<Template>,
    /// The envelope of errors; a plain one if the file has none.
    pub error: Placed<Template>,
    /// The event of Socket.IO that carries errors without acknowledgement; `error` by default.
    pub error_event: String,
    /// The words of built-in errors by code, in place of the English ones; they see `error`.
    pub errors: HashMap<String, Placed<Template>>,
}

/// An index in [`Scenario::handlers`]. Names are forwarded by number: threads would contend for the count of an `Arc`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandlerId(pub u32);

impl HandlerId {
    /// Names that every scenario has.
    pub const FIXED: [&str; 3] = ["", super::faults::PUSH, "later"];
    /// A message that no handler takes.
    pub const NONE: HandlerId = HandlerId(0);
    /// A push.
    pub const PUSH: HandlerId = HandlerId(1);
    /// A plan that no handler made.
    pub const LATER: HandlerId = HandlerId(2);
}

#[derive(Debug)]
pub struct Handler {
    pub id: HandlerId,
    pub steps: Steps,
    /// It may draw chance, change data, remember, join, plan or send to others: it needs write access.
    pub writes: bool,
}

/// `changes: { COLLECTION: … }`.
#[derive(Debug, Default)]
pub struct Changes {
    /// Sees `created`, a list of items.
    pub created: Option<Arc<Handler>>,
    /// Sees `updated`, a list of `{ before, item }`.
    pub updated: Option<Arc<Handler>>,
    /// Sees `removed`, a list of items.
    pub removed: Option<Arc<Handler>>,
}

/// `timers: { NAME: … }`.
#[derive(Debug)]
pub struct Timer {
    pub name: String,
    /// A duration's text or milliseconds; sees `item` under `for`.
    pub every: Placed<Template>,
    /// `while:`; false skips a firing.
    pub guard: Option<Placed<Expr>>,
    /// `for: COLLECTION`: fires for each item, seen as `item`.
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

#[derive(Debug)]
pub struct Route {
    pub method: String,
    pub path: Vec<Segment>,
    pub handler: Arc<Handler>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Segment {
    Literal(String),
    /// Any text, named so in `request.params`.
    Param(String),
}
