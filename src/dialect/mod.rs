//! Between meaning and bytes: how the messages of a scenario look in a WebSocket message.

pub mod socketio;

use bytes::Bytes;
use tungstenite::Utf8Bytes;

use crate::base::json::{Json, JsonError};
use crate::base::payload::Payload;
use crate::engine::{Body, Content, Event, Message};
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

/// A message of a client, as the wire has it.
#[derive(Debug, Clone)]
pub enum Inbound {
    Text(Utf8Bytes),
    Binary(Bytes),
    /// An event of Socket.IO.
    Event {
        name: String,
        /// The arguments behind the name, as the text of a JSON list.
        args: Utf8Bytes,
        ack: Option<u64>,
    },
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
    pub fn decode(self, inbound: Inbound) -> Message {
        let mut event = None;
        let content = match inbound {
            Inbound::Text(text) if self == Dialect::Raw => Content::Text(text),
            Inbound::Binary(bytes) if self == Dialect::Raw => Content::Binary(bytes),
            Inbound::Text(text) => json(Json::parse(text.clone()), text.into(), true),
            Inbound::Binary(bytes) => json(Json::from_bytes(bytes.clone()), bytes, false),
            Inbound::Event { name, args, ack } => {
                event = Some(Event { name, ack });
                json(Json::parse(args.clone()), args.into(), true)
            }
        };
        Message { content, event }
    }

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

fn json(read: Result<Json, JsonError>, bytes: Bytes, is_text: bool) -> Content {
    match read {
        Ok(json) => Content::Json(json),
        Err(error) => Content::Malformed {
            bytes,
            is_text,
            error,
        },
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
