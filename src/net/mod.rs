//! Sockets: listening, TLS, HTTP and its upgrade, and one task a connection.
//!
//! Invariant: nothing here decides about messages. Memory and time are bounded, and no client blocks another.

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
mod party;
mod peer;
mod route;
mod send_queue;
mod sleeping;
pub mod stream;
pub mod tls;
mod write_buffer;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::access::Rules;
use self::answer::Answer;
use self::engineio::{Session, Sessions};
use self::stream::Security;
use crate::hub::Hub;

/// Time for which one client's messages are handled before other tasks get their turn.
const TURN: Duration = Duration::from_millis(2);

/// The control API: answers a request whose body has arrived.
pub type Control = Arc<
    dyn Fn(hyper::Request<Bytes>) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync,
>;

/// Everything that connections share.
pub struct Net {
    hub: Hub,
    rules: Rules,
    /// `None` leaves its path to the scenario.
    control: Option<Control>,
    security: Security,
    /// Sockets that the system allows.
    max_sockets: usize,
    sockets: AtomicUsize,
    sessions: Sessions,
    pub shutdown: CancellationToken,
    /// The tasks of all connections.
    pub tasks: TaskTracker,
}

impl Net {
    pub fn new(
        hub: Hub,
        rules: Rules,
        control: Option<Control>,
        security: Security,
        max_sockets: usize,
    ) -> Self {
        Self {
            hub,
            rules,
            control,
            security,
            max_sockets,
            sockets: AtomicUsize::new(0),
            sessions: Sessions::default(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}
