//! What is told of a limit that was reached: a count, and a line that names who, how much and what changes it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::PoisonError;

use crate::base::Limit;
use crate::base::text::shortened;
use crate::world::PeerId;

use super::entry::{About, NO_PEER};
use super::{Hub, NameId};

/// Who causes an event, or reaches a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A peer.
    Peer(PeerId),
    /// A client that is no peer, or not yet.
    Client(SocketAddr),
    /// A timer, a trigger or the control API.
    Nobody,
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

/// Lines a second about one limit, and about handlers that fail: no one reads more, and a client that causes them
/// would fill a disk.
const LINES: u32 = 100;

/// What is told again and again.
#[derive(Debug, Default)]
pub(super) struct Told {
    second: u64,
    lines: u32,
    untold: u64,
}

impl Told {
    /// Whether to tell it in this second; if so, how often it was left out since it was told last.
    fn again(&mut self, second: u64) -> Option<u64> {
        if self.second != second {
            self.second = second;
            self.lines = 0;
        }
        if self.lines == LINES {
            self.untold += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

impl Hub {
    /// Counts a limit and logs it; `what` says what happened, with the figure.
    pub fn reached(&self, limit: Limit, who: Who, what: impl fmt::Display) {
        self.0.metrics.limit(limit);
        if let Some(untold) = self.tell(limit.name()) {
            let untold = left_out(untold);
            tracing::warn!(limit = limit.name(), peer = %who, untold, "{what}; {}", limit.hint());
        }
    }

    /// Logs that a handler failed.
    pub(super) fn failed(&self, place: &str, why: &str, who: Who) {
        if let Some(untold) = self.tell("a handler failed") {
            let untold = left_out(untold);
            tracing::error!(target: "scenario", %place, ?why, peer = %who, untold, "a handler failed");
        }
    }

    /// Logs, counts and journals a request for a path that nothing serves; `what` is such as `GET /nope`.
    pub fn unmatched(&self, who: Who, what: &str) {
        self.0.metrics.unmatched.inc();
        if let Some(untold) = self.tell("no such path") {
            let (request, untold) = (shortened(what), left_out(untold));
            tracing::warn!(peer = %who, request, untold, "nothing is served at this path");
        }
        let mut batch = self.0.journal.batch();
        let about = About {
            time: self.clock().1,
            peer: NO_PEER,
            inward: true,
            text: true,
            name: NameId::default(),
            size: what.len(),
        };
        batch.heard(about, what.as_bytes());
        let cost = self.0.journal.note(batch);
        self.journal_cost(who, &cost);
    }

    /// Whether to log something of this kind, and how often that was left out before.
    fn tell(&self, what: &'static str) -> Option<u64> {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let second = self.0.started.elapsed().as_secs();
        told.entry(what).or_default().again(second)
    }

    /// The same of a limit that takes nothing from anybody.
    pub fn noted(&self, limit: Limit, who: Who, what: impl fmt::Display) {
        self.0.metrics.limit(limit);
        tracing::info!(limit = limit.name(), peer = %who, "{what}; {}", limit.hint());
    }
}

/// A field that is there when it says something.
fn left_out(untold: u64) -> Option<u64> {
    (untold > 0).then_some(untold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_too_often_is_counted_until_the_next_second() {
        let mut told = Told::default();
        for _ in 0..LINES {
            assert_eq!(told.again(7), Some(0));
        }
        assert_eq!((told.again(7), told.again(7)), (None, None));
        assert_eq!((told.again(8), told.again(8)), (Some(2), Some(0)));
    }
}
