//! Stand-in for the hub, replaced at merge: an echo with bounded mailboxes behind the agreed seam.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::zero_sized_map_values
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::config::Limits;
use crate::scenario::expr::{Symbols, Template};
use crate::scenario::{Heartbeat, Http, Listen, Messages, Protocol, Scenario};
use crate::wire::ws::Opcode;

/// A connected client's number.
pub type PeerId = u64;

/// What a handshake asks, before it is answered.
#[derive(Debug)]
pub struct Handshake {
    /// Whose it is.
    pub address: SocketAddr,
    /// The path.
    pub path: String,
    /// The query, raw.
    pub query: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// Subprotocols offered.
    pub protocols: Vec<String>,
}

/// The answer to a handshake.
#[derive(Debug)]
pub enum Admission {
    /// Go on.
    Accepted {
        /// The subprotocol to name.
        protocol: Option<String>,
        /// Holds the slot.
        ticket: Ticket,
    },
    /// Answer this instead.
    Refused(HttpAnswer),
}

/// Holds a slot; dropping frees it.
#[derive(Debug)]
pub struct Ticket {
    slots: Arc<Mutex<usize>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        *self.slots.lock().expect("no panic under it") -= 1;
    }
}

/// One mocked HTTP request.
#[derive(Debug)]
pub struct HttpRequest {
    /// Whose it is.
    pub address: SocketAddr,
    /// In capitals.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, raw.
    pub query: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

/// The stand-in hub.
#[derive(Clone, Debug)]
pub struct Hub {
    scenario: Arc<Scenario>,
    limits: Limits,
    slots: Arc<Mutex<usize>>,
    next: Arc<AtomicU64>,
}

impl Hub {
    /// An echo on these paths under these limits.
    pub fn echo(paths: &[&str], limits: Limits) -> Self {
        Self {
            scenario: Arc::new(scenario(paths)),
            limits,
            slots: Arc::default(),
            next: Arc::default(),
        }
    }

    /// Whether a client may come.
    pub fn admit(&self, ask: Handshake) -> Admission {
        let mut slots = self.slots.lock().expect("no panic under it");
        if *slots >= self.limits.connections {
            return Admission::Refused(json(503, r#"{"error":{"code":"TOO_MANY"}}"#));
        }
        *slots += 1;
        Admission::Accepted {
            protocol: ask.protocols.into_iter().next(),
            ticket: Ticket {
                slots: self.slots.clone(),
            },
        }
    }

    /// Lets it in.
    pub fn connect(&self, ticket: Ticket) -> Peer {
        Peer {
            id: self.next.fetch_add(1, Relaxed) + 1,
            mailbox: Arc::new(Mailbox::new(self.limits)),
            _ticket: ticket,
        }
    }

    /// A mocked request.
    pub fn http(&self, ask: HttpRequest) -> HttpAnswer {
        match (ask.method.as_str(), ask.path.as_str()) {
            ("GET", "/api/hello") => json(200, r#"{"hello":true}"#),
            ("POST", "/api/echo") => HttpAnswer {
                status: 201,
                headers: vec![("content-type".into(), "application/json".into())],
                body: ask.body,
            },
            _ => json(404, r#"{"error":{"code":"NOT_FOUND"}}"#),
        }
    }

    /// What is played.
    pub fn scenario(&self) -> Arc<Scenario> {
        self.scenario.clone()
    }

    /// Bounds.
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

/// A connected client.
#[derive(Debug)]
pub struct Peer {
    id: PeerId,
    mailbox: Arc<Mailbox>,
    _ticket: Ticket,
}

/// What a client said.
#[derive(Debug)]
pub enum Inbound {
    /// UTF-8.
    Text(Bytes),
    /// Bytes.
    Binary(Bytes),
    /// Socket.IO.
    Event {
        /// Its name.
        name: String,
        /// A JSON array.
        args: Bytes,
        /// The acknowledgement wanted.
        ack: Option<u64>,
    },
}

impl Peer {
    /// Its number.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// What waits for it.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// One message: comes back, or is one of the words that tests use.
    pub fn receive(&self, message: Inbound) {
        let (kind, payload) = match message {
            Inbound::Text(text) => (Opcode::Text, text),
            Inbound::Binary(bytes) => (Opcode::Binary, bytes),
            Inbound::Event { args, .. } => (Opcode::Text, args),
        };
        let words = String::from_utf8_lossy(&payload[..payload.len().min(64)]).into_owned();
        let mut words = words.split(' ');
        let plain = |payload: Bytes| Outgoing::Message {
            kind,
            payload,
            fragment: None,
            rate: None,
        };
        let number = |text: Option<&str>| text.and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
        match words.next() {
            Some("!close") => self.mailbox.put(Outgoing::Close {
                code: number(words.next()) as u16,
                reason: "asked".into(),
            }),
            Some("!abort") => self.mailbox.put(Outgoing::Abort),
            Some("!stall") => self.mailbox.put(Outgoing::Stall),
            Some("!big") => self
                .mailbox
                .put(plain(vec![b'x'; number(words.next())].into())),
            Some("!flood") => {
                for _ in 0..number(words.next()) {
                    self.mailbox.put(plain(vec![b'x'; 10_000].into()));
                }
            }
            Some("!fragment") => self.mailbox.put(Outgoing::Message {
                kind,
                payload,
                fragment: Some(4),
                rate: None,
            }),
            Some("!slow") => self.mailbox.put(Outgoing::Message {
                kind,
                payload,
                fragment: None,
                rate: Some(40),
            }),
            Some("!later") => self.mailbox.put_later(
                Instant::now() + Duration::from_millis(number(words.next()) as u64),
                plain(payload),
            ),
            _ => self.mailbox.put(plain(payload)),
        }
    }

    /// Whether pings go unanswered.
    pub fn muted(&self) -> bool {
        false
    }

    /// The code of its end.
    pub fn closed(&self, _code: u16) {}
}

/// What waits for one peer.
#[derive(Debug)]
pub struct Mailbox {
    queue: Mutex<Queue>,
    filled: Notify,
    frames: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Option<Instant>, Outgoing)>,
    bytes: usize,
    cut: bool,
}

impl Mailbox {
    fn new(limits: Limits) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Notify::new(),
            frames: limits.mailbox_frames,
            bytes: limits.mailbox_bytes,
        }
    }

    fn put(&self, what: Outgoing) {
        self.put_at(None, what);
    }

    fn put_later(&self, at: Instant, what: Outgoing) {
        self.put_at(Some(at), what);
    }

    fn put_at(&self, at: Option<Instant>, what: Outgoing) {
        let mut queue = self.queue.lock().expect("no panic under it");
        if queue.cut {
            return;
        }
        let size = size(&what);
        let full = queue.waiting.len() >= self.frames
            || (!queue.waiting.is_empty() && queue.bytes + size > self.bytes);
        if full {
            queue.waiting.clear();
            queue.bytes = 0;
            queue.cut = true;
            let reason = "too slow".into();
            queue
                .waiting
                .push_back((None, Outgoing::Close { code: 1013, reason }));
        } else {
            queue.bytes += size;
            queue.waiting.push_back((at, what));
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Moves what may go out now.
    pub fn take(&self, now: Instant, budget: usize, out: &mut Vec<Outgoing>) -> Option<Instant> {
        let mut queue = self.queue.lock().expect("no panic under it");
        let mut taken = 0;
        while taken < budget {
            let (at, _) = queue.waiting.front()?;
            if let Some(at) = at.filter(|at| *at > now) {
                return Some(at);
            }
            let (_, what) = queue.waiting.pop_front()?;
            queue.bytes -= size(&what);
            taken += size(&what).max(1);
            out.push(what);
        }
        if !queue.waiting.is_empty() {
            self.filled.notify_one();
        }
        None
    }

    /// Waits until something was put in since the last `take`.
    pub async fn changed(&self) {
        self.filled.notified().await;
    }

    /// Frames and bytes that wait.
    pub fn len(&self) -> (usize, usize) {
        let queue = self.queue.lock().expect("no panic under it");
        (queue.waiting.len(), queue.bytes)
    }
}

fn size(what: &Outgoing) -> usize {
    match what {
        Outgoing::Message { payload, .. } => payload.len(),
        _ => 0,
    }
}

/// What goes out to a peer.
#[derive(Debug)]
pub enum Outgoing {
    /// A message.
    Message {
        /// Text or binary.
        kind: Opcode,
        /// What it says.
        payload: Bytes,
        /// Bytes a frame.
        fragment: Option<usize>,
        /// Bytes a second.
        rate: Option<u64>,
    },
    /// Close handshake.
    Close {
        /// With this code.
        code: u16,
        /// And these words.
        reason: String,
    },
    /// TCP reset at once.
    Abort,
    /// Neither read nor write any more.
    Stall,
}

fn json(status: u16, body: &'static str) -> HttpAnswer {
    HttpAnswer {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn scenario(paths: &[&str]) -> Scenario {
    Scenario {
        name: "echo".into(),
        title: String::new(),
        files: Vec::new(),
        listen: Listen {
            port: 0,
            tls: false,
            paths: paths.iter().map(ToString::to_string).collect(),
            protocol: Protocol::Raw,
            heartbeat: Heartbeat {
                every: Duration::from_secs(30),
                timeout: Duration::from_secs(10),
            },
        },
        limits: crate::scenario::Limits::default(),
        symbols: Symbols,
        constants: Vec::new(),
        data: Vec::new(),
        jwt: None,
        messages: Messages {
            name: None,
            reply: None,
            error: Template,
            error_event: "error".into(),
            errors: std::collections::HashMap::new(),
        },
        on: std::collections::HashMap::new(),
        otherwise: None,
        before: None,
        upgrade: None,
        connect: None,
        disconnect: None,
        changes: Vec::new(),
        timers: Vec::new(),
        triggers: Vec::new(),
        http: Http {
            cors: true,
            error: None,
            routes: Vec::new(),
        },
        define: Vec::new(),
        faults: Vec::new(),
    }
}
