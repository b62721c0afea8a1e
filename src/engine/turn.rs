//! One event being handled: what its names stand for, what it may touch, what it has caused so far.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::json::{Json, Kind, write};
use crate::scenario::expr::{
    Expr, Formula, MAX_OUTPUT, Path, Piece, Symbol, Template, TextPiece, names,
};
use crate::scenario::model::{CollectionId, Handler, Protocol, Scenario};
use crate::sim::Chance;
use crate::world::{Collection, Edit, PeerId};

use super::refusal::Refusal;
use super::scope::{self, Snapshot};
use super::value::{self, Val};
use super::{Effect, HttpAnswer, Moments, Outcome, SendKind, State};

/// The world: shared with other readers, or all to itself.
pub(super) enum Access<'w> {
    Read(&'w Arc<State>),
    Write(&'w mut Arc<State>),
}

/// Whom an answer goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// Nobody asked.
    Nobody,
    /// A message; in Socket.IO with the acknowledgement asked for.
    Message(Option<u64>),
    /// An HTTP request.
    Http,
    /// A handshake.
    Upgrade,
}

/// Why a handler ends before its last step.
#[derive(Debug)]
pub(super) enum Halt {
    /// It said so.
    Stop,
    /// With an error as the answer.
    Refuse(Box<Refusal>),
    /// Something in the scenario went wrong.
    Broken { place: Arc<str>, why: String },
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Halt::Refuse(Box::new(refusal))
    }
}

pub(super) struct Turn<'t> {
    pub(super) scenario: &'t Arc<Scenario>,
    pub(super) access: Access<'t>,
    pub(super) moments: Moments,
    pub(super) effects: &'t mut Vec<Effect>,
    pub(super) names: Vec<(Symbol, Val)>,
    pub(super) peer: Option<PeerId>,
    pub(super) asker: Asker,
    pub(super) outcome: Outcome,
    pub(super) edits: Vec<(CollectionId, Edit)>,
    pub(super) steps_left: u32,
    pub(super) depth: u32,
    /// The stream that this event draws from, taken out of the world at the first draw.
    pub(super) stream: String,
    chance: Option<Chance>,
    /// What `result` stands for while an answer's envelope is written.
    result: Option<&'t Template>,
}

thread_local! {
    /// Lent to whoever writes an answer: it grows once, and the answer takes just the memory that it needs.
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
}
const LARGEST_SCRATCH: usize = 256 << 10;

/// Steps that one event may take.
pub(super) const MAX_STEPS: u32 = 10_000;
/// How deep `run`, `for` and `changes` may nest.
pub(super) const MAX_DEPTH: u32 = 16;

impl<'t> Turn<'t> {
    pub(super) fn new(
        scenario: &'t Arc<Scenario>,
        access: Access<'t>,
        moments: Moments,
        effects: &'t mut Vec<Effect>,
    ) -> Turn<'t> {
        Turn {
            scenario,
            access,
            moments,
            effects,
            names: Vec::new(),
            peer: None,
            asker: Asker::Nobody,
            outcome: Outcome::default(),
            edits: Vec::new(),
            steps_left: MAX_STEPS,
            depth: 0,
            stream: String::new(),
            chance: None,
            result: None,
        }
    }

    pub(super) fn world(&self) -> &Arc<State> {
        match &self.access {
            Access::Read(world) => world,
            Access::Write(world) => world,
        }
    }

    /// The world, to change it. A reader never gets here: handlers that change anything are marked at load.
    pub(super) fn world_mut(&mut self) -> Result<&mut State, String> {
        match &mut self.access {
            Access::Read(_) => Err("this cannot change anything here".to_owned()),
            Access::Write(world) => Ok(Arc::make_mut(world)),
        }
    }

    pub(super) fn collection(&self, id: CollectionId) -> &Arc<Collection> {
        &self.world().collections[id]
    }

    pub(super) fn collection_mut(&mut self, id: CollectionId) -> Result<&mut Collection, String> {
        Ok(Arc::make_mut(&mut self.world_mut()?.collections[id]))
    }

    /// Whether a handler has to wait for the world to itself.
    pub(super) fn must_write(&self, handler: Option<&Arc<Handler>>) -> bool {
        matches!(self.access, Access::Read(_)) && super::is_writer(handler)
    }

    /// Gives a name a value.
    pub(super) fn bind(&mut self, symbol: Symbol, val: Val) {
        match self
            .names
            .iter_mut()
            .rev()
            .find(|(name, _)| *name == symbol)
        {
            Some((_, old)) => *old = val,
            None => self.names.push((symbol, val)),
        }
    }

    /// A name's value.
    pub(super) fn lookup(&self, symbol: Symbol) -> Val {
        scope::lookup(
            self.scenario,
            self.world(),
            &self.names,
            self.moments.facts,
            self.peer,
            symbol,
        )
    }

    /// The stream's next draws, put back by [`Turn::finish`].
    pub(super) fn chance(&mut self) -> Result<&mut Chance, String> {
        if self.chance.is_none() {
            let name = self.stream.clone();
            self.chance = Some(self.world_mut()?.stream(&name));
        }
        self.chance
            .as_mut()
            .ok_or_else(|| "no chance here".to_owned())
    }

    /// Draws from a stream of one's own.
    pub(super) fn draw_from(&mut self, chance: Chance) {
        self.chance = Some(chance);
    }

    /// Puts back what was taken.
    pub(super) fn finish(&mut self) {
        if let Some(chance) = self.chance.take() {
            let name = std::mem::take(&mut self.stream);
            if let Ok(world) = self.world_mut() {
                world.streams.insert(name, chance);
            }
        }
    }

    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Val, String> {
        match expr {
            Expr::Constant(json) => Ok(Val::Json(json.clone())),
            Expr::Path(path) => self.path(path),
            Expr::Formula(formula) => self.formula(formula),
        }
    }

    fn path(&mut self, path: &Path) -> Result<Val, String> {
        if path.root == names::RESULT
            && let Some(body) = self.result
        {
            let whole = self.value(body)?;
            return Ok(path.keys.iter().fold(whole, |val, key| val.down(key)));
        }
        if path.root == names::SESSION
            && let [crate::scenario::expr::Key::Member(name), rest @ ..] = &*path.keys
            && !self.names.iter().any(|(name, _)| *name == names::SESSION)
        {
            let kept = scope::session_value(self.world(), self.peer, name)
                .map_or(Val::Undefined, Val::Json);
            return Ok(rest.iter().fold(kept, |val, key| val.down(key)));
        }
        if let Some((_, Val::Json(json))) =
            self.names.iter().rev().find(|(name, _)| *name == path.root)
        {
            return Ok(json_down(json, &path.keys));
        }
        Ok(path
            .keys
            .iter()
            .fold(self.lookup(path.root), |val, key| val.down(key)))
    }

    fn formula(&mut self, formula: &Formula) -> Result<Val, String> {
        if formula.draws {
            self.chance()?;
        }
        let mut names = self.names.clone();
        if let Some(body) = self.result {
            let result = self.value(body)?;
            names.push((names::RESULT, result));
        }
        let snapshot = Arc::new(Snapshot {
            scenario: self.scenario.clone(),
            world: self.world().clone(),
            names,
            moments: self.moments,
            peer: self.peer,
            chance: Mutex::new(self.chance.take()),
        });
        let answer = formula.eval(snapshot.clone());
        self.chance = snapshot
            .chance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(snapshot);
        let why = match answer.map(value::from_value) {
            Ok(Val::Value(value)) if !write::fits(&value, MAX_OUTPUT) => {
                format!("makes more than the {MAX_OUTPUT} bytes that are allowed")
            }
            Ok(val) => return Ok(val),
            Err(error) => error
                .detail()
                .map_or_else(|| error.kind().to_string(), str::to_owned),
        };
        Err(format!("`${{ {} }}`: {why}", formula.source))
    }

    /// A template's value.
    pub(super) fn value(&mut self, template: &Template) -> Result<Val, String> {
        match template {
            Template::Constant(json) => Ok(Val::Json(json.clone())),
            Template::Expr(expr) => self.eval(expr),
            Template::Text(pieces) => {
                let mut text = String::new();
                self.text(pieces, &mut text)?;
                Ok(Val::Json(Json::string(&text)))
            }
            Template::Composite(pieces) => {
                let mut out = String::new();
                self.pieces(pieces, &mut out)?;
                Json::parse(out)
                    .map(Val::Json)
                    .map_err(|error| error.to_string())
            }
        }
    }

    /// Writes a template's JSON text.
    pub(super) fn render(&mut self, template: &Template, out: &mut String) -> Result<(), String> {
        match template {
            Template::Constant(json) => out.push_str(json.text()),
            Template::Expr(expr) => self.render_expr(expr, out)?,
            Template::Text(pieces) => {
                let mut text = String::new();
                self.text(pieces, &mut text)?;
                write::string(out, &text);
            }
            Template::Composite(pieces) => self.pieces(pieces, out)?,
        }
        Ok(())
    }

    fn render_expr(&mut self, expr: &Expr, out: &mut String) -> Result<(), String> {
        match expr {
            Expr::Path(path)
                if path.root == names::RESULT && path.keys.is_empty() && self.result.is_some() =>
            {
                let body = self.result.take();
                let written = body.map_or(Ok(()), |body| self.render(body, out));
                self.result = body;
                return written;
            }
            Expr::Path(path) => {
                if let Some((_, val)) = self.names.iter().rev().find(|(name, _)| *name == path.root)
                {
                    match val {
                        Val::Json(json) => write_down(json, &path.keys, out),
                        val if path.keys.is_empty() => val.write(out),
                        val => path
                            .keys
                            .iter()
                            .fold(val.clone(), |val, key| val.down(key))
                            .write(out),
                    }
                    return Ok(());
                }
                self.path(path)?.write(out);
            }
            _ => self.eval(expr)?.write(out),
        }
        Ok(())
    }

    fn pieces(&mut self, pieces: &[Piece], out: &mut String) -> Result<(), String> {
        for piece in pieces {
            match piece {
                Piece::Raw(text) => out.push_str(text),
                Piece::Value(expr) => self.render_expr(expr, out)?,
                Piece::Text(pieces) => {
                    let mut text = String::new();
                    self.text(pieces, &mut text)?;
                    write::string(out, &text);
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, pieces: &[TextPiece], out: &mut String) -> Result<(), String> {
        for piece in pieces {
            match piece {
                TextPiece::Literal(text) => out.push_str(text),
                TextPiece::Hole(expr) => self.eval(expr)?.write_text(out),
            }
        }
        if out.len() > MAX_OUTPUT {
            return Err(format!(
                "a text of {} bytes was made, up to {MAX_OUTPUT} are allowed",
                out.len()
            ));
        }
        Ok(())
    }

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
                let mut out = SCRATCH.take();
                out.clear();
                if self.scenario.listen.protocol == Protocol::SocketIo {
                    let Some(ack) = ack else { return Ok(()) };
                    out.push_str(&format!("43{ack}["));
                    self.envelope(body, &mut out)?;
                    out.push(']');
                } else {
                    self.envelope(body, &mut out)?;
                }
                self.answer(
                    true,
                    Bytes::copy_from_slice(out.as_bytes()),
                    SendKind::Answer,
                );
                if out.capacity() <= LARGEST_SCRATCH {
                    SCRATCH.set(out);
                }
                Ok(())
            }
        }
    }

    fn envelope(&mut self, body: &'t Template, out: &mut String) -> Result<(), String> {
        let Some(envelope) = &self.scenario.messages.reply else {
            return self.render(body, out);
        };
        let outer = self.result.replace(body);
        let written = self.render(envelope, out);
        self.result = outer;
        written
    }

    fn answer(&mut self, text: bool, payload: Bytes, kind: SendKind) {
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
        let words = self.words(refusal);
        self.bind(names::ERROR, Val::json(refusal.json(Some(&words))));
        let mut out = String::new();
        match self.asker {
            Asker::Nobody => self.effects.push(Effect::Failed {
                place: self.outcome.handler.clone().unwrap_or_default(),
                why: format!("{}: {words}", refusal.code),
            }),
            Asker::Http | Asker::Upgrade => {
                let written = match &self.scenario.http.error {
                    Some(envelope) => self.render(envelope, &mut out),
                    None => {
                        plain_error(&mut out, &refusal.code, &words);
                        Ok(())
                    }
                };
                if written.is_err() {
                    out.clear();
                    plain_error(&mut out, &refusal.code, &words);
                }
                let answer = HttpAnswer::json(refusal.status(), out);
                if self.asker == Asker::Http {
                    self.outcome.http = Some(answer);
                } else {
                    self.outcome.refused = Some(answer);
                }
            }
            Asker::Message(ack) => {
                if self
                    .render(&self.scenario.messages.error, &mut out)
                    .is_err()
                {
                    out.clear();
                    plain_error(&mut out, &refusal.code, &words);
                }
                let (_, payload) = match (self.scenario.listen.protocol, ack) {
                    (Protocol::SocketIo, Some(ack)) => {
                        (true, Bytes::from(format!("43{ack}[{out}]")))
                    }
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
            if let Ok(val) = self.value(template) {
                return val.to_text();
            }
        }
        refusal.words()
    }

    /// Deals with how a handler ended.
    pub(super) fn settle(&mut self, ended: Result<(), Halt>) {
        match ended {
            Ok(()) | Err(Halt::Stop) => {}
            Err(Halt::Refuse(refusal)) => self.refuse(&refusal),
            Err(Halt::Broken { place, why }) => {
                self.effects.push(Effect::Failed { place, why });
                if self.asker != Asker::Nobody {
                    self.refuse(&Refusal::new("SCENARIO_ERROR"));
                }
            }
        }
    }
}

/// What a peer that speaks `raw` is sent.
fn raw(val: &Val) -> (bool, Bytes) {
    match val {
        Val::Raw { text, bytes } => (*text, bytes.clone()),
        val => match val.as_text() {
            Some(text) => (true, Bytes::from(text)),
            None => (true, Bytes::from(val.to_json().text().to_owned())),
        },
    }
}

/// A message's frame, as the scenario's peers speak.
pub(super) fn encode(protocol: Protocol, event: Option<&str>, json: &str) -> (bool, Bytes) {
    match protocol {
        Protocol::Json => (true, Bytes::from(json.to_owned())),
        Protocol::Raw => (true, raw_text(json)),
        Protocol::SocketIo => {
            let mut out = String::from("42[");
            write::string(&mut out, event.unwrap_or("message"));
            out.push(',');
            out.push_str(json);
            out.push(']');
            (true, Bytes::from(out))
        }
    }
}

fn raw_text(json: &str) -> Bytes {
    let text = Json::parse(json)
        .ok()
        .and_then(|json| json.part().as_str().map(Cow::into_owned));
    Bytes::from(text.unwrap_or_else(|| json.to_owned()))
}

fn json_down(json: &Json, keys: &[crate::scenario::expr::Key]) -> Val {
    part_down(json, keys).map_or(Val::Undefined, |part| Val::Json(json.at(part)))
}

fn write_down(json: &Json, keys: &[crate::scenario::expr::Key], out: &mut String) {
    out.push_str(part_down(json, keys).map_or("null", |part| part.text()));
}

fn part_down<'j>(
    json: &'j Json,
    keys: &[crate::scenario::expr::Key],
) -> Option<crate::json::Part<'j>> {
    use crate::scenario::expr::Key;
    keys.iter()
        .try_fold(json.part(), |part, key| match (part.kind(), key) {
            (Kind::Object, Key::Member(name)) => part.get(name),
            (Kind::List, Key::Index(at)) => part.elements().nth(*at),
            _ => None,
        })
}

fn plain_error(out: &mut String, code: &str, words: &str) {
    out.push_str("{\"error\":{\"code\":");
    write::string(out, code);
    out.push_str(",\"message\":");
    write::string(out, words);
    out.push_str("}}");
}
