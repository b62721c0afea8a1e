//! HTTP answers: one body type for all of them, and one error type that becomes JSON.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

use crate::base::json::write;
use crate::hub::{HttpAnswer, Limit};

/// A whole body, or one that is sent while it is produced.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

pub type Answer = Response<Body>;

/// Chunks that a streaming body holds ahead of its client.
const MAX_CHUNKS_AHEAD: usize = 4;

/// An error answer: `{"error":{"code":…,"message":…}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProblem {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// Follows the message, as the thing to do about it.
    pub hint: Option<String>,
    /// The limit that was reached, for its counter.
    pub limit: Option<Limit>,
    /// Headers that the status requires, such as `Allow`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl HttpProblem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            hint: None,
            limit: None,
            headers: Vec::new(),
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// A method that is not among the allowed ones.
    pub fn method(message: impl Into<String>, allowed: &str) -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let problem = Self::new(status, "METHOD_NOT_ALLOWED", message);
        match HeaderValue::from_str(allowed) {
            Ok(allowed) => problem.header(ALLOW, allowed),
            Err(_) => problem,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Ends the connection after the answer: the rest of the request is not read.
    #[must_use]
    pub fn closing(self) -> Self {
        self.header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// The message with its hint.
    pub fn words(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; hint: {hint}", self.message),
            None => self.message.clone(),
        }
    }

    fn body(&self) -> String {
        let mut out = String::from("{\"error\":{\"code\":");
        write::string(&mut out, self.code);
        out.push_str(",\"message\":");
        write::string(&mut out, &self.words());
        out.push_str("}}");
        out
    }

    /// The answer's bytes, for a connection on which hyper cannot answer any more. The connection ends after them.
    pub(super) fn raw(&self) -> String {
        let body = self.body();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }
}

impl From<HttpProblem> for Answer {
    fn from(problem: HttpProblem) -> Self {
        let mut answer = json(problem.status, problem.body());
        answer.headers_mut().extend(problem.headers);
        answer
    }
}

pub fn empty(status: StatusCode) -> Answer {
    full(status, Bytes::new())
}

pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, "application/json; charset=utf-8", body)
}

pub fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = full(status, body);
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// An answer whose body `producer` sends chunk by chunk. Sending waits while the client reads slower. The connection
/// polls the producer and drops it when the client goes or the server stops.
pub fn streaming<F>(
    content_type: &'static str,
    producer: impl FnOnce(mpsc::Sender<Bytes>) -> F,
) -> Answer
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, chunks) = mpsc::channel(MAX_CHUNKS_AHEAD);
    let producer = Box::pin(producer(sender));
    let body = StreamingBody {
        producer: Some(producer),
        chunks,
    };
    let mut answer = Response::new(body.boxed_unsync());
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

struct StreamingBody {
    /// `None` once it has returned.
    producer: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    chunks: mpsc::Receiver<Bytes>,
}

impl hyper::body::Body for StreamingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        // The producer runs only while hyper asks for the body, so it needs no task and no shutdown of its own.
        if let Some(producer) = &mut this.producer
            && producer.as_mut().poll(cx).is_ready()
        {
            this.producer = None;
        }
        this.chunks
            .poll_recv(cx)
            .map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

fn full(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// An answer of the hub. A header that HTTP cannot carry is left out with a warning.
pub(super) fn from_hub(given: HttpAnswer) -> Answer {
    let status = StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = full(status, given.body);
    for (name, value) in given.headers {
        if let Ok(name) = HeaderName::try_from(name.as_str())
            && let Ok(value) = HeaderValue::try_from(value.as_str())
        {
            answer.headers_mut().append(name, value);
        } else {
            tracing::warn!(
                ?name,
                ?value,
                "header left out: it contains characters that HTTP does not allow"
            );
        }
    }
    answer
}
