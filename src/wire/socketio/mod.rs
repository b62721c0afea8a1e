//! Socket.IO, protocol 5: the packets inside Engine.IO messages.
//!
//! Invariant: one pass over the text, arguments stay JSON text. Only the main namespace is served; binary
//! attachments are recognised so that they can be refused, and never kept.

mod list;

use std::fmt::Write as _;

use serde_json::value::RawValue;
use thiserror::Error;

use crate::base::json::write;

/// The only namespace there is.
pub const MAIN: &str = "/";
/// More attachments than this close the connection, as in the reference server.
pub const MAX_ATTACHMENTS: usize = 10;

// A client library gives these a meaning of its own; they are no events on the wire.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Where it belongs: `/` or what the client named.
    pub namespace: &'a str,
    /// What it is.
    pub body: Body<'a>,
}

/// What a packet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// The client enters the namespace, perhaps with an object of credentials.
    Connect(Option<&'a str>),
    /// The sender leaves the namespace.
    Disconnect,
    /// An event; with an `ack` the sender waits for an answer.
    Event {
        /// Its name; of a number, the digits.
        name: String,
        /// The arguments behind the name, as the text of a JSON list.
        args: String,
        /// What the answer is to be marked with.
        ack: Option<u64>,
    },
    /// The answer to an event.
    Ack {
        /// The event's mark.
        id: Option<u64>,
        /// The arguments, as the text of a JSON list.
        args: &'a str,
    },
    /// The namespace is not to be entered; only a server sends it.
    ConnectError(&'a str),
    /// An event (or an answer, without a name) whose attachments follow as binary messages.
    Binary {
        /// The event's name.
        name: Option<String>,
        /// How many binary messages follow.
        attachments: usize,
        /// What the answer is to be marked with.
        ack: Option<u64>,
    },
}

/// What is no packet. The reference server closes the connection upon it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PacketError {
    /// Nothing at all.
    #[error("found an empty packet; a packet starts with its type, `0` to `6`")]
    Empty,
    /// A type that does not exist.
    #[error("found packet type {0:?}; allowed are `0` to `6`")]
    UnknownType(char),
    /// No number before the dash of a binary packet.
    #[error("found no number of attachments; a binary packet is written `51-[…]`")]
    Attachments,
    /// Too many attachments.
    #[error("found `{0}` attachments; allowed are at most `{MAX_ATTACHMENTS}`")]
    TooManyAttachments(u64),
    /// An acknowledgement id beyond 64 bits.
    #[error("found an acknowledgement id that is too large")]
    AckId,
    /// What follows is not what this type carries.
    #[error("found a payload that is not {0}")]
    Payload(&'static str),
    /// Something behind the type and namespace of a disconnect packet.
    #[error("found a payload in a disconnect packet; it carries none")]
    NotEmpty,
    /// An event with a name that the protocol keeps for itself.
    #[error("found event `{0}`, a name that the protocol keeps for itself")]
    Reserved(&'static str),
}

const AN_EVENT: &str = "a list that starts with the event's name";
const A_LIST: &str = "a list";

impl<'a> Packet<'a> {
    /// Reads the text of an Engine.IO message.
    pub fn decode(text: &'a str) -> Result<Packet<'a>, PacketError> {
        let kind = text.chars().next().ok_or(PacketError::Empty)?;
        if !('0'..='6').contains(&kind) {
            return Err(PacketError::UnknownType(kind));
        }
        let mut rest = &text[1..];
        let attachments = match kind {
            '5' | '6' => take_attachments(&mut rest)?,
            _ => 0,
        };
        let namespace = take_namespace(&mut rest);
        let id = take_id(&mut rest)?;
        let body = match kind {
            '0' if rest.is_empty() => Body::Connect(None),
            '0' => Body::Connect(Some(object(rest)?)),
            '1' if rest.is_empty() => Body::Disconnect,
            '1' => return Err(PacketError::NotEmpty),
            '2' => {
                let (name, args) = list::parts(rest)?;
                let args = list::args(args);
                Body::Event {
                    name,
                    args,
                    ack: id,
                }
            }
            '3' => Body::Ack {
                id,
                args: list(rest)?,
            },
            '4' => Body::ConnectError(reason(rest)?),
            '5' => {
                let (name, _) = list::parts(rest)?;
                Body::Binary {
                    name: Some(name),
                    attachments,
                    ack: id,
                }
            }
            _ => {
                list(rest)?;
                Body::Binary {
                    name: None,
                    attachments,
                    ack: id,
                }
            }
        };
        Ok(Packet { namespace, body })
    }
}

fn take_attachments(rest: &mut &str) -> Result<usize, PacketError> {
    let number = take_digits(rest).ok_or(PacketError::Attachments)?;
    *rest = rest.strip_prefix('-').ok_or(PacketError::Attachments)?;
    match number.parse() {
        Ok(count) if count <= MAX_ATTACHMENTS as u64 => Ok(count as usize),
        Ok(count) => Err(PacketError::TooManyAttachments(count)),
        Err(_) => Err(PacketError::TooManyAttachments(u64::MAX)),
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

fn take_id(rest: &mut &str) -> Result<Option<u64>, PacketError> {
    take_digits(rest)
        .map(|digits| digits.parse().map_err(|_| PacketError::AckId))
        .transpose()
}

fn take_digits<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at(end);
    *rest = behind;
    (end > 0).then_some(digits)
}

fn checked<'a>(text: &'a str, wanted: &'static str) -> Result<&'a str, PacketError> {
    serde_json::from_str::<&RawValue>(text)
        .map(RawValue::get)
        .map_err(|_| PacketError::Payload(wanted))
}

fn object(text: &str) -> Result<&str, PacketError> {
    const WANTED: &str = "an object";
    let text = checked(text, WANTED)?;
    if text.starts_with('{') {
        Ok(text)
    } else {
        Err(PacketError::Payload(WANTED))
    }
}

fn list(text: &str) -> Result<&str, PacketError> {
    let text = checked(text, A_LIST)?;
    if text.starts_with('[') {
        Ok(text)
    } else {
        Err(PacketError::Payload(A_LIST))
    }
}

fn reason(text: &str) -> Result<&str, PacketError> {
    const WANTED: &str = "a text or an object";
    let text = checked(text, WANTED)?;
    if text.starts_with(['{', '"']) {
        Ok(text)
    } else {
        Err(PacketError::Payload(WANTED))
    }
}

/// The beginning of an event with one argument, which the argument and `]` complete, and the length of its numbers.
pub fn event_head(name: &str) -> (String, usize) {
    let mut head = String::from("42[");
    write::string(&mut head, name);
    head.push(',');
    (head, "42".len())
}

/// The beginning of the answer to an event, as [`event_head`].
pub fn ack_head(id: u64) -> (String, usize) {
    let mut head = format!("43{id}");
    let numbers = head.len();
    head.push('[');
    (head, numbers)
}

/// Writes an event as a whole Engine.IO packet: `42["name",…]`. `args` is the text of a JSON list.
pub fn event(out: &mut String, name: &str, args: &str) {
    out.push_str("42[");
    write::string(out, name);
    let inner = list::trim(args).strip_prefix('[').map_or("]", list::trim);
    if inner != "]" {
        out.push(',');
    }
    out.push_str(inner);
}

/// Writes the answer to an event: `43id[…]`. `args` is the text of a JSON list.
pub fn ack(out: &mut String, id: u64, args: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "43{id}");
    out.push_str(args);
}

/// Lets a client into the main namespace: `40{"sid":…}`.
pub fn connect(out: &mut String, sid: &str) {
    out.push_str("40{\"sid\":");
    write::string(out, sid);
    out.push('}');
}

/// Keeps a client out of a namespace: `44{"message":…}`.
pub fn connect_error(out: &mut String, namespace: &str, message: &str) {
    out.push_str("44");
    if namespace != MAIN {
        out.push_str(namespace);
        out.push(',');
    }
    out.push_str("{\"message\":");
    write::string(out, message);
    out.push('}');
}

/// What a client is told that asks for a namespace other than [`MAIN`].
pub const INVALID_NAMESPACE: &str = "Invalid namespace";
/// Puts a client out of the main namespace; the connection stays.
pub const DISCONNECT: &str = "41";

#[cfg(test)]
mod tests;
