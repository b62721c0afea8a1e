//! How a connection ends: close handshakes both ways, resets, and the second in which a client can read why.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::timeout;

use super::input;
use super::output::Output;
use super::stream::Stream;
use crate::wire::ws::{self, Input, Reader, Violation};

/// The close code of a limit on size.
const TOO_BIG: u16 = 1009;

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

    /// The server stops.
    pub(super) fn shutdown() -> Self {
        Self::Told {
            code: Self::GOING_AWAY,
            reason: "the server is shutting down".into(),
        }
    }

    /// No pong has come.
    pub(super) fn lost(time: Duration) -> Self {
        Self::Told {
            code: 1011,
            reason: format!("no pong within {time:?}"),
        }
    }

    /// A write that makes no progress.
    pub(super) fn stuck(time: Duration) -> Self {
        Self::Dropped {
            code: Self::NO_CLOSE,
            why: format!("it read nothing for {time:?}"),
        }
    }

    /// The limit that ended it, by the name it is counted under.
    pub(super) fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Broken(violation) if violation.code == TOO_BIG => Some("message"),
            Self::Told { code: 1011, .. } => Some("heartbeat"),
            Self::Dropped {
                code: Self::NO_CLOSE,
                ..
            } => Some("write_time"),
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
            Self::Gone | Self::Aborted | Self::Stalled => Self::NO_CLOSE,
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
            Self::Broken(violation) if violation.code == TOO_BIG => {
                write!(
                    f,
                    "{violation}; hint: `limits: {{ message: …, frame: … }}` in the scenario"
                )
            }
            Self::Broken(violation) => write!(f, "{violation}"),
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

/// Parts from a client as `end` says, in at most `close_time` and a second.
pub(super) async fn say(end: End, left: Left, close_time: Duration) {
    let Left {
        mut stream,
        mut reader,
        mut input,
        mut output,
    } = left;
    let (code, reason, answered) = match end {
        End::Gone => return,
        End::Aborted => {
            output.flush_once(&mut stream).await;
            return stream.abort();
        }
        End::Stalled | End::Dropped { .. } => return stream.abort(),
        End::Asked(said) => (said.map(|(code, _)| code), String::new(), true),
        End::Broken(violation) => (Some(violation.code), violation.reason, true),
        End::Told { code, reason } => (Some(code), reason, false),
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
    match timeout(close_time, handshake).await {
        Ok(Ok(())) => input::linger(&mut stream).await,
        _ => stream.abort(),
    }
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
