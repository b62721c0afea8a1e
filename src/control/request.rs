//! Requests and answers of the control API, and what can be wrong with a request.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};

use crate::base::json::{Json, Kind};
use crate::base::text::{listed, shortened};
use crate::hub::HttpAnswer;
use crate::hub::{query, unescaped};
use crate::lang;

/// A request.
pub(super) struct Ask {
    pub(super) method: String,
    pub(super) path: String,
    /// The path below the root, part by part, escapes resolved.
    pub(super) parts: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    content_type: String,
    body: Bytes,
}

/// What is wrong with a request.
pub(super) struct Problem {
    status: u16,
    code: &'static str,
    message: String,
    allow: Option<&'static str>,
}

/// An answer.
pub(super) struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
    allow: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            message: message.into(),
            allow: None,
        }
    }

    pub(super) fn method(found: &str, allowed: &'static str) -> Problem {
        let found = shortened(found);
        let message = format!("`{found}` is not allowed here; allowed: {allowed}");
        Problem {
            allow: Some(allowed),
            ..Problem::new(405, "METHOD_NOT_ALLOWED", message)
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Problem {
        Problem::new(422, "INVALID_REQUEST", message)
    }

    pub(super) fn missing(what: &str, name: &str, known: &[String]) -> Problem {
        let (name, known) = (shortened(name), listed(known));
        let message = format!("no {what} `{name}`; known: {known}");
        Problem::new(404, "NOT_FOUND", message)
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Answer {
        let error = HttpAnswer::error(problem.status, problem.code, &problem.message);
        let body = String::from_utf8_lossy(&error.body).into_owned();
        Answer {
            allow: problem.allow,
            ..Answer::json(problem.status, body)
        }
    }
}

impl Answer {
    pub(super) fn json(status: u16, body: String) -> Answer {
        Answer {
            status,
            content_type: "application/json; charset=utf-8",
            body,
            allow: None,
        }
    }

    pub(super) fn ok(body: String) -> Answer {
        Answer::json(200, body)
    }

    pub(super) fn items(items: impl IntoIterator<Item = String>) -> Answer {
        let items: Vec<String> = items.into_iter().collect();
        Answer::ok(format!("{{\"items\":[{}]}}", items.join(",")))
    }

    pub(super) fn text(content_type: &'static str, body: String) -> Answer {
        Answer {
            status: 200,
            content_type,
            body,
            allow: None,
        }
    }

    /// To a HEAD as well: the server leaves the body out and keeps its length.
    pub(super) fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl Ask {
    pub(super) fn new(request: Request<Bytes>) -> Ask {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let below = path.strip_prefix(super::ROOT).unwrap_or_default();
        let content_type = head
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        Ask {
            method: head.method.as_str().to_owned(),
            parts: below
                .trim_end_matches('/')
                .split('/')
                .map(unescaped)
                .collect(),
            query: query(head.uri.query().unwrap_or_default()),
            content_type: content_type.to_lowercase(),
            path,
            body,
        }
    }

    /// A body says that it is JSON, whether a row reads it or not.
    pub(super) fn check_media_type(&self) -> Result<(), Problem> {
        let kind = self
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if self.body.is_empty() || kind == "application/json" {
            return Ok(());
        }
        let kind = shortened(kind);
        let message = format!(
            "a body is `application/json`, found `{kind}`; hint: curl -H 'content-type: application/json'"
        );
        Err(Problem::new(415, "UNSUPPORTED_MEDIA_TYPE", message))
    }

    /// The body, which has to be JSON; `None` when there is none.
    pub(super) fn json(&self) -> Result<Option<Json>, Problem> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let json = Json::from_bytes(self.body.clone());
        json.map(Some)
            .map_err(|error| Problem::invalid(format!("the body is no JSON: {error}")))
    }

    /// The body, which has to be an object of these members; an absent one is empty.
    pub(super) fn object(&self, allowed: &[&str]) -> Result<Json, Problem> {
        let empty = || Json::parse("{}").map_err(|error| Problem::invalid(error.to_string()));
        let json = self.json()?.map_or_else(empty, Ok)?;
        if json.kind() != Kind::Object {
            return Err(Problem::invalid(format!(
                "the body is a JSON object with {}",
                allowed.join(", ")
            )));
        }
        for member in json.part().members() {
            let name = member.key();
            if !allowed.contains(&&*name) {
                let name = shortened(&name);
                return Err(Problem::invalid(format!(
                    "unknown `{name}`; allowed: {}",
                    allowed.join(", ")
                )));
            }
        }
        Ok(json)
    }

    /// The query has no other names than these.
    pub(super) fn check_query(&self, allowed: &[&str]) -> Result<(), Problem> {
        let known = |name: &String| allowed.contains(&name.as_str());
        match self.query.iter().find(|(name, _)| !known(name)) {
            None => Ok(()),
            Some((name, _)) => Err(Problem::invalid(format!(
                "unknown `{}` in the query; allowed: {}",
                shortened(name),
                allowed.join(", ")
            ))),
        }
    }

    /// A value of the query.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number of the query.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let found = shortened(text);
            Problem::invalid(format!("`{name}` is a whole number, found `{found}`"))
        })
    }
}

/// A text in an object.
pub(super) fn text(json: &Json, name: &str) -> Result<Option<String>, Problem> {
    match json.get(name).filter(|value| value.kind() != Kind::Null) {
        None => Ok(None),
        Some(value) => match value.part().as_str() {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(Problem::invalid(format!(
                "`{name}` is a text, found `{}`",
                shortened(value.text())
            ))),
        },
    }
}

/// A duration in an object: `"30s"`, or milliseconds.
pub(super) fn duration(json: &Json, name: &str) -> Result<Option<Duration>, Problem> {
    let Some(value) = json.get(name).filter(|value| value.kind() != Kind::Null) else {
        return Ok(None);
    };
    let found = match value.part().as_str() {
        Some(text) => lang::duration(&text),
        None => value.part().as_f64().and_then(lang::milliseconds),
    };
    let problem = || {
        Problem::invalid(format!(
            "`{name}` is a duration such as \"30s\", found `{}`",
            shortened(value.text())
        ))
    };
    found.ok_or_else(problem).map(Some)
}
