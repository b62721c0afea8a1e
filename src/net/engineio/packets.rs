//! What a client sends, by either way: packets of Engine.IO, and those of Socket.IO inside them.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::super::close::End;
use super::session::Session;
use super::sessions::secret;
use crate::hub::{Admission, Inbound};
use crate::wire::engineio::Packet;
use crate::wire::socketio::{self, Body};
use crate::wire::ws::Violation;

/// What its `error` event says of binary messages.
const NO_BINARY: &str = r#"[{"message":"binary attachments are not taken; send JSON"}]"#;

/// The end of a session whose client breaks the protocol.
pub(super) fn broken(reason: impl Display) -> End {
    End::Broken(Violation::protocol(reason.to_string()))
}

impl Session {
    /// Takes a packet in; answers the end of the session where it is one.
    pub(super) fn receive(&self, packet: &Packet<'_>) -> Result<(), End> {
        match packet {
            Packet::Pong(_) => {
                self.pong.notify_one();
                Ok(())
            }
            Packet::Message(text) => self.message(text),
            Packet::Binary(_) => self.swallow(),
            Packet::Close => Err(End::Asked(None)),
            Packet::Ping(_) => Err(broken("found a ping; the server pings")),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => Ok(()),
        }
    }

    /// A binary message: fine when it was announced.
    pub(super) fn swallow(&self) -> Result<(), End> {
        let mut state = self.state();
        match state.swallow.checked_sub(1) {
            Some(left) => {
                state.swallow = left;
                Ok(())
            }
            None => Err(broken("found a binary message that no packet announced")),
        }
    }

    fn message(&self, text: &str) -> Result<(), End> {
        if self.state().swallow > 0 {
            return Err(broken("found a text where binary messages were announced"));
        }
        let packet = socketio::Packet::decode(text).map_err(broken)?;
        let main = packet.namespace == socketio::MAIN;
        if let Body::Connect(_) = packet.body {
            return if main {
                self.join()
            } else {
                self.keep_out(packet.namespace, socketio::INVALID_NAMESPACE)
            };
        }
        let peer = self.state().peer.clone().filter(|_| main);
        let Some(peer) = peer else {
            return Err(broken("found a packet for a namespace that was not joined"));
        };
        match packet.body {
            Body::Event { name, args, ack } => {
                let args = args.into();
                peer.receive(Inbound::Event { name, args, ack });
                Ok(())
            }
            Body::Disconnect => {
                self.leave();
                Ok(())
            }
            Body::Binary { attachments, .. } => {
                self.state().swallow = attachments;
                let mut refused = String::new();
                socketio::event(&mut refused, "error", NO_BINARY);
                self.say(refused)
            }
            Body::ConnectError(_) => Err(broken("found a connect error; only a server sends it")),
            Body::Ack { .. } | Body::Connect(_) => Ok(()),
        }
    }

    fn keep_out(&self, namespace: &str, why: &str) -> Result<(), End> {
        let mut refused = String::new();
        socketio::connect_error(&mut refused, namespace, why);
        self.say(refused)
    }

    /// The client joins: now it is a peer. After it left it may join again, if there is a place.
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
            None => match self.hub.admit(self.ask.clone()) {
                Admission::Accepted { ticket, .. } => ticket,
                Admission::Refused(answer) => {
                    drop(state);
                    let why = format!("refused with status {}", answer.status);
                    return self.keep_out(socketio::MAIN, &why);
                }
            },
        };
        let public = secret().ok_or_else(|| broken("the system gives no random numbers"))?;
        let mut joined = String::new();
        socketio::connect(&mut joined, &public);
        state.say(Bytes::from(joined), &self.limits)?;
        let peer = self.hub.connect(ticket);
        tracing::info!(peer = format_args!("c{}", peer.id()), address = %self.ask.address, "connected");
        state.peer = Some(Arc::new(peer));
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// The client leaves the namespace; the session stays.
    fn leave(&self) {
        let mut state = self.state();
        state.joinless = Instant::now();
        let peer = state.peer.take();
        drop(state);
        if let Some(peer) = peer {
            let end = End::Asked(None);
            tracing::info!(peer = format_args!("c{}", peer.id()), address = %self.ask.address, why = %end, "disconnected");
            peer.closed(end.code());
        }
    }
}
