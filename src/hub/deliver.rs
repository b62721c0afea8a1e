//! From effects to mailboxes and the journal, in order, while the lock is held.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use crate::base::Moment;
use crate::base::json::write;
use crate::base::payload::Payload;
use crate::engine::{self, Effect, Event, Inbound, SendKind};
use crate::fault::{self, Verdict};
use crate::lang::faults::FaultKind;
use crate::lang::model::Protocol;
use crate::wire::ws::Opcode;
use crate::world::PeerId;

use super::entry::About;
use super::journal::{Batch, Cost};
use super::mailbox::{Mailbox, Outgoing, Put};
use super::{Core, Hub, Limit, Who, flush};

/// What events lead to, on its way. Noted and counted together: what many threads write costs each of them its cache.
pub(super) struct Delivery<'d> {
    hub: &'d Hub,
    pub(super) core: &'d Core,
    who: Who,
    /// For the journal.
    noted: Batch,
    /// Whose tasks sleep.
    lent: Vec<Arc<Mailbox>>,
    received: u64,
    received_bytes: u64,
    sent: u64,
    sent_bytes: u64,
    /// Handlers, and how many seconds they ran.
    ran: Vec<(&'static str, f64)>,
}

/// What is behind a message.
#[derive(Clone, Copy)]
pub(super) struct Cause {
    /// The handler's name.
    name: &'static str,
    now: Moment,
}

impl Cause {
    /// An event that a handler has dealt with, if one has.
    pub(super) fn new(handler: Option<&'static str>, now: Moment) -> Cause {
        let name = handler.unwrap_or(NOBODY);
        Cause { name, now }
    }
}

impl<'d> Delivery<'d> {
    /// Of nothing yet.
    pub(super) fn new(hub: &'d Hub, core: &'d Core, who: Who) -> Delivery<'d> {
        Delivery {
            hub,
            core,
            who,
            noted: hub.0.journal.batch(),
            lent: Vec::new(),
            received: 0,
            received_bytes: 0,
            sent: 0,
            sent_bytes: 0,
            ran: Vec::new(),
        }
    }

    /// What an event has led to. No effects are left.
    pub(super) fn follow(
        &mut self,
        event: Option<&Event>,
        effects: &mut Vec<Effect>,
        handler: Option<&'static str>,
        now: Moment,
        began: Instant,
    ) {
        let cause = Cause::new(handler, now);
        if let Some(event) = event {
            self.came(event, cause);
        }
        self.deliver(effects.drain(..), cause);
        if let Some(handler) = handler {
            self.ran.push((handler, began.elapsed().as_secs_f64()));
        }
    }

    /// Notes and counts the message that the event is, if it is one.
    fn came(&mut self, event: &Event, cause: Cause) {
        let (Event::Message(_, inbound) | Event::TooMany(_, inbound), Some(peer)) =
            (event, self.who.peer())
        else {
            return;
        };
        let made;
        let (text, bytes) = match inbound {
            Inbound::Text(text) => (true, text.as_bytes()),
            Inbound::Binary(bytes) => (false, &**bytes),
            Inbound::Event { name, args, ack } => {
                made = shown(name, args, *ack);
                (true, made.as_bytes())
            }
        };
        let size = bytes.len();
        self.received += 1;
        self.received_bytes += size as u64;
        tracing::debug!(peer = %format_args!("c{peer}"), name = ?cause.name, size, "message");
        let about = About {
            time: cause.now,
            peer,
            inward: true,
            text,
            name: cause.name,
            size,
        };
        self.noted.heard(about, bytes);
    }

    /// Puts what follows where it belongs, in order.
    fn deliver(&mut self, effects: impl Iterator<Item = Effect>, cause: Cause) {
        let (hub, who) = (self.hub, self.who);
        for effect in effects {
            match effect {
                Effect::Send {
                    to,
                    text,
                    payload,
                    kind,
                } => self.send(&to, text, payload, kind, cause),
                Effect::Close { peer, code, reason } => {
                    let close = Outgoing::Close { code, reason };
                    self.put(peer, Duration::ZERO, close, true);
                }
                Effect::Log(text) => {
                    tracing::info!(target: "scenario", "{text}");
                }
                Effect::WarnOnce(text) => {
                    let mut warned = hub.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
                    // So that made-up names cannot fill the memory.
                    if warned.len() < 1000 && warned.insert(text.clone()) {
                        tracing::warn!(target: "scenario", "{text}");
                    }
                }
                Effect::Failed { place, why, limit } => {
                    hub.failed(&place, &why, who);
                    if let Some(limit) = limit {
                        hub.reached(limit, who, format_args!("{place}: {why}"));
                    }
                }
                Effect::Reached { limit, why } => hub.reached(limit, who, why),
                Effect::Refused { code } => hub.0.metrics.error(&code),
            }
        }
    }

    /// A message for some peers.
    pub(super) fn send(
        &mut self,
        to: &[PeerId],
        text: bool,
        payload: Payload,
        kind: SendKind,
        cause: Cause,
    ) {
        let name = match kind {
            SendKind::Push => crate::lang::faults::PUSH,
            SendKind::Answer | SendKind::Error => cause.name,
        };
        let faulty = self.hub.0.faulty.load(Ordering::Relaxed);
        // All but the last get a copy.
        let payloads = std::iter::repeat_n(payload, to.len());
        for (peer, payload) in to.iter().zip(payloads) {
            // A peer that is being read drains its own mailbox next; one that polls has to be woken.
            let own = self.who == Who::Peer(*peer)
                && kind != SendKind::Push
                && self.core.scenario.listen.protocol != Protocol::SocketIo;
            let mut verdict = if faulty {
                self.judge(*peer, name)
            } else {
                Verdict::default()
            };
            let about = About {
                time: cause.now,
                peer: *peer,
                inward: false,
                text,
                name,
                size: payload.len(),
            };
            let faults = std::mem::take(&mut verdict.names);
            self.noted.said(about, &payload, faults);
            self.send_one(*peer, text, payload, &verdict, !own);
        }
    }

    /// The one point where faults are decided.
    fn judge(&self, peer: PeerId, name: &str) -> Verdict {
        let verdict = self.hub.faults().message(name, &format!("c{peer}"));
        for fault in &verdict.names {
            self.hub.0.metrics.fault(fault);
        }
        verdict
    }

    fn send_one(
        &mut self,
        peer: PeerId,
        text: bool,
        payload: Payload,
        verdict: &Verdict,
        wake: bool,
    ) {
        let delay = verdict.delay;
        if let Some(instead) = &verdict.instead {
            if let Some(outgoing) = self.instead(peer, instead, &payload) {
                self.put(peer, delay, outgoing, true);
            }
            return;
        }
        let payload = if verdict.corrupt {
            fault::corrupted(&payload.whole()).into()
        } else {
            payload
        };
        let outgoing = Outgoing::Message {
            kind: kind(text),
            payload,
            fragment: verdict.fragment,
            rate: verdict.rate,
        };
        if verdict.twice {
            self.put(peer, delay, outgoing.clone(), wake);
        }
        self.put(peer, delay, outgoing, wake);
    }

    /// What a fault sends in a message's place, if anything.
    fn instead(&self, peer: PeerId, fault: &FaultKind, payload: &Payload) -> Option<Outgoing> {
        match fault {
            FaultKind::Error(code) => {
                let mut effects = Vec::new();
                engine::error(
                    &self.core.scenario,
                    &self.core.world,
                    peer,
                    code,
                    &payload.whole(),
                    &mut effects,
                );
                effects.into_iter().find_map(|effect| match effect {
                    Effect::Send { text, payload, .. } => Some(message(text, payload)),
                    _ => None,
                })
            }
            FaultKind::Close(code) => Some(Outgoing::Close {
                code: *code,
                reason: "fault".to_owned(),
            }),
            FaultKind::Abort => Some(Outgoing::Abort),
            FaultKind::Stall => Some(Outgoing::Stall),
            _ => None,
        }
    }

    /// Puts something into a peer's mailbox.
    fn put(&mut self, peer: PeerId, delay: Duration, what: Outgoing, wake: bool) {
        let Some(line) = self.core.lines.get(&peer) else {
            return;
        };
        let size = match &what {
            Outgoing::Message { payload, .. } => Some(payload.len()),
            _ => None,
        };
        let put = line.mailbox.put(delay, what, wake);
        if put == Put::ToDeliver {
            self.lent.push(line.mailbox.clone());
        }
        match (put, size) {
            (Put::Taken | Put::ToDeliver, Some(size)) => {
                self.sent += 1;
                self.sent_bytes += size as u64;
            }
            (Put::Taken | Put::ToDeliver, None) | (Put::Closed, _) => {}
            (Put::Overfull, _) => {
                let limits = self.hub.limits();
                let what = format_args!(
                    "cut off since it does not read: no more than {} frames or {} bytes may wait for a peer",
                    limits.mailbox_frames, limits.mailbox_bytes
                );
                self.hub.reached(Limit::Mailbox, Who::Peer(peer), what);
            }
        }
    }
}

impl Drop for Delivery<'_> {
    /// Everything is where it belongs: it is counted, noted, and on its way.
    fn drop(&mut self) {
        flush::deliver(std::mem::take(&mut self.lent));
        let metrics = &self.hub.0.metrics;
        let count = |counter: &Counter, some: u64| {
            if some > 0 {
                counter.inc_by(some);
            }
        };
        count(&metrics.received, self.received);
        count(&metrics.received_bytes, self.received_bytes);
        count(&metrics.sent, self.sent);
        count(&metrics.sent_bytes, self.sent_bytes);
        metrics.ran(&self.ran);
        let cost = self.hub.0.journal.note(std::mem::take(&mut self.noted));
        self.hub.journal_cost(self.who, &cost);
    }
}

impl Hub {
    /// Closes a connection after what is queued for it.
    pub(super) fn close(&self, core: &Core, peer: PeerId, code: u16, reason: &str) {
        let reason = reason.to_owned();
        let close = Outgoing::Close { code, reason };
        Delivery::new(self, core, Who::Peer(peer)).put(peer, Duration::ZERO, close, true);
    }

    /// What noting messages cost others is counted, and told when it begins.
    fn journal_cost(&self, who: Who, cost: &Cost) {
        let metrics = &self.0.metrics;
        if cost.first_shortened {
            let what = format_args!(
                "the journal keeps the first {} bytes of a message",
                self.limits().journal_message
            );
            self.noted(Limit::JournalMessage, who, what);
        }
        let untold = cost.shortened - u64::from(cost.first_shortened);
        if untold > 0 {
            metrics.limit_by(Limit::JournalMessage, untold);
        }
        if cost.first_gone {
            let limits = self.limits();
            let what = format_args!(
                "the journal is full with {} messages or {} bytes, from now on the oldest go",
                limits.journal_messages, limits.journal_bytes
            );
            self.noted(Limit::Journal, who, what);
        }
        let untold = cost.gone - u64::from(cost.first_gone);
        if untold > 0 {
            metrics.limit_by(Limit::Journal, untold);
        }
    }
}

/// A Socket.IO event as the journal shows it: the number of its acknowledgement, then all its arguments.
fn shown(name: &str, args: &str, ack: Option<u64>) -> String {
    let mut out = ack.map_or_else(String::new, |ack| ack.to_string());
    out.push('[');
    write::string(&mut out, name);
    let rest = args.trim().trim_start_matches('[');
    let alone = rest.trim_start().starts_with(']');
    out.push_str(if alone { "" } else { "," });
    out.push_str(rest);
    out
}

pub(super) fn message(text: bool, payload: Payload) -> Outgoing {
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
const NOBODY: &str = "";
