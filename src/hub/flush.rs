//! Deliveries to peers whose tasks sleep. A push to many peers then wakes none of their tasks.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::mailbox::Mailbox;

/// Peers that one task writes to, so that other tasks get their turn in between.
const PEERS_PER_TASK: usize = 32;

/// Spawns the deliveries and returns at once.
pub(super) fn deliver(mailboxes: Vec<Arc<Mailbox>>) {
    let mut mailboxes = mailboxes.into_iter();
    while mailboxes.len() > 0 {
        let some: Vec<_> = mailboxes.by_ref().take(PEERS_PER_TASK).collect();
        let work = move || some.iter().for_each(|mailbox| mailbox.deliver());
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { work() })),
            // A world without a runtime has no sleeping tasks, except in tests.
            Err(_) => work(),
        }
    }
}
