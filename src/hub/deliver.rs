//! From effects to mailboxes and the journal, in order, while the lock is held.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use prometheus_client::metrics::counter::Counter;

use crate::base::Moment;
use crate::base::json::write;
use crate::base::payload::Payload;
use crate::dialect::{Dialect, Encoded, Part};
use crate::engine::{Body, Content, Effect, Input};
use crate::fault::{self, Instead, Verdict};
use crate::lang::model::{HandlerId, Scenario};
use crate::wire::ws::Opcode;
use crate::world::PeerId;

use super::entry::About;
use super::inputs::LongRead;
use super::journal::{Batch, Cost};
use super::mailbox::{Mailbox, Outgoing, Put};
use super::names::Name;
use super::peer::Line;
use super::{Core, Hub, Limit, NameId, Who, flush};

/// What events lead to, on its way. Noted and counted together: what many threads write costs each of them its cache.
pub(super) struct Delivery<'d> {
    hub: &'d Hub,
    lines: &'d HashMap<PeerId, Line>,
    scenario: &'d Scenario,
    names: &'d [Arc<Name>],
    who: Who,
    /// Messages for a place that was reserved in the mailbox of the peer who asked.
    placed: Option<Vec<(Duration, Outgoing)>>,
    /// For the journal.
    noted: Batch,
    /// Whose tasks sleep.
    lent: Vec<Arc<Mailbox>>,
    received: u64,
    received_bytes: u64,
    sent: u64,
    sent_bytes: u64,
    /// Handlers, and how many seconds they ran.
    ran: Vec<(HandlerId, f64)>,
}

/// What is behind a message.
#[derive(Clone, Copy)]
struct Cause {
    /// The handler.
    name: NameId,
    now: Moment,
}

impl<'d> Delivery<'d> {
    pub(super) fn new(hub: &'d Hub, core: &'d Core, who: Who) -> Delivery<'d> {
        Delivery {
            hub,
            lines: &core.lines,
            scenario: &core.world.scenario,
            names: &core.names,
            who,
            placed: None,
            noted: hub.0.journal.batch(),
            lent: Vec::new(),
            received: 0,
            received_bytes: 0,
            sent: 0,
            sent_bytes: 0,
            ran: Vec::new(),
        }
    }

    /// Delivers what a read of this world led to, into a place that was reserved for it.
    pub(super) fn of_long_read(
        hub: &'d Hub,
        core: &'d Core,
        who: Who,
        long: &'d LongRead,
    ) -> Delivery<'d> {
        let mut delivery = Delivery::new(hub, core, who);
        delivery.scenario = &long.world.scenario;
        delivery.names = &long.names;
        delivery.placed = Some(Vec::new());
        delivery
    }

    /// Fills the reserved place.
    pub(super) fn fill(&mut self, mailbox: &Arc<Mailbox>, place: u64) {
        let messages = self.placed.take().unwrap_or_default();
        match mailbox.fill(place, messages) {
            Put::ToDeliver => self.lent.push(mailbox.clone()),
            Put::Overfull => self.overfull(self.who),
            Put::Taken | Put::Closed => {}
        }
    }

    /// What an event has led to. No effects are left.
    pub(super) fn follow(
        &mut self,
        input: &Input,
        effects: &mut Vec<Effect>,
        handler: HandlerId,
        now: Moment,
        began: Instant,
    ) {
        let name = self.name(handler);
        let cause = Cause { name, now };
        self.came(input, cause);
        self.deliver(effects.drain(..), cause);
        if handler != HandlerId::NONE {
            self.ran.push((handler, began.elapsed().as_secs_f64()));
        }
    }

    fn name(&self, handler: HandlerId) -> NameId {
        self.names[handler.0 as usize].id
    }

    /// Notes and counts the message that the event is, if it is one.
    fn came(&mut self, input: &Input, cause: Cause) {
        let (Input::Message(peer, message) | Input::TooMany(peer, message)) = input else {
            return;
        };
        let (text, bytes) = match &message.content {
            Content::Json(json) => (true, json.source().as_bytes()),
            Content::Text(text) => (true, text.as_bytes()),
            Content::Binary(bytes) => (false, &**bytes),
            Content::Malformed { bytes, is_text, .. } => (*is_text, &**bytes),
        };
        let event = message
            .event
            .as_ref()
            .map(|event| shown(&event.name, bytes));
        let bytes = event.as_ref().map_or(bytes, |event| event.as_bytes());
        let size = bytes.len();
        self.received += 1;
        self.received_bytes += size as u64;
        tracing::debug!(peer = %format_args!("c{peer}"), name = ?self.hub.0.journal.names.text(cause.name), size, "message");
        let about = About {
            time: cause.now,
            peer: *peer,
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
                Effect::Reply {
                    to,
                    ack,
                    body,
                    verdict,
                } => self.answer(to, Part::Reply { ack }, body, verdict, cause),
                Effect::Error {
                    to,
                    ack,
                    body,
                    verdict,
                } => self.answer(to, self.error_part(ack), body, verdict, cause),
                Effect::Silence { to, ack, verdict } => self.silence(to, ack, *verdict, cause),
                Effect::Push {
                    to,
                    event,
                    body,
                    verdicts,
                    ..
                } => self.push(&to, event.as_deref(), body, verdicts, cause.now),
                Effect::Faulted(kind) => hub.0.metrics.fault(kind),
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

    /// An error without an acknowledgement goes out under the scenario's event for errors.
    fn error_part(&self, ack: Option<u64>) -> Part<'d> {
        let event = &self.scenario.messages.error_event;
        Part::Error { ack, event }
    }

    fn encode_error(&self, ack: Option<u64>, body: &Payload) -> Encoded {
        let part = self.error_part(ack);
        self.dialect().encode(part, Body::Json(body.clone()))
    }

    fn dialect(&self) -> Dialect {
        self.scenario.listen.protocol.into()
    }

    fn answer(
        &mut self,
        to: PeerId,
        part: Part<'_>,
        body: Body,
        verdict: Option<Box<Verdict>>,
        cause: Cause,
    ) {
        let dialect = self.dialect();
        let encoded = dialect.encode(part, body);
        // A peer that is being read drains its own mailbox next; one that polls has to be woken.
        let wake = self.who != Who::Peer(to) || dialect == Dialect::SocketIo;
        match verdict {
            None => {
                self.note(to, cause.name, cause.now, &encoded, Vec::new());
                self.put(to, Duration::ZERO, whole(encoded), wake);
            }
            Some(mut verdict) => {
                let names = self.count_faults(&mut verdict);
                self.note(to, cause.name, cause.now, &encoded, names);
                let (Part::Reply { ack } | Part::Error { ack, .. }) = part else {
                    return;
                };
                self.send_faulty(to, ack, encoded, &verdict);
            }
        }
    }

    fn silence(&mut self, to: PeerId, ack: Option<u64>, mut verdict: Verdict, cause: Cause) {
        let names = self.count_faults(&mut verdict);
        let Some(instead) = &verdict.instead else {
            return;
        };
        if let Instead::Error { body, .. } = instead {
            let encoded = self.encode_error(ack, body);
            self.note(to, cause.name, cause.now, &encoded, names);
        }
        self.send_instead(to, ack, verdict.delay, instead);
    }

    fn push(
        &mut self,
        to: &[PeerId],
        event: Option<&str>,
        body: Body,
        verdicts: Vec<Verdict>,
        now: Moment,
    ) {
        let encoded = self.dialect().encode(Part::Push { event }, body);
        let name = self.name(HandlerId::PUSH);
        let mut verdicts = verdicts.into_iter();
        // Clones share the bytes; the last recipient gets the original.
        for (to, encoded) in to.iter().zip(std::iter::repeat_n(encoded, to.len())) {
            match verdicts.next() {
                None => {
                    self.note(*to, name, now, &encoded, Vec::new());
                    self.put(*to, Duration::ZERO, whole(encoded), true);
                }
                Some(mut verdict) => {
                    let names = self.count_faults(&mut verdict);
                    self.note(*to, name, now, &encoded, names);
                    self.send_faulty(*to, None, encoded, &verdict);
                }
            }
        }
    }

    /// A message to a peer, for the journal.
    fn note(
        &mut self,
        peer: PeerId,
        name: NameId,
        time: Moment,
        encoded: &Encoded,
        faults: Vec<&'static str>,
    ) {
        let about = About {
            time,
            peer,
            inward: false,
            text: encoded.opcode == Opcode::Text,
            name,
            size: encoded.payload.len() - encoded.numbers,
        };
        if encoded.numbers == 0 {
            self.noted.said(about, &encoded.payload, faults);
        } else {
            let said = encoded.payload.without(encoded.numbers);
            self.noted.said(about, &said, faults);
        }
    }

    fn count_faults(&self, verdict: &mut Verdict) -> Vec<&'static str> {
        for kind in &verdict.names {
            self.hub.0.metrics.fault(kind);
        }
        std::mem::take(&mut verdict.names)
    }

    /// Sends a message that faults have decided about.
    fn send_faulty(&mut self, to: PeerId, ack: Option<u64>, encoded: Encoded, verdict: &Verdict) {
        if let Some(instead) = &verdict.instead {
            self.send_instead(to, ack, verdict.delay, instead);
            return;
        }
        let payload = if verdict.corrupt {
            fault::corrupted(&encoded.payload.whole()).into()
        } else {
            encoded.payload
        };
        let outgoing = Outgoing::Message {
            kind: encoded.opcode,
            payload,
            fragment: verdict.fragment,
            rate: verdict.rate,
        };
        if verdict.twice {
            self.put(to, verdict.delay, outgoing.clone(), true);
        }
        self.put(to, verdict.delay, outgoing, true);
    }

    fn send_instead(&mut self, to: PeerId, ack: Option<u64>, delay: Duration, instead: &Instead) {
        let outgoing = match instead {
            Instead::Nothing => return,
            Instead::Error { body, .. } => whole(self.encode_error(ack, body)),
            Instead::Close(code) => Outgoing::Close {
                code: *code,
                reason: "fault".to_owned(),
            },
            Instead::Abort => Outgoing::Abort,
            Instead::Stall => Outgoing::Stall,
        };
        self.put(to, delay, outgoing, true);
    }

    /// Puts something into a peer's mailbox.
    fn put(&mut self, peer: PeerId, delay: Duration, what: Outgoing, wake: bool) {
        let Some(line) = self.lines.get(&peer) else {
            return;
        };
        let size = match &what {
            Outgoing::Message { payload, .. } => Some(payload.len()),
            _ => None,
        };
        let put = match &mut self.placed {
            Some(placed) if self.who == Who::Peer(peer) => {
                placed.push((delay, what));
                Put::Taken
            }
            _ => line.mailbox.put(delay, what, wake),
        };
        if put == Put::ToDeliver {
            self.lent.push(line.mailbox.clone());
        }
        match (put, size) {
            (Put::Taken | Put::ToDeliver, Some(size)) => {
                self.sent += 1;
                self.sent_bytes += size as u64;
            }
            (Put::Taken | Put::ToDeliver, None) | (Put::Closed, _) => {}
            (Put::Overfull, _) => self.overfull(Who::Peer(peer)),
        }
    }

    fn overfull(&self, who: Who) {
        let limits = self.hub.limits();
        let what = format_args!(
            "cut off since it does not read: no more than {} frames or {} bytes may wait for a peer",
            limits.mailbox_frames, limits.mailbox_bytes
        );
        self.hub.reached(Limit::Mailbox, who, what);
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
        metrics.ran(self.names, &self.ran);
        let cost = self.hub.0.journal.note(std::mem::take(&mut self.noted));
        self.hub.journal_cost(self.who, &cost);
    }
}

impl Hub {
    /// What noting messages cost others is counted, and told when it begins.
    pub(super) fn journal_cost(&self, who: Who, cost: &Cost) {
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

/// A Socket.IO event as the journal shows it: all its arguments, the name first.
fn shown(name: &str, args: &[u8]) -> String {
    let args = String::from_utf8_lossy(args);
    let mut out = String::from("[");
    write::string(&mut out, name);
    let rest = args.trim().trim_start_matches('[');
    let alone = rest.trim_start().starts_with(']');
    out.push_str(if alone { "" } else { "," });
    out.push_str(rest);
    out
}

/// A message that no fault touches.
fn whole(encoded: Encoded) -> Outgoing {
    Outgoing::Message {
        kind: encoded.opcode,
        payload: encoded.payload,
        fragment: None,
        rate: None,
    }
}
