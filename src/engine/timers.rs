//! What happens by itself: timers and plans, each at its own moment.

use std::sync::Arc;
use std::time::Duration;

use crate::base::Moment;
use crate::base::text::shortened;
use crate::lang::model::{CollectionId, Scenario, Timer};
use crate::world::{Due, Edit, Ticker, key_text};

use super::context::{Access, Turn};
use super::steps::duration;
use super::{Effect, Event, MakeError, Moments, Options, Outcome, State};

/// A pace for timers whose `every:` gives none: an hour, and the log says so.
const FALLBACK: Duration = Duration::from_hours(1);

/// Sets every timer's first turn.
pub(super) fn start(
    scenario: &Arc<Scenario>,
    options: &Options,
    moments: Moments,
    world: &mut State,
) -> Result<(), MakeError> {
    let mut shared = Arc::new(std::mem::replace(world, State::new(options.seed)));
    for (at, timer) in scenario.timers.iter().enumerate() {
        let keys: Vec<Option<String>> = match timer.each {
            None => vec![None],
            Some(collection) => {
                let items = shared.collections[collection].items();
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
            add(
                scenario,
                &mut shared,
                moments,
                &name,
                Ticker::new(at, key, 1),
                fixed,
                !options.timers_run,
            )?;
        }
    }
    *world = Arc::unwrap_or_clone(shared);
    Ok(())
}

/// The name under which the control API shows a timer's turn.
fn ticker_name(timer: &Timer, key: Option<&str>) -> String {
    key.map_or_else(|| timer.name.clone(), |key| format!("{}:{key}", timer.name))
}

fn add(
    scenario: &Arc<Scenario>,
    world: &mut Arc<State>,
    moments: Moments,
    name: &str,
    mut ticker: Ticker,
    fixed: Option<Duration>,
    paused: bool,
) -> Result<(), MakeError> {
    ticker.fixed = fixed.is_some();
    ticker.paused = paused;
    let pace = match fixed {
        Some(fixed) => Ok(fixed),
        None => pace(scenario, world, moments, &ticker),
    };
    ticker.every = millis(*pace.as_ref().unwrap_or(&FALLBACK));
    let every = ticker.every;
    let agenda = &mut Arc::make_mut(world).agenda;
    agenda.tickers.insert(name.to_owned(), ticker);
    if !paused {
        agenda.set(name, moments.now.saturating_add(every));
    }
    pace.map(|_| ())
}

fn millis(every: Duration) -> i64 {
    (every.as_millis() as i64).max(1)
}

/// What `every:` says now.
fn pace(
    scenario: &Arc<Scenario>,
    world: &mut Arc<State>,
    moments: Moments,
    ticker: &Ticker,
) -> Result<Duration, MakeError> {
    let mut effects = Vec::new();
    let timer = &scenario.timers[ticker.timer];
    let mut turn = Turn::new(scenario, Access::Write(world), moments, &mut effects);
    turn.stream = format!("every/{}", timer.name);
    turn.bind_ticker(ticker);
    let every = turn.value(&timer.every.part).and_then(|val| {
        duration(&val).ok_or_else(|| {
            let found = shortened(&val.to_text());
            format!("`every` takes a duration such as `5s`, found `{found}`")
        })
    });
    turn.finish();
    every.map_err(|why| MakeError {
        place: timer.every.place.clone(),
        why: format!("timer `{}`: {why}", timer.name),
    })
}

/// Takes the next thing that is due and runs it at its own moment.
pub(super) fn tick(
    scenario: &Arc<Scenario>,
    world: &mut Arc<State>,
    moments: Moments,
    effects: &mut Vec<Effect>,
) -> Option<Outcome> {
    // Looking first keeps the world shared while nothing is due.
    if world.agenda.next_due().is_none_or(|due| due > moments.now) {
        return None;
    }
    let (at, due) = Arc::make_mut(world).agenda.take_due(moments.now)?;
    let own = Moments { now: at, ..moments };
    Some(match due {
        Due::Plan(number) => {
            let plan = Arc::make_mut(world).agenda.take_plan(number);
            plan.map(|plan| super::write(scenario, world, own, &Event::Plan(plan), effects))
                .unwrap_or_default()
        }
        Due::Timer(name) => {
            let outcome = super::write(scenario, world, own, &Event::Fire(name.clone()), effects);
            again(scenario, world, own, &name, moments.now, effects);
            outcome
        }
    })
}

/// Sets a timer's next turn after the one at `moments.now`. Turns that were slept through are not made up for.
fn again(
    scenario: &Arc<Scenario>,
    world: &mut Arc<State>,
    moments: Moments,
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
            pace(scenario, world, moments, &ticker).unwrap_or_else(|error| {
                hourly(error, effects);
                FALLBACK
            }),
        )
    };
    let mut next = moments.now.saturating_add(every);
    if next < now {
        next += (now - next) / every * every;
    }
    let agenda = &mut Arc::make_mut(world).agenda;
    if let Some(ticker) = agenda.tickers.get_mut(name) {
        ticker.every = every;
    }
    agenda.set(name, next);
}

/// Says in the log what is wrong with a pace.
fn hourly(MakeError { place, why }: MakeError, effects: &mut Vec<Effect>) {
    effects.push(Effect::Failed {
        place,
        why: format!("{why}; its next turn is in an hour"),
        limit: None,
    });
}

/// Another pace for a timer, counted from now; answers whether there is such a timer.
pub fn repace(world: &mut Arc<State>, name: &str, every: Duration, now: Moment) -> bool {
    let agenda = &mut Arc::make_mut(world).agenda;
    let Some(ticker) = agenda.tickers.get_mut(name) else {
        return false;
    };
    ticker.every = millis(every);
    ticker.fixed = true;
    if !ticker.paused {
        agenda.set(name, now.saturating_add(millis(every)));
    }
    true
}

/// Skips a timer's turns, or takes them up again from now; answers whether there is such a timer.
pub fn set_paused(world: &mut Arc<State>, name: &str, paused: bool, now: Moment) -> bool {
    let agenda = &mut Arc::make_mut(world).agenda;
    let Some(ticker) = agenda.tickers.get_mut(name) else {
        return false;
    };
    let (was, every) = (ticker.paused, ticker.every);
    ticker.paused = paused;
    if paused {
        agenda.unset(name);
    } else if was {
        agenda.set(name, now.saturating_add(every));
    }
    true
}

impl Turn<'_> {
    /// Timers under `for` come and go with their items.
    pub(super) fn follow_timers(&mut self, edits: &[(CollectionId, Edit)]) {
        let (scenario, moments) = (self.scenario, self.moments);
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
                let key_of = |item: &Option<crate::base::json::Json>| {
                    item.as_ref().and_then(|item| {
                        item.part()
                            .get(&scenario.data[collection].key)
                            .and_then(key_text)
                    })
                };
                match (key_of(&edit.before), key_of(&edit.item)) {
                    (None, Some(key)) => {
                        let name = ticker_name(timer, Some(&key));
                        let ticker = Ticker::new(at, Some(key), 1);
                        add(scenario, world, moments, &name, ticker, None, paused)
                            .unwrap_or_else(|error| hourly(error, self.effects));
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
