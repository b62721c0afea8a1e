//! Engine.IO over a WebSocket: from the start, or after the client has tried it beside its polling.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::select;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::close::{self, End};
use super::super::peer::{close_time, unanswered};
use super::super::send_queue::{self, Outbox};
use super::super::stream::Stream;
use super::super::{Net, TURN, input};
use super::packets::broken;
use super::session::Session;
use super::until;
use super::upgrade::{Part, Way};
use crate::base::Limits;
use crate::wire::engineio::{self, Packet};
use crate::wire::ws::{self, Input, Opcode, Reader};

/// How often a client that takes nothing is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Talks until one side ends it.
pub(in super::super) async fn talk(
    stream: Stream,
    arrived: BytesMut,
    way: Way,
    net: &Net,
    limits: Limits,
) {
    let session = way.session.clone();
    let mut socket = Socket {
        stream,
        reader: Reader::new(limits.frame, limits.message),
        undecoded: !arrived.is_empty(),
        input: arrived,
        outbox: Outbox::default(),
        upgrade_by: (way.part == Part::Tried).then(|| Instant::now() + limits.head_time),
        way,
        session: session.clone(),
        limits,
        paused: false,
    };
    let end = socket.run(&net.shutdown).await;
    let who = session.who();
    if socket.way.part == Part::Only {
        session.end(&end);
    } else if let Some(limit) = end.limit() {
        net.hub.reached(limit, who, &end);
    }
    drop(socket.way);
    let left = close::Left {
        stream: socket.stream,
        reader: socket.reader,
        input: socket.input,
        output: socket.outbox.output,
    };
    let time = close_time(net, limits);
    let said = Box::pin(close::say(end, left, time)).await;
    if said.is_err() {
        unanswered(net, who, time);
    }
}

struct Socket {
    stream: Stream,
    reader: Reader,
    /// Arrived, not understood yet; without memory when there is nothing.
    input: BytesMut,
    /// Whether `input` may hold whole messages.
    undecoded: bool,
    outbox: Outbox,
    way: Way,
    session: Arc<Session>,
    limits: Limits,
    upgrade_by: Option<Instant>,
    /// Whether reading waits for answers to be fetched.
    paused: bool,
}

impl Socket {
    async fn run(&mut self, shutdown: &CancellationToken) -> End {
        let session = self.session.clone();
        if self.way.part == Part::Spare {
            return End::Told {
                code: 1000,
                reason: "the session has a WebSocket".to_owned(),
            };
        }
        let mut stop = pin!(shutdown.cancelled());
        let mut over = pin!(session.over());
        loop {
            if shutdown.is_cancelled() {
                return End::shutdown();
            }
            if let Some(end) = session.ended() {
                return end;
            }
            let now = Instant::now();
            let due = match self.work(now) {
                Ok(due) => due,
                Err(End::Stalled) => return self.stalled(shutdown).await,
                Err(end) => return end,
            };
            if self.has_had_its_turn() {
                if let Err(end) = self.outbox.give_way(&mut self.stream, now).await {
                    return end;
                }
                continue;
            }
            let takes = self.way.part == Part::Only && self.outbox.has_room();
            select! {
                biased;
                moved = std::future::poll_fn(|cx| self.poll_move(cx, now)) => match moved {
                    Ok(()) => {}
                    Err(end) => return end,
                },
                () = session.changed(), if takes => {}
                () = until(due) => {}
                () = over.as_mut() => {}
                () = stop.as_mut() => {}
            }
        }
    }

    /// Everything that needs no waiting; answers when to look again.
    fn work(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        let delayed = loop {
            let read = self.decode(now);
            let delayed = match self.way.part {
                Part::Only => self.fill(now)?,
                Part::Tried | Part::Spare => None,
            };
            read?;
            if !self.undecoded || self.session.is_pressed() || now.elapsed() > TURN {
                break delayed;
            }
        };
        if self.undecoded {
            self.session.forgive();
        }
        let paused = self.undecoded && self.session.is_pressed();
        if paused && !self.paused {
            self.session.paused();
        }
        self.paused = paused;
        if self.upgrade_by.is_some_and(|by| by <= now) {
            return Err(End::Told {
                code: 1000,
                reason: "no upgrade came in time".to_owned(),
            });
        }
        let due = [
            delayed,
            self.outbox.output.resumes(now),
            self.watch(now)?,
            self.upgrade_by,
        ];
        Ok(due.into_iter().flatten().min())
    }

    /// There is more to do at once, but others wait.
    fn has_had_its_turn(&self) -> bool {
        self.undecoded && !self.session.is_pressed()
    }

    /// Hands on every whole message, as long as there is room for the answers.
    fn decode(&mut self, now: Instant) -> Result<(), End> {
        while self.undecoded && !self.session.is_pressed() && now.elapsed() <= TURN {
            match self.reader.next(&mut self.input) {
                Ok(Some(Input::Text(text))) => {
                    self.packet(&Packet::decode(&text).map_err(broken)?)?;
                }
                Ok(Some(Input::Binary(_))) => self.session.swallow()?,
                Ok(Some(Input::Ping(payload))) => self.outbox.pong(&payload),
                Ok(Some(Input::Pong(_))) => {}
                Ok(Some(Input::Close(said))) => return Err(End::Asked(said)),
                Ok(None) => {
                    self.undecoded = false;
                    if self.input.is_empty() {
                        self.input = BytesMut::new();
                    }
                }
                Err(violation) => return Err(End::Broken(violation)),
            }
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Packet<'_>) -> Result<(), End> {
        if self.way.part == Part::Only {
            return self.session.receive(packet);
        }
        match packet {
            Packet::Ping(engineio::PROBE) => {
                let frames = self.outbox.output.frames();
                ws::write_message(frames, Opcode::Text, engineio::PONG_PROBE.as_bytes());
                self.session.probed();
                Ok(())
            }
            Packet::Upgrade => {
                self.way.part = Part::Only;
                self.upgrade_by = None;
                self.session.upgraded();
                Ok(())
            }
            _ => Err(broken("found neither a probe nor an upgrade")),
        }
    }

    /// Moves what waits to the output: the session's own packets, then the peer's messages.
    fn fill(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        while self.outbox.has_room()
            && let Some(own) = self.session.next_own()
        {
            ws::write_message(self.outbox.output.frames(), Opcode::Text, &own);
        }
        {
            let mut state = self.session.state();
            if let Some(fault) = state.held.take() {
                return Err(fault);
            }
            if state.stalled {
                return Err(End::Stalled);
            }
        }
        match self.session.mailbox() {
            Some(mailbox) => self.outbox.fill(&mailbox, now),
            None => Ok(None),
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
        if let Some(mailbox) = self.session.mailbox()
            && let Some(code) = self.outbox.given_up(&mailbox, now)
        {
            let why = "it did not read what was sent".into();
            return Err(End::Dropped { code, why });
        }
        Ok(Some(by.min(now + LOOK)))
    }

    /// Writes and reads what the socket takes and gives. Ready when there is something to do.
    fn poll_move(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), End>> {
        let written = self.outbox.poll_write(cx, &mut self.stream, now);
        if let Poll::Ready(Err(_)) = written {
            return written;
        }
        if !self.undecoded
            && let Poll::Ready(read) = input::poll_read(cx, &mut self.stream, &mut self.input)
        {
            self.undecoded = true;
            return Poll::Ready(read.map_err(|_| End::Gone));
        }
        written
    }

    /// Neither reads nor writes; waits for the other side or the hub to end it.
    async fn stalled(&mut self, shutdown: &CancellationToken) -> End {
        self.session.state().stalled = true;
        self.outbox.output.flush_once(&mut self.stream).await;
        let dropped = |code| End::Dropped {
            code,
            why: "it was stalled by a fault".into(),
        };
        loop {
            select! {
                () = shutdown.cancelled() => return dropped(End::GOING_AWAY),
                () = self.session.over() => return dropped(End::NO_CLOSE),
                () = sleep(LOOK) => {}
            }
            if self.stream.hung_up() {
                return End::Gone;
            }
            if let Some(mailbox) = self.session.mailbox()
                && let Some(code) = send_queue::discard(&mailbox, Instant::now())
            {
                return dropped(code);
            }
        }
    }
}
