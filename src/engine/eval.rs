//! Expressions and templates, evaluated in a context: as values, as JSON text, as plain text.

use std::sync::Arc;

use minijinja::ErrorKind;

use crate::base::Limit;
use crate::base::json::{Json, Kind, MAX_DEPTH, Part, write};
use crate::base::payload::Sink;
use crate::base::text::shortened;
use crate::lang::expr::{
    Evaluate, Evaluated, Expr, Formula, MAX_OUTPUT, Path, PathKey, Template, names, reason,
    template,
};

use super::context::Context;
use super::scope::{self, Snapshot};
use crate::world::{Val, from_value};

/// Bytes that take as long to write as one item to look at.
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
            && let [crate::lang::expr::PathKey::Member(name), rest @ ..] = &*path.keys
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
            // These are rendered on use, so charge for their size.
            self.look_at(json.text().len() / BYTES_AN_ITEM)?;
        }
        Ok(path.keys.iter().fold(whole, |val, key| val.down(key)))
    }

    /// The value of `result`, which is undefined inside of its own expression.
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
            // Moved, not cloned: `take_back` returns them.
            names: std::mem::take(&mut self.names),
            present: self.present,
            peer: self.peer,
            chance: self.chance.take().into(),
        });
        let Evaluated { value, work } = formula.eval(snapshot.clone());
        let answer = value.map(from_value);
        (self.names, self.chance) = Snapshot::release(snapshot);
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

    pub(super) fn value(&mut self, template: &Template) -> Result<Val, String> {
        match template {
            Template::Constant(json) => Ok(Val::Json(json.clone())),
            Template::Expr(expr) => self.eval(expr),
            Template::Text(pieces) => {
                let mut text = String::new();
                template::text(pieces, self, &mut text)?;
                self.make(text.len())?;
                Ok(Val::Json(Json::string(&text)))
            }
            Template::Composite(_) => {
                let mut out = String::new();
                template.render(self, &mut out)?;
                self.make(out.len())?;
                Json::parse(out)
                    .map(Val::Json)
                    .map_err(|error| error.to_string())
            }
        }
    }

    pub(super) fn render(
        &mut self,
        template: &Template,
        out: &mut impl Sink,
    ) -> Result<(), String> {
        template.render(self, out)
    }
}

impl Evaluate for Context<'_> {
    fn write_json(&mut self, expr: &Expr, out: &mut impl Sink) -> Result<(), String> {
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

    fn write_text(&mut self, expr: &Expr, out: &mut String) -> Result<(), String> {
        self.eval(expr)?.write_text(out);
        Ok(())
    }

    fn charge(&mut self, pieces: usize) -> Result<(), String> {
        self.work(pieces as u64)
    }

    fn json_fits(&mut self, bytes: usize) -> Result<(), String> {
        self.fits(bytes)
    }

    fn text_fits(&mut self, bytes: usize) -> Result<(), String> {
        if bytes <= MAX_OUTPUT {
            return Ok(());
        }
        let why = format!("a text must have up to {MAX_OUTPUT} bytes, got {bytes}");
        Err(self.pass(Limit::Output, why))
    }
}

fn json_down(json: &Json, keys: &[PathKey]) -> Val {
    part_down(json, keys).map_or(Val::Undefined, |part| Val::Json(json.at(part)))
}

fn write_down(json: &Json, keys: &[PathKey], out: &mut String) {
    out.push_str(part_down(json, keys).map_or("null", |part| part.text()));
}

fn part_down<'j>(json: &'j Json, keys: &[PathKey]) -> Option<Part<'j>> {
    use PathKey;
    keys.iter()
        .try_fold(json.part(), |part, key| match (part.kind(), key) {
            (Kind::Object, PathKey::Member(name)) => part.get(name),
            (Kind::List, PathKey::Index(at)) => part.elements().nth(*at),
            _ => None,
        })
}
