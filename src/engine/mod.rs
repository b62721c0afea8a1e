//! The rules: an input in, effects out.
//!
//! Invariant: nothing here waits, reads a clock, or touches a socket. Time is an argument, chance comes from the
//! world's streams, and what should happen outside goes into the list of effects.
//!
//! Invariant: a world changes in [`apply`] and nowhere else. [`LiveWorld`] shows a world and hands it to nothing
//! else that could change it.

mod answer;
mod changes;
mod context;
mod data;
mod dispatch;
mod effect;
mod eval;
mod fake;
mod faults;
mod functions;
mod generate;
mod http;
mod input;
mod list_cache;
mod refusal;
mod scope;
mod scratch;
mod select;
mod send;
mod timers;
mod verbs;

use std::ops::Deref;
use std::sync::Arc;

use crate::base::{Clock, Moment};
use crate::fault::Faults;
use crate::lang::model::{HandlerId, Scenario};
use crate::world::{Options, World};

pub use data::DataError;
pub use effect::{Body, Effect, Outcome, Recipients, Returned};
pub use generate::MakeError;
pub use http::{HttpAnswer, has_route, query, unescaped};
pub use input::{
    Change, ChangeKind, ClockChange, Content, Event, Facts, HttpRequest, Input, Message, Stamp,
};
pub use refusal::Refusal;
pub use scratch::Scratch;

use context::{Access, Context, MAX_SHORT_WORK};

/// A world that can be looked at, and changed by [`apply`] alone.
#[derive(Debug, Clone)]
pub struct LiveWorld(Arc<World>);

impl LiveWorld {
    pub fn new(world: World) -> LiveWorld {
        LiveWorld(Arc::new(world))
    }
}

impl Deref for LiveWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

/// The moment of an input by the mock's clock, and the facts that came with it.
#[derive(Debug, Clone, Copy)]
struct Present {
    now: Moment,
    facts: Facts,
}

impl Present {
    fn new(world: &World, stamp: Stamp) -> Present {
        Present {
            now: world.clock.now(stamp.wall),
            facts: stamp.facts,
        }
    }
}

/// Makes the data and timers of a scenario. This may take long, so it happens outside of any lock.
pub fn make(
    scenario: Arc<Scenario>,
    options: &Arc<Options>,
    seed: u64,
    clock: Clock,
    wall: Moment,
) -> Result<World, MakeError> {
    let mut world = World::new(scenario, options.clone(), seed, clock);
    let scenario = world.scenario.clone();
    let faults = scenario.faults.iter().chain(&options.faults);
    world.faults = Faults::new(faults.cloned().collect(), seed);
    let mut world = Arc::new(world);
    let stamp = Stamp {
        wall,
        facts: Facts::default(),
    };
    let present = Present::new(&world, stamp);
    generate::fill(&scenario, present, &mut world)?;
    timers::start(&scenario, present, &mut world)?;
    Ok(Arc::unwrap_or_clone(world))
}

/// An attempt to run an input without changing the world. Unless it is done, it has no effects.
#[derive(Debug)]
pub enum Read {
    Done(Outcome),
    /// [`apply`] must run it.
    NeedsWrite,
    /// It takes longer than others should wait for a lock: [`ReadLength::Any`] runs it on a snapshot of the world.
    TakesLong,
}

/// The work that a read may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadLength {
    /// A few milliseconds, for a read under a lock.
    Short,
    Any,
}

/// Runs an input that only reads.
pub fn read(
    world: &LiveWorld,
    stamp: Stamp,
    input: &Input,
    length: ReadLength,
    scratch: &mut Scratch,
    effects: &mut Vec<Effect>,
) -> Read {
    let world = &world.0;
    let mark = effects.len();
    let present = Present::new(world, stamp);
    let access = Access::Read(world);
    let mut context = Context::new(&world.scenario, access, present, scratch, effects);
    if length == ReadLength::Short {
        context.shorten(MAX_SHORT_WORK);
    }
    let outcome = context.run(input);
    let read = match outcome {
        _ if context.takes_long => Read::TakesLong,
        Some(outcome) if !context.wants_to_write => Read::Done(outcome),
        _ => Read::NeedsWrite,
    };
    if !matches!(read, Read::Done(_)) {
        effects.truncate(mark);
    }
    read
}

/// Runs any input.
pub fn apply(
    world: &mut LiveWorld,
    stamp: Stamp,
    input: &Input,
    scratch: &mut Scratch,
    effects: &mut Vec<Effect>,
) -> Outcome {
    let world = &mut world.0;
    let present = Present::new(world, stamp);
    let returned = match input {
        Input::Tick => return timers::tick(world, present, scratch, effects),
        Input::Fire(name) => return timers::fire_all(world, present, name, scratch, effects),
        Input::SetTimer {
            name,
            every,
            paused,
        } => timers::set(Arc::make_mut(world), name, *every, *paused, present.now),
        Input::SetClock(change) => timers::set_clock(Arc::make_mut(world), *change, stamp.wall),
        Input::SetFaults(faults) => {
            let seed = world.seed;
            Arc::make_mut(world).faults = Faults::new(faults.clone(), seed);
            Returned::Nothing
        }
        Input::Ping(peer) => {
            let peer = scope::peer_name(*peer);
            if Arc::make_mut(world).faults.ping(&peer) {
                effects.push(Effect::Faulted("mute"));
                Returned::Muted
            } else {
                Returned::Nothing
            }
        }
        Input::Reset(fresh) => {
            *world = Arc::new(world.succeeded_by(fresh));
            Returned::Nothing
        }
        Input::Reload(fresh) => {
            let mut next = world.succeeded_by(fresh);
            next.clock = world.clock;
            if next.scenario.listen.protocol != world.scenario.listen.protocol {
                close_all(world, effects);
            }
            *world = Arc::new(next);
            Returned::Nothing
        }
        _ => {
            let scenario = world.scenario.clone();
            let access = Access::Write(world);
            let mut context = Context::new(&scenario, access, present, scratch, effects);
            return context.run(input).unwrap_or_default();
        }
    };
    Outcome {
        handler: HandlerId::NONE,
        returned,
    }
}

/// Closes every connection: its client does not speak what the scenario speaks now.
fn close_all(world: &World, effects: &mut Vec<Effect>) {
    effects.extend(world.peers.keys().map(|peer| Effect::Close {
        peer: *peer,
        code: SERVICE_RESTART,
        reason: "the scenario speaks another protocol now".to_owned(),
    }));
}

/// RFC 6455's registry: the service restarts, the client may reconnect.
const SERVICE_RESTART: u16 = 1012;
