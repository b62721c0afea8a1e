//! One request: who asks, and which part of the server answers.
//!
//! `Host` and `Origin` are looked at before anything else. What is asked for is the control API's, the hub's, or the
//! opening of a WebSocket.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, TRANSFER_ENCODING,
};
use hyper::http::uri::Scheme;
use hyper::{Request, StatusCode, Uri, Version};
use tokio::time::timeout;

use super::access::{Caller, Refusal};
use super::answer::{self, Answer, Problem};
use super::http::{Next, Visit};
use super::{cors, engineio, handshake};
use crate::base::text::shortened;
use crate::hub::{Admission, Handshake, HttpRequest, Limit};
use crate::lang::model::{Protocol, Scenario, Segment};

/// Where the control API is.
const CONTROL: &str = "/__mock";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which part of the server a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Control,
    EngineIo,
    WebSocket,
    Mock,
}

/// Answers one request.
pub(super) async fn answer(visit: &Visit, request: Request<Incoming>) -> Answer {
    let answer = guarded(visit, request).await.unwrap_or_else(Answer::from);
    match answer.status() {
        StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::NOT_IMPLEMENTED => last(answer),
        _ => answer,
    }
}

async fn guarded(visit: &Visit, request: Request<Incoming>) -> Result<Answer, Problem> {
    check_target(request.uri())?;
    check_coding(request.headers())?;
    let caller = caller(&request, visit)?;
    let rules = &visit.net.rules;
    if caller.host.is_some() || request.version() != Version::HTTP_10 {
        rules
            .host(&caller)
            .map_err(|refusal| refuse(visit, &refusal))?;
    }
    let scenario = visit.net.hub.scenario();
    let place = place(&scenario, &request, visit.net.control.is_some());
    if place == Place::Control {
        rules
            .control(&caller)
            .map_err(|refusal| refuse(visit, &refusal))?;
        let granted = rules.is_control_origin(&caller);
        return control(visit, request, granted).await;
    }
    rules
        .mocked(&caller)
        .map_err(|refusal| refuse(visit, &refusal))?;
    let origin = request.headers().get(ORIGIN).cloned();
    let mut answer = match place {
        Place::EngineIo => engineio::answer(visit, request).await,
        Place::WebSocket => Ok(open(visit, &request)),
        _ if handshake::is_meant(request.headers()) => Err(no_websocket(&scenario, &request)),
        _ if scenario.http.cors && cors::is_preflight(request.method(), request.headers()) => {
            Ok(cors::preflight(request.headers()))
        }
        _ => mocked(visit, request).await,
    }
    .unwrap_or_else(Answer::from);
    if place == Place::EngineIo || (scenario.http.cors && place == Place::Mock) {
        cors::grant(&mut answer, origin.as_ref());
    }
    Ok(answer)
}

/// A path, alone or behind a server's address. What a proxy or `OPTIONS *` asks for is nothing of ours.
fn check_target(target: &Uri) -> Result<(), Problem> {
    let of_web = target
        .scheme()
        .is_none_or(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
    if of_web && target.path().starts_with('/') {
        return Ok(());
    }
    let target = shortened(&target.to_string());
    let words = format!("`{target}` is no target here; hint: ask for a path such as `/`");
    Err(bad_request(&words))
}

/// A body comes as it is or in chunks; of another coding the words would be somebody else's guess.
fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "NOT_IMPLEMENTED",
            "`Transfer-Encoding` is `chunked` or absent; hint: send the body as it is",
        )),
    }
}

fn caller<'a>(request: &'a Request<Incoming>, visit: &Visit) -> Result<Caller<'a>, Problem> {
    let headers = request.headers();
    let text = |name| match single(headers, name)? {
        None => Ok(None),
        Some(value) => match value.to_str() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(bad_request(&format!("`{name}` must be ASCII"))),
        },
    };
    let host = text(&HOST)?;
    // RFC 9112, section 3.2.2: the absolute form of a target goes before the header, which must be there all the same.
    let named = request
        .uri()
        .authority()
        .map(hyper::http::uri::Authority::as_str);
    Ok(Caller {
        host: host.map(|host| named.unwrap_or(host)),
        origin: text(&ORIGIN)?,
        site: text(&SEC_FETCH_SITE)?,
        local: visit.local,
    })
}

fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(bad_request(&format!("`{name}` must be there once"))),
    }
}

fn bad_request(words: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", words)
}

fn refuse(visit: &Visit, refusal: &Refusal) -> Problem {
    let words = refusal.to_string();
    tracing::warn!(address = %visit.address, ?words, "refused");
    match refusal {
        Refusal::NoHost | Refusal::BadHost(_) => bad_request(&words),
        _ => Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", words),
    }
}

fn place(scenario: &Scenario, request: &Request<Incoming>, has_control: bool) -> Place {
    let path = request.uri().path();
    let is_control = path
        .strip_prefix(CONTROL)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_control && has_control {
        return Place::Control;
    }
    let listen = &scenario.listen;
    if !listen.paths.is_empty() && !listen.paths.iter().any(|own| own == path) {
        return Place::Mock;
    }
    if listen.protocol == Protocol::SocketIo {
        return Place::EngineIo;
    }
    if !handshake::is_meant(request.headers()) && is_mocked(scenario, path) {
        return Place::Mock;
    }
    Place::WebSocket
}

/// Whether the scenario's `http:` has this path, with whatever method.
fn is_mocked(scenario: &Scenario, path: &str) -> bool {
    let parts = || path.split('/').filter(|part| !part.is_empty());
    scenario.http.routes.iter().any(|route| {
        let mut given = parts();
        let own = |segment: &&Segment| **segment != Segment::Literal(String::new());
        route
            .path
            .iter()
            .filter(own)
            .all(|segment| match (segment, given.next()) {
                (Segment::Literal(text), Some(part)) => text == part,
                (Segment::Param(_), Some(_)) => true,
                (_, None) => false,
            })
            && given.next().is_none()
    })
}

fn no_websocket(scenario: &Scenario, request: &Request<Incoming>) -> Problem {
    let path = shortened(request.uri().path());
    let own: Vec<_> = scenario
        .listen
        .paths
        .iter()
        .map(|path| format!("`{path}`"))
        .collect();
    let words = format!(
        "no WebSocket at `{path}`; hint: connect to {}",
        own.join(" or ")
    );
    Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", words)
}

fn open(visit: &Visit, request: &Request<Incoming>) -> Answer {
    let path = request.uri().path();
    let asked = match handshake::check(request.method(), request.version(), request.headers()) {
        Ok(asked) => asked,
        Err(fault) => {
            tracing::debug!(address = %visit.address, ?path, ?fault, "bad handshake");
            return fault.answer(&shortened(path));
        }
    };
    let admission = visit.net.hub.admit(Handshake {
        address: visit.address,
        path: path.to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers(request.headers()),
        protocols: asked.protocols.clone(),
    });
    match admission {
        Admission::Accepted { protocol, ticket } => {
            visit.admit(Next::Peer(ticket));
            asked.accept(protocol.as_deref())
        }
        Admission::Refused(answer) => answer::from_hub(answer),
    }
}

async fn mocked(visit: &Visit, request: Request<Incoming>) -> Result<Answer, Problem> {
    let (head, body) = request.into_parts();
    let body = whole(body, visit).await?;
    Ok(answer::from_hub(visit.net.hub.http(HttpRequest {
        address: visit.address,
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers(&head.headers),
        body,
    })))
}

async fn control(
    visit: &Visit,
    request: Request<Incoming>,
    granted: bool,
) -> Result<Answer, Problem> {
    let origin = request.headers().get(ORIGIN).filter(|_| granted).cloned();
    let mut answer = if granted && cors::is_preflight(request.method(), request.headers()) {
        cors::preflight(request.headers())
    } else {
        let (head, body) = request.into_parts();
        match (whole(body, visit).await, &visit.net.control) {
            (Ok(body), Some(control)) => control(Request::from_parts(head, body), visit.address)
                .await
                .map(Full::new),
            (Err(problem), _) => problem.into(),
            (Ok(_), None) => {
                Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", "no control API").into()
            }
        }
    };
    if origin.is_some() {
        cors::grant(&mut answer, origin.as_ref());
    }
    Ok(answer)
}

/// A body that has arrived, within its limits.
async fn whole(body: Incoming, visit: &Visit) -> Result<Bytes, Problem> {
    arrived(body, visit, visit.limits.body, Limit::Body).await
}

/// A body that has arrived, of so many bytes at most by this limit.
pub(super) async fn arrived(
    body: Incoming,
    visit: &Visit,
    most: usize,
    limit: Limit,
) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let time = visit.limits.body_time;
    let problem = if body.size_hint().lower() > most as u64 {
        too_large(most, limit)
    } else {
        match timeout(time, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => return Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => too_large(most, limit),
            Ok(Err(error)) => bad_request(&format!("the request's body cannot be read: {error}")),
            Err(_) => too_slow(time),
        }
    };
    visit.refused(&problem);
    Err(problem)
}

fn too_large(most: usize, limit: Limit) -> Problem {
    let words = format!("the request's body is too large, up to `{most}` bytes are allowed");
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    Problem::limit(limit, status, "BODY_TOO_LARGE", words)
}

fn too_slow(time: Duration) -> Problem {
    let words = format!("the request's body did not arrive within {time:?}");
    let status = StatusCode::REQUEST_TIMEOUT;
    Problem::limit(Limit::BodyTime, status, "BODY_TIMEOUT", words)
}

/// Headers as the hub takes them.
pub(super) fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// Ends the connection after this answer: what the client still sends of its request is not wanted.
fn last(mut answer: Answer) -> Answer {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
    answer
}
