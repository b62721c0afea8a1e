//! Engine.IO, protocol 4: packets, payloads of long-polling, the open packet, and the refusals of requests.
//!
//! Invariant: decoding borrows. A payload is decoded packet by packet, without memory of its own.

use thiserror::Error;

/// Separates the packets of a payload. JSON escapes it, so that no packet of the server contains one.
pub const SEPARATOR: char = '\u{1e}';
/// The text of the ping with which a client tries a new WebSocket.
pub const PROBE: &str = "probe";
pub const PING: &str = "2";
/// The answer to [`PROBE`].
pub const PONG_PROBE: &str = "3probe";
pub const CLOSE: &str = "1";
/// Answers a poll without a message.
pub const NOOP: &str = "6";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The handshake; only a server sends it.
    Open(&'a str),
    Close,
    /// A heartbeat, or the probe of an upgrade.
    Ping(&'a str),
    Pong(&'a str),
    /// A message of the protocol above.
    Message(&'a str),
    /// The client changes to this transport.
    Upgrade,
    Noop,
    /// A binary message in base64.
    Binary(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PacketError {
    #[error("found an empty packet; a packet starts with its type, `0` to `6` or `b`")]
    Empty,
    #[error("found packet type {0:?}; allowed are `0` to `6` and `b`")]
    UnknownType(char),
}

impl<'a> Packet<'a> {
    /// Text behind a type that has none is ignored, as the reference server does.
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
}

/// The packets of a payload, up to the first error.
pub fn payload(body: &str) -> impl Iterator<Item = Result<Packet<'_>, PacketError>> {
    let mut broken = false;
    body.split(SEPARATOR).map_while(move |text| {
        let packet = (!broken).then(|| Packet::decode(text))?;
        broken = packet.is_err();
        Some(packet)
    })
}

/// The payload of encoded packets.
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

/// The packet that opens a session. `upgrades` is the JSON list of the transports to which the client may upgrade; times
/// are in milliseconds; `max_payload` is that of the client.
pub fn open(
    sid: &str,
    upgrades: &str,
    ping_interval: u128,
    ping_timeout: u128,
    max_payload: usize,
) -> String {
    format!(
        "0{{\"sid\":\"{sid}\",\"upgrades\":{upgrades},\"pingInterval\":{ping_interval},\"pingTimeout\":{ping_timeout},\"maxPayload\":{max_payload}}}"
    )
}

/// The refusal of a request, with the words and numbers of the reference server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("Transport unknown")]
    UnknownTransport = 0,
    #[error("Session ID unknown")]
    UnknownSid = 1,
    #[error("Bad handshake method")]
    BadHandshakeMethod = 2,
    #[error("Bad request")]
    BadRequest = 3,
    #[error("Unsupported protocol version")]
    UnsupportedVersion = 5,
}

impl RequestError {
    pub fn body(self) -> String {
        format!(r#"{{"code":{},"message":"{self}"}}"#, self as u8)
    }
}

#[cfg(test)]
#[path = "engineio_tests.rs"]
mod tests;
