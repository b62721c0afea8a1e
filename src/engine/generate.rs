//! Makes the data at start. Each item draws from its own stream, so that a larger count leaves other items unchanged.

use std::sync::Arc;

use thiserror::Error;

use crate::base::json::{Json, write};
use crate::base::text::shortened;
use crate::base::{Chance, MAX_ITEMS};
use crate::lang::expr::{Symbol, Template, names};
use crate::lang::model::{
    CollectionId, DeclaredCollection as Declared, ItemOrigin, Placed, Scenario,
};
use crate::world::{Collection, Val, World};

use super::context::{Access, Context};
use super::{Present, Scratch};

/// Bytes of all generated items.
const MAX_BYTES: u64 = 2 << 30;
/// Instructions for all generated items: minutes.
const MAX_WORK: u64 = 10_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {why}")]
pub struct MakeError {
    pub place: Arc<str>,
    pub why: String,
}

#[derive(Default)]
struct Totals {
    items: u64,
    bytes: u64,
    work: u64,
}

impl Totals {
    /// Checks the number of items.
    fn fits(&self, more: u64) -> Result<(), String> {
        let items = self.items.saturating_add(more);
        if items > MAX_ITEMS {
            return Err(format!(
                "{items} items in all, up to {MAX_ITEMS} are allowed"
            ));
        }
        Ok(())
    }

    fn add(&mut self, item: &Json) -> Result<(), String> {
        self.items += 1;
        self.bytes += item.text().len() as u64;
        if self.bytes > MAX_BYTES {
            return Err(format!(
                "the items have more than {MAX_BYTES} bytes, up to {} were made",
                self.items
            ));
        }
        Ok(())
    }

    fn work(&mut self, instructions: u64) -> Result<(), String> {
        self.work += instructions;
        if self.work > MAX_WORK {
            return Err(format!(
                "the expressions of {} items take more than {MAX_WORK} instructions",
                self.items
            ));
        }
        Ok(())
    }
}

pub(super) fn fill(
    scenario: &Arc<Scenario>,
    present: Present,
    world: &mut Arc<World>,
) -> Result<(), MakeError> {
    let options = world.options.clone();
    Arc::make_mut(world).collections = scenario
        .data
        .iter()
        .map(|declared| Arc::new(Collection::new(&declared.name, &declared.key)))
        .collect();
    let mut made = Totals::default();
    let ended = in_order(scenario).into_iter().try_for_each(|id| {
        let declared = &scenario.data[id];
        let count = options
            .counts
            .iter()
            .rev()
            .find(|(name, _)| *name == declared.name)
            .map(|(_, count)| *count);
        one(scenario, id, count, present, world, &mut made)?;
        collection_mut(world, id).is_made();
        Ok(())
    });
    // Draws from streams other than an item's own do not count.
    Arc::make_mut(world).forget_streams();
    ended
}

/// Parents before their children, otherwise the file's order.
fn in_order(scenario: &Scenario) -> Vec<CollectionId> {
    let mut order: Vec<CollectionId> = Vec::new();
    let mut waiting: Vec<CollectionId> = (0..scenario.data.len()).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|id| match &scenario.data[*id].origin {
            ItemOrigin::Generated {
                each: Some(parent), ..
            } if !order.contains(parent) => true,
            _ => {
                order.push(*id);
                false
            }
        });
        if waiting.len() == before {
            // Parents in a circle have no items.
            break;
        }
    }
    order
}

fn one(
    scenario: &Arc<Scenario>,
    id: CollectionId,
    count: Option<u64>,
    present: Present,
    world: &mut Arc<World>,
    made: &mut Totals,
) -> Result<(), MakeError> {
    let declared = &scenario.data[id];
    let wrong = |why: String| wrong(declared, &declared.place, "", &why);
    match &declared.origin {
        ItemOrigin::Literal(items) => {
            let collection = collection_mut(world, id);
            for text in items {
                let item = Json::parse(text.as_str()).map_err(|error| wrong(error.to_string()))?;
                super::data::insert(collection, &item).map_err(|error| wrong(error.to_string()))?;
            }
            Ok(())
        }
        ItemOrigin::Generated {
            count: declared_count,
            each,
            with,
            fields,
        } => {
            let parents: Vec<Option<Json>> = match each {
                Some(parent) => world.collections[*parent]
                    .items()
                    .map(|(_, item)| Some(item.clone()))
                    .collect(),
                None => vec![None],
            };
            let mut n: u64 = 0;
            let looks: Vec<bool> = fields
                .iter()
                .map(|(_, template)| template.part.may_name("item"))
                .collect();
            for parent in parents {
                let mut maker = Maker {
                    scenario,
                    declared,
                    present,
                    with,
                    fields,
                    looks: &looks,
                    made,
                };
                let count = match count {
                    Some(count) => count,
                    None => maker.count(world, declared_count, parent.as_ref(), n)?,
                };
                maker.made.fits(count).map_err(wrong)?;
                for i in 1..=count {
                    n += 1;
                    let item = maker.item(world, parent.as_ref(), n, i)?;
                    maker.made.add(&item).map_err(wrong)?;
                    let inserted = super::data::insert_own(collection_mut(world, id), item);
                    inserted.map_err(|error| wrong(format!("item {n}: {error}")))?;
                }
            }
            Ok(())
        }
    }
}

fn collection_mut(world: &mut Arc<World>, id: CollectionId) -> &mut Collection {
    Arc::make_mut(&mut Arc::make_mut(world).collections[id])
}

struct Maker<'s> {
    scenario: &'s Arc<Scenario>,
    declared: &'s Declared,
    present: Present,
    with: &'s [(Symbol, Placed<Template>)],
    fields: &'s [(String, Placed<Template>)],
    /// The fields that use `item`; for the others it is not built.
    looks: &'s [bool],
    made: &'s mut Totals,
}

impl Maker<'_> {
    fn count(
        &mut self,
        world: &mut Arc<World>,
        count: &Placed<Template>,
        parent: Option<&Json>,
        made: u64,
    ) -> Result<u64, MakeError> {
        let stream = format!("count/{}", self.declared.name);
        let seed = world.seed;
        let (mut scratch, mut effects) = (Scratch::default(), Vec::new());
        let mut context = Context::new(
            self.scenario,
            Access::Write(world),
            self.present,
            &mut scratch,
            &mut effects,
        );
        context.draw_from(Chance::stream(seed, &stream, made));
        if let Some(parent) = parent {
            context.bind(names::PARENT, Val::Json(parent.clone()));
        }
        let val = context
            .value(&count.part)
            .and_then(|val| self.made.work(context.worked()).map(|()| val))
            .map_err(|why| self.wrong(&count.place, ", `count`", &why))?;
        let number = val.to_json().part().as_i64();
        number
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| {
                let found = shortened(&val.to_text());
                let why = format!("a whole number from 0 is needed, found `{found}`");
                self.wrong(&count.place, ", `count`", &why)
            })
    }

    fn item(
        &mut self,
        world: &mut Arc<World>,
        parent: Option<&Json>,
        n: u64,
        i: u64,
    ) -> Result<Json, MakeError> {
        let seed = world.seed;
        let (mut scratch, mut effects) = (Scratch::default(), Vec::new());
        let mut context = Context::new(
            self.scenario,
            Access::Write(world),
            self.present,
            &mut scratch,
            &mut effects,
        );
        context.draw_from(Chance::stream(
            seed,
            &format!("data/{}", self.declared.name),
            n,
        ));
        context.bind(names::N, Val::Whole(n as usize));
        context.bind(names::I, Val::Whole(i as usize));
        if let Some(parent) = parent {
            context.bind(names::PARENT, Val::Json(parent.clone()));
        }
        for (name, template) in self.with {
            let val = context
                .value(&template.part)
                .map_err(|why| self.wrong(&template.place, &format!(", item {n}"), &why))?;
            context.bind(*name, val);
        }
        let mut text = String::from("{");
        for ((name, template), looks) in self.fields.iter().zip(self.looks) {
            if *looks && text.len() > 1 {
                // A later field sees the earlier ones.
                context.bind(names::ITEM, Val::json(format!("{text}}}")));
            }
            if text.len() > 1 {
                text.push(',');
            }
            write::string(&mut text, name);
            text.push(':');
            context.render(&template.part, &mut text).map_err(|why| {
                self.wrong(
                    &template.place,
                    &format!(", item {n}, field `{name}`"),
                    &why,
                )
            })?;
        }
        text.push('}');
        text.shrink_to_fit();
        self.made
            .work(context.worked())
            .and_then(|()| Json::parse(text).map_err(|error| error.to_string()))
            .map_err(|why| self.wrong(&self.declared.place, &format!(", item {n}"), &why))
    }

    fn wrong(&self, place: &Arc<str>, what: &str, why: &str) -> MakeError {
        wrong(self.declared, place, what, why)
    }
}

fn wrong(declared: &Declared, place: &Arc<str>, what: &str, why: &str) -> MakeError {
    MakeError {
        place: place.clone(),
        why: format!("`data.{}`{what}: {why}", declared.name),
    }
}
