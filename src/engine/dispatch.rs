//! Which handler an event runs, and what follows its changes.

use std::borrow::Cow;
use std::sync::Arc;

use crate::base::json::{Json, JsonError, write};
use crate::lang::expr::names;
use crate::lang::model::{Handler, Protocol};
use crate::world::{Arrival, PeerId};

use super::check::part_of;
use super::context::{Asker, Halt, Turn, broken};
use super::data::Edited;
use super::http::HttpRequest;
use super::refusal::Refusal;
use super::scope;
use super::value::Val;
use super::{Event, Inbound, Outcome, Planned};

impl<'t> Turn<'t> {
    /// Handles an event; `None` when that takes the world to itself and this turn has not.
    pub(super) fn run(&mut self, event: &'t Event) -> Option<Outcome> {
        match event {
            Event::Upgrade(arrival) => self.upgrade(arrival),
            Event::Connect(peer) => self.lifecycle(*peer, self.scenario.connect.as_ref()),
            Event::Disconnect(peer) => self.lifecycle(*peer, self.scenario.disconnect.as_ref()),
            Event::Message(peer, inbound) => self.message(*peer, inbound),
            Event::TooMany(peer, _) => self.too_many(*peer),
            Event::Http(request, route, params) => self.request(request, *route, params),
            Event::Trigger(trigger, args) => self.trigger(*trigger, args),
            Event::Fire(name) => self.fire(name),
            Event::Plan(plan) => self.planned(plan),
            Event::Edited(edits) => self.edited(edits),
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "how every event that was handled ends"
    )]
    fn done(&mut self) -> Option<Outcome> {
        self.follow();
        self.finish();
        Some(std::mem::take(&mut self.outcome))
    }

    pub(super) fn handle(&mut self, handler: &'t Arc<Handler>) {
        self.outcome.handler = Some(handler.name);
        let ended = self.steps(&handler.steps);
        self.settle(ended);
    }

    fn upgrade(&mut self, arrival: &Arc<Arrival>) -> Option<Outcome> {
        let scenario = self.scenario;
        let Some(handler) = &scenario.upgrade else {
            return self.done();
        };
        if self.must_write(Some(handler)) {
            return None;
        }
        self.asker = Asker::Upgrade;
        "upgrade".clone_into(&mut self.stream);
        let mut out = String::from("{\"method\":\"GET\",\"path\":");
        write::string(&mut out, &arrival.path);
        out.push_str(",\"query\":");
        scope::pairs(&mut out, &arrival.query);
        out.push_str(",\"headers\":");
        scope::pairs(&mut out, &arrival.headers);
        out.push_str(",\"address\":");
        write::string(&mut out, &arrival.address);
        out.push_str(",\"protocols\":[");
        write::joined(&mut out, &arrival.protocols, |out, protocol| {
            write::string(out, protocol);
        });
        out.push_str("]}");
        self.bind(names::REQUEST, Val::json(out));
        self.handle(handler);
        self.done()
    }

    fn lifecycle(&mut self, peer: PeerId, handler: Option<&'t Arc<Handler>>) -> Option<Outcome> {
        if self.must_write(handler) {
            return None;
        }
        self.peer = Some(peer);
        self.stream = format!("peer/{peer}");
        if let Some(handler) = handler {
            self.handle(handler);
        }
        self.done()
    }

    fn message(&mut self, peer: PeerId, inbound: &Inbound) -> Option<Outcome> {
        let scenario = self.scenario;
        self.peer = Some(peer);
        self.asker = Asker::Message(None);
        let name = match self.understand(inbound) {
            Ok(name) => name,
            Err(halt) => {
                self.settle(Err(halt));
                return self.done();
            }
        };
        if self.must_write(scenario.before.as_ref()) {
            return None;
        }
        // Only a writer draws.
        if !self.is_reader() {
            self.stream = format!("peer/{peer}");
        }
        if let Some(before) = &scenario.before
            && let ended @ Err(_) = self.steps(&before.steps)
        {
            self.settle(ended);
            return self.done();
        }
        match self.handler(name) {
            Ok(handler) if self.must_write(Some(handler)) => return None,
            Ok(handler) => self.handle(handler),
            Err(halt) => self.settle(Err(halt)),
        }
        self.done()
    }

    /// Reads a message and names its parts; answers the event's name in Socket.IO.
    fn understand(&mut self, inbound: &Inbound) -> Result<Option<String>, Halt> {
        let raw = self.scenario.listen.protocol == Protocol::Raw;
        let read = |json: Result<Json, JsonError>| {
            json.map_err(|error| Halt::from(Refusal::invalid_json(&error)))
        };
        let mut event = None;
        let message = match inbound {
            Inbound::Text(text) if raw => Val::Raw {
                text: true,
                bytes: text.clone().into(),
            },
            Inbound::Binary(bytes) if raw => Val::Raw {
                text: false,
                bytes: bytes.clone(),
            },
            Inbound::Text(text) => Val::Json(read(Json::parse(text.clone()))?),
            Inbound::Binary(bytes) => Val::Json(read(Json::from_bytes(bytes.clone()))?),
            Inbound::Event { name, args, ack } => {
                self.asker = Asker::Message(*ack);
                let args = read(Json::parse(args.clone()))?;
                let message = args.elements().next().map_or(Val::Undefined, Val::Json);
                self.names
                    .push((names::EVENT, Val::Json(Json::string(name))));
                self.names.push((names::ARGS, Val::Json(args)));
                event = Some(name.clone());
                message
            }
        };
        self.names.push((names::MESSAGE, message));
        Ok(event)
    }

    fn handler(&mut self, event: Option<String>) -> Result<&'t Arc<Handler>, Halt> {
        let scenario = self.scenario;
        let val;
        let name = match (&scenario.messages.name, event) {
            (None, Some(event)) => Cow::Owned(event),
            (None, None) => {
                return scenario
                    .otherwise
                    .as_ref()
                    .ok_or_else(|| Refusal::unknown("", &scenario.known).into());
            }
            (Some(template), _) => {
                val = self.placed(template)?;
                match val.as_text() {
                    Some(name) => name,
                    None if val.is_nothing() && scenario.otherwise.is_some() => Cow::Borrowed(""),
                    None => return Err(Refusal::invalid(&part_of(&template.part)).into()),
                }
            }
        };
        scenario
            .on
            .get(&*name)
            .or(scenario.otherwise.as_ref())
            .ok_or_else(|| Refusal::unknown(&name, &scenario.known).into())
    }

    fn too_many(&mut self, peer: PeerId) -> Option<Outcome> {
        self.peer = Some(peer);
        self.asker = Asker::Message(None);
        self.settle(Err(Refusal::new("RATE_LIMITED").into()));
        self.done()
    }

    fn request(
        &mut self,
        request: &HttpRequest,
        route: usize,
        params: &[(String, String)],
    ) -> Option<Outcome> {
        let scenario = self.scenario;
        let handler = &scenario.http.routes.get(route)?.handler;
        if self.must_write(Some(handler)) {
            return None;
        }
        self.asker = Asker::Http;
        "http".clone_into(&mut self.stream);
        match request.seen(params) {
            Ok(seen) => {
                self.bind(names::REQUEST, Val::json(seen));
                self.handle(handler);
            }
            Err(halt) => self.settle(Err(halt)),
        }
        self.follow();
        self.finish();
        let mut outcome = std::mem::take(&mut self.outcome);
        outcome.http.get_or_insert_with(super::HttpAnswer::empty);
        Some(outcome)
    }

    fn trigger(&mut self, trigger: usize, args: &Json) -> Option<Outcome> {
        let (name, handler) = self.scenario.triggers.get(trigger)?;
        if self.must_write(Some(handler)) {
            return None;
        }
        self.stream = format!("trigger/{name}");
        self.bind(names::ARGS, Val::Json(args.clone()));
        self.handle(handler);
        self.done()
    }

    fn fire(&mut self, name: &str) -> Option<Outcome> {
        if self.is_reader() {
            return None;
        }
        let ticker = self.world().agenda.tickers.get(name)?.clone();
        let timer = self.scenario.timers.get(ticker.timer)?;
        self.stream = format!("timer/{name}");
        self.bind_ticker(&ticker);
        let goes = match &timer.guard {
            Some(guard) => match self.eval(&guard.part) {
                Ok(val) => val.is_true(),
                Err(why) => {
                    self.settle(Err(broken(&guard.place, why)));
                    false
                }
            },
            None => true,
        };
        if goes {
            self.handle(&timer.handler);
        }
        self.done()
    }

    /// `item`, under `for`.
    pub(super) fn bind_ticker(&mut self, ticker: &crate::world::Ticker) {
        let timer = &self.scenario.timers[ticker.timer];
        if let (Some(key), Some(collection)) = (&ticker.key, timer.each)
            && let Some((_, item)) = self.collection(collection).find(key)
        {
            let item = item.clone();
            self.bind(names::ITEM, Val::Json(item));
        }
    }

    fn planned(&mut self, plan: &'t Planned) -> Option<Outcome> {
        if self.is_reader() {
            return None;
        }
        self.peer = plan
            .peer
            .filter(|peer| self.world().peers.contains_key(peer));
        self.names.clone_from(&plan.names);
        "later".clone_into(&mut self.stream);
        self.outcome.handler = Some(plan.handler);
        self.at_once = plan.at_once;
        let ended = self.steps(&plan.steps);
        self.settle(ended);
        self.done()
    }

    fn edited(&mut self, edits: &[Edited]) -> Option<Outcome> {
        if self.is_reader() {
            return None;
        }
        "control".clone_into(&mut self.stream);
        for edit in edits {
            self.edits.push(edit.collection, edit.edit.clone());
        }
        self.done()
    }

    /// Answers an error that a fault asks for, in the place of an answer.
    pub(super) fn fault(&mut self, peer: PeerId, code: &str, answer: &[u8]) {
        self.peer = Some(peer);
        self.asker = Asker::Message(None);
        let text = std::str::from_utf8(answer).unwrap_or_default();
        if let Some((ack, rest)) = text
            .strip_prefix("43")
            .and_then(|rest| rest.split_once('['))
        {
            self.asker = Asker::Message(ack.parse().ok());
            self.bind(names::MESSAGE, Val::json(format!("[{rest}")));
        } else {
            // The request is gone by now; what the envelope echoes of it stands in the answer under the same names.
            self.bind(names::MESSAGE, Val::json(text.to_owned()));
        }
        self.refuse(&Refusal::new(code));
    }
}
