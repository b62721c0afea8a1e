//! Faults, decided for every message of an input while its request is still at hand.

use crate::fault::{Instead, Verdict};
use crate::lang::expr::names;
use crate::lang::faults::PUSH;
use crate::world::{PeerId, Val};

use super::context::{Asker, Context};
use super::scope::peer_name;
use super::{Body, Effect};

impl Context<'_> {
    /// Decides about every message that this input has led to.
    pub(super) fn decide_faults(&mut self) {
        if self.is_reader() || self.world().faults.is_empty() {
            return;
        }
        let scenario = self.scenario;
        let handler = scenario.handler_name(self.handler);
        let mut is_answered = false;
        for mut effect in self.effects.split_off(self.mark) {
            match &mut effect {
                Effect::Reply { to, verdict, .. } | Effect::Error { to, verdict, .. } => {
                    is_answered = true;
                    *verdict = self.decide(handler, *to).map(Box::new);
                }
                Effect::Push {
                    to, body, verdicts, ..
                } => {
                    *verdicts = to
                        .iter()
                        .map(|peer| self.decide_push(*peer, body))
                        .collect();
                }
                _ => {}
            }
            self.effects.push(effect);
        }
        if let (Asker::Message(expected), Some(to), false) = (self.asker, self.peer, is_answered)
            && let Some(verdict) = self.decide_silence(handler, to)
        {
            self.effects.push(Effect::Silence {
                to,
                ack: expected.ack(),
                verdict: Box::new(verdict),
            });
        }
    }

    fn decide(&mut self, name: &str, to: PeerId) -> Option<Verdict> {
        let faults = &mut self.world_mut().ok()?.faults;
        let verdict = faults.message(name, &peer_name(to));
        self.with_error(verdict)
    }

    /// Faults that name a handler happen even if it answers nothing.
    fn decide_silence(&mut self, name: &str, to: PeerId) -> Option<Verdict> {
        let faults = &mut self.world_mut().ok()?.faults;
        let verdict = faults.silence(name, &peer_name(to));
        self.with_error(verdict)
    }

    /// A push has no request: the envelope of an error sees what was pushed as `message`.
    fn decide_push(&mut self, to: PeerId, body: &Body) -> Verdict {
        let names = std::mem::take(&mut self.names);
        let peer = self.peer.replace(to);
        if let Body::Json(payload) = body {
            let text = String::from_utf8_lossy(&payload.whole()).into_owned();
            self.bind(names::MESSAGE, Val::json(text));
        }
        let verdict = self.decide(PUSH, to).unwrap_or_default();
        (self.names, self.peer) = (names, peer);
        verdict
    }

    /// Writes the error of a fault in the envelope of the scenario. Returns `None` if no fault happens.
    fn with_error(&mut self, mut verdict: Verdict) -> Option<Verdict> {
        if let Some(Instead::Error { code, body }) = &mut verdict.instead {
            *body = self.fault_error(code).into();
        }
        (!verdict.names.is_empty()).then_some(verdict)
    }
}
