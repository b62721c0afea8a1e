//! What waits for one peer: bounded, filled under the hub's lock, drained by the peer's own task.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::payload::Payload;
use crate::wire::ws::Opcode;

/// Something for a peer.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// A message.
    Message {
        /// Text or binary.
        kind: Opcode,
        /// What is sent.
        payload: Payload,
        /// Bytes a frame.
        fragment: Option<usize>,
        /// Bytes a second.
        rate: Option<u64>,
    },
    /// A close handshake, after what came before it.
    Close {
        /// The close code.
        code: u16,
        /// For people.
        reason: String,
    },
    /// The connection torn down, without a Close frame.
    Abort,
    /// Neither read nor written any more, the socket left open.
    Stall,
}

/// The queue.
#[derive(Debug)]
pub struct Mailbox {
    inner: Mutex<Inner>,
    changed: Notify,
    max_frames: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<(Option<Instant>, Outgoing)>,
    bytes: usize,
    /// Messages that were taken in, ever.
    messages: u64,
    /// No more is taken in: a close is queued or was taken.
    closed: bool,
}

/// Why a peer is cut off.
const OVERFULL: u16 = 1013;

impl Mailbox {
    /// An empty one.
    pub fn new(max_frames: usize, max_bytes: usize) -> Mailbox {
        Mailbox {
            inner: Mutex::default(),
            changed: Notify::new(),
            max_frames,
            max_bytes,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in; answers whether it was taken. A peer whose mailbox is full is cut off.
    pub(super) fn put(&self, delay: Duration, what: Outgoing, wake: bool) -> Put {
        let mut inner = self.inner();
        if inner.closed {
            return Put::Closed;
        }
        let size = size(&what);
        let full = inner.queue.len() >= self.max_frames
            || (!inner.queue.is_empty() && inner.bytes + size > self.max_bytes);
        let put = if full {
            inner.queue.clear();
            inner.bytes = 0;
            inner.closed = true;
            let reason = "the client does not read".to_owned();
            inner.queue.push_back((
                None,
                Outgoing::Close {
                    code: OVERFULL,
                    reason,
                },
            ));
            Put::Overfull
        } else {
            inner.closed = !matches!(what, Outgoing::Message { .. });
            inner.messages += u64::from(!inner.closed);
            inner.bytes += size;
            let ready = (!delay.is_zero()).then(|| Instant::now() + delay);
            inner.queue.push_back((ready, what));
            Put::Taken
        };
        drop(inner);
        if wake || put == Put::Overfull {
            self.changed.notify_one();
        }
        put
    }

    /// Moves what may go out now to `out`, about `budget` bytes. Answers when to look again for a delayed head.
    pub fn take(&self, now: Instant, budget: usize, out: &mut Vec<Outgoing>) -> Option<Instant> {
        let mut inner = self.inner();
        let mut taken = 0;
        loop {
            match inner.queue.front() {
                None => return None,
                Some((Some(ready), _)) if *ready > now => return Some(*ready),
                Some(_) if taken >= budget.max(1) => {
                    // More is ready: come again at once.
                    self.changed.notify_one();
                    return None;
                }
                Some(_) => {}
            }
            if let Some((_, what)) = inner.queue.pop_front() {
                let size = size(&what);
                inner.bytes -= size;
                taken += size.max(1);
                out.push(what);
            }
        }
    }

    /// Waits until something was put in since the last `take`.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Frames and bytes that wait.
    pub fn len(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.queue.len(), inner.bytes)
    }

    /// Messages that were taken in, ever.
    pub(super) fn taken(&self) -> u64 {
        self.inner().messages
    }

    /// Nothing waits?
    pub fn is_empty(&self) -> bool {
        self.len().0 == 0
    }

    /// Whether so much waits that more should wait for the peer to read.
    pub(super) fn is_half_full(&self) -> bool {
        let (frames, bytes) = self.len();
        frames * 2 >= self.max_frames || bytes * 2 >= self.max_bytes
    }
}

/// What came of putting something in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Taken,
    Overfull,
    Closed,
}

fn size(what: &Outgoing) -> usize {
    match what {
        Outgoing::Message { payload, .. } => payload.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &'static str) -> Outgoing {
        Outgoing::Message {
            kind: Opcode::Text,
            payload: text.into(),
            fragment: None,
            rate: None,
        }
    }

    #[test]
    fn a_full_mailbox_is_emptied_and_holds_only_the_close() {
        let mailbox = Mailbox::new(2, 1000);
        assert_eq!(mailbox.put(Duration::ZERO, message("a"), true), Put::Taken);
        assert_eq!(mailbox.put(Duration::ZERO, message("b"), true), Put::Taken);
        assert_eq!(
            mailbox.put(Duration::ZERO, message("c"), true),
            Put::Overfull
        );
        assert_eq!(mailbox.put(Duration::ZERO, message("d"), true), Put::Closed);
        assert_eq!(mailbox.len(), (1, 0));
        let mut out = Vec::new();
        mailbox.take(Instant::now(), 100, &mut out);
        assert!(matches!(&out[..], [Outgoing::Close { code: 1013, .. }]));
    }

    #[test]
    fn one_message_may_be_larger_than_the_bound() {
        let mailbox = Mailbox::new(2, 1);
        assert_eq!(
            mailbox.put(Duration::ZERO, message("large"), true),
            Put::Taken
        );
        assert_eq!(
            mailbox.put(Duration::ZERO, message("x"), true),
            Put::Overfull
        );
    }

    #[test]
    fn what_waits_holds_up_what_comes_after_it() {
        let mailbox = Mailbox::new(10, 1000);
        mailbox.put(Duration::from_mins(1), message("late"), true);
        mailbox.put(Duration::ZERO, message("after"), true);
        let mut out = Vec::new();
        let again = mailbox.take(Instant::now(), 100, &mut out);
        assert!(out.is_empty());
        assert!(mailbox.take(again.unwrap(), 100, &mut out).is_none());
        assert_eq!(out.len(), 2);
    }
}
