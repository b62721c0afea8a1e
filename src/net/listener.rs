//! The listening sockets, and the loop that accepts.
//!
//! Invariant: nothing here waits for a client.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::select;
use tokio::time::sleep;

use super::{Net, peer};

/// Connections that the system completes ahead of their accept; it may allow fewer.
const BACKLOG: i32 = 4096;

/// Attempts to find a port that is free on every address.
const MAX_TRIES: usize = 32;

/// The first and the longest pause while the system has no more descriptors.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "port `{port}` on `{address}` is taken; hint: stop what listens there, or choose another with `--port`"
    )]
    Taken { address: IpAddr, port: u16 },
    #[error("cannot listen on port `{port}` of `{address}`: {cause}")]
    Failed {
        address: IpAddr,
        port: u16,
        cause: io::Error,
    },
}

/// Sockets that own their port. Clients are refused until they listen.
#[derive(Debug)]
pub struct Bound {
    sockets: Vec<(Socket, IpAddr)>,
    port: u16,
}

impl Bound {
    pub fn listen(self) -> Result<Vec<TcpListener>, BindError> {
        let listen = |(socket, address): (Socket, IpAddr)| {
            socket
                .listen(BACKLOG)
                .and_then(|()| TcpListener::from_std(socket.into()))
                .map_err(|cause| BindError::new(address, self.port, cause))
        };
        self.sockets.into_iter().map(listen).collect()
    }
}

impl BindError {
    fn new(address: IpAddr, port: u16, cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken { address, port },
            _ => BindError::Failed {
                address,
                port,
                cause,
            },
        }
    }
}

/// Binds all addresses to one port. An address that this machine does not have is left out, as long as there
/// is another: `localhost` means `::1` too, which containers often lack.
pub fn bind(addresses: &[IpAddr], port: u16) -> Result<Bound, BindError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match bind_all(addresses, port) {
            Err(BindError::Taken { .. }) if port == 0 && tries < MAX_TRIES => {}
            bound => return bound,
        }
    }
}

fn bind_all(addresses: &[IpAddr], port: u16) -> Result<Bound, BindError> {
    let mut port = port;
    let mut sockets = Vec::with_capacity(addresses.len());
    let mut missing = None;
    for &address in addresses {
        let failed = |cause| BindError::new(address, port, cause);
        match bind_one(SocketAddr::new(address, port)) {
            Ok(socket) => {
                let local = socket.local_addr().map_err(failed)?;
                port = local.as_socket().map_or(port, |local| local.port());
                sockets.push((socket, address));
            }
            Err(error) if is_missing(&error) => {
                tracing::debug!(%address, %error, "this machine does not have the address");
                missing = Some(failed(error));
            }
            Err(error) => return Err(failed(error)),
        }
    }
    match missing {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(Bound { sockets, port }),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

/// The error of a system without IPv6.
#[cfg(target_os = "linux")]
const NO_SUCH_FAMILY: i32 = 97;
#[cfg(target_os = "windows")]
const NO_SUCH_FAMILY: i32 = 10047;
#[cfg(not(any(target_os = "linux", target_os = "windows")))]
const NO_SUCH_FAMILY: i32 = 47;

fn bind_one(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restarted server gets its port at once. On Windows this would let two servers share a port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Accepts until the server stops.
pub async fn accept(listener: TcpListener, net: Arc<Net>) {
    let mut pause = PAUSE.0;
    loop {
        let accepted = select! {
            biased;
            () = net.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, address)) => {
                pause = PAUSE.0;
                // Frames are gathered before they are written, so Nagle's algorithm would only delay them.
                if let Err(error) = tcp.set_nodelay(true) {
                    tracing::debug!(%address, %error, "the client went before it was served");
                    continue;
                }
                net.tasks.spawn(peer::serve(tcp, address, net.clone()));
            }
            Err(error) if is_of_the_client(&error) => {
                tracing::debug!(%error, "a client went away before it was accepted");
            }
            Err(error) => {
                tracing::warn!(%error, ?pause, "cannot accept now; hint: `ulimit -n` raises the number of open files");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
