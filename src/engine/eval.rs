//! Expressions and templates, evaluated for one turn: as values, as JSON text, as plain text.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::ErrorKind;

use crate::base::Limit;
use crate::base::json::{Json, Kind, MAX_DEPTH, Part, write};
use crate::base::payload::Sink;
use crate::base::text::shortened;
use crate::lang::expr::{
    Evaluated, Expr, Formula, Key, MAX_OUTPUT, Path, Piece, Template, TextPiece, names, reason,
};

use super::context::Context;
use super::scope::{self, Snapshot};
use crate::world::{Val, from_value};

/// Bytes that are written down as fast as an item is looked at.
pub(super) const BYTES_AN_ITEM: usize = 64;

impl Context<'_> {
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
            let whole = self.result_of(body)?;
            return Ok(path.keys.iter().fold(whole, |val, key| val.down(key)));
        }
        if path.root == names::SESSION
            && let [crate::lang::expr::Key::Member(name), rest @ ..] = &*path.keys
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
        let whole = self.lookup(path.root);
        if let (names::SESSION | names::CONNECTION, Val::Json(json)) = (path.root, &whole) {
            // These are written down when they are asked for.
            self.look_at(json.text().len() / BYTES_AN_ITEM)?;
        }
        Ok(path.keys.iter().fold(whole, |val, key| val.down(key)))
    }

    /// What `result` stands for; there is none within itself.
    fn result_of(&mut self, body: &Template) -> Result<Val, String> {
        let outer = self.result.take();
        let whole = self.value(body);
        self.result = outer;
        whole
    }

    fn formula(&mut self, formula: &Formula) -> Result<Val, String> {
        if formula.draws {
            self.chance()?;
        }
        let bound = self.names.len();
        if let Some(body) = self.result {
            let result = self.result_of(body)?;
            self.names.push((names::RESULT, result));
        }
        let snapshot = Arc::new(Snapshot {
            world: self.world().clone(),
            // Lent: they come back after the evaluation.
            names: std::mem::take(&mut self.names),
            present: self.present,
            peer: self.peer,
            chance: Mutex::new(self.chance.take()),
        });
        let Evaluated { value, work } = formula.eval(snapshot.clone());
        let answer = value.map(from_value);
        self.take_back(snapshot);
        self.names.truncate(bound);
        self.work(work)?;
        let why = match answer {
            Ok(Val::Value(value)) => match write::weight(&value, MAX_OUTPUT) {
                Some(bytes) => {
                    self.make(bytes)?;
                    return Ok(Val::Value(value));
                }
                None => {
                    let why = format!(
                        "makes more than the {MAX_OUTPUT} bytes, or {MAX_DEPTH} lists and objects in one another, that are allowed"
                    );
                    self.pass(Limit::Output, why)
                }
            },
            Ok(val) => return Ok(val),
            Err(error) if error.kind() == ErrorKind::OutOfFuel => {
                self.pass(Limit::Work, reason(&error))
            }
            Err(error) => reason(&error),
        };
        Err(format!("`${{ {} }}`: {why}", shortened(&formula.source)))
    }

    /// What was lent to an evaluation. A value that it made may still hold on to what it saw.
    fn take_back(&mut self, snapshot: Arc<Snapshot>) {
        match Arc::try_unwrap(snapshot) {
            Ok(snapshot) => {
                self.names = snapshot.names;
                let chance = snapshot.chance.into_inner();
                self.chance = chance.unwrap_or_else(PoisonError::into_inner);
            }
            Err(held) => {
                self.names.clone_from(&held.names);
                let mut chance = held.chance.lock().unwrap_or_else(PoisonError::into_inner);
                self.chance = chance.take();
            }
        }
    }

    /// A template's value.
    pub(super) fn value(&mut self, template: &Template) -> Result<Val, String> {
        match template {
            Template::Constant(json) => Ok(Val::Json(json.clone())),
            Template::Expr(expr) => self.eval(expr),
            Template::Text(pieces) => {
                let mut text = String::new();
                self.text(pieces, &mut text)?;
                self.make(text.len())?;
                Ok(Val::Json(Json::string(&text)))
            }
            Template::Composite(pieces) => {
                let mut out = String::new();
                self.pieces(pieces, &mut out)?;
                self.make(out.len())?;
                Json::parse(out)
                    .map(Val::Json)
                    .map_err(|error| error.to_string())
            }
        }
    }

    /// Writes a template's JSON text.
    pub(super) fn render(
        &mut self,
        template: &Template,
        out: &mut impl Sink,
    ) -> Result<(), String> {
        match template {
            Template::Constant(json) => out.text().push_str(json.text()),
            Template::Expr(expr) => self.render_expr(expr, out)?,
            Template::Text(pieces) => {
                let mut text = String::new();
                self.text(pieces, &mut text)?;
                write::string(out.text(), &text);
            }
            Template::Composite(pieces) => self.pieces(pieces, out)?,
        }
        Ok(())
    }

    fn render_expr(&mut self, expr: &Expr, out: &mut impl Sink) -> Result<(), String> {
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
                        Val::Json(json) => write_down(json, &path.keys, out.text()),
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

    fn pieces(&mut self, pieces: &[Piece], out: &mut impl Sink) -> Result<(), String> {
        self.work(pieces.len() as u64)?;
        for piece in pieces {
            match piece {
                Piece::Raw(text) => out.text().push_str(text),
                Piece::Value(expr) => self.render_expr(expr, out)?,
                Piece::Text(pieces) => {
                    let mut text = String::new();
                    self.text(pieces, &mut text)?;
                    write::string(out.text(), &text);
                }
            }
            self.fits(out.written())?;
        }
        Ok(())
    }

    fn text(&mut self, pieces: &[TextPiece], out: &mut String) -> Result<(), String> {
        self.work(pieces.len() as u64)?;
        for piece in pieces {
            match piece {
                TextPiece::Literal(text) => out.push_str(text),
                TextPiece::Hole(expr) => self.eval(expr)?.write_text(out),
            }
            if out.len() > MAX_OUTPUT {
                let found = out.len();
                let why =
                    format!("a text of {found} bytes was made, up to {MAX_OUTPUT} are allowed");
                return Err(self.pass(Limit::Output, why));
            }
        }
        Ok(())
    }
}

fn json_down(json: &Json, keys: &[Key]) -> Val {
    part_down(json, keys).map_or(Val::Undefined, |part| Val::Json(json.at(part)))
}

fn write_down(json: &Json, keys: &[Key], out: &mut String) {
    out.push_str(part_down(json, keys).map_or("null", |part| part.text()));
}

fn part_down<'j>(json: &'j Json, keys: &[Key]) -> Option<Part<'j>> {
    use Key;
    keys.iter()
        .try_fold(json.part(), |part, key| match (part.kind(), key) {
            (Kind::Object, Key::Member(name)) => part.get(name),
            (Kind::List, Key::Index(at)) => part.elements().nth(*at),
            _ => None,
        })
}
