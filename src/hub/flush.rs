//! Delivers what was put into the mailboxes of peers whose tasks sleep: for many, waking none of them costs less.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::mailbox::Mailbox;

/// So many are written to at once, before others have their turn.
const ROUND: usize = 32;

/// Sees to it that all of it is delivered, without waiting for it.
pub(super) fn deliver(mailboxes: Vec<Arc<Mailbox>>) {
    let mut mailboxes = mailboxes.into_iter();
    while mailboxes.len() > 0 {
        let round: Vec<_> = mailboxes.by_ref().take(ROUND).collect();
        let work = move || round.iter().for_each(|mailbox| mailbox.deliver());
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { work() })),
            Err(_) => work(),
        }
    }
}
