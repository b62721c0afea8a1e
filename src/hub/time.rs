//! The clock and what is due: one task for all timers, and the clock moved by hand.

use std::time::Duration;

use tokio::time::sleep;

use crate::base::{Clock, Moment};
use crate::config::ClockStart;
use crate::engine;

use super::deliver::Delivery;
use super::{Hub, Who};

/// How long `advance` waits for peers that do not read before it goes on without them.
const READ_TIME: Duration = Duration::from_secs(10);

/// The clock runs, so that it cannot be moved by hand.
#[derive(Debug, thiserror::Error)]
#[error("the clock runs; hold it first with {{\"mode\":\"manual\"}}")]
pub struct NotHeld;

pub(super) fn start_clock(start: ClockStart, wall: Moment) -> Clock {
    match start {
        ClockStart::Real => Clock::Running { ahead: 0 },
        ClockStart::Manual => Clock::Held { at: wall },
        ClockStart::At(at) => Clock::Held { at },
    }
}

/// Turns that take as long keep others waiting.
const LONG: Duration = Duration::from_millis(5);
/// For how long others have their turn at most.
const ROOM: Duration = Duration::from_secs(1);

/// After a turn of the timers, whoever waits for the world comes first: for as long as that turn took.
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
                match (core.clock, core.world.agenda.next_due()) {
                    (Clock::Running { .. }, Some(due)) => {
                        Some(due - core.clock.now(crate::hub::wall()))
                    }
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

    /// Runs the next thing that is due; answers how long it took, if there was one.
    fn tick(&self) -> Option<Duration> {
        let facts = self.facts();
        let mut core = self.core_mut();
        let moments = self.moments(core.clock, facts);
        let scenario = core.scenario.clone();
        let mut effects = Vec::new();
        let began = std::time::Instant::now();
        let outcome = engine::tick(&scenario, &mut core.world, moments, &mut effects)?;
        let mut delivery = Delivery::new(self, &core, Who::Nobody);
        delivery.follow(None, &mut effects, outcome.handler, moments.now, began);
        drop(delivery);
        drop(core);
        self.0.metrics.timers.inc();
        Some(began.elapsed())
    }

    /// The clock and the time it shows.
    pub fn clock(&self) -> (Clock, Moment) {
        let clock = self.core().clock;
        (clock, clock.now(crate::hub::wall()))
    }

    /// Holds the clock where it stands, or lets it run on.
    pub fn hold(&self, held: bool) {
        let mut core = self.core_mut();
        let wall = crate::hub::wall();
        core.clock = if held {
            core.clock.held(wall)
        } else {
            core.clock.released(wall)
        };
        drop(core);
        self.0.agenda.notify_one();
    }

    /// Moves a held clock on; everything due on the way runs at its own moment, what is due at the end included.
    pub async fn advance(&self, by: Duration) -> Result<(), NotHeld> {
        let mut target: Option<Moment> = None;
        let generation = self.core().generation;
        loop {
            let more = {
                let mut core = self.core_mut();
                let Clock::Held { at } = core.clock else {
                    return Err(NotHeld);
                };
                if core.generation != generation {
                    // A world that was made anew meanwhile has its own time.
                    return Ok(());
                }
                let target =
                    *target.get_or_insert_with(|| at.saturating_add(by.as_millis() as i64));
                let next = core.world.agenda.next_due().filter(|due| *due <= target);
                core.clock = Clock::Held {
                    at: next.unwrap_or(target).max(at),
                };
                next.is_some()
            };
            if !more {
                return Ok(());
            }
            while self.core().generation == generation
                && let Some(took) = self.tick()
            {
                self.wait_for_readers().await;
                leave_room(took).await;
            }
        }
    }

    async fn wait_for_readers(&self) {
        let began = std::time::Instant::now();
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
