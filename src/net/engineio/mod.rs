//! Where a scenario that speaks Socket.IO has its path routed: Engine.IO's polling, and its upgrade to a WebSocket.
//!
//! A session is what lives across requests; a polling client is a mailbox drained by its GETs, so that rooms,
//! limits, faults and the journal hold for it as for any other.

mod session;
mod socket;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::select;

use super::answer::{self, Answer, Problem};
use super::http::{Next, Visit};
use super::{cors, handshake, route};
use crate::hub::{self, Admission, Handshake};
use crate::wire::engineio::{self, Refusal};

pub(super) use session::Session;
pub use session::Sessions;
pub(super) use socket::talk;

/// Bytes of messages that one answer to a GET carries, about.
const ANSWER: usize = 1 << 20;

const TEXT: &str = "text/plain; charset=UTF-8";

/// What a request asks of Engine.IO.
struct Asked {
    transport: String,
    sid: String,
    version: String,
}

/// Answers a request on the Socket.IO path. `Host` and `Origin` have been looked at; CORS is added by the caller.
pub(super) async fn answer(visit: &Visit, request: Request<Incoming>) -> Result<Answer, Problem> {
    if cors::is_preflight(request.method(), request.headers()) {
        return Ok(cors::preflight(request.headers()));
    }
    let query = hub::query(request.uri().query().unwrap_or_default());
    let value = |name: &str| {
        let found = query.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let asked = Asked {
        transport: value("transport"),
        sid: value("sid"),
        version: value("EIO"),
    };
    let upgrade = handshake::is_meant(request.headers());
    if asked.transport != "polling" && asked.transport != "websocket" {
        return Ok(refusal(Refusal::UnknownTransport));
    }
    if (asked.transport == "websocket") != upgrade {
        let wrong = if asked.sid.is_empty() && *request.method() != Method::GET {
            Refusal::BadHandshakeMethod
        } else {
            Refusal::BadRequest
        };
        return Ok(refusal(wrong));
    }
    if asked.sid.is_empty() {
        return Ok(open(visit, &request, &asked));
    }
    let Some(session) = visit.net.sessions.find(&asked.sid) else {
        return Ok(refusal(Refusal::UnknownSid));
    };
    if upgrade {
        return Ok(take_over(visit, &request, session));
    }
    if !session.is_polling() {
        return Ok(refusal(Refusal::BadRequest));
    }
    match *request.method() {
        Method::GET => Ok(poll(visit, &session).await),
        Method::POST => post(visit, &session, request).await,
        _ => Ok(refusal(Refusal::BadRequest)),
    }
}

fn refusal(refusal: Refusal) -> Answer {
    let mut answer = Response::new(Full::from(refusal.body()));
    *answer.status_mut() =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn text(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A new session: by polling it is answered at once, a WebSocket hears of it first thing.
fn open(visit: &Visit, request: &Request<Incoming>, asked: &Asked) -> Answer {
    if *request.method() != Method::GET {
        return refusal(Refusal::BadHandshakeMethod);
    }
    if asked.version != "4" {
        return refusal(Refusal::UnsupportedVersion);
    }
    let upgrade = if asked.transport == "websocket" {
        match handshake::check(request.method(), request.version(), request.headers()) {
            Ok(asked) => Some(asked),
            Err(fault) => return fault.answer(&super::shorten(request.uri().path())),
        }
    } else {
        None
    };
    let ask = Handshake {
        address: visit.address,
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: route::headers(request.headers()),
        protocols: Vec::new(),
    };
    let ticket = match visit.net.hub.admit(ask.clone()) {
        Admission::Accepted { ticket, .. } => ticket,
        Admission::Refused(refused) => return answer::from_hub(refused),
    };
    let session = Session::open(&visit.net, visit.limits, ask, ticket, upgrade.is_none());
    match upgrade {
        Some(asked) => {
            visit.admit(Next::EngineIo(session));
            asked.accept(None)
        }
        None => text(TEXT, session.drain(ANSWER).payload()),
    }
}

/// A WebSocket for a session that polls so far.
fn take_over(visit: &Visit, request: &Request<Incoming>, session: Arc<Session>) -> Answer {
    if !session.is_polling() {
        return refusal(Refusal::BadRequest);
    }
    match handshake::check(request.method(), request.version(), request.headers()) {
        Ok(asked) => {
            visit.admit(Next::EngineIo(session));
            asked.accept(None)
        }
        Err(fault) => fault.answer(&super::shorten(request.uri().path())),
    }
}

/// Answers with what waits, or as soon as something does.
async fn poll(visit: &Visit, session: &Arc<Session>) -> Answer {
    let Some(_turn) = session.turn() else {
        // Two at once: the reference server closes the session, and so do we.
        session.end();
        let mut answer = text(TEXT, "");
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        return answer;
    };
    loop {
        let drained = session.drain(ANSWER);
        if !drained.is_empty() {
            return text(TEXT, drained.payload());
        }
        if session.is_trying() {
            return text(TEXT, engineio::NOOP);
        }
        select! {
            () = session.changed() => {}
            () = socket::until(drained.again) => {}
            () = visit.net.shutdown.cancelled() => {
                session.end();
                return text(TEXT, engineio::CLOSE);
            }
        }
    }
}

/// Takes packets in.
async fn post(
    visit: &Visit,
    session: &Arc<Session>,
    request: Request<Incoming>,
) -> Result<Answer, Problem> {
    let body = match route::whole(request.into_body(), visit).await {
        Ok(body) => body,
        Err(problem) => {
            session.end();
            return Err(problem);
        }
    };
    let taken = std::str::from_utf8(&body).is_ok_and(|body| {
        engineio::payload(body).all(|packet| packet.is_ok_and(|packet| session.receive(&packet)))
    });
    if taken || session.was_left() {
        return Ok(text("text/html", "ok"));
    }
    session.end();
    Ok(refusal(Refusal::BadRequest))
}
