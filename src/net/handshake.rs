//! The opening handshake of a WebSocket (RFC 6455, section 4.2), from its headers alone.
//!
//! Invariant: pure. Access and paths are decided elsewhere.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};

use super::answer::{self, Answer, HttpProblem};
use crate::base::text::shortened;
use crate::wire::ws;

/// A valid opening handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening {
    key: HeaderValue,
    /// The subprotocols offered, in the client's order.
    pub(super) protocols: Vec<String>,
}

/// True for a valid or broken attempt to open a WebSocket.
pub(super) fn is_meant(headers: &HeaderMap) -> bool {
    has_token(headers, UPGRADE, "websocket")
        || headers.contains_key(SEC_WEBSOCKET_KEY)
        || headers.contains_key(SEC_WEBSOCKET_VERSION)
}

pub(super) fn check(request: &Parts) -> Result<Opening, HttpProblem> {
    let headers = &request.headers;
    check_request(request)?;
    if !has_token(headers, UPGRADE, "websocket") {
        return Err(bad("`Upgrade` must be `websocket`"));
    }
    if !has_token(headers, CONNECTION, "upgrade") {
        return Err(bad("`Connection` must contain `Upgrade`"));
    }
    match single(headers, &SEC_WEBSOCKET_VERSION)? {
        Some(version) if version == "13" => {}
        Some(_) => return Err(other_version()),
        None => return Err(bad("`Sec-WebSocket-Version` is missing, it must be `13`")),
    }
    let Some(key) = single(headers, &SEC_WEBSOCKET_KEY)? else {
        return Err(bad("`Sec-WebSocket-Key` is missing"));
    };
    if !is_key(key.as_bytes()) {
        return Err(bad("`Sec-WebSocket-Key` must be 16 bytes in base64"));
    }
    Ok(Opening {
        key: key.clone(),
        protocols: protocols(headers)?,
    })
}

impl Opening {
    /// The answer that opens the WebSocket.
    pub(super) fn accept(&self, protocol: Option<&str>) -> Answer {
        let mut answer = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(ws::accept_key(self.key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(Ok(protocol)) = protocol.map(HeaderValue::try_from) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        answer
    }
}

/// Checks the request line and that no body follows.
fn check_request(request: &Parts) -> Result<(), HttpProblem> {
    let headers = &request.headers;
    let is_plain = !is_meant(headers) && !headers.contains_key(UPGRADE);
    match request.method {
        Method::GET | Method::HEAD if is_plain => return Err(upgrade_required(request.uri.path())),
        Method::GET => {}
        _ => {
            let method = shortened(request.method.as_str());
            let message = format!("method `{method}` opens no WebSocket, `GET` does");
            return Err(HttpProblem::method(message, "GET"));
        }
    }
    if request.version != Version::HTTP_11 {
        return Err(bad("a WebSocket needs HTTP/1.1"));
    }
    // A proxy could read what follows as a body where this server reads frames.
    let empty = headers
        .get(CONTENT_LENGTH)
        .is_none_or(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) {
        return Err(bad("a handshake has no body"));
    }
    Ok(())
}

fn bad(message: &str) -> HttpProblem {
    HttpProblem::new(StatusCode::BAD_REQUEST, "BAD_HANDSHAKE", message)
}

fn upgrade_required(path: &str) -> HttpProblem {
    let message = format!("`{}` is a WebSocket", shortened(path));
    HttpProblem::new(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", message)
        .hint("connect with `ws://` or `wss://`")
        .header(UPGRADE, HeaderValue::from_static("websocket"))
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
}

fn other_version() -> HttpProblem {
    let message = "only version `13` of the WebSocket protocol is supported";
    HttpProblem::new(StatusCode::UPGRADE_REQUIRED, "BAD_HANDSHAKE", message)
        .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, HttpProblem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(bad(&format!("`{name}` must be there once"))),
    }
}

fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit)
}

fn protocols(headers: &HeaderMap) -> Result<Vec<String>, HttpProblem> {
    let mut found = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for part in value.as_bytes().split(|&byte| byte == b',') {
            let part = part.trim_ascii();
            if part.is_empty() || !part.iter().all(|&byte| is_token(byte)) {
                return Err(bad("`Sec-WebSocket-Protocol` must be a list of names"));
            }
            found.push(String::from_utf8_lossy(part).into_owned());
        }
    }
    Ok(found)
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        KEY,
    ];

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        map
    }

    /// The good handshake with the lines of one name replaced.
    fn with(name: &str, values: &[&str]) -> HeaderMap {
        let kept = GOOD.iter().filter(|line| line.0 != name).copied();
        let new = values.iter().map(|value| (name, *value));
        headers(&kept.chain(new).collect::<Vec<_>>())
    }

    fn request(method: Method, version: Version, headers: HeaderMap) -> Parts {
        let request = hyper::Request::builder().uri("/ws");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.method = method;
        parts.version = version;
        parts.headers = headers;
        parts
    }

    fn get(headers: HeaderMap) -> Result<Opening, HttpProblem> {
        check(&request(Method::GET, Version::HTTP_11, headers))
    }

    fn status(headers: HeaderMap) -> u16 {
        match get(headers) {
            Ok(opening) => opening.accept(None).status().as_u16(),
            Err(problem) => problem.status.as_u16(),
        }
    }

    #[test]
    fn each_handshake_gets_its_status() {
        for (name, values, expected) in [
            ("x-other", &["1"][..], 101),
            ("upgrade", &["WebSocket"], 101),
            ("upgrade", &["h2c, websocket"], 101),
            ("upgrade", &["h2c", "websocket"], 101),
            ("upgrade", &["h2c"], 400),
            ("upgrade", &["websocket/13"], 400),
            ("upgrade", &[], 400),
            ("connection", &["upgrade"], 101),
            ("connection", &["keep-alive", "UPGRADE"], 101),
            ("connection", &["close"], 400),
            ("connection", &["upgraded"], 400),
            ("connection", &[], 400),
            ("sec-websocket-version", &["12"], 426),
            ("sec-websocket-version", &["8"], 426),
            ("sec-websocket-version", &["013"], 426),
            ("sec-websocket-version", &["x"], 426),
            ("sec-websocket-version", &[""], 426),
            ("sec-websocket-version", &[], 400),
            ("sec-websocket-version", &["13", "13"], 400),
            ("sec-websocket-key", &[], 400),
            ("sec-websocket-key", &[""], 400),
            ("sec-websocket-key", &[KEY.1, KEY.1], 400),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ="], 400),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ"], 400),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ==="], 400),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZ===="], 400),
            ("sec-websocket-key", &["dGhl IHNhbXBsZSBub25jZQ=="], 400),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ_-"], 400),
            ("sec-websocket-key", &["c2hvcnQ="], 400),
            ("sec-websocket-protocol", &["a, b.c"], 101),
            ("sec-websocket-protocol", &["a", "b"], 101),
            ("sec-websocket-protocol", &[""], 400),
            ("sec-websocket-protocol", &["a,,b"], 400),
            ("sec-websocket-protocol", &["a b"], 400),
            ("sec-websocket-extensions", &["permessage-deflate"], 101),
        ] {
            assert_eq!(status(with(name, values)), expected, "{name} {values:?}");
        }
    }

    #[test]
    fn plain_request_gets_upgrade_required() {
        assert_eq!(status(headers(&[])), 426);
        assert_eq!(status(headers(&[("connection", "keep-alive")])), 426);
    }

    #[test]
    fn only_get_over_http_11_opens_websockets() {
        for (method, version, status) in [
            (Method::POST, Version::HTTP_11, 405),
            (Method::GET, Version::HTTP_10, 400),
        ] {
            let refused = check(&request(method, version, headers(&GOOD))).unwrap_err();
            assert_eq!(refused.status, status);
        }
    }

    #[test]
    fn accept_answers_key_and_protocol() {
        let map = with("sec-websocket-protocol", &["chat, v2"]);
        let opening = get(map).unwrap();
        assert_eq!(opening.protocols, ["chat", "v2"]);
        let answer = opening.accept(Some("v2"));
        let header = |name: HeaderName| answer.headers()[name].to_str().unwrap();
        assert_eq!(header(SEC_WEBSOCKET_ACCEPT), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(header(SEC_WEBSOCKET_PROTOCOL), "v2");
    }

    #[test]
    fn other_version_gets_supported_one() {
        let map = with("sec-websocket-version", &["8"]);
        let refused = Answer::from(get(map).unwrap_err());
        assert_eq!(refused.headers()[SEC_WEBSOCKET_VERSION], "13");
    }
}
