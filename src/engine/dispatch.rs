//! Which handler an event runs, and what follows its changes.

use std::borrow::Cow;
use std::sync::Arc;

use crate::base::json::{Json, write};
use crate::lang::expr::{PathKey, names};
use crate::lang::model::Handler;
use crate::world::{Arrival, PeerId, Plan, Val, peer_stream};

use super::context::{Asker, Context, Expected, Halt, broken};
use super::refusal::Refusal;
use super::select::part_of;
use super::{
    Content, Effect, Event, HttpAnswer, HttpRequest, Input, Message, Outcome, Returned, http, scope,
};

impl<'t> Context<'t> {
    /// Runs an input; see [`super::read`] for `None`.
    pub(super) fn run(&mut self, input: &'t Input) -> Option<Outcome> {
        match input {
            Input::Upgrade(arrival) => self.upgrade(arrival),
            Input::Connect {
                arrival,
                remembered,
            } => self.connect(arrival, remembered),
            Input::Message(peer, message) => self.message(*peer, message),
            Input::TooMany(peer, _) => self.too_many(*peer),
            Input::Disconnect(peer) => self.disconnect(*peer),
            Input::Http(request) => self.request(request),
            Input::Trigger { name, args } => self.trigger(name, args),
            Input::Edit(change) => self.edit(change),
            // Its recipients hear it in one order with all other pushes.
            Input::Send { .. } if self.is_reader() => None,
            Input::Send { to, event, message } => {
                let sent = self.send_out(to, event.as_ref(), message);
                self.done(sent)
            }
            Input::Close(peer, code) => {
                let returned = self.close_peer(*peer, *code);
                self.done(returned)
            }
            Input::Ping(_) if self.world().faults.is_empty() => Some(Outcome::default()),
            // `apply` runs these without a context.
            Input::Ping(_)
            | Input::Fire(_)
            | Input::Tick
            | Input::SetTimer { .. }
            | Input::SetClock(_)
            | Input::SetFaults(_)
            | Input::Reset(_)
            | Input::Reload(_) => None,
        }
    }

    /// Runs `changes`, lets faults decide about every message, and puts back what was taken out of the world.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "how every input that was handled ends"
    )]
    pub(super) fn done(&mut self, returned: Returned) -> Option<Outcome> {
        self.follow();
        self.decide_faults();
        self.finish();
        Some(Outcome {
            handler: self.handler,
            returned,
        })
    }

    pub(super) fn handle(&mut self, handler: &'t Arc<Handler>) {
        self.handler = handler.id;
        let ended = self.steps(&handler.steps);
        self.settle(ended);
    }

    fn upgrade(&mut self, arrival: &Arc<Arrival>) -> Option<Outcome> {
        let scenario = self.scenario;
        if !self.world().faults.is_empty() {
            let status = self.world_mut().ok()?.faults.handshake();
            if let Some(status) = status {
                self.effects.push(Effect::Faulted("refuse"));
                let message = "refused by the fault `refuse`";
                let answer = HttpAnswer::error(status, "FAULT", message);
                return self.done(Returned::Refused(answer));
            }
        }
        let Some(handler) = &scenario.upgrade else {
            return self.done(Returned::Accepted {
                protocol: None,
                remembered: Vec::new(),
            });
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
        let returned = match self.answer.take() {
            Some(answer) => Returned::Refused(answer),
            None => Returned::Accepted {
                protocol: self.protocol.take(),
                remembered: std::mem::take(&mut self.remembered),
            },
        };
        self.done(returned)
    }

    fn connect(
        &mut self,
        arrival: &Arc<Arrival>,
        remembered: &[(String, Json)],
    ) -> Option<Outcome> {
        let now = self.present.now;
        let world = self.world_mut().ok()?;
        let peer = world.arrive(arrival.clone(), now);
        for (name, value) in remembered {
            world.remember(peer, name, value);
        }
        self.lifecycle(peer, self.scenario.connect.as_ref());
        self.done(Returned::Connected(peer))
    }

    fn disconnect(&mut self, peer: PeerId) -> Option<Outcome> {
        self.world_mut().ok()?;
        self.is_leaving = true;
        self.lifecycle(peer, self.scenario.disconnect.as_ref());
        let outcome = self.done(Returned::Nothing);
        self.world_mut().ok()?.depart(peer);
        outcome
    }

    fn lifecycle(&mut self, peer: PeerId, handler: Option<&'t Arc<Handler>>) {
        self.peer = Some(peer);
        self.stream = peer_stream(peer);
        if let Some(handler) = handler {
            self.handle(handler);
        }
    }

    fn message(&mut self, peer: PeerId, message: &'t Message) -> Option<Outcome> {
        let scenario = self.scenario;
        if self.is_reader() && !self.world().faults.is_empty() {
            // Faults count and draw.
            return None;
        }
        self.peer = Some(peer);
        self.asker = Asker::Message(Expected::Message);
        if let Err(halt) = self.understand(message) {
            self.settle(Err(halt));
            return self.done(Returned::Nothing);
        }
        if self.must_write(scenario.before.as_ref()) {
            return None;
        }
        // Only a writer draws.
        if !self.is_reader() {
            self.stream = peer_stream(peer);
        }
        if let Some(before) = &scenario.before
            && let ended @ Err(_) = self.steps(&before.steps)
        {
            self.settle(ended);
            return self.done(Returned::Nothing);
        }
        match self.handler(message.event.as_ref()) {
            Ok(handler) if self.must_write(Some(handler)) => return None,
            Ok(handler) => self.handle(handler),
            Err(halt) => self.settle(Err(halt)),
        }
        self.done(Returned::Nothing)
    }

    /// Names the parts of a message.
    fn understand(&mut self, message: &Message) -> Result<(), Halt> {
        if let Some(event) = &message.event {
            self.asker = Asker::Message(event.ack.map_or(Expected::Nothing, Expected::Ack));
        }
        let val = match &message.content {
            Content::Json(json) => Val::Json(json.clone()),
            Content::Text(text) => Val::Raw {
                text: true,
                bytes: text.clone().into(),
            },
            Content::Binary(bytes) => Val::Raw {
                text: false,
                bytes: bytes.clone(),
            },
            Content::Malformed { error, .. } => return Err(Refusal::invalid_json(error).into()),
        };
        let Some(event) = &message.event else {
            self.names.push((names::MESSAGE, val));
            return Ok(());
        };
        let first = val.down(&PathKey::Index(0));
        let name = Val::Json(Json::string(&event.name));
        let bound = [
            (names::EVENT, name),
            (names::ARGS, val),
            (names::MESSAGE, first),
        ];
        self.names.extend(bound);
        Ok(())
    }

    fn handler(&mut self, event: Option<&'t Event>) -> Result<&'t Arc<Handler>, Halt> {
        let scenario = self.scenario;
        let val;
        let name = match (&scenario.messages.name, event) {
            (None, Some(event)) => Cow::Borrowed(event.name.as_str()),
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
        if self.is_reader() && !self.world().faults.is_empty() {
            return None;
        }
        self.peer = Some(peer);
        self.asker = Asker::Message(Expected::Message);
        self.settle(Err(Refusal::new("RATE_LIMITED").into()));
        self.done(Returned::Nothing)
    }

    fn request(&mut self, request: &HttpRequest) -> Option<Outcome> {
        self.asker = Asker::Http;
        let (route, params) = match http::route(self.scenario, request) {
            Ok(found) => found,
            Err(refusal) => {
                self.refuse(&refusal);
                let mut answer = self.answer.take().unwrap_or_else(HttpAnswer::empty);
                if !refusal.known.is_empty() {
                    // RFC 9110, 15.5.6: a 405 must carry `Allow`.
                    let allowed = refusal.known.join(", ");
                    answer.headers.push(("allow".to_owned(), allowed));
                }
                return self.done(Returned::Http(answer));
            }
        };
        if self.must_write(Some(&route.handler)) {
            return None;
        }
        "http".clone_into(&mut self.stream);
        match request.seen(&params) {
            Ok(seen) => {
                self.bind(names::REQUEST, Val::json(seen));
                self.handle(&route.handler);
            }
            Err(halt) => self.settle(Err(halt)),
        }
        let answer = self.answer.take().unwrap_or_else(HttpAnswer::empty);
        self.done(Returned::Http(answer))
    }

    fn trigger(&mut self, name: &str, args: &Json) -> Option<Outcome> {
        let Some((_, handler)) = self
            .scenario
            .triggers
            .iter()
            .find(|(known, _)| known == name)
        else {
            return self.done(Returned::NotFound);
        };
        if self.must_write(Some(handler)) {
            return None;
        }
        self.stream = format!("trigger/{name}");
        self.bind(names::ARGS, Val::Json(args.clone()));
        let mark = self.effects.len();
        self.handle(handler);
        let failure = self.effects[mark..].iter().find_map(|effect| match effect {
            Effect::Failed { place, why, .. } => Some(Returned::Failed {
                place: place.clone(),
                why: why.clone(),
            }),
            _ => None,
        });
        self.done(failure.unwrap_or_default())
    }

    /// A timer's turn.
    pub(super) fn fire(&mut self, name: &str) -> Option<Outcome> {
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
        self.done(Returned::Nothing)
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

    /// The steps of a `later`.
    pub(super) fn planned(&mut self, plan: &'t Plan) -> Option<Outcome> {
        self.peer = plan
            .peer
            .filter(|peer| self.world().peers.contains_key(peer));
        self.names.clone_from(&plan.names);
        "later".clone_into(&mut self.stream);
        self.handler = plan.handler;
        self.at_once = plan.at_once;
        let ended = self.steps(&plan.steps);
        self.settle(ended);
        self.done(Returned::Nothing)
    }

    fn close_peer(&mut self, peer: PeerId, code: u16) -> Returned {
        if !self.world().peers.contains_key(&peer) {
            return Returned::NotFound;
        }
        self.effects.push(Effect::Close {
            peer,
            code,
            reason: "closed by the control API".to_owned(),
        });
        Returned::Nothing
    }
}
