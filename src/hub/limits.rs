//! What is told of a limit that was reached: a count, and a line that names who, how much and what changes it.

use std::fmt;
use std::net::SocketAddr;

use crate::scenario::Limit;
use crate::world::PeerId;

use super::Hub;

/// Who causes an event, or reaches a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A peer.
    Peer(PeerId),
    /// A client that is no peer, or not yet.
    Client(SocketAddr),
    /// Nobody outside: a timer, a trigger, the control API.
    Nobody,
}

impl Who {
    /// The peer that it is.
    pub(super) fn peer(self) -> Option<PeerId> {
        match self {
            Who::Peer(id) => Some(id),
            Who::Client(_) | Who::Nobody => None,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Peer(id) => write!(f, "c{id}"),
            Who::Client(address) => address.fmt(f),
            Who::Nobody => f.write_str("none"),
        }
    }
}

impl Hub {
    /// Counts a limit and logs it; `what` says what happened, with the figure.
    pub fn reached(&self, limit: Limit, who: Who, what: impl fmt::Display) {
        self.0.metrics.limit(limit);
        tracing::warn!(limit = limit.name(), peer = %who, "{what}; {}", limit.hint());
    }

    /// The same of a limit that takes nothing from anybody.
    pub fn noted(&self, limit: Limit, who: Who, what: impl fmt::Display) {
        self.0.metrics.limit(limit);
        tracing::info!(limit = limit.name(), peer = %who, "{what}; {}", limit.hint());
    }
}
