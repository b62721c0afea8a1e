//! Engine.IO by long-polling: a GET fetches packets or hangs until there are some, a POST brings packets.

use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use tokio::select;
use tokio::time::{sleep, timeout};

use super::super::answer::{self, Answer, HttpProblem};
use super::super::close::End;
use super::super::http::{HttpConnection, Next};
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
pub(super) async fn poll(http: &HttpConnection, session: &Session) -> Answer {
    let Some(guard) = RequestGuard::take(session, |state| &mut state.hanging) else {
        session.end(&broken("found two GETs at once"));
        return answer::typed(StatusCode::BAD_REQUEST, TEXT, "");
    };
    let answer = wait_for_packets(http, session).await;
    guard.done();
    answer
}

async fn wait_for_packets(http: &HttpConnection, session: &Session) -> Answer {
    // A GET that comes during an upgrade may have been sent before it.
    let upgrades = session.transport() != Transport::Polling;
    let upgrade_by = upgrades.then(|| Instant::now() + OVERTAKING);
    loop {
        let again = match session.fetch(upgrade_by) {
            Fetched::Packets(body, time) => {
                select! {
                    () = sleep(time) => {}
                    () = session.over() => {}
                }
                return text(TEXT, body);
            }
            Fetched::Reset => {
                http.leave(Next::Reset);
                return text(TEXT, "");
            }
            Fetched::Upgraded => return refusal(RequestError::BadRequest),
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
    http: &HttpConnection,
    session: &Session,
    request: &Parts,
    body: Incoming,
) -> Result<Answer, HttpProblem> {
    let Some(guard) = RequestGuard::take(session, |state| &mut state.posting) else {
        session.end(&broken("found two POSTs at once"));
        return Ok(refusal(RequestError::BadRequest));
    };
    // A stalled session answers nothing.
    if session.is_stalled() {
        session.over().await;
    }
    if is_binary(&request.headers) {
        session.end(&broken("found a binary body; payloads are text"));
    }
    let most = session.limits.message;
    let body = match route::body_of(body, http, most, Limit::Message).await {
        Ok(body) => body,
        Err(problem) => {
            // A body that is too large is dropped; one that breaks off ends the session.
            if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
                guard.done();
            }
            return Err(problem);
        }
    };
    let received = session.receive_all(&body).await;
    let is_good = matches!(received, Ok(()) | Err(End::Client(_)));
    if let Err(end) = received {
        if is_good && !session.state().hanging {
            // The GET that this close ends may have been sent earlier.
            sleep(OVERTAKING).await;
        }
        session.end(&end);
    }
    guard.done();
    Ok(if is_good {
        text("text/html", "ok")
    } else {
        refusal(RequestError::BadRequest)
    })
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
                    // A client that polls reads, only slowly.
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
