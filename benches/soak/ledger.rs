//! What all clients of a mock together have counted, and what went wrong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// So many are told in full.
const TOLD: usize = 20;

#[derive(Default)]
pub(crate) struct Ledger {
    /// Connections that were surely made, and those that perhaps were.
    pub(crate) connections: AtomicU64,
    pub(crate) perhaps_connections: AtomicU64,
    /// Messages that surely arrived, for they were answered, and those that perhaps did.
    pub(crate) said: AtomicU64,
    pub(crate) perhaps_said: AtomicU64,
    /// Messages that came.
    pub(crate) heard: AtomicU64,
    pub(crate) answers: AtomicU64,
    pub(crate) pushes: AtomicU64,
    /// Messages that were no JSON, and answered so.
    pub(crate) rubbish: AtomicU64,
    /// Messages that were more than a client may send, and answered so.
    pub(crate) limited: AtomicU64,
    /// Clients whose journal was compared with what they saw.
    pub(crate) compared: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) cut_off: AtomicU64,
    editions: Mutex<HashMap<u64, u64>>,
    wrong: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) fn wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < TOLD {
            eprintln!("WRONG {what}");
        }
        wrong.push(what);
    }

    pub(crate) fn mistakes(&self) -> usize {
        self.wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The last push of an edition, as somebody saw it who then saw the next edition: the same for all.
    pub(crate) fn ended(&self, edition: u64, last: u64) {
        let mut editions = self.editions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = *editions.entry(edition).or_insert(last);
        drop(editions);
        if known != last {
            self.wrong(format!(
                "edition {edition} ended with {known} for one client and with {last} for another"
            ));
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}
