//! Timers, plans and the clock: what runs by itself, each at its own moment.

use std::sync::Arc;
use std::time::Duration;

use crate::base::json::Json;
use crate::base::text::shortened;
use crate::base::{Clock, Moment};
use crate::lang::model::{CollectionId, HandlerId, Scenario, Timer};
use crate::world::{Due, Edit, Ticker, World, key_text};

use super::context::{Access, Context};
use super::verbs::duration;
use super::{ClockChange, Effect, MakeError, Outcome, Present, Returned, Scratch};

/// The interval of a timer whose `every` fails; the log says so.
const FALLBACK: Duration = Duration::from_hours(1);

/// Adds the tickers of every timer.
pub(super) fn start(
    scenario: &Arc<Scenario>,
    present: Present,
    world: &mut Arc<World>,
) -> Result<(), MakeError> {
    let options = world.options.clone();
    for (at, timer) in scenario.timers.iter().enumerate() {
        let keys: Vec<Option<String>> = match timer.each {
            None => vec![None],
            Some(collection) => {
                let items = world.collections[collection].items();
                let name = &scenario.data[collection].key;
                items
                    .filter_map(|(_, item)| item.part().get(name).and_then(key_text))
                    .map(Some)
                    .collect()
            }
        };
        let fixed = options
            .timers
            .iter()
            .rev()
            .find(|(name, _)| *name == timer.name)
            .map(|(_, every)| *every);
        for key in keys {
            let name = ticker_name(timer, key.as_deref());
            let mut ticker = Ticker::new(at, key);
            ticker.fixed = fixed.is_some();
            ticker.paused = !options.timers_run;
            add(scenario, world, present, &name, ticker, fixed)?;
        }
    }
    Ok(())
}

/// The name under which the control API shows a timer's turn.
fn ticker_name(timer: &Timer, key: Option<&str>) -> String {
    key.map_or_else(|| timer.name.clone(), |key| format!("{}:{key}", timer.name))
}

fn add(
    scenario: &Arc<Scenario>,
    world: &mut Arc<World>,
    present: Present,
    name: &str,
    mut ticker: Ticker,
    fixed: Option<Duration>,
) -> Result<(), MakeError> {
    let interval = match fixed {
        Some(fixed) => Ok(fixed),
        None => interval(scenario, world, present, &ticker),
    };
    ticker.every = millis(*interval.as_ref().unwrap_or(&FALLBACK));
    let (every, paused) = (ticker.every, ticker.paused);
    let agenda = &mut Arc::make_mut(world).agenda;
    agenda.tickers.insert(name.to_owned(), ticker);
    if !paused {
        agenda.set(name, present.now.saturating_add(every));
    }
    interval.map(|_| ())
}

fn millis(every: Duration) -> i64 {
    (every.as_millis() as i64).max(1)
}

/// Evaluates `every`.
fn interval(
    scenario: &Arc<Scenario>,
    world: &mut Arc<World>,
    present: Present,
    ticker: &Ticker,
) -> Result<Duration, MakeError> {
    let (mut scratch, mut effects) = (Scratch::default(), Vec::new());
    let timer = &scenario.timers[ticker.timer];
    let access = Access::Write(world);
    let mut context = Context::new(scenario, access, present, &mut scratch, &mut effects);
    context.stream = format!("every/{}", timer.name);
    context.bind_ticker(ticker);
    let every = context.value(&timer.every.part).and_then(|val| {
        duration(&val).ok_or_else(|| {
            let found = shortened(&val.to_text());
            format!("`every` takes a duration such as `5s`, found `{found}`")
        })
    });
    context.finish();
    every.map_err(|why| MakeError {
        place: timer.every.place.clone(),
        why: format!("timer `{}`: {why}", timer.name),
    })
}

/// Takes the next thing that is due and runs it at its own moment.
pub(super) fn tick(
    world: &mut Arc<World>,
    present: Present,
    scratch: &mut Scratch,
    effects: &mut Vec<Effect>,
) -> Outcome {
    let nothing = Outcome {
        handler: HandlerId::NONE,
        returned: Returned::NotFound,
    };
    let now = move_on(world, present.now);
    // Without this look a tick would clone a world whose snapshot a long read holds.
    if world.agenda.next_due().is_none_or(|due| due > now) {
        return nothing;
    }
    let scenario = world.scenario.clone();
    let agenda = &mut Arc::make_mut(world).agenda;
    let Some((at, due)) = agenda.take_due(now) else {
        return nothing;
    };
    let own = Present { now: at, ..present };
    let outcome = match due {
        Due::Plan(number) => agenda.take_plan(number).and_then(|plan| {
            Context::new(&scenario, Access::Write(world), own, scratch, effects).planned(&plan)
        }),
        Due::Timer(name) => {
            let access = Access::Write(world);
            let mut context = Context::new(&scenario, access, own, scratch, effects);
            let outcome = context.fire(&name);
            again(&scenario, world, own, &name, now, effects);
            outcome
        }
    };
    outcome.unwrap_or_default()
}

/// Moves a clock that is being advanced to the next thing that is due on its way, else to the end of the way.
fn move_on(world: &mut Arc<World>, now: Moment) -> Moment {
    match world.clock {
        Clock::Held { at, until } if at < until => {
            let next = world.agenda.next_due().filter(|due| *due <= until);
            let at = next.unwrap_or(until).max(at);
            Arc::make_mut(world).clock = Clock::Held { at, until };
            at
        }
        _ => now,
    }
}

/// Runs a timer's steps now, once for each of its tickers.
pub(super) fn fire_all(
    world: &mut Arc<World>,
    present: Present,
    name: &str,
    scratch: &mut Scratch,
    effects: &mut Vec<Effect>,
) -> Outcome {
    let scenario = world.scenario.clone();
    let mut last = Outcome {
        handler: HandlerId::NONE,
        returned: Returned::NotFound,
    };
    for ticker in world.tickers(name) {
        let access = Access::Write(world);
        let mut context = Context::new(&scenario, access, present, scratch, effects);
        last = context.fire(&ticker).unwrap_or_default();
    }
    last
}

/// Sets a timer's next turn. Turns that were missed are not made up for.
fn again(
    scenario: &Arc<Scenario>,
    world: &mut Arc<World>,
    own: Present,
    name: &str,
    now: Moment,
    effects: &mut Vec<Effect>,
) {
    let Some(ticker) = world.agenda.tickers.get(name).cloned() else {
        return;
    };
    if ticker.paused {
        return;
    }
    let every = if ticker.fixed {
        ticker.every
    } else {
        millis(
            interval(scenario, world, own, &ticker).unwrap_or_else(|error| {
                fell_back(error, effects);
                FALLBACK
            }),
        )
    };
    let mut next = own.now.saturating_add(every);
    if next < now {
        next += (now - next) / every * every;
    }
    let agenda = &mut Arc::make_mut(world).agenda;
    if let Some(ticker) = agenda.tickers.get_mut(name) {
        ticker.every = every;
    }
    agenda.set(name, next);
}

fn fell_back(MakeError { place, why }: MakeError, effects: &mut Vec<Effect>) {
    effects.push(Effect::Failed {
        place,
        why: format!("{why}; its next turn is in an hour"),
        limit: None,
    });
}

/// Sets a timer's interval, pauses or resumes it.
pub(super) fn set(
    world: &mut World,
    name: &str,
    every: Option<Duration>,
    paused: Option<bool>,
    now: Moment,
) -> Returned {
    let names = world.tickers(name);
    let agenda = &mut world.agenda;
    for name in &names {
        let Some(ticker) = agenda.tickers.get_mut(name) else {
            continue;
        };
        let was_paused = ticker.paused;
        ticker.paused = paused.unwrap_or(was_paused);
        if let Some(every) = every {
            ticker.every = millis(every);
            ticker.fixed = true;
        }
        let (is_paused, next) = (ticker.paused, now.saturating_add(ticker.every));
        if is_paused {
            agenda.unset(name);
        } else if was_paused || every.is_some() {
            agenda.set(name, next);
        }
    }
    if names.is_empty() {
        Returned::NotFound
    } else {
        Returned::Nothing
    }
}

pub(super) fn set_clock(world: &mut World, change: ClockChange, wall: Moment) -> Returned {
    world.clock = match (change, world.clock) {
        (ClockChange::Hold, clock @ Clock::Held { .. }) => clock,
        (ClockChange::Hold, clock) => clock.held(wall),
        (ClockChange::Release, clock) => clock.released(wall),
        (ClockChange::Advance(_), Clock::Running { .. }) => return Returned::NotHeld,
        (ClockChange::Advance(by), Clock::Held { at, until }) => {
            // Two callers at once each get the whole of what they ask for.
            let until = until.saturating_add(by.as_millis() as i64);
            world.clock = Clock::Held { at, until };
            return Returned::Until(until);
        }
    };
    Returned::Nothing
}

impl Context<'_> {
    /// Timers under `for` come and go with their items.
    pub(super) fn follow_timers(&mut self, edits: &[(CollectionId, Edit)]) {
        let (scenario, present) = (self.scenario, self.present);
        let Access::Write(world) = &mut self.access else {
            return;
        };
        for (at, timer) in scenario.timers.iter().enumerate() {
            let Some(collection) = timer.each else {
                continue;
            };
            let paused = !world.agenda.tickers.is_empty()
                && world.agenda.tickers.values().all(|ticker| ticker.paused);
            for (_, edit) in edits.iter().filter(|(edited, _)| *edited == collection) {
                let key_of = |item: &Option<Json>| {
                    item.as_ref().and_then(|item| {
                        item.part()
                            .get(&scenario.data[collection].key)
                            .and_then(key_text)
                    })
                };
                match (key_of(&edit.before), key_of(&edit.item)) {
                    (None, Some(key)) => {
                        let name = ticker_name(timer, Some(&key));
                        let mut ticker = Ticker::new(at, Some(key));
                        ticker.paused = paused;
                        add(scenario, world, present, &name, ticker, None)
                            .unwrap_or_else(|error| fell_back(error, self.effects));
                    }
                    (Some(key), None) => {
                        Arc::make_mut(world)
                            .agenda
                            .drop_ticker(&ticker_name(timer, Some(&key)));
                    }
                    _ => {}
                }
            }
        }
    }
}
