//! The socket as hyper sees it while HTTP is spoken.
//!
//! It adds what hyper leaves out: a write that makes no progress fails, and hyper's own answer to a request that it
//! cannot read, which has no body, is swallowed so that one with words can take its place.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::stream::Stream;

const READING: u8 = 0;
const ANSWERING: u8 = 1;
const ANSWERED: u8 = 2;
const WRITTEN: u8 = 3;

/// Whose turn it is on a connection: bytes written while a request is being read can only be hyper's own.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU8);

impl Turn {
    /// A request was read.
    pub(super) fn begin(&self) {
        self.0.store(ANSWERING, Relaxed);
    }

    /// Its answer is on its way.
    pub(super) fn end(&self) {
        self.0.store(ANSWERED, Relaxed);
    }

    fn wrote(&self) {
        let _ = self.0.compare_exchange(ANSWERED, WRITTEN, Relaxed, Relaxed);
    }

    fn flushed(&self) {
        let _ = self.0.compare_exchange(WRITTEN, READING, Relaxed, Relaxed);
    }

    fn is_hypers(&self) -> bool {
        self.0.load(Relaxed) == READING
    }
}

/// A socket while HTTP is spoken.
#[derive(Debug)]
pub(super) struct Exchange {
    stream: Stream,
    turn: Arc<Turn>,
    swallowed: bool,
    write_time: Duration,
    blocked: Option<Pin<Box<Sleep>>>,
}

impl Exchange {
    /// Watches over this socket.
    pub(super) fn new(stream: Stream, turn: Arc<Turn>, write_time: Duration) -> Self {
        Self {
            stream,
            turn,
            swallowed: false,
            write_time,
            blocked: None,
        }
    }

    /// The socket, and whether an answer of hyper's was swallowed.
    pub(super) fn into_inner(self) -> (Stream, bool) {
        (self.stream, self.swallowed)
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.blocked = None;
            return done;
        }
        let write_time = self.write_time;
        let blocked = self
            .blocked
            .get_or_insert_with(|| Box::pin(sleep(write_time)));
        match blocked.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Exchange {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Exchange {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.turn.is_hypers() {
            this.swallowed = true;
            return Poll::Ready(Ok(bytes.len()));
        }
        this.turn.wrote();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watch(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.turn.is_hypers() {
            this.swallowed = true;
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        this.turn.wrote();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        this.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        let flushed = this.watch(cx, flushed);
        if flushed.is_ready() {
            this.turn.flushed();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
