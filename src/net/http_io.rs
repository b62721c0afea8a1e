//! The socket as hyper sees it while HTTP is spoken.
//!
//! It adds what hyper leaves out: a write that makes no progress fails; hyper's own answer to an unreadable request,
//! which has no body, is dropped so that one with words can take its place; and the bytes of a request's head stay
//! visible, because hyper removes `Content-Length` where `Transfer-Encoding` is given too.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::stream::Stream;

/// The progress of a connection's requests, shared by the socket below hyper and the service above it.
#[derive(Debug, Default)]
pub(super) struct Exchange(Mutex<ExchangeState>);

#[derive(Debug, Default)]
struct ExchangeState {
    phase: Phase,
    /// Bytes that came while reading. They begin with the head of the request unless requests are pipelined.
    head: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No request is being answered, so bytes that hyper writes are its own answer to an unreadable one.
    #[default]
    Reading,
    Answering,
    /// The body has ended; its last bytes may still be in hyper's buffer.
    Answered,
}

impl Exchange {
    fn state(&self) -> MutexGuard<'_, ExchangeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks that a request was read; returns the bytes that came for it.
    pub(super) fn begin(&self) -> Vec<u8> {
        let mut state = self.state();
        state.phase = Phase::Answering;
        std::mem::take(&mut state.head)
    }

    /// Marks that the answer's body has ended.
    pub(super) fn end(&self) {
        self.state().phase = Phase::Answered;
    }

    fn flushed(&self) {
        let mut state = self.state();
        if state.phase == Phase::Answered {
            state.phase = Phase::Reading;
        }
    }

    fn came(&self, bytes: &[u8]) {
        let mut state = self.state();
        if state.phase == Phase::Reading {
            state.head.extend_from_slice(bytes);
        }
    }

    fn is_reading(&self) -> bool {
        self.state().phase == Phase::Reading
    }
}

#[derive(Debug)]
pub(super) struct HttpSocket {
    stream: Stream,
    exchange: Arc<Exchange>,
    /// An answer of hyper's own was dropped.
    dropped: bool,
    write_time: Duration,
    blocked: Option<Pin<Box<Sleep>>>,
}

impl HttpSocket {
    pub(super) fn new(stream: Stream, exchange: Arc<Exchange>, write_time: Duration) -> Self {
        Self {
            stream,
            exchange,
            dropped: false,
            write_time,
            blocked: None,
        }
    }

    /// The socket, and whether an answer of hyper's own was dropped.
    pub(super) fn into_inner(self) -> (Stream, bool) {
        (self.stream, self.dropped)
    }

    /// Fails an operation that has made no progress for the write time.
    fn watch<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.blocked = None;
            return done;
        }
        let write_time = self.write_time;
        let blocked = self
            .blocked
            .get_or_insert_with(|| Box::pin(sleep(write_time)));
        ready!(blocked.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for HttpSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
        this.exchange.came(&into.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.exchange.is_reading() {
            // hyper believes that its answer was sent, and returns the error.
            this.dropped = true;
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        this.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        ready!(this.watch(cx, flushed))?;
        this.exchange.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
