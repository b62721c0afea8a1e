//! The opening handshake of a WebSocket (RFC 6455, section 4.2), from its headers alone.
//!
//! Invariant: pure; who may come and on which paths is decided elsewhere.

use hyper::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, StatusCode, Version};

use super::answer::{Answer, Problem};
use crate::base::text::shortened;
use crate::wire::ws;

/// A handshake that is as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// `Sec-WebSocket-Key`.
    pub(super) key: HeaderValue,
    /// The subprotocols offered, in the client's order.
    pub(super) protocols: Vec<String>,
}

/// What is wrong with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A request for nothing but the page.
    Plain,
    /// Only GET opens a WebSocket.
    Method(Method),
    /// Another version of the protocol.
    Version,
    /// Anything else, in words.
    Bad(String),
}

/// Whether a request means to open a WebSocket, well or badly.
pub(super) fn is_meant(headers: &HeaderMap) -> bool {
    has_token(headers, UPGRADE, "websocket")
        || headers.contains_key(SEC_WEBSOCKET_KEY)
        || headers.contains_key(SEC_WEBSOCKET_VERSION)
}

/// Checks a handshake.
pub(super) fn check(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<Asked, Fault> {
    let is_plain = !is_meant(headers) && !headers.contains_key(UPGRADE);
    match *method {
        Method::GET | Method::HEAD if is_plain => return Err(Fault::Plain),
        Method::GET => {}
        _ => return Err(Fault::Method(method.clone())),
    }
    let bad = |words: &str| Err(Fault::Bad(words.to_owned()));
    if version != Version::HTTP_11 {
        return bad("a WebSocket needs HTTP/1.1");
    }
    // What would follow it could be read as a body by one and as frames by another.
    let empty = headers
        .get(CONTENT_LENGTH)
        .is_none_or(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) {
        return bad("a handshake has no body");
    }
    if !has_token(headers, UPGRADE, "websocket") {
        return bad("`Upgrade` must be `websocket`");
    }
    if !has_token(headers, CONNECTION, "upgrade") {
        return bad("`Connection` must name `Upgrade`");
    }
    match single(headers, &SEC_WEBSOCKET_VERSION)? {
        Some(version) if version == "13" => {}
        Some(_) => return Err(Fault::Version),
        None => return bad("`Sec-WebSocket-Version` is missing, `13` is spoken here"),
    }
    let Some(key) = single(headers, &SEC_WEBSOCKET_KEY)? else {
        return bad("`Sec-WebSocket-Key` is missing");
    };
    if !is_key(key.as_bytes()) {
        return bad("`Sec-WebSocket-Key` must be 16 bytes in base64");
    }
    Ok(Asked {
        key: key.clone(),
        protocols: protocols(headers)?,
    })
}

impl Asked {
    /// The answer that opens the WebSocket.
    pub(super) fn accept(&self, protocol: Option<&str>) -> Answer {
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
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

impl Fault {
    /// What the client is told.
    pub(super) fn answer(&self, path: &str) -> Answer {
        match self {
            Self::Plain => {
                let words =
                    format!("`{path}` is a WebSocket; hint: connect with `ws://` or `wss://`");
                let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", words);
                let mut answer = Answer::from(problem);
                let headers = answer.headers_mut();
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
                answer
            }
            Self::Method(method) => {
                let method = shortened(method.as_str());
                let words = format!("method `{method}` opens no WebSocket, `GET` does");
                let problem =
                    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", words);
                let mut answer = Answer::from(problem);
                answer
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET"));
                answer
            }
            Self::Version => {
                let words = "only version `13` of the WebSocket protocol is spoken here";
                let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, "BAD_HANDSHAKE", words);
                let mut answer = Answer::from(problem);
                let version = HeaderValue::from_static("13");
                answer.headers_mut().insert(SEC_WEBSOCKET_VERSION, version);
                answer
            }
            Self::Bad(words) => {
                Problem::new(StatusCode::BAD_REQUEST, "BAD_HANDSHAKE", words.as_str()).into()
            }
        }
    }
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Fault> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(Fault::Bad(format!("`{name}` must be there once"))),
    }
}

fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit)
}

fn protocols(headers: &HeaderMap) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for part in value.as_bytes().split(|&byte| byte == b',') {
            let part = part.trim_ascii();
            if part.is_empty() || !part.iter().all(|&byte| is_token(byte)) {
                return Err(Fault::Bad(
                    "`Sec-WebSocket-Protocol` must be a list of names".into(),
                ));
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

    /// The good handshake without the lines of one name, and with these in their place.
    fn with(name: &str, values: &[&str]) -> HeaderMap {
        let kept = GOOD.iter().filter(|line| line.0 != name).copied();
        let new = values.iter().map(|value| (name, *value));
        headers(&kept.chain(new).collect::<Vec<_>>())
    }

    fn status(map: &HeaderMap) -> u16 {
        match check(&Method::GET, Version::HTTP_11, map) {
            Ok(asked) => asked.accept(None).status().as_u16(),
            Err(fault) => fault.answer("/ws").status().as_u16(),
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
            assert_eq!(status(&with(name, values)), expected, "{name} {values:?}");
        }
    }

    #[test]
    fn a_plain_request_is_told_to_upgrade() {
        assert_eq!(status(&headers(&[])), 426);
        assert_eq!(status(&headers(&[("connection", "keep-alive")])), 426);
    }

    #[test]
    fn only_get_over_http_1_1_opens_a_websocket() {
        let map = headers(&GOOD);
        let posted = check(&Method::POST, Version::HTTP_11, &map).unwrap_err();
        assert_eq!(posted.answer("/ws").status(), 405);
        let old = check(&Method::GET, Version::HTTP_10, &map).unwrap_err();
        assert_eq!(old.answer("/ws").status(), 400);
    }

    #[test]
    fn the_answer_proves_that_the_key_was_read() {
        let map = with("sec-websocket-protocol", &["chat, v2"]);
        let asked = check(&Method::GET, Version::HTTP_11, &map).unwrap();
        assert_eq!(asked.protocols, ["chat", "v2"]);
        let answer = asked.accept(Some("v2"));
        let header = |name: HeaderName| answer.headers()[name].to_str().unwrap();
        assert_eq!(header(SEC_WEBSOCKET_ACCEPT), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(header(SEC_WEBSOCKET_PROTOCOL), "v2");
    }

    #[test]
    fn another_version_is_told_which_is_spoken() {
        let map = with("sec-websocket-version", &["8"]);
        let fault = check(&Method::GET, Version::HTTP_11, &map).unwrap_err();
        assert_eq!(fault.answer("/ws").headers()[SEC_WEBSOCKET_VERSION], "13");
    }
}
