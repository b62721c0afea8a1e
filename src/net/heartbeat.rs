//! When to ping a peer, and when to give it up.
//!
//! Invariant: pure; time comes in as an argument.

use std::time::{Duration, Instant};

/// Later than any server runs; keeps sums of times from overflowing.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// One peer's pings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heartbeat {
    every: Duration,
    timeout: Duration,
    ping_at: Instant,
    pong_by: Option<Instant>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing before this moment.
    Wait(Instant),
    /// Send a ping.
    Ping,
    /// It has not answered in time.
    Lost,
}

impl Heartbeat {
    /// Pings every so often; zero for never.
    pub(super) fn new(every: Duration, timeout: Duration, now: Instant) -> Self {
        let every = match every {
            Duration::ZERO => LONGEST,
            some => some.min(LONGEST),
        };
        Self {
            every,
            timeout: timeout.min(LONGEST),
            ping_at: now + every,
            pong_by: None,
        }
    }

    /// What to do now.
    pub(super) fn look(&self, now: Instant) -> Beat {
        match self.pong_by {
            Some(by) if by <= now => Beat::Lost,
            _ if self.ping_at <= now => Beat::Ping,
            Some(by) => Beat::Wait(by.min(self.ping_at)),
            None => Beat::Wait(self.ping_at),
        }
    }

    /// A ping was sent; answers when to look again.
    pub(super) fn asked(&mut self, now: Instant) -> Instant {
        self.ping_at = now + self.every;
        let by = *self.pong_by.get_or_insert(now + self.timeout);
        by.min(self.ping_at)
    }

    /// A pong has come.
    pub(super) fn heard(&mut self) {
        self.pong_by = None;
    }

    /// Nothing is being read, so no pong can be seen: the wait begins anew.
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
    fn a_peer_is_pinged_and_given_up() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut heart = Heartbeat::new(Duration::from_secs(30), Duration::from_secs(10), start);
        assert_eq!(heart.look(start), Beat::Wait(at(30)));
        assert_eq!(heart.look(at(30)), Beat::Ping);
        assert_eq!(heart.asked(at(30)), at(40));
        assert_eq!(heart.look(at(35)), Beat::Wait(at(40)));
        heart.heard();
        assert_eq!(heart.look(at(45)), Beat::Wait(at(60)));
        heart.asked(at(60));
        heart.forgive(at(65));
        assert_eq!(heart.look(at(70)), Beat::Wait(at(75)));
        assert_eq!(heart.look(at(75)), Beat::Lost);
    }

    #[test]
    fn a_second_ping_does_not_prolong_the_wait() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut heart = Heartbeat::new(Duration::from_secs(2), Duration::from_secs(5), start);
        heart.asked(at(2));
        heart.asked(at(4));
        heart.asked(at(6));
        assert_eq!(heart.look(at(7)), Beat::Lost);
    }

    #[test]
    fn zero_means_never() {
        let start = Instant::now();
        let heart = Heartbeat::new(Duration::ZERO, Duration::MAX, start);
        assert!(matches!(
            heart.look(start + Duration::from_secs(9_999)),
            Beat::Wait(_)
        ));
    }
}
