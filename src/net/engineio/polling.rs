//! Engine.IO by long-polling: a GET takes what waits or hangs until something does, a POST brings packets.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Request, StatusCode};
use tokio::select;
use tokio::time::{sleep, timeout};

use super::super::answer::{Answer, Problem};
use super::super::farewell::End;
use super::super::http::Visit;
use super::super::route;
use super::packets::broken;
use super::session::{Session, State, Transport};
use super::{TEXT, refusal, text, until};
use crate::hub::Outgoing;
use crate::wire::engineio::{self, Refusal};

/// Bytes of messages that one answer to a GET carries, about.
const BUDGET: usize = 1 << 20;

/// What a GET finds.
enum Fetched {
    /// An answer, and how long it takes on its way.
    Packets(Vec<u8>, Duration),
    /// The connection is to be torn down.
    Reset,
    /// No answer, ever.
    Stalled,
    /// Nothing yet; at this moment there may be.
    Nothing(Option<Instant>),
}

/// While a GET or a POST of a session is being answered. When it is dropped unanswered the client has hung up.
struct Turn<'s> {
    session: &'s Session,
    flag: fn(&mut State) -> &mut bool,
    answered: bool,
}

impl<'s> Turn<'s> {
    /// `None` when another has it.
    fn take(session: &'s Session, flag: fn(&mut State) -> &mut bool) -> Option<Self> {
        let taken = std::mem::replace(flag(&mut session.state()), true);
        (!taken).then_some(Turn {
            session,
            flag,
            answered: false,
        })
    }

    fn done(mut self) {
        self.answered = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *(self.flag)(&mut self.session.state()) = false;
        if !self.answered {
            self.session.end(&End::Gone);
        }
    }
}

/// Answers with what waits, or as soon as something does.
pub(super) async fn poll(visit: &Visit, session: &Session) -> Answer {
    let Some(turn) = Turn::take(session, |state| &mut state.hanging) else {
        session.end(&broken("found two GETs at once"));
        let mut answer = text(TEXT, "");
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        return answer;
    };
    loop {
        let again = match session.fetch() {
            Fetched::Packets(body, time) => {
                select! {
                    () = sleep(time) => {}
                    () = session.over() => {}
                }
                turn.done();
                return text(TEXT, body);
            }
            Fetched::Reset => {
                turn.done();
                visit.reset();
                return text(TEXT, "");
            }
            Fetched::Stalled => {
                session.over().await;
                continue;
            }
            Fetched::Nothing(again) => again,
        };
        select! {
            () = session.changed() => {}
            () = until(again) => {}
            () = session.over() => {}
        }
    }
}

/// Takes packets in.
pub(super) async fn post(
    visit: &Visit,
    session: &Session,
    request: Request<Incoming>,
) -> Result<Answer, Problem> {
    let Some(turn) = Turn::take(session, |state| &mut state.posting) else {
        session.end(&broken("found two POSTs at once"));
        return Ok(refusal(Refusal::BadRequest));
    };
    if session.is_stalled() {
        session.over().await;
    }
    if is_binary(request.headers()) {
        session.end(&broken("found a binary body; payloads are text"));
    }
    let most = session.limits.message;
    let body = match route::arrived(request.into_body(), visit, most, "message").await {
        Ok(body) => body,
        Err(problem) => {
            // One that is too large is left out; what breaks off ends the session.
            if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
                turn.done();
            }
            return Err(problem);
        }
    };
    let taken = session.take_in(&body).await;
    turn.done();
    match taken {
        Ok(()) => Ok(text("text/html", "ok")),
        Err(end) => {
            let left = matches!(end, End::Asked(_));
            session.end(&end);
            Ok(if left {
                text("text/html", "ok")
            } else {
                refusal(Refusal::BadRequest)
            })
        }
    }
}

fn is_binary(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/octet-stream"))
}

impl Session {
    /// Takes a payload's packets in, no faster than the client fetches the answers.
    async fn take_in(&self, body: &[u8]) -> Result<(), End> {
        let body =
            std::str::from_utf8(body).map_err(|_| broken("found a body that is not UTF-8"))?;
        for packet in engineio::payload(body) {
            if let Some(end) = self.ended() {
                return Err(end);
            }
            self.receive(&packet.map_err(broken)?)?;
            self.have_room().await?;
        }
        Ok(())
    }

    async fn have_room(&self) -> Result<(), End> {
        while self.is_pressed() {
            let time = self.limits.write_time;
            select! {
                waited = timeout(time, self.fetched.notified()) => {
                    if waited.is_err() && !self.state().hanging {
                        return Err(End::stuck(time));
                    }
                }
                () = self.over() => return Ok(()),
            }
            self.forgive();
        }
        Ok(())
    }

    /// What waits, about so many bytes of it.
    fn fetch(&self) -> Fetched {
        let mut state = self.state();
        let packet = |packet: &str| Fetched::Packets(packet.into(), Duration::ZERO);
        match &state.ended {
            Some(End::Aborted) => return Fetched::Reset,
            Some(End::Asked(_)) => return packet(engineio::NOOP),
            Some(_) => return packet(engineio::CLOSE),
            None => {}
        }
        if state.transport == Transport::WebSocket {
            // What woke this GET was meant for the WebSocket.
            self.wake.notify_one();
            return packet(engineio::NOOP);
        }
        if state.stalled {
            return Fetched::Stalled;
        }
        let mut payload = Payload::default();
        while let Some(own) = state.next_own() {
            payload.packets.push(own);
        }
        let mut end = state.held.take();
        let mut again = None;
        if let (None, Some(peer)) = (&end, &state.peer) {
            let mut taken = Vec::new();
            again = peer.mailbox().take(Instant::now(), BUDGET, &mut taken);
            end = payload.add(taken);
        }
        self.fetched.notify_one();
        match end {
            Some(fault @ (End::Aborted | End::Stalled)) if !payload.packets.is_empty() => {
                state.held = Some(fault);
            }
            Some(End::Stalled) => {
                state.stalled = true;
                return Fetched::Stalled;
            }
            Some(end) => {
                drop(state);
                let is_reset = matches!(end, End::Aborted);
                self.end(&end);
                if is_reset {
                    return Fetched::Reset;
                }
                payload
                    .packets
                    .push(Bytes::from_static(engineio::CLOSE.as_bytes()));
            }
            None if !payload.packets.is_empty() => {}
            None if state.transport == Transport::Moving => return packet(engineio::NOOP),
            None => return Fetched::Nothing(again),
        }
        Fetched::Packets(engineio::join(payload.packets), payload.time)
    }
}

/// What one answer carries.
#[derive(Default)]
struct Payload {
    packets: Vec<Bytes>,
    /// How long the slow ones among them take.
    time: Duration,
}

impl Payload {
    /// Adds messages; answers what ends the session behind them. Nothing comes after that in a mailbox.
    fn add(&mut self, taken: Vec<Outgoing>) -> Option<End> {
        for next in taken {
            match next {
                Outgoing::Message { payload, rate, .. } => {
                    if let Some(rate) = rate {
                        self.time +=
                            Duration::from_millis(payload.len() as u64 * 1000 / rate.max(1));
                    }
                    self.packets.push(payload);
                }
                Outgoing::Close { code, reason } => return Some(End::Told { code, reason }),
                Outgoing::Abort => return Some(End::Aborted),
                Outgoing::Stall => return Some(End::Stalled),
            }
        }
        None
    }
}
