//! Compiled expressions and the templates around them.
//!
//! A bare path (`message.requestId`) is our own look-up; MiniJinja evaluates everything else. Names and functions
//! come from the [`Scope`] of an evaluation: nothing here knows the world.

mod check;
mod compile;
mod environment;
mod filters;
pub mod template;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Expression, Value};

use crate::base::json::{Json, write};
use crate::lang::file::problem::shown;

pub use check::Names;
pub use compile::{Compiler, ExprProblem, Symbol, Symbols, names};
pub use environment::{FUEL, Function};
pub use template::{Evaluate, Piece, Template, TextPiece};

/// Bytes of the value of one expression.
pub const MAX_OUTPUT: usize = 1 << 20;
/// Bytes of all values that one expression uses, which bounds what it can join.
const MAX_LOOKED_AT: usize = 100 << 20;
/// Bytes of a value that count as one instruction.
const BYTES_A_UNIT: usize = 16;
/// Instructions that looking at one of many items counts as.
pub const WORK_AN_ITEM: u64 = 4;
/// Bytes of source that count as one instruction.
const BYTES_AN_INSTRUCTION: usize = 4;
/// Values below this size are not counted.
const SMALL: usize = 1 << 10;

/// The content of a `${ … }`.
#[derive(Debug, Clone)]
pub enum Expr {
    Constant(Json),
    Path(Path),
    Formula(Formula),
}

/// A name, and members and elements below it.
#[derive(Debug, Clone)]
pub struct Path {
    pub root: Symbol,
    pub keys: Box<[PathKey]>,
    pub text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathKey {
    Member(Box<str>),
    Index(usize),
}

#[derive(Debug, Clone)]
pub struct Formula {
    compiled: Arc<Expression<'static, 'static>>,
    pub draws: bool,
    pub source: Arc<str>,
}

#[derive(Debug)]
pub struct Evaluated {
    pub value: Result<Value, Error>,
    /// Instructions, approximately.
    pub work: u64,
}

/// The names and functions of an expression.
pub trait Scope: Debug + Send + Sync + 'static {
    fn lookup(&self, name: &str) -> Option<Value>;
    fn call(&self, function: Function, args: &[Value]) -> Result<Value, Error>;
    /// The bytes of a list or object as JSON, up to [`MAX_OUTPUT`].
    fn weight(&self, value: &Value) -> usize {
        weight(value)
    }
}

/// The bytes of a value as JSON, up to [`MAX_OUTPUT`].
pub fn weight(value: &Value) -> usize {
    write::weight(value, MAX_OUTPUT).unwrap_or(MAX_OUTPUT)
}

pub fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => format!(
            "takes more than the {FUEL} instructions, or looks at more than the {MAX_LOOKED_AT} bytes, that are allowed"
        ),
        kind => error
            .detail()
            .map_or_else(|| kind.to_string(), str::to_owned),
    }
}

/// A text, a number or a boolean; anything else may be endless.
pub fn is_plain(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::String | ValueKind::Number | ValueKind::Bool
    )
}

/// A value as errors show it: only plain values are printed, because others may be endless.
pub fn described(value: &Value) -> String {
    if is_plain(value) {
        format!("{} {}", value.kind(), shown(&value.to_string()))
    } else {
        value.kind().to_string()
    }
}

impl Expr {
    pub fn draws(&self) -> bool {
        matches!(self, Expr::Formula(formula) if formula.draws)
    }
}

impl Formula {
    pub fn eval(&self, scope: Arc<dyn Scope>) -> Evaluated {
        let root = Arc::new(Root {
            scope,
            looked_at: AtomicU64::new(0),
            spent: AtomicU64::new(0),
        });
        let value = self.compiled.eval(Value::from_dyn_object(root.clone()));
        let work = match &value {
            Err(error) if error.kind() == ErrorKind::OutOfFuel => FUEL,
            _ => {
                let written = self.source.len() / BYTES_AN_INSTRUCTION;
                let looked_at = root.looked_at.load(Relaxed) / BYTES_A_UNIT as u64;
                written as u64 + looked_at + root.spent.load(Relaxed)
            }
        };
        Evaluated { value, work }
    }
}

/// The scope as MiniJinja's root object.
#[derive(Debug)]
pub(crate) struct Root {
    scope: Arc<dyn Scope>,
    /// Bytes of the values that the expression has used.
    looked_at: AtomicU64,
    /// Work that does not follow from its length: fuel of a measured expression, items that filters visited.
    spent: AtomicU64,
}

/// The name under which functions find the scope of their call.
pub(crate) const SCOPE: &str = "\u{0}scope";

impl Root {
    /// Counts a value's bytes. Fuel does not: joining a list of long texts costs MiniJinja no more than one of
    /// numbers.
    fn hand_out(&self, value: Value) -> Result<Value, Error> {
        let bytes = match value.kind() {
            ValueKind::String => value.as_str().map_or(0, str::len),
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
                let json = value.downcast_object_ref::<Json>();
                json.map_or_else(|| self.scope.weight(&value), |json| json.text().len())
            }
            _ => 0,
        };
        // Most values are small, and counting contends for a cache line.
        if bytes < SMALL {
            return Ok(value);
        }
        let before = self.looked_at.fetch_add(bytes as u64, Relaxed);
        if before + bytes as u64 > MAX_LOOKED_AT as u64 {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        Ok(value)
    }

    fn call(&self, function: Function, args: &[Value]) -> Result<Value, Error> {
        self.hand_out(self.scope.call(function, args)?)
    }
}

impl Object for Root {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            SCOPE => Some(Value::from_dyn_object(self.clone())),
            "null" => Some(Value::from(())),
            name => {
                let value = self.scope.lookup(name)?;
                // MiniJinja has no fallible look-up; an error as a value fails at its use.
                Some(self.hand_out(value).unwrap_or_else(Value::from))
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}
