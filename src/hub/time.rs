//! The clock and what is due: one task for all timers, and the clock moved by hand.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::base::{Clock, Moment};
use crate::config::ClockStart;
use crate::engine::{ClockChange, Facts, Input, Returned};

use super::{Hub, Who, wall};

/// How long `advance` waits for peers that do not read before it goes on without them.
const READ_TIME: Duration = Duration::from_secs(10);

/// The clock runs, so that it cannot be moved by hand.
#[derive(Debug, thiserror::Error)]
#[error("the clock runs; hold it first with {{\"mode\":\"manual\"}}")]
pub struct NotHeld;

pub(super) fn start_clock(start: ClockStart, wall: Moment) -> Clock {
    match start {
        ClockStart::Real => Clock::Running { ahead: 0 },
        ClockStart::Manual => Clock::held_at(wall),
        ClockStart::At(at) => Clock::held_at(at),
    }
}

/// Turns that take as long keep others waiting.
const LONG: Duration = Duration::from_millis(5);
/// For how long others have their turn at most.
const ROOM: Duration = Duration::from_secs(1);

/// Yields to inputs that wait for the lock, for as long as the last turn of the timers took.
async fn leave_room(took: Duration) {
    if took > LONG {
        sleep(took.min(ROOM)).await;
    } else {
        tokio::task::yield_now().await;
    }
}

impl Hub {
    /// Runs what is due, for as long as it is polled.
    pub async fn run_timers(&self) {
        loop {
            let wait = {
                let core = self.core();
                match (core.world.clock, core.world.agenda.next_due()) {
                    (Clock::Running { .. }, Some(due)) => Some(due - core.world.clock.now(wall())),
                    _ => None,
                }
            };
            match wait {
                Some(wait) if wait <= 0 => {
                    let took = self.tick().unwrap_or_default();
                    leave_room(took).await;
                }
                Some(wait) => {
                    tokio::select! {
                        () = sleep(Duration::from_millis(wait as u64)) => {}
                        () = self.0.agenda.notified() => {}
                    }
                }
                None => self.0.agenda.notified().await,
            }
        }
    }

    /// Runs the next thing that is due, if there is one; returns the time it took.
    fn tick(&self) -> Option<Duration> {
        let facts = self.facts();
        let mut core = self.core_mut();
        let began = Instant::now();
        let outcome = self.write(&mut core, Who::Nobody, &Input::Tick, facts);
        drop(core);
        if outcome.returned == Returned::NotFound {
            return None;
        }
        self.0.metrics.timers.inc();
        Some(began.elapsed())
    }

    /// The clock and the time it shows.
    pub fn clock(&self) -> (Clock, Moment) {
        let clock = self.core().world.clock;
        (clock, clock.now(wall()))
    }

    /// Holds the clock where it stands, or lets it run on.
    pub fn hold(&self, held: bool) {
        let change = if held {
            ClockChange::Hold
        } else {
            ClockChange::Release
        };
        self.run(Who::Nobody, &Input::SetClock(change));
    }

    /// Moves a held clock on; everything due on the way runs at its own moment, what is due at the end included.
    pub async fn advance(&self, by: Duration) -> Result<(), NotHeld> {
        let (target, generation) = {
            let mut core = self.core_mut();
            let input = Input::SetClock(ClockChange::Advance(by));
            let outcome = self.write(&mut core, Who::Nobody, &input, Facts::default());
            let Returned::Until(target) = outcome.returned else {
                return Err(NotHeld);
            };
            (target, core.world.generation)
        };
        loop {
            {
                let core = self.core();
                let Clock::Held { at, .. } = core.world.clock else {
                    return Err(NotHeld);
                };
                let due = core.world.agenda.next_due();
                // A world that was made anew meanwhile has its own time.
                let is_done = at >= target && due.is_none_or(|due| due > at);
                if is_done || core.world.generation != generation {
                    return Ok(());
                }
            }
            if let Some(took) = self.tick() {
                self.wait_for_readers().await;
                leave_room(took).await;
            }
        }
    }

    async fn wait_for_readers(&self) {
        let began = Instant::now();
        while began.elapsed() < READ_TIME {
            if !self
                .core()
                .lines
                .values()
                .any(|line| line.mailbox.is_half_full())
            {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}
