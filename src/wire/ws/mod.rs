//! WebSocket frames (RFC 6455): a client's bytes in, messages out; a server's messages in, bytes out.
//!
//! Invariant: no IO, no clock, no answers of its own. What a ping, a close or a violation leads to is the caller's
//! to say. Memory grows with bytes that came, never with what a header claims.

mod frame;
mod message;
mod read;
mod write;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use self::read::{Input, Reader};
pub use self::write::{
    write_close, write_fragments, write_header, write_message, write_ping, write_pong,
};

use crate::base::Limit;

/// The two kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// What a client sent against the protocol or over a limit. Nothing is read after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Violation {
    /// What to close with: 1002 (protocol), 1007 (not UTF-8) or 1009 (too big).
    pub code: u16,
    /// What was found, and what is allowed; short enough for a Close frame.
    pub reason: String,
    /// The limit that it went over.
    pub limit: Option<Limit>,
}

impl Violation {
    /// Against the protocol.
    pub fn protocol(reason: impl Into<String>) -> Self {
        Self {
            code: 1002,
            reason: reason.into(),
            limit: None,
        }
    }

    fn encoding(reason: impl Into<String>) -> Self {
        Self {
            code: 1007,
            reason: reason.into(),
            limit: None,
        }
    }

    fn size(limit: Limit, reason: impl Into<String>) -> Self {
        Self {
            code: 1009,
            reason: reason.into(),
            limit: Some(limit),
        }
    }
}

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`.
pub fn accept_key(key: &[u8]) -> String {
    tungstenite::handshake::derive_accept_key(key)
}
