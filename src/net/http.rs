//! HTTP on one connection, by hyper, until it ends or becomes a WebSocket.
//!
//! Invariant: an unreadable request is answered with the reason in JSON, and the client has time to read it.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::select;
use tokio::time::timeout;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::answer::{Body, HttpProblem};
use super::engineio::SessionSocket;
use super::http_io::{Exchange, HttpSocket};
use super::stream::{self, Stream};
use super::{Net, input, route};
use crate::base::Limits;
use crate::hub::{Limit, Ticket, Who};

/// The smallest buffer bound that hyper accepts.
const MIN_BUFFER: usize = 8 * 1024;

/// Time for a request under way once the server stops.
const GRACE: Duration = Duration::from_secs(3);

/// One client's connection as its requests see it.
pub(super) struct HttpConnection {
    pub(super) net: Arc<Net>,
    pub(super) limits: Limits,
    pub(super) address: SocketAddr,
    pub(super) local: IpAddr,
    exchange: Arc<Exchange>,
    next: Mutex<Option<Next>>,
}

/// The use of a connection after its last request.
pub(super) enum Next {
    /// A WebSocket of a peer, with its place among the connections.
    Peer(Ticket),
    /// A WebSocket of a session of Engine.IO.
    EngineIo(SessionSocket),
    /// A fault tears the connection down in place of the answer.
    Reset,
}

#[derive(Debug, thiserror::Error)]
#[error("reset by a fault")]
struct ResetByFault;

/// A connection that has become a WebSocket.
pub(super) struct Upgraded {
    pub(super) stream: Stream,
    /// Bytes that came with the handshake.
    pub(super) arrived: BytesMut,
    pub(super) next: Next,
}

impl HttpConnection {
    pub(super) fn new(
        net: Arc<Net>,
        limits: Limits,
        address: SocketAddr,
        local: IpAddr,
    ) -> Arc<Self> {
        Arc::new(Self {
            net,
            limits,
            address,
            local,
            exchange: Arc::default(),
            next: Mutex::default(),
        })
    }

    /// Counts and logs a refused request.
    pub(super) fn refused(&self, problem: &HttpProblem) {
        let who = Who::Client(self.address);
        match problem.limit {
            Some(limit) => self.net.hub.reached(limit, who, &problem.message),
            None => tracing::warn!(peer = %who, code = problem.code, "{}", problem.words()),
        }
    }

    /// Ends HTTP after the answer to this request.
    pub(super) fn leave(&self, next: Next) {
        *self.next() = Some(next);
    }

    fn next(&self) -> MutexGuard<'_, Option<Next>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves requests. The first head has to be there within `head_time`.
pub(super) async fn serve(
    stream: Stream,
    http: Arc<HttpConnection>,
    head_time: Duration,
) -> Option<Upgraded> {
    let limits = http.limits;
    let socket = HttpSocket::new(stream, http.exchange.clone(), limits.write_time);
    let inner = http.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let http = inner.clone();
        Box::pin(async move {
            let head = http.exchange.begin();
            let answer = route::answer(&http, request, &head).await;
            match &*http.next() {
                Some(Next::Reset) => Err(ResetByFault),
                _ => Ok(answer.map(|body| AnswerBody::new(body, &http))),
            }
        })
    });
    let mut connection =
        builder(&limits, head_time).serve_connection(TokioIo::new(socket), service);
    let ended = run(&mut connection, &http).await;
    let parts = connection.into_parts();
    let (mut stream, dropped) = parts.io.into_inner().into_inner();
    let next = http.next().take();
    match (ended, next) {
        (_, Some(Next::Reset)) => {
            stream::abort(stream);
            return None;
        }
        (Ok(()), Some(next)) => {
            let arrived = BytesMut::from(&*parts.read_buf);
            return Some(Upgraded {
                stream,
                arrived,
                next,
            });
        }
        (Ok(()), None) => {}
        (Err(error), _) if is_stuck(&error) => {
            let (who, time) = (Who::Client(http.address), limits.write_time);
            let what = format_args!("dropped: it read nothing for {time:?}");
            http.net.hub.reached(Limit::WriteTime, who, what);
            return None;
        }
        (Err(error), _) => {
            // A client that hangs up between requests is not an error.
            let begun = dropped || !parts.read_buf.is_empty();
            let problem = problem(&error, &parts.read_buf, &limits).filter(|_| begun)?;
            http.refused(&problem);
            stream.write_all(problem.raw().as_bytes()).await.ok()?;
        }
    }
    input::linger(&mut stream).await;
    None
}

/// The body of an answer under way. A body of unknown length ends when the server stops.
struct AnswerBody {
    body: Body,
    exchange: Arc<Exchange>,
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl AnswerBody {
    fn new(body: Body, http: &HttpConnection) -> Self {
        let streams = body.size_hint().exact().is_none();
        let stop = || Box::pin(http.net.shutdown.clone().cancelled_owned());
        Self {
            body,
            exchange: http.exchange.clone(),
            stop: streams.then(stop),
        }
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        // Ended without an error, because clients of live feeds reconnect in either case.
        if let Some(stop) = &mut this.stop
            && stop.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        Pin::new(&mut this.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.exchange.end();
    }
}

fn builder(limits: &Limits, head_time: Duration) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_header_size(limits.head)
        .max_buf_size(limits.head.max(MIN_BUFFER));
    // hyper parses its default number of headers on the stack.
    if limits.header_lines != Limits::default().header_lines {
        builder.max_headers(limits.header_lines);
    }
    builder
}

async fn run<S>(
    connection: &mut Connection<TokioIo<HttpSocket>, S>,
    http: &HttpConnection,
) -> hyper::Result<()>
where
    S: hyper::service::HttpService<Incoming, ResBody = AnswerBody> + Unpin,
    S::Future: Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut stop = pin!(http.net.shutdown.cancelled());
    select! {
        biased;
        ended = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)) => return ended,
        () = stop.as_mut() => {}
    }
    // A request under way is answered, and is the last.
    std::pin::Pin::new(&mut *connection).graceful_shutdown();
    let rest = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx));
    timeout(GRACE, rest).await.unwrap_or(Ok(()))
}

fn is_stuck(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut)
}

/// The problem with a request that cannot be read, of which `head` has arrived.
fn problem(error: &hyper::Error, head: &[u8], limits: &Limits) -> Option<HttpProblem> {
    if error.is_parse_too_large() {
        Some(too_large(head, limits))
    } else if error.is_timeout() {
        let time = limits.head_time;
        let message = format!("the request's head did not arrive within {time:?}");
        let status = StatusCode::REQUEST_TIMEOUT;
        Some(HttpProblem::new(status, "TIMEOUT", message).limit(Limit::HeadTime))
    } else if error.is_parse() {
        let message = format!("the request cannot be read: {error}");
        Some(HttpProblem::bad_request(message))
    } else if error.is_incomplete_message() {
        let message = "the request was cut off before its head ended";
        Some(HttpProblem::bad_request(message))
    } else {
        None
    }
}

fn too_large(head: &[u8], limits: &Limits) -> HttpProblem {
    let blank = |line: &&[u8]| line.trim_ascii().is_empty();
    let lines = head.split(|&byte| byte == b'\n').skip_while(blank);
    let count = lines.skip(1).take_while(|line| !blank(line)).count();
    let (limit, message) = if count > limits.header_lines {
        let most = limits.header_lines;
        let message =
            format!("the request's head has too many lines, up to `{most}` headers are allowed");
        (Limit::HeaderLines, message)
    } else {
        let most = limits.head;
        let message = format!("the request's head is too large, up to `{most}` bytes are allowed");
        (Limit::Head, message)
    };
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    HttpProblem::new(status, "HEAD_TOO_LARGE", message).limit(limit)
}
