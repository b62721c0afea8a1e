//! What is evaluated at load: `let:` and the secret of `auth:`, which see constants and the environment only.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::Reader;
use crate::base::json::{Json, write};
use crate::lang::Value;
use crate::lang::expr::{
    Evaluated, Expr, Function, Key, MAX_OUTPUT, Piece, Scope, Symbol, Symbols, Template, TextPiece,
    reason, weight,
};
use crate::lang::load::Env;
use crate::lang::model::Jwt;
use crate::lang::tree::Node;

/// Bytes of all that `let:` comes to.
const MAX_CONSTANTS: usize = 64 << 20;
/// Instructions that all of them may take.
const MAX_WORK: u64 = 10_000_000;
/// Expressions in `let:`; each may take a while.
const MAX_EXPRESSIONS: usize = 1_000;

impl Reader<'_> {
    /// The variables that expressions ask for.
    pub(super) fn environment(&self, env: Env<'_>) -> HashMap<String, String> {
        self.compiler
            .environment_names()
            .filter_map(|name| Some((name.to_owned(), env(name)?)))
            .collect()
    }

    /// Something that evaluates in this environment.
    pub(super) fn evaluator(&self, env: &HashMap<String, String>) -> Evaluator {
        Evaluator {
            symbols: self.compiler.symbols().clone(),
            work: Cell::new(0),
            scope: Arc::new(AtLoad {
                names: HashMap::new(),
                env: env.clone(),
            }),
        }
    }

    /// The values of `let:`, which the evaluator knows from then on.
    pub(super) fn constants(
        &mut self,
        node: Option<&Node>,
        lets: &[(Symbol, Template)],
        evaluator: &mut Evaluator,
    ) -> Vec<(Symbol, Value)> {
        let entries = node.map_or(&[][..], Node::entries);
        let mut constants = Vec::new();
        let (mut expressions, mut bytes) = (0, 0);
        for ((symbol, template), (_, node)) in lets.iter().zip(entries) {
            expressions += usize::from(!matches!(template, Template::Constant(_)));
            if expressions > MAX_EXPRESSIONS {
                let message = format!("more than {MAX_EXPRESSIONS} expressions in `let`");
                self.problem(node.at, message, None);
                break;
            }
            let evaluated = evaluator.evaluate(template).and_then(bounded);
            if evaluator.work.get() > MAX_WORK {
                let message =
                    format!("the expressions of `let` take more than {MAX_WORK} instructions");
                self.problem(node.at, message, None);
                break;
            }
            match evaluated {
                Ok(value) => {
                    bytes += weight(&value);
                    if bytes > MAX_CONSTANTS {
                        let message = format!("more than {MAX_CONSTANTS} bytes of constants");
                        self.problem(node.at, message, None);
                        break;
                    }
                    evaluator.learn(*symbol, value.clone());
                    constants.push((*symbol, value));
                }
                Err(error) => self.unevaluated(node, &error),
            }
        }
        constants
    }

    pub(super) fn jwt(
        &mut self,
        node: Option<&Node>,
        secret: Option<&Template>,
        evaluator: &Evaluator,
    ) -> Option<Jwt> {
        let secret_node = node?.get("jwt")?.get("secret")?;
        match evaluator.evaluate(secret?) {
            Ok(value) => match value.as_str() {
                Some(secret) if !secret.is_empty() => {
                    return Some(Jwt {
                        secret: secret.to_owned(),
                    });
                }
                _ => {
                    let message = "`secret` comes to no text".to_owned();
                    let hint =
                        "a variable that is not set is null: `${ env('NAME') or 'a default' }`";
                    self.problem(secret_node.at, message, Some(hint.to_owned()));
                }
            },
            Err(error) => self.unevaluated(secret_node, &error),
        }
        None
    }

    fn unevaluated(&mut self, node: &Node, error: &Error) {
        let reason = reason(error);
        let message = format!("cannot be evaluated at load: {reason}");
        self.problem(node.at, message, None);
    }
}

/// Evaluates what sees constants and the environment only.
pub(super) struct Evaluator {
    symbols: Symbols,
    /// Instructions taken so far.
    work: Cell<u64>,
    scope: Arc<AtLoad>,
}

#[derive(Debug, Clone)]
struct AtLoad {
    names: HashMap<String, Value>,
    env: HashMap<String, String>,
}

impl Scope for AtLoad {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.names.get(name).cloned()
    }

    fn call(&self, function: Function, args: &[Value]) -> Result<Value, Error> {
        if function != Function::Env {
            let message = format!(
                "`{}` is not there yet, only constants and `env`",
                function.name()
            );
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        let name = args.first().and_then(Value::as_str).unwrap_or_default();
        let value = self.env.get(name).map(String::as_str);
        Ok(value.map_or_else(|| Value::from(()), Value::from))
    }
}

impl Evaluator {
    fn learn(&mut self, symbol: Symbol, value: Value) {
        let name = self.symbols.name(symbol).to_owned();
        Arc::make_mut(&mut self.scope).names.insert(name, value);
    }

    fn evaluate(&self, template: &Template) -> Result<Value, Error> {
        match template {
            Template::Constant(value) => Ok(value.to_value()),
            Template::Expr(expr) => self.expr(expr),
            Template::Text(pieces) => Ok(Value::from(self.text(pieces)?)),
            Template::Composite(pieces) => {
                let mut out = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Raw(raw) => out.push_str(raw),
                        Piece::Value(expr) => {
                            write::value(&mut out, &self.expr(expr).and_then(bounded)?);
                        }
                        Piece::Text(pieces) => write::string(&mut out, &self.text(pieces)?),
                    }
                }
                let json = Json::parse(out)
                    .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
                Ok(json.to_value())
            }
        }
    }

    fn expr(&self, expr: &Expr) -> Result<Value, Error> {
        match expr {
            Expr::Constant(value) => Ok(value.to_value()),
            Expr::Formula(formula) => {
                let Evaluated { value, work } = formula.eval(self.scope.clone());
                self.work.set(self.work.get() + work);
                value
            }
            Expr::Path(path) => {
                let root = self.symbols.name(path.root);
                let mut value = self.scope.lookup(root).unwrap_or_default();
                for key in &path.keys {
                    let key = match key {
                        Key::Member(name) => Value::from(name.as_ref()),
                        Key::Index(place) => Value::from(*place),
                    };
                    value = value.get_item(&key).unwrap_or_default();
                }
                Ok(value)
            }
        }
    }

    fn text(&self, pieces: &[TextPiece]) -> Result<String, Error> {
        let mut out = String::new();
        for piece in pieces {
            match piece {
                TextPiece::Literal(literal) => out.push_str(literal),
                TextPiece::Hole(expr) => {
                    let value = self.expr(expr).and_then(bounded)?;
                    match value.as_str() {
                        Some(text) => out.push_str(text),
                        None if value.is_none() || value.is_undefined() => {}
                        None => write::value(&mut out, &value),
                    }
                }
            }
        }
        Ok(out)
    }
}

/// A value that is not much larger than what was written: `[text] * 100000` costs nothing until it is printed.
fn bounded(value: Value) -> Result<Value, Error> {
    if write::fits(&value, MAX_OUTPUT) {
        return Ok(value);
    }
    let message = format!("a value of more than {MAX_OUTPUT} bytes");
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_a_largest_size_and_depth() {
        let text = Value::from("x".repeat(1000));
        assert!(bounded(Value::from(vec![text.clone(); 1000])).is_ok());
        assert!(bounded(Value::from(vec![text; 1100])).is_err());
        let deep = (0..200).fold(Value::from(1), |value, _| Value::from(vec![value]));
        assert!(bounded(deep).is_err());
    }
}
