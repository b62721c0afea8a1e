//! A session's pings, on whichever way the client is, and how long it may be in no namespace.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout_at};

use super::super::close::End;
use super::session::{RARELY, Session, Transport};
use crate::wire::engineio;

impl Session {
    /// Pings so long after the last pong, for as long as pongs come.
    pub(super) async fn beat(&self, opened: Instant, every: Duration) -> End {
        let mut ping_at = opened + every;
        loop {
            let join_by = self.join_by();
            sleep_until(join_by.map_or(ping_at, |by| by.min(ping_at)).into()).await;
            let now = Instant::now();
            if self.join_by().is_some_and(|by| by <= now) {
                return End::Told {
                    code: 1008,
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
            // Pongs that nobody had asked for answer nothing.
            while pin!(self.pong.notified()).enable() {}
            if let Err(end) = self.say(engineio::PING) {
                return end;
            }
            let pong = timeout_at(pong_by.into(), self.pong.notified()).await;
            if pong.is_err() && !self.is_stalled() {
                return End::Lost(self.limits.pong_time);
            }
            ping_at = Instant::now() + every;
        }
    }

    /// Nothing of what was sent can be read now, a pong neither: it counts as come.
    pub(super) fn forgive(&self) {
        self.pong.notify_one();
    }

    fn is_muted(&self) -> bool {
        let peer = self.state().peer.clone();
        peer.is_some_and(|peer| peer.muted())
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.state().stalled
    }

    /// Stalled, and the client asks no more.
    fn is_forgotten(&self) -> bool {
        let state = self.state();
        state.transport != Transport::WebSocket && !state.hanging
    }
}
