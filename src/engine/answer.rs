//! The answer to an input: the reply in its envelope, or the error in its own.

use std::sync::Arc;

use crate::base::json::write;
use crate::base::payload::{Draft, Sink};
use crate::lang::expr::{Template, names};
use crate::lang::model::{Placed, Protocol};

use super::context::{Asker, Context, Expected, Halt};
use super::refusal::Refusal;
use super::{Body, Effect, HttpAnswer};
use crate::world::Val;

impl<'t> Context<'t> {
    /// Answers the message, the request or the handshake.
    pub(super) fn reply(&mut self, body: &'t Template, status: Option<u16>) -> Result<(), String> {
        match self.asker {
            Asker::Nobody => {
                Err("nobody asked: there is no one to reply to; use `send`".to_owned())
            }
            Asker::Upgrade => {
                let body = self.value(body)?.to_json();
                self.protocol = body
                    .get("protocol")
                    .and_then(|json| json.part().as_str().map(Into::into));
                Ok(())
            }
            Asker::Http => {
                let mut out = String::new();
                self.render(body, &mut out)?;
                self.make(out.len())?;
                self.answer = Some(HttpAnswer::json(status.unwrap_or(200), out));
                Ok(())
            }
            Asker::Message(Expected::Nothing) => Ok(()),
            Asker::Message(expected) => {
                let body = self.answer_body(body)?;
                if let Some(to) = self.peer {
                    self.effects.push(Effect::Reply {
                        to,
                        ack: expected.ack(),
                        body,
                        verdict: None,
                    });
                }
                Ok(())
            }
        }
    }

    fn answer_body(&mut self, body: &'t Template) -> Result<Body, String> {
        let scenario = self.scenario;
        if scenario.listen.protocol == Protocol::Raw
            && scenario.messages.reply.is_none()
            && let Val::Raw { text, bytes } = self.value(body)?
        {
            return Ok(Body::raw(text, bytes));
        }
        // The answer is written into the scratch's memory, which has grown to the size of answers.
        let mut out = std::mem::take(&mut self.scratch.draft);
        self.envelope(body, &mut out)?;
        self.make(out.written())?;
        let payload = out.finish();
        self.scratch.draft = out;
        Ok(Body::Json(payload))
    }

    fn envelope(&mut self, body: &'t Template, out: &mut Draft) -> Result<(), String> {
        let Some(envelope) = &self.scenario.messages.reply else {
            return self.render(body, out);
        };
        let outer = self.result.replace(body);
        let written = self.render(envelope, out);
        self.result = outer;
        written
    }

    /// Answers with an error.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        self.effects.push(Effect::Refused {
            code: refusal.code.clone(),
        });
        if let Some(limit) = refusal.limit {
            self.effects.push(Effect::Reached {
                limit,
                why: format!("{}: {}", refusal.code, refusal.words()),
            });
        }
        let words = self.words(refusal);
        self.bind(names::ERROR, Val::json(refusal.json(Some(&words))));
        let mut out = String::new();
        match self.asker {
            Asker::Nobody => {
                let handler = || self.scenario.handlers[self.handler.0 as usize].clone();
                let place = self.ended_at.take().unwrap_or_else(handler);
                self.effects.push(Effect::Failed {
                    place,
                    why: format!("{}: {words}", refusal.code),
                    limit: None,
                });
            }
            Asker::Http | Asker::Upgrade => {
                self.error(self.scenario.http.error.as_ref(), refusal, &words, &mut out);
                self.answer = Some(HttpAnswer::json(refusal.status(), out));
            }
            Asker::Message(expected) => {
                let envelope = Some(&self.scenario.messages.error);
                self.error(envelope, refusal, &words, &mut out);
                if let Some(to) = self.peer {
                    self.effects.push(Effect::Error {
                        to,
                        ack: expected.ack(),
                        body: Body::Json(out.into()),
                        verdict: None,
                    });
                }
            }
        }
    }

    /// The error that a fault sends, in the envelope of errors.
    pub(super) fn fault_error(&mut self, code: &str) -> String {
        let refusal = Refusal::new(code);
        let words = self.words(&refusal);
        self.bind(names::ERROR, Val::json(refusal.json(Some(&words))));
        let mut out = String::new();
        self.error(
            Some(&self.scenario.messages.error),
            &refusal,
            &words,
            &mut out,
        );
        out
    }

    fn words(&mut self, refusal: &Refusal) -> String {
        if let Some(words) = &refusal.message {
            return words.clone();
        }
        if let Some(template) = self.scenario.messages.errors.get(&refusal.code) {
            self.bind(names::ERROR, Val::json(refusal.json(None)));
            match self.value(&template.part) {
                Ok(val) => return val.to_text(),
                Err(why) => self.failed(template.place.clone(), why),
            }
        }
        refusal.words()
    }

    /// Writes an error in its envelope; in a plain one where there is none, or where that fails.
    fn error(
        &mut self,
        envelope: Option<&Placed<Template>>,
        refusal: &Refusal,
        words: &str,
        out: &mut String,
    ) {
        if let Some(Placed { place, part }) = envelope {
            match self.render(part, out) {
                Ok(()) => return,
                Err(why) => self.failed(place.clone(), why),
            }
            out.clear();
        }
        plain_error(out, refusal, words);
    }

    fn failed(&mut self, place: Arc<str>, why: String) {
        let limit = self.passed.take();
        self.effects.push(Effect::Failed { place, why, limit });
    }

    /// Deals with how a handler ended.
    pub(super) fn settle(&mut self, ended: Result<(), Halt>) {
        match ended {
            Ok(()) | Err(Halt::Stop) => {}
            Err(Halt::Refuse(refusal)) => self.refuse(&refusal),
            Err(Halt::Broken { place, why }) => {
                self.failed(place, why);
                if self.asker != Asker::Nobody {
                    self.refuse(&Refusal::new("SCENARIO_ERROR"));
                }
            }
        }
    }
}

fn plain_error(out: &mut String, refusal: &Refusal, words: &str) {
    out.push_str("{\"error\":{\"code\":");
    refusal.write_code(out);
    out.push_str(",\"message\":");
    write::string(out, words);
    out.push_str("}}");
}
