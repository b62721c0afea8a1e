//! Engine.IO, protocol 4: packets, the payloads of long-polling, the handshake, and how a request is refused.
//!
//! Invariant: decoding borrows; a payload is read packet by packet, so its size costs nothing.

use std::fmt::Write as _;

use thiserror::Error;

use crate::base::json::write;

/// Stands between the packets of a payload. JSON escapes it, so no packet of ours holds one.
pub const SEPARATOR: char = '\u{1e}';
/// What a client asks in its first packet over a new WebSocket, and what it is answered.
pub const PROBE: &str = "probe";
/// The server's heartbeat.
pub const PING: &str = "2";
/// The answer to [`PROBE`].
pub const PONG_PROBE: &str = "3probe";
/// The server closes.
pub const CLOSE: &str = "1";
/// Ends a poll that has nothing to tell.
pub const NOOP: &str = "6";

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The handshake; only a server sends it.
    Open(&'a str),
    /// The sender is going.
    Close,
    /// A heartbeat, or the probe of an upgrade.
    Ping(&'a str),
    /// The answer to a ping, with its text.
    Pong(&'a str),
    /// A message of the protocol above.
    Message(&'a str),
    /// The client moves to this transport.
    Upgrade,
    /// Nothing.
    Noop,
    /// A binary message inside a text, still in base64.
    Binary(&'a str),
}

/// What is no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PacketError {
    /// Nothing at all.
    #[error("found an empty packet; a packet starts with its type, `0` to `6` or `b`")]
    Empty,
    /// A type that does not exist.
    #[error("found packet type {0:?}; allowed are `0` to `6` and `b`")]
    UnknownType(char),
}

impl<'a> Packet<'a> {
    /// Reads one packet. What follows a type that has no text is passed over, as the reference server does.
    pub fn decode(text: &'a str) -> Result<Packet<'a>, PacketError> {
        let kind = text.chars().next().ok_or(PacketError::Empty)?;
        let rest = &text[kind.len_utf8()..];
        Ok(match kind {
            '0' => Packet::Open(rest),
            '1' => Packet::Close,
            '2' => Packet::Ping(rest),
            '3' => Packet::Pong(rest),
            '4' => Packet::Message(rest),
            '5' => Packet::Upgrade,
            '6' => Packet::Noop,
            'b' => Packet::Binary(rest),
            other => return Err(PacketError::UnknownType(other)),
        })
    }

    /// Writes the packet behind what `out` holds.
    pub fn encode(&self, out: &mut String) {
        let (kind, rest) = match self {
            Packet::Open(rest) => ('0', *rest),
            Packet::Close => ('1', ""),
            Packet::Ping(rest) => ('2', *rest),
            Packet::Pong(rest) => ('3', *rest),
            Packet::Message(rest) => ('4', *rest),
            Packet::Upgrade => ('5', ""),
            Packet::Noop => ('6', ""),
            Packet::Binary(rest) => ('b', *rest),
        };
        out.push(kind);
        out.push_str(rest);
    }
}

/// The packets of a payload, one after the other; the first that is none is the last.
pub fn payload(body: &str) -> impl Iterator<Item = Result<Packet<'_>, PacketError>> {
    let mut broken = false;
    body.split(SEPARATOR).map_while(move |text| {
        let packet = (!broken).then(|| Packet::decode(text))?;
        broken = packet.is_err();
        Some(packet)
    })
}

/// The payload of packets that are encoded already.
pub fn join<P: AsRef<[u8]>>(packets: impl IntoIterator<Item = P>) -> Vec<u8> {
    let mut body = Vec::new();
    for (n, packet) in packets.into_iter().enumerate() {
        if n > 0 {
            body.push(SEPARATOR as u8);
        }
        body.extend_from_slice(packet.as_ref());
    }
    body
}

/// What the server tells when a session opens.
#[derive(Debug, Clone, Copy)]
pub struct Handshake<'a> {
    /// The session's secret name.
    pub sid: &'a str,
    /// Where the client may move: from polling to `websocket`, from there nowhere.
    pub upgrades: &'a [&'a str],
    /// Milliseconds between pings.
    pub ping_interval: u64,
    /// Milliseconds that a pong may take.
    pub ping_timeout: u64,
    /// Bytes a payload of the client may have.
    pub max_payload: usize,
}

impl Handshake<'_> {
    /// The open packet.
    pub fn packet(&self) -> String {
        let mut packet = String::from("0{\"sid\":");
        write::string(&mut packet, self.sid);
        packet.push_str(",\"upgrades\":[");
        for (n, upgrade) in self.upgrades.iter().enumerate() {
            if n > 0 {
                packet.push(',');
            }
            write::string(&mut packet, upgrade);
        }
        // Writing to a String cannot fail.
        let _ = write!(
            packet,
            "],\"pingInterval\":{},\"pingTimeout\":{},\"maxPayload\":{}}}",
            self.ping_interval, self.ping_timeout, self.max_payload
        );
        packet
    }
}

/// Why a request is refused, in the words and numbers of the reference server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// `transport` is absent, or neither `polling` nor `websocket`.
    #[error("Transport unknown")]
    UnknownTransport,
    /// No such session, or no longer.
    #[error("Session ID unknown")]
    UnknownSid,
    /// A session opens with a GET.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// The transport does not fit the session or the request.
    #[error("Bad request")]
    BadRequest,
    /// The scenario does not let this client in.
    #[error("Forbidden")]
    Forbidden,
    /// `EIO` is not 4.
    #[error("Unsupported protocol version")]
    UnsupportedVersion,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Forbidden => 403,
            _ => 400,
        }
    }

    /// The JSON body.
    pub fn body(self) -> String {
        format!(r#"{{"code":{},"message":"{self}"}}"#, self as u8)
    }
}

#[cfg(test)]
#[path = "engineio_tests.rs"]
mod tests;
