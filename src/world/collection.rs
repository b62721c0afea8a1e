//! One collection: items in the order they came, found by key, by place and by value.

use std::fmt;
use std::sync::{Arc, OnceLock};

use foldhash::{HashMap, HashMapExt as _, HashSet};

use crate::base::json::{Json, Kind, Part, write};

use super::index::{Condition, Index};
use super::rows::Picked;
use super::shapes::{FieldId, MakeId, Makes};

/// An item's number within its collection: it keeps it for life, and later items have larger ones.
pub type RowId = u32;

/// The items.
#[derive(Clone)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// The field that identifies an item.
    pub key: String,
    rows: Vec<Row>,
    next: RowId,
    keys: HashMap<Box<str>, RowId>,
    makes: Makes,
    /// The largest key that is a whole number, from 0 on; not known after it went.
    largest: Option<i64>,
    /// By how many bytes its items have grown since they were made.
    grown: i64,
    /// By [`FieldId`]: a function of the items, computed when a field is first asked for and updated by every change.
    indexes: Vec<OnceLock<Arc<Index>>>,
}

#[derive(Debug, Clone)]
struct Row {
    id: RowId,
    make: MakeId,
    item: Json,
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection")
            .field("name", &self.name)
            .field("rows", &self.rows)
            .field("next", &self.next)
            .field("grown", &self.grown)
            .finish_non_exhaustive()
    }
}

/// What an item's change came to.
#[derive(Debug, Clone)]
pub struct Edit {
    /// Which item.
    pub id: RowId,
    /// As it was; `None` when it is new.
    pub before: Option<Json>,
    /// As it is; `None` when it is gone.
    pub item: Option<Json>,
}

/// How a key is looked up: a text by itself, a number by its digits, so that `"3"` finds 3.
pub fn key_text(value: Part<'_>) -> Option<String> {
    match value.kind() {
        Kind::String => value.as_str().map(Into::into),
        Kind::Number => Some(
            value
                .as_i64()
                .map_or_else(|| value.text().to_owned(), |whole| whole.to_string()),
        ),
        _ => None,
    }
}

impl Collection {
    /// Without items.
    pub fn new(name: &str, key: &str) -> Collection {
        Collection {
            name: name.to_owned(),
            key: key.to_owned(),
            rows: Vec::new(),
            next: 0,
            keys: HashMap::new(),
            makes: Makes::default(),
            largest: Some(0),
            grown: 0,
            indexes: Vec::new(),
        }
    }

    /// Its items are made: from now on they grow.
    pub fn is_made(&mut self) {
        self.grown = 0;
    }

    /// By how many bytes its items have grown since.
    pub fn grown(&self) -> i64 {
        self.grown
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The item at a place.
    pub fn at(&self, place: usize) -> Option<&Json> {
        self.rows.get(place).map(|row| &row.item)
    }

    /// The number of the item at a place.
    pub fn id_at(&self, place: usize) -> Option<RowId> {
        self.rows.get(place).map(|row| row.id)
    }

    /// The item of a number.
    pub fn item(&self, id: RowId) -> Option<&Json> {
        self.at(self.place(id)?)
    }

    /// The item of a key.
    pub fn find(&self, key: &str) -> Option<(RowId, &Json)> {
        let id = *self.keys.get(key)?;
        Some((id, self.item(id)?))
    }

    /// All items.
    pub fn items(&self) -> impl Iterator<Item = (RowId, &Json)> {
        self.rows.iter().map(|row| (row.id, &row.item))
    }

    /// The place of an item's number.
    pub(super) fn place(&self, id: RowId) -> Option<usize> {
        // Nothing removed yet: the number is the place.
        match self.rows.get(id as usize) {
            Some(row) if row.id == id => Some(id as usize),
            _ => self.rows.binary_search_by_key(&id, |row| row.id).ok(),
        }
    }

    /// The field of a name, if any item has one.
    pub fn field(&self, name: &str) -> Option<FieldId> {
        self.makes.field(name)
    }

    /// As [`Collection::field`] of a text, looking first at the one after `last`: fields are often asked for in the
    /// order that items have them.
    pub fn field_after(&self, last: Option<FieldId>, name: Part<'_>) -> Option<FieldId> {
        let next = last.map_or(0, |last| last + 1);
        match self.makes.name(next) {
            Some(guess) if name.is_str(guess) => Some(next),
            _ => self.field(&name.as_str()?),
        }
    }

    /// The item at a place, and its make.
    pub(super) fn made(&self, place: usize) -> Option<(MakeId, &Json)> {
        self.rows.get(place).map(|row| (row.make, &row.item))
    }

    /// Which member of an item of this make is the field.
    pub(super) fn member(&self, make: MakeId, field: FieldId) -> Option<usize> {
        self.makes.place(make, field)
    }

    /// As [`Collection::member`] of each field, without those that it has not.
    pub(super) fn members(&self, make: MakeId, fields: &[FieldId]) -> Vec<usize> {
        self.makes.places(make, fields)
    }

    /// The items for which every condition holds.
    pub fn select(&self, conditions: &[(FieldId, Condition)]) -> Picked {
        let mut found: Option<Vec<RowId>> = None;
        for (field, condition) in conditions {
            let value = |id| self.value(self.place(id)?, *field);
            let index = self.index(*field);
            let rows = index.map_or_else(Vec::new, |index| index.select(condition, value));
            found = Some(match found {
                None => rows,
                Some(before) => intersect(&before, &rows),
            });
        }
        found.map_or(Picked::Places(0, self.len()), Picked::Ids)
    }

    /// Bytes that [`Collection::select`] looks at.
    pub fn looked_at(&self, conditions: &[(FieldId, Condition)]) -> usize {
        let bytes = |(field, condition): &(FieldId, Condition)| {
            self.index(*field)
                .map_or(0, |index| index.looked_at(condition))
        };
        conditions.iter().map(bytes).sum()
    }

    /// Whether the index of a field is made already.
    pub fn has_index(&self, field: FieldId) -> bool {
        let slot = self.indexes.get(field as usize);
        slot.is_none_or(|slot| slot.get().is_some())
    }

    /// A field of the item at a place.
    fn value(&self, place: usize, field: FieldId) -> Option<Part<'_>> {
        let row = self.rows.get(place)?;
        row.item.part().member(self.member(row.make, field)?)
    }

    fn index(&self, field: FieldId) -> Option<&Arc<Index>> {
        let slot = self.indexes.get(field as usize)?;
        Some(slot.get_or_init(|| {
            let mut index = Index::default();
            let mut last = None;
            for row in &self.rows {
                let member = match last {
                    Some((make, member)) if make == row.make => member,
                    _ => self.member(row.make, field),
                };
                last = Some((row.make, member));
                index.add(
                    row.id,
                    member.and_then(|place| row.item.part().member(place)),
                );
            }
            Arc::new(index)
        }))
    }

    /// Updates what is known of all items after a change.
    fn keep_up(&mut self, edit: &Edit) {
        let bytes = |item: &Option<Json>| item.as_ref().map_or(0, |item| item.text().len() as i64);
        self.grown += bytes(&edit.item) - bytes(&edit.before);
        self.indexes
            .resize_with(self.makes.field_slots(), OnceLock::new);
        for (field, slot) in self.indexes.iter_mut().enumerate() {
            let Some(index) = slot.get_mut() else {
                continue;
            };
            let Some(name) = self.makes.name(field as FieldId) else {
                // The last item with this field has gone; its number may mean another one later.
                slot.take();
                continue;
            };
            let before = edit.before.as_ref().and_then(|item| item.part().get(name));
            let after = edit.item.as_ref().and_then(|item| item.part().get(name));
            if before != after {
                let index = Arc::make_mut(index);
                index.remove(edit.id, before);
                index.add(edit.id, after);
            }
        }
    }

    /// A key for an item that has none: the next whole number, or `NAME_n` where keys are texts.
    pub fn fresh_key(&mut self) -> Json {
        let last = self.rows.last().and_then(|row| row.item.get(&self.key));
        if last.is_some_and(|key| key.kind() == Kind::String) {
            let mut n = self.rows.len() + 1;
            while self
                .keys
                .contains_key(format!("{}_{n}", self.name).as_str())
            {
                n += 1;
            }
            return Json::string(&format!("{}_{n}", self.name));
        }
        let number = |row: &Row| row.item.part().get(&self.key)?.as_i64();
        let numbers = self.rows.iter().filter_map(number);
        let largest = self.largest.unwrap_or_else(|| numbers.fold(0, i64::max));
        self.largest = Some(largest);
        let mut next = i128::from(largest) + 1;
        while self.keys.contains_key(next.to_string().as_str()) {
            next += 1;
        }
        Json::parse(next.to_string()).unwrap_or_else(|_| Json::null())
    }

    /// Puts an item in; it must be an object with a key that is free. A taken key is given back.
    pub fn insert(&mut self, item: Json) -> Result<Edit, String> {
        let part = item.part().get(&self.key);
        let number = part.and_then(Part::as_i64);
        let key = part.and_then(key_text).unwrap_or_default();
        if self.keys.contains_key(key.as_str()) {
            return Err(key);
        }
        self.largest = self
            .largest
            .map(|largest| number.map_or(largest, |number| largest.max(number)));
        let id = self.next;
        self.next += 1;
        self.keys.insert(key.into(), id);
        let make = self.makes.add(item.part());
        self.rows.push(Row {
            id,
            make,
            item: item.clone(),
        });
        let edit = Edit {
            id,
            before: None,
            item: Some(item),
        };
        self.keep_up(&edit);
        Ok(edit)
    }

    /// Puts another object in an item's place; the key is kept as it was.
    pub fn replace(&mut self, id: RowId, item: Json) -> Option<Edit> {
        let place = self.place(id)?;
        let row = &mut self.rows[place];
        let before = std::mem::replace(&mut row.item, item.clone());
        let make = std::mem::replace(&mut row.make, self.makes.add(item.part()));
        self.makes.drop(make);
        let edit = Edit {
            id,
            before: Some(before),
            item: Some(item),
        };
        self.keep_up(&edit);
        Some(edit)
    }

    /// Takes an item out.
    pub fn remove(&mut self, id: RowId) -> Option<Edit> {
        let place = self.place(id)?;
        let row = self.rows.remove(place);
        Some(self.removed(row))
    }

    /// Takes many items out at once: one after the other each would move all those behind it.
    pub fn remove_all(&mut self, ids: &[RowId]) -> Vec<Edit> {
        let wanted: HashSet<RowId> = ids.iter().copied().collect();
        let (gone, kept): (Vec<Row>, Vec<Row>) = std::mem::take(&mut self.rows)
            .into_iter()
            .partition(|row| wanted.contains(&row.id));
        self.rows = kept;
        let mut gone: HashMap<RowId, Row> = gone.into_iter().map(|row| (row.id, row)).collect();
        ids.iter()
            .filter_map(|id| gone.remove(id))
            .map(|row| self.removed(row))
            .collect()
    }

    fn removed(&mut self, row: Row) -> Edit {
        self.makes.drop(row.make);
        let key = row.item.part().get(&self.key);
        if key.and_then(Part::as_i64) == self.largest {
            self.largest = None;
        }
        if let Some(key) = key.and_then(key_text) {
            self.keys.remove(key.as_str());
        }
        let edit = Edit {
            id: row.id,
            before: Some(row.item),
            item: None,
        };
        self.keep_up(&edit);
        edit
    }

    /// Drops the indexes before many items change: making them anew costs less.
    pub fn forget_indexes(&mut self) {
        self.indexes.clear();
    }
}

fn intersect(a: &[RowId], b: &[RowId]) -> Vec<RowId> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut rest = long;
    let mut both = Vec::with_capacity(short.len());
    // Lists of a like size are walked side by side; a much shorter one leaps through the other.
    let leaps = long.len() / 16 > short.len();
    for id in short {
        let passed = if leaps {
            rest.partition_point(|other| other < id)
        } else {
            rest.iter().take_while(|other| *other < id).count()
        };
        rest = &rest[passed..];
        if rest.first() == Some(id) {
            both.push(*id);
        }
    }
    both
}

/// Changes that are not looked for one by one.
const MANY: usize = 16;

/// An object with some members set to other values; new members go last.
pub fn merged(item: &Json, changes: &[(String, Json)]) -> Json {
    let mut out = String::with_capacity(item.text().len() + 32);
    out.push('{');
    let mut member = |name: &str, value: &str| {
        if out.len() > 1 {
            out.push(',');
        }
        write::string(&mut out, name);
        out.push(':');
        out.push_str(value);
    };
    // Of two with one name, the last counts.
    let mut many: HashMap<&str, &Json> = HashMap::new();
    if changes.len() > MANY {
        many.extend(changes.iter().map(|(name, value)| (name.as_str(), value)));
    }
    let new = |name: &str| {
        if many.is_empty() {
            let last = changes.iter().rev().find(|(changed, _)| *changed == name);
            return last.map(|(_, value)| value);
        }
        many.get(name).copied()
    };
    for part in item.part().members() {
        let name = part.key();
        member(&name, new(&name).map_or(part.text(), Json::text));
    }
    let mut added: HashSet<&str> = HashSet::default();
    for (name, _) in changes {
        if item.part().get(name).is_none()
            && added.insert(name)
            && let Some(value) = new(name)
        {
            member(name, value.text());
        }
    }
    out.push('}');
    Json::parse(out).unwrap_or_else(|_| item.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(items: &[&str]) -> Collection {
        let mut collection = Collection::new("things", "id");
        for item in items {
            collection.insert(Json::parse(*item).unwrap()).unwrap();
        }
        collection
    }

    fn numbered(
        collection: &Collection,
        conditions: &[(String, Condition)],
    ) -> Vec<(FieldId, Condition)> {
        let field = |name: &String| collection.field(name).unwrap();
        let number = |(name, condition): &(String, Condition)| (field(name), condition.clone());
        conditions.iter().map(number).collect()
    }

    fn texts(collection: &Collection, conditions: &[(String, Condition)]) -> Vec<String> {
        let picked = collection.select(&numbered(collection, conditions));
        let rows = super::super::Rows::new(Arc::new(collection.clone()), picked, None);
        rows.items()
            .map(|item| item.get("id").unwrap().text().to_owned())
            .collect()
    }

    #[test]
    fn equality_and_contained_text_select_through_every_change() {
        let mut things = collection(&[
            r#"{"id":1,"city":"Москва","n":2}"#,
            r#"{"id":2,"city":"Казань","n":2.0}"#,
            r#"{"id":3,"city":"москва","n":3}"#,
        ]);
        let moscow = ("city".to_owned(), Condition::Contains("МОСК".into()));
        let two = ("n".to_owned(), Condition::Equals(Json::parse("2").unwrap()));
        assert_eq!(texts(&things, std::slice::from_ref(&moscow)), ["1", "3"]);
        assert_eq!(texts(&things, std::slice::from_ref(&two)), ["1", "2"]);
        assert_eq!(texts(&things, &[moscow.clone(), two.clone()]), ["1"]);
        things
            .replace(2, Json::parse(r#"{"id":3,"city":"Омск","n":2}"#).unwrap())
            .unwrap();
        things.remove(0).unwrap();
        assert_eq!(
            texts(&things, std::slice::from_ref(&moscow)),
            Vec::<String>::new()
        );
        assert_eq!(texts(&things, &[two]), ["2", "3"]);
        assert_eq!(
            things
                .insert(Json::parse(r#"{"id":3}"#).unwrap())
                .unwrap_err(),
            "3"
        );
        assert_eq!(things.fresh_key().text(), "4");
        let next = things.next;
        things.insert(Json::parse(r#"{"id":41}"#).unwrap()).unwrap();
        assert_eq!(things.fresh_key().text(), "42");
        things.remove(next).unwrap();
        assert_eq!(things.fresh_key().text(), "4");
        assert_eq!(things.find("2").unwrap().1.get("n").unwrap().text(), "2.0");
    }

    #[test]
    fn long_values_are_found_though_no_index_keeps_them() {
        let item =
            |id: usize, text: &str| format!(r#"{{"id":{id},"t":"{}{text}"}}"#, "x".repeat(1_000));
        let mut things = collection(&[
            &item(1, "Ä"),
            r#"{"id":2,"t":"ä"}"#,
            &item(3, "b"),
            &item(4, "\\u00c4"),
        ]);
        let is = |text: &str| {
            let long = Json::string(&format!("{}{text}", "x".repeat(1_000)));
            [("t".to_owned(), Condition::Equals(long))]
        };
        let has = |text: &str| [("t".to_owned(), Condition::Contains(text.to_owned()))];
        assert_eq!(texts(&things, &is("Ä")), ["1", "4"]);
        assert_eq!(texts(&things, &has("ä")), ["1", "2", "4"]);
        assert!(things.looked_at(&numbered(&things, &has("ä"))) > 3_000);
        things.replace(0, Json::parse(r#"{"id":1,"t":"z"}"#).unwrap());
        things.replace(1, Json::parse(item(2, "Ä")).unwrap());
        things.remove(3);
        assert_eq!(texts(&things, &is("Ä")), ["2"]);
        assert_eq!(texts(&things, &has("Z")), ["1"]);
        things.remove(1);
        things.remove(2);
        assert_eq!(things.looked_at(&numbered(&things, &has("z"))), 1);
    }

    #[test]
    fn field_number_that_is_used_again_has_a_new_index() {
        let mut things = collection(&[r#"{"id":1,"a":1}"#]);
        let one = Condition::Equals(Json::parse("1").unwrap());
        let is_one = |name: &str| [(name.to_owned(), one.clone())];
        assert_eq!(texts(&things, &is_one("a")), ["1"]);
        let a = things.field("a");
        things.remove(0);
        things
            .insert(Json::parse(r#"{"b":1,"id":2}"#).unwrap())
            .unwrap();
        things
            .insert(Json::parse(r#"{"id":3,"a":1,"b":2}"#).unwrap())
            .unwrap();
        assert!(things.field("b") == a || things.field("id") == a);
        assert_eq!(texts(&things, &is_one("b")), ["2"]);
        assert_eq!(texts(&things, &is_one("a")), ["3"]);
    }

    #[test]
    fn many_go_at_once_as_one_after_the_other_and_growth_is_counted() {
        let item = |n: usize| format!(r#"{{"id":{n},"even":{}}}"#, n.is_multiple_of(2));
        let items: Vec<String> = (0..100).map(item).collect();
        let texts_of: Vec<&str> = items.iter().map(String::as_str).collect();
        let even = (
            "even".to_owned(),
            Condition::Equals(Json::parse("true").unwrap()),
        );
        let (mut once, mut singly) = (collection(&texts_of), collection(&texts_of));
        once.is_made();
        assert_eq!(texts(&once, std::slice::from_ref(&even)).len(), 50);
        let ids = [98, 3, 4, 500, 3];
        once.forget_indexes();
        let together = once.remove_all(&ids);
        let alone: Vec<Edit> = ids.iter().filter_map(|id| singly.remove(*id)).collect();
        let before = |edits: &[Edit]| -> Vec<Json> {
            edits
                .iter()
                .filter_map(|edit| edit.before.clone())
                .collect()
        };
        assert_eq!(before(&together), before(&alone));
        assert_eq!(texts(&once, &[]), texts(&singly, &[]));
        assert_eq!(texts(&once, std::slice::from_ref(&even)).len(), 48);
        assert!(once.find("98").is_none() && once.find("99").is_some());
        let gone: usize = before(&together).iter().map(|item| item.text().len()).sum();
        assert_eq!(once.grown(), -(gone as i64));
    }

    #[test]
    fn fields_are_known_as_long_as_an_item_has_them() {
        let has = |things: &Collection, name| things.field(name).is_some();
        let mut things = collection(&[r#"{"id":1,"a":1}"#, r#"{"id":2,"a":1,"b":1}"#]);
        assert!(has(&things, "b") && !has(&things, "c"));
        things.replace(0, Json::parse(r#"{"id":1,"c":1}"#).unwrap());
        assert!(has(&things, "a") && has(&things, "c"));
        things.remove(1).unwrap();
        assert!(!has(&things, "a") && !has(&things, "b"));
        assert!(has(&things, "id"));
    }

    #[test]
    fn lists_of_any_sizes_are_intersected() {
        let every = |n: u32| (0..2000).filter(|id| id % n == 0).collect::<Vec<_>>();
        for (a, b) in [(1, 2), (2, 3), (3, 500), (500, 3), (700, 700)] {
            let expected: Vec<RowId> = (0..2000).filter(|id| id % a == 0 && id % b == 0).collect();
            assert_eq!(intersect(&every(a), &every(b)), expected, "{a} {b}");
        }
        assert!(intersect(&[], &[1]).is_empty());
    }

    #[test]
    fn merging_keeps_the_order_and_adds_at_the_end() {
        let item = Json::parse(r#"{"id":1, "a":1,"b":2}"#).unwrap();
        let set = |name: &str, value: &str| (name.to_owned(), Json::parse(value).unwrap());
        assert_eq!(
            merged(&item, &[set("b", "3"), set("c", "[]")]).text(),
            r#"{"id":1,"a":1,"b":3,"c":[]}"#
        );
        let twice = [set("c", "1"), set("b", "3"), set("c", "2"), set("b", "4")];
        let expected = r#"{"id":1,"a":1,"b":4,"c":2}"#;
        assert_eq!(merged(&item, &twice).text(), expected);
        let many: Vec<(String, Json)> = twice.iter().cycle().take(1_000).cloned().collect();
        assert_eq!(merged(&item, &many).text(), expected);
    }
}
