//! Answering whoever asked: the reply in its envelope, or the error in its own.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use crate::base::json::{Json, write};
use crate::base::payload::{Draft, Payload, Sink};
use crate::lang::expr::{Template, names};
use crate::lang::model::{Placed, Protocol};

use super::context::{Asker, Halt, Turn};
use super::refusal::Refusal;
use super::value::Val;
use super::{Effect, HttpAnswer, SendKind};

thread_local! {
    /// Lent to whoever writes an answer: it grows once, and comes back empty.
    static DRAFT: Cell<Draft> = Cell::default();
}

impl<'t> Turn<'t> {
    /// Answers whoever asked.
    pub(super) fn reply(&mut self, body: &'t Template, status: Option<u16>) -> Result<(), String> {
        match self.asker {
            Asker::Nobody => {
                Err("nobody asked: there is no one to reply to; use `send`".to_owned())
            }
            Asker::Upgrade => {
                let body = self.value(body)?.to_json();
                self.outcome.protocol = body
                    .get("protocol")
                    .and_then(|json| json.part().as_str().map(Into::into));
                Ok(())
            }
            Asker::Http => {
                let mut out = String::new();
                self.render(body, &mut out)?;
                self.make(out.len())?;
                self.outcome.http = Some(HttpAnswer::json(status.unwrap_or(200), out));
                Ok(())
            }
            Asker::Message(ack) => {
                if self.scenario.listen.protocol == Protocol::Raw
                    && self.scenario.messages.reply.is_none()
                {
                    let val = self.value(body)?;
                    let (text, payload) = raw(&val);
                    self.answer(text, payload, SendKind::Answer);
                    return Ok(());
                }
                let mut out = DRAFT.take();
                if self.scenario.listen.protocol == Protocol::SocketIo {
                    let Some(ack) = ack else { return Ok(()) };
                    out.text().push_str(&format!("43{ack}["));
                    self.envelope(body, &mut out)?;
                    out.text().push(']');
                } else {
                    self.envelope(body, &mut out)?;
                }
                self.make(out.written())?;
                self.answer(true, out.finish(), SendKind::Answer);
                DRAFT.set(out);
                Ok(())
            }
        }
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

    fn answer(&mut self, text: bool, payload: Payload, kind: SendKind) {
        if let Some(peer) = self.peer {
            self.effects.push(Effect::Send {
                to: vec![peer],
                text,
                payload,
                kind,
            });
        }
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
                let handler = || self.outcome.handler.unwrap_or_default().into();
                let place = self.ended_at.take().unwrap_or_else(handler);
                self.effects.push(Effect::Failed {
                    place,
                    why: format!("{}: {words}", refusal.code),
                    limit: None,
                });
            }
            Asker::Http | Asker::Upgrade => {
                self.error(self.scenario.http.error.as_ref(), refusal, &words, &mut out);
                let answer = HttpAnswer::json(refusal.status(), out);
                if self.asker == Asker::Http {
                    self.outcome.http = Some(answer);
                } else {
                    self.outcome.refused = Some(answer);
                }
            }
            Asker::Message(ack) => {
                self.error(
                    Some(&self.scenario.messages.error),
                    refusal,
                    &words,
                    &mut out,
                );
                let (_, payload) = match (self.scenario.listen.protocol, ack) {
                    (Protocol::SocketIo, Some(ack)) => (true, format!("43{ack}[{out}]").into()),
                    (protocol, _) => {
                        encode(protocol, Some(&self.scenario.messages.error_event), &out)
                    }
                };
                self.answer(true, payload, SendKind::Error);
            }
        }
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
        plain_error(out, &refusal.code, words);
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

/// What a peer that speaks `raw` is sent.
fn raw(val: &Val) -> (bool, Payload) {
    match val {
        Val::Raw { text, bytes } => (*text, bytes.clone().into()),
        val => match val.as_text() {
            Some(text) => (true, text.into_owned().into()),
            None => (true, val.to_json().text().to_owned().into()),
        },
    }
}

/// A message's frame, as the scenario's peers speak.
pub(super) fn encode(protocol: Protocol, event: Option<&str>, json: &str) -> (bool, Payload) {
    match protocol {
        Protocol::Json => (true, json.to_owned().into()),
        Protocol::Raw => (true, raw_text(json).into()),
        Protocol::SocketIo => {
            let mut out = String::from("42[");
            write::string(&mut out, event.unwrap_or("message"));
            out.push(',');
            out.push_str(json);
            out.push(']');
            (true, out.into())
        }
    }
}

fn raw_text(json: &str) -> String {
    let text = Json::parse(json)
        .ok()
        .and_then(|json| json.part().as_str().map(Cow::into_owned));
    text.unwrap_or_else(|| json.to_owned())
}

fn plain_error(out: &mut String, code: &str, words: &str) {
    out.push_str("{\"error\":{\"code\":");
    write::string(out, code);
    out.push_str(",\"message\":");
    write::string(out, words);
    out.push_str("}}");
}
