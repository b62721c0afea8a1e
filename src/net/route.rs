//! One request: the access rules, then the part of the server that answers.
//!
//! `Host`, `Origin` and the framing of the body are checked before anything else. The target is the control API, a
//! mocked HTTP route, Engine.IO, or the opening of a WebSocket.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, Scheme};
use hyper::{Method, Request, StatusCode, Uri, Version};
use tokio::time::timeout;

use super::access::{AccessError, Caller};
use super::answer::{self, Answer, HttpProblem};
use super::http::{HttpConnection, Next};
use super::{Control, cors, engineio, handshake};
use crate::base::text::{listed, shortened};
use crate::hub::{self, Admission, Handshake, HttpRequest, Limit, Who};
use crate::lang::model::{Protocol, Scenario};

/// The root of the control API.
const CONTROL: &str = "/__mock";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The part of the server that a path belongs to.
enum Target<'a> {
    Control(&'a Control),
    EngineIo,
    WebSocket,
    Mock,
}

/// Answers one request; `head` are its first bytes as they came.
pub(super) async fn answer(
    http: &HttpConnection,
    request: Request<Incoming>,
    head: &[u8],
) -> Answer {
    let (request, body) = request.into_parts();
    guarded(http, request, body, head)
        .await
        .unwrap_or_else(Answer::from)
}

async fn guarded(
    http: &HttpConnection,
    request: Parts,
    body: Incoming,
    head: &[u8],
) -> Result<Answer, HttpProblem> {
    check_target(&request.uri)?;
    check_framing(&request, head)?;
    let caller = caller(&request, http)?;
    let rules = &http.net.rules;
    let refuse = |error: AccessError| refuse(http, &error);
    // HTTP/1.0 has no `Host`.
    if caller.host.is_some() || request.version != Version::HTTP_10 {
        rules.host(&caller).map_err(refuse)?;
    }
    let scenario = http.net.hub.scenario();
    let (target, grants) = match target(http, &scenario, &request) {
        Target::Control(control) => {
            rules.control(&caller).map_err(refuse)?;
            (Target::Control(control), rules.is_control_origin(&caller))
        }
        target => {
            rules.mocked(&caller).map_err(refuse)?;
            let grants = match target {
                Target::EngineIo => true,
                Target::Mock => scenario.http.cors,
                _ => false,
            };
            (target, grants)
        }
    };
    let origin = request.headers.get(ORIGIN).cloned();
    let answer = if grants && cors::is_preflight(&request.method, &request.headers) {
        Ok(cors::preflight(&request.headers))
    } else {
        match target {
            Target::Control(control) => control_api(http, control, request, body).await,
            Target::EngineIo => engineio::answer(http, &request, body).await,
            Target::WebSocket => open(http, &request),
            Target::Mock if handshake::is_meant(&request.headers) => {
                Err(no_websocket(http, &scenario, &request))
            }
            Target::Mock => mocked(http, &request, body).await,
        }
    };
    let mut answer = answer.unwrap_or_else(Answer::from);
    if grants {
        cors::grant(&mut answer, origin.as_ref());
    }
    Ok(answer)
}

/// Accepts a path, or a URL with `http` or `https`. Refuses the targets of proxies and of `OPTIONS *`.
fn check_target(target: &Uri) -> Result<(), HttpProblem> {
    let of_web = target
        .scheme()
        .is_none_or(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
    if of_web && target.path().starts_with('/') {
        return Ok(());
    }
    let target = shortened(&target.to_string());
    let message = format!("the target must be a path such as `/`, got `{target}`");
    Err(HttpProblem::bad_request(message))
}

/// Accepts a body by its length or in chunks. RFC 9112, section 6.3: with both, two servers in a row could disagree on
/// where the body ends, which is how requests are smuggled.
fn check_framing(request: &Parts, head: &[u8]) -> Result<(), HttpProblem> {
    let mut codings = request.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => return Ok(()),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => {}
        _ => {
            let message = "`Transfer-Encoding` must be `chunked` or absent";
            let status = StatusCode::NOT_IMPLEMENTED;
            return Err(HttpProblem::new(status, "NOT_IMPLEMENTED", message)
                .hint("send the body as it is")
                .closing());
        }
    }
    // hyper has removed `Content-Length`, so the head is searched as it came.
    let head = head.trim_ascii_start();
    if !head.starts_with(request.method.as_str().as_bytes()) {
        let message = "a request with `Transfer-Encoding` must not be pipelined";
        return Err(HttpProblem::bad_request(message).closing());
    }
    let is_length = |line: &[u8]| {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str().as_bytes()))
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    if lines
        .by_ref()
        .take_while(|line| !line.trim_ascii().is_empty())
        .any(is_length)
    {
        let message = "`Content-Length` and `Transfer-Encoding` must not be sent together";
        return Err(HttpProblem::bad_request(message).closing());
    }
    Ok(())
}

fn caller<'a>(request: &'a Parts, http: &HttpConnection) -> Result<Caller<'a>, HttpProblem> {
    let text = |name: HeaderName| single(&request.headers, &name);
    let host = text(HOST)?;
    // RFC 9112, section 3.2.2: the host of an absolute target replaces the header, which must be there all the same.
    let named = request.uri.authority().map(Authority::as_str);
    let navigates = request.method == Method::GET
        && text(SEC_FETCH_MODE)? == Some("navigate")
        && text(SEC_FETCH_DEST)? == Some("document");
    Ok(Caller {
        host: host.map(|host| named.unwrap_or(host)),
        origin: text(ORIGIN)?,
        site: text(SEC_FETCH_SITE)?,
        navigates,
        local: http.local,
    })
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, HttpProblem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        let message = format!("`{name}` must be there once");
        return Err(HttpProblem::bad_request(message));
    }
    let text = first.map(HeaderValue::to_str).transpose();
    text.map_err(|_| HttpProblem::bad_request(format!("`{name}` must be ASCII")))
}

fn refuse(http: &HttpConnection, error: &AccessError) -> HttpProblem {
    let message = error.to_string();
    tracing::warn!(address = %http.address, ?message, "refused");
    match error {
        AccessError::NoHost | AccessError::BadHost(_) => HttpProblem::bad_request(message),
        _ => HttpProblem::new(StatusCode::FORBIDDEN, "FORBIDDEN", message),
    }
}

fn target<'a>(http: &'a HttpConnection, scenario: &Scenario, request: &Parts) -> Target<'a> {
    let path = request.uri.path();
    let is_control = path
        .strip_prefix(CONTROL)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(control) = http.net.control.as_ref().filter(|_| is_control) {
        return Target::Control(control);
    }
    let listen = &scenario.listen;
    if !listen.paths.is_empty() && !listen.paths.iter().any(|own| own == path) {
        return Target::Mock;
    }
    // Engine.IO takes plain requests and WebSockets on the same path.
    if listen.protocol == Protocol::SocketIo {
        return Target::EngineIo;
    }
    if !handshake::is_meant(&request.headers) && hub::has_route(scenario, path) {
        return Target::Mock;
    }
    Target::WebSocket
}

fn no_websocket(http: &HttpConnection, scenario: &Scenario, request: &Parts) -> HttpProblem {
    let path = shortened(request.uri.path());
    let who = Who::Client(http.address);
    http.net.hub.unmatched(who, &format!("WebSocket {path}"));
    let own = scenario.listen.paths.iter().map(|path| format!("`{path}`"));
    let own = listed(&own.collect::<Vec<_>>());
    HttpProblem::not_found(format!("no WebSocket at `{path}`")).hint(format!("connect to {own}"))
}

fn open(http: &HttpConnection, request: &Parts) -> Result<Answer, HttpProblem> {
    let opening = handshake::check(request).inspect_err(|problem| {
        tracing::debug!(address = %http.address, message = problem.words(), "bad handshake");
    })?;
    let asked = hub_handshake(http, request, opening.protocols.clone());
    match http.net.hub.admit(asked) {
        Admission::Accepted { protocol, ticket } => {
            let offered = |name: &String| {
                let offered = opening.protocols.contains(name);
                if !offered {
                    let (address, protocol) = (http.address, name);
                    tracing::warn!(%address, protocol, "subprotocol not sent: the client does not offer it");
                }
                offered
            };
            let protocol = protocol.filter(offered);
            http.leave(Next::Peer(ticket));
            Ok(opening.accept(protocol.as_deref()))
        }
        Admission::Refused(refused) => Ok(answer::from_hub(refused)),
    }
}

async fn mocked(
    http: &HttpConnection,
    request: &Parts,
    body: Incoming,
) -> Result<Answer, HttpProblem> {
    let body = body_of(body, http, http.limits.body, Limit::Body).await?;
    let request = HttpRequest {
        address: http.address,
        method: request.method.as_str().to_owned(),
        path: request.uri.path().to_owned(),
        query: request.uri.query().unwrap_or_default().to_owned(),
        headers: hub_headers(&request.headers),
        body,
    };
    Ok(answer::from_hub(http.net.hub.http(request).await))
}

async fn control_api(
    http: &HttpConnection,
    control: &Control,
    request: Parts,
    body: Incoming,
) -> Result<Answer, HttpProblem> {
    let body = body_of(body, http, http.limits.body, Limit::Body).await?;
    Ok(control(Request::from_parts(request, body)).await)
}

/// Waits for the whole body, of at most `most` bytes by this limit.
pub(super) async fn body_of(
    body: Incoming,
    http: &HttpConnection,
    most: usize,
    limit: Limit,
) -> Result<Bytes, HttpProblem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let time = http.limits.body_time;
    // A declared length is refused before any of the body is read.
    let problem = if body.size_hint().lower() > most as u64 {
        too_large(most, limit)
    } else {
        match timeout(time, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => return Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => too_large(most, limit),
            Ok(Err(error)) => {
                HttpProblem::bad_request(format!("the request's body cannot be read: {error}"))
            }
            Err(_) => {
                let message = format!("the request's body did not arrive within {time:?}");
                HttpProblem::new(StatusCode::REQUEST_TIMEOUT, "BODY_TIMEOUT", message)
                    .limit(Limit::BodyTime)
                    .closing()
            }
        }
    };
    http.refused(&problem);
    Err(problem)
}

fn too_large(most: usize, limit: Limit) -> HttpProblem {
    let message = format!("the request's body is too large, up to `{most}` bytes are allowed");
    HttpProblem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message)
        .limit(limit)
        .closing()
}

/// A handshake as the hub takes it.
pub(super) fn hub_handshake(
    http: &HttpConnection,
    request: &Parts,
    protocols: Vec<String>,
) -> Handshake {
    Handshake {
        address: http.address,
        path: request.uri.path().to_owned(),
        query: request.uri.query().unwrap_or_default().to_owned(),
        headers: hub_headers(&request.headers),
        protocols,
    }
}

fn hub_headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}
