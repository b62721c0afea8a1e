//! Inputs on their way into the world, and their effects on the way out.
//!
//! A read that takes long runs on a snapshot of the world, outside of the lock. Its answer keeps its place in the
//! peer's mailbox, so that no peer sees a push before an older answer.

use std::cell::Cell;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::base::Moment;
use crate::engine::{
    self, Effect, Facts, Input, LiveWorld, Outcome, Read, ReadLength, Scratch, Stamp,
};

use super::deliver::Delivery;
use super::facts::stamp;
use super::mailbox::Mailbox;
use super::names::Name;
use super::{Core, Hub, Who};

thread_local! {
    /// The memory that inputs of this thread use in turn.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

fn with_scratch<T>(run: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let result = run(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// Permits for long reads: they leave one processor to everything else, where there are two.
pub(super) fn permits() -> Semaphore {
    let processors = available_parallelism().map_or(1, usize::from);
    Semaphore::new((processors - 1).max(1))
}

/// A read that takes long: the world as it was, and when.
pub(super) struct LongRead {
    pub(super) world: LiveWorld,
    pub(super) names: Arc<[Arc<Name>]>,
    stamp: Stamp,
}

/// An input after the attempt to run it under the read lock.
enum Attempt {
    Done(Outcome),
    NeedsWrite,
    TakesLong(LongRead),
}

/// An input that was applied, and its effects, which are still to be delivered.
pub(super) struct Applied {
    pub(super) outcome: Outcome,
    effects: Vec<Effect>,
    began: Instant,
    now: Moment,
}

impl Hub {
    /// Runs an input: under the read lock, on a snapshot if it takes long, or under the write lock.
    pub(super) fn run(&self, who: Who, input: &Input) -> Outcome {
        let facts = self.facts();
        match self.attempt(who, input, facts) {
            Attempt::Done(outcome) => outcome,
            Attempt::NeedsWrite => self.write(&mut self.core_mut(), who, input, facts),
            Attempt::TakesLong(long) => self.run_long(&long, who, input, None),
        }
    }

    /// As [`Hub::run`]; a long read waits for a permit, and for its result, without holding up the thread.
    pub(super) async fn run_apart(&self, who: Who, input: Input) -> anyhow::Result<Outcome> {
        let facts = self.facts();
        match self.attempt(who, &input, facts) {
            Attempt::Done(outcome) => Ok(outcome),
            Attempt::NeedsWrite => Ok(self.write(&mut self.core_mut(), who, &input, facts)),
            Attempt::TakesLong(long) => {
                let _permit = self.0.long_reads.acquire().await?;
                let hub = self.clone();
                let running = spawn_blocking(move || hub.run_long(&long, who, &input, None));
                Ok(running.await?)
            }
        }
    }

    fn attempt(&self, who: Who, input: &Input, facts: Facts) -> Attempt {
        let core = self.core();
        let mut delivery = Delivery::new(self, &core, who);
        let stamp = stamp(facts);
        let mut effects = Vec::new();
        with_scratch(|scratch| attempt(&core, &mut delivery, scratch, &mut effects, input, stamp))
    }

    /// Runs one input after the other. Reads in a row share one look at the world and one moment.
    pub(super) fn run_all(&self, who: Who, mut next: impl FnMut() -> Option<Input>) {
        let mut effects = Vec::new();
        let mut upcoming = next();
        while let Some(mut input) = upcoming.take() {
            let facts = self.facts();
            let core = self.core();
            let mut delivery = Delivery::new(self, &core, who);
            let stamp = stamp(facts);
            let left = with_scratch(|scratch| {
                loop {
                    match attempt(&core, &mut delivery, scratch, &mut effects, &input, stamp) {
                        Attempt::Done(_) => {}
                        left => return Some((input, left)),
                    }
                    upcoming = next();
                    input = upcoming.take_if(|_| !self.asks_server())?;
                }
            });
            drop(delivery);
            let Some((input, left)) = left else {
                continue;
            };
            match left {
                Attempt::TakesLong(long) => {
                    // Under the lock, so that no later push gets ahead of the answer.
                    let place = Place::reserve(&core, who);
                    drop(core);
                    self.start_long(long, who, input, place);
                }
                _ => {
                    drop(core);
                    self.write(&mut self.core_mut(), who, &input, facts);
                }
            }
            upcoming = next();
        }
    }

    /// Starts a long read of a peer, which keeps its place in the mailbox.
    fn start_long(&self, long: LongRead, who: Who, input: Input, place: Option<Place>) {
        let Ok(runtime) = Handle::try_current() else {
            self.run_long(&long, who, &input, place);
            return;
        };
        let hub = self.clone();
        runtime.spawn(async move {
            // The semaphore is never closed.
            let _permit = hub.0.long_reads.acquire().await;
            let running = hub.clone();
            let ran = spawn_blocking(move || running.run_long(&long, who, &input, place)).await;
            if let Err(error) = ran {
                tracing::error!(peer = %who, %error, "a long read failed");
            }
        });
    }

    fn run_long(&self, long: &LongRead, who: Who, input: &Input, place: Option<Place>) -> Outcome {
        let began = Instant::now();
        let mut effects = Vec::new();
        let stamp = long.stamp;
        let read = with_scratch(|scratch| {
            engine::read(
                &long.world,
                stamp,
                input,
                ReadLength::Any,
                scratch,
                &mut effects,
            )
        });
        let Read::Done(outcome) = read else {
            drop(place);
            return self.write(&mut self.core_mut(), who, input, stamp.facts);
        };
        let core = self.core();
        let now = long.world.clock.now(stamp.wall);
        let mut delivery = Delivery::of_long_read(self, &core, who, long);
        delivery.follow(input, &mut effects, outcome.handler, now, began);
        if let Some(place) = &place {
            delivery.fill(&place.mailbox, place.number);
        }
        outcome
    }

    /// Applies an input and delivers its effects.
    pub(super) fn write(&self, core: &mut Core, who: Who, input: &Input, facts: Facts) -> Outcome {
        let applied = self.apply(core, input, facts);
        self.deliver(core, who, input, applied)
    }

    pub(super) fn apply(&self, core: &mut Core, input: &Input, facts: Facts) -> Applied {
        let began = Instant::now();
        let stamp = stamp(facts);
        let mut effects = Vec::new();
        let before = (core.world.clock, core.world.agenda.next_due());
        let outcome = with_scratch(|scratch| {
            engine::apply(&mut core.world, stamp, input, scratch, &mut effects)
        });
        if before != (core.world.clock, core.world.agenda.next_due()) {
            self.0.agenda.notify_one();
        }
        Applied {
            outcome,
            effects,
            began,
            now: core.world.clock.now(stamp.wall),
        }
    }

    pub(super) fn deliver(
        &self,
        core: &Core,
        who: Who,
        input: &Input,
        applied: Applied,
    ) -> Outcome {
        let Applied {
            outcome,
            mut effects,
            began,
            now,
        } = applied;
        let mut delivery = Delivery::new(self, core, who);
        delivery.follow(input, &mut effects, outcome.handler, now, began);
        outcome
    }
}

/// A place in a peer's mailbox. Dropping it gives it up, so that what waits behind it goes out.
struct Place {
    mailbox: Arc<Mailbox>,
    number: u64,
}

impl Place {
    fn reserve(core: &Core, who: Who) -> Option<Place> {
        let Who::Peer(peer) = who else { return None };
        let mailbox = core.lines.get(&peer)?.mailbox.clone();
        Some(Place {
            number: mailbox.reserve(),
            mailbox,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.mailbox.fill(self.number, Vec::new());
    }
}

/// Tries to run an input under the read lock. `effects` is empty before and after: its memory serves the next input.
fn attempt(
    core: &Core,
    delivery: &mut Delivery<'_>,
    scratch: &mut Scratch,
    effects: &mut Vec<Effect>,
    input: &Input,
    stamp: Stamp,
) -> Attempt {
    let began = Instant::now();
    match engine::read(
        &core.world,
        stamp,
        input,
        ReadLength::Short,
        scratch,
        effects,
    ) {
        Read::Done(outcome) => {
            let now = core.world.clock.now(stamp.wall);
            delivery.follow(input, effects, outcome.handler, now, began);
            Attempt::Done(outcome)
        }
        Read::NeedsWrite => Attempt::NeedsWrite,
        Read::TakesLong => Attempt::TakesLong(LongRead {
            world: core.world.clone(),
            names: core.names.clone(),
            stamp,
        }),
    }
}
