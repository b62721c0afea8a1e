//! The MiniJinja environment: our functions and filters, its own, and the bounds.

use std::sync::LazyLock;

use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use super::{Root, SCOPE, filters};

/// Instructions of one expression.
pub const FUEL: u64 = 100_000;

macro_rules! functions {
    ($($variant:ident $name:literal $draws:literal $doc:literal),* $(,)?) => {
        /// A function of the language that the scope answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Function {
            $(#[doc = $doc] $variant),*
        }

        impl Function {
            const ALL: &[(Function, &'static str)] = &[$((Function::$variant, $name)),*];

            pub fn name(self) -> &'static str {
                match self { $(Function::$variant => $name),* }
            }

            pub fn draws(self) -> bool {
                match self { $(Function::$variant => $draws),* }
            }
        }
    };
}

functions! {
    Pick "pick" true "One of a list.",
    Sample "sample" true "Some of a list, each once.",
    Shuffle "shuffle" true "A list in another order.",
    Int "int" true "A whole number between two bounds.",
    Float "float" true "A number between two bounds, with a number of digits.",
    Chance "chance" true "True with this probability.",
    Uuid "uuid" true "A random UUID.",
    Fake "fake" true "A made-up name, address, …",
    Drift "drift" true "A value moved by a step at most, within bounds.",
    Now "now" false "The time as text, with an offset.",
    Date "date" false "The date as text, with an offset.",
    Age "age" false "Milliseconds since a time.",
    Count "count" false "How many items a collection has.",
    Get "get" false "The item of a key.",
    All "all" false "Every item of a collection.",
    Room "room" false "The connections in a room.",
    Env "env" false "A variable of the environment, read at load.",
    Seconds "seconds" false "Seconds in milliseconds.",
    Minutes "minutes" false "Minutes in milliseconds.",
    Hours "hours" false "Hours in milliseconds.",
    Days "days" false "Days in milliseconds.",
}

impl Function {
    pub fn find(name: &str) -> Option<Function> {
        Function::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(function, _)| *function)
    }

    pub fn names() -> Vec<&'static str> {
        Function::ALL.iter().map(|(_, name)| *name).collect()
    }

    fn milliseconds(self) -> Option<f64> {
        match self {
            Function::Seconds => Some(1e3),
            Function::Minutes => Some(60e3),
            Function::Hours => Some(3600e3),
            Function::Days => Some(86400e3),
            _ => None,
        }
    }
}

/// Shared by all scenarios: everything that differs is in the scope. MiniJinja borrows it for as long as an expression
/// lives, and its state never changes.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(64);
    for (function, name) in Function::ALL {
        let function = *function;
        env.add_function(
            *name,
            move |state: &mut State<'_, '_>, args: Rest<Value>| call(function, state, &args),
        );
    }
    filters::add(&mut env);
    env
});

fn call(function: Function, state: &State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    if let Some(unit) = function.milliseconds() {
        let number = args.first().cloned().unwrap_or_default();
        let number = f64::try_from(number).map_err(|_| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("`{}` takes a number", function.name()),
            )
        })?;
        return Ok(Value::from((number * unit).round() as i64));
    }
    if matches!(function, Function::Sample | Function::Shuffle) {
        // These copy a whole list, and a lazy list does not know its length.
        let values = args.first().and_then(Value::len);
        state.consume_fuel(values.map_or(FUEL, |values| values as u64) / 2)?;
    }
    let root = state.lookup(SCOPE).unwrap_or_default();
    match root.downcast_object_ref::<Root>() {
        Some(root) => root.call(function, args),
        None => Err(Error::new(
            ErrorKind::InvalidOperation,
            "no scope to call a function in",
        )),
    }
}

/// Filters of ours, and those of MiniJinja that make sense without HTML and files.
pub(super) const FILTERS: &[&str] = &[
    "pad",
    "round",
    "tally",
    "total",
    "mean",
    "pluck",
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

pub(super) const TESTS: &[&str] = &[
    "null",
    "undefined",
    "defined",
    "none",
    "boolean",
    "odd",
    "even",
    "divisibleby",
    "number",
    "integer",
    "int",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "startingwith",
    "endingwith",
    "lower",
    "upper",
    "sameas",
    "eq",
    "equalto",
    "ne",
    "lt",
    "lessthan",
    "le",
    "gt",
    "greaterthan",
    "ge",
    "in",
    "true",
    "false",
    "filter",
    "test",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_passes_the_check_is_there() {
        for name in FILTERS {
            let error = ENVIRONMENT.empty_state().apply_filter(name, &[]).err();
            assert!(
                error.is_none_or(|error| error.kind() != ErrorKind::UnknownFilter),
                "{name}"
            );
        }
        for name in TESTS {
            let error = ENVIRONMENT.empty_state().perform_test(name, &[]).err();
            assert!(
                error.is_none_or(|error| error.kind() != ErrorKind::UnknownTest),
                "{name}"
            );
        }
    }
}
