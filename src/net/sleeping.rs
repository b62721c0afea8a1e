//! A connection that its task shares with the threads that write in the task's place while it sleeps.
//!
//! The mailbox decides who uses the connection, so that the lock is hardly ever contended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::close::End;
use super::connection::Connection;
use crate::hub::{Mailbox, Outlet};

/// Empty once the connection has ended.
struct ConnectionSlot(Mutex<Option<Connection>>);

impl ConnectionSlot {
    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet for ConnectionSlot {
    fn deliver(&self, waker: &Waker) -> bool {
        let mut slot = self.lock();
        slot.as_mut()
            .is_none_or(|connection| connection.deliver(waker))
    }
}

/// The task's handle of its connection.
pub(super) struct SharedConnection {
    slot: Arc<ConnectionSlot>,
    /// The mailbox in which the task sleeps, or has slept last.
    mailbox: Option<Arc<Mailbox>>,
    asleep: bool,
}

impl SharedConnection {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            slot: Arc::new(ConnectionSlot(Mutex::new(Some(connection)))),
            mailbox: None,
            asleep: false,
        }
    }

    /// `None` once the connection was taken.
    pub(super) fn with<T>(&self, run: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        self.slot.lock().as_mut().map(run)
    }

    pub(super) fn take(&self) -> Option<Connection> {
        self.slot.lock().take()
    }

    /// Waits until `look` finds something to do or there is news in the mailbox. An idle connection sleeps.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut Connection, &mut Context<'_>) -> Poll<Result<(), End>>,
    ) -> Poll<Result<(), End>> {
        match self.wake_up() {
            // Another thread writes, and wakes this task when it has written.
            None => return Poll::Pending,
            Some(true) => return Poll::Ready(Ok(())),
            Some(false) => {}
        }
        let mut slot = self.slot.lock();
        let Some(connection) = slot.as_mut() else {
            return Poll::Pending;
        };
        if let Poll::Ready(found) = look(connection, cx) {
            return Poll::Ready(found);
        }
        let Some(mailbox) = connection.mailbox() else {
            return Poll::Pending;
        };
        if !connection.is_idle() {
            return if connection.has_room() {
                mailbox.poll_changed(cx).map(Ok)
            } else {
                Poll::Pending
            };
        }
        // From here on other threads may want the lock, which is released at the end of this poll.
        let polled = mailbox.poll_sleep(cx, &self.slot);
        self.asleep = polled.is_pending();
        let is_known = |known: &Arc<Mailbox>| Arc::ptr_eq(known, mailbox);
        if !self.mailbox.as_ref().is_some_and(is_known) {
            self.mailbox = Some(mailbox.clone());
        }
        polled.map(Ok)
    }

    /// Ends the task's sleep; returns whether there is news. `None` while another thread writes.
    fn wake_up(&mut self) -> Option<bool> {
        let Some(mailbox) = self.mailbox.as_ref().filter(|_| self.asleep) else {
            return Some(false);
        };
        let news = mailbox.wake_up()?;
        self.asleep = false;
        Some(news)
    }
}

impl Drop for SharedConnection {
    /// The mailbox holds the slot and the connection holds the mailbox: left in the slot, neither would be freed.
    fn drop(&mut self) {
        drop(self.take());
    }
}
