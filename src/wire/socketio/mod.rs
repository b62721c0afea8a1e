//! Socket.IO, protocol 5: the packets inside Engine.IO messages.
//!
//! Invariant: one pass over the text; arguments stay JSON text. Only the main namespace is served. Binary attachments are
//! recognised in order to be refused.

mod list;

use serde_json::value::RawValue;
use thiserror::Error;

use crate::base::json::write;

/// The only namespace that is served.
pub const MAIN: &str = "/";
/// A packet with more attachments closes the connection, as in the reference server.
pub const MAX_ATTACHMENTS: usize = 10;

/// Events of the client library itself, which must not come over the wire.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketPacket<'a> {
    pub namespace: &'a str,
    pub body: PacketBody<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketBody<'a> {
    /// The client joins the namespace, perhaps with an object of credentials.
    Connect(Option<&'a str>),
    Disconnect,
    /// With an `ack` id the sender waits for an answer.
    Event {
        /// A number as its digits.
        name: String,
        /// The arguments behind the name, as the text of a JSON list.
        args: String,
        ack: Option<u64>,
    },
    /// The answer to an event.
    Ack {
        id: Option<u64>,
        /// The text of a JSON list.
        args: &'a str,
    },
    /// Only a server sends it.
    ConnectError(&'a str),
    /// An event, or an answer if it has no name, whose attachments follow as binary messages.
    Binary {
        name: Option<String>,
        attachments: usize,
        ack: Option<u64>,
    },
}

/// The reference server closes the connection upon these.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SocketPacketError {
    #[error("found an empty packet; a packet starts with its type, `0` to `6`")]
    Empty,
    #[error("found packet type {0:?}; allowed are `0` to `6`")]
    UnknownType(char),
    #[error("found no number of attachments; a binary packet is written `51-[…]`")]
    Attachments,
    #[error("found `{0}` attachments; allowed are at most `{MAX_ATTACHMENTS}`")]
    TooManyAttachments(u64),
    #[error("found an acknowledgement id that is too large")]
    AckId,
    #[error("found a payload that is not {0}")]
    Payload(&'static str),
    #[error("found a payload in a disconnect packet; it carries none")]
    NotEmpty,
    #[error("found event `{0}`, which the protocol reserves")]
    Reserved(&'static str),
}

const AN_EVENT: &str = "a list that starts with the event's name";
const A_LIST: &str = "a list";

impl<'a> SocketPacket<'a> {
    /// Decodes the text of an Engine.IO message.
    pub fn decode(text: &'a str) -> Result<SocketPacket<'a>, SocketPacketError> {
        let kind = text.chars().next().ok_or(SocketPacketError::Empty)?;
        if !('0'..='6').contains(&kind) {
            return Err(SocketPacketError::UnknownType(kind));
        }
        let mut rest = &text[1..];
        let attachments = match kind {
            '5' | '6' => take_attachments(&mut rest)?,
            _ => 0,
        };
        let namespace = take_namespace(&mut rest);
        let id = take_id(&mut rest)?;
        let body = match kind {
            '0' if rest.is_empty() => PacketBody::Connect(None),
            '0' => PacketBody::Connect(Some(object(rest)?)),
            '1' if rest.is_empty() => PacketBody::Disconnect,
            '1' => return Err(SocketPacketError::NotEmpty),
            '2' => {
                let (name, args) = list::parts(rest)?;
                let args = list::args(args);
                PacketBody::Event {
                    name,
                    args,
                    ack: id,
                }
            }
            '3' => PacketBody::Ack {
                id,
                args: list(rest)?,
            },
            '4' => PacketBody::ConnectError(reason(rest)?),
            '5' => {
                let (name, _) = list::parts(rest)?;
                PacketBody::Binary {
                    name: Some(name),
                    attachments,
                    ack: id,
                }
            }
            _ => {
                list(rest)?;
                PacketBody::Binary {
                    name: None,
                    attachments,
                    ack: id,
                }
            }
        };
        Ok(SocketPacket { namespace, body })
    }
}

fn take_attachments(rest: &mut &str) -> Result<usize, SocketPacketError> {
    let number = take_digits(rest).ok_or(SocketPacketError::Attachments)?;
    *rest = rest
        .strip_prefix('-')
        .ok_or(SocketPacketError::Attachments)?;
    match number.parse() {
        Ok(count) if count <= MAX_ATTACHMENTS as u64 => Ok(count as usize),
        Ok(count) => Err(SocketPacketError::TooManyAttachments(count)),
        Err(_) => Err(SocketPacketError::TooManyAttachments(u64::MAX)),
    }
}

fn take_namespace<'a>(rest: &mut &'a str) -> &'a str {
    if !rest.starts_with('/') {
        return MAIN;
    }
    let (namespace, behind) = rest.split_once(',').unwrap_or((*rest, ""));
    *rest = behind;
    namespace
}

fn take_id(rest: &mut &str) -> Result<Option<u64>, SocketPacketError> {
    take_digits(rest)
        .map(|digits| digits.parse().map_err(|_| SocketPacketError::AckId))
        .transpose()
}

fn take_digits<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at(end);
    *rest = behind;
    (end > 0).then_some(digits)
}

fn checked<'a>(text: &'a str, wanted: &'static str) -> Result<&'a str, SocketPacketError> {
    serde_json::from_str::<&RawValue>(text)
        .map(RawValue::get)
        .map_err(|_| SocketPacketError::Payload(wanted))
}

fn object(text: &str) -> Result<&str, SocketPacketError> {
    const WANTED: &str = "an object";
    let text = checked(text, WANTED)?;
    if text.starts_with('{') {
        Ok(text)
    } else {
        Err(SocketPacketError::Payload(WANTED))
    }
}

fn list(text: &str) -> Result<&str, SocketPacketError> {
    let text = checked(text, A_LIST)?;
    if text.starts_with('[') {
        Ok(text)
    } else {
        Err(SocketPacketError::Payload(A_LIST))
    }
}

fn reason(text: &str) -> Result<&str, SocketPacketError> {
    const WANTED: &str = "a text or an object";
    let text = checked(text, WANTED)?;
    if text.starts_with(['{', '"']) {
        Ok(text)
    } else {
        Err(SocketPacketError::Payload(WANTED))
    }
}

/// The beginning of an event with one argument, which the argument and `]` complete, and the length of its numbers.
pub fn event_head(name: &str) -> (String, usize) {
    (format!("42[{},", string(name)), "42".len())
}

/// The beginning of the answer to an event, as [`event_head`].
pub fn ack_head(id: u64) -> (String, usize) {
    let mut head = format!("43{id}");
    let numbers = head.len();
    head.push('[');
    (head, numbers)
}

/// Admits a client to the main namespace.
pub fn connect(sid: &str) -> String {
    format!("40{{\"sid\":{}}}", string(sid))
}

/// Refuses a client a namespace.
pub fn connect_error(namespace: &str, message: &str) -> String {
    let message = string(message);
    if namespace == MAIN {
        format!("44{{\"message\":{message}}}")
    } else {
        format!("44{namespace},{{\"message\":{message}}}")
    }
}

fn string(text: &str) -> String {
    let mut out = String::new();
    write::string(&mut out, text);
    out
}

/// The reference server's refusal of an unknown namespace.
pub const INVALID_NAMESPACE: &str = "Invalid namespace";

#[cfg(test)]
mod tests;
