//! Memory that one input leaves to the next.

use crate::base::payload::Draft;

/// Buffers that every input of a thread uses in turn. They decide nothing: without them each input would allocate.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The answer while it is written. It grows once.
    pub(super) draft: Draft,
}
