//! The loop of every WebSocket: one task, and one writer at a time.
//!
//! While the task sleeps, threads that push to the peer write in its place (`sleeping`). Invariant: the loop moves bytes
//! and keeps time; the party says what messages mean. Memory is bounded: reading pauses while answers pile up, and an
//! idle connection holds no buffer.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::select;
use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::TURN;
use super::close::{End, Farewell};
use super::engineio::SessionSocket;
use super::input;
use super::party::Party;
use super::send_queue::{self, SendQueue};
use super::sleeping::SharedConnection;
use super::stream::{self, Stream};
use crate::base::Limits;
use crate::hub::{Inbound, Mailbox};
use crate::wire::ws::{Codec, Opcode, Received};

/// Interval at which a client that takes nothing is checked: its mailbox may have overflowed, or it may have gone.
const CHECK: Duration = Duration::from_secs(1);

/// Stands for "nothing is due".
const NEVER: Duration = Duration::from_hours(365 * 24);

pub(super) struct Connection {
    stream: Stream,
    codec: Codec,
    inbox: Inbox,
    queue: SendQueue,
    party: Party,
    /// The party's. An Engine.IO session has one while its client is in the namespace.
    mailbox: Option<Arc<Mailbox>>,
    close_time: Duration,
    write_time: Duration,
    /// Reading waits until the client has read its answers.
    paused: bool,
    /// Found while another thread wrote in the task's place.
    over: Option<End>,
}

/// Bytes from the client.
struct Inbox {
    /// Without memory when it is empty.
    bytes: BytesMut,
    /// `bytes` may hold whole messages: they have just come, or reading has paused.
    undecoded: bool,
    ponged: bool,
    /// The client has closed or has broken the protocol. Its answers go out until this time at most.
    leaving: Option<(End, Instant)>,
}

/// Talks until the connection is over. `None` cannot happen: nothing else takes the connection.
pub(super) async fn talk(
    connection: Connection,
    shutdown: &CancellationToken,
) -> Option<(Connection, End)> {
    let mut shared = SharedConnection::new(connection);
    let mut stop = pin!(shutdown.cancelled());
    let mut armed = Instant::now() + NEVER;
    let mut alarm = pin!(sleep_until(armed.into()));
    let end = loop {
        // A client that never pauses must not delay the shutdown.
        if shutdown.is_cancelled() {
            break End::shutdown();
        }
        let now = Instant::now();
        match shared.with(|connection| connection.work(now))? {
            Ok(None) => {
                yield_now().await;
                continue;
            }
            // A timer that fires early costs one look. Moving it for each message costs more.
            Ok(Some(due)) if due < armed => {
                armed = due;
                alarm.as_mut().reset(armed.into());
            }
            Ok(Some(_)) => {}
            Err(end) => break end,
        }
        let found = poll_fn(|cx| {
            shared.poll(cx, |connection, cx| {
                if let Poll::Ready(moved) = connection.poll_move(cx, now) {
                    return Poll::Ready(moved);
                }
                if alarm.as_mut().poll(cx).is_ready() {
                    armed = now + NEVER;
                    return Poll::Ready(Ok(()));
                }
                if stop.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(()));
                }
                match connection.party.session() {
                    Some(socket) => socket.poll_changed(cx, connection.has_room()).map(Ok),
                    None => Poll::Pending,
                }
            })
        });
        if let Err(end) = found.await {
            break end;
        }
    };
    // From here on pushes only fill the mailbox.
    let connection = shared.take()?;
    if matches!(end, End::Stalled) {
        return Some(Box::pin(connection.stall(shutdown)).await);
    }
    Some((connection, end))
}

impl Connection {
    /// `arrived` came with the handshake.
    pub(super) fn new(stream: Stream, arrived: BytesMut, party: Party, limits: &Limits) -> Self {
        let refusal = party.session().and_then(SessionSocket::refusal);
        let leaving = refusal.map(|end| (end, Instant::now()));
        Self {
            stream,
            codec: Codec::new(limits.frame, limits.message),
            inbox: Inbox {
                undecoded: !arrived.is_empty(),
                bytes: arrived,
                ponged: false,
                leaving,
            },
            queue: SendQueue::default(),
            mailbox: party.mailbox(),
            party,
            close_time: limits.close_time,
            write_time: limits.write_time,
            paused: false,
            over: None,
        }
    }

    /// The party, and the rest that closes the connection.
    pub(super) fn part(self) -> (Party, Farewell) {
        let farewell = Farewell {
            stream: self.stream,
            codec: self.codec,
            input: self.inbox.bytes,
            buffer: self.queue.buffer,
        };
        (self.party, farewell)
    }

    /// Does everything that needs no waiting. Returns the time of the next event, or `None` when there is more to do at
    /// once and other tasks should get their turn.
    fn work(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        let session = self.party.session();
        let ended = session.and_then(|socket| socket.session.ended());
        if let Some(end) = self.over.take().or(ended) {
            return Err(end);
        }
        let delayed = loop {
            if self.inbox.is_decoding() {
                self.decode(now);
            }
            let delayed = self.fill(now)?;
            if !self.has_more() || now.elapsed() > TURN {
                break delayed;
            }
        };
        let paused = self.inbox.is_decoding() && self.is_pressed();
        if paused && !self.paused {
            self.party.paused();
        }
        self.paused = paused;
        self.leave(now, delayed)?;
        let due = [
            self.beat(now)?,
            delayed,
            self.queue.buffer.resumes(now),
            self.watch(now)?,
            self.inbox.leaving.as_ref().map(|(_, by)| *by),
        ];
        if self.has_more() {
            // What is ready goes out before the turn of others. The socket's waker is set by the next wait.
            let mut cx = Context::from_waker(Waker::noop());
            return match self.queue.poll_write(&mut cx, &mut self.stream, now) {
                Poll::Ready(Err(end)) => Err(end),
                _ => Ok(None),
            };
        }
        Ok(Some(due.into_iter().flatten().min().unwrap_or(now + NEVER)))
    }

    fn has_more(&self) -> bool {
        self.inbox.is_decoding() && !self.is_pressed()
    }

    /// The client has to read answers before more of its messages are read.
    fn is_pressed(&self) -> bool {
        is_pressed(self.mailbox.as_ref())
    }

    fn may_read(&self) -> bool {
        self.inbox.leaving.is_none() && !self.inbox.undecoded
    }

    /// Hands on whole messages, as long as there is room for the answers.
    fn decode(&mut self, now: Instant) {
        let by = now + self.close_time;
        let (inbox, codec, queue) = (&mut self.inbox, &mut self.codec, &mut self.queue);
        match &mut self.party {
            Party::Peer { peer, pings } => {
                // Messages that came together run under one lock of the world.
                peer.receive_all(|| {
                    while inbox.is_decoding()
                        && !peer.mailbox().is_half_full()
                        && now.elapsed() <= TURN
                    {
                        let message = inbox.next(codec, queue, by, || peer.muted());
                        if message.is_some() {
                            return message;
                        }
                    }
                    None
                });
                if std::mem::take(&mut inbox.ponged) {
                    pings.ponged();
                }
            }
            Party::Session(socket) => {
                while inbox.is_decoding()
                    && !is_pressed(self.mailbox.as_ref())
                    && now.elapsed() <= TURN
                {
                    let Some(message) = inbox.next(codec, queue, by, || false) else {
                        continue;
                    };
                    match socket.receive(message) {
                        Ok(None) => {}
                        Ok(Some(reply)) => {
                            let frames = queue.buffer.frames();
                            codec.writer.message(frames, Opcode::Text, reply.as_bytes());
                        }
                        Err(end) => inbox.leaving = Some((end, by)),
                    }
                    // The message may have joined or left the namespace.
                    self.mailbox = socket.mailbox();
                }
            }
        }
        // An idle connection holds no buffer.
        if !inbox.undecoded && inbox.bytes.is_empty() {
            inbox.bytes = BytesMut::new();
        }
    }

    /// Moves what is queued to the write buffer. Returns the time at which a delayed message is ready.
    fn fill(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        if let Some(socket) = self.party.session() {
            socket.fill(&mut self.queue, self.codec.writer)?;
        }
        let mailbox = self.mailbox.as_deref();
        self.queue.fill(self.codec.writer, mailbox, now)
    }

    /// Ends the connection once everything that the client had asked for was answered.
    fn leave(&mut self, now: Instant, delayed: Option<Instant>) -> Result<(), End> {
        let is_empty = |mailbox: &Arc<Mailbox>| mailbox.len().0 == 0;
        // A delayed message is not waited for: the fault `latency` may exceed the close time.
        let answered = self.queue.has_room()
            && (delayed.is_some() || self.mailbox.as_ref().is_none_or(is_empty));
        let leaving = &mut self.inbox.leaving;
        match leaving.take_if(|(_, by)| answered || *by <= now) {
            Some((end, _)) => Err(end),
            None => Ok(()),
        }
    }

    fn beat(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        let unread = !self.may_read();
        let buffer = &mut self.queue.buffer;
        self.party.beat(now, unread, buffer, self.codec.writer)
    }

    /// Gives up a client that has taken nothing for the write time, or whose mailbox has overflowed.
    fn watch(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        let Some(since) = self.queue.buffer.blocked() else {
            return Ok(None);
        };
        let by = since + self.write_time;
        if by <= now {
            return Err(End::NotRead(self.write_time));
        }
        if let Some(mailbox) = &self.mailbox
            && let Some(code) = self.queue.overflowed(mailbox, now)
        {
            let why = "it did not read what was sent".into();
            return Err(End::Dropped { code, why });
        }
        Ok(Some(by.min(now + CHECK)))
    }

    /// Writes and reads what the socket allows. Ready when there is something to do.
    fn poll_move(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), End>> {
        let written = self.queue.poll_write(cx, &mut self.stream, now);
        if let Poll::Ready(Err(_)) = written {
            return written;
        }
        if self.may_read()
            && let Poll::Ready(read) = input::poll_read(cx, &mut self.stream, &mut self.inbox.bytes)
        {
            self.inbox.undecoded = true;
            return Poll::Ready(read.map_err(|_| End::Gone));
        }
        written
    }

    pub(super) fn mailbox(&self) -> Option<&Arc<Mailbox>> {
        self.mailbox.as_ref()
    }

    /// Nothing is on its way, in or out.
    pub(super) fn is_idle(&self) -> bool {
        self.may_read() && self.queue.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Writes what is queued in the place of the sleeping task. Returns whether nothing is left to do.
    pub(super) fn deliver(&mut self, waker: &Waker) -> bool {
        let now = Instant::now();
        let filled = self.fill(now);
        let mut cx = Context::from_waker(waker);
        let written = self.queue.poll_write(&mut cx, &mut self.stream, now);
        match (filled, written) {
            (Err(end), _) | (_, Poll::Ready(Err(end))) => {
                self.over = Some(end);
                false
            }
            (Ok(delayed), _) => delayed.is_none() && self.queue.is_empty(),
        }
    }

    /// Neither reads nor writes until the client or the hub ends the connection.
    async fn stall(mut self, shutdown: &CancellationToken) -> (Self, End) {
        if let Some(socket) = self.party.session() {
            socket.session.state().stalled = true;
        }
        // Messages before the fault still go out.
        self.queue.buffer.flush_once(&mut self.stream).await;
        let dropped = |code| End::Dropped {
            code,
            why: "it was stalled by a fault".into(),
        };
        let end = loop {
            select! {
                () = shutdown.cancelled() => break dropped(End::GOING_AWAY),
                () = self.party.over() => break dropped(End::NO_CLOSE),
                () = sleep(CHECK) => {}
            }
            if stream::hung_up(&self.stream) {
                break End::Gone;
            }
            if let Some(mailbox) = &self.mailbox
                && let Some(code) = send_queue::discard(mailbox, Instant::now())
            {
                break dropped(code);
            }
        };
        (self, end)
    }
}

fn is_pressed(mailbox: Option<&Arc<Mailbox>>) -> bool {
    mailbox.is_some_and(|mailbox| mailbox.is_half_full())
}

impl Inbox {
    fn is_decoding(&self) -> bool {
        self.undecoded && self.leaving.is_none()
    }

    /// Decodes one message or control frame. Only messages are returned.
    fn next(
        &mut self,
        codec: &mut Codec,
        queue: &mut SendQueue,
        by: Instant,
        muted: impl FnOnce() -> bool,
    ) -> Option<Inbound> {
        match codec.reader.next(&mut self.bytes) {
            Ok(Some(Received::Text(text))) => return Some(Inbound::Text(text)),
            Ok(Some(Received::Binary(bytes))) => return Some(Inbound::Binary(bytes)),
            Ok(Some(Received::Ping(_))) if muted() => {}
            Ok(Some(Received::Ping(payload))) => queue.pong(codec.writer, &payload),
            Ok(Some(Received::Pong(_))) => self.ponged = true,
            Ok(Some(Received::Close(said))) => self.leaving = Some((End::Client(said), by)),
            Ok(None) => self.undecoded = false,
            Err(violation) => self.leaving = Some((End::Violation(violation), by)),
        }
        None
    }
}
