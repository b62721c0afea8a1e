//! A socket's life from the accept to the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::answer::HttpProblem;
use super::connection::Connection;
use super::http::{self, Next, Visit};
use super::stream::{self, Opened, Stream};
use super::{Net, engineio, input};
use crate::base::Limits;
use crate::hub::{Limit, Ticket, Who};

/// How long a close may go unanswered once the server stops: it has five seconds in all.
const LAST_CLOSE: Duration = Duration::from_secs(3);

/// Counts something for as long as it lives.
#[derive(Debug)]
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// One more; answers how many there are with it.
    pub(super) fn new(count: &'a AtomicUsize) -> (Self, usize) {
        let now = count.fetch_add(1, Relaxed) + 1;
        (Self(count), now)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Serves a socket until it ends. What lives only until the WebSocket is open is boxed, so that its memory goes then.
pub(super) async fn serve(tcp: TcpStream, address: SocketAddr, net: Arc<Net>) {
    let (_socket, sockets) = Counted::new(&net.sockets);
    if sockets > net.most_sockets {
        let what = format_args!(
            "refused: file descriptors allow no more than {} connections",
            net.most_sockets
        );
        net.hub
            .reached(Limit::Descriptors, Who::Client(address), what);
        return;
    }
    let limits = net.hub.limits();
    let opening = Box::pin(open(tcp, address, &net, limits));
    let Some(Some(opening)) = net.shutdown.run_until_cancelled(opening).await else {
        return;
    };
    let opening = Box::pin(http::serve(opening.0, opening.1, opening.2)).await;
    if let Some(opening) = opening {
        match opening.next {
            Next::Peer(ticket) => {
                talk(
                    (opening.stream, opening.arrived),
                    ticket,
                    address,
                    &net,
                    limits,
                )
                .await;
            }
            Next::EngineIo(way) => {
                engineio::talk(opening.stream, opening.arrived, way, &net, limits).await;
            }
        }
    }
}

type Ready = (Stream, Arc<Visit>, Duration);

async fn open(
    tcp: TcpStream,
    address: SocketAddr,
    net: &Arc<Net>,
    limits: Limits,
) -> Option<Ready> {
    let by = Instant::now() + limits.head_time;
    let opened = match timeout_at(by.into(), stream::open(tcp, &net.security)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "no TLS connection came about; hint: `ws-mock certs` tells how to trust the certificate");
            return None;
        }
        Err(_) => {
            let what = format_args!(
                "closed: nothing was asked, or the TLS handshake not ended, within {:?}",
                limits.head_time
            );
            net.hub.reached(Limit::HeadTime, Who::Client(address), what);
            return None;
        }
    };
    match opened {
        Opened::Ready(stream) => {
            let local = stream.local_ip().ok()?;
            let visit = Visit::new(net.clone(), limits, address, local);
            Some((stream, visit, by.saturating_duration_since(Instant::now())))
        }
        Opened::TlsUnknown => {
            tracing::warn!(%address, "closed: a TLS client on a plain port; hint: connect with `ws://` or `http://`, or serve with `--ssl`");
            None
        }
        Opened::PlainRefused(tcp) => {
            tracing::warn!(%address, "refused: a plain client where only TLS is taken; hint: connect with `wss://` or `https://`");
            refuse_plain(tcp).await;
            None
        }
        Opened::Gone => None,
    }
}

async fn refuse_plain(mut tcp: TcpStream) {
    let status = hyper::StatusCode::BAD_REQUEST;
    let problem = HttpProblem::new(status, "TLS_REQUIRED", "this port accepts only TLS")
        .hint("connect with `wss://` or `https://`");
    if tcp.write_all(problem.raw().as_bytes()).await.is_ok() {
        input::linger(&mut tcp).await;
    }
}

async fn talk(
    (stream, arrived): (Stream, BytesMut),
    ticket: Ticket,
    address: SocketAddr,
    net: &Net,
    limits: Limits,
) {
    let peer = net.hub.connect(ticket);
    let id = peer.id();
    let (counted, clients) = Counted::new(&net.peers);
    tracing::info!(peer = format_args!("c{id}"), %address, clients, "connected");
    let connection = Box::new(Connection::new(stream, arrived, peer, limits));
    let shutdown = net.shutdown.child_token();
    let (connection, end) = connection.talk(&shutdown).await;
    drop(counted);
    let clients = net.peers.load(Relaxed);
    let code = end.code();
    tracing::info!(peer = format_args!("c{id}"), %address, code, why = %end, clients, "disconnected");
    if let Some(limit) = end.limit() {
        net.hub.reached(limit, Who::Peer(id), &end);
    }
    let time = close_time(net, limits);
    if Box::pin(connection.part(end, time)).await.is_err() {
        unanswered(net, Who::Peer(id), time);
    }
}

/// Tells of a close that was not answered in time; once the server stops there is no time for more.
pub(super) fn unanswered(net: &Net, who: Who, time: Duration) {
    if !net.shutdown.is_cancelled() {
        let what = format_args!("dropped: it did not answer the close within {time:?}");
        net.hub.reached(Limit::CloseTime, who, what);
    }
}

/// How long a close may go unanswered.
pub(super) fn close_time(net: &Net, limits: Limits) -> Duration {
    if net.shutdown.is_cancelled() {
        limits.close_time.min(LAST_CLOSE)
    } else {
        limits.close_time
    }
}
