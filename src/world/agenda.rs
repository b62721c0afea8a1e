//! What is due when: timers and plans in one ordered set.

use std::collections::BTreeMap;

use crate::base::Moment;
use crate::lang::expr::Symbol;
use crate::lang::model::HandlerId;
use crate::lang::verbs::Steps;

use super::PeerId;
use super::value::Val;

/// Everything that is due, in order; of one moment, first come first served.
#[derive(Debug, Clone, Default)]
pub struct Agenda {
    due: BTreeMap<(Moment, u64), Due>,
    next: u64,
    /// The timers, by the name that the control API shows.
    pub tickers: BTreeMap<String, Ticker>,
    plans: BTreeMap<u64, Waiting>,
    /// Bytes that the plans keep.
    bytes: usize,
    named: BTreeMap<String, u64>,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A timer's turn, by its ticker's name.
    Timer(String),
    /// A plan, by its number.
    Plan(u64),
}

/// A timer that ticks: one for a timer, or one for each item under `for`.
#[derive(Debug, Clone)]
pub struct Ticker {
    /// A place in the scenario's timers.
    pub timer: usize,
    /// The key of its item, under `for`.
    pub key: Option<String>,
    /// Between turns, in milliseconds.
    pub every: i64,
    /// Set by hand or on the command line: `every:` is not evaluated any more.
    pub fixed: bool,
    /// Its turns are skipped.
    pub paused: bool,
    place: Option<(Moment, u64)>,
}

/// The steps of a `later`, and what they need.
#[derive(Debug, Clone)]
pub struct Plan {
    pub steps: Steps,
    pub names: Vec<(Symbol, Val)>,
    pub peer: Option<PeerId>,
    /// The handler that planned it.
    pub handler: HandlerId,
    /// Length of the chain of plans that were due at once and led to this one.
    pub at_once: u32,
}

/// A plan in the agenda.
#[derive(Debug, Clone)]
struct Waiting {
    /// A new plan of this name replaces it.
    name: Option<String>,
    plan: Plan,
    bytes: usize,
    place: (Moment, u64),
}

impl Ticker {
    /// A timer that is not set yet.
    pub fn new(timer: usize, key: Option<String>) -> Ticker {
        Ticker {
            timer,
            key,
            every: 1,
            fixed: false,
            paused: false,
            place: None,
        }
    }

    /// When its next turn is.
    pub fn due(&self) -> Option<Moment> {
        self.place.map(|(at, _)| at)
    }
}

impl Agenda {
    /// When the next thing is due.
    pub fn next_due(&self) -> Option<Moment> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next thing that is due at `now` or earlier.
    pub fn take_due(&mut self, now: Moment) -> Option<(Moment, Due)> {
        let (at, _) = *self.due.keys().next()?;
        if at > now {
            return None;
        }
        let (_, due) = self.due.pop_first()?;
        if let Due::Timer(name) = &due
            && let Some(ticker) = self.tickers.get_mut(name)
        {
            ticker.place = None;
        }
        Some((at, due))
    }

    fn put(&mut self, at: Moment, due: Due) -> (Moment, u64) {
        let place = (at, self.next);
        self.next += 1;
        self.due.insert(place, due);
        place
    }

    /// Sets a timer's next turn.
    pub fn set(&mut self, name: &str, at: Moment) {
        self.unset(name);
        let place = self.put(at, Due::Timer(name.to_owned()));
        if let Some(ticker) = self.tickers.get_mut(name) {
            ticker.place = Some(place);
        } else {
            self.due.remove(&place);
        }
    }

    /// Forgets a timer's next turn.
    pub fn unset(&mut self, name: &str) {
        if let Some(place) = self
            .tickers
            .get_mut(name)
            .and_then(|ticker| ticker.place.take())
        {
            self.due.remove(&place);
        }
    }

    /// Forgets a timer.
    pub fn drop_ticker(&mut self, name: &str) {
        self.unset(name);
        self.tickers.remove(name);
    }

    /// Plans something that keeps `bytes` in memory. It replaces a plan of the same name.
    pub fn plan(&mut self, at: Moment, name: Option<String>, plan: Plan, bytes: usize) {
        if let Some(name) = &name {
            self.cancel(name);
        }
        let number = self.next;
        let place = self.put(at, Due::Plan(number));
        if let Some(name) = &name {
            self.named.insert(name.clone(), number);
        }
        self.bytes += bytes;
        let waiting = Waiting {
            name,
            plan,
            bytes,
            place,
        };
        self.plans.insert(number, waiting);
    }

    /// Removes a plan, if there is one of this name.
    pub fn cancel(&mut self, name: &str) {
        if let Some(number) = self.named.remove(name)
            && let Some(waiting) = self.plans.remove(&number)
        {
            self.due.remove(&waiting.place);
            self.bytes -= waiting.bytes;
        }
    }

    /// Takes a plan that is due.
    pub fn take_plan(&mut self, number: u64) -> Option<Plan> {
        let waiting = self.plans.remove(&number)?;
        if let Some(name) = &waiting.name {
            self.named.remove(name);
        }
        self.bytes -= waiting.bytes;
        Some(waiting.plan)
    }

    /// The number of plans.
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    /// Bytes that plans keep.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_due_in_order_and_names_replace() {
        let plan = |number| Plan {
            steps: [].into(),
            names: Vec::new(),
            peer: None,
            handler: HandlerId(number),
            at_once: 0,
        };
        let mut agenda = Agenda::default();
        agenda.plan(30, Some("a".into()), plan(1), 1);
        agenda.plan(20, None, plan(2), 2);
        agenda.plan(10, Some("a".into()), plan(3), 4);
        assert_eq!((agenda.plans(), agenda.bytes()), (2, 6));
        assert_eq!(agenda.next_due(), Some(10));
        let (at, Due::Plan(number)) = agenda.take_due(15).unwrap() else {
            panic!("a plan")
        };
        let taken = agenda.take_plan(number).unwrap();
        assert_eq!((at, taken.handler, agenda.bytes()), (10, HandlerId(3), 2));
        assert!(agenda.take_due(15).is_none());
        agenda.cancel("a");
        assert_eq!(agenda.plans(), 1);
    }
}
