//! `list`: a page of a collection, from the cache where the same was asked before.

use std::ops::Range;
use std::sync::Arc;

use super::{Perform, Performed, Trouble};
use crate::base::Limit;
use crate::base::json::{Json, Kind};
use crate::engine::context::{Asker, Context};
use crate::engine::eval::BYTES_AN_ITEM;
use crate::engine::list_cache::Listed;
use crate::engine::refusal::Refusal;
use crate::engine::select::part_of;
use crate::lang::expr::{Symbol, Template, names};
use crate::lang::verbs::ListStep;
use crate::world::{Collection, Condition, FieldId, Picked, RowId, Rows, Selection, Val};

/// Bytes of most questions.
const QUESTION_CAPACITY: usize = 256;

/// The evaluated values of a list step, as one text: the key of the cache.
struct Question {
    text: String,
    /// Where `fields`, `match`, `page`, `limit` and `sort` stand in it, as JSON.
    values: [Range<usize>; 5],
}

impl Perform for ListStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed {
        let of = context.collection(self.collection).clone();
        let question = context.question(self)?;
        // A filter may depend on anything.
        let is_cached = self.filter.is_none();
        let cached = is_cached
            .then(|| context.scratch.lists.find(&question.text, &of))
            .flatten();
        let listed = match cached {
            Some(listed) => {
                context.work(listed.work)?;
                listed
            }
            None => {
                let ignored = context.ignored;
                let listed = Arc::new(context.look_up(self, &of, &question)?);
                // Warnings of ignored fields are repeated, so such a list is not cached.
                if is_cached && context.ignored == ignored {
                    context.scratch.lists.keep(question.text, &of, &listed);
                }
                listed
            }
        };
        let rows = |of, what: &Arc<Selection>| {
            let what = what.clone();
            Val::Rows(Rows { of, what })
        };
        let parts = [
            ("items", names::ITEMS, rows(of.clone(), &listed.items)),
            ("total", names::TOTAL, Val::Whole(listed.total)),
            ("page", names::PAGE, Val::Whole(listed.page)),
            ("limit", names::LIMIT, Val::Whole(listed.limit)),
            ("matches", names::MATCHES, rows(of, &listed.matches)),
        ];
        let parts = parts.into_iter();
        match name {
            Some(name) => {
                let named = parts.map(|(name, _, val)| (name, val)).collect();
                context.bind(name, Val::Named(named));
            }
            None => parts.for_each(|(_, name, val)| context.bind(name, val)),
        }
        Ok(())
    }
}

impl Context<'_> {
    fn question(&mut self, list: &ListStep) -> Result<Question, String> {
        let mut text = String::with_capacity(QUESTION_CAPACITY);
        // The address of a step is its name: a collection and the steps that list it are dropped together.
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
        let mut values = [const { 0..0 }; 5];
        for (template, place) in templates.into_iter().zip(&mut values) {
            // A byte that no JSON text has.
            text.push('\0');
            let from = text.len();
            match template {
                Some(template) => self.render(template, &mut text)?,
                None => text.push_str("null"),
            }
            *place = from..text.len();
        }
        self.make(text.len())?;
        Ok(Question { text, values })
    }

    fn look_up(
        &mut self,
        list: &ListStep,
        of: &Arc<Collection>,
        question: &Question,
    ) -> Result<Listed, Trouble> {
        let before = self.worked();
        let value = |place: &Range<usize>| {
            Json::parse(&question.text[place.clone()]).map_err(|error| error.to_string())
        };
        let [fields, matching, page, limit, sort] = &question.values;
        let fields = self.fields(&value(fields)?, &list.fields_part, of)?;
        let conditions = self.conditions(list, &value(matching)?, of)?;
        let page = self.count(&value(page)?, list.page.as_ref(), None)?;
        let limit = self.count(&value(limit)?, list.limit.as_ref(), Some(list.max))?;
        let is_scan =
            |(_, condition): &(FieldId, Condition)| matches!(condition, Condition::Contains(_));
        if conditions.iter().any(is_scan) {
            self.look_at(of.len())?;
        }
        for (field, _) in &conditions {
            if !of.has_index(*field) {
                self.expect_index(of.len())?;
            }
        }
        self.look_at(of.looked_at(&conditions) / BYTES_AN_ITEM)?;
        let mut matches = of.select(&conditions);
        if let Some(filter) = &list.filter {
            matches = Picked::Ids(self.filter(of, &matches, filter)?);
        }
        let sort = value(sort)?;
        if let Some(by) = sort.part().as_str().filter(|by| !by.is_empty()) {
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
        })
    }

    /// A page or a limit as the client sent it.
    fn count(
        &self,
        given: &Json,
        template: Option<&Template>,
        max: Option<usize>,
    ) -> Result<Option<usize>, Trouble> {
        let part = given.part();
        let number = match part.kind() {
            Kind::Null => return Ok(None),
            // A query has only texts.
            Kind::String if self.asker == Asker::Http => {
                part.as_str().and_then(|text| text.parse().ok())
            }
            _ => part.as_i64(),
        };
        let number = number
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number >= 1);
        match number {
            Some(number) if max.is_none_or(|max| number <= max) => Ok(Some(number)),
            found => {
                let part = template.map_or_else(String::new, part_of);
                Err(Refusal {
                    limit: found.map(|_| Limit::Page),
                    ..Refusal::pagination(&part, max)
                }
                .into())
            }
        }
    }

    fn conditions(
        &mut self,
        list: &ListStep,
        json: &Json,
        of: &Collection,
    ) -> Result<Vec<(FieldId, Condition)>, Trouble> {
        match json.kind() {
            Kind::Null => return Ok(Vec::new()),
            Kind::Object => {}
            _ => return Err(Refusal::invalid(list.match_prefix.trim_end_matches('.')).into()),
        }
        self.look_at(json.part().members().count())?;
        let mut conditions: Vec<(FieldId, Condition)> = Vec::new();
        for member in json.part().members() {
            let field = member.key().into_owned();
            let wrong = || Refusal::invalid(&format!("{}{field}", list.match_prefix));
            // Of two members with one name the last counts.
            let last = json.part().get(&field).map(|last| last.text().as_ptr());
            let is_last = last == Some(member.text().as_ptr());
            if !is_last || member.is_null() || member.text() == "\"\"" {
                continue;
            }
            let Some(id) = of.field(&field) else {
                if self.is_strict(of) {
                    return Err(wrong().into());
                }
                self.ignore(of, &field);
                continue;
            };
            let condition = if list.contains.contains(&field) {
                let text = member.as_str().ok_or_else(wrong)?;
                Condition::Contains(text.into_owned())
            } else {
                Condition::Equals(json.at(member))
            };
            conditions.push((id, condition));
        }
        Ok(conditions)
    }

    /// By a field's value, with `-` before it in descending order; items without the field come last.
    fn sorted(
        &mut self,
        of: &Arc<Collection>,
        among: &Picked,
        by: &str,
    ) -> Result<Vec<RowId>, String> {
        let (field, descending) = match by.strip_prefix('-') {
            Some(field) => (field, true),
            None => (by, false),
        };
        let mut rows: Vec<(RowId, Option<Json>)> = match among {
            Picked::Places(from, to) => (*from..*to)
                .filter_map(|at| Some((of.id_at(at)?, of.at(at)?.get(field))))
                .collect(),
            Picked::Ids(ids) => ids
                .iter()
                .map(|id| (*id, of.item(*id).and_then(|item| item.get(field))))
                .collect(),
        };
        // Each value may be compared to its end, log n times.
        let values = rows.iter().flat_map(|(_, value)| value);
        let bytes: usize = values.map(|value| value.text().len()).sum();
        let rounds = rows.len().checked_ilog2().unwrap_or(0) as usize + 1;
        self.look_at((bytes / BYTES_AN_ITEM).saturating_mul(rounds))?;
        rows.sort_by(|(_, a), (_, b)| {
            let order = match (a, b) {
                (Some(a), Some(b)) => compare(a, b),
                (a, b) => return b.is_some().cmp(&a.is_some()),
            };
            if descending { order.reverse() } else { order }
        });
        Ok(rows.into_iter().map(|(id, _)| id).collect())
    }
}

fn compare(a: &Json, b: &Json) -> std::cmp::Ordering {
    let (a_part, b_part) = (a.part(), b.part());
    match (a_part.as_f64(), b_part.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => match (a_part.as_str(), b_part.as_str()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.text().cmp(b.text()),
        },
    }
}
