//! Everything that can follow from an input.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::json::Json;
use crate::base::payload::Payload;
use crate::base::{Limit, Moment};
use crate::fault::Verdict;
use crate::lang::model::HandlerId;
use crate::world::PeerId;

use super::{DataError, HttpAnswer};

/// Something to do outside of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The answer to a peer's message.
    Reply {
        to: PeerId,
        /// The acknowledgement that the message asked for.
        ack: Option<u64>,
        body: Body,
        /// The faults' decision; `None` without faults.
        verdict: Option<Box<Verdict>>,
    },
    /// An error as the answer to a peer's message.
    Error {
        to: PeerId,
        ack: Option<u64>,
        body: Body,
        verdict: Option<Box<Verdict>>,
    },
    /// A handler has answered nothing, and faults that name it happen all the same.
    Silence {
        to: PeerId,
        ack: Option<u64>,
        verdict: Box<Verdict>,
    },
    /// A message that no message asked for.
    Push {
        audience: Recipients,
        /// The audience at the time of the step, by number.
        to: Vec<PeerId>,
        /// Its name in Socket.IO.
        event: Option<String>,
        body: Body,
        /// One for each of `to`; none without faults.
        verdicts: Vec<Verdict>,
    },
    /// A fault happened that concerns no message.
    Faulted(&'static str),
    /// The connection is closed after the messages that wait for the peer.
    Close {
        peer: PeerId,
        code: u16,
        reason: String,
    },
    /// A line in the log.
    Log(String),
    /// A warning in the log, once for each text.
    WarnOnce(String),
    /// A handler failed.
    Failed {
        /// `stations.yaml:41:7`
        place: Arc<str>,
        why: String,
        /// The limit that was exceeded.
        limit: Option<Limit>,
    },
    /// A message exceeded a limit and is answered with an error.
    Reached { limit: Limit, why: String },
    /// An error was answered.
    Refused { code: String },
}

/// What is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// JSON text.
    Json(Payload),
    /// Text and bytes as they are, of a scenario that speaks `raw`.
    Text(Bytes),
    Binary(Bytes),
}

impl Body {
    pub(super) fn raw(is_text: bool, bytes: Bytes) -> Body {
        if is_text {
            Body::Text(bytes)
        } else {
            Body::Binary(bytes)
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Body::Json(payload) => payload.len(),
            Body::Text(bytes) | Body::Binary(bytes) => bytes.len(),
        }
    }
}

/// The recipients of a message, as they were meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Recipients {
    Peer(PeerId),
    Room(String),
    /// Peers whose session has these values.
    Session(Vec<(String, Json)>),
    All,
    /// All of an audience but the peer whose handler runs.
    Others(Box<Recipients>),
    /// Each peer of these audiences once.
    Any(Vec<Recipients>),
}

/// The result of an input, beside its effects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The handler that ran, for the journal and the metrics.
    pub handler: HandlerId,
    pub returned: Returned,
}

/// An answer for the one who made the input.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Returned {
    #[default]
    Nothing,
    /// There is no such trigger, timer or connection, or nothing is due.
    NotFound,
    /// A handshake is accepted.
    Accepted {
        /// The subprotocol that was chosen.
        protocol: Option<String>,
        /// The first values of the session.
        remembered: Vec<(String, Json)>,
    },
    /// A handshake is refused.
    Refused(HttpAnswer),
    /// A peer is connected under this number.
    Connected(PeerId),
    /// A request for mocked HTTP is answered.
    Http(HttpAnswer),
    /// A ping goes unanswered.
    Muted,
    /// An item after its edit, or before its removal.
    Edited(Result<Json, DataError>),
    /// A message was sent to this many peers.
    Sent(usize),
    /// A held clock is on its way to this moment.
    Until(Moment),
    /// The clock runs, so it cannot be advanced.
    NotHeld,
    /// The steps of a trigger failed.
    Failed { place: Arc<str>, why: String },
}
