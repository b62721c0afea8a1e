//! Changes of one item: for the verbs, and for edits by the control API.

use thiserror::Error;

use crate::base::json::{Json, Kind, write};
use crate::base::text::{listed, shortened};
use crate::lang::model::{CollectionId, ItemOrigin};
use crate::world::{Collection, Edit, RowId, World, key_text, merged};

use super::context::Context;
use super::{Change, ChangeKind, Effect, Outcome, Returned};

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
    /// No such collection.
    #[error("no collection `{0}`; known: {1}")]
    NoCollection(String, String),
    /// Under `--strict`: no item has such a field.
    #[error("`{0}` has no field `{1}`; known: {2}")]
    NoField(String, String, String),
}

impl DataError {
    pub fn no_collection(name: &str, world: &World) -> DataError {
        let known: Vec<&str> = world
            .collections
            .iter()
            .map(|collection| collection.name.as_str())
            .collect();
        DataError::NoCollection(shortened(name), listed(&known))
    }
}

impl Context<'_> {
    /// Edits data from outside; returns the item as it is, or as it was before its removal.
    pub(super) fn edit(&mut self, change: &Change) -> Option<Outcome> {
        self.world_mut().ok()?;
        "control".clone_into(&mut self.stream);
        let edited = self.edited(change);
        self.done(Returned::Edited(edited))
    }

    fn edited(&mut self, change: &Change) -> Result<Json, DataError> {
        let world = self.world();
        let mut all = world.collections.iter();
        let id = all
            .position(|collection| collection.name == change.collection)
            .ok_or_else(|| DataError::no_collection(&change.collection, world))?;
        if let ChangeKind::Insert(item) | ChangeKind::Replace(item) | ChangeKind::Merge(item) =
            &change.kind
        {
            self.check_fields(id, item)?;
        }
        let collection = self
            .collection_mut(id)
            .map_err(|_| DataError::Missing(change.key.clone()))?;
        let edit = edit(collection, change)?;
        let shown = edit.item.clone().or_else(|| edit.before.clone());
        self.edits.push(id, edit);
        Ok(shown.unwrap_or_else(Json::null))
    }

    /// Items that the scenario makes have the fields that it says: another one is most likely a slip.
    fn check_fields(&mut self, id: CollectionId, item: &Json) -> Result<(), DataError> {
        let of = self.collection(id).clone();
        if of.is_empty() || !matches!(self.scenario.data[id].origin, ItemOrigin::Generated { .. }) {
            return Ok(());
        }
        for member in item.part().members() {
            let field = member.key();
            if of.field(&field).is_some() {
                continue;
            }
            let first = of.at(0).map(|item| item.part().members());
            let known: Vec<String> = first
                .into_iter()
                .flatten()
                .map(|member| member.key().into_owned())
                .collect();
            let error = DataError::NoField(of.name.clone(), shortened(&field), listed(&known));
            if self.world().options.strict {
                return Err(error);
            }
            self.effects.push(Effect::WarnOnce(error.to_string()));
        }
        Ok(())
    }
}

fn edit(collection: &mut Collection, change: &Change) -> Result<Edit, DataError> {
    let missing = || DataError::Missing(change.key.clone());
    if let ChangeKind::Insert(item) = &change.kind {
        return insert(collection, item);
    }
    let (id, before) = collection.find(&change.key).ok_or_else(missing)?;
    let before = before.clone();
    let edit = match &change.kind {
        ChangeKind::Insert(_) | ChangeKind::Remove => collection.remove(id),
        ChangeKind::Merge(item) => {
            let changes = members(item)?;
            Some(update(collection, id, &before, changes).unwrap_or_else(|| unchanged(id, before)))
        }
        ChangeKind::Replace(item) => {
            let key = before.get(&collection.key);
            let mut whole: Vec<(String, Json)> = key
                .map(|key| (collection.key.clone(), key))
                .into_iter()
                .collect();
            let mut changes = members(item)?;
            changes.retain(|(name, _)| *name != collection.key);
            whole.extend(changes);
            collection.replace(id, object_of(&whole))
        }
    };
    edit.ok_or_else(missing)
}

/// An object's names and values; of anything else the error.
fn members(item: &Json) -> Result<Vec<(String, Json)>, DataError> {
    if item.kind() != Kind::Object {
        return Err(DataError::NoObject("names and values"));
    }
    let members = item.part().members();
    Ok(members
        .map(|member| (member.key().into_owned(), item.at(member)))
        .collect())
}

fn object_of(members: &[(String, Json)]) -> Json {
    merged(&Json::parse("{}").unwrap_or_else(|_| Json::null()), members)
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
    members(item).map_or_else(|_| item.clone(), |members| object_of(&members))
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
pub(super) fn update(
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
