//! Expressions and the templates that hold them, compiled.
//!
//! A bare path (`message.requestId`) is a look-up of our own; anything else is MiniJinja's. What an expression
//! sees and what its functions do is up to the [`Scope`] it is evaluated in: nothing here knows the world.

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

/// Output that one expression may make, in bytes.
pub const MAX_OUTPUT: usize = 1 << 20;
/// Bytes of the values that one expression may look at: what it puts together of them comes to no more.
const MAX_LOOKED_AT: usize = 100 << 20;
/// Bytes of a value that cost as much as an instruction: it may be walked through.
const BYTES_A_UNIT: usize = 16;
/// Instructions that looking at one of many items counts as.
pub const WORK_AN_ITEM: u64 = 4;
/// Bytes of source that make an instruction.
const BYTES_AN_INSTRUCTION: usize = 4;
/// Bytes of a value that are not counted.
const SMALL: usize = 1 << 10;

/// The content of a `${ … }`.
#[derive(Debug, Clone)]
pub enum Expr {
    /// A value that does not depend on anything.
    Constant(Json),
    Path(Path),
    Formula(Formula),
}

/// A name and the way down from it.
#[derive(Debug, Clone)]
pub struct Path {
    pub root: Symbol,
    /// The members and places that follow.
    pub keys: Box<[Key]>,
    pub text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A member of an object.
    Member(Box<str>),
    /// An element of a list.
    Index(usize),
}

/// An expression that MiniJinja evaluates.
#[derive(Debug, Clone)]
pub struct Formula {
    compiled: Arc<Expression<'static, 'static>>,
    pub draws: bool,
    pub source: Arc<str>,
}

#[derive(Debug)]
pub struct Evaluated {
    /// The value, or how it failed.
    pub value: Result<Value, Error>,
    /// Instructions that it took, about.
    pub work: u64,
}

/// The names and functions of an expression.
pub trait Scope: Debug + Send + Sync + 'static {
    fn lookup(&self, name: &str) -> Option<Value>;
    /// Calls a function of the language.
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

/// A value as an error tells of it. What is no plain value may go on for ever.
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

/// The scope as the object that MiniJinja looks names up in.
#[derive(Debug)]
pub(crate) struct Root {
    scope: Arc<dyn Scope>,
    /// Bytes of the values that were handed out.
    looked_at: AtomicU64,
    /// Work beyond its length: the fuel of an expression that is measured, the items that filters walked.
    spent: AtomicU64,
}

/// The name under which a function finds the scope it is called in.
pub(crate) const SCOPE: &str = "\u{0}scope";

impl Root {
    /// Hands a value out. To MiniJinja a list of texts that it has costs as little as a list of numbers, until it puts
    /// them together.
    fn hand_out(&self, value: Value) -> Result<Value, Error> {
        let bytes = match value.kind() {
            ValueKind::String => value.as_str().map_or(0, str::len),
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
                let json = value.downcast_object_ref::<Json>();
                json.map_or_else(|| self.scope.weight(&value), |json| json.text().len())
            }
            _ => 0,
        };
        // Most are small, and counting is not for nothing.
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
                // A value that is an error fails where it is used.
                Some(self.hand_out(value).unwrap_or_else(Value::from))
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}
