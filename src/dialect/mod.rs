//! Between meaning and bytes: how the messages of a scenario look in a WebSocket message.

mod socketio;

use crate::base::json::Json;
use crate::base::payload::Payload;
use crate::engine::Body;
use crate::lang::model::Protocol;
use crate::wire::ws::Opcode;

/// The form of a scenario's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One JSON value a message.
    Json,
    /// Text and bytes as they are.
    Raw,
    /// Packets of Socket.IO 5.
    SocketIo,
}

/// The part that a message plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'p> {
    Reply { ack: Option<u64> },
    Error { ack: Option<u64>, event: &'p str },
    Push { event: Option<&'p str> },
}

/// A message ready for the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    pub opcode: Opcode,
    pub payload: Payload,
    /// Bytes at the start of the payload that say nothing to people: the numbers of a packet.
    pub numbers: usize,
}

impl From<Protocol> for Dialect {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Json => Dialect::Json,
            Protocol::Raw => Dialect::Raw,
            Protocol::SocketIo => Dialect::SocketIo,
        }
    }
}

impl Dialect {
    /// Encodes a message. Recipients of one message share its bytes: it is encoded once and cloned.
    pub fn encode(self, part: Part<'_>, body: Body) -> Encoded {
        let (opcode, payload) = match body {
            Body::Json(payload) if self == Dialect::Raw => (Opcode::Text, unquoted(payload)),
            Body::Json(payload) => (Opcode::Text, payload),
            Body::Text(bytes) => (Opcode::Text, bytes.into()),
            Body::Binary(bytes) => (Opcode::Binary, bytes.into()),
        };
        if self == Dialect::SocketIo {
            return socketio::encode(part, &payload);
        }
        Encoded {
            opcode,
            payload,
            numbers: 0,
        }
    }
}

/// A JSON string as its text; any other JSON as it is.
fn unquoted(payload: Payload) -> Payload {
    let json = Json::from_bytes(payload.whole());
    match json.as_ref().ok().and_then(|json| json.part().as_str()) {
        Some(text) => text.into_owned().into(),
        None => payload,
    }
}
