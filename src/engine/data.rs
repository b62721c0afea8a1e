//! Changing data: `insert`, `update`, `remove`, and edits from outside.

use std::sync::Arc;

use minijinja::Value;
use thiserror::Error;

use crate::base::Limit;
use crate::base::json::{Json, Kind, write};
use crate::base::text::shortened;
use crate::lang::expr::{Symbol, Template, names};
use crate::lang::model::CollectionId;
use crate::lang::verbs::{Assignments, Which};
use crate::world::{Collection, Edit, RowId, key_text, merged};

use super::State;
use super::context::Turn;
use super::steps::Trouble;
use super::value::Val;

/// What it takes to change an item, in instructions.
const WORK_A_CHANGE: u64 = 30;
/// Items that change at once without the indexes being kept up with each.
const MANY: usize = 1_000;

impl<'t> Turn<'t> {
    pub(super) fn insert(
        &mut self,
        collection: CollectionId,
        item: &'t Template,
        name: Option<Symbol>,
    ) -> Result<(), Trouble> {
        let item = self.value(item)?.to_json();
        self.keep(item.text().len())?;
        let most = self.max_items();
        let into = self.collection(collection);
        if into.len() >= most {
            let why = format!("`{}` has {most} items, no more are allowed", into.name);
            return Err(self.pass(Limit::Items, why).into());
        }
        let edit =
            insert(self.collection_mut(collection)?, &item).map_err(|error| error.to_string())?;
        let inserted = edit.item.clone();
        self.changed(collection, edit)?;
        self.bind(
            name.unwrap_or(names::ITEM),
            inserted.map_or(Val::Undefined, Val::Json),
        );
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        collection: CollectionId,
        which: &'t Which,
        set: &'t Assignments,
        name: Option<Symbol>,
    ) -> Result<(), Trouble> {
        let ids = self.which(collection, which)?;
        self.many(collection, ids.len())?;
        let outer = self.bound(names::ITEM);
        let mut after = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(before) = self.collection(collection).item(id).cloned() else {
                continue;
            };
            self.bind(names::ITEM, Val::Json(before.clone()));
            let changes = self.changes(set)?;
            let set = changes
                .iter()
                .map(|(name, value)| name.len() + value.text().len());
            self.keep(set.sum())?;
            let edit = update(self.collection_mut(collection)?, id, &before, changes);
            after.push(
                edit.as_ref()
                    .and_then(|edit| edit.item.clone())
                    .unwrap_or(before),
            );
            if let Some(edit) = edit {
                self.changed(collection, edit)?;
            }
        }
        self.bind(names::ITEM, outer);
        self.gave(&after, name);
        Ok(())
    }

    fn changes(&mut self, set: &'t Assignments) -> Result<Vec<(String, Json)>, Trouble> {
        match set {
            Assignments::Fields(fields) => {
                let mut changes = Vec::with_capacity(fields.len());
                for (name, template) in fields {
                    changes.push((name.clone(), self.value(template)?.to_json()));
                }
                Ok(changes)
            }
            Assignments::Object(template) => {
                let json = self.value(template)?.to_json();
                if json.kind() != Kind::Object {
                    return Err(format!(
                        "`set` takes an object, found `{}`",
                        shortened(json.text())
                    )
                    .into());
                }
                Ok(json
                    .part()
                    .members()
                    .map(|member| (member.key().into_owned(), json.at(member)))
                    .collect())
            }
        }
    }

    pub(super) fn remove(
        &mut self,
        collection: CollectionId,
        which: &'t Which,
        name: Option<Symbol>,
    ) -> Result<(), Trouble> {
        let ids = self.which(collection, which)?;
        self.many(collection, ids.len())?;
        let from = self.collection_mut(collection)?;
        let edits = match *ids {
            [id] => Vec::from_iter(from.remove(id)),
            _ => from.remove_all(&ids),
        };
        let gone: Vec<Json> = edits
            .iter()
            .filter_map(|edit| edit.before.clone())
            .collect();
        for edit in edits {
            self.changed(collection, edit)?;
        }
        self.gave(&gone, name);
        Ok(())
    }

    /// So many items are about to change.
    fn many(&mut self, collection: CollectionId, items: usize) -> Result<(), Trouble> {
        if items > MANY {
            self.collection_mut(collection)?.forget_indexes();
        }
        Ok(self.look_at(items)?)
    }

    fn changed(&mut self, collection: CollectionId, edit: Edit) -> Result<(), String> {
        self.edits.push(collection, edit);
        self.work(WORK_A_CHANGE)
    }

    /// `items`, and `item` the first of them; with `as:` the first goes by that name.
    fn gave(&mut self, items: &[Json], name: Option<Symbol>) {
        let list: Vec<Value> = items.iter().map(Json::to_value).collect();
        self.bind(names::ITEMS, Val::Value(list.into()));
        if let Some(first) = items.first() {
            self.bind(name.unwrap_or(names::ITEM), Val::Json(first.clone()));
        }
    }
}

/// An edit from outside, to be followed by `changes`.
#[derive(Debug, Clone)]
pub struct Edited {
    /// Of what.
    pub collection: CollectionId,
    /// What it came to.
    pub edit: Edit,
}

/// Why data cannot be edited so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DataError {
    /// An item is an object.
    #[error("an item is a JSON object with {0}")]
    NoObject(&'static str),
    /// The key is in use.
    #[error("the key `{}` is taken", shortened(.0))]
    Taken(String),
    /// No such item.
    #[error("no item has the key `{}`", shortened(.0))]
    Missing(String),
}

/// What to do to an item from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Put it in.
    Insert,
    /// Put it in another's place.
    Replace,
    /// Set some of its fields.
    Merge,
    /// Take it out.
    Remove,
}

/// Edits data from outside: `key` for all but an insertion, `item` for all but a removal.
pub fn edit(
    world: &mut Arc<State>,
    collection: CollectionId,
    change: Change,
    key: &str,
    item: Option<&Json>,
) -> Result<Edited, DataError> {
    let collection_id = collection;
    let collection = Arc::make_mut(&mut Arc::make_mut(world).collections[collection]);
    let object = || {
        item.filter(|item| item.kind() == Kind::Object)
            .ok_or(DataError::NoObject("names and values"))
    };
    let edit = if change == Change::Insert {
        insert(collection, object()?)?
    } else {
        let (id, before) = collection
            .find(key)
            .ok_or_else(|| DataError::Missing(key.to_owned()))?;
        let before = before.clone();
        let members = |item: &Json| -> Vec<(String, Json)> {
            item.part()
                .members()
                .map(|member| (member.key().into_owned(), item.at(member)))
                .collect()
        };
        match change {
            Change::Remove => collection.remove(id),
            Change::Merge => {
                let changes = members(object()?);
                Some(update(collection, id, &before, changes).unwrap_or(unchanged(id, before)))
            }
            _ => {
                let kept = before.get(&collection.key);
                let mut changes = members(object()?);
                changes.retain(|(name, _)| *name != collection.key);
                let mut whole: Vec<(String, Json)> = kept
                    .map(|key| (collection.key.clone(), key))
                    .into_iter()
                    .collect();
                whole.extend(changes);
                let item = merged(&Json::parse("{}").unwrap_or_else(|_| Json::null()), &whole);
                collection.replace(id, item)
            }
        }
        .ok_or_else(|| DataError::Missing(key.to_owned()))?
    };
    Ok(Edited {
        collection: collection_id,
        edit,
    })
}

fn unchanged(id: RowId, item: Json) -> Edit {
    Edit {
        id,
        before: Some(item.clone()),
        item: Some(item),
    }
}

/// Puts an object in; a missing key is made and goes first.
pub(super) fn insert(collection: &mut Collection, item: &Json) -> Result<Edit, DataError> {
    insert_own(collection, compact(item))
}

/// As [`insert`], of a text that was written for it: it is kept as it is.
pub(super) fn insert_own(collection: &mut Collection, item: Json) -> Result<Edit, DataError> {
    if item.kind() != Kind::Object {
        return Err(DataError::NoObject("names and values"));
    }
    let item = match item.part().get(&collection.key) {
        Some(key) if key_text(key).is_some() => item,
        Some(key) if !key.is_null() => {
            return Err(DataError::NoObject("a text or a number as its key"));
        }
        _ => {
            let key = collection.fresh_key();
            with_key(&item, &collection.key, &key)
        }
    };
    collection.insert(item).map_err(DataError::Taken)
}

/// The same object in memory of its own (not a message's) and without white space, so that its members can be
/// copied out as they stand.
fn compact(item: &Json) -> Json {
    if item.is_compact() || item.kind() != Kind::Object {
        return Json::parse(item.text()).unwrap_or_else(|_| item.clone());
    }
    let members: Vec<(String, Json)> = item
        .part()
        .members()
        .map(|member| (member.key().into_owned(), item.at(member)))
        .collect();
    merged(
        &Json::parse("{}").unwrap_or_else(|_| Json::null()),
        &members,
    )
}

fn with_key(item: &Json, name: &str, key: &Json) -> Json {
    let mut out = String::from("{");
    write::string(&mut out, name);
    out.push(':');
    out.push_str(key.text());
    for member in item.part().members().filter(|member| member.key() != name) {
        out.push(',');
        write::string(&mut out, &member.key());
        out.push(':');
        out.push_str(member.text());
    }
    out.push('}');
    Json::parse(out).unwrap_or_else(|_| item.clone())
}

/// Sets fields; the key stays. `None` when nothing is different.
fn update(
    collection: &mut Collection,
    id: RowId,
    before: &Json,
    mut changes: Vec<(String, Json)>,
) -> Option<Edit> {
    changes.retain(|(name, _)| *name != collection.key);
    let item = merged(before, &changes);
    if item == *before {
        return None;
    }
    collection.replace(id, item)
}
