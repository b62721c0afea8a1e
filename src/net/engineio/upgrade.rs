//! A session's further ways: how its client moves from polling to a WebSocket.

use std::sync::Arc;

use super::super::close::End;
use super::session::{Session, Transport};

/// A WebSocket of a session. Dropped, the session knows that it has gone.
pub(in super::super) struct Way {
    pub(super) session: Arc<Session>,
    pub(super) part: Part,
}

/// What a WebSocket is to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its only way.
    Only,
    /// Tried beside its polling.
    Tried,
    /// One too many.
    Spare,
}

impl Drop for Way {
    fn drop(&mut self) {
        match self.part {
            Part::Only => self.session.end(&End::Gone),
            Part::Tried => self.session.give_up(),
            Part::Spare => {}
        }
    }
}

impl Session {
    /// A further WebSocket: one is tried beside the polling, any other is spare.
    pub(super) fn further(self: &Arc<Self>) -> Way {
        let mut state = self.state();
        let part = if state.transport == Transport::Polling {
            state.transport = Transport::Trying;
            Part::Tried
        } else {
            Part::Spare
        };
        drop(state);
        Way {
            session: self.clone(),
            part,
        }
    }

    /// The client has found that the WebSocket works.
    pub(super) fn probed(&self) {
        self.state().transport = Transport::Moving;
        self.wake.notify_one();
    }

    /// The WebSocket came to nothing.
    fn give_up(&self) {
        self.state().transport = Transport::Polling;
    }

    /// From now on the WebSocket fetches what waits.
    pub(super) fn upgraded(&self) {
        self.state().transport = Transport::WebSocket;
        self.wake.notify_one();
    }
}
