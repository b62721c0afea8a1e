//! Values with `${ … }` in them, and conditions.

use std::sync::Arc;

use super::ScenarioReader;
use super::fields::described;
use super::names::NameScope;
use super::split::{TextPart, split};
use crate::base::json::{Json, write};
use crate::lang::expr::{Expr, ExprProblem, Piece, Symbol, Template, TextPiece};
use crate::lang::file::problem::shown;
use crate::lang::file::tree::{Node, NodeContent, Spot};
use crate::lang::model::Placed;

/// Bytes of one expression. MiniJinja's parser and our check recurse, up to a level per byte.
const MAX_EXPRESSION: usize = 4 << 10;
/// Expressions that are more than a path; each takes some kilobytes.
const MAX_FORMULAS: usize = 20_000;

impl ScenarioReader<'_> {
    /// Compiles any value. After a problem the result is a substitute.
    pub(in crate::lang) fn template(&mut self, node: &Node, scope: &NameScope<'_>) -> Template {
        match &node.content {
            NodeContent::Text(text) => self.text_template(text, node.at, scope),
            NodeContent::List(_) | NodeContent::Map(_) => {
                let mut composite = Composite::default();
                self.compose(node, scope, &mut composite);
                composite.finish()
            }
            _ => Template::Constant(constant(node.json())),
        }
    }

    pub(in crate::lang) fn optional(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
    ) -> Option<Template> {
        node.map(|node| self.template(node, scope))
    }

    pub(in crate::lang) fn optional_placed(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
    ) -> Option<Placed<Template>> {
        let part = self.template(node?, scope);
        Some(self.placed(node?.at, part))
    }

    pub(in crate::lang) fn placed<T>(&self, at: Spot, part: T) -> Placed<T> {
        let place = self.place(at);
        Placed { place, part }
    }

    pub(in crate::lang) fn place(&self, at: Spot) -> Arc<str> {
        Arc::from(self.sources.place(at))
    }

    /// Names and values. Each value sees the names before it; the scope gets all.
    pub(in crate::lang) fn names_of_let(
        &mut self,
        node: &Node,
        scope: &mut NameScope<'_>,
    ) -> Vec<(Symbol, Template)> {
        let mut lets = Vec::new();
        for (key, node) in self.map(node, "`let`") {
            let template = self.template(node, scope);
            let symbol = self.key_name(key);
            scope.add(&key.name);
            lets.push((symbol, template));
        }
        lets
    }

    /// A map of plain names to values.
    pub(in crate::lang) fn named_values(
        &mut self,
        node: &Node,
        what: &str,
        scope: &NameScope<'_>,
    ) -> Vec<(String, Template)> {
        let mut values = Vec::new();
        for (key, node) in self.map(node, what) {
            self.no_expression(key);
            values.push((key.name.clone(), self.template(node, scope)));
        }
        values
    }

    /// A status of HTTP.
    pub(in crate::lang) fn status(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
    ) -> Option<Template> {
        let node = node?;
        if !is_expression(node) {
            self.whole(node, "`status`", 200, 599);
        }
        Some(self.template(node, scope))
    }

    /// An expression, `true` or `false`.
    pub(in crate::lang) fn condition(
        &mut self,
        node: &Node,
        what: &str,
        scope: &NameScope<'_>,
    ) -> Expr {
        match &node.content {
            NodeContent::Bool(_) => return Expr::Constant(constant(node.json())),
            NodeContent::Text(text) => match split(text) {
                Ok(parts) => {
                    if let [TextPart::Hole(source)] = *parts {
                        return self.expression(source, node.at, scope);
                    }
                    let hint = if text.contains("${") {
                        "one `${ … }` around all of it, and nothing else".to_owned()
                    } else {
                        format!("write {}", shown(&format!("${{ {} }}", text.trim())))
                    };
                    let message = format!("{what} must be an expression, got {}", described(node));
                    self.problem(node.at, message, Some(hint));
                }
                Err(start) => self.unclosed(text, start, node.at),
            },
            _ => self.expected(node, what, "an expression"),
        }
        Expr::Constant(Json::null())
    }

    fn text_template(&mut self, text: &str, at: Spot, scope: &NameScope<'_>) -> Template {
        // A block text ends with a line break that is not meant.
        let alone = split(text.strip_suffix('\n').unwrap_or(text));
        if let Ok(parts) = &alone
            && let [TextPart::Hole(source)] = **parts
        {
            return match self.expression(source, at, scope) {
                Expr::Constant(value) => Template::Constant(value),
                expr => Template::Expr(expr),
            };
        }
        let pieces = self.text_pieces(text, at, scope);
        match only_literal(&pieces) {
            Some(literal) => Template::text(literal),
            None => Template::Text(pieces),
        }
    }

    fn text_pieces(&mut self, text: &str, at: Spot, scope: &NameScope<'_>) -> Vec<TextPiece> {
        let parts = match split(text) {
            Ok(parts) => parts,
            Err(start) => {
                self.unclosed(text, start, at);
                return Vec::new();
            }
        };
        let mut pieces = Vec::new();
        let mut literal = String::new();
        for part in parts {
            match part {
                TextPart::Literal(text) => literal.push_str(text),
                TextPart::Hole(source) => match self.expression(source, at, scope) {
                    Expr::Constant(value) => literal.push_str(&as_text(&value)),
                    expr => {
                        flush(&mut literal, &mut pieces);
                        pieces.push(TextPiece::Hole(expr));
                    }
                },
            }
        }
        flush(&mut literal, &mut pieces);
        pieces
    }

    fn expression(&mut self, source: &str, at: Spot, scope: &NameScope<'_>) -> Expr {
        if source.len() > MAX_EXPRESSION {
            let message = format!(
                "an expression of {} bytes, {MAX_EXPRESSION} is the most",
                source.len()
            );
            let hint = "give parts of it names in a `let`".to_owned();
            self.problem(at, message, Some(hint));
            return Expr::Constant(Json::null());
        }
        if self.compiler.formulas() > MAX_FORMULAS {
            return Expr::Constant(Json::null());
        }
        let compiled = self.compiler.expression(source, scope);
        if self.compiler.formulas() > MAX_FORMULAS {
            let message = format!("more than {MAX_FORMULAS} expressions");
            let hint = "`define` what is said in several places, and `run` it".to_owned();
            self.problem(at, message, Some(hint));
        }
        match compiled {
            Ok(expr) => expr,
            Err(problem) => {
                if self.problems.full() {
                    return Expr::Constant(Json::null());
                }
                let hint = problem.hint.clone().or_else(|| meant(&problem, scope));
                let at = self.sources.inside(at, source, problem.offset);
                self.problem(at, problem.message, hint);
                Expr::Constant(Json::null())
            }
        }
    }

    fn unclosed(&mut self, text: &str, start: usize, at: Spot) {
        let at = self.sources.inside(at, &text[start + 2..], 0);
        let message = "a `${` without its `}`".to_owned();
        self.problem(
            at,
            message,
            Some("a literal `${` is `${ '${' }`".to_owned()),
        );
    }

    fn compose(&mut self, node: &Node, scope: &NameScope<'_>, out: &mut Composite) {
        match &node.content {
            NodeContent::List(elements) => {
                out.raw.push('[');
                for (n, element) in elements.iter().enumerate() {
                    if n > 0 {
                        out.raw.push(',');
                    }
                    self.compose(element, scope, out);
                }
                out.raw.push(']');
            }
            NodeContent::Map(entries) if entries.iter().any(|(key, _)| key.name.contains("${")) => {
                let mut members = Vec::new();
                for (key, value) in entries {
                    let name = self.text_pieces(&key.name, key.at, scope);
                    members.push((name, self.template(value, scope)));
                }
                out.push(Piece::Map(members));
            }
            NodeContent::Map(entries) => {
                out.raw.push('{');
                for (n, (key, value)) in entries.iter().enumerate() {
                    if n > 0 {
                        out.raw.push(',');
                    }
                    write::string(&mut out.raw, &key.name);
                    out.raw.push(':');
                    self.compose(value, scope, out);
                }
                out.raw.push('}');
            }
            NodeContent::Text(text) => match self.text_template(text, node.at, scope) {
                Template::Expr(expr) => out.push(Piece::Value(expr)),
                Template::Text(pieces) => out.text(pieces),
                Template::Constant(value) => out.raw.push_str(value.text()),
                Template::Composite(pieces) => pieces.into_iter().for_each(|piece| out.push(piece)),
            },
            scalar => scalar.write_scalar(&mut out.raw),
        }
    }
}

pub(in crate::lang) fn is_expression(node: &Node) -> bool {
    node.text().is_some_and(|text| text.contains("${"))
}

/// The prefix of a value's part in errors.
pub(in crate::lang) fn prefix_of(template: &Template) -> String {
    match template.part() {
        "" => String::new(),
        part => format!("{part}."),
    }
}

/// The name of a value in errors.
pub(in crate::lang) fn part_of(template: &Template) -> String {
    template.part().to_owned()
}

/// The hint for an unknown name.
fn meant(problem: &ExprProblem, scope: &NameScope<'_>) -> Option<String> {
    let name = problem.message.strip_prefix("unknown name `")?;
    scope.meant(name.strip_suffix('`')?)
}

/// Pieces of JSON text; neighbouring raw text becomes one piece.
#[derive(Default)]
struct Composite {
    pieces: Vec<Piece>,
    raw: String,
}

impl Composite {
    fn push(&mut self, piece: Piece) {
        if !self.raw.is_empty() {
            let raw = std::mem::take(&mut self.raw);
            self.pieces.push(Piece::Raw(raw.into_boxed_str()));
        }
        self.pieces.push(piece);
    }

    fn text(&mut self, pieces: Vec<TextPiece>) {
        match only_literal(&pieces) {
            Some(literal) => write::string(&mut self.raw, literal),
            None => self.push(Piece::Text(pieces)),
        }
    }

    fn finish(mut self) -> Template {
        if self.pieces.is_empty() {
            return Template::Constant(constant(self.raw));
        }
        if !self.raw.is_empty() {
            self.pieces.push(Piece::Raw(self.raw.into_boxed_str()));
        }
        Template::Composite(self.pieces)
    }
}

/// Reads JSON that this module wrote, which is never nested too deep.
fn constant(text: String) -> Json {
    Json::parse(text).unwrap_or_else(|_| Json::null())
}

fn flush(literal: &mut String, pieces: &mut Vec<TextPiece>) {
    if !literal.is_empty() {
        pieces.push(TextPiece::Literal(std::mem::take(literal).into_boxed_str()));
    }
}

fn only_literal(pieces: &[TextPiece]) -> Option<&str> {
    match pieces {
        [] => Some(""),
        [TextPiece::Literal(literal)] => Some(literal),
        _ => None,
    }
}

fn as_text(value: &Json) -> String {
    match value.part().as_str() {
        Some(text) => text.into_owned(),
        None if value.part().is_null() => String::new(),
        None => value.text().to_owned(),
    }
}
