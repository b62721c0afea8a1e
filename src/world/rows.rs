//! A selection of a collection's items, and of their fields: copied out only when it is written.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use crate::base::json::Json;
use crate::base::payload::Sink;

use super::collection::{Collection, RowId};
use super::shapes::{FieldId, MakeId};

/// Items of a collection.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Of what, as it was then.
    pub of: Arc<Collection>,
    /// Which of them, and what of them.
    pub what: Arc<Selection>,
}

/// A selection, of a collection that does not change.
pub struct Selection {
    picked: Picked,
    /// Which fields, in this order; `None` for all.
    fields: Option<Arc<[FieldId]>>,
    /// Whether it was written before.
    written: AtomicBool,
    /// What was written, from the second time on.
    text: OnceLock<Arc<str>>,
}

/// Bytes of a text that is kept.
const LONGEST: usize = 64 << 10;

/// Which items.
#[derive(Debug, Clone)]
pub enum Picked {
    /// Places `from..to` in the collection.
    Places(usize, usize),
    /// These.
    Ids(Vec<RowId>),
}

impl Picked {
    /// How many.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        match self {
            Picked::Places(from, to) => to - from,
            Picked::Ids(ids) => ids.len(),
        }
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("picked", &self.picked)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

impl Selection {
    /// These items, with these fields or all.
    pub fn new(picked: Picked, fields: Option<Arc<[FieldId]>>) -> Selection {
        Selection {
            picked,
            fields,
            written: AtomicBool::new(false),
            text: OnceLock::new(),
        }
    }

    /// How many items it keeps a list of.
    pub fn ids(&self) -> usize {
        match &self.picked {
            Picked::Places(..) => 0,
            Picked::Ids(ids) => ids.len(),
        }
    }
}

impl Rows {
    /// These items of a collection, with these fields or all.
    pub fn new(of: Arc<Collection>, picked: Picked, fields: Option<Arc<[FieldId]>>) -> Rows {
        let what = Arc::new(Selection::new(picked, fields));
        Rows { of, what }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.what.picked.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them, with all its fields.
    pub fn item(&self, at: usize) -> Option<&Json> {
        self.of.at(self.place(at)?)
    }

    fn place(&self, at: usize) -> Option<usize> {
        match &self.what.picked {
            Picked::Places(from, to) => (at < to - from).then_some(from + at),
            Picked::Ids(ids) => self.of.place(*ids.get(at)?),
        }
    }

    /// All of them.
    pub fn items(&self) -> impl Iterator<Item = &Json> {
        (0..self.len()).filter_map(|at| self.item(at))
    }

    /// One of them with the chosen fields, as a value of its own.
    pub fn shown(&self, at: usize) -> Option<Json> {
        let place = self.place(at)?;
        let Some(fields) = &self.what.fields else {
            return self.of.at(place).cloned();
        };
        let mut out = String::new();
        Cut::new(fields).write(&mut out, &self.of, place);
        Json::parse(out).ok()
    }

    /// Writes the list's JSON text; it is cut off where more than so many bytes are written.
    pub fn write(&self, out: &mut impl Sink, most: usize) {
        if let Some(text) = self.what.text.get() {
            out.share(text);
            return;
        }
        let out = out.text();
        let start = out.len();
        self.write_items(out, most);
        let text = &out[start..];
        if self.what.written.swap(true, Ordering::Relaxed) && text.len() <= LONGEST {
            self.what.text.get_or_init(|| text.into());
        }
    }

    fn write_items(&self, out: &mut String, most: usize) {
        out.push('[');
        let start = out.len();
        let mut cut = self.what.fields.as_deref().map(Cut::new);
        for at in 0..self.len() {
            if out.len() > most {
                return;
            }
            let Some(place) = self.place(at) else {
                continue;
            };
            if out.len() > start {
                out.push(',');
            }
            match (&mut cut, self.of.at(place)) {
                (Some(cut), _) => cut.write(out, &self.of, place),
                (None, item) => out.push_str(item.map_or("null", Json::text)),
            }
        }
        out.push(']');
    }
}

/// Some fields, and where the items of the last make that was met have them.
struct Cut<'f> {
    fields: &'f [FieldId],
    make: Option<MakeId>,
    /// As runs of members that follow each other.
    runs: Vec<Range<usize>>,
}

impl<'f> Cut<'f> {
    fn new(fields: &'f [FieldId]) -> Self {
        Cut {
            fields,
            make: None,
            runs: Vec::new(),
        }
    }

    fn write(&mut self, out: &mut String, of: &Collection, place: usize) {
        let Some((make, item)) = of.made(place) else {
            return;
        };
        if self.make != Some(make) {
            self.make = Some(make);
            self.runs.clear();
            for member in of.members(make, self.fields) {
                match self.runs.last_mut() {
                    Some(run) if run.end == member => run.end += 1,
                    _ => self.runs.push(member..member + 1),
                }
            }
        }
        item.part().write_some(out, &self.runs);
    }
}

/// Bytes that are printed in an expression: more than its fuel pays for, so that what is cut off is never seen.
const MAX_PRINTED: usize = 8 << 20;

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

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, MAX_PRINTED);
        f.write_str(&out)
    }
}
