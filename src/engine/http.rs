//! Mocked HTTP: what a handler sees of a request, and what is answered.

use bytes::Bytes;

use crate::base::json::{Json, write};
use crate::lang::model::{Route, Scenario, Segment};

use super::HttpRequest;
use super::context::Halt;
use super::refusal::Refusal;
use super::scope::pairs;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Bytes,
}

impl HttpAnswer {
    /// A JSON body.
    pub fn json(status: u16, body: String) -> HttpAnswer {
        let headers = vec![(
            "content-type".to_owned(),
            "application/json; charset=utf-8".to_owned(),
        )];
        HttpAnswer {
            status,
            headers,
            body: Bytes::from(body),
        }
    }

    /// 204: done, and nothing to say.
    pub fn empty() -> HttpAnswer {
        HttpAnswer {
            status: 204,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// An error of the server's own.
    pub fn error(status: u16, code: &str, message: &str) -> HttpAnswer {
        let mut out = String::from("{\"error\":{\"code\":");
        write::string(&mut out, code);
        out.push_str(",\"message\":");
        write::string(&mut out, message);
        out.push_str("}}");
        HttpAnswer::json(status, out)
    }
}

impl HttpRequest {
    /// The `request` that expressions see. A body that says it is JSON and is none is refused.
    pub(super) fn seen(&self, params: &[(String, String)]) -> Result<String, Halt> {
        let mut out = String::from("{\"method\":");
        write::string(&mut out, &self.method);
        out.push_str(",\"path\":");
        write::string(&mut out, &unescaped(&self.path));
        out.push_str(",\"address\":");
        write::string(&mut out, &self.address.ip().to_string());
        for (name, list) in [
            ("params", params),
            ("query", &query(&self.query)),
            ("headers", &self.headers),
        ] {
            out.push(',');
            write::string(&mut out, name);
            out.push(':');
            pairs(&mut out, list);
        }
        out.push_str(",\"body\":");
        self.body(&mut out)?;
        out.push('}');
        Ok(out)
    }

    fn body(&self, out: &mut String) -> Result<(), Halt> {
        if self.body.is_empty() {
            out.push_str("null");
            return Ok(());
        }
        let kind = self
            .headers
            .iter()
            .find(|(name, _)| name == "content-type")
            .map_or("", |(_, value)| value.as_str());
        match Json::from_bytes(self.body.clone()) {
            Ok(json) => out.push_str(json.text()),
            Err(error) if kind.contains("json") => {
                return Err(Refusal::invalid_json(&error).into());
            }
            Err(_) => write::string(out, &String::from_utf8_lossy(&self.body)),
        }
        Ok(())
    }
}

/// The parameters of a path, by name.
type Params = Vec<(String, String)>;

/// The route that a request takes and the parameters of its path. The refusal of a known path knows its methods.
pub(super) fn route<'s>(
    scenario: &'s Scenario,
    request: &HttpRequest,
) -> Result<(&'s Route, Params), Box<Refusal>> {
    let parts: Vec<&str> = request.path.split('/').skip(1).collect();
    let mut methods = Vec::new();
    for route in &scenario.http.routes {
        let Some(params) = fits(&route.path, &parts) else {
            continue;
        };
        if route.method == request.method || (request.method == "HEAD" && route.method == "GET") {
            return Ok((route, params));
        }
        methods.push(route.method.clone());
    }
    let refusal = Refusal::no_route(&request.method, &request.path, methods);
    Err(Box::new(refusal))
}

/// Whether a route has this path under any method.
pub fn has_route(scenario: &Scenario, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let routes = &scenario.http.routes;
    routes
        .iter()
        .any(|route| fits(&route.path, &parts).is_some())
}

fn fits(route: &[Segment], parts: &[&str]) -> Option<Vec<(String, String)>> {
    if route.len() != parts.len() {
        return None;
    }
    let mut params = Vec::new();
    for (segment, part) in route.iter().zip(parts) {
        match segment {
            Segment::Literal(text) if text == part => {}
            Segment::Param(name) if !part.is_empty() => {
                params.push((name.clone(), unescaped(part)));
            }
            _ => return None,
        }
    }
    Some(params)
}

/// `%20` and the like resolved; what is no escape stays.
pub fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| {
                tail.get(..2)
                    .and_then(|digits| std::str::from_utf8(digits).ok())
            })
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A query's names and values; `+` is a space.
pub fn query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                unescaped(&name.replace('+', " ")),
                unescaped(&value.replace('+', " ")),
            )
        })
        .collect()
}
