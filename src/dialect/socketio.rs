//! Messages as packets of Socket.IO.

use crate::base::payload::Payload;
use crate::wire::socketio;
use crate::wire::ws::Opcode;

use super::{Encoded, Part};

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
