//! Where a connection is while its task waits: here, or lent to its mailbox, so that whoever has put something in can
//! write it without waking the task.

use std::task::{Context, Poll};

use super::close::End;
use super::connection::Connection;
use crate::hub::Mailbox;

/// One wait of a connection.
pub(super) struct Rest<'m> {
    mailbox: &'m Mailbox,
    place: Place,
}

enum Place {
    Here(Box<Connection>),
    Lent,
    /// The wait is over.
    Gone,
}

impl<'m> Rest<'m> {
    /// For a connection that has nothing to do.
    pub(super) fn new(mailbox: &'m Mailbox, connection: Box<Connection>) -> Self {
        let place = Place::Here(connection);
        Self { mailbox, place }
    }

    /// Waits for `look` to find something to do, or for news in the mailbox if the connection has room for it.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut Connection, &mut Context<'_>) -> Poll<Result<(), End>>,
    ) -> Poll<(Box<Connection>, Result<(), End>)> {
        let Some((mut connection, news)) = self.take_back() else {
            return Poll::Pending;
        };
        if news {
            return Poll::Ready((connection, Ok(())));
        }
        if let Poll::Ready(found) = look(&mut connection, cx) {
            return Poll::Ready((connection, found));
        }
        if connection.is_idle() {
            return match self.mailbox.lend(cx, connection) {
                Ok(()) => {
                    self.place = Place::Lent;
                    Poll::Pending
                }
                Err(connection) => Poll::Ready((connection, Ok(()))),
            };
        }
        if connection.has_room() && self.mailbox.poll_changed(cx).is_ready() {
            return Poll::Ready((connection, Ok(())));
        }
        self.place = Place::Here(connection);
        Poll::Pending
    }

    /// The connection, and whether there was news while it was lent; `None` while somebody writes with it.
    fn take_back(&mut self) -> Option<(Box<Connection>, bool)> {
        match std::mem::replace(&mut self.place, Place::Gone) {
            Place::Here(connection) => Some((connection, false)),
            Place::Lent => {
                let back = self.mailbox.take_back();
                if back.is_none() {
                    self.place = Place::Lent;
                }
                back
            }
            Place::Gone => None,
        }
    }
}

impl Drop for Rest<'_> {
    /// A mailbox that keeps the connection that holds it would keep both for ever.
    fn drop(&mut self) {
        if matches!(self.place, Place::Lent) {
            drop(self.take_back());
        }
    }
}
