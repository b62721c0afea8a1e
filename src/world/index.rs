//! Which items have which value of a field.

use foldhash::HashMap;

use crate::json::{Json, Kind, Part, write};

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
}

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
        let bucket = self
            .values
            .entry(canonical(value))
            .or_insert_with(|| Bucket {
                lower: value.as_str().map(|text| text.to_lowercase().into()),
                rows: Vec::new(),
            });
        match bucket.rows.last() {
            Some(last) if *last >= id => {
                if let Err(at) = bucket.rows.binary_search(&id) {
                    bucket.rows.insert(at, id);
                }
            }
            _ => bucket.rows.push(id),
        }
    }

    pub(super) fn remove(&mut self, id: RowId, value: Option<Part<'_>>) {
        let Some(value) = value else { return };
        let name = canonical(value);
        if let Some(bucket) = self.values.get_mut(&name) {
            if let Ok(at) = bucket.rows.binary_search(&id) {
                bucket.rows.remove(at);
            }
            if bucket.rows.is_empty() {
                self.values.remove(&name);
            }
        }
    }

    /// The items for which the condition holds, in order.
    pub(super) fn select(&self, condition: &Condition) -> Vec<RowId> {
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
