//! Packets that a client sends by either transport: those of Engine.IO, and those of Socket.IO inside them.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use super::super::close::End;
use super::super::peer::log_connected;
use super::session::{Session, secret};
use crate::dialect::socketio::{self, Incoming};
use crate::hub::Admission;
use crate::wire::engineio::Packet;
use crate::wire::ws::Violation;

/// The end of a session whose client breaks the protocol.
pub(super) fn broken(reason: impl Display) -> End {
    End::Violation(Violation::protocol(reason.to_string()))
}

impl Session {
    /// Handles a packet. An error ends the session.
    pub(super) fn receive(&self, packet: &Packet<'_>) -> Result<(), End> {
        match packet {
            Packet::Pong(_) => {
                self.pong.notify_one();
                Ok(())
            }
            Packet::Message(text) => self.message(text),
            Packet::Binary(_) => self.drop_attachment(),
            Packet::Close => Err(End::Client(None)),
            Packet::Ping(_) => Err(broken("found a ping; only the server pings")),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => Ok(()),
        }
    }

    /// Accepts a binary message if a packet has announced it.
    pub(super) fn drop_attachment(&self) -> Result<(), End> {
        let mut state = self.state();
        match state.attachments.checked_sub(1) {
            Some(left) => {
                state.attachments = left;
                Ok(())
            }
            None => Err(broken("found a binary message that no packet announced")),
        }
    }

    fn message(&self, text: &str) -> Result<(), End> {
        if self.state().attachments > 0 {
            return Err(broken("found a text where binary messages were announced"));
        }
        let incoming = socketio::decode(text).map_err(broken)?;
        let peer = self.state().peer.clone();
        match (incoming, peer) {
            (Incoming::Join, _) => self.join(),
            (Incoming::KeptOut(packet), _) => self.send(packet),
            (Incoming::Foreign, _) | (_, None) => {
                Err(broken("found a packet for a namespace that was not joined"))
            }
            (Incoming::Message(message), Some(peer)) => {
                peer.receive(message);
                Ok(())
            }
            (Incoming::Leave, _) => {
                self.leave();
                Ok(())
            }
            (
                Incoming::Refused {
                    packet,
                    attachments,
                },
                _,
            ) => {
                self.state().attachments = attachments;
                self.send(packet)
            }
            (Incoming::FromServer, _) => {
                Err(broken("found a connect error; only the server sends it"))
            }
            (Incoming::Ignored, _) => Ok(()),
        }
    }

    /// Connects the client as a peer. After it has left, it may join again if there is a place.
    fn join(&self) -> Result<(), End> {
        let mut state = self.state();
        if let Some(end) = &state.ended {
            return Err(end.clone());
        }
        if state.peer.is_some() {
            return Err(broken("found a second connect packet"));
        }
        let ticket = match state.ticket.take() {
            Some(ticket) => ticket,
            None => match self.hub.admit(self.handshake.clone()) {
                Admission::Accepted { ticket, .. } => ticket,
                Admission::Refused(answer) => {
                    drop(state);
                    let why = format!("refused with status {}", answer.status);
                    return self.send(socketio::refused(&why));
                }
            },
        };
        let public = secret().ok_or_else(|| broken("the system has no random numbers"))?;
        state.send(socketio::joined(&public).into(), &self.limits)?;
        let peer = self.hub.connect(ticket);
        log_connected(&self.hub, &peer, self.handshake.address);
        state.peer = Some(Arc::new(peer));
        self.ring(&mut state);
        Ok(())
    }

    /// Disconnects the peer; the session stays.
    fn leave(&self) {
        let mut state = self.state();
        state.left_at = Instant::now();
        let peer = state.peer.take();
        drop(state);
        if let Some(peer) = peer {
            self.disconnect(peer, &End::Client(None));
        }
    }
}
