//! How a connection ends: close handshakes both ways, resets, and the second in which a client can read why.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::input;
use super::stream::Stream;
use super::write_buffer::Output;
use crate::hub::Limit;
use crate::wire::ws::{self, Input, Reader, Violation};

/// Why a connection is over.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// The client closes, with this.
    Asked(Option<(u16, String)>),
    /// The server closes.
    Told {
        /// With this code.
        code: u16,
        /// And these words.
        reason: String,
    },
    /// The client broke the protocol or a limit: nothing it sends is understood any more.
    Broken(Violation),
    /// No pong has come for so long.
    Lost(Duration),
    /// A write has made no progress for so long.
    Stuck(Duration),
    /// More waits of a session's own packets than may.
    Unread(usize),
    /// The other side is no more.
    Gone,
    /// A reset that the hub ordered.
    Aborted,
    /// Silence that the hub ordered; the socket stays.
    Stalled,
    /// No close could be sent: the socket is dropped.
    Dropped {
        /// What the close would have been.
        code: u16,
        /// In words.
        why: String,
    },
}

impl End {
    /// The server is going.
    pub(super) const GOING_AWAY: u16 = 1001;
    /// A client closed without a code.
    pub(super) const NO_CODE: u16 = 1005;
    /// It ended without a close.
    pub(super) const NO_CLOSE: u16 = 1006;
    /// The client answers no ping.
    const NO_PONG: u16 = 1011;
    /// The client does not fetch what waits for it.
    const NOT_READ: u16 = 1013;

    /// The server stops.
    pub(super) fn shutdown() -> Self {
        Self::Told {
            code: Self::GOING_AWAY,
            reason: "the server is shutting down".into(),
        }
    }

    /// The limit that ended it.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Broken(violation) => violation.limit,
            Self::Lost(_) => Some(Limit::Heartbeat),
            Self::Stuck(_) => Some(Limit::WriteTime),
            Self::Unread(_) => Some(Limit::Mailbox),
            _ => None,
        }
    }

    /// The close code, as the protocol names what happened.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Asked(Some((code, _))) | Self::Told { code, .. } | Self::Dropped { code, .. } => {
                *code
            }
            Self::Asked(None) => Self::NO_CODE,
            Self::Broken(violation) => violation.code,
            Self::Lost(_) => Self::NO_PONG,
            Self::Unread(_) => Self::NOT_READ,
            Self::Gone | Self::Aborted | Self::Stalled | Self::Stuck(_) => Self::NO_CLOSE,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(None) => f.write_str("the client closed"),
            Self::Asked(Some((_, reason))) if reason.is_empty() => f.write_str("the client closed"),
            Self::Asked(Some((_, reason))) => write!(f, "the client closed: {reason:?}"),
            Self::Told { reason, .. } if reason.is_empty() => f.write_str("closed by the server"),
            Self::Told { reason, .. } => write!(f, "closed by the server: {reason:?}"),
            Self::Broken(violation) => write!(f, "{violation}"),
            Self::Lost(time) => write!(f, "no pong within {time:?}"),
            Self::Stuck(time) => write!(f, "it read nothing for {time:?}"),
            Self::Unread(most) => write!(f, "it did not fetch {most} packets"),
            Self::Gone => f.write_str("the client hung up without a close"),
            Self::Aborted => f.write_str("reset by a fault"),
            Self::Stalled => f.write_str("stalled by a fault"),
            Self::Dropped { why, .. } => f.write_str(why),
        }
    }
}

/// What is needed to part from a client.
#[derive(Debug)]
pub(super) struct Left {
    /// The socket.
    pub(super) stream: Stream,
    /// Where it is in what the client sends.
    pub(super) reader: Reader,
    /// What has come and was not read.
    pub(super) input: BytesMut,
    /// What has not gone out.
    pub(super) output: Output,
}

/// Parts from a client as `end` says, in at most `close_time` and a second; an error where that was not enough.
pub(super) async fn say(end: End, left: Left, close_time: Duration) -> Result<(), Elapsed> {
    let code = end.code();
    let words = end.to_string();
    let Left {
        mut stream,
        mut reader,
        mut input,
        mut output,
    } = left;
    let (code, reason, answered) = match end {
        End::Gone => return Ok(()),
        End::Aborted => {
            output.flush_once(&mut stream).await;
            stream.abort();
            return Ok(());
        }
        End::Stalled | End::Stuck(_) | End::Dropped { .. } => {
            stream.abort();
            return Ok(());
        }
        End::Asked(said) => (said.map(|(code, _)| code), String::new(), true),
        End::Broken(violation) => (Some(violation.code), violation.reason, true),
        End::Told { code, reason } => (Some(code), reason, false),
        End::Lost(_) | End::Unread(_) => (Some(code), words, false),
    };
    let handshake = async {
        output.flush(&mut stream).await?;
        ws::write_close(output.frames(), code, &reason);
        output.flush(&mut stream).await?;
        if !answered {
            answer(&mut stream, &mut reader, &mut input).await?;
        }
        Ok::<_, io::Error>(())
    };
    let said = timeout(close_time, handshake).await;
    match said {
        Ok(Ok(())) => input::linger(&mut stream).await,
        _ => stream.abort(),
    }
    said.map(|_| ())
}

/// Waits for the client's close; whatever it sends before is let go.
async fn answer(stream: &mut Stream, reader: &mut Reader, input: &mut BytesMut) -> io::Result<()> {
    loop {
        loop {
            match reader.next(input) {
                Ok(Some(Input::Close(_))) | Err(_) => return Ok(()),
                Ok(Some(_)) => {}
                Ok(None) => break,
            }
        }
        std::future::poll_fn(|cx| input::poll_read(cx, stream, input)).await?;
    }
}
