//! The names of handlers, numbered once for all scenarios that this process plays.
//!
//! The journal keeps a number for each message, so it outlives a reload and no thread counts who holds a name.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use prometheus_client::metrics::histogram::Histogram;

use crate::lang::model::Scenario;

/// The number of a name; 0 is the empty name of what no handler takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameId(u32);

#[derive(Debug)]
pub(super) struct Name {
    pub(super) id: NameId,
    pub(super) text: Arc<str>,
    /// The durations of the handler, once it has run.
    pub(super) durations: OnceLock<Histogram>,
}

#[derive(Debug, Default)]
pub struct Names(RwLock<Registry>);

#[derive(Debug, Default)]
struct Registry {
    all: Vec<Arc<Name>>,
    by_text: HashMap<Arc<str>, Arc<Name>>,
}

impl Names {
    /// The names of a scenario's handlers, in its order.
    pub(super) fn of(&self, scenario: &Scenario) -> Arc<[Arc<Name>]> {
        let mut registry = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let names = scenario.handlers.iter();
        names.map(|name| registry.register(name)).collect()
    }

    pub(super) fn text(&self, id: NameId) -> Arc<str> {
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        registry.all[id.0 as usize].text.clone()
    }

    /// Returns `None` for a name that no handler has had.
    pub fn find(&self, text: &str) -> Option<NameId> {
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        registry.by_text.get(text).map(|name| name.id)
    }
}

impl Registry {
    fn register(&mut self, text: &Arc<str>) -> Arc<Name> {
        if let Some(known) = self.by_text.get(text) {
            return known.clone();
        }
        let name = Arc::new(Name {
            id: NameId(self.all.len() as u32),
            text: text.clone(),
            durations: OnceLock::new(),
        });
        self.all.push(name.clone());
        self.by_text.insert(text.clone(), name.clone());
        name
    }
}
