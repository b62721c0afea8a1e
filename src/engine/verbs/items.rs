//! Verbs about items: `find insert update remove`.

use minijinja::Value;

use super::{Perform, Performed, Trouble};
use crate::base::Limit;
use crate::base::json::{Json, Kind};
use crate::base::text::shortened;
use crate::engine::context::Context;
use crate::engine::data;
use crate::engine::refusal::Refusal;
use crate::lang::expr::{Symbol, names};
use crate::lang::model::CollectionId;
use crate::lang::verbs::{Assignments, FindStep, InsertStep, RemoveStep, UpdateStep};
use crate::world::{Edit, Picked, Rows, Val};

/// Instructions that the change of one item counts as.
const WORK_A_CHANGE: u64 = 30;
/// Beyond this many changes at once it is cheaper to build indexes anew than to keep them.
const MAX_INDEXED_CHANGES: usize = 1_000;

impl Perform for FindStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed {
        let of = context.collection(self.collection).clone();
        let fields = match &self.fields {
            Some(template) => {
                let given = context.value(template)?.into_json();
                context.fields(&given, &self.fields_part, &of)?
            }
            None => None,
        };
        let (found, key) = context.first_of(self.collection, &self.which)?;
        let row = found.and_then(|id| Rows::new(of, Picked::Ids(vec![id]), fields).shown(0));
        let name = name.unwrap_or(names::ITEM);
        match (row, &self.otherwise) {
            (Some(item), _) => context.bind(name, Val::Json(item)),
            (None, None) => return Err(Refusal::not_found(&key).into()),
            (None, Some(otherwise)) => {
                context.bind(name, Val::Undefined);
                context.steps(otherwise)?;
            }
        }
        Ok(())
    }
}

impl Perform for InsertStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed {
        let item = context.value(&self.item)?.to_json();
        context.keep(item.text().len())?;
        let max = context.scenario.limits.items;
        let into = context.collection(self.collection);
        if into.len() >= max {
            let why = format!("`{}` has {max} items, no more are allowed", into.name);
            return Err(context.pass(Limit::Items, why).into());
        }
        let edit = data::insert(context.collection_mut(self.collection)?, &item);
        let edit = edit.map_err(|error| error.to_string())?;
        let inserted = edit.item.clone().map_or(Val::Undefined, Val::Json);
        context.changed(self.collection, edit)?;
        context.bind(name.unwrap_or(names::ITEM), inserted);
        Ok(())
    }
}

impl Perform for UpdateStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed {
        let ids = context.which(self.collection, &self.which)?;
        context.before_changes(self.collection, ids.len())?;
        let outer = context.bound(names::ITEM);
        let mut after = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(before) = context.collection(self.collection).item(id).cloned() else {
                continue;
            };
            context.bind(names::ITEM, Val::Json(before.clone()));
            let values = context.assigned(&self.set)?;
            let bytes = values
                .iter()
                .map(|(name, value)| name.len() + value.text().len());
            context.keep(bytes.sum())?;
            let collection = context.collection_mut(self.collection)?;
            let edit = data::update(collection, id, &before, values);
            let item = edit.as_ref().and_then(|edit| edit.item.clone());
            after.push(item.unwrap_or(before));
            if let Some(edit) = edit {
                context.changed(self.collection, edit)?;
            }
        }
        context.bind(names::ITEM, outer);
        context.bind_items(&after, name);
        Ok(())
    }
}

impl Perform for RemoveStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed {
        let ids = context.which(self.collection, &self.which)?;
        context.before_changes(self.collection, ids.len())?;
        let from = context.collection_mut(self.collection)?;
        let edits = match *ids {
            [id] => Vec::from_iter(from.remove(id)),
            _ => from.remove_all(&ids),
        };
        let removed: Vec<Json> = edits
            .iter()
            .filter_map(|edit| edit.before.clone())
            .collect();
        for edit in edits {
            context.changed(self.collection, edit)?;
        }
        context.bind_items(&removed, name);
        Ok(())
    }
}

impl<'t> Context<'t> {
    fn assigned(&mut self, set: &'t Assignments) -> Result<Vec<(String, Json)>, Trouble> {
        match set {
            Assignments::Fields(fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for (name, template) in fields {
                    values.push((name.clone(), self.value(template)?.to_json()));
                }
                Ok(values)
            }
            Assignments::Object(template) => {
                let json = self.value(template)?.to_json();
                if json.kind() != Kind::Object {
                    let found = shortened(json.text());
                    return Err(format!("`set` must be an object, got `{found}`").into());
                }
                let members = json.part().members();
                Ok(members
                    .map(|member| (member.key().into_owned(), json.at(member)))
                    .collect())
            }
        }
    }

    fn before_changes(&mut self, collection: CollectionId, items: usize) -> Performed {
        if items > MAX_INDEXED_CHANGES {
            self.collection_mut(collection)?.forget_indexes();
        }
        Ok(self.look_at(items)?)
    }

    fn changed(&mut self, collection: CollectionId, edit: Edit) -> Result<(), String> {
        self.edits.push(collection, edit);
        self.work(WORK_A_CHANGE)
    }

    /// Binds `items`, and the first of them to `item` or the step's `as:`.
    fn bind_items(&mut self, items: &[Json], name: Option<Symbol>) {
        let list: Vec<Value> = items.iter().map(Json::to_value).collect();
        self.bind(names::ITEMS, Val::Value(list.into()));
        if let Some(first) = items.first() {
            self.bind(name.unwrap_or(names::ITEM), Val::Json(first.clone()));
        }
    }
}
