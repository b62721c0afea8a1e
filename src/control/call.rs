//! One request of the control API, its parts checked one by one, and the answers and errors that all rows share.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::base::json::Json;
use crate::base::text::{listed, shortened};
use crate::hub::{Hub, query, unescaped};
use crate::lang;
use crate::net::answer::{self, Answer, HttpProblem};

pub(super) type ApiResult = Result<Answer, HttpProblem>;

/// One request and the server that it is about.
pub(super) struct ApiCall {
    pub(super) hub: Hub,
    /// The server's URLs.
    pub(super) addresses: Vec<String>,
    pub(super) method: String,
    pub(super) path: String,
    /// The path below the root, part by part, escapes resolved.
    pub(super) parts: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    content_type: String,
    body: Bytes,
}

pub(super) fn ok(body: impl Display) -> ApiResult {
    Ok(answer::json(StatusCode::OK, body.to_string()))
}

pub(super) fn items<I: Display>(items: impl IntoIterator<Item = I>) -> ApiResult {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    ok(format_args!("{{\"items\":[{}]}}", items.join(",")))
}

pub(super) fn invalid(message: impl Into<String>) -> HttpProblem {
    HttpProblem::new(StatusCode::UNPROCESSABLE_ENTITY, "INVALID_REQUEST", message)
}

pub(super) fn conflict(error: &impl Display) -> HttpProblem {
    HttpProblem::new(StatusCode::CONFLICT, "CONFLICT", error.to_string())
}

/// Steps or expressions of the scenario failed.
pub(super) fn scenario_error(message: String) -> HttpProblem {
    HttpProblem::new(StatusCode::INTERNAL_SERVER_ERROR, "SCENARIO_ERROR", message)
}

pub(super) fn missing(what: &str, name: &str, known: &[String]) -> HttpProblem {
    let (name, known) = (shortened(name), listed(known));
    HttpProblem::not_found(format!("no {what} `{name}`; known: {known}"))
}

impl ApiCall {
    pub(super) fn new(hub: Hub, addresses: Vec<String>, request: Request<Bytes>) -> ApiCall {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let below = path.strip_prefix(super::ROOT).unwrap_or_default();
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        ApiCall {
            hub,
            addresses,
            method: head.method.as_str().to_owned(),
            parts: below
                .trim_end_matches('/')
                .split('/')
                .map(unescaped)
                .collect(),
            query: query(head.uri.query().unwrap_or_default()),
            content_type: content_type.unwrap_or_default().to_lowercase(),
            path,
            body,
        }
    }

    /// The name that stands for the first `*` of the row's pattern: each has it in the second place.
    pub(super) fn name(&self) -> &str {
        &self.parts[1]
    }

    /// A body that is not declared as JSON is refused even by rows that do not read it: pages of other origins can
    /// send it without a preflight.
    pub(super) fn check_media_type(&self) -> Result<(), HttpProblem> {
        let kind = self.content_type.split(';').next().unwrap_or_default();
        let kind = kind.trim();
        if self.body.is_empty() || kind == "application/json" {
            return Ok(());
        }
        let kind = shortened(kind);
        let message = format!("a body must be `application/json`, got `{kind}`");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Err(HttpProblem::new(status, "UNSUPPORTED_MEDIA_TYPE", message)
            .hint("curl -H 'content-type: application/json'"))
    }

    /// The body as any JSON; `None` if it is empty.
    pub(super) fn json(&self) -> Result<Option<Json>, HttpProblem> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let json = Json::from_bytes(self.body.clone());
        json.map(Some)
            .map_err(|error| invalid(format!("the body is not JSON: {error}")))
    }

    /// The body as an object with the fields of `T`. An empty body is an empty object.
    pub(super) fn object<T: DeserializeOwned>(&self) -> Result<T, HttpProblem> {
        let body = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body[..]
        };
        // A map first, because of a repeated field JSON counts the last, and Serde's structs refuse it.
        let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body)
            .map_err(|error| invalid(format!("the body must be a JSON object: {error}")))?;
        let fields = fields.iter().map(|(name, value)| (name.as_str(), &**value));
        serde_path_to_error::deserialize(MapDeserializer::new(fields)).map_err(|error| {
            let (path, error) = (error.path().to_string(), error.inner().to_string());
            // Serde appends a position inside the field's value, and names an unknown field itself.
            let error = error
                .rsplit_once(" at line ")
                .map_or(&*error, |(error, _)| error);
            let error = shortened(error);
            if path == "." || error.starts_with("unknown field") {
                return invalid(error);
            }
            invalid(format!("`{path}`: {error}"))
        })
    }

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

    pub(super) fn query_value(&self, name: &str) -> Option<&str> {
        let mut all = self.query.iter().rev();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn query_number(&self, name: &str) -> Result<Option<u64>, HttpProblem> {
        let number = self.query_value(name).map(|text| {
            text.parse().map_err(|_| {
                let found = shortened(text);
                invalid(format!("`{name}` must be a whole number, got `{found}`"))
            })
        });
        number.transpose()
    }
}

/// For a field of a body: a duration such as `"30s"`, or milliseconds.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    let time = match &value {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::String(text) => lang::duration(text),
        other => other.as_f64().and_then(lang::milliseconds),
    };
    let wrong = || {
        let found = shortened(&value.to_string());
        D::Error::custom(format!("must be a duration such as \"30s\", got `{found}`"))
    };
    time.map(Some).ok_or_else(wrong)
}

/// For a field of a body: any JSON, also `null`.
pub(super) fn any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Json>, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    let json = Json::parse(raw.get().to_owned());
    json.map(Some).map_err(D::Error::custom)
}
