//! Packets that a client sends by either transport: those of Engine.IO, and those of Socket.IO inside them.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::super::close::End;
use super::super::peer::log_connected;
use super::session::Session;
use super::sessions::secret;
use crate::hub::{Admission, Inbound};
use crate::wire::engineio::Packet;
use crate::wire::socketio::{self, PacketBody, SocketPacket};
use crate::wire::ws::Violation;

/// The `error` event that answers binary attachments.
const NO_BINARY: &str = r#"[{"message":"binary attachments are not supported; send JSON"}]"#;

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
        let packet = SocketPacket::decode(text).map_err(broken)?;
        let main = packet.namespace == socketio::MAIN;
        if let PacketBody::Connect(_) = packet.body {
            return if main {
                self.join()
            } else {
                self.refuse(packet.namespace, socketio::INVALID_NAMESPACE)
            };
        }
        let peer = self.state().peer.clone().filter(|_| main);
        let Some(peer) = peer else {
            return Err(broken("found a packet for a namespace that was not joined"));
        };
        match packet.body {
            PacketBody::Event { name, args, ack } => {
                let args = args.into();
                peer.receive(Inbound::Event { name, args, ack });
                Ok(())
            }
            PacketBody::Disconnect => {
                let mut state = self.state();
                state.left_at = Instant::now();
                let peer = state.peer.take();
                drop(state);
                if let Some(peer) = peer {
                    self.disconnect(peer, &End::Client(None));
                }
                Ok(())
            }
            PacketBody::Binary { attachments, .. } => {
                self.state().attachments = attachments;
                let mut refused = String::new();
                socketio::event(&mut refused, "error", NO_BINARY);
                self.send(refused)
            }
            PacketBody::ConnectError(_) => {
                Err(broken("found a connect error; only the server sends it"))
            }
            PacketBody::Ack { .. } | PacketBody::Connect(_) => Ok(()),
        }
    }

    fn refuse(&self, namespace: &str, why: &str) -> Result<(), End> {
        let mut refused = String::new();
        socketio::connect_error(&mut refused, namespace, why);
        self.send(refused)
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
                    return self.refuse(socketio::MAIN, &why);
                }
            },
        };
        let public = secret().ok_or_else(|| broken("the system has no random numbers"))?;
        let mut joined = String::new();
        socketio::connect(&mut joined, &public);
        state.send(Bytes::from(joined), &self.limits)?;
        let peer = self.hub.connect(ticket);
        log_connected(&self.hub, &peer, self.handshake.address);
        state.peer = Some(Arc::new(peer));
        self.ring(&mut state);
        Ok(())
    }
}
