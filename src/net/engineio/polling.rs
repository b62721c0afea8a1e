//! Engine.IO by long-polling: a GET fetches packets or hangs until there are some, a POST brings packets.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use tokio::select;
use tokio::time::{sleep, timeout};

use super::super::answer::{Answer, HttpProblem};
use super::super::close::End;
use super::super::http::{Next, Visit};
use super::super::route;
use super::fetch::Fetched;
use super::packets::broken;
use super::session::{Session, SessionState, Transport};
use super::{TEXT, refusal, text, until};
use crate::hub::Limit;
use crate::wire::engineio::{self, RequestError};

/// Time by which a request may arrive before another one that was sent earlier.
const OVERTAKING: Duration = Duration::from_millis(50);

/// Lives while a GET or a POST of a session is being answered. Dropping it without an answer means that the client has
/// hung up, which ends the session.
struct RequestGuard<'s> {
    session: &'s Session,
    flag: fn(&mut SessionState) -> &mut bool,
    answered: bool,
}

impl<'s> RequestGuard<'s> {
    /// `None` while another such request is being answered.
    fn take(session: &'s Session, flag: fn(&mut SessionState) -> &mut bool) -> Option<Self> {
        let taken = std::mem::replace(flag(&mut session.state()), true);
        (!taken).then_some(RequestGuard {
            session,
            flag,
            answered: false,
        })
    }

    fn done(mut self) {
        self.answered = true;
    }
}

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        *(self.flag)(&mut self.session.state()) = false;
        if !self.answered {
            self.session.end(&End::Gone);
        }
    }
}

/// Answers with the packets that wait, or as soon as there are some.
pub(super) async fn poll(visit: &Visit, session: &Session) -> Answer {
    let Some(guard) = RequestGuard::take(session, |state| &mut state.hanging) else {
        session.end(&broken("found two GETs at once"));
        let mut answer = text(TEXT, "");
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        return answer;
    };
    let mut is_late = session.transport() != Transport::Polling;
    loop {
        let again = match session.fetch() {
            Fetched::Packets(body, time) => {
                select! {
                    () = sleep(time) => {}
                    () = session.over() => {}
                }
                guard.done();
                return text(TEXT, body);
            }
            Fetched::Reset => {
                guard.done();
                visit.leave(Next::Reset);
                return text(TEXT, "");
            }
            Fetched::Stalled => {
                session.over().await;
                continue;
            }
            Fetched::Move if is_late => {
                // The upgrade may have been sent before this GET was.
                select! {
                    () = sleep(OVERTAKING) => is_late = false,
                    () = session.wake.notified() => {}
                }
                continue;
            }
            Fetched::Moved if is_late => {
                guard.done();
                return refusal(RequestError::BadRequest);
            }
            Fetched::Move | Fetched::Moved => {
                guard.done();
                return text(TEXT, engineio::NOOP);
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

/// Handles the packets of a body.
pub(super) async fn post(
    visit: &Visit,
    session: &Session,
    request: &Parts,
    body: Incoming,
) -> Result<Answer, HttpProblem> {
    let Some(guard) = RequestGuard::take(session, |state| &mut state.posting) else {
        session.end(&broken("found two POSTs at once"));
        return Ok(refusal(RequestError::BadRequest));
    };
    if session.is_stalled() {
        session.over().await;
    }
    if is_binary(&request.headers) {
        session.end(&broken("found a binary body; payloads are text"));
    }
    let most = session.limits.message;
    let body = match route::body_of(body, visit, most, Limit::Message).await {
        Ok(body) => body,
        Err(problem) => {
            // A body that is too large is dropped; one that breaks off ends the session.
            if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
                guard.done();
            }
            return Err(problem);
        }
    };
    match session.receive_all(&body).await {
        Ok(()) => {
            guard.done();
            Ok(text("text/html", "ok"))
        }
        Err(end) => {
            let left = matches!(end, End::Client(_));
            if left && !session.state().hanging {
                // The GET that this close ends may have been sent earlier.
                sleep(OVERTAKING).await;
            }
            session.end(&end);
            guard.done();
            Ok(if left {
                text("text/html", "ok")
            } else {
                refusal(RequestError::BadRequest)
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
    /// Handles packets no faster than the client fetches the answers.
    async fn receive_all(&self, body: &[u8]) -> Result<(), End> {
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
        if self.is_pressed() {
            self.paused();
        }
        while self.is_pressed() {
            let time = self.limits.write_time;
            select! {
                waited = timeout(time, self.fetched.notified()) => {
                    if waited.is_err() && !self.state().hanging {
                        return Err(End::NotRead(time));
                    }
                }
                () = self.over() => return Ok(()),
            }
            self.forgive();
        }
        Ok(())
    }
}
