//! The times at which to ping a peer, and to give it up.
//!
//! Invariant: pure; time is an argument.

use std::time::{Duration, Instant};

/// Stands for "never" without an overflow in sums of times.
const NEVER: Duration = Duration::from_hours(365 * 24);

#[derive(Debug, Clone, Copy)]
pub(super) struct PingTimer {
    every: Duration,
    timeout: Duration,
    ping_at: Instant,
    pong_by: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PingDue {
    /// Nothing before this time.
    Wait(Instant),
    Ping,
    /// The pong did not come in time.
    Lost,
}

impl PingTimer {
    /// `every` of zero means no pings.
    pub(super) fn new(every: Duration, timeout: Duration, now: Instant) -> Self {
        let every = match every {
            Duration::ZERO => NEVER,
            some => some.min(NEVER),
        };
        Self {
            every,
            timeout: timeout.min(NEVER),
            ping_at: now + every,
            pong_by: None,
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn due(&self, now: Instant) -> PingDue {
        match self.pong_by {
            Some(by) if by <= now => PingDue::Lost,
            _ if self.ping_at <= now => PingDue::Ping,
            Some(by) => PingDue::Wait(by.min(self.ping_at)),
            None => PingDue::Wait(self.ping_at),
        }
    }

    /// Notes that a ping was sent; returns the time of the next event. A second ping does not extend the time for the
    /// first pong.
    pub(super) fn pinged(&mut self, now: Instant) -> Instant {
        self.ping_at = now + self.every;
        let by = *self.pong_by.get_or_insert(now + self.timeout);
        by.min(self.ping_at)
    }

    pub(super) fn ponged(&mut self) {
        self.pong_by = None;
    }

    /// Restarts the time for the pong: the client is not read, so its pong cannot be seen.
    pub(super) fn forgive(&mut self, now: Instant) {
        if let Some(by) = &mut self.pong_by {
            *by = now + self.timeout;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_peer_is_pinged_then_lost() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timer = PingTimer::new(Duration::from_secs(30), Duration::from_secs(10), start);
        assert_eq!(timer.due(start), PingDue::Wait(at(30)));
        assert_eq!(timer.due(at(30)), PingDue::Ping);
        assert_eq!(timer.pinged(at(30)), at(40));
        assert_eq!(timer.due(at(35)), PingDue::Wait(at(40)));
        timer.ponged();
        assert_eq!(timer.due(at(45)), PingDue::Wait(at(60)));
        timer.pinged(at(60));
        timer.forgive(at(65));
        assert_eq!(timer.due(at(70)), PingDue::Wait(at(75)));
        assert_eq!(timer.due(at(75)), PingDue::Lost);
    }

    #[test]
    fn second_ping_does_not_extend_the_wait() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timer = PingTimer::new(Duration::from_secs(2), Duration::from_secs(5), start);
        timer.pinged(at(2));
        timer.pinged(at(4));
        timer.pinged(at(6));
        assert_eq!(timer.due(at(7)), PingDue::Lost);
    }

    #[test]
    fn zero_means_never() {
        let start = Instant::now();
        let timer = PingTimer::new(Duration::ZERO, Duration::MAX, start);
        assert!(matches!(
            timer.due(start + Duration::from_secs(9_999)),
            PingDue::Wait(_)
        ));
    }
}
