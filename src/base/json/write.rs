//! Writes JSON text.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::{Json, MAX_DEPTH};

pub fn string(out: &mut String, text: &str) {
    out.push('"');
    inside(out, text);
    out.push('"');
}

/// A JSON string without its quotes.
pub fn inside(out: &mut String, text: &str) {
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[clean..at]);
        clean = at + 1;
        if escape.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[clean..]);
}

fn whole_number(out: &mut String, number: i64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// A number as JavaScript prints it; infinity and NaN are null.
pub fn float(out: &mut String, number: f64) {
    let _ = if !number.is_finite() {
        write!(out, "null")
    } else if number.fract() == 0.0 && number.abs() < 1e15 {
        write!(out, "{}", number as i64)
    } else if number.abs() >= 1e21 || number.abs() < 1e-6 {
        write!(out, "{number:e}")
    } else {
        write!(out, "{number}")
    };
}

/// An expression's value; undefined is null.
pub fn value(out: &mut String, value: &Value) {
    match value.kind() {
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => number(out, value),
        ValueKind::String => string(out, value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => match value.downcast_object_ref::<Json>() {
            Some(json) => out.push_str(json.text()),
            None => list(out, value),
        },
        ValueKind::Map => match value.downcast_object_ref::<Json>() {
            Some(json) => out.push_str(json.text()),
            None => object(out, value),
        },
        _ => out.push_str("null"),
    }
}

/// Copying this many bytes costs as much as writing one.
const COPIED: usize = 64;

/// Checks that a value's JSON has at most about this many bytes and is not nested deeper than [`MAX_DEPTH`]. It stops
/// there, so that a lazy list cannot keep it busy. Ready JSON is only copied and weighs less.
pub fn fits(value: &Value, bytes: usize) -> bool {
    weight(value, bytes).is_some()
}

/// The bytes that [`fits`] counts; `None` if the value does not fit.
pub fn weight(value: &Value, bytes: usize) -> Option<usize> {
    left_after(value, bytes, MAX_DEPTH).map(|left| bytes - left)
}

fn left_after(value: &Value, bytes: usize, depth: usize) -> Option<usize> {
    if let Some(json) = value.downcast_object_ref::<Json>() {
        return bytes.checked_sub(1 + json.text().len() / COPIED);
    }
    match value.kind() {
        ValueKind::String => bytes.checked_sub(value.as_str().map_or(0, str::len) + 2),
        ValueKind::Seq | ValueKind::Iterable => {
            let depth = depth.checked_sub(1)?;
            let mut items = value.try_iter().into_iter().flatten();
            items.try_fold(bytes.checked_sub(2)?, |left, item| {
                left_after(&item, left, depth)?.checked_sub(1)
            })
        }
        ValueKind::Map => {
            let depth = depth.checked_sub(1)?;
            let mut keys = value.try_iter().into_iter().flatten();
            keys.try_fold(bytes.checked_sub(2)?, |left, key| {
                let left = left_after(&key, left, depth)?;
                left_after(&value.get_item(&key).unwrap_or_default(), left, depth)?.checked_sub(2)
            })
        }
        _ => bytes.checked_sub(1),
    }
}

fn number(out: &mut String, value: &Value) {
    if value.is_integer()
        && let Some(whole) = value.as_i64()
    {
        return whole_number(out, whole);
    }
    match i128::try_from(value.clone()) {
        Ok(whole) if value.is_integer() => {
            let _ = write!(out, "{whole}");
        }
        _ => float(out, f64::try_from(value.clone()).unwrap_or(f64::NAN)),
    }
}

/// Writes items with commas between them.
pub fn joined<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut one: impl FnMut(&mut String, T),
) {
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        one(out, item);
    }
}

pub fn members<'a>(out: &mut String, members: impl IntoIterator<Item = (&'a String, &'a Json)>) {
    out.push('{');
    joined(out, members, |out, (name, part)| {
        string(out, name);
        out.push(':');
        out.push_str(part.text());
    });
    out.push('}');
}

fn list(out: &mut String, items: &Value) {
    out.push('[');
    joined(out, items.try_iter().into_iter().flatten(), |out, item| {
        value(out, &item);
    });
    out.push(']');
}

fn object(out: &mut String, map: &Value) {
    out.push('{');
    joined(out, map.try_iter().into_iter().flatten(), |out, key| {
        match key.as_str() {
            Some(name) => string(out, name),
            None => string(out, &key.to_string()),
        }
        out.push(':');
        value(out, &map.get_item(&key).unwrap_or_default());
    });
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_javascript() {
        let print = |number| {
            let mut out = String::new();
            float(&mut out, number);
            out
        };
        assert_eq!(print(57.0), "57");
        assert_eq!(print(55.7558), "55.7558");
        assert_eq!(print(-0.5), "-0.5");
        assert_eq!(print(f64::NAN), "null");
        assert_eq!(print(1e21), "1e21");
    }

    #[test]
    fn strings_are_escaped_where_json_needs_it() {
        let mut out = String::new();
        string(&mut out, "a\"b\\c\n\u{1}Москва");
        assert_eq!(out, r#""a\"b\\c\n\u0001Москва""#);
    }
}
