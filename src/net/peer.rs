//! The life of a socket, from its accept to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::Net;
use super::close::End;
use super::connection::{self, Connection};
use super::http::{self, HttpConnection, Next};
use super::party::Party;
use super::stream::{self, Stream};
use crate::base::Limits;
use crate::hub::{Hub, Limit, Peer, PeerId, Who};

/// Time for the answer to a close once the server stops, which takes five seconds in all.
const LAST_CLOSE: Duration = Duration::from_secs(3);

/// A place among the sockets; dropping it frees the place.
struct SocketPlace<'n>(&'n AtomicUsize);

impl<'n> SocketPlace<'n> {
    fn take(net: &'n Net) -> Option<Self> {
        let place = Self(&net.sockets);
        (net.sockets.fetch_add(1, Relaxed) < net.max_sockets).then_some(place)
    }
}

impl Drop for SocketPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Serves a socket until it ends. The phases before the WebSocket are boxed, so that an open one does not pay for them.
pub(super) async fn serve(tcp: TcpStream, address: SocketAddr, net: Arc<Net>) {
    let Some(_place) = SocketPlace::take(&net) else {
        let most = net.max_sockets;
        let what = format_args!("refused: file descriptors allow no more than {most} connections");
        net.hub
            .reached(Limit::Descriptors, Who::Client(address), what);
        return;
    };
    let limits = net.hub.limits();
    let opening = Box::pin(open(tcp, address, &net, limits));
    let Some(Some((stream, http, head_time))) = net.shutdown.run_until_cancelled(opening).await
    else {
        return;
    };
    let upgraded = Box::pin(http::serve(stream, http, head_time)).await;
    if let Some(upgraded) = upgraded {
        let party = match upgraded.next {
            Next::Peer(ticket) => {
                let peer = net.hub.connect(ticket);
                log_connected(&net.hub, &peer, address);
                Party::peer(peer, &limits)
            }
            Next::EngineIo(socket) => Party::Session(socket),
            Next::Reset => return,
        };
        let connection = Connection::new(upgraded.stream, upgraded.arrived, party, &limits);
        converse(connection, address, &net, limits.close_time).await;
    }
}

async fn open(
    tcp: TcpStream,
    address: SocketAddr,
    net: &Arc<Net>,
    limits: Limits,
) -> Option<(Stream, Arc<HttpConnection>, Duration)> {
    let by = Instant::now() + limits.head_time;
    match timeout_at(by.into(), stream::open(tcp, address, &net.security)).await {
        Ok(Ok(stream)) => {
            let stream = stream?;
            let local = stream::tcp(&stream).local_addr().ok()?.ip();
            let http = HttpConnection::new(net.clone(), limits, address, local);
            Some((stream, http, by.saturating_duration_since(Instant::now())))
        }
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "TLS handshake failed; hint: `ws-mock certs` shows how to trust the certificate");
            None
        }
        Err(_) => {
            let time = limits.head_time;
            let what =
                format_args!("closed: no request, or no finished TLS handshake, within {time:?}");
            net.hub.reached(Limit::HeadTime, Who::Client(address), what);
            None
        }
    }
}

async fn converse(connection: Connection, address: SocketAddr, net: &Net, close_time: Duration) {
    let shutdown = net.shutdown.child_token();
    let Some((connection, end)) = connection::talk(connection, &shutdown).await else {
        return;
    };
    let (party, farewell) = connection.part();
    let who = match party {
        Party::Peer { peer, .. } => {
            let id = peer.id();
            if let Some(limit) = end.limit() {
                net.hub.reached(limit, Who::Peer(id), &end);
            }
            peer.closed(end.code());
            drop(peer);
            log_disconnected(&net.hub, id, address, &end);
            Who::Peer(id)
        }
        Party::Session(socket) => socket.close(&end),
    };
    // The whole server stops in five seconds.
    let stops = net.shutdown.is_cancelled();
    let time = if stops {
        close_time.min(LAST_CLOSE)
    } else {
        close_time
    };
    // Once the server stops, a client may have no time to answer.
    if Box::pin(farewell.say(end, time)).await.is_err() && !net.shutdown.is_cancelled() {
        let what = format_args!("dropped: it did not answer the close within {time:?}");
        net.hub.reached(Limit::CloseTime, who, what);
    }
}

pub(super) fn log_connected(hub: &Hub, peer: &Peer, address: SocketAddr) {
    let clients = hub.metrics().open.get();
    tracing::info!(peer = format_args!("c{}", peer.id()), %address, clients, "connected");
}

pub(super) fn log_disconnected(hub: &Hub, peer: PeerId, address: SocketAddr, end: &End) {
    let (clients, code) = (hub.metrics().open.get(), end.code());
    tracing::info!(peer = format_args!("c{peer}"), %address, code, why = %end, clients, "disconnected");
}
