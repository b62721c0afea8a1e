//! What a collection's items are like: their fields, numbered, and the orders in which items have them.
//!
//! Most collections hold items of one make, so that what is found out once about a field holds for all of them.

use std::sync::Arc;

use foldhash::HashMap;

use crate::base::json::Part;

/// A field's number within its collection, as long as any item has it.
pub type FieldId = u32;

/// A make's number.
pub(super) type MakeId = u32;

/// Fields that are not looked for one by one.
const MANY: usize = 64;

/// The makes of a collection's items.
#[derive(Debug, Clone, Default)]
pub(super) struct Makes {
    all: Slots<Make>,
    by_fields: HashMap<Arc<[FieldId]>, MakeId>,
    fields: Slots<Field>,
    by_name: HashMap<Box<str>, FieldId>,
    /// That of the last item, which the next one most likely has too.
    last: MakeId,
}

#[derive(Debug, Clone)]
struct Make {
    /// In the order of the item's text.
    fields: Arc<[FieldId]>,
    items: usize,
}

#[derive(Debug, Clone)]
struct Field {
    name: Box<str>,
    /// How many makes have it.
    makes: usize,
}

/// Numbered things; the numbers of those that have gone are given out again.
#[derive(Debug, Clone)]
struct Slots<T> {
    all: Vec<Option<T>>,
    free: Vec<u32>,
}

impl Makes {
    /// The number of a field that any item has.
    pub(super) fn field(&self, name: &str) -> Option<FieldId> {
        self.by_name.get(name).copied()
    }

    /// One more than the largest number of a field so far.
    pub(super) fn field_slots(&self) -> usize {
        self.fields.all.len()
    }

    /// The name of a field.
    pub(super) fn name(&self, field: FieldId) -> Option<&str> {
        self.fields.get(field).map(|field| &*field.name)
    }

    /// Which member of an item of this make is the field; of two with one name, the last.
    pub(super) fn place(&self, make: MakeId, field: FieldId) -> Option<usize> {
        let make = self.all.get(make)?;
        make.fields.iter().rposition(|known| *known == field)
    }

    /// As [`Makes::place`] of each field, without those that it has not.
    pub(super) fn places(&self, make: MakeId, fields: &[FieldId]) -> Vec<usize> {
        let known = self.all.get(make).map_or(&[][..], |make| &make.fields);
        if known.len() < MANY {
            let place = |field: &FieldId| known.iter().rposition(|known| known == field);
            return fields.iter().filter_map(place).collect();
        }
        let places: HashMap<FieldId, usize> = known
            .iter()
            .enumerate()
            .map(|(at, field)| (*field, at))
            .collect();
        fields
            .iter()
            .filter_map(|field| places.get(field).copied())
            .collect()
    }

    /// Counts an item in.
    pub(super) fn add(&mut self, item: Part<'_>) -> MakeId {
        let id = if self.is_of(item, self.last) {
            self.last
        } else {
            self.find(item)
        };
        if let Some(make) = self.all.get_mut(id) {
            make.items += 1;
        }
        self.last = id;
        id
    }

    /// Counts an item out.
    pub(super) fn drop(&mut self, id: MakeId) {
        let Some(make) = self.all.get_mut(id) else {
            return;
        };
        make.items -= 1;
        if make.items > 0 {
            return;
        }
        let fields = make.fields.clone();
        self.all.remove(id);
        self.by_fields.remove(&fields);
        for field in fields.iter() {
            self.leave(*field);
        }
    }

    fn is_of(&self, item: Part<'_>, make: MakeId) -> bool {
        let Some(make) = self.all.get(make) else {
            return false;
        };
        let mut members = item.members();
        let fields = make.fields.iter().filter_map(|id| self.fields.get(*id));
        fields
            .map(|field| Some(&*field.name))
            .chain([None])
            .all(|name| match (members.next(), name) {
                (Some(member), Some(name)) => member.is_named(name),
                (None, None) => true,
                _ => false,
            })
    }

    fn find(&mut self, item: Part<'_>) -> MakeId {
        let fields: Arc<[FieldId]> = item
            .members()
            .map(|member| self.enter(&member.key()))
            .collect();
        if let Some(known) = self.by_fields.get(&fields).copied() {
            for field in fields.iter() {
                self.leave(*field);
            }
            return known;
        }
        let id = self.all.add(Make {
            fields: fields.clone(),
            items: 0,
        });
        self.by_fields.insert(fields, id);
        id
    }

    /// One more make has a field.
    fn enter(&mut self, name: &str) -> FieldId {
        let id = self.field(name).unwrap_or_else(|| {
            let field = Field {
                name: name.into(),
                makes: 0,
            };
            let id = self.fields.add(field);
            self.by_name.insert(name.into(), id);
            id
        });
        if let Some(field) = self.fields.get_mut(id) {
            field.makes += 1;
        }
        id
    }

    /// One less.
    fn leave(&mut self, id: FieldId) {
        let Some(field) = self.fields.get_mut(id) else {
            return;
        };
        field.makes -= 1;
        if field.makes == 0 {
            self.by_name.remove(&field.name);
            self.fields.remove(id);
        }
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots {
            all: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    fn get(&self, id: u32) -> Option<&T> {
        self.all.get(id as usize)?.as_ref()
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.all.get_mut(id as usize)?.as_mut()
    }

    fn add(&mut self, one: T) -> u32 {
        if let Some(id) = self.free.pop() {
            self.all[id as usize] = Some(one);
            return id;
        }
        self.all.push(Some(one));
        self.all.len() as u32 - 1
    }

    fn remove(&mut self, id: u32) {
        self.all[id as usize] = None;
        self.free.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::Json;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn items_with_the_same_fields_in_the_same_order_are_of_one_make() {
        let mut makes = Makes::default();
        let mut add = |text: &str| makes.add(json(text).part());
        let first = add(r#"{"a":1,"b":[1,2]}"#);
        assert_eq!(add(r#"{"a":{},"b":null}"#), first);
        let turned = add(r#"{"b":1,"a":1}"#);
        assert_ne!(turned, first);
        let empty = add("{}");
        assert!(empty != first && empty != turned);
        assert_eq!(add(r#"{"\u0061":1,"b":1}"#), first);
        let longer = add(r#"{"a":1,"b":1,"c":1}"#);
        assert!(![first, turned, empty].contains(&longer));

        let (a, c) = (makes.field("a").unwrap(), makes.field("c").unwrap());
        assert_eq!(makes.place(first, a), Some(0));
        assert_eq!(makes.place(turned, a), Some(1));
        assert_eq!(makes.place(first, c), None);
        assert_eq!(makes.place(longer, c), Some(2));
        assert_eq!(makes.place(empty, a), None);
        assert_eq!(makes.places(longer, &[c, a]), [2, 0]);
        assert_eq!(makes.places(first, &[c, a]), [0]);

        let many: Vec<String> = (0..1_000).map(|n| format!(r#""f{n}":{n}"#)).collect();
        let large = makes.add(json(&format!("{{{},\"f1\":0}}", many.join(","))).part());
        let field = |name| makes.field(name).unwrap();
        let asked = [field("f999"), c, field("f1"), field("f0")];
        assert_eq!(makes.places(large, &asked), [999, 1_000, 0]);
    }

    #[test]
    fn what_no_item_has_any_more_is_forgotten() {
        let mut makes = Makes::default();
        let one = makes.add(json(r#"{"a":1,"b":1}"#).part());
        let other = makes.add(json(r#"{"a":1,"c":1}"#).part());
        makes.add(json(r#"{"a":1,"c":1}"#).part());
        makes.drop(other);
        makes.drop(one);
        assert!(makes.field("a").is_some() && makes.field("c").is_some());
        assert!(makes.field("b").is_none());
        makes.drop(other);
        assert!(makes.field("a").is_none() && makes.by_fields.is_empty());
        for n in 0..1000 {
            let make = makes.add(json(&format!(r#"{{"f{n}":1}}"#)).part());
            makes.drop(make);
        }
        assert!(makes.all.all.len() < 4 && makes.fields.all.len() < 4);
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let mut makes = Makes::default();
        let make = makes.add(json(r#"{"a":1,"b":2,"a":3}"#).part());
        assert_eq!(makes.place(make, makes.field("a").unwrap()), Some(2));
        makes.drop(make);
        assert!(makes.field("a").is_none());
    }
}
