//! One accepted socket: plain, or with TLS on top.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of a TLS connection: a handshake record.
const TLS_HELLO: u8 = 0x16;

/// A connection, whatever lies below.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Plain(TcpStream),
    /// Encrypted. Boxed: what rustls keeps is large, and plain connections should not pay for it.
    Tls(Box<TlsStream<TcpStream>>),
}

/// What becomes of a socket once its first byte is seen.
#[derive(Debug)]
pub enum Opened {
    /// It can be talked to.
    Ready(Stream),
    /// It speaks TLS, and there is none here.
    TlsUnknown,
    /// It does not speak TLS, and must.
    PlainRefused(TcpStream),
    /// It went away without a word.
    Gone,
}

/// Which of TLS and plain a port takes.
#[derive(Clone)]
pub enum Security {
    /// No TLS.
    Plain,
    /// Either.
    Both(TlsAcceptor),
    /// Nothing but TLS.
    Only(TlsAcceptor),
}

/// Looks at the first byte and makes the TLS handshake if that is what it begins. The caller limits the time.
pub async fn open(tcp: TcpStream, security: &Security) -> io::Result<Opened> {
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Ok(Opened::Gone);
    }
    match (first[0] == TLS_HELLO, security) {
        (true, Security::Both(acceptor) | Security::Only(acceptor)) => {
            let tls = acceptor.accept(tcp).await?;
            Ok(Opened::Ready(Stream::Tls(Box::new(tls))))
        }
        (true, Security::Plain) => Ok(Opened::TlsUnknown),
        (false, Security::Only(_)) => Ok(Opened::PlainRefused(tcp)),
        (false, _) => Ok(Opened::Ready(Stream::Plain(tcp))),
    }
}

impl Stream {
    /// The socket below.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    /// The server's own address as this connection sees it.
    pub fn local_ip(&self) -> io::Result<IpAddr> {
        Ok(self.tcp().local_addr()?.ip())
    }

    /// Ends it with a TCP reset: the other side sees neither a close frame nor an orderly end.
    pub fn abort(self) {
        if let Err(error) = self.tcp().set_zero_linger() {
            tracing::debug!(%error, "the socket takes no reset");
        }
    }

    /// Whether the other side has hung up, seen without reading.
    pub fn hung_up(&self) -> bool {
        let interest = Interest::READABLE | Interest::ERROR;
        let seen = std::pin::pin!(self.tcp().ready(interest));
        match seen.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed() || ready.is_error(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, pieces),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Both(_) => "Both",
            Self::Only(_) => "Only",
        })
    }
}
