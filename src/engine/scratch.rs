//! Memory that one input leaves to the next.

use crate::base::payload::Draft;

use super::list_cache::ListCache;

/// Buffers and caches that the inputs of a thread use in turn. They decide nothing: without them each input would allocate,
/// and repeat what the one before it did.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The answer while it is written. It grows once.
    pub(super) draft: Draft,
    pub(super) lists: ListCache,
}
