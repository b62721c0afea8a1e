//! One event being handled: what its names stand for, what it may touch, what it has caused so far.

use std::sync::Arc;

use crate::base::Chance;
use crate::base::Limit;
use crate::base::json::Json;
use crate::lang::expr::{Symbol, Template, WORK_AN_ITEM};
use crate::lang::model::{CollectionId, Handler, HandlerId, Placed, Scenario};
use crate::world::{Collection, MAX_MADE, PeerId, Val, World};

use super::changes::Edits;
use super::refusal::Refusal;
use super::scope::{self};
use super::{Effect, HttpAnswer, Present, Scratch};

/// The world: shared with other readers, or all to itself.
pub(super) enum Access<'w> {
    Read(&'w Arc<World>),
    Write(&'w mut Arc<World>),
}

/// Whom an answer goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A timer, a plan or a change: there is no one to answer.
    Nobody,
    /// A message.
    Message(Expected),
    /// An HTTP request.
    Http,
    /// A handshake.
    Upgrade,
}

/// The kind of answer that a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// A message of its own.
    Message,
    /// An acknowledgement under this number.
    Ack(u64),
    /// None: an event of Socket.IO without an acknowledgement. Errors go out as messages all the same.
    Nothing,
}

impl Expected {
    pub(super) fn ack(self) -> Option<u64> {
        match self {
            Expected::Ack(ack) => Some(ack),
            Expected::Message | Expected::Nothing => None,
        }
    }
}

/// Why a handler ends before its last step.
#[derive(Debug)]
pub(super) enum Halt {
    /// It said so.
    Stop,
    /// With an error as the answer.
    Refuse(Box<Refusal>),
    /// Something in the scenario went wrong.
    Broken { place: Arc<str>, why: String },
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Halt::Refuse(Box::new(refusal))
    }
}

pub(super) fn broken(place: &Arc<str>, why: String) -> Halt {
    Halt::Broken {
        place: place.clone(),
        why,
    }
}

pub(super) struct Context<'t> {
    pub(super) scenario: &'t Arc<Scenario>,
    pub(super) access: Access<'t>,
    pub(super) present: Present,
    pub(super) scratch: &'t mut Scratch,
    pub(super) effects: &'t mut Vec<Effect>,
    /// The number of effects of earlier inputs.
    pub(super) mark: usize,
    pub(super) names: Vec<(Symbol, Val)>,
    pub(super) peer: Option<PeerId>,
    pub(super) asker: Asker,
    pub(super) handler: HandlerId,
    /// The answer to an HTTP request, or the refusal of a handshake.
    pub(super) answer: Option<HttpAnswer>,
    /// The subprotocol of a handshake.
    pub(super) protocol: Option<String>,
    /// The first values of the session of a handshake.
    pub(super) remembered: Vec<(String, Json)>,
    /// The peer disconnects.
    pub(super) is_leaving: bool,
    pub(super) edits: Edits,
    /// Whether a reader turned out to need the world to itself.
    pub(super) wants_to_write: bool,
    /// A short read turned out to be a long one.
    pub(super) takes_long: bool,
    /// Work that a long read may do and this one may not.
    held_back: u64,
    /// What it may still do, in instructions of expressions.
    left: u64,
    /// How many unknown fields it was told of.
    pub(super) ignored: u32,
    /// Bytes of everything that it made.
    made: usize,
    pub(super) depth: u32,
    /// The limit that what fails now went over.
    pub(super) passed: Option<Limit>,
    /// The step that ended its handler with an error.
    pub(super) ended_at: Option<Arc<str>>,
    /// How many plans in a row were made for at once.
    pub(super) at_once: u32,
    /// The stream that this event draws from, taken out of the world at the first draw.
    pub(super) stream: String,
    pub(super) chance: Option<Chance>,
    /// What `result` stands for while an answer's envelope is written.
    pub(super) result: Option<&'t Template>,
}

/// As many names as most handlers bind, so that the list need not grow.
const NAMES: usize = 8;
/// Instructions of expressions that are as much as a step; so are a thousand items looked at.
const WORK_A_STEP: u64 = 4_000;

/// Work of a read under the lock. Items that are looked at take the longest for it: these are some ten milliseconds.
pub(super) const MAX_SHORT_WORK: u64 = 75 * WORK_A_STEP;

fn max_steps(scenario: &Scenario) -> u32 {
    scenario.limits.steps
}

/// The steps that an event may take, and anything less than one more.
fn all_work(scenario: &Scenario) -> u64 {
    (u64::from(max_steps(scenario)) + 1) * WORK_A_STEP - 1
}

impl<'t> Context<'t> {
    pub(super) fn new(
        scenario: &'t Arc<Scenario>,
        access: Access<'t>,
        present: Present,
        scratch: &'t mut Scratch,
        effects: &'t mut Vec<Effect>,
    ) -> Context<'t> {
        Context {
            scenario,
            access,
            present,
            scratch,
            mark: effects.len(),
            effects,
            names: Vec::with_capacity(NAMES),
            peer: None,
            asker: Asker::Nobody,
            handler: HandlerId::NONE,
            answer: None,
            protocol: None,
            remembered: Vec::new(),
            is_leaving: false,
            edits: Edits::default(),
            wants_to_write: false,
            takes_long: false,
            held_back: 0,
            left: all_work(scenario),
            ignored: 0,
            made: 0,
            depth: 0,
            passed: None,
            ended_at: None,
            at_once: 0,
            stream: String::new(),
            chance: None,
            result: None,
        }
    }

    pub(super) fn max_steps(&self) -> u32 {
        max_steps(self.scenario)
    }

    /// Takes one of the event's steps.
    pub(super) fn take_step(&mut self) -> Result<(), String> {
        self.work(WORK_A_STEP)
    }

    /// Looking at items one by one is work too.
    pub(super) fn look_at(&mut self, items: usize) -> Result<(), String> {
        self.work(items as u64 * WORK_AN_ITEM)
    }

    /// Does what takes about so many instructions.
    pub(super) fn work(&mut self, instructions: u64) -> Result<(), String> {
        match self.left.checked_sub(instructions) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None if self.held_back > 0 => {
                self.takes_long = true;
                Err("takes longer than others should wait for".to_owned())
            }
            None => {
                let why = format!("the event takes more than {} steps", self.max_steps());
                Err(self.pass(Limit::Steps, why))
            }
        }
    }

    /// What it has done so far, in instructions.
    pub(super) fn worked(&self) -> u64 {
        all_work(self.scenario) - self.left - self.held_back
    }

    /// Stops a read after this much work: it then [takes long](super::Read::TakesLong).
    pub(super) fn shorten(&mut self, work: u64) {
        self.held_back = self.left.saturating_sub(work);
        self.left -= self.held_back;
    }

    /// Before an index is made: no input is charged for it, because another one may find it made. But it takes time.
    pub(super) fn expect_index(&mut self, items: usize) -> Result<(), String> {
        if self.held_back > 0 && items as u64 * WORK_AN_ITEM > self.left {
            self.takes_long = true;
            return Err("takes longer than others should wait for".to_owned());
        }
        Ok(())
    }

    /// Makes something of so many bytes.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), String> {
        self.fits(bytes)?;
        self.made += bytes;
        Ok(())
    }

    /// Makes something of so many bytes that stays when the event is over.
    pub(super) fn keep(&mut self, bytes: usize) -> Result<(), String> {
        self.make(bytes)?;
        let most = self.scenario.limits.kept;
        let kept = self.world().kept();
        if bytes > most.saturating_sub(kept) {
            let why = format!("{kept} bytes are kept already, {bytes} more make more than {most}");
            return Err(self.pass(Limit::Kept, why));
        }
        Ok(())
    }

    /// Whether so many bytes may be made.
    pub(super) fn fits(&mut self, bytes: usize) -> Result<(), String> {
        if bytes > MAX_MADE - self.made {
            let why = format!("the event makes more than {MAX_MADE} bytes");
            return Err(self.pass(Limit::Output, why));
        }
        Ok(())
    }

    /// Goes over a limit: why this fails.
    pub(super) fn pass(&mut self, limit: Limit, why: String) -> String {
        self.passed = Some(limit);
        why
    }

    /// The value of what is outside of any step, or how it failed.
    pub(super) fn placed(&mut self, template: &Placed<Template>) -> Result<Val, Halt> {
        self.value(&template.part)
            .map_err(|why| broken(&template.place, why))
    }

    pub(super) fn world(&self) -> &Arc<World> {
        match &self.access {
            Access::Read(world) => world,
            Access::Write(world) => world,
        }
    }

    /// The world, to change it. A reader that gets here starts again as a writer.
    pub(super) fn world_mut(&mut self) -> Result<&mut World, String> {
        match &mut self.access {
            Access::Read(_) => {
                self.wants_to_write = true;
                Err("this cannot change anything here".to_owned())
            }
            Access::Write(world) => Ok(Arc::make_mut(world)),
        }
    }

    pub(super) fn collection(&self, id: CollectionId) -> &Arc<Collection> {
        &self.world().collections[id]
    }

    pub(super) fn collection_mut(&mut self, id: CollectionId) -> Result<&mut Collection, String> {
        // A name that holds items of the collection keeps them as they were: the change clones the whole collection.
        let before = self.collection(id);
        if self.names.iter().any(|(_, val)| val.holds(before)) {
            self.look_at(2 * before.len())?;
        }
        Ok(Arc::make_mut(&mut self.world_mut()?.collections[id]))
    }

    /// Whether the world is shared with others.
    pub(super) fn is_reader(&self) -> bool {
        matches!(self.access, Access::Read(_))
    }

    /// Whether a handler has to wait for the world to itself.
    pub(super) fn must_write(&self, handler: Option<&Arc<Handler>>) -> bool {
        self.is_reader() && handler.is_some_and(|handler| handler.writes)
    }

    /// Gives a name a value.
    pub(super) fn bind(&mut self, symbol: Symbol, val: Val) {
        match self
            .names
            .iter_mut()
            .rev()
            .find(|(name, _)| *name == symbol)
        {
            Some((_, old)) => *old = val,
            None => self.names.push((symbol, val)),
        }
    }

    /// What a name was bound to, to be bound again after it stood for something else.
    pub(super) fn bound(&self, symbol: Symbol) -> Val {
        let found = self.names.iter().rev().find(|(name, _)| *name == symbol);
        found.map_or(Val::Undefined, |(_, val)| val.clone())
    }

    /// A name's value.
    pub(super) fn lookup(&self, symbol: Symbol) -> Val {
        scope::lookup(
            self.world(),
            &self.names,
            self.present.facts,
            self.peer,
            symbol,
        )
    }

    /// The stream's next draws, put back by [`Context::finish`].
    pub(super) fn chance(&mut self) -> Result<&mut Chance, String> {
        if self.chance.is_none() {
            let name = self.stream.clone();
            self.chance = Some(self.world_mut()?.take_stream(&name));
        }
        self.chance
            .as_mut()
            .ok_or_else(|| "no chance here".to_owned())
    }

    /// Draws from a stream of one's own.
    pub(super) fn draw_from(&mut self, chance: Chance) {
        self.chance = Some(chance);
    }

    /// Puts back what was taken.
    pub(super) fn finish(&mut self) {
        if let Some(chance) = self.chance.take() {
            let name = std::mem::take(&mut self.stream);
            if let Ok(world) = self.world_mut() {
                world.put_stream(name, chance);
            }
        }
    }
}
