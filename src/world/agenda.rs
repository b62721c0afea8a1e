//! What is due when: timers and plans in one ordered set.

use std::collections::{BTreeMap, HashMap};

use crate::base::Moment;

/// The ordered set. `P` is what a plan keeps (the engine's business).
#[derive(Debug, Clone)]
pub struct Agenda<P> {
    due: BTreeMap<(Moment, u64), Due>,
    next: u64,
    /// The timers, by the name that the control API shows.
    pub tickers: BTreeMap<String, Ticker>,
    plans: HashMap<u64, Plan<P>>,
    /// Bytes that the plans keep.
    bytes: usize,
    named: HashMap<String, u64>,
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
    /// Whether its turns are skipped.
    pub paused: bool,
    place: Option<(Moment, u64)>,
}

/// Something to do after a time.
#[derive(Debug, Clone)]
pub struct Plan<P> {
    /// The name that replaces or cancels it.
    pub name: Option<String>,
    /// What is done.
    pub what: P,
    bytes: usize,
    at: (Moment, u64),
}

impl<P> Default for Agenda<P> {
    fn default() -> Self {
        Agenda {
            due: BTreeMap::new(),
            next: 0,
            tickers: BTreeMap::new(),
            plans: HashMap::new(),
            bytes: 0,
            named: HashMap::new(),
        }
    }
}

impl Ticker {
    /// A timer that is not set yet.
    pub fn new(timer: usize, key: Option<String>, every: i64) -> Ticker {
        Ticker {
            timer,
            key,
            every: every.max(1),
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

impl<P> Agenda<P> {
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

    /// Plans something that keeps so many bytes; a plan of the same name is forgotten.
    pub fn plan(&mut self, at: Moment, name: Option<String>, what: P, bytes: usize) {
        if let Some(name) = &name {
            self.cancel(name);
        }
        let number = self.next;
        let place = self.put(at, Due::Plan(number));
        if let Some(name) = &name {
            self.named.insert(name.clone(), number);
        }
        self.bytes += bytes;
        self.plans.insert(
            number,
            Plan {
                name,
                what,
                bytes,
                at: place,
            },
        );
    }

    /// Forgets a plan; answers whether it was there.
    pub fn cancel(&mut self, name: &str) -> bool {
        let Some(plan) = self
            .named
            .remove(name)
            .and_then(|number| self.plans.remove(&number))
        else {
            return false;
        };
        self.due.remove(&plan.at);
        self.bytes -= plan.bytes;
        true
    }

    /// Takes a plan that is due.
    pub fn take_plan(&mut self, number: u64) -> Option<P> {
        let plan = self.plans.remove(&number)?;
        if let Some(name) = &plan.name {
            self.named.remove(name);
        }
        self.bytes -= plan.bytes;
        Some(plan.what)
    }

    /// How many plans wait.
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    /// Bytes that they keep.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_due_in_order_and_names_replace() {
        let mut agenda = Agenda::default();
        agenda.plan(30, Some("a".into()), "late", 1);
        agenda.plan(20, None, "unnamed", 2);
        agenda.plan(10, Some("a".into()), "early", 4);
        assert_eq!((agenda.plans(), agenda.bytes()), (2, 6));
        assert_eq!(agenda.next_due(), Some(10));
        let (at, Due::Plan(number)) = agenda.take_due(15).unwrap() else {
            panic!("a plan")
        };
        assert_eq!((at, agenda.take_plan(number)), (10, Some("early")));
        assert_eq!(agenda.bytes(), 2);
        assert!(agenda.take_due(15).is_none());
        assert!(!agenda.cancel("a"));
    }
}
