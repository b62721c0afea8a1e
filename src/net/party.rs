//! The party that talks over a WebSocket: a peer of the hub, or a session of Engine.IO.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::close::End;
use super::engineio::SessionSocket;
use super::heartbeat::{PingDue, PingTimer};
use super::write_buffer::WriteBuffer;
use crate::base::Limits;
use crate::hub::{Mailbox, Peer};
use crate::wire::ws::FrameWriter;

/// Interval at which a ping waits for room.
const RETRY: Duration = Duration::from_secs(1);

pub(super) enum Party {
    Peer { peer: Peer, pings: PingTimer },
    Session(SessionSocket),
}

impl Party {
    pub(super) fn peer(peer: Peer, limits: &Limits) -> Self {
        let pings = PingTimer::new(limits.ping_every, limits.pong_time, Instant::now());
        Self::Peer { peer, pings }
    }

    pub(super) fn mailbox(&self) -> Option<Arc<Mailbox>> {
        match self {
            Self::Peer { peer, .. } => Some(peer.mailbox().clone()),
            Self::Session(socket) => socket.mailbox(),
        }
    }

    pub(super) fn session(&self) -> Option<&SessionSocket> {
        match self {
            Self::Peer { .. } => None,
            Self::Session(socket) => Some(socket),
        }
    }

    /// Notes that reading pauses until the client has read its answers.
    pub(super) fn paused(&self) {
        match self {
            Self::Peer { peer, .. } => peer.paused(),
            Self::Session(socket) => socket.session.paused(),
        }
    }

    /// Pings when it is time. `unread` says that the client is not read, so that no pong can be seen. Returns the time of
    /// the next event.
    pub(super) fn beat(
        &mut self,
        now: Instant,
        unread: bool,
        buffer: &mut WriteBuffer,
        writer: FrameWriter,
    ) -> Result<Option<Instant>, End> {
        let pings = match self {
            Self::Peer { pings, .. } => pings,
            Self::Session(socket) => return socket.beat(now, unread),
        };
        if unread {
            pings.forgive(now);
        }
        let due = match pings.due(now) {
            PingDue::Wait(until) => until,
            PingDue::Lost => return Err(End::NoPong(pings.timeout())),
            PingDue::Ping if buffer.has_room() => {
                writer.ping(buffer.frames(), b"");
                pings.pinged(now)
            }
            PingDue::Ping => now + RETRY,
        };
        Ok(Some(due))
    }

    /// Waits for an end that comes from elsewhere.
    pub(super) async fn over(&self) {
        match self.session() {
            None => std::future::pending().await,
            Some(socket) => socket.session.over().await,
        }
    }
}
