//! Which items have which value of a field.

use foldhash::HashMap;

use crate::base::json::{Json, Kind, Part, write};

use super::collection::RowId;

/// What `match` asks of one field.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The field has this value.
    Equals(Json),
    /// The field is a text that contains this, whatever the case.
    Contains(String),
}

/// The items by a field's value.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    values: HashMap<Box<str>, Bucket>,
    /// The items whose value is too long to be kept twice, in ascending order.
    long: Vec<RowId>,
    long_bytes: usize,
    /// Bytes of the texts in lower case.
    lower_bytes: usize,
}

/// Bytes of a value that is kept beside the item.
const LONGEST: usize = 256;

#[derive(Debug, Clone, Default)]
struct Bucket {
    /// The value in lower case, if it is a text.
    lower: Option<Box<str>>,
    /// In ascending order.
    rows: Vec<RowId>,
}

impl Index {
    pub(super) fn add(&mut self, id: RowId, value: Option<Part<'_>>) {
        let Some(value) = value else { return };
        if value.text().len() > LONGEST {
            self.long_bytes += value.text().len();
            insert(&mut self.long, id);
            return;
        }
        let lower_bytes = &mut self.lower_bytes;
        let bucket = self
            .values
            .entry(canonical(value))
            .or_insert_with(|| Bucket {
                lower: value.as_str().map(|text| {
                    let lower: Box<str> = text.to_lowercase().into();
                    *lower_bytes += lower.len();
                    lower
                }),
                rows: Vec::new(),
            });
        insert(&mut bucket.rows, id);
    }

    pub(super) fn remove(&mut self, id: RowId, value: Option<Part<'_>>) {
        let Some(value) = value else { return };
        if value.text().len() > LONGEST {
            if let Ok(at) = self.long.binary_search(&id) {
                self.long.remove(at);
                self.long_bytes -= value.text().len();
            }
            return;
        }
        let name = canonical(value);
        if let Some(bucket) = self.values.get_mut(&name) {
            if let Ok(at) = bucket.rows.binary_search(&id) {
                bucket.rows.remove(at);
            }
            if bucket.rows.is_empty() {
                let gone = self.values.remove(&name).and_then(|bucket| bucket.lower);
                self.lower_bytes -= gone.map_or(0, |lower| lower.len());
            }
        }
    }

    /// Bytes that are looked at to find them.
    pub(super) fn looked_at(&self, condition: &Condition) -> usize {
        match condition {
            Condition::Equals(_) => self.long_bytes,
            Condition::Contains(_) => self.long_bytes + self.lower_bytes,
        }
    }

    /// The items for which the condition holds, in order; `value` is the field of an item.
    pub(super) fn select<'i>(
        &self,
        condition: &Condition,
        value: impl Fn(RowId) -> Option<Part<'i>>,
    ) -> Vec<RowId> {
        let mut rows = self.among_short(condition);
        let short = rows.len();
        let holds = |id: &RowId| match (condition, value(*id)) {
            (Condition::Equals(wanted), Some(value)) => value == wanted.part(),
            (Condition::Contains(text), Some(value)) => value
                .as_str()
                .is_some_and(|value| value.to_lowercase().contains(&text.to_lowercase())),
            (_, None) => false,
        };
        rows.extend(self.long.iter().copied().filter(holds));
        if rows.len() > short && short > 0 {
            rows.sort_unstable();
        }
        rows
    }

    fn among_short(&self, condition: &Condition) -> Vec<RowId> {
        match condition {
            Condition::Equals(value) => self
                .values
                .get(&canonical(value.part()))
                .map(|bucket| bucket.rows.clone())
                .unwrap_or_default(),
            Condition::Contains(text) => {
                let wanted = text.to_lowercase();
                let mut lists = self
                    .values
                    .values()
                    .filter(|bucket| {
                        bucket
                            .lower
                            .as_ref()
                            .is_some_and(|lower| lower.contains(&wanted))
                    })
                    .map(|bucket| bucket.rows.as_slice());
                let mut rows = lists.next().map(<[RowId]>::to_vec).unwrap_or_default();
                let one = rows.len();
                lists.for_each(|more| rows.extend_from_slice(more));
                if rows.len() > one {
                    rows.sort_unstable();
                }
                rows
            }
        }
    }
}

/// Puts a number where it belongs, which most often is the end.
fn insert(rows: &mut Vec<RowId>, id: RowId) {
    match rows.last() {
        Some(last) if *last >= id => {
            if let Err(at) = rows.binary_search(&id) {
                rows.insert(at, id);
            }
        }
        _ => rows.push(id),
    }
}

/// Equal values have equal texts here.
fn canonical(value: Part<'_>) -> Box<str> {
    match value.kind() {
        Kind::Number => {
            let mut out = String::new();
            match value.text().parse::<i64>() {
                Ok(_) => return value.text().into(),
                Err(_) => write::float(&mut out, value.as_f64().unwrap_or(f64::NAN)),
            }
            out.into()
        }
        Kind::String => {
            let mut out = String::new();
            write::string(&mut out, &value.as_str().unwrap_or_default());
            out.into()
        }
        _ => value.text().into(),
    }
}
