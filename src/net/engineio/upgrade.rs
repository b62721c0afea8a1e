//! A WebSocket of a session, and the upgrade from polling to it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::super::close::End;
use super::super::send_queue::SendQueue;
use super::packets::broken;
use super::session::{Session, Transport};
use crate::hub::{Inbound, Mailbox, Who};
use crate::wire::engineio::{self, Packet};
use crate::wire::ws::{FrameWriter, Opcode};

/// The close code of a WebSocket that its session does not need.
const NORMAL: u16 = 1000;

/// A WebSocket of a session. Dropping it informs the session.
pub(in super::super) struct SessionSocket {
    pub(in super::super) session: Arc<Session>,
    role: Role,
    /// The time at which an attempted upgrade is given up.
    upgrade_by: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The transport of its session.
    Only,
    /// Attempted beside the polling.
    Tried,
    /// One too many.
    Spare,
}

impl SessionSocket {
    /// The WebSocket with which a session opens.
    pub(super) fn first(session: Arc<Session>) -> Self {
        Self {
            session,
            role: Role::Only,
            upgrade_by: None,
        }
    }

    /// A further WebSocket: one is tried beside the polling, any other is spare.
    pub(super) fn further(session: Arc<Session>) -> Self {
        let mut state = session.state();
        let (role, upgrade_by) = if state.transport == Transport::Polling {
            state.transport = Transport::Trying;
            (Role::Tried, Some(Instant::now() + session.limits.head_time))
        } else {
            (Role::Spare, None)
        };
        drop(state);
        Self {
            session,
            role,
            upgrade_by,
        }
    }

    pub(in super::super) fn refusal(&self) -> Option<End> {
        (self.role == Role::Spare).then(|| End::Server {
            code: NORMAL,
            reason: "the session has a WebSocket".to_owned(),
        })
    }

    /// The mailbox that this WebSocket drains.
    pub(in super::super) fn mailbox(&self) -> Option<Arc<Mailbox>> {
        self.session.mailbox().filter(|_| self.role == Role::Only)
    }

    /// Handles a message. Returns a packet to be sent at once.
    pub(in super::super) fn receive(
        &mut self,
        message: Inbound,
    ) -> Result<Option<&'static str>, End> {
        let Inbound::Text(text) = message else {
            return self.session.drop_attachment().map(|()| None);
        };
        let packet = Packet::decode(&text).map_err(broken)?;
        match (self.role, packet) {
            (Role::Only, packet) => self.session.receive(&packet).map(|()| None),
            (_, Packet::Ping(engineio::PROBE)) => {
                self.session.set_transport(Transport::Moving);
                Ok(Some(engineio::PONG_PROBE))
            }
            (_, Packet::Upgrade) => {
                self.role = Role::Only;
                self.upgrade_by = None;
                self.session.set_transport(Transport::WebSocket);
                Ok(None)
            }
            _ => Err(broken("found neither a probe nor an upgrade")),
        }
    }

    /// Moves the session's own packets to the write buffer; a fault behind them ends the connection.
    pub(in super::super) fn fill(
        &self,
        queue: &mut SendQueue,
        writer: FrameWriter,
    ) -> Result<(), End> {
        if self.role != Role::Only {
            return Ok(());
        }
        // Pings must not wait behind a delayed message.
        let mut state = self.session.state();
        while queue.has_room()
            && let Some(own) = state.next_own()
        {
            writer.message(queue.buffer.frames(), Opcode::Text, &own);
        }
        match state.held.take() {
            Some(fault) => Err(fault),
            None if state.stalled => Err(End::Stalled),
            None => Ok(()),
        }
    }

    /// The session pings by itself. Returns the time at which an attempted upgrade is given up.
    pub(in super::super) fn beat(
        &self,
        now: Instant,
        unread: bool,
    ) -> Result<Option<Instant>, End> {
        if unread {
            self.session.forgive();
        }
        if self.upgrade_by.is_some_and(|by| by <= now) {
            return Err(End::Server {
                code: NORMAL,
                reason: "no upgrade came in time".to_owned(),
            });
        }
        Ok(self.upgrade_by)
    }

    /// Waits for packets of the session's own, if there is room for them, and for its end.
    pub(in super::super) fn poll_changed(&self, cx: &Context<'_>, has_room: bool) -> Poll<()> {
        let mut state = self.session.state();
        let fetches = has_room && self.role == Role::Only;
        if state.ended.is_some() || (fetches && state.has_own()) {
            return Poll::Ready(());
        }
        // Level-triggered: the state is checked and the waker stored under one lock, so that no wake is lost.
        match &mut state.socket {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Ends the session if this was its transport.
    pub(in super::super) fn close(self, end: &End) -> Who {
        let who = self.session.who();
        if self.role == Role::Only {
            self.session.end(end);
        } else if let Some(limit) = end.limit() {
            self.session.hub.reached(limit, who, end);
        }
        who
    }
}

impl Drop for SessionSocket {
    fn drop(&mut self) {
        match self.role {
            Role::Only => self.session.end(&End::Gone),
            Role::Tried => self.session.state().transport = Transport::Polling,
            Role::Spare => {}
        }
    }
}
