//! What a name stands for while a handler runs.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use minijinja::Value;

use crate::base::json::{Json, Kind, write};
use crate::base::payload::Sink;
use crate::lang::expr::{PathKey, weight};

use super::collection::Collection;
use super::rows::Rows;

/// Bytes that one input may make: everything that it puts together, sends and keeps.
pub const MAX_MADE: usize = 64 << 20;

/// A name's value. Cheap to copy, and nothing in it is written out before it is needed.
#[derive(Debug, Clone)]
pub enum Val {
    /// Absent.
    Undefined,
    /// A part of a JSON text.
    Json(Json),
    /// A selection of items.
    Rows(Rows),
    /// A whole number that the engine counted: of items, of a page.
    Whole(usize),
    /// What an expression made.
    Value(Value),
    /// What a step gave, by name.
    Named(Arc<[(&'static str, Val)]>),
    /// A message of a peer that speaks `raw`.
    Raw {
        /// Text or binary.
        text: bool,
        /// As it came.
        bytes: Bytes,
    },
}

impl Val {
    /// A JSON text that our own code put together.
    pub fn json(text: String) -> Val {
        Json::parse(text).map_or(Val::Undefined, Val::Json)
    }

    /// What an expression sees.
    pub fn to_value(&self) -> Value {
        match self {
            Val::Undefined => Value::UNDEFINED,
            Val::Json(json) => json.to_value(),
            Val::Rows(rows) => Value::from_object(rows.clone()),
            Val::Whole(number) => Value::from(*number),
            Val::Value(value) => value.clone(),
            Val::Named(fields) => Value::from_pairs(
                fields
                    .iter()
                    .map(|(name, val)| (Value::from(*name), val.to_value())),
            ),
            Val::Raw { bytes, .. } => Value::from(String::from_utf8_lossy(bytes).as_ref()),
        }
    }

    /// As a JSON value of its own.
    pub fn to_json(&self) -> Json {
        match self {
            Val::Json(json) => json.clone(),
            Val::Undefined => Json::null(),
            Val::Value(value) => Json::from_value(value),
            _ => {
                let mut out = String::new();
                self.write(&mut out);
                Json::parse(out).unwrap_or_else(|_| Json::null())
            }
        }
    }

    /// As [`Val::to_json`], of what is not needed any more.
    pub fn into_json(self) -> Json {
        match self {
            Val::Json(json) => json,
            other => other.to_json(),
        }
    }

    /// Writes it as JSON; undefined is null.
    pub fn write(&self, out: &mut impl Sink) {
        match self {
            Val::Undefined => out.text().push_str("null"),
            Val::Json(json) => out.text().push_str(json.text()),
            Val::Rows(rows) => rows.write(out, MAX_MADE),
            Val::Whole(number) => {
                let mut digits = itoa::Buffer::new();
                out.text().push_str(digits.format(*number));
            }
            Val::Value(value) => write::value(out.text(), value),
            Val::Named(fields) => {
                for (n, (name, val)) in fields.iter().enumerate() {
                    out.text().push(if n == 0 { '{' } else { ',' });
                    write::string(out.text(), name);
                    out.text().push(':');
                    val.write(out);
                }
                out.text().push('}');
            }
            Val::Raw { bytes, .. } => write::string(out.text(), &String::from_utf8_lossy(bytes)),
        }
    }

    /// As text: a string as itself, null and undefined as nothing, the rest as in JSON.
    pub fn write_text(&self, out: &mut String) {
        match self {
            Val::Undefined => {}
            Val::Json(json) => match json.kind() {
                Kind::Null => {}
                Kind::String => out.push_str(&json.part().as_str().unwrap_or_default()),
                _ => out.push_str(json.text()),
            },
            Val::Value(value) if value.is_undefined() || value.is_none() => {}
            Val::Value(value) => match value.as_str() {
                Some(text) => out.push_str(text),
                None => write::value(out, value),
            },
            Val::Raw { bytes, .. } => out.push_str(&String::from_utf8_lossy(bytes)),
            _ => self.write(out),
        }
    }

    /// About how many bytes it holds on to.
    pub fn weight(&self) -> usize {
        match self {
            Val::Undefined | Val::Whole(_) => 0,
            Val::Json(json) => json.text().len(),
            // The items are the world's; the list of them may not be any more.
            Val::Rows(rows) => rows.of.len() * size_of::<[usize; 8]>(),
            Val::Value(value) => weight(value),
            Val::Named(fields) => fields.iter().map(|(_, val)| val.weight()).sum(),
            Val::Raw { bytes, .. } => bytes.len(),
        }
    }

    /// Whether it keeps a collection as it is now.
    pub fn holds(&self, collection: &Arc<Collection>) -> bool {
        match self {
            Val::Rows(rows) => Arc::ptr_eq(&rows.of, collection),
            Val::Named(fields) => fields.iter().any(|(_, val)| val.holds(collection)),
            Val::Value(value) => value
                .downcast_object_ref::<Rows>()
                .is_some_and(|rows| Arc::ptr_eq(&rows.of, collection)),
            _ => false,
        }
    }

    /// As text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out);
        out
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Val::Json(json) => json.part().as_str(),
            Val::Value(value) => value.as_str().map(Cow::Borrowed),
            Val::Raw { text: true, bytes } => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        }
    }

    /// Absent or null?
    pub fn is_nothing(&self) -> bool {
        match self {
            Val::Undefined => true,
            Val::Json(json) => json.kind() == Kind::Null,
            Val::Value(value) => value.is_undefined() || value.is_none(),
            _ => false,
        }
    }

    /// Whether `when:` takes it for true.
    pub fn is_true(&self) -> bool {
        match self {
            Val::Undefined => false,
            Val::Rows(rows) => !rows.is_empty(),
            Val::Named(_) => true,
            Val::Raw { bytes, .. } => !bytes.is_empty(),
            _ => self.to_value().is_true(),
        }
    }

    /// One step down.
    #[must_use]
    pub fn down(&self, key: &PathKey) -> Val {
        match (self, key) {
            (Val::Json(json), PathKey::Member(name)) => {
                json.get(name).map_or(Val::Undefined, Val::Json)
            }
            (Val::Json(json), PathKey::Index(at)) => {
                json.elements().nth(*at).map_or(Val::Undefined, Val::Json)
            }
            (Val::Rows(rows), PathKey::Index(at)) => {
                rows.shown(*at).map_or(Val::Undefined, Val::Json)
            }
            (Val::Named(fields), PathKey::Member(name)) => fields
                .iter()
                .find(|(known, _)| **known == **name)
                .map_or(Val::Undefined, |(_, val)| val.clone()),
            (Val::Value(value), PathKey::Member(name)) => {
                from_value(value.get_attr(name).unwrap_or_default())
            }
            (Val::Value(value), PathKey::Index(at)) => {
                from_value(value.get_item_by_index(*at).unwrap_or_default())
            }
            _ => Val::Undefined,
        }
    }
}

/// A value an expression made, seen through to what it holds.
pub fn from_value(value: Value) -> Val {
    if value.is_undefined() {
        return Val::Undefined;
    }
    if let Some(json) = value.downcast_object_ref::<Json>() {
        return Val::Json(json.clone());
    }
    match value.downcast_object_ref::<Rows>() {
        Some(rows) => Val::Rows(rows.clone()),
        None => Val::Value(value),
    }
}
