//! Answers of `list` steps, for a question that is repeated while the collection stays as it is.

use std::sync::{Arc, Weak};

use foldhash::HashMap;

use crate::world::{Collection, Selection};

/// Answers that are kept at once.
const MAX_CACHED_LISTS: usize = 256;
/// Items in a selection, and bytes of a question, that are kept.
const MAX_CACHED_LENGTH: usize = 4 << 10;

#[derive(Debug, Default)]
pub(super) struct ListCache(HashMap<Box<str>, Cached>);

#[derive(Debug)]
struct Cached {
    /// A change moves or clones a collection that anything refers to, so the same address is the same data.
    of: Weak<Collection>,
    listed: Arc<Listed>,
}

/// The result of a `list` step.
#[derive(Debug)]
pub(super) struct Listed {
    /// The page.
    pub(super) items: Arc<Selection>,
    /// All matches, of which this is a page.
    pub(super) matches: Arc<Selection>,
    pub(super) total: usize,
    /// The page's number.
    pub(super) page: usize,
    /// Items per page.
    pub(super) limit: usize,
    /// Charged each time, so that an answer from the cache costs an input as much as a new one.
    pub(super) work: u64,
}

impl ListCache {
    pub(super) fn find(&self, question: &str, of: &Arc<Collection>) -> Option<Arc<Listed>> {
        let cached = self.0.get(question)?;
        (cached.of.as_ptr() == Arc::as_ptr(of)).then(|| cached.listed.clone())
    }

    pub(super) fn keep(&mut self, question: String, of: &Arc<Collection>, listed: &Arc<Listed>) {
        if question.len() + listed.matches.ids() + listed.items.ids() > MAX_CACHED_LENGTH {
            return;
        }
        if self.0.len() >= MAX_CACHED_LISTS {
            self.0.clear();
        }
        let cached = Cached {
            of: Arc::downgrade(of),
            listed: listed.clone(),
        };
        self.0.insert(question.into(), cached);
    }
}
