//! Frames on their way out to one peer, gathered for one write, and the rate at which they go.
//!
//! Invariant: bounded. Without room nothing is added before something was written.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;

use crate::base::payload::Payload;
use crate::hub::Outgoing;
use crate::wire::ws::FrameWriter;

/// Bytes that are gathered for one write. Fewer system calls cost less; beyond this, memory gains nothing.
const MAX_GATHERED: usize = 64 * 1024;

/// From this size on a payload is written without a copy. Below it, a copy costs less than a slice of its own.
const MIN_UNCOPIED: usize = 1024;

/// Slices of one vectored write.
const MAX_SLICES: usize = 64;

/// Memory that a thread keeps for the next peer that has something to send.
const MAX_SPARE: usize = 4 * MAX_GATHERED;

/// Interval at which a message under the fault `slow` continues.
const SLOW_STEP: Duration = Duration::from_millis(50);

thread_local! {
    /// Memory that the peers of a thread use in turn, so that an idle peer holds none.
    static SPARE: Cell<Gathered> = const {
        Cell::new(Gathered {
            bytes: Vec::new(),
            uncopied: Vec::new(),
            uncopied_length: 0,
        })
    };
}

/// Frames in order: copied bytes, and payloads between them.
#[derive(Debug, Default)]
struct Gathered {
    bytes: Vec<u8>,
    /// Payloads with their positions in `bytes`.
    uncopied: Vec<(usize, Payload)>,
    uncopied_length: usize,
}

#[derive(Debug, Default)]
pub(super) struct WriteBuffer {
    gathered: Gathered,
    /// Bytes of `gathered` that were written.
    sent: usize,
    /// The layers below may still hold written bytes.
    unflushed: bool,
    pace: Option<Pace>,
    /// The time since which nothing could be written.
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
        self.bytes.len() + self.uncopied_length
    }

    fn add(&mut self, payload: Payload) {
        let length = payload.len();
        if length >= MIN_UNCOPIED {
            self.uncopied_length += length;
            self.uncopied.push((self.bytes.len(), payload));
            return;
        }
        for piece in payload.pieces() {
            self.bytes.extend_from_slice(piece);
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.uncopied.clear();
        self.uncopied_length = 0;
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let between = self.uncopied.iter().flat_map(move |(at, payload)| {
            let before = &self.bytes[std::mem::replace(&mut from, *at)..*at];
            let [first, second, third] = payload.pieces();
            [before, first, second, third]
        });
        let last = self.uncopied.last().map_or(0, |(at, _)| *at);
        between.chain([&self.bytes[last..]])
    }
}

impl WriteBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.gathered.len() && !self.unflushed
    }

    pub(super) fn has_room(&self) -> bool {
        self.pace.is_none() && self.gathered.len() < MAX_GATHERED
    }

    /// The bytes that fit, about.
    pub(super) fn room(&self) -> usize {
        MAX_GATHERED.saturating_sub(self.gathered.len())
    }

    /// The time since which the client takes nothing.
    pub(super) fn blocked(&self) -> Option<Instant> {
        self.blocked
    }

    /// The time at which a slow message continues; `None` if no message waits for its rate.
    pub(super) fn resumes(&self, now: Instant) -> Option<Instant> {
        let pace = self.pace.as_ref()?;
        (pace.allowance(now) == 0).then(|| now + SLOW_STEP)
    }

    /// The bytes to which small frames are appended while there is room.
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        if self.gathered.bytes.capacity() == 0 {
            self.gathered = SPARE.take();
        }
        &mut self.gathered.bytes
    }

    /// Whether a message can be added now. The rate of `slow` is that of one message, which therefore goes alone.
    pub(super) fn accepts(&self, message: &Outgoing) -> bool {
        let alone = matches!(message, Outgoing::Message { rate: Some(_), .. });
        self.has_room() && (!alone || self.is_empty())
    }

    pub(super) fn add(&mut self, writer: FrameWriter, message: Outgoing, now: Instant) {
        let Outgoing::Message {
            kind,
            payload,
            fragment,
            rate,
        } = message
        else {
            return;
        };
        self.pace = rate.map(|rate| Pace {
            rate: rate.max(1),
            since: now,
            sent: 0,
        });
        match fragment {
            Some(size) => writer.fragments(self.frames(), kind, &payload.whole(), size),
            None => {
                writer.header(self.frames(), kind, payload.len());
                self.gathered.add(payload);
            }
        }
    }

    /// Writes as much as the client and the rate allow. Ready when everything was written.
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

    /// Writes everything, without a rate: the connection is about to end.
    pub(super) async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.pace = None;
        std::future::poll_fn(|cx| self.poll_write(cx, stream, Instant::now())).await
    }

    /// Writes what can be written without waiting.
    pub(super) async fn flush_once<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) {
        let once = tokio::time::timeout(Duration::ZERO, self.flush(stream)).await;
        if !matches!(once, Ok(Ok(()))) {
            tracing::debug!("queued frames were dropped: the client does not read");
        }
    }

    fn poll_all<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        now: Instant,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.gathered.len() {
            // `slow` limits the bytes of each step.
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
        self.release();
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
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (place, piece) in slices.iter_mut().zip(due.filter(|piece| !piece.is_empty())) {
            *place = piece;
            count += 1;
        }
        let stream = Pin::new(stream);
        // A single slice takes the shorter path through TLS and the system call.
        match &slices[..count] {
            [slice] => stream.poll_write(cx, slice),
            slices => stream.poll_write_vectored(cx, slices),
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

    /// Hands the memory to the next peer of this thread.
    fn release(&mut self) {
        self.sent = 0;
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.clear();
        // A large message must not pin its memory to the thread.
        if gathered.bytes.capacity() <= MAX_SPARE {
            SPARE.set(gathered);
        }
    }
}

impl Pace {
    fn allowance(&self, now: Instant) -> usize {
        let elapsed = now.saturating_duration_since(self.since) + SLOW_STEP;
        let steps = (elapsed.as_millis() / SLOW_STEP.as_millis()) as u64;
        let due = (steps * self.rate / (1000 / SLOW_STEP.as_millis() as u64)).max(1);
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

    fn add(output: &mut WriteBuffer, message: Outgoing, now: Instant) -> bool {
        let accepted = output.accepts(&message);
        if accepted {
            output.add(FrameWriter, message, now);
        }
        accepted
    }

    /// Takes `room` bytes, then no more.
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

    fn write(output: &mut WriteBuffer, narrow: &mut Narrow, now: Instant) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        output.poll_write(&mut cx, narrow, now).is_ready()
    }

    #[test]
    fn messages_of_all_sizes_keep_order() {
        let (mut output, now) = (WriteBuffer::default(), Instant::now());
        let mut narrow = Narrow {
            taken: Vec::new(),
            room: 5000,
        };
        assert!(add(&mut output, message(3, None, None), now));
        assert!(add(&mut output, message(70_000, None, None), now));
        assert!(!add(&mut output, message(1, None, None), now));
        assert!(!write(&mut output, &mut narrow, now));
        assert_eq!(output.blocked(), Some(now));
        assert_eq!(narrow.taken.len(), 5000);
        narrow.room = 100_000;
        assert!(write(&mut output, &mut narrow, now));
        assert_eq!((output.blocked(), output.is_empty()), (None, true));
        assert!(add(&mut output, message(1, None, None), now));
        assert!(write(&mut output, &mut narrow, now));

        let mut expected = Vec::new();
        for size in [3, 70_000, 1] {
            FrameWriter.message(&mut expected, Opcode::Binary, &vec![7; size]);
        }
        assert!(narrow.taken == expected);
    }

    #[test]
    fn shared_texts_keep_order_in_partial_writes() {
        let mut draft = Draft::default();
        let mut text = |size: usize| {
            draft.text().push_str("before ");
            draft.share(&"common".repeat(size / 6).into());
            draft.text().push_str(" after");
            draft.finish()
        };
        let payloads: Vec<Payload> = (0..MAX_SLICES).map(|n| text(900 + 4 * n)).collect();
        for most in [97, 999, 50_000, usize::MAX] {
            let (mut output, now) = (WriteBuffer::default(), Instant::now());
            let mut narrow = Narrow {
                taken: Vec::new(),
                room: 0,
            };
            let mut expected = Vec::new();
            for payload in payloads.iter().cloned() {
                FrameWriter.message(&mut expected, Opcode::Text, &payload.whole());
                let text = Outgoing::Message {
                    kind: Opcode::Text,
                    payload,
                    fragment: None,
                    rate: None,
                };
                assert!(add(&mut output, text, now));
            }
            while !write(&mut output, &mut narrow, now) {
                narrow.room = most;
            }
            assert!(narrow.taken == expected, "{most}");
            assert!(output.is_empty());
        }
    }

    #[test]
    fn slow_message_keeps_its_rate() {
        let (mut output, start) = (WriteBuffer::default(), Instant::now());
        let mut narrow = Narrow {
            taken: Vec::new(),
            room: usize::MAX,
        };
        assert!(add(&mut output, message(196, None, Some(100)), start));
        assert!(!add(&mut output, message(1, None, None), start));
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
    fn slow_message_waits_for_earlier_ones() {
        let (mut output, now) = (WriteBuffer::default(), Instant::now());
        assert!(add(&mut output, message(3, None, None), now));
        assert!(!add(&mut output, message(3, None, Some(9)), now));
    }
}
