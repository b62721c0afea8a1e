//! `listen limits auth faults`: what is known at load.

use std::time::Duration;

use super::Reader;
use super::names::Scope;
use crate::json::Json;
use crate::scenario::Value;
use crate::scenario::expr::Template;
use crate::scenario::model::{Heartbeat, Limits, Listen, Protocol};
use crate::scenario::tree::{Content, Node};

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("json", Protocol::Json),
    ("raw", Protocol::Raw),
    ("socket.io", Protocol::SocketIo),
];

/// What a number may be that has no bound of its own.
const MOST: u64 = u32::MAX as u64;

/// Header lines for which a request's head is read into memory that is had at once.
const MOST_LINES: u64 = 10_000;

/// How deep steps may nest: each level is one of the thread's stack too.
const DEEPEST: u64 = 64;

impl Reader<'_> {
    pub(super) fn listen(&mut self, node: Option<&Node>) -> Listen {
        let mut listen = Listen {
            port: 8080,
            tls: false,
            paths: Vec::new(),
            protocol: Protocol::Json,
            heartbeat: Heartbeat {
                every: Duration::from_secs(30),
                timeout: Duration::from_secs(10),
            },
        };
        let Some(node) = node else { return listen };
        let keys = &["port", "tls", "paths", "protocol", "heartbeat"];
        let fields = self.fields(node, "`listen`", keys);
        if let Some(node) = fields.get("port")
            && let Some(port) = self.whole(node, "`port`", 0, u64::from(u16::MAX))
        {
            listen.port = port as u16;
        }
        if let Some(node) = fields.get("tls") {
            listen.tls = self.boolean(node, "`tls`").unwrap_or_default();
        }
        if let Some(node) = fields.get("paths") {
            listen.paths = self.paths(node);
        }
        if let Some(node) = fields.get("protocol") {
            let words: Vec<&str> = PROTOCOLS.iter().map(|(word, _)| *word).collect();
            let word = self.word(node, "`protocol`", &words);
            listen.protocol = PROTOCOLS
                .iter()
                .find(|(known, _)| Some(*known) == word)
                .map_or(Protocol::Json, |(_, protocol)| *protocol);
        }
        if let Some(node) = fields.get("heartbeat") {
            self.heartbeat(node, &mut listen.heartbeat);
        }
        listen
    }

    fn paths(&mut self, node: &Node) -> Vec<String> {
        let paths = self.texts(node, "`paths`");
        for path in &paths {
            if !path.starts_with('/') {
                self.expected(node, "`paths`", "paths that start with `/`");
                break;
            }
        }
        paths
    }

    fn heartbeat(&mut self, node: &Node, heartbeat: &mut Heartbeat) {
        let fields = self.fields(node, "`heartbeat`", &["every", "timeout"]);
        for (name, place) in [
            ("every", &mut heartbeat.every),
            ("timeout", &mut heartbeat.timeout),
        ] {
            let Some(node) = fields.get(name) else {
                continue;
            };
            if let Some(duration) = self.some_time(node, name) {
                *place = duration;
            }
        }
    }

    /// A duration that is not zero.
    fn some_time(&mut self, node: &Node, name: &str) -> Option<Duration> {
        let name = format!("`{name}`");
        let duration = self.duration(node, &name)?;
        if duration.is_zero() {
            self.expected(node, &name, "more than no time");
            return None;
        }
        Some(duration)
    }

    pub(super) fn limits(&mut self, node: Option<&Node>) -> Limits {
        let mut limits = Limits::default();
        let Some(node) = node else { return limits };
        let keys = &[
            "message",
            "frame",
            "mailbox_frames",
            "mailbox_bytes",
            "messages_per_second",
            "connections_per_address",
            "connections",
            "head",
            "header_lines",
            "head_time",
            "body",
            "body_time",
            "write_time",
            "close_time",
            "journal_messages",
            "journal_message",
            "journal_bytes",
            "steps",
            "depth",
            "plans",
        ];
        let fields = self.fields(node, "`limits`", keys);
        for (name, place) in [
            ("message", &mut limits.message),
            ("frame", &mut limits.frame),
            ("mailbox_bytes", &mut limits.mailbox_bytes),
            ("head", &mut limits.head),
            ("body", &mut limits.body),
            ("journal_message", &mut limits.journal_message),
            ("journal_bytes", &mut limits.journal_bytes),
        ] {
            if let Some(node) = fields.get(name) {
                *place = self.size(node, &format!("`{name}`"));
            }
        }
        for (name, place, most) in [
            ("mailbox_frames", &mut limits.mailbox_frames, MOST),
            (
                "connections_per_address",
                &mut limits.connections_per_address,
                MOST,
            ),
            ("connections", &mut limits.connections, MOST),
            ("header_lines", &mut limits.header_lines, MOST_LINES),
            ("journal_messages", &mut limits.journal_messages, MOST),
            ("plans", &mut limits.plans, MOST),
        ] {
            if let Some(node) = fields.get(name) {
                let number = self.whole(node, &format!("`{name}`"), 1, most);
                *place = number.map(|number| number as usize);
            }
        }
        for (name, place, most) in [
            ("messages_per_second", &mut limits.messages_per_second, MOST),
            ("steps", &mut limits.steps, MOST),
            ("depth", &mut limits.depth, DEEPEST),
        ] {
            if let Some(node) = fields.get(name) {
                let number = self.whole(node, &format!("`{name}`"), 1, most);
                *place = number.map(|number| number as u32);
            }
        }
        for (name, place) in [
            ("head_time", &mut limits.head_time),
            ("body_time", &mut limits.body_time),
            ("write_time", &mut limits.write_time),
            ("close_time", &mut limits.close_time),
        ] {
            if let Some(node) = fields.get(name) {
                *place = self.some_time(node, name);
            }
        }
        limits
    }

    /// `auth: { jwt: { secret } }`, to be evaluated once the constants are known.
    pub(super) fn jwt_secret(
        &mut self,
        node: Option<&Node>,
        scope: &Scope<'_>,
    ) -> Option<Template> {
        let auth = self.fields(node?, "`auth`", &["jwt"]);
        let jwt = self.required(&auth, "jwt", "`auth`")?;
        let fields = self.fields(jwt, "`jwt`", &["secret", "algorithm"]);
        if let Some(node) = fields.get("algorithm") {
            self.word(node, "`algorithm`", &["HS256"]);
        }
        let secret = self.required(&fields, "secret", "`jwt`")?;
        if secret.text().is_none() {
            self.expected(secret, "`secret`", "a text");
        }
        Some(self.template(secret, scope))
    }

    pub(super) fn faults(&mut self, node: Option<&Node>) -> Vec<Value> {
        let Some(node) = node else { return Vec::new() };
        let mut faults = Vec::new();
        for fault in self.list(node, "`faults`") {
            match &fault.content {
                Content::Map(_) if fault.get("kind").and_then(Node::text).is_some() => {}
                Content::Map(_) => {
                    let message = "a fault has a `kind`".to_owned();
                    self.problem(fault.at, message, None);
                }
                _ => self.expected(fault, "a fault", "a map with a `kind`"),
            }
            let json = Json::parse(fault.json()).unwrap_or_else(|_| Json::null());
            faults.push(json.to_value());
        }
        faults
    }
}
