//! One peer's WebSocket: one task, one `select!`, one writer.
//!
//! Invariant: it only moves bytes and keeps time. What a message means is the hub's; how a connection ends is in
//! `farewell`. Memory is bounded: it stops reading when answers pile up, and an idle peer holds no buffer.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::select;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::farewell::{self, End};
use super::heartbeat::{Beat, Heartbeat};
use super::input;
use super::output::Output;
use super::stream::Stream;
use crate::config::Limits;
use crate::hub::{Inbound, Outgoing, Peer};
use crate::wire::ws::{self, Input, Reader};

/// How often a peer that takes nothing is looked at: its mailbox may have been given up, or it may have gone.
const LOOK: Duration = Duration::from_secs(1);

/// When nothing is due.
const NEVER: Duration = Duration::from_hours(365 * 24);

thread_local! {
    /// Lent to whoever empties a mailbox, so that idle peers hold no memory for it.
    static LENT: Cell<Vec<Outgoing>> = const { Cell::new(Vec::new()) };
}

/// One peer while it talks.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    reader: Reader,
    /// Arrived, not understood yet; without memory when there is nothing.
    input: BytesMut,
    output: Output,
    peer: Peer,
    limits: Limits,
    heartbeat: Heartbeat,
    /// Taken out of the mailbox, waiting for room in the output.
    held: VecDeque<Outgoing>,
    /// The last ping that could not be answered yet; those before it need no answer (RFC 6455, section 5.5.3).
    pong: Option<Box<[u8]>>,
    /// Whether `input` may hold whole messages because reading has paused.
    undecoded: bool,
    /// The client has closed, or cannot be understood any more: its answers go out until this moment, then the connection ends.
    leaving: Option<(End, Instant)>,
}

impl Connection {
    /// A connection that was just opened; `arrived` came with the handshake.
    pub(super) fn new(stream: Stream, arrived: BytesMut, peer: Peer, limits: Limits) -> Self {
        Self {
            stream,
            reader: Reader::new(limits.frame, limits.message),
            undecoded: !arrived.is_empty(),
            input: arrived,
            output: Output::default(),
            peer,
            heartbeat: Heartbeat::new(limits.ping_every, limits.pong_time, Instant::now()),
            limits,
            held: VecDeque::new(),
            pong: None,
            leaving: None,
        }
    }

    /// Talks until it is over.
    pub(super) async fn talk(&mut self, shutdown: &CancellationToken) -> End {
        let mailbox = self.peer.mailbox().clone();
        let mut stop = pin!(shutdown.cancelled());
        let mut armed = Instant::now() + NEVER;
        let mut alarm = pin!(sleep_until(armed.into()));
        loop {
            let now = Instant::now();
            let wanted = match self.work(now) {
                Ok(wanted) => wanted,
                Err(End::Stalled) => return self.stalled(shutdown).await,
                Err(end) => return end,
            };
            if wanted < armed {
                armed = wanted;
                alarm.as_mut().reset(armed.into());
            }
            let looks = self.output.has_room() && self.held.is_empty();
            select! {
                biased;
                moved = std::future::poll_fn(|cx| self.poll_move(cx, now, looks)) => match moved {
                    Ok(()) => {}
                    Err(end) => return end,
                },
                () = mailbox.changed(), if looks => {}
                () = alarm.as_mut() => armed = now + NEVER,
                () = stop.as_mut() => return End::shutdown(),
            }
        }
    }

    /// Ends the peer's stay with the hub, then parts from the client.
    pub(super) async fn part(self, end: End, close_time: Duration) {
        self.peer.closed(end.code());
        drop(self.peer);
        let left = farewell::Left {
            stream: self.stream,
            reader: self.reader,
            input: self.input,
            output: self.output,
        };
        farewell::say(end, left, close_time).await;
    }

    /// Everything that needs no waiting; answers when to look again.
    fn work(&mut self, now: Instant) -> Result<Instant, End> {
        loop {
            if self.undecoded && self.leaving.is_none() {
                self.decode(now);
            }
            let delayed = self.fill(now)?;
            if self.undecoded && self.leaving.is_none() && !self.is_pressed() {
                continue;
            }
            self.leave(now, delayed)?;
            let due = [
                Some(self.beat(now)?),
                delayed,
                self.output.resumes(now),
                self.watch(now)?,
                self.leaving.as_ref().map(|(_, by)| *by),
            ];
            return Ok(due.into_iter().flatten().min().unwrap_or(now + NEVER));
        }
    }

    /// Hands on every whole message, as long as there is room for the answers.
    fn decode(&mut self, now: Instant) {
        while !self.is_pressed() {
            let found = match self.reader.next(&mut self.input) {
                Ok(found) => found,
                Err(violation) => {
                    self.leave_after_answers(End::Broken(violation), now);
                    return;
                }
            };
            match found {
                Some(Input::Text(text)) => self.peer.receive(Inbound::Text(text)),
                Some(Input::Binary(bytes)) => self.peer.receive(Inbound::Binary(bytes)),
                Some(Input::Ping(payload)) => self.answer_ping(&payload),
                Some(Input::Pong(_)) => self.heartbeat.heard(),
                Some(Input::Close(said)) => {
                    self.leave_after_answers(End::Asked(said), now);
                    return;
                }
                None => {
                    self.undecoded = false;
                    if self.input.is_empty() {
                        self.input = BytesMut::new();
                    }
                    return;
                }
            }
        }
    }

    /// What the client had asked for before is answered first.
    fn leave_after_answers(&mut self, end: End, now: Instant) {
        self.leaving = Some((end, now + self.limits.close_time));
    }

    fn answer_ping(&mut self, payload: &[u8]) {
        if self.peer.muted() {
            return;
        }
        if self.output.has_room() {
            self.pong = None;
            ws::write_pong(self.output.frames(), payload);
        } else {
            self.pong = Some(payload.into());
        }
    }

    /// Answers in the mailbox have come to half its bounds: what else the client asks has to wait.
    fn is_pressed(&self) -> bool {
        let (frames, bytes) = self.peer.mailbox().len();
        frames > self.limits.mailbox_frames / 2 || bytes > self.limits.mailbox_bytes / 2
    }

    /// Moves what waits in the mailbox to the output; answers when the next that is delayed may go.
    fn fill(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        if let Some(payload) = self.pong.take_if(|_| self.output.has_room()) {
            ws::write_pong(self.output.frames(), &payload);
        }
        let mut held = std::mem::take(&mut self.held);
        self.add(held.drain(..), now)?;
        let mut taken = LENT.take();
        let filled = self.fill_from_mailbox(&mut taken, now);
        taken.clear();
        LENT.set(taken);
        filled
    }

    fn fill_from_mailbox(
        &mut self,
        taken: &mut Vec<Outgoing>,
        now: Instant,
    ) -> Result<Option<Instant>, End> {
        while self.held.is_empty() && self.output.has_room() {
            let room = self.output.room();
            let delayed = self.peer.mailbox().take(now, room, taken);
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

    /// Whether all is said before the connection ends.
    fn leave(&mut self, now: Instant, delayed: Option<Instant>) -> Result<(), End> {
        let answered = self.held.is_empty()
            && self.output.has_room()
            && (delayed.is_some() || self.peer.mailbox().len().0 == 0);
        match self.leaving.take_if(|(_, by)| answered || *by <= now) {
            Some((end, _)) => Err(end),
            None => Ok(()),
        }
    }

    fn beat(&mut self, now: Instant) -> Result<Instant, End> {
        if !self.may_read() {
            self.heartbeat.forgive(now);
        }
        match self.heartbeat.look(now) {
            Beat::Wait(until) => Ok(until),
            Beat::Lost => Err(End::lost(self.limits.pong_time)),
            Beat::Ping if self.output.has_room() => {
                ws::write_ping(self.output.frames(), b"");
                Ok(self.heartbeat.asked(now))
            }
            Beat::Ping => Ok(now + LOOK),
        }
    }

    /// While the other side takes nothing: whether it has been so for too long, or its mailbox was given up.
    fn watch(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        let Some(since) = self.output.blocked() else {
            return Ok(None);
        };
        let by = since + self.limits.write_time;
        if by <= now {
            return Err(End::stuck(self.limits.write_time));
        }
        if let Some(code) = self.given_up(now) {
            return Err(End::Dropped {
                code,
                why: "it did not read what was sent".into(),
            });
        }
        Ok(Some(by.min(now + LOOK)))
    }

    /// The hub empties a mailbox that has overflowed and leaves a close in it, which weighs nothing.
    fn given_up(&mut self, now: Instant) -> Option<u16> {
        if self.peer.mailbox().len().1 > 0 {
            return None;
        }
        let mut taken = Vec::new();
        self.peer.mailbox().take(now, 1, &mut taken);
        let code = taken.iter().find_map(close_code);
        self.held.extend(taken);
        code
    }

    fn may_read(&self) -> bool {
        self.leaving.is_none() && !self.undecoded
    }

    /// Writes and reads what the socket takes and gives. Ready when something came of it.
    fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        looks: bool,
    ) -> Poll<Result<(), End>> {
        let mut news = false;
        if !self.output.is_empty() && self.output.resumes(now).is_none() {
            let blocked = self.output.blocked();
            match self.output.poll_write(cx, &mut self.stream, now) {
                Poll::Ready(Ok(())) => news = !looks || self.leaving.is_some(),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Gone)),
                // Until now nothing was armed for a peer that reads slowly, or that is written to slowly.
                Poll::Pending => {
                    news = self.output.blocked() != blocked || self.output.resumes(now).is_some();
                }
            }
        }
        if self.may_read()
            && let Poll::Ready(read) = input::poll_read(cx, &mut self.stream, &mut self.input)
        {
            self.undecoded = true;
            return Poll::Ready(read.map_err(|_| End::Gone));
        }
        if news {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// Neither reads nor writes; waits for the other side or the hub to end it.
    async fn stalled(&mut self, shutdown: &CancellationToken) -> End {
        self.output.flush_once(&mut self.stream).await;
        let why = || "it was stalled by a fault".to_owned();
        loop {
            select! {
                () = shutdown.cancelled() => return End::Dropped { code: End::GOING_AWAY, why: why() },
                () = tokio::time::sleep(LOOK) => {}
            }
            if self.stream.hung_up() {
                return End::Gone;
            }
            let mut taken = Vec::new();
            self.peer
                .mailbox()
                .take(Instant::now(), usize::MAX, &mut taken);
            if let Some(code) = taken.iter().find_map(close_code) {
                return End::Dropped { code, why: why() };
            }
        }
    }
}

/// The code of a message that ends the connection.
fn close_code(next: &Outgoing) -> Option<u16> {
    match next {
        Outgoing::Close { code, .. } => Some(*code),
        Outgoing::Abort => Some(End::NO_CLOSE),
        Outgoing::Message { .. } | Outgoing::Stall => None,
    }
}
