//! The pings of a session on any transport, and the time in which its client must join a namespace.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout_at};

use super::super::close::End;
use super::session::{RARELY, Session, Transport};
use crate::wire::engineio;

/// The close code of a client that joins no namespace.
const POLICY: u16 = 1008;

impl Session {
    /// Pings `every` so often after the last pong, until a pong or the client's join does not come in time.
    pub(super) async fn ping(&self, opened: Instant, every: Duration) -> End {
        let mut ping_at = opened + every;
        loop {
            let join_by = self.join_by();
            sleep_until(join_by.map_or(ping_at, |by| by.min(ping_at)).into()).await;
            let now = Instant::now();
            if self.join_by().is_some_and(|by| by <= now) {
                return End::Server {
                    code: POLICY,
                    reason: "no namespace was joined".to_owned(),
                };
            }
            if now < ping_at {
                continue;
            }
            let pong_by = ping_at + self.limits.pong_time.min(RARELY);
            ping_at = now + every;
            if self.is_stalled() {
                if self.is_forgotten() {
                    return End::Gone;
                }
                continue;
            }
            if self.is_muted() || self.limits.ping_every.is_zero() {
                continue;
            }
            // An earlier, unsolicited pong must not answer this ping.
            while pin!(self.pong.notified()).enable() {}
            if let Err(end) = self.send(engineio::PING) {
                return end;
            }
            let pong = timeout_at(pong_by.into(), self.pong.notified()).await;
            if pong.is_err() && !self.is_stalled() {
                return End::NoPong(self.limits.pong_time);
            }
            ping_at = Instant::now() + every;
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

    /// Whether the client of a stalled session polls no more.
    fn is_forgotten(&self) -> bool {
        let state = self.state();
        state.transport != Transport::WebSocket && !state.hanging
    }
}
