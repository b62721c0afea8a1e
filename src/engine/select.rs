//! Which items and fields of a collection a step is about, found without copying items.

use std::sync::Arc;

use foldhash::HashSet;

use crate::base::json::{Json, Kind};
use crate::base::text::shortened;
use crate::lang::expr::{Expr, Template, names};
use crate::lang::model::CollectionId;
use crate::lang::verbs::Which;
use crate::world::{Collection, FieldId, Picked, RowId, Val, key_text};

use super::Effect;
use super::context::Context;
use super::refusal::Refusal;
use super::verbs::Trouble;

/// Fields in most questions.
const FIELDS_CAPACITY: usize = 16;
/// Warnings of unknown fields in one event.
const MAX_IGNORED: u32 = 20;

impl<'t> Context<'t> {
    /// The fields that a client asks for, each once; `None` for all.
    pub(super) fn fields(
        &mut self,
        json: &Json,
        part: &str,
        of: &Collection,
    ) -> Result<Option<Arc<[FieldId]>>, Trouble> {
        match json.kind() {
            Kind::Null => return Ok(None),
            Kind::List => {}
            _ => return Err(Refusal::invalid(part).into()),
        }
        let elements = json.part().elements();
        self.work(elements.clone().count() as u64)?;
        let mut fields: Vec<FieldId> = Vec::with_capacity(FIELDS_CAPACITY);
        let mut largest = None;
        let mut seen: HashSet<FieldId> = HashSet::default();
        let mut is_empty = true;
        for element in elements {
            is_empty = false;
            if let Some(field) = of.field_after(fields.last().copied(), element) {
                // Most clients ask in the items' order, where a repeated field cannot ascend. The set is filled only
                // when the order breaks.
                let ascends = Some(field) > largest;
                if !ascends && seen.is_empty() {
                    seen.extend(&fields);
                }
                if seen.is_empty() || seen.insert(field) {
                    largest = largest.max(Some(field));
                    fields.push(field);
                }
                continue;
            }
            let Some(field) = element.as_str() else {
                return Err(Refusal::invalid(part).into());
            };
            if self.is_strict(of) {
                return Err(Refusal::invalid(&format!("{part}.{field}")).into());
            }
            self.ignore(of, &field);
        }
        Ok((!is_empty).then(|| fields.into()))
    }

    /// Whether unknown fields are errors. An empty collection has no fields to know.
    pub(super) fn is_strict(&self, of: &Collection) -> bool {
        self.world().options.strict && !of.is_empty()
    }

    /// Warns that no item has such a field.
    pub(super) fn ignore(&mut self, of: &Collection, field: &str) {
        if !of.is_empty() && self.ignored < MAX_IGNORED {
            self.ignored += 1;
            let field = shortened(field);
            self.effects.push(Effect::WarnOnce(format!(
                "`{}` has no field `{field}`: it is ignored",
                of.name
            )));
        }
    }

    /// The items among these for which an expression is true.
    pub(super) fn filter(
        &mut self,
        of: &Arc<Collection>,
        among: &Picked,
        filter: &Expr,
    ) -> Result<Vec<RowId>, Trouble> {
        let outer = self.bound(names::ITEM);
        self.look_at(among.len())?;
        let mut kept = Vec::new();
        for at in 0..among.len() {
            let (id, item) = match among {
                Picked::Places(from, _) => (of.id_at(from + at), of.at(from + at)),
                Picked::Ids(ids) => (Some(ids[at]), of.item(ids[at])),
            };
            let (Some(id), Some(item)) = (id, item) else {
                continue;
            };
            self.bind(names::ITEM, Val::Json(item.clone()));
            if self.eval(filter)?.is_true() {
                kept.push(id);
            }
        }
        self.bind(names::ITEM, outer);
        Ok(kept)
    }

    /// The first item, and the key that it was looked up by.
    pub(super) fn first_of(
        &mut self,
        collection: CollectionId,
        which: &'t Which,
    ) -> Result<(Option<RowId>, String), Trouble> {
        let Which::Key(template) = which else {
            let first = self.which(collection, which)?.first().copied();
            return Ok((first, String::new()));
        };
        let val = self.value(template)?;
        if val.is_nothing() {
            return Ok((None, String::new()));
        }
        let json = val.to_json();
        let Some(key) = key_text(json.part()) else {
            return Ok((None, json.text().to_owned()));
        };
        let found = self.collection(collection).find(&key).map(|(id, _)| id);
        Ok((found, key))
    }

    pub(super) fn which(
        &mut self,
        collection: CollectionId,
        which: &'t Which,
    ) -> Result<Vec<RowId>, Trouble> {
        let of = self.collection(collection).clone();
        match which {
            Which::Key(_) => match self.first_of(collection, which)? {
                (Some(id), _) => Ok(vec![id]),
                (None, key) => Err(Refusal::not_found(&key).into()),
            },
            Which::Where(filter) => self.filter(&of, &Picked::Places(0, of.len()), filter),
            Which::All => {
                self.look_at(of.len())?;
                Ok(of.items().map(|(id, _)| id).collect())
            }
            Which::Sample(template) => {
                let val = self.value(template)?;
                let wanted = val.to_json().part().as_i64();
                let wanted = wanted.and_then(|wanted| usize::try_from(wanted).ok());
                let wanted = wanted.ok_or_else(|| {
                    let found = val.to_text();
                    format!("`sample` must be a whole number from 0, got `{found}`")
                })?;
                self.sample(&of, wanted)
            }
        }
    }

    fn sample(&mut self, of: &Collection, wanted: usize) -> Result<Vec<RowId>, Trouble> {
        let wanted = wanted.min(of.len());
        let chance = self.chance()?;
        // Floyd's algorithm: as many draws as items wanted, however large the collection.
        let mut places: Vec<usize> = Vec::with_capacity(wanted);
        let mut taken = HashSet::default();
        for last in of.len() - wanted..of.len() {
            let drawn = chance.below(last as u64 + 1) as usize;
            let place = if taken.insert(drawn) { drawn } else { last };
            taken.insert(place);
            places.push(place);
        }
        let ids = places.into_iter().filter_map(|place| of.id_at(place));
        Ok(ids.collect())
    }
}

/// The name of a value in errors; of what has no path, that of the message.
pub(super) fn part_of(template: &Template) -> String {
    match template.part() {
        "" => "message".to_owned(),
        part => part.to_owned(),
    }
}
