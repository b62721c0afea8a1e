//! Sockets: listening, TLS, HTTP and its upgrade, and one task a connection.
//!
//! Invariant: it decides nothing about messages. Everything here is bounded in memory and in time, and nothing a
//! client does holds up another.

pub mod access;
pub mod answer;
mod close;
mod connection;
mod cors;
pub mod descriptors;
mod engineio;
mod handshake;
mod heartbeat;
mod http;
mod http_io;
mod input;
pub mod listener;
mod peer;
mod route;
mod send_queue;
mod sleeping;
pub mod stream;
pub mod tls;
mod write_buffer;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::access::Rules;
use self::answer::Answer;
pub use self::engineio::Sessions;
use self::stream::Security;
use crate::hub::Hub;

/// For how long what one client sends is handled before others have their turn.
const TURN: Duration = Duration::from_millis(2);

/// The control API: answers a request whose body has arrived.
pub type Control = Arc<
    dyn Fn(hyper::Request<Bytes>) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync,
>;

/// What all connections share.
pub struct Net {
    /// The world.
    pub hub: Hub,
    /// Who may come.
    pub rules: Rules,
    /// What answers under `/__mock/`; `None` leaves that path to the scenario.
    pub control: Option<Control>,
    /// TLS, plain, or both.
    pub security: Security,
    /// Ends all connections.
    pub shutdown: CancellationToken,
    /// Every task of a connection.
    pub tasks: TaskTracker,
    /// Sockets the system allows.
    pub most_sockets: usize,
    /// Sockets now.
    pub sockets: AtomicUsize,
    /// Sessions of Engine.IO.
    pub sessions: Sessions,
    /// WebSocket peers now.
    pub peers: AtomicUsize,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("rules", &self.rules)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}
