//! One accepted socket: plain, or with TLS on top.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hyper::StatusCode;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::answer::HttpProblem;
use super::input;

/// The first byte of a TLS connection: a handshake record.
const TLS_HELLO: u8 = 0x16;

/// TLS is boxed: its state is large, and a plain connection should not pay for it.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// The protocols that a port accepts.
#[derive(Clone)]
pub enum Security {
    Plain,
    Both(TlsAcceptor),
    TlsOnly(TlsAcceptor),
}

/// Makes the TLS handshake if the first byte begins one. `None` for a client that is refused or gone. The caller limits
/// the time.
pub(super) async fn open(
    mut tcp: TcpStream,
    address: SocketAddr,
    security: &Security,
) -> io::Result<Option<Stream>> {
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    match (first[0] == TLS_HELLO, security) {
        (true, Security::Both(acceptor) | Security::TlsOnly(acceptor)) => {
            let tls = acceptor.accept(tcp).await?;
            Ok(Some(Either::Right(Box::new(tls))))
        }
        (true, Security::Plain) => {
            tracing::warn!(%address, "closed: a TLS client on a plain port; hint: connect with `ws://` or `http://`, or serve with `--ssl`");
            Ok(None)
        }
        (false, Security::TlsOnly(_)) => {
            tracing::warn!(%address, "refused: a plain client on a port that accepts only TLS; hint: connect with `wss://` or `https://`");
            let message = "this port accepts only TLS";
            let problem = HttpProblem::new(StatusCode::BAD_REQUEST, "TLS_REQUIRED", message)
                .hint("connect with `wss://` or `https://`");
            tcp.write_all(problem.raw().as_bytes()).await?;
            input::linger(&mut tcp).await;
            Ok(None)
        }
        (false, _) => Ok(Some(Either::Left(tcp))),
    }
}

pub(super) fn tcp(stream: &Stream) -> &TcpStream {
    match stream {
        Either::Left(tcp) => tcp,
        Either::Right(tls) => tls.get_ref().0,
    }
}

/// Ends the connection with a TCP reset: the client sees neither a Close frame nor an orderly end.
pub(super) fn abort(stream: Stream) {
    if let Err(error) = tcp(&stream).set_zero_linger() {
        tracing::debug!(%error, "the socket cannot be reset");
    }
    drop(stream);
}

/// Detects a client that has hung up, without reading.
pub(super) fn hung_up(stream: &Stream) -> bool {
    let ready = pin!(tcp(stream).ready(Interest::READABLE | Interest::ERROR));
    match ready.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(ready)) => ready.is_read_closed() || ready.is_error(),
        Poll::Ready(Err(_)) => true,
        Poll::Pending => false,
    }
}
