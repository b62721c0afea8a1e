//! What is evaluated at load: `let:` and the secret of `auth:`, which see only constants and the environment.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::ScenarioReader;
use crate::base::json::{Json, write};
use crate::base::payload::Sink;
use crate::lang::Env;
use crate::lang::Value;
use crate::lang::expr::{
    Evaluate, Evaluated, Expr, Function, MAX_OUTPUT, PathKey, Scope, Symbol, Symbols, Template,
    reason,
};
use crate::lang::file::tree::Node;
use crate::lang::model::Jwt;

/// Instructions of all expressions that are evaluated at load.
const MAX_LOAD_WORK: u64 = 10_000_000;

impl ScenarioReader<'_> {
    /// The environment variables that expressions use.
    pub(super) fn environment(&self, env: Env<'_>) -> HashMap<String, String> {
        self.compiler
            .environment_names()
            .filter_map(|name| Some((name.to_owned(), env(name)?)))
            .collect()
    }

    pub(super) fn evaluator(&self, env: &HashMap<String, String>) -> Evaluator {
        Evaluator {
            symbols: self.compiler.symbols().clone(),
            work: 0,
            scope: Arc::new(AtLoad {
                names: HashMap::new(),
                env: env.clone(),
            }),
        }
    }

    /// The values of `let:`, which the evaluator knows afterwards.
    pub(super) fn constants(
        &mut self,
        node: Option<&Node>,
        lets: &[(Symbol, Template)],
        evaluator: &mut Evaluator,
    ) -> Vec<(Symbol, Value)> {
        let entries = node.map_or(&[][..], Node::entries);
        let mut constants = Vec::new();
        for ((symbol, template), (_, node)) in lets.iter().zip(entries) {
            match evaluator.value(template) {
                Ok(value) => {
                    evaluator.learn(*symbol, value.clone());
                    constants.push((*symbol, value));
                }
                Err(why) => self.not_evaluated(node, &why),
            }
            if evaluator.work > MAX_LOAD_WORK {
                break;
            }
        }
        constants
    }

    pub(super) fn jwt(
        &mut self,
        node: Option<&Node>,
        secret: Option<&Template>,
        evaluator: &mut Evaluator,
    ) -> Option<Jwt> {
        let node = node?.get("jwt")?.get("secret")?;
        match evaluator.value(secret?) {
            Ok(value) => {
                let secret = value.as_str().filter(|secret| !secret.is_empty());
                if secret.is_none() {
                    let message = "`secret` must be a text, got nothing".to_owned();
                    let hint =
                        "a variable that is not set is null: `${ env('NAME') or 'a default' }`";
                    self.problem(node.at, message, Some(hint.to_owned()));
                }
                secret.map(|secret| Jwt {
                    secret: secret.to_owned(),
                })
            }
            Err(why) => {
                self.not_evaluated(node, &why);
                None
            }
        }
    }

    fn not_evaluated(&mut self, node: &Node, why: &str) {
        self.problem(node.at, format!("cannot be evaluated at load: {why}"), None);
    }
}

pub(super) struct Evaluator {
    symbols: Symbols,
    work: u64,
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
            let name = function.name();
            let message = format!("`{name}` does not exist at load, only constants and `env`");
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

    fn value(&mut self, template: &Template) -> Result<Value, String> {
        match template {
            Template::Constant(json) => Ok(json.to_value()),
            Template::Expr(expr) => self.eval(expr),
            _ => {
                let mut json = String::new();
                template.render(self, &mut json)?;
                let json = Json::parse(json).map_err(|error| error.to_string())?;
                Ok(json.to_value())
            }
        }
    }

    fn eval(&mut self, expr: &Expr) -> Result<Value, String> {
        let value = match expr {
            Expr::Constant(json) => json.to_value(),
            Expr::Formula(formula) => {
                let Evaluated { value, work } = formula.eval(self.scope.clone());
                self.work += work;
                value.map_err(|error| reason(&error))?
            }
            Expr::Path(path) => {
                let root = self.scope.lookup(self.symbols.name(path.root));
                let down = |value: Value, key: &PathKey| {
                    let key = match key {
                        PathKey::Member(name) => Value::from(name.as_ref()),
                        PathKey::Index(index) => Value::from(*index),
                    };
                    value.get_item(&key).unwrap_or_default()
                };
                path.keys.iter().fold(root.unwrap_or_default(), down)
            }
        };
        if self.work > MAX_LOAD_WORK {
            let why = format!("expressions at load take more than {MAX_LOAD_WORK} instructions");
            return Err(why);
        }
        bounded(value)
    }
}

impl Evaluate for Evaluator {
    fn write_json(&mut self, expr: &Expr, out: &mut impl Sink) -> Result<(), String> {
        write::value(out.text(), &self.eval(expr)?);
        Ok(())
    }

    fn write_text(&mut self, expr: &Expr, out: &mut String) -> Result<(), String> {
        let value = self.eval(expr)?;
        match value.as_str() {
            Some(text) => out.push_str(text),
            None if value.is_none() || value.is_undefined() => {}
            None => write::value(out, &value),
        }
        Ok(())
    }

    fn charge(&mut self, pieces: usize) -> Result<(), String> {
        self.work += pieces as u64;
        Ok(())
    }

    fn json_fits(&mut self, bytes: usize) -> Result<(), String> {
        if bytes <= MAX_OUTPUT {
            return Ok(());
        }
        Err(format!("a value of more than {MAX_OUTPUT} bytes"))
    }

    fn text_fits(&mut self, bytes: usize) -> Result<(), String> {
        self.json_fits(bytes)
    }
}

/// Refuses a value that is far larger than its expression: `[text] * 100000` takes no fuel until it is printed.
fn bounded(value: Value) -> Result<Value, String> {
    if write::fits(&value, MAX_OUTPUT) {
        return Ok(value);
    }
    Err(format!("a value of more than {MAX_OUTPUT} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_a_largest_size_and_depth() {
        let text = Value::from("x".repeat(1000));
        assert!(bounded(Value::from(vec![text.clone(); 1000])).is_ok());
        assert!(bounded(Value::from(vec![text; 1100])).is_err());
        let deep = (0..200).fold(Value::from(1), |value, _| Value::from(vec![value]));
        assert!(bounded(deep).is_err());
    }
}
