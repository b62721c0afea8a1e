//! WebSocket frames (RFC 6455): a client's bytes in, messages out; a server's messages in, bytes out.
//!
//! Invariant: no IO, no clock, no answers of its own. The caller decides about pings, closes and violations. Memory
//! grows with the bytes that came, never with the length that a header claims.

mod frame;
mod message;
mod read;
mod write;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use self::read::{FrameReader, Received};
pub use self::write::FrameWriter;

use crate::base::Limit;

/// Both directions of one connection. What is negotiated for a connection, such as compression, belongs here.
#[derive(Debug)]
pub struct Codec {
    pub reader: FrameReader,
    pub writer: FrameWriter,
}

impl Codec {
    /// Refuses frames and messages of clients that are larger.
    pub fn new(max_frame: usize, max_message: usize) -> Self {
        Self {
            reader: FrameReader::new(max_frame, max_message),
            writer: FrameWriter,
        }
    }
}

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Text,
    Binary,
}

/// A breach of the protocol or of a limit. Nothing is read after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Violation {
    /// The close code: 1002 (protocol), 1007 (not UTF-8) or 1009 (too big).
    pub code: u16,
    /// Short enough for a Close frame.
    pub reason: String,
    /// The limit that was exceeded.
    pub limit: Option<Limit>,
}

impl Violation {
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
