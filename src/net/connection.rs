//! One peer's WebSocket: one task, and one writer at a time.
//!
//! While the task waits the connection is lent to its mailbox, and whoever puts something in has it written (`rest`).
//!
//! Invariant: it only moves bytes and keeps time. What a message means is the hub's; how a connection ends is in
//! `farewell`. Memory is bounded: it stops reading when answers pile up, and an idle peer holds no buffer.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::select;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::TURN;
use super::close::{self, End};
use super::heartbeat::{Beat, Heartbeat};
use super::input;
use super::send_queue::{self, Outbox};
use super::sleeping::Rest;
use super::stream::Stream;
use crate::base::Limits;
use crate::hub::{Inbound, Outlet, Peer};
use crate::wire::ws::{self, Input, Reader};

/// How often a peer that takes nothing is looked at: its mailbox may have been given up, or it may have gone.
const LOOK: Duration = Duration::from_secs(1);

/// When nothing is due.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// One peer while it talks.
pub(super) struct Connection {
    stream: Stream,
    reader: Reader,
    /// Arrived, not understood yet; without memory when there is nothing.
    input: BytesMut,
    outbox: Outbox,
    peer: Peer,
    limits: Limits,
    heartbeat: Heartbeat,
    /// Whether `input` may hold whole messages, because they have just come or because reading has paused.
    undecoded: bool,
    /// Whether reading waits for answers to be read.
    paused: bool,
    /// The client has closed, or cannot be understood any more. Its answers go out until this moment at most.
    leaving: Option<(End, Instant)>,
    /// Found while it was lent.
    over: Option<End>,
}

impl Connection {
    /// A connection that was just opened; `arrived` came with the handshake.
    pub(super) fn new(stream: Stream, arrived: BytesMut, peer: Peer, limits: Limits) -> Self {
        Self {
            stream,
            reader: Reader::new(limits.frame, limits.message),
            undecoded: !arrived.is_empty(),
            paused: false,
            input: arrived,
            outbox: Outbox::default(),
            peer,
            heartbeat: Heartbeat::new(limits.ping_every, limits.pong_time, Instant::now()),
            limits,
            leaving: None,
            over: None,
        }
    }

    /// Talks until it is over.
    pub(super) async fn talk(
        mut self: Box<Self>,
        shutdown: &CancellationToken,
    ) -> (Box<Self>, End) {
        let mailbox = self.peer.mailbox().clone();
        let mut stop = pin!(shutdown.cancelled());
        let mut armed = Instant::now() + NEVER;
        let mut alarm = pin!(sleep_until(armed.into()));
        loop {
            // A client that never pauses must not keep this from being looked at.
            if shutdown.is_cancelled() {
                return (self, End::shutdown());
            }
            let now = Instant::now();
            let due = match self.work(now) {
                Ok(due) => due,
                Err(End::Stalled) => {
                    let end = self.stalled(shutdown).await;
                    return (self, end);
                }
                Err(end) => return (self, end),
            };
            if due < armed {
                armed = due;
                alarm.as_mut().reset(armed.into());
            }
            if self.has_had_its_turn() {
                if let Err(end) = self.outbox.give_way(&mut self.stream, now).await {
                    return (self, end);
                }
                continue;
            }
            let mut rest = Rest::new(&mailbox, self);
            let found;
            (self, found) = poll_fn(|cx| {
                rest.poll(cx, |connection, cx| {
                    if let Poll::Ready(moved) = connection.poll_move(cx, now) {
                        return Poll::Ready(moved);
                    }
                    if alarm.as_mut().poll(cx).is_ready() {
                        armed = now + NEVER;
                        return Poll::Ready(Ok(()));
                    }
                    stop.as_mut().poll(cx).map(Ok)
                })
            })
            .await;
            if let Err(end) = found {
                return (self, end);
            }
        }
    }

    /// Ends the peer's stay with the hub, then parts from the client.
    pub(super) async fn part(
        self: Box<Self>,
        end: End,
        close_time: Duration,
    ) -> Result<(), Elapsed> {
        self.peer.closed(end.code());
        drop(self.peer);
        let left = close::Left {
            stream: self.stream,
            reader: self.reader,
            input: self.input,
            output: self.outbox.output,
        };
        close::say(end, left, close_time).await
    }

    /// Everything that needs no waiting; answers when to look again.
    fn work(&mut self, now: Instant) -> Result<Instant, End> {
        if let Some(end) = self.over.take() {
            return Err(end);
        }
        let delayed = loop {
            if self.is_decoding() {
                self.decode(now);
            }
            let delayed = self.outbox.fill(self.peer.mailbox(), now)?;
            if !self.is_decoding() || self.is_pressed() || now.elapsed() > TURN {
                break delayed;
            }
        };
        let paused = self.is_decoding() && self.is_pressed();
        if paused && !self.paused {
            self.peer.paused();
        }
        self.paused = paused;
        self.leave(now, delayed)?;
        let due = [
            Some(self.beat(now)?),
            delayed,
            self.outbox.output.resumes(now),
            self.watch(now)?,
            self.leaving.as_ref().map(|(_, by)| *by),
        ];
        Ok(due.into_iter().flatten().min().unwrap_or(now + NEVER))
    }

    /// Whether nothing is on its way, in or out.
    pub(super) fn is_idle(&self) -> bool {
        self.may_read() && self.outbox.is_empty()
    }

    /// Whether it takes from its mailbox.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// There is more to do at once, but others wait.
    fn has_had_its_turn(&self) -> bool {
        self.is_decoding() && !self.is_pressed()
    }

    fn is_decoding(&self) -> bool {
        self.undecoded && self.leaving.is_none()
    }

    /// Answers in the mailbox have come to half its bounds: what else the client asks has to wait.
    fn is_pressed(&self) -> bool {
        self.peer.mailbox().is_half_full()
    }

    /// Hands on every whole message, as long as there is room for the answers.
    fn decode(&mut self, now: Instant) {
        let by = now + self.limits.close_time;
        self.peer.receive_all(|| {
            while self.undecoded
                && self.leaving.is_none()
                && !self.peer.mailbox().is_half_full()
                && now.elapsed() <= TURN
            {
                match self.reader.next(&mut self.input) {
                    Ok(Some(Input::Text(text))) => return Some(Inbound::Text(text)),
                    Ok(Some(Input::Binary(bytes))) => return Some(Inbound::Binary(bytes)),
                    Ok(Some(Input::Ping(_))) if self.peer.muted() => {}
                    Ok(Some(Input::Ping(payload))) => self.outbox.pong(&payload),
                    Ok(Some(Input::Pong(_))) => self.heartbeat.heard(),
                    Ok(Some(Input::Close(said))) => self.leaving = Some((End::Asked(said), by)),
                    Ok(None) => self.undecoded = false,
                    Err(violation) => self.leaving = Some((End::Broken(violation), by)),
                }
            }
            None
        });
        if !self.undecoded && self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Ends it once what the client had asked for before has been answered.
    fn leave(&mut self, now: Instant, delayed: Option<Instant>) -> Result<(), End> {
        let answered =
            self.outbox.has_room() && (delayed.is_some() || self.peer.mailbox().len().0 == 0);
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
            Beat::Lost => Err(End::Lost(self.limits.pong_time)),
            Beat::Ping if self.outbox.output.has_room() => {
                ws::write_ping(self.outbox.output.frames(), b"");
                Ok(self.heartbeat.asked(now))
            }
            Beat::Ping => Ok(now + LOOK),
        }
    }

    /// While the other side takes nothing: whether it has been so for too long, or its mailbox was given up.
    fn watch(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        let Some(since) = self.outbox.output.blocked() else {
            return Ok(None);
        };
        let by = since + self.limits.write_time;
        if by <= now {
            return Err(End::Stuck(self.limits.write_time));
        }
        if let Some(code) = self.outbox.given_up(self.peer.mailbox(), now) {
            let why = "it did not read what was sent".into();
            return Err(End::Dropped { code, why });
        }
        Ok(Some(by.min(now + LOOK)))
    }

    fn may_read(&self) -> bool {
        self.leaving.is_none() && !self.undecoded
    }

    /// Writes and reads what the socket takes and gives. Ready when there is something to do.
    fn poll_move(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), End>> {
        let written = self.outbox.poll_write(cx, &mut self.stream, now);
        if let Poll::Ready(Err(_)) = written {
            return written;
        }
        if self.may_read()
            && let Poll::Ready(read) = input::poll_read(cx, &mut self.stream, &mut self.input)
        {
            self.undecoded = true;
            return Poll::Ready(read.map_err(|_| End::Gone));
        }
        written
    }

    /// Neither reads nor writes; waits for the other side or the hub to end it.
    async fn stalled(&mut self, shutdown: &CancellationToken) -> End {
        self.outbox.output.flush_once(&mut self.stream).await;
        let dropped = |code| End::Dropped {
            code,
            why: "it was stalled by a fault".into(),
        };
        loop {
            select! {
                () = shutdown.cancelled() => return dropped(End::GOING_AWAY),
                () = sleep(LOOK) => {}
            }
            if self.stream.hung_up() {
                return End::Gone;
            }
            if let Some(code) = send_queue::discard(self.peer.mailbox(), Instant::now()) {
                return dropped(code);
            }
        }
    }
}

impl Outlet for Connection {
    fn deliver(&mut self, waker: &Waker) -> bool {
        let now = Instant::now();
        let filled = self.outbox.fill(self.peer.mailbox(), now);
        let mut cx = Context::from_waker(waker);
        let written = self.outbox.poll_write(&mut cx, &mut self.stream, now);
        match (filled, written) {
            (Err(end), _) | (_, Poll::Ready(Err(end))) => {
                self.over = Some(end);
                false
            }
            (Ok(delayed), _) => delayed.is_none() && self.outbox.is_empty(),
        }
    }
}
