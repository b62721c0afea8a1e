//! A request of the control API, checked part by part.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};

use crate::base::json::{Json, Kind};
use crate::base::text::{listed, shortened};
use crate::hub::{query, unescaped};
use crate::lang;
use crate::net::answer::{self, Answer, HttpProblem};

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

pub(super) fn ok(body: String) -> Answer {
    answer::json(StatusCode::OK, body)
}

pub(super) fn items(items: impl IntoIterator<Item = String>) -> Answer {
    let items: Vec<String> = items.into_iter().collect();
    ok(format!("{{\"items\":[{}]}}", items.join(",")))
}

pub(super) fn invalid(message: impl Into<String>) -> HttpProblem {
    HttpProblem::new(StatusCode::UNPROCESSABLE_ENTITY, "INVALID_REQUEST", message)
}

pub(super) fn missing(what: &str, name: &str, known: &[String]) -> HttpProblem {
    let (name, known) = (shortened(name), listed(known));
    HttpProblem::not_found(format!("no {what} `{name}`; known: {known}"))
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
    pub(super) fn check_media_type(&self) -> Result<(), HttpProblem> {
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
        let message = format!("a body must be `application/json`, got `{kind}`");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Err(HttpProblem::new(status, "UNSUPPORTED_MEDIA_TYPE", message)
            .hint("curl -H 'content-type: application/json'"))
    }

    /// The body, which has to be JSON; `None` when there is none.
    pub(super) fn json(&self) -> Result<Option<Json>, HttpProblem> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let json = Json::from_bytes(self.body.clone());
        json.map(Some)
            .map_err(|error| invalid(format!("the body is no JSON: {error}")))
    }

    /// The body, which has to be an object of these members; an absent one is empty.
    pub(super) fn object(&self, allowed: &[&str]) -> Result<Json, HttpProblem> {
        let empty = || Json::parse("{}").map_err(|error| invalid(error.to_string()));
        let json = self.json()?.map_or_else(empty, Ok)?;
        if json.kind() != Kind::Object {
            return Err(invalid(format!(
                "the body is a JSON object with {}",
                allowed.join(", ")
            )));
        }
        for member in json.part().members() {
            let name = member.key();
            if !allowed.contains(&&*name) {
                let name = shortened(&name);
                return Err(invalid(format!(
                    "unknown `{name}`; allowed: {}",
                    allowed.join(", ")
                )));
            }
        }
        Ok(json)
    }

    /// The query has no other names than these.
    pub(super) fn check_query(&self, allowed: &[&str]) -> Result<(), HttpProblem> {
        let known = |name: &String| allowed.contains(&name.as_str());
        match self.query.iter().find(|(name, _)| !known(name)) {
            None => Ok(()),
            Some((name, _)) => Err(invalid(format!(
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
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, HttpProblem> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let found = shortened(text);
            invalid(format!("`{name}` is a whole number, found `{found}`"))
        })
    }
}

/// A text in an object.
pub(super) fn text(json: &Json, name: &str) -> Result<Option<String>, HttpProblem> {
    match json.get(name).filter(|value| value.kind() != Kind::Null) {
        None => Ok(None),
        Some(value) => match value.part().as_str() {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(invalid(format!(
                "`{name}` is a text, found `{}`",
                shortened(value.text())
            ))),
        },
    }
}

/// A duration in an object: `"30s"`, or milliseconds.
pub(super) fn duration(json: &Json, name: &str) -> Result<Option<Duration>, HttpProblem> {
    let Some(value) = json.get(name).filter(|value| value.kind() != Kind::Null) else {
        return Ok(None);
    };
    let found = match value.part().as_str() {
        Some(text) => lang::duration(&text),
        None => value.part().as_f64().and_then(lang::milliseconds),
    };
    let problem = || {
        invalid(format!(
            "`{name}` is a duration such as \"30s\", found `{}`",
            shortened(value.text())
        ))
    };
    found.ok_or_else(problem).map(Some)
}
