//! Filters and tests of our own.

#![allow(clippy::needless_pass_by_value)] // MiniJinja hands arguments over

use std::sync::atomic::Ordering::Relaxed;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

use crate::base::json::write;

use super::{MAX_OUTPUT, Root, SCOPE, WORK_AN_ITEM, described, is_plain};

/// Filters of MiniJinja that may repeat one value in a list. The result is lazy and takes no fuel before it is used,
/// so its size is checked here.
macro_rules! repeating {
    ($env:ident: $($name:ident)*) => {$(
        let own = concat!("__", stringify!($name));
        $env.add_filter(own, filters::$name);
        $env.add_filter(
            stringify!($name),
            move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
                let made = state.apply_filter(own, &args.into_values())?;
                fits(stringify!($name), &made).map(|()| made)
            },
        );
    )*};
}

fn fits(filter: &str, value: &Value) -> Result<(), Error> {
    if write::fits(value, MAX_OUTPUT) {
        return Ok(());
    }
    Err(bad(format!(
        "`{filter}` would make more than {MAX_OUTPUT} bytes"
    )))
}

pub(super) fn add(env: &mut Environment<'_>) {
    repeating!(env: batch slice map);
    env.add_filter("pad", pad);
    env.add_filter("round", round);
    env.add_filter("tally", tally);
    env.add_filter("total", total);
    env.add_filter("mean", mean);
    env.add_filter("pluck", pluck);
    env.add_filter("tojson", tojson);
    env.add_filter("string", string);
    env.add_filter(FACTOR, factor);
    env.add_filter(MEASURED, measured);
    env.add_test("null", |value: Value| {
        value.is_undefined() || value.is_none()
    });
}

/// The filter that the compiler puts behind the factors of products. Scenarios cannot use its name.
pub(super) const FACTOR: &str = "__factor";

/// Refuses a list as a factor.
fn factor(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Err(bad(
            "a list cannot be multiplied; `range` and `for` do things many times".to_owned(),
        )),
        _ => Ok(value),
    }
}

/// The filter that the compiler puts behind an expression whose work does not follow from its length.
pub(super) const MEASURED: &str = "__measured";

fn measured(state: &State<'_, '_>, value: Value) -> Value {
    let root = state.lookup(SCOPE).unwrap_or_default();
    if let (Some(root), Some((consumed, _))) =
        (root.downcast_object_ref::<Root>(), state.fuel_levels())
    {
        root.spent.fetch_add(consumed, Relaxed);
    }
    value
}

/// A string as it is, undefined and null as nothing, the rest as JSON.
fn string(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => Ok(value),
        ValueKind::Undefined | ValueKind::None => Ok(Value::from("")),
        _ => {
            fits("string", &value)?;
            let mut out = String::new();
            write::value(&mut out, &value);
            Ok(Value::from(out))
        }
    }
}

/// JSON text as on the wire. MiniJinja's own filter indents as far as its argument says, without bound.
fn tojson(value: Value) -> Result<String, Error> {
    fits("tojson", &value)?;
    let mut out = String::new();
    write::value(&mut out, &value);
    Ok(out)
}

/// Pads a number with zeros to a width.
fn pad(value: &Value, width: usize) -> Result<String, Error> {
    const WIDEST: usize = 64;
    if width > WIDEST {
        return Err(bad(format!(
            "`pad` needs a width of up to {WIDEST}, got {width}"
        )));
    }
    if !is_plain(value) {
        return Err(bad(format!(
            "`pad` needs a number or a text, got {}",
            described(value)
        )));
    }
    let text = value.to_string();
    Ok(match text.strip_prefix('-') {
        Some(digits) => format!("-{digits:0>width$}", width = width.saturating_sub(1)),
        None => format!("{text:0>width$}"),
    })
}

/// Rounds to a number of digits; without any the result is a whole number.
fn round(value: Value, digits: Option<i32>) -> Result<Value, Error> {
    if value.is_integer() {
        return Ok(value);
    }
    let number = number(&value)?;
    let digits = digits.unwrap_or(0).clamp(0, 15);
    let scale = 10f64.powi(digits);
    let rounded = (number * scale).round() / scale;
    Ok(if digits == 0 && rounded.abs() < 9e15 {
        Value::from(rounded as i64)
    } else {
        Value::from(rounded)
    })
}

/// Counts the values of a field, in the order of their first occurrence.
fn tally(state: &State<'_, '_>, list: Value, field: Option<String>) -> Result<Value, Error> {
    let mut order: Vec<Value> = Vec::new();
    let mut counts: std::collections::HashMap<String, (usize, u64)> =
        std::collections::HashMap::new();
    each(state, &list, field.as_deref(), |value| {
        if !is_plain(&value) && !value.is_none() && !value.is_undefined() {
            return Err(bad(format!(
                "`tally` counts texts and numbers, got {}",
                described(&value)
            )));
        }
        let name = match value.as_str() {
            Some(text) => text.to_owned(),
            None => tojson(value)?,
        };
        let entry = counts.entry(name).or_insert_with_key(|name| {
            order.push(Value::from(name.as_str()));
            (order.len() - 1, 0)
        });
        entry.1 += 1;
        Ok(())
    })?;
    let mut pairs: Vec<(usize, Value, u64)> = counts
        .into_values()
        .map(|(at, count)| (at, order[at].clone(), count))
        .collect();
    pairs.sort_by_key(|(at, ..)| *at);
    Ok(Value::from_pairs(
        pairs
            .into_iter()
            .map(|(_, value, count)| (value, Value::from(count))),
    ))
}

fn total(state: &State<'_, '_>, list: Value, field: Option<String>) -> Result<Value, Error> {
    let sum = sum(state, &list, field.as_deref())?;
    Ok(sum
        .whole
        .map_or_else(|| Value::from(sum.total), Value::from))
}

fn mean(state: &State<'_, '_>, list: Value, field: Option<String>) -> Result<Value, Error> {
    let sum = sum(state, &list, field.as_deref())?;
    Ok(Value::from(if sum.count == 0 {
        0.0
    } else {
        sum.total / sum.count as f64
    }))
}

fn pluck(state: &State<'_, '_>, list: Value, field: String) -> Result<Value, Error> {
    let mut values = Vec::new();
    each(state, &list, Some(&field), |value| {
        values.push(value);
        Ok(())
    })?;
    Ok(Value::from(values))
}

struct Sum {
    total: f64,
    count: u64,
    /// The exact sum, as long as all numbers are whole.
    whole: Option<i128>,
}

fn sum(state: &State<'_, '_>, list: &Value, field: Option<&str>) -> Result<Sum, Error> {
    let mut sum = Sum {
        total: 0.0,
        count: 0,
        whole: Some(0),
    };
    each(state, list, field, |value| {
        if !value.is_undefined() && !value.is_none() {
            sum.total += number(&value)?;
            let exact = i128::try_from(value.clone()).ok();
            let exact = exact.filter(|_| value.is_integer());
            sum.whole = sum.whole.zip(exact).and_then(|(a, b)| a.checked_add(b));
            sum.count += 1;
        }
        Ok(())
    })?;
    Ok(sum)
}

/// Items per unit of fuel.
const ITEMS_A_UNIT: usize = 16;

/// Visits a field of each item, and charges for it.
fn each(
    state: &State<'_, '_>,
    list: &Value,
    field: Option<&str>,
    mut visit: impl FnMut(Value) -> Result<(), Error>,
) -> Result<(), Error> {
    let root = state.lookup(SCOPE).unwrap_or_default();
    let root = root.downcast_object_ref::<Root>();
    for (n, item) in list.try_iter()?.enumerate() {
        // A list may have a million items, which the event pays for rather than the expression.
        if n % ITEMS_A_UNIT == 0 {
            state.consume_fuel(1)?;
            if let Some(root) = root {
                root.spent
                    .fetch_add(ITEMS_A_UNIT as u64 * WORK_AN_ITEM, Relaxed);
            }
        }
        visit(match field {
            Some(name) => item.get_attr(name).unwrap_or_default(),
            None => item,
        })?;
    }
    Ok(())
}

fn number(value: &Value) -> Result<f64, Error> {
    f64::try_from(value.clone())
        .map_err(|_| bad(format!("expected a number, got {}", described(value))))
}

fn bad(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
