//! Where a scenario that speaks Socket.IO has its path routed: Engine.IO's polling, and its upgrade to a WebSocket.
//!
//! A session is what lives across requests; a polling client is a mailbox drained by its GETs, so that rooms,
//! limits, faults and the journal hold for it as for any other.

mod fetch;
mod heartbeat;
mod packets;
mod polling;
mod session;
mod sessions;
mod socket;
mod upgrade;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::sleep_until;

use super::answer::{self, Answer, Problem};
use super::http::{Next, Visit};
use super::{cors, handshake, route};
use crate::base::text::shortened;
use crate::hub::{self, Admission, Handshake, Limit};
use crate::wire::engineio::Refusal;

use self::session::{Session, Transport};
use self::upgrade::Part;

pub use sessions::Sessions;
pub(super) use socket::talk;
pub(super) use upgrade::Way;

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
    // A script tag would be given JSON that it cannot read, and wait for ever.
    if query.iter().any(|(name, _)| name == "j") {
        let words = "JSONP (`j=` in the query) is not spoken here; hint: connect without `forceJSONP` or `jsonp`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", words));
    }
    let transport = match asked.transport.as_str() {
        "polling" => Transport::Polling,
        "websocket" => Transport::WebSocket,
        _ => return Ok(refusal(Refusal::UnknownTransport)),
    };
    let upgrade = handshake::is_meant(request.headers());
    let fits = (transport == Transport::WebSocket) == upgrade;
    if asked.sid.is_empty() {
        return match (request.method(), fits, asked.version.as_str()) {
            (&Method::GET, true, "4") => open(visit, &request, transport),
            (&Method::GET, true, _) => Ok(refusal(Refusal::UnsupportedVersion)),
            (&Method::GET, false, _) => Ok(refusal(Refusal::BadRequest)),
            _ => Ok(refusal(Refusal::BadHandshakeMethod)),
        };
    }
    let Some(session) = visit.net.sessions.find(&asked.sid) else {
        return Ok(refusal(Refusal::UnknownSid));
    };
    let over = !upgrade && session.transport() == Transport::WebSocket;
    if !fits || over {
        return Ok(refusal(Refusal::BadRequest));
    }
    match *request.method() {
        Method::GET if upgrade => Ok(take_over(visit, &request, &session)),
        Method::GET => Ok(polling::poll(visit, &session).await),
        Method::POST => polling::post(visit, &session, request).await,
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

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// A new session: by polling it is answered at once, a WebSocket hears of it first thing.
fn open(
    visit: &Visit,
    request: &Request<Incoming>,
    transport: Transport,
) -> Result<Answer, Problem> {
    let upgrade = if transport == Transport::WebSocket {
        match handshake::check(request.method(), request.version(), request.headers()) {
            Ok(asked) => Some(asked),
            Err(fault) => return Ok(fault.answer(&shortened(request.uri().path()))),
        }
    } else {
        None
    };
    let most = visit.limits.connections;
    // A session that has left its namespace holds no place any more, but memory.
    if visit.net.sessions.len() >= most {
        let words = format!("{most} sessions are open, no more are allowed");
        let (limit, status) = (Limit::Connections, StatusCode::SERVICE_UNAVAILABLE);
        let problem = Problem::limit(limit, status, "TOO_MANY_CONNECTIONS", words);
        visit.refused(&problem);
        return Err(problem);
    }
    let ask = Handshake {
        address: visit.address,
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: route::headers(request.headers()),
        protocols: Vec::new(),
    };
    let ticket = match visit.net.hub.admit(ask.clone()) {
        Admission::Accepted { ticket, .. } => ticket,
        Admission::Refused(refused) => return Ok(answer::from_hub(refused)),
    };
    let Some(sid) = sessions::secret() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "NO_RANDOMNESS",
            "the system gives no random numbers",
        ));
    };
    let session = Session::open(&visit.net, sid, ask, ticket, transport);
    Ok(match upgrade {
        Some(asked) => {
            let part = Part::Only;
            visit.admit(Next::EngineIo(Way { session, part }));
            asked.accept(None)
        }
        None => text(TEXT, session.next_own().unwrap_or_default()),
    })
}

/// A WebSocket for a session that polls so far.
fn take_over(visit: &Visit, request: &Request<Incoming>, session: &Arc<Session>) -> Answer {
    match handshake::check(request.method(), request.version(), request.headers()) {
        Ok(asked) => {
            visit.admit(Next::EngineIo(session.further()));
            asked.accept(None)
        }
        Err(fault) => fault.answer(&shortened(request.uri().path())),
    }
}
