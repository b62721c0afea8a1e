//! The path of a scenario that speaks Socket.IO: Engine.IO by polling, and the upgrade to a WebSocket.
//!
//! A session lives across requests. The GETs of a polling client drain the mailbox of its peer, so that rooms, limits,
//! faults and the journal work as for any other peer.

mod fetch;
mod heartbeat;
mod packets;
mod polling;
mod session;
mod upgrade;

use std::time::Instant;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use tokio::time::sleep_until;

use super::answer::{self, Answer, HttpProblem};
use super::http::{HttpConnection, Next};
use super::{handshake, route};
use crate::hub::{self, Admission, Limit};
use crate::wire::engineio::RequestError;

use self::session::Transport;

pub(super) use session::{Session, Sessions};
pub(super) use upgrade::SessionSocket;

const TEXT: &str = "text/plain; charset=UTF-8";

/// Answers a request on the Socket.IO path. The caller has checked `Host` and `Origin`, and adds CORS.
pub(super) async fn answer(
    http: &HttpConnection,
    request: &Parts,
    body: Incoming,
) -> Result<Answer, HttpProblem> {
    let query = hub::query(request.uri.query().unwrap_or_default());
    let value = |name: &str| {
        let found = query.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (sid, version) = (value("sid"), value("EIO"));
    // A script tag would be given JSON that it cannot read, and wait for ever.
    if query.iter().any(|(name, _)| name == "j") {
        let message = "JSONP (`j=` in the query) is not supported";
        return Err(
            HttpProblem::bad_request(message).hint("connect without `forceJSONP` or `jsonp`")
        );
    }
    let transport = match value("transport").as_str() {
        "polling" => Transport::Polling,
        "websocket" => Transport::WebSocket,
        _ => return Ok(refusal(RequestError::UnknownTransport)),
    };
    let upgrade = handshake::is_meant(&request.headers);
    let fits = (transport == Transport::WebSocket) == upgrade;
    if sid.is_empty() {
        return match (&request.method, fits, version.as_str()) {
            (&Method::GET, true, "4") => open(http, request, transport),
            (&Method::GET, true, _) => Ok(refusal(RequestError::UnsupportedVersion)),
            (&Method::GET, false, _) => Ok(refusal(RequestError::BadRequest)),
            _ => Ok(refusal(RequestError::BadHandshakeMethod)),
        };
    }
    let Some(session) = http.net.sessions().get(&sid).cloned() else {
        return Ok(refusal(RequestError::UnknownSid));
    };
    let over = !upgrade && session.transport() == Transport::WebSocket;
    if !fits || over {
        return Ok(refusal(RequestError::BadRequest));
    }
    match request.method {
        Method::GET if upgrade => {
            let opening = handshake::check(request)?;
            http.leave(Next::EngineIo(SessionSocket::further(session)));
            Ok(opening.accept(None))
        }
        Method::GET => Ok(polling::poll(http, &session).await),
        Method::POST => polling::post(http, &session, request, body).await,
        _ => Ok(refusal(RequestError::BadRequest)),
    }
}

fn refusal(error: RequestError) -> Answer {
    answer::typed(StatusCode::BAD_REQUEST, "application/json", error.body())
}

fn text(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = answer::typed(StatusCode::OK, kind, body);
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    answer
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Opens a session. By polling the answer is its first packet; a WebSocket sends that first.
fn open(
    http: &HttpConnection,
    request: &Parts,
    transport: Transport,
) -> Result<Answer, HttpProblem> {
    let opening = match transport {
        Transport::WebSocket => Some(handshake::check(request)?),
        _ => None,
    };
    let most = http.limits.connections;
    // A session that has left its namespace holds no place any more, but memory.
    if http.net.sessions().len() >= most {
        let message = format!("{most} sessions are open, no more are allowed");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem =
            HttpProblem::new(status, "TOO_MANY_CONNECTIONS", message).limit(Limit::Connections);
        http.refused(&problem);
        return Err(problem);
    }
    let asked = route::hub_handshake(http, request, Vec::new());
    let ticket = match http.net.hub.admit(asked.clone()) {
        Admission::Accepted { ticket, .. } => ticket,
        Admission::Refused(refused) => return Ok(answer::from_hub(refused)),
    };
    let sid = session::secret().ok_or_else(|| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        HttpProblem::new(
            status,
            "NO_RANDOMNESS",
            "the system gives no random numbers",
        )
    })?;
    let session = Session::open(&http.net, sid, asked, ticket, transport);
    Ok(match opening {
        Some(opening) => {
            http.leave(Next::EngineIo(SessionSocket::first(session)));
            opening.accept(None)
        }
        None => text(TEXT, session.state().next_own().unwrap_or_default()),
    })
}
