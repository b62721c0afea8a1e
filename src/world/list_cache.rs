//! What was listed: the same question, asked again while nothing has changed, is not answered anew.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::HashMap;

use super::rows::Selection;

/// Answers that a thread knows at once.
const MOST: usize = 256;
/// Items in a selection, and bytes of a question, that are kept.
const LONGEST: usize = 4 << 10;

/// So many threads have answers of their own; more share them.
const THREADS: usize = 4;

/// Questions and their answers. A world's copy starts without any.
///
/// Each thread has its own, for the counts of who holds an answer and its text are written with every message: they should
/// not have to go from one processor to another.
#[derive(Debug, Default)]
pub struct Asked([RwLock<HashMap<Box<str>, Arc<Listed>>>; THREADS]);

thread_local! {
    /// Which of the threads this is.
    static THREAD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % THREADS
    };
}

/// What a list came to.
#[derive(Debug)]
pub struct Listed {
    /// The page.
    pub items: Arc<Selection>,
    /// What the page is of.
    pub matches: Arc<Selection>,
    /// How many these are.
    pub total: usize,
    /// The page's number.
    pub page: usize,
    /// Items a page.
    pub limit: usize,
    /// What it took, in instructions.
    pub work: u64,
    /// The collection's [version](super::Collection::version) then.
    pub version: u64,
}

impl Clone for Asked {
    fn clone(&self) -> Self {
        Asked::default()
    }
}

impl Asked {
    fn of_this_thread(&self) -> &RwLock<HashMap<Box<str>, Arc<Listed>>> {
        &self.0[THREAD.with(|thread| *thread)]
    }

    /// The answer, if it is known and its collection has not changed since.
    pub fn find(&self, question: &str, version: u64) -> Option<Arc<Listed>> {
        let all = self
            .of_this_thread()
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let listed = all.get(question)?;
        (listed.version == version).then(|| listed.clone())
    }

    /// Keeps an answer.
    pub fn keep(&self, question: String, listed: &Arc<Listed>) {
        if question.len() + listed.matches.ids() + listed.items.ids() > LONGEST {
            return;
        }
        let mut all = self
            .of_this_thread()
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(question.into(), listed.clone());
    }
}
