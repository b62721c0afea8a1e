//! What is on its way out to one peer: frames gathered for one write, and the pace they go at.
//!
//! Invariant: bounded. Once there is no room, nothing is added before it has been written.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;

use crate::base::payload::Payload;
use crate::hub::Outgoing;
use crate::wire::ws;

/// Gathered before it is written: fewer system calls cost less, more memory gains no more.
const THRESHOLD: usize = 64 * 1024;

/// From here on a payload is written from where it lies; below, copying costs less than pieces of their own.
const LARGE: usize = 1024;

/// Pieces that are written at once.
const PIECES: usize = 64;

/// The most memory that a thread keeps for the next peer that has something to send.
const SPARE: usize = 4 * THRESHOLD;

/// How often a slow message goes on.
const BEAT: Duration = Duration::from_millis(50);

thread_local! {
    /// Lent to whoever writes, so that peers with nothing to send hold no memory for it.
    static LENT: Cell<Gathered> = const {
        Cell::new(Gathered {
            bytes: Vec::new(),
            lying: Vec::new(),
            length: 0,
        })
    };
}

/// Frames in order: bytes, and payloads that stand between them.
#[derive(Debug, Default)]
struct Gathered {
    bytes: Vec<u8>,
    /// Each with its place in `bytes`.
    lying: Vec<(usize, Payload)>,
    /// Bytes of the payloads.
    length: usize,
}

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(super) struct Output {
    gathered: Gathered,
    /// So much of it has left.
    sent: usize,
    /// Whether the layers below may still hold some of it.
    unflushed: bool,
    pace: Option<Pace>,
    /// Since when nothing could be written.
    blocked: Option<Instant>,
}

/// A limit on bytes a second.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rate: u64,
    since: Instant,
    sent: u64,
}

impl Gathered {
    fn len(&self) -> usize {
        self.bytes.len() + self.length
    }

    fn add(&mut self, payload: Payload) {
        let length = payload.len();
        if length >= LARGE {
            self.length += length;
            self.lying.push((self.bytes.len(), payload));
            return;
        }
        for piece in payload.pieces() {
            self.bytes.extend_from_slice(piece);
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lying.clear();
        self.length = 0;
    }

    /// All of it, piece by piece.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let between = self.lying.iter().flat_map(move |(at, payload)| {
            let before = &self.bytes[std::mem::replace(&mut from, *at)..*at];
            let [first, second, third] = payload.pieces();
            [before, first, second, third]
        });
        let last = self.lying.last().map_or(0, |(at, _)| *at);
        between.chain([&self.bytes[last..]])
    }
}

impl Output {
    /// Whether all of it has left.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.gathered.len() && !self.unflushed
    }

    /// Whether more may be added.
    pub(super) fn has_room(&self) -> bool {
        self.pace.is_none() && self.gathered.len() < THRESHOLD
    }

    /// Room for so many bytes is left, more or less.
    pub(super) fn room(&self) -> usize {
        THRESHOLD.saturating_sub(self.gathered.len())
    }

    /// Since when the other side takes nothing.
    pub(super) fn blocked(&self) -> Option<Instant> {
        self.blocked
    }

    /// When a slow message goes on; `None` when nothing goes slowly.
    pub(super) fn resumes(&self, now: Instant) -> Option<Instant> {
        let pace = self.pace.as_ref()?;
        (pace.allowance(now) == 0).then(|| now + BEAT)
    }

    /// The place to add small frames, if there is room.
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        if self.gathered.bytes.capacity() == 0 {
            self.gathered = LENT.take();
        }
        &mut self.gathered.bytes
    }

    /// Adds a message. It comes back when it has to wait for what was added before it to be written.
    pub(super) fn add(&mut self, message: Outgoing, now: Instant) -> Result<(), Outgoing> {
        if !self.has_room() {
            return Err(message);
        }
        let Outgoing::Message {
            kind,
            payload,
            fragment,
            rate,
        } = message
        else {
            return Ok(());
        };
        if let Some(rate) = rate {
            if !self.is_empty() {
                return Err(Outgoing::Message {
                    kind,
                    payload,
                    fragment,
                    rate: Some(rate),
                });
            }
            self.pace = Some(Pace {
                rate: rate.max(1),
                since: now,
                sent: 0,
            });
        }
        match fragment {
            Some(size) => ws::write_fragments(self.frames(), kind, &payload.whole(), size),
            None => {
                ws::write_header(self.frames(), kind, payload.len());
                self.gathered.add(payload);
            }
        }
        Ok(())
    }

    /// Writes as much as the other side and the pace take; ready when all has left.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        now: Instant,
    ) -> Poll<io::Result<()>> {
        let written = self.poll_all(cx, stream, now);
        match &written {
            Poll::Pending if self.resumes(now).is_none() => {
                self.blocked.get_or_insert(now);
            }
            Poll::Pending => self.blocked = None,
            Poll::Ready(_) => {
                self.blocked = None;
                self.pace = None;
            }
        }
        written
    }

    /// Writes all of it, a slow message as fast as it can: the connection is over.
    pub(super) async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.pace = None;
        std::future::poll_fn(|cx| self.poll_write(cx, stream, Instant::now())).await
    }

    /// Writes what can be written without waiting.
    pub(super) async fn flush_once<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) {
        let once = tokio::time::timeout(Duration::ZERO, self.flush(stream)).await;
        if !matches!(once, Ok(Ok(()))) {
            tracing::debug!("not all that waited could be sent");
        }
    }

    fn poll_all<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        now: Instant,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.gathered.len() {
            let most = self.pace.map_or(usize::MAX, |pace| pace.allowance(now));
            if most == 0 {
                return Poll::Pending;
            }
            let count = ready!(self.poll_some(cx, stream, most))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        self.give_back();
        Poll::Ready(Ok(()))
    }

    fn poll_some<S: AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        stream: &mut S,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let (mut gone, mut room) = (self.sent, most);
        let due = self.gathered.pieces().map(|piece| {
            let (_, rest) = piece.split_at(gone.min(piece.len()));
            gone -= piece.len() - rest.len();
            let (now, _) = rest.split_at(room.min(rest.len()));
            room -= now.len();
            IoSlice::new(now)
        });
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let mut count = 0;
        for (place, piece) in pieces.iter_mut().zip(due.filter(|piece| !piece.is_empty())) {
            *place = piece;
            count += 1;
        }
        let stream = Pin::new(stream);
        match &pieces[..count] {
            [piece] => stream.poll_write(cx, piece),
            pieces => stream.poll_write_vectored(cx, pieces),
        }
    }

    fn advance(&mut self, count: usize) {
        self.sent += count;
        self.unflushed = true;
        self.blocked = None;
        if let Some(pace) = &mut self.pace {
            pace.sent += count as u64;
        }
    }

    fn give_back(&mut self) {
        self.sent = 0;
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.clear();
        if gathered.bytes.capacity() <= SPARE {
            LENT.set(gathered);
        }
    }
}

impl Pace {
    fn allowance(&self, now: Instant) -> usize {
        let elapsed = now.saturating_duration_since(self.since) + BEAT;
        let beats = (elapsed.as_millis() / BEAT.as_millis()) as u64;
        let due = (beats * self.rate / (1000 / BEAT.as_millis() as u64)).max(1);
        due.saturating_sub(self.sent) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::base::payload::{Draft, Sink};
    use crate::wire::ws::Opcode;

    fn message(size: usize, fragment: Option<usize>, rate: Option<u64>) -> Outgoing {
        Outgoing::Message {
            kind: Opcode::Binary,
            payload: vec![7; size].into(),
            fragment,
            rate,
        }
    }

    /// Takes so many bytes, then no more.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            let count = bytes.len().min(this.room);
            this.taken.extend_from_slice(&bytes[..count]);
            this.room -= count;
            match count {
                0 => Poll::Pending,
                some => Poll::Ready(Ok(some)),
            }
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
            self.poll_write(cx, &bytes)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn write(output: &mut Output, narrow: &mut Narrow, now: Instant) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        output.poll_write(&mut cx, narrow, now).is_ready()
    }

    #[test]
    fn small_and_large_messages_leave_in_order() {
        let (mut output, now) = (Output::default(), Instant::now());
        let mut narrow = Narrow {
            taken: Vec::new(),
            room: 5000,
        };
        assert!(output.add(message(3, None, None), now).is_ok());
        assert!(output.add(message(70_000, None, None), now).is_ok());
        let Err(waiting) = output.add(message(1, None, None), now) else {
            panic!("there is no room");
        };
        assert!(!write(&mut output, &mut narrow, now));
        assert_eq!(output.blocked(), Some(now));
        assert_eq!(narrow.taken.len(), 5000);
        narrow.room = 100_000;
        assert!(write(&mut output, &mut narrow, now));
        assert_eq!((output.blocked(), output.is_empty()), (None, true));
        assert!(output.add(waiting, now).is_ok());
        assert!(write(&mut output, &mut narrow, now));

        let mut expected = Vec::new();
        for size in [3, 70_000, 1] {
            ws::write_message(&mut expected, Opcode::Binary, &vec![7; size]);
        }
        assert!(narrow.taken == expected);
    }

    #[test]
    fn texts_in_common_leave_in_their_places_however_little_is_taken() {
        let mut draft = Draft::default();
        let mut text = |size: usize| {
            draft.text().push_str("before ");
            draft.share(&"common".repeat(size / 6).into());
            draft.text().push_str(" after");
            draft.finish()
        };
        let payloads: Vec<Payload> = (0..PIECES).map(|n| text(900 + 4 * n)).collect();
        for most in [97, 999, 50_000, usize::MAX] {
            let (mut output, now) = (Output::default(), Instant::now());
            let mut narrow = Narrow {
                taken: Vec::new(),
                room: 0,
            };
            let mut expected = Vec::new();
            for payload in payloads.iter().cloned() {
                ws::write_message(&mut expected, Opcode::Text, &payload.whole());
                let text = Outgoing::Message {
                    kind: Opcode::Text,
                    payload,
                    fragment: None,
                    rate: None,
                };
                assert!(output.add(text, now).is_ok());
            }
            while !write(&mut output, &mut narrow, now) {
                narrow.room = most;
            }
            assert!(narrow.taken == expected, "{most}");
            assert!(output.is_empty());
        }
    }

    #[test]
    fn a_rate_is_kept() {
        let (mut output, start) = (Output::default(), Instant::now());
        let mut narrow = Narrow {
            taken: Vec::new(),
            room: usize::MAX,
        };
        assert!(output.add(message(196, None, Some(100)), start).is_ok());
        assert!(output.add(message(1, None, None), start).is_err());
        for (after, arrived) in [
            (0, 5),
            (40, 5),
            (50, 10),
            (1000, 105),
            (1940, 195),
            (1950, 200),
        ] {
            let now = start + Duration::from_millis(after);
            let done = write(&mut output, &mut narrow, now);
            assert_eq!(
                (narrow.taken.len(), done),
                (arrived, arrived == 200),
                "{after} ms"
            );
            assert_eq!(output.blocked(), None);
        }
    }

    #[test]
    fn a_slow_message_waits_for_those_before_it() {
        let (mut output, now) = (Output::default(), Instant::now());
        assert!(output.add(message(3, None, None), now).is_ok());
        assert!(output.add(message(3, None, Some(9)), now).is_err());
    }
}
