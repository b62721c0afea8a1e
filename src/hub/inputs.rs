//! Inputs on their way into the world, and their effects on the way out.

use std::cell::Cell;
use std::time::Instant;

use crate::base::Moment;
use crate::engine::{self, Effect, Facts, Input, Outcome, Scratch, Stamp};

use super::deliver::Delivery;
use super::facts::stamp;
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

/// An input that was applied, and its effects, which are still to be delivered.
pub(super) struct Applied {
    pub(super) outcome: Outcome,
    effects: Vec<Effect>,
    began: Instant,
    now: Moment,
}

impl Hub {
    /// Runs an input: under the read lock if it only reads, else under the write lock.
    pub(super) fn run(&self, who: Who, input: &Input) -> Outcome {
        let facts = self.facts();
        let outcome = {
            let core = self.core();
            let mut delivery = Delivery::new(self, &core, who);
            with_scratch(|scratch| {
                let stamp = stamp(facts);
                read(&mut delivery, scratch, &mut Vec::new(), input, stamp)
            })
        };
        outcome.unwrap_or_else(|| self.write(&mut self.core_mut(), who, input, facts))
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
            let to_write = with_scratch(|scratch| {
                loop {
                    if read(&mut delivery, scratch, &mut effects, &input, stamp).is_none() {
                        return Some(input);
                    }
                    upcoming = next();
                    input = upcoming.take_if(|_| !self.asks_server())?;
                }
            });
            drop(delivery);
            drop(core);
            if let Some(input) = to_write {
                self.write(&mut self.core_mut(), who, &input, facts);
                upcoming = next();
            }
        }
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

/// Runs an input that only reads; returns `None` if it does not. `effects` is empty before and after: its memory serves
/// the next input.
fn read(
    delivery: &mut Delivery<'_>,
    scratch: &mut Scratch,
    effects: &mut Vec<Effect>,
    input: &Input,
    stamp: Stamp,
) -> Option<Outcome> {
    let began = Instant::now();
    let world = &delivery.core.world;
    let now = world.clock.now(stamp.wall);
    let outcome = engine::read(world, stamp, input, scratch, effects)?;
    delivery.follow(input, effects, outcome.handler, now, began);
    Some(outcome)
}
