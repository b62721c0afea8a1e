//! From a peer's mailbox to its socket: what was taken, in order, as far as there is room.
//!
//! Invariant: nothing overtakes. What ends the connection is found when its turn comes, except while the peer reads
//! nothing: then it is looked for, so that a peer whose mailbox was given up does not linger.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::task::yield_now;

use super::close::End;
use super::stream::Stream;
use super::write_buffer::Output;
use crate::hub::{Mailbox, Outgoing};
use crate::wire::ws;

thread_local! {
    /// Lent to whoever empties a mailbox, so that idle peers hold no memory for it.
    static LENT: Cell<Vec<Outgoing>> = const { Cell::new(Vec::new()) };
}

/// What is on its way from a mailbox to a socket.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) output: Output,
    /// Taken out of the mailbox, waiting for room in the output.
    held: VecDeque<Outgoing>,
    /// The last ping that could not be answered yet; those before it need no answer (RFC 6455, section 5.5.3).
    pong: Option<Box<[u8]>>,
}

impl Outbox {
    /// Whether it takes from the mailbox.
    pub(super) fn has_room(&self) -> bool {
        self.held.is_empty() && self.output.has_room()
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.has_room() && self.output.is_empty()
    }

    /// Answers a ping, now or when there is room.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        if self.output.has_room() {
            self.pong = None;
            ws::write_pong(self.output.frames(), payload);
        } else {
            self.pong = Some(payload.into());
        }
    }

    /// Moves what waits to the output; answers when the next that is delayed may go.
    pub(super) fn fill(&mut self, mailbox: &Mailbox, now: Instant) -> Result<Option<Instant>, End> {
        if let Some(payload) = self.pong.take_if(|_| self.output.has_room()) {
            ws::write_pong(self.output.frames(), &payload);
        }
        let mut held = std::mem::take(&mut self.held);
        self.add(held.drain(..), now)?;
        let mut taken = LENT.take();
        let filled = self.fill_from(mailbox, &mut taken, now);
        taken.clear();
        LENT.set(taken);
        filled
    }

    fn fill_from(
        &mut self,
        mailbox: &Mailbox,
        taken: &mut Vec<Outgoing>,
        now: Instant,
    ) -> Result<Option<Instant>, End> {
        while self.has_room() {
            let delayed = mailbox.take(now, self.output.room(), taken);
            if taken.is_empty() {
                return Ok(delayed);
            }
            self.add(taken.drain(..), now)?;
        }
        Ok(None)
    }

    fn add(&mut self, all: impl Iterator<Item = Outgoing>, now: Instant) -> Result<(), End> {
        for next in all {
            if !self.held.is_empty() {
                self.held.push_back(next);
                continue;
            }
            match next {
                Outgoing::Abort => return Err(End::Aborted),
                Outgoing::Stall => return Err(End::Stalled),
                Outgoing::Close { code, reason } => return Err(End::Told { code, reason }),
                message @ Outgoing::Message { .. } => {
                    if let Err(back) = self.output.add(message, now) {
                        self.held.push_back(back);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes what the socket takes at once, then lets others have their turn.
    pub(super) async fn give_way(&mut self, stream: &mut Stream, now: Instant) -> Result<(), End> {
        let written = poll_fn(|cx| Poll::Ready(self.poll_write(cx, stream, now))).await;
        yield_now().await;
        match written {
            Poll::Ready(ended) => ended,
            Poll::Pending => Ok(()),
        }
    }

    /// Whether the hub has given the mailbox up: it empties one that has overflowed and leaves a close in it, which
    /// weighs nothing.
    pub(super) fn given_up(&mut self, mailbox: &Mailbox, now: Instant) -> Option<u16> {
        if mailbox.len().1 > 0 {
            return None;
        }
        let mut taken = Vec::new();
        mailbox.take(now, 1, &mut taken);
        let code = taken.iter().find_map(close_code);
        self.held.extend(taken);
        code
    }

    /// Writes what the socket takes. Ready when there is something new to do: room in the mailbox's stead, or somebody
    /// to watch because nothing, or not all at once, goes out.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        now: Instant,
    ) -> Poll<Result<(), End>> {
        if self.output.is_empty() || self.output.resumes(now).is_some() {
            return Poll::Pending;
        }
        let (had_room, blocked) = (self.has_room(), self.output.blocked());
        let news = match self.output.poll_write(cx, stream, now) {
            Poll::Ready(Ok(())) => !had_room,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Gone)),
            Poll::Pending => self.output.blocked() != blocked || self.output.resumes(now).is_some(),
        };
        if news {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

/// Throws away what is in a mailbox whose peer is not written to; answers the code of what ends it.
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
