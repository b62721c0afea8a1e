//! The ends of connections: close handshakes in both directions, resets, and the time for a client to read the reason.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::input;
use super::stream::{self, Stream};
use super::write_buffer::WriteBuffer;
use crate::hub::Limit;
use crate::wire::ws::{Codec, Received, Violation};

#[derive(Debug, Clone)]
pub(super) enum End {
    /// The client closes, with this code and reason.
    Client(Option<(u16, String)>),
    Server {
        code: u16,
        reason: String,
    },
    /// The client broke the protocol or a limit. Nothing after that is read.
    Violation(Violation),
    /// No pong came in this time.
    NoPong(Duration),
    /// A write made no progress in this time.
    NotRead(Duration),
    /// The client left more packets of its session unfetched than may wait.
    NotFetched(usize),
    /// The client hung up.
    Gone,
    /// A fault resets the connection.
    Aborted,
    /// A fault silences the connection and leaves the socket open.
    Stalled,
    /// The socket is dropped because no close can be sent; `code` is that of the close.
    Dropped {
        code: u16,
        why: String,
    },
}

impl End {
    /// RFC 6455, section 7.4.1.
    pub(super) const GOING_AWAY: u16 = 1001;
    /// The client closed without a code.
    pub(super) const NO_CODE: u16 = 1005;
    /// The connection ended without a close.
    pub(super) const NO_CLOSE: u16 = 1006;
    /// The client answers no ping.
    const NO_PONG: u16 = 1011;
    /// The client does not fetch its packets.
    const NOT_FETCHED: u16 = 1013;

    pub(super) fn shutdown() -> Self {
        Self::Server {
            code: Self::GOING_AWAY,
            reason: "the server is shutting down".into(),
        }
    }

    /// The limit that ended the connection.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Violation(violation) => violation.limit,
            Self::NoPong(_) => Some(Limit::Heartbeat),
            Self::NotRead(_) => Some(Limit::WriteTime),
            Self::NotFetched(_) => Some(Limit::Mailbox),
            _ => None,
        }
    }

    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Client(Some((code, _)))
            | Self::Server { code, .. }
            | Self::Dropped { code, .. } => *code,
            Self::Client(None) => Self::NO_CODE,
            Self::Violation(violation) => violation.code,
            Self::NoPong(_) => Self::NO_PONG,
            Self::NotFetched(_) => Self::NOT_FETCHED,
            Self::Gone | Self::Aborted | Self::Stalled | Self::NotRead(_) => Self::NO_CLOSE,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, reason) = match self {
            Self::Client(said) => {
                let reason = said.as_ref().map_or("", |(_, reason)| reason.as_str());
                ("the client closed", reason)
            }
            Self::Server { reason, .. } => ("closed by the server", reason.as_str()),
            Self::Violation(violation) => return violation.fmt(f),
            Self::NoPong(time) => return write!(f, "no pong within {time:?}"),
            Self::NotRead(time) => return write!(f, "the client read nothing for {time:?}"),
            Self::NotFetched(most) => return write!(f, "the client left {most} packets unfetched"),
            Self::Gone => return f.write_str("the client hung up without a close"),
            Self::Aborted => return f.write_str("reset by a fault"),
            Self::Stalled => return f.write_str("stalled by a fault"),
            Self::Dropped { why, .. } => return f.write_str(why),
        };
        if reason.is_empty() {
            f.write_str(who)
        } else {
            write!(f, "{who}: {reason:?}")
        }
    }
}

/// The parts of a connection that its end needs.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) stream: Stream,
    pub(super) codec: Codec,
    /// Bytes that came and were not decoded.
    pub(super) input: BytesMut,
    pub(super) buffer: WriteBuffer,
}

impl Farewell {
    /// Ends the connection within `close_time` and the linger time. An error says that the client did not answer the
    /// close.
    pub(super) async fn say(mut self, end: End, close_time: Duration) -> Result<(), Elapsed> {
        let (own_code, words) = (end.code(), end.to_string());
        let (code, reason, answered) = match end {
            End::Gone => return Ok(()),
            End::Aborted => {
                self.buffer.flush_once(&mut self.stream).await;
                stream::abort(self.stream);
                return Ok(());
            }
            // The client reads nothing, so a close would not reach it.
            End::Stalled | End::NotRead(_) | End::Dropped { .. } => {
                stream::abort(self.stream);
                return Ok(());
            }
            // RFC 6455, section 5.5.1: the code is echoed.
            End::Client(said) => (said.map(|(code, _)| code), String::new(), true),
            End::Violation(violation) => (Some(violation.code), violation.reason, true),
            End::Server { code, reason } => (Some(code), reason, false),
            End::NoPong(_) | End::NotFetched(_) => (Some(own_code), words, false),
        };
        let said = timeout(close_time, self.handshake(code, &reason, answered)).await;
        match said {
            Ok(Ok(())) => input::linger(&mut self.stream).await,
            _ => stream::abort(self.stream),
        }
        said.map(|_| ())
    }

    async fn handshake(
        &mut self,
        code: Option<u16>,
        reason: &str,
        answered: bool,
    ) -> io::Result<()> {
        self.buffer.flush(&mut self.stream).await?;
        self.codec.writer.close(self.buffer.frames(), code, reason);
        self.buffer.flush(&mut self.stream).await?;
        if answered {
            Ok(())
        } else {
            self.answer().await
        }
    }

    /// Waits for the client's close and drops everything before it.
    async fn answer(&mut self) -> io::Result<()> {
        loop {
            loop {
                match self.codec.reader.next(&mut self.input) {
                    // After a violation no close can be recognised any more.
                    Ok(Some(Received::Close(_))) | Err(_) => return Ok(()),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                }
            }
            let (stream, input) = (&mut self.stream, &mut self.input);
            std::future::poll_fn(|cx| input::poll_read(cx, stream, input)).await?;
        }
    }
}
