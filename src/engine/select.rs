//! `list` and `find`: selecting without copying.

use std::ops::Range;
use std::sync::Arc;

use foldhash::HashSet;

use crate::base::Limit;
use crate::base::json::{Json, Kind};
use crate::base::text::shortened;
use crate::lang::expr::{Expr, Symbol, Template, names};
use crate::lang::model::CollectionId;
use crate::lang::verbs::{FindStep, ListStep, Which};
use crate::world::{
    Collection, Condition, FieldId, Listed, Picked, RowId, Rows, Selection, key_text,
};

use super::Effect;
use super::check::part_of;
use super::context::{Asker, Context};
use super::eval::BYTES_AN_ITEM;
use super::refusal::Refusal;
use super::steps::Trouble;
use crate::world::Val;

/// As many fields as most ask for, so that the list need not grow.
const FIELDS: usize = 16;
/// As long as most questions.
const QUESTION: usize = 256;
/// Fields that are told of in an event, of those that no item has.
const MOST_IGNORED: u32 = 20;

/// What a list is asked with.
struct Given {
    fields: Json,
    matching: Json,
    page: Json,
    limit: Json,
    sort: Json,
}

/// All that an answer depends on, beside the collection, unless the step has a filter.
struct Question {
    text: String,
    /// Where in it what is given stands, as JSON.
    given: [Range<usize>; 5],
}

impl Question {
    fn given(&self) -> Result<Given, String> {
        let read = |place: &Range<usize>| {
            Json::parse(&self.text[place.clone()]).map_err(|error| error.to_string())
        };
        let [fields, matching, page, limit, sort] = &self.given;
        Ok(Given {
            fields: read(fields)?,
            matching: read(matching)?,
            page: read(page)?,
            limit: read(limit)?,
            sort: read(sort)?,
        })
    }
}

impl<'t> Context<'t> {
    pub(super) fn list(&mut self, list: &'t ListStep, name: Option<Symbol>) -> Result<(), Trouble> {
        let of = self.collection(list.collection).clone();
        let question = self.question(list)?;
        let is_kept = list.filter.is_none();
        let known = if is_kept {
            self.world().asked.find(&question.text, of.version())
        } else {
            None
        };
        let listed = match known {
            Some(listed) => {
                self.work(listed.work)?;
                listed
            }
            None => {
                let ignored = self.ignored;
                let listed = Arc::new(self.look_up(list, &of, &question.given()?)?);
                // What is told of is told of each time.
                if is_kept && self.ignored == ignored {
                    self.world().asked.keep(question.text, &listed);
                }
                listed
            }
        };
        let rows = |of, what: &Arc<Selection>| {
            Val::Rows(Rows {
                of,
                what: what.clone(),
            })
        };
        let parts = [
            ("items", names::ITEMS, rows(of.clone(), &listed.items)),
            ("total", names::TOTAL, Val::Whole(listed.total)),
            ("page", names::PAGE, Val::Whole(listed.page)),
            ("limit", names::LIMIT, Val::Whole(listed.limit)),
            ("matches", names::MATCHES, rows(of, &listed.matches)),
        ];
        match name {
            Some(name) => self.bind(
                name,
                Val::Named(
                    parts
                        .into_iter()
                        .map(|(name, _, val)| (name, val))
                        .collect(),
                ),
            ),
            None => parts
                .into_iter()
                .for_each(|(_, name, val)| self.bind(name, val)),
        }
        Ok(())
    }

    /// What a list is asked.
    fn question(&mut self, list: &ListStep) -> Result<Question, String> {
        let mut text = String::with_capacity(QUESTION);
        // A step stays where it is for as long as its world.
        let step = std::ptr::from_ref(list).addr();
        text.push_str(itoa::Buffer::new().format(step));
        text.push(if self.asker == Asker::Http { 'h' } else { 'm' });
        let templates = [
            &list.fields,
            &list.matching,
            &list.page,
            &list.limit,
            &list.sort,
        ];
        let mut given = [const { 0..0 }; 5];
        for (template, place) in templates.into_iter().zip(&mut given) {
            // What no JSON text holds.
            text.push('\0');
            let from = text.len();
            match template {
                Some(template) => self.render(template, &mut text)?,
                None => text.push_str("null"),
            }
            *place = from..text.len();
        }
        self.make(text.len())?;
        Ok(Question { text, given })
    }

    fn look_up(
        &mut self,
        list: &ListStep,
        of: &Arc<Collection>,
        given: &Given,
    ) -> Result<Listed, Trouble> {
        let before = self.worked();
        let fields = self.fields(&given.fields, &list.fields_part, of)?;
        let conditions = self.conditions(list, &given.matching, of)?;
        let page = self.count(&given.page, list.page.as_ref(), None)?;
        let limit = self.count(&given.limit, list.limit.as_ref(), Some(list.max))?;
        let is_scan =
            |(_, condition): &(String, Condition)| matches!(condition, Condition::Contains(_));
        if conditions.iter().any(is_scan) {
            self.look_at(of.len())?;
        }
        self.look_at(of.looked_at(&conditions) / BYTES_AN_ITEM)?;
        let mut matches = of.select(&conditions);
        if let Some(filter) = &list.filter {
            matches = Picked::Ids(self.filter(of, &matches, filter)?);
        }
        if let Some(by) = given.sort.part().as_str().filter(|by| !by.is_empty()) {
            self.look_at(of.len())?;
            matches = Picked::Ids(self.sorted(of, &matches, &by)?);
        }
        let total = matches.len();
        let page = page.unwrap_or(1);
        let limit = limit.or(list.default).unwrap_or(total);
        let from = (page - 1).saturating_mul(limit).min(total);
        let to = from.saturating_add(limit).min(total);
        let picked = match &matches {
            Picked::Places(first, _) => Picked::Places(first + from, first + to),
            Picked::Ids(ids) => Picked::Ids(ids[from..to].to_vec()),
        };
        Ok(Listed {
            items: Arc::new(Selection::new(picked, fields)),
            matches: Arc::new(Selection::new(matches, None)),
            total,
            page,
            limit,
            work: self.worked() - before,
            version: of.version(),
        })
    }

    /// A page or a limit as the client sent it: a whole number from 1.
    fn count(
        &self,
        given: &Json,
        template: Option<&Template>,
        most: Option<usize>,
    ) -> Result<Option<usize>, Trouble> {
        let given = given.part();
        let number = match given.kind() {
            Kind::Null => return Ok(None),
            // A Socket.IO or HTTP client may send it as text in a query.
            Kind::String if self.asker == Asker::Http => {
                given.as_str().and_then(|text| text.parse().ok())
            }
            _ => given.as_i64(),
        };
        let number = number.and_then(|number| usize::try_from(number).ok());
        match number.filter(|number| *number >= 1) {
            Some(number) if most.is_none_or(|most| number <= most) => Ok(Some(number)),
            found => {
                let part = template.map_or_else(String::new, part_of);
                let mut refusal = Refusal::pagination(&part, most);
                refusal.limit = found.map(|_| Limit::Page);
                Err(refusal.into())
            }
        }
    }

    /// The fields that are asked for, each once; `None` for all.
    fn fields(
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
        self.work(json.part().elements().count() as u64)?;
        let mut fields: Vec<FieldId> = Vec::with_capacity(FIELDS);
        let mut largest = None;
        let mut seen: HashSet<FieldId> = HashSet::default();
        for element in json.part().elements() {
            if let Some(field) = of.field_after(fields.last().copied(), element) {
                // Most ask in the items' own order.
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
            if self.world().options.strict && !of.is_empty() {
                return Err(Refusal::invalid(&format!("{part}.{field}")).into());
            }
            self.ignore(of, &field);
        }
        Ok(if json.part().elements().next().is_none() {
            None
        } else {
            Some(fields.into())
        })
    }

    /// Says in the log that no item has such a field.
    fn ignore(&mut self, of: &Collection, field: &str) {
        if !of.is_empty() && self.ignored < MOST_IGNORED {
            self.ignored += 1;
            let field = shortened(field);
            self.effects.push(Effect::WarnOnce(format!(
                "`{}` has no field `{field}`: it is ignored",
                of.name
            )));
        }
    }

    fn conditions(
        &mut self,
        list: &ListStep,
        json: &Json,
        of: &Collection,
    ) -> Result<Vec<(String, Condition)>, Trouble> {
        let whole = list.match_prefix.trim_end_matches('.');
        match json.kind() {
            Kind::Null => return Ok(Vec::new()),
            Kind::Object => {}
            _ => return Err(Refusal::invalid(whole).into()),
        }
        self.look_at(json.part().members().count())?;
        let mut conditions: Vec<(String, Condition)> = Vec::new();
        for member in json.part().members() {
            let field = member.key().into_owned();
            let wrong = || Refusal::invalid(&format!("{}{field}", list.match_prefix));
            // Of two with one name, the last counts.
            let last = json.part().get(&field).map(|last| last.text().as_ptr());
            let is_last = last == Some(member.text().as_ptr());
            if !is_last || member.is_null() || member.text() == "\"\"" {
                continue;
            }
            if of.field(&field).is_none() {
                if self.world().options.strict && !of.is_empty() {
                    return Err(wrong().into());
                }
                self.ignore(of, &field);
                continue;
            }
            let condition = if list.contains.contains(&field) {
                let Some(text) = member.as_str() else {
                    return Err(wrong().into());
                };
                Condition::Contains(text.into_owned())
            } else {
                Condition::Equals(json.at(member))
            };
            conditions.push((field, condition));
        }
        Ok(conditions)
    }

    /// The items among these for which an expression holds.
    fn filter(
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

    pub(super) fn find(&mut self, find: &'t FindStep, name: Option<Symbol>) -> Result<(), Trouble> {
        let of = self.collection(find.collection).clone();
        let fields = match &find.fields {
            Some(template) => {
                let given = self.value(template)?.into_json();
                self.fields(&given, &find.fields_part, &of)?
            }
            None => None,
        };
        let (found, key) = self.one_of(find.collection, &find.which)?;
        let row = |id| Rows::new(of, Picked::Ids(vec![id]), fields);
        let Some(item) = found.and_then(|id| row(id).shown(0)) else {
            let Some(otherwise) = &find.otherwise else {
                return Err(Refusal::not_found(&key).into());
            };
            self.bind(name.unwrap_or(names::ITEM), Val::Undefined);
            return self.steps(otherwise).map_err(Trouble::Halt);
        };
        self.bind(name.unwrap_or(names::ITEM), Val::Json(item));
        Ok(())
    }

    fn one_of(
        &mut self,
        collection: CollectionId,
        which: &'t Which,
    ) -> Result<(Option<RowId>, String), Trouble> {
        if let Which::Key(template) = which {
            let val = self.value(template)?;
            if val.is_nothing() {
                return Ok((None, String::new()));
            }
            let json = val.to_json();
            let key = key_text(json.part());
            let found = key
                .as_ref()
                .and_then(|key| self.collection(collection).find(key).map(|(id, _)| id));
            return Ok((found, key.unwrap_or_else(|| json.text().to_owned())));
        }
        Ok((
            self.which(collection, which)?.first().copied(),
            String::new(),
        ))
    }

    /// The items that a step means.
    pub(super) fn which(
        &mut self,
        collection: CollectionId,
        which: &'t Which,
    ) -> Result<Vec<RowId>, Trouble> {
        let of = self.collection(collection).clone();
        match which {
            Which::Key(_) => match self.one_of(collection, which)? {
                (Some(id), _) => Ok(vec![id]),
                (None, key) => Err(Refusal::not_found(&key).into()),
            },
            Which::Where(filter) => {
                let everything = Picked::Places(0, of.len());
                self.filter(&of, &everything, filter)
            }
            Which::All => {
                self.look_at(of.len())?;
                Ok(of.items().map(|(id, _)| id).collect())
            }
            Which::Sample(template) => {
                let val = self.value(template)?;
                let wanted = val.to_json().part().as_i64().filter(|wanted| *wanted >= 0);
                let wanted = wanted.ok_or_else(|| {
                    format!("`sample` takes a whole number, found `{}`", val.to_text())
                })?;
                self.sample(&of, wanted as usize)
            }
        }
    }

    /// By a field's value, `-` before it for downwards; what has no such field comes last.
    fn sorted(
        &mut self,
        of: &Arc<Collection>,
        among: &Picked,
        by: &str,
    ) -> Result<Vec<RowId>, String> {
        let (field, down) = by
            .strip_prefix('-')
            .map_or((by, false), |field| (field, true));
        let mut rows: Vec<(RowId, Option<Json>)> = match among {
            Picked::Places(from, to) => (*from..*to)
                .filter_map(|at| Some((of.id_at(at)?, of.at(at)?.get(field))))
                .collect(),
            Picked::Ids(ids) => ids
                .iter()
                .map(|id| (*id, of.item(*id).and_then(|item| item.get(field))))
                .collect(),
        };
        // Each value may be compared to its end, as often as halving goes.
        let bytes: usize = rows
            .iter()
            .flat_map(|(_, value)| value)
            .map(|value| value.text().len())
            .sum();
        let halvings = rows.len().checked_ilog2().unwrap_or(0) as usize + 1;
        self.look_at((bytes / BYTES_AN_ITEM).saturating_mul(halvings))?;
        rows.sort_by(|(_, a), (_, b)| {
            let order = match (a, b) {
                (Some(a), Some(b)) => compare(a, b),
                (a, b) => return b.is_some().cmp(&a.is_some()),
            };
            if down { order.reverse() } else { order }
        });
        Ok(rows.into_iter().map(|(id, _)| id).collect())
    }

    /// So many items by chance, each once.
    fn sample(&mut self, of: &Collection, wanted: usize) -> Result<Vec<RowId>, Trouble> {
        let wanted = wanted.min(of.len());
        let chance = self.chance()?;
        // Floyd's way: as many draws as items wanted, however large the collection.
        let mut places: Vec<usize> = Vec::with_capacity(wanted);
        let mut taken = HashSet::default();
        for last in of.len() - wanted..of.len() {
            let drawn = chance.below(last as u64 + 1) as usize;
            let place = if taken.insert(drawn) { drawn } else { last };
            taken.insert(place);
            places.push(place);
        }
        Ok(places
            .into_iter()
            .filter_map(|place| of.id_at(place))
            .collect())
    }
}

fn compare(a: &Json, b: &Json) -> std::cmp::Ordering {
    match (a.part().as_f64(), b.part().as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => match (a.part().as_str(), b.part().as_str()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.text().cmp(b.text()),
        },
    }
}
