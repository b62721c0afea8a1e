//! A selection of a collection's items, and of their fields: copied out only when it is written.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use crate::json::{Json, write};

use super::collection::{Collection, RowId};

/// A selection.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Of what, as it was then.
    pub of: Arc<Collection>,
    /// Which items.
    pub picked: Picked,
    /// Which fields, in this order; `None` for all.
    pub fields: Option<Arc<[Box<str>]>>,
}

/// Which items.
#[derive(Debug, Clone)]
pub enum Picked {
    /// Places `from..to` in the collection.
    Places(usize, usize),
    /// These.
    Ids(Vec<RowId>),
}

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        match &self.picked {
            Picked::Places(from, to) => to - from,
            Picked::Ids(ids) => ids.len(),
        }
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them, with all its fields.
    pub fn item(&self, at: usize) -> Option<&Json> {
        match &self.picked {
            Picked::Places(from, to) if at < to - from => self.of.at(from + at),
            Picked::Places(..) => None,
            Picked::Ids(ids) => self.of.item(*ids.get(at)?),
        }
    }

    /// All of them.
    pub fn items(&self) -> impl Iterator<Item = &Json> {
        (0..self.len()).filter_map(|at| self.item(at))
    }

    /// One of them with the chosen fields, as a value of its own.
    pub fn shown(&self, at: usize) -> Option<Json> {
        let item = self.item(at)?;
        match &self.fields {
            None => Some(item.clone()),
            Some(fields) => {
                let mut out = String::new();
                write_fields(&mut out, item, fields, &mut vec![0; fields.len()]);
                Json::parse(out).ok()
            }
        }
    }

    /// Writes the list's JSON text.
    pub fn write(&self, out: &mut String) {
        out.push('[');
        let mut hints = vec![0; self.fields.as_ref().map_or(0, |fields| fields.len())];
        write::joined(out, self.items(), |out, item| match &self.fields {
            None => out.push_str(item.text()),
            Some(fields) => write_fields(out, item, fields, &mut hints),
        });
        out.push(']');
    }
}

/// Writes an object of some fields of an item. `hints` remember where the last item had them.
pub(super) fn write_fields(out: &mut String, item: &Json, fields: &[Box<str>], hints: &mut [u32]) {
    out.push('{');
    let mut first = true;
    for (field, hint) in fields.iter().zip(hints) {
        if let Some(part) = item.part().get_near(field, hint) {
            if !first {
                out.push(',');
            }
            first = false;
            out.push_str(part.member_text());
        }
    }
    out.push('}');
}

impl Object for Rows {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.shown(key.as_usize()?).map(|item| item.to_value())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.len())
    }
}
