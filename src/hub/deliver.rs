//! From effects to mailboxes and the journal, in order, while the lock is held.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::engine::{self, Effect, Event, Inbound, Moments, Outcome, SendKind};
use crate::fault::{self, Kind};
use crate::scenario::model::Protocol;
use crate::wire::ws::Opcode;
use crate::world::PeerId;

use super::mailbox::{Outgoing, Put};
use super::{Core, Entry, Hub};

/// Who an effect's message is an answer to.
pub(super) struct Origin {
    pub(super) peer: Option<PeerId>,
    pub(super) name: Arc<str>,
}

impl Hub {
    pub(super) fn note_incoming(
        &self,
        peer: Option<PeerId>,
        event: &Event,
        outcome: &Outcome,
        moments: Moments,
    ) {
        let (Event::Message(_, inbound) | Event::TooMany(_, inbound), Some(peer)) = (event, peer)
        else {
            return;
        };
        let (text, payload) = match inbound {
            Inbound::Text(bytes) => (true, bytes.clone()),
            Inbound::Binary(bytes) => (false, bytes.clone()),
            Inbound::Event { name, args, ack } => {
                let mut out = ack.map_or_else(String::new, |ack| ack.to_string());
                out.push('[');
                crate::json::write::string(&mut out, name);
                let rest = std::str::from_utf8(args)
                    .unwrap_or("[]")
                    .trim()
                    .trim_start_matches('[');
                out.push_str(if rest.trim_start().starts_with(']') {
                    ""
                } else {
                    ","
                });
                out.push_str(rest);
                (true, Bytes::from(out))
            }
        };
        self.0.metrics.received.inc();
        self.0.metrics.received_bytes.inc_by(payload.len() as u64);
        let name = outcome.handler.clone().unwrap_or_else(nobody);
        tracing::debug!(peer = %format_args!("c{peer}"), name = ?name, size = payload.len(), "message");
        self.0.journal.note(Entry {
            seq: 0,
            time: moments.now,
            peer,
            inward: true,
            name,
            size: 0,
            payload,
            text,
            fault: Vec::new(),
        });
    }

    /// Puts what follows an event where it belongs, in order.
    pub(super) fn deliver(
        &self,
        core: &Core,
        peer: Option<PeerId>,
        outcome: &Outcome,
        effects: Vec<Effect>,
        moments: Moments,
    ) {
        let origin = Origin {
            peer,
            name: outcome.handler.clone().unwrap_or_else(nobody),
        };
        for effect in effects {
            match effect {
                Effect::Send {
                    to,
                    text,
                    payload,
                    kind,
                } => self.send(core, &origin, &to, text, &payload, kind, moments),
                Effect::Close { peer, code, reason } => {
                    self.put(
                        core,
                        peer,
                        Duration::ZERO,
                        Outgoing::Close { code, reason },
                        true,
                    );
                }
                Effect::Log(text) => {
                    tracing::info!(target: "scenario", "{}", text.escape_debug().to_string());
                }
                Effect::WarnOnce(text) => {
                    let mut warned = self.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
                    // So that made-up names cannot fill the memory.
                    if warned.len() < 1000 && warned.insert(text.clone()) {
                        tracing::warn!(target: "scenario", "{}", text.escape_debug().to_string());
                    }
                }
                Effect::Failed { place, why } => {
                    tracing::error!(target: "scenario", place = %place, why = ?why, "a handler failed");
                }
                Effect::Refused { code } => self.0.metrics.error(&code),
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one effect and what surrounds it"
    )]
    pub(super) fn send(
        &self,
        core: &Core,
        origin: &Origin,
        to: &[PeerId],
        text: bool,
        payload: &Bytes,
        kind: SendKind,
        moments: Moments,
    ) {
        let push = push_name();
        let name = if kind == SendKind::Push {
            &push
        } else {
            &origin.name
        };
        let faulty = self.0.faulty.load(Ordering::Relaxed);
        for peer in to {
            // A peer that is being read drains its own mailbox next; one that polls has to be woken.
            let own = origin.peer == Some(*peer)
                && kind != SendKind::Push
                && core.scenario.listen.protocol != Protocol::SocketIo;
            let fault = if faulty {
                self.send_faulty(core, *peer, name, text, payload, !own)
            } else {
                let message = message(text, payload.clone());
                self.put(core, *peer, Duration::ZERO, message, !own);
                Vec::new()
            };
            self.0.journal.note(Entry {
                seq: 0,
                time: moments.now,
                peer: *peer,
                inward: false,
                name: name.clone(),
                size: 0,
                payload: payload.clone(),
                text,
                fault,
            });
        }
    }

    /// The one point where faults are decided.
    pub(super) fn send_faulty(
        &self,
        core: &Core,
        peer: PeerId,
        name: &str,
        text: bool,
        payload: &Bytes,
        wake: bool,
    ) -> Vec<&'static str> {
        let verdict = self.faults().message(name, &format!("c{peer}"));
        for fault in &verdict.names {
            self.0.metrics.fault(fault);
        }
        let delay = verdict.delay;
        if let Some(instead) = &verdict.instead {
            let outgoing = match instead {
                Kind::Error(code) => {
                    let mut effects = Vec::new();
                    engine::error(
                        &core.scenario,
                        &core.world,
                        peer,
                        code,
                        payload,
                        &mut effects,
                    );
                    effects.into_iter().find_map(|effect| match effect {
                        Effect::Send { text, payload, .. } => Some(message(text, payload)),
                        _ => None,
                    })
                }
                Kind::Close(code) => Some(Outgoing::Close {
                    code: *code,
                    reason: "fault".to_owned(),
                }),
                Kind::Abort => Some(Outgoing::Abort),
                Kind::Stall => Some(Outgoing::Stall),
                _ => None,
            };
            if let Some(outgoing) = outgoing {
                self.put(core, peer, delay, outgoing, true);
            }
            return verdict.names;
        }
        let payload = if verdict.corrupt {
            Bytes::from(fault::corrupted(payload))
        } else {
            payload.clone()
        };
        let outgoing = Outgoing::Message {
            kind: kind(text),
            payload,
            fragment: verdict.fragment,
            rate: verdict.rate,
        };
        if verdict.twice {
            self.put(core, peer, delay, outgoing.clone(), wake);
        }
        self.put(core, peer, delay, outgoing, wake);
        verdict.names
    }

    pub(super) fn put(
        &self,
        core: &Core,
        peer: PeerId,
        delay: Duration,
        what: Outgoing,
        wake: bool,
    ) {
        let Some(mailbox) = core.mailboxes.get(&peer) else {
            return;
        };
        let size = match &what {
            Outgoing::Message { payload, .. } => Some(payload.len()),
            _ => None,
        };
        match mailbox.put(delay, what, wake) {
            Put::Taken => {
                if let Some(size) = size {
                    self.0.metrics.sent.inc();
                    self.0.metrics.sent_bytes.inc_by(size as u64);
                    if let Some(traffic) = core.peers.get(&peer) {
                        traffic.sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            Put::Overfull => {
                self.0.metrics.limit("mailbox");
                let limits = self.limits();
                tracing::warn!(
                    peer = %format_args!("c{peer}"), frames = limits.mailbox_frames, bytes = limits.mailbox_bytes,
                    "cut off: its mailbox is full since it does not read (scenario: limits.mailbox_frames, limits.mailbox_bytes)"
                );
            }
            Put::Closed => {}
        }
    }
}

pub(super) fn message(text: bool, payload: Bytes) -> Outgoing {
    Outgoing::Message {
        kind: kind(text),
        payload,
        fragment: None,
        rate: None,
    }
}

fn kind(text: bool) -> Opcode {
    if text { Opcode::Text } else { Opcode::Binary }
}

/// The name of what no handler takes.
pub(super) fn nobody() -> Arc<str> {
    static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));
    NOBODY.clone()
}

pub(super) fn push_name() -> Arc<str> {
    static PUSH: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("push"));
    PUSH.clone()
}
