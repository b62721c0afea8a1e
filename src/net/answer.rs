//! Answers of the server's own over HTTP: errors as JSON, whatever went wrong.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::hub::{HttpAnswer, Limit};

/// An answer whose body is there at once.
pub(super) type Answer = Response<Full<Bytes>>;

/// An error that a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// A word for programs.
    pub(super) code: &'static str,
    /// Words for people.
    pub(super) message: String,
    /// The limit that was reached.
    pub(super) limit: Option<Limit>,
}

impl Problem {
    /// A problem with this status, code and words.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            limit: None,
        }
    }

    /// A problem that is a limit reached.
    pub(super) fn limit(
        limit: Limit,
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            limit: Some(limit),
            ..Self::new(status, code, message)
        }
    }

    /// `{"error":{"code":…,"message":…}}`
    pub(super) fn body(&self) -> String {
        serde_json::json!({ "error": { "code": self.code, "message": self.message } }).to_string()
    }

    /// The bytes of an answer where no HTTP server can give one, after which the connection ends.
    pub(super) fn raw(&self) -> String {
        let body = self.body();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let mut answer = Response::new(Full::from(problem.body()));
        *answer.status_mut() = problem.status;
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        answer
    }
}

/// What the hub answers, as an HTTP response. A header that HTTP cannot carry is left out, and the log says so.
pub(super) fn from_hub(given: HttpAnswer) -> Answer {
    let mut answer = Response::new(Full::new(given.body));
    *answer.status_mut() =
        StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in given.headers {
        if let Ok(name) = HeaderName::try_from(name.as_str())
            && let Ok(value) = HeaderValue::try_from(value.as_str())
        {
            answer.headers_mut().append(name, value);
        } else {
            tracing::warn!(?name, ?value, "a header of the answer cannot be sent");
        }
    }
    answer
}
