//! From a peer's mailbox to its socket, in order, as far as there is room.
//!
//! Invariant: no message overtakes another. An end that is queued is found in its turn, except while the client reads
//! nothing: then it is looked for, so that a peer whose mailbox has overflowed does not linger.

use std::cell::Cell;
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Instant;

use super::close::End;
use super::stream::Stream;
use super::write_buffer::WriteBuffer;
use crate::hub::{Mailbox, Outgoing};
use crate::wire::ws::FrameWriter;

thread_local! {
    /// Memory for emptying mailboxes, so that an idle peer holds none.
    static SPARE: Cell<Vec<Outgoing>> = const { Cell::new(Vec::new()) };
}

#[derive(Default)]
pub(super) struct SendQueue {
    pub(super) buffer: WriteBuffer,
    /// Taken from the mailbox, waiting for room in the buffer.
    held: VecDeque<Outgoing>,
    /// The last ping without an answer. RFC 6455, section 5.5.3: earlier pings need none.
    ping: Option<Box<[u8]>>,
}

impl SendQueue {
    pub(super) fn has_room(&self) -> bool {
        self.held.is_empty() && self.buffer.has_room()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.has_room() && self.buffer.is_empty()
    }

    /// Answers a ping as soon as there is room.
    pub(super) fn pong(&mut self, writer: FrameWriter, payload: &[u8]) {
        if self.buffer.has_room() {
            self.ping = None;
            writer.pong(self.buffer.frames(), payload);
        } else {
            self.ping = Some(payload.into());
        }
    }

    /// Moves messages from the mailbox to the buffer. Returns the time at which a delayed one is ready.
    pub(super) fn fill(
        &mut self,
        writer: FrameWriter,
        mailbox: Option<&Mailbox>,
        now: Instant,
    ) -> Result<Option<Instant>, End> {
        if let Some(payload) = self.ping.take_if(|_| self.buffer.has_room()) {
            writer.pong(self.buffer.frames(), &payload);
        }
        // What still finds no room is held again, in order.
        let mut held = std::mem::take(&mut self.held);
        self.add(writer, held.drain(..), now)?;
        let Some(mailbox) = mailbox else {
            return Ok(None);
        };
        let mut taken = SPARE.take();
        let filled = self.fill_from(writer, mailbox, &mut taken, now);
        taken.clear();
        SPARE.set(taken);
        filled
    }

    fn fill_from(
        &mut self,
        writer: FrameWriter,
        mailbox: &Mailbox,
        taken: &mut Vec<Outgoing>,
        now: Instant,
    ) -> Result<Option<Instant>, End> {
        while self.has_room() {
            let delayed = mailbox.take(now, self.buffer.room(), taken);
            if taken.is_empty() {
                return Ok(delayed);
            }
            self.add(writer, taken.drain(..), now)?;
        }
        Ok(None)
    }

    fn add(
        &mut self,
        writer: FrameWriter,
        all: impl Iterator<Item = Outgoing>,
        now: Instant,
    ) -> Result<(), End> {
        for next in all {
            // Nothing may overtake a message that waits.
            if !self.held.is_empty() {
                self.held.push_back(next);
                continue;
            }
            match next {
                Outgoing::Abort => return Err(End::Aborted),
                Outgoing::Stall => return Err(End::Stalled),
                Outgoing::Close { code, reason } => return Err(End::Server { code, reason }),
                message @ Outgoing::Message { .. } => {
                    if self.buffer.accepts(&message) {
                        self.buffer.add(writer, message, now);
                    } else {
                        self.held.push_back(message);
                    }
                }
            }
        }
        Ok(())
    }

    /// The code of the close in a mailbox that has overflowed: the hub replaces its content by a close, which has no
    /// bytes.
    pub(super) fn overflowed(&mut self, mailbox: &Mailbox, now: Instant) -> Option<u16> {
        if mailbox.len().1 > 0 {
            return None;
        }
        let mut taken = Vec::new();
        mailbox.take(now, 1, &mut taken);
        let code = taken.iter().find_map(close_code);
        self.held.extend(taken);
        code
    }

    /// Writes what the socket takes. Ready when the connection has something to do: there is room again, or the client
    /// has to be watched because it takes nothing, or not everything.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        now: Instant,
    ) -> Poll<Result<(), End>> {
        if self.buffer.is_empty() || self.buffer.resumes(now).is_some() {
            return Poll::Pending;
        }
        let (had_room, blocked) = (self.has_room(), self.buffer.blocked());
        let news = match self.buffer.poll_write(cx, stream, now) {
            Poll::Ready(Ok(())) => !had_room,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Gone)),
            Poll::Pending => self.buffer.blocked() != blocked || self.buffer.resumes(now).is_some(),
        };
        if news {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

/// Drops the content of a mailbox whose peer is not written to. Returns the close code if it ends the peer.
pub(super) fn discard(mailbox: &Mailbox, now: Instant) -> Option<u16> {
    let mut taken = Vec::new();
    mailbox.take(now, usize::MAX, &mut taken);
    taken.iter().find_map(close_code)
}

fn close_code(next: &Outgoing) -> Option<u16> {
    match next {
        Outgoing::Close { code, .. } => Some(*code),
        Outgoing::Abort => Some(End::NO_CLOSE),
        Outgoing::Message { .. } | Outgoing::Stall => None,
    }
}
