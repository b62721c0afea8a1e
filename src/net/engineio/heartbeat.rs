//! The pings of a session on any transport, and the time in which its client must join a namespace.

use std::time::{Duration, Instant};

use tokio::select;
use tokio::time::sleep_until;

use super::super::close::End;
use super::super::heartbeat::{PingDue, PingTimer};
use super::session::{Session, Transport};
use crate::wire::engineio;

/// The close code of a client that joins no namespace.
const POLICY: u16 = 1008;

impl Session {
    /// Pings until a pong, or the client's join, does not come in time.
    pub(super) async fn ping(&self, opened: Instant, every: Duration) -> End {
        let mut timer = PingTimer::new(every, self.limits.pong_time, opened);
        loop {
            let now = Instant::now();
            let join_by = self.join_by();
            if join_by.is_some_and(|by| by <= now) {
                return End::Server {
                    code: POLICY,
                    reason: "no namespace was joined".to_owned(),
                };
            }
            let stalled = self.is_stalled();
            let due = match timer.due(now) {
                PingDue::Wait(until) => until,
                PingDue::Lost if !stalled => return End::NoPong(self.limits.pong_time),
                PingDue::Ping if stalled && self.is_forgotten() => return End::Gone,
                PingDue::Ping if !stalled && !self.is_muted() => {
                    if let Err(end) = self.send(engineio::PING) {
                        return end;
                    }
                    timer.pinged(now)
                }
                // Stalled or muted by a fault: no ping, and no pong is missed.
                PingDue::Ping | PingDue::Lost => {
                    timer.pinged(now);
                    timer.ponged();
                    continue;
                }
            };
            select! {
                () = sleep_until(join_by.map_or(due, |by| by.min(due)).into()) => {}
                () = self.pong.notified() => timer.ponged(),
            }
        }
    }

    /// Counts a pong as come, because the client is not read and its pong cannot be seen.
    pub(in super::super) fn forgive(&self) {
        self.pong.notify_one();
    }

    fn is_muted(&self) -> bool {
        let peer = self.state().peer.clone();
        peer.is_some_and(|peer| peer.muted())
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.state().stalled
    }

    /// The client of a stalled session has stopped polling.
    fn is_forgotten(&self) -> bool {
        let state = self.state();
        state.transport != Transport::WebSocket && !state.hanging
    }
}
