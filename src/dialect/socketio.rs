//! Messages as packets of Socket.IO.

use crate::base::payload::Payload;
use crate::wire::socketio::{self, MAIN, PacketBody, SocketPacket, SocketPacketError};
use crate::wire::ws::Opcode;

use super::{Encoded, Inbound, Part};

/// A client's packet, as its session takes it.
#[derive(Debug)]
pub enum Incoming {
    /// The client enters the namespace.
    Join,
    /// The client leaves the namespace.
    Leave,
    Message(Inbound),
    /// The client asks for a namespace that does not exist, and is answered with this packet.
    KeptOut(String),
    /// The client is answered with this packet; the given number of binary messages follows, and is ignored.
    Refused {
        packet: String,
        attachments: usize,
    },
    /// A packet of a namespace that does not exist.
    Foreign,
    /// A packet that only a server sends.
    FromServer,
    /// An acknowledgement, which nothing waits for.
    Ignored,
}

/// The `error` event that answers binary messages.
const NO_BINARY: &str = r#"{"message":"binary attachments are not supported; send JSON"}"#;

pub fn decode(text: &str) -> Result<Incoming, SocketPacketError> {
    let packet = SocketPacket::decode(text)?;
    let is_main = packet.namespace == MAIN;
    Ok(match packet.body {
        PacketBody::Connect(_) if is_main => Incoming::Join,
        PacketBody::Connect(_) => {
            let refused = socketio::connect_error(packet.namespace, socketio::INVALID_NAMESPACE);
            Incoming::KeptOut(refused)
        }
        _ if !is_main => Incoming::Foreign,
        PacketBody::Event { name, args, ack } => {
            let args = args.into();
            Incoming::Message(Inbound::Event { name, args, ack })
        }
        PacketBody::Disconnect => Incoming::Leave,
        PacketBody::Binary { attachments, .. } => Incoming::Refused {
            packet: socketio::event_head("error").0 + NO_BINARY + "]",
            attachments,
        },
        PacketBody::ConnectError(_) => Incoming::FromServer,
        PacketBody::Ack { .. } => Incoming::Ignored,
    })
}

/// The packet that lets a client into the namespace.
pub fn joined(sid: &str) -> String {
    socketio::connect(sid)
}

/// The packet that refuses a client the main namespace.
pub fn refused(why: &str) -> String {
    socketio::connect_error(MAIN, why)
}

/// The event of a push that names none.
const DEFAULT_EVENT: &str = "message";

pub(super) fn encode(part: Part<'_>, body: &Payload) -> Encoded {
    let (head, numbers) = match part {
        Part::Reply { ack: Some(ack) } | Part::Error { ack: Some(ack), .. } => {
            socketio::ack_head(ack)
        }
        Part::Error { ack: None, event } => socketio::event_head(event),
        Part::Push { event } => socketio::event_head(event.unwrap_or(DEFAULT_EVENT)),
        Part::Reply { ack: None } => socketio::event_head(DEFAULT_EVENT),
    };
    Encoded {
        opcode: Opcode::Text,
        payload: body.wrapped(&head, "]"),
        numbers,
    }
}
