//! `data`: the world, read and edited.

use hyper::StatusCode;

use crate::base::json::{Json, Kind, write};
use crate::base::text::shortened;
use crate::hub::{Change, ChangeKind, Collection, DataError, Hub};
use crate::net::answer::{self, Answer, HttpProblem};

use super::request::{Ask, invalid, items, ok};

/// Items a page, unless asked for another number, and at most.
const PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1000;

impl From<DataError> for HttpProblem {
    fn from(error: DataError) -> HttpProblem {
        let message = error.to_string();
        match error {
            DataError::NoCollection(..) | DataError::Missing(_) => HttpProblem::not_found(message),
            DataError::Taken(_) => HttpProblem::new(StatusCode::CONFLICT, "CONFLICT", message),
            DataError::NoObject(_) | DataError::NoField(..) => invalid(message),
        }
    }
}

pub(super) fn collections(hub: &Hub) -> Answer {
    items(hub.collections().iter().map(|collection| {
        let mut out = String::from("{\"name\":");
        write::string(&mut out, &collection.name);
        out.push_str(",\"key\":");
        write::string(&mut out, &collection.key);
        out.push_str(&format!(",\"count\":{}}}", collection.len()));
        out
    }))
}

pub(super) fn list(hub: &Hub, name: &str, ask: &Ask) -> Result<Answer, HttpProblem> {
    let collection = hub.collection(name)?;
    let page = ask.number("page")?.unwrap_or(1);
    let limit = ask.number("limit")?.unwrap_or(PAGE);
    if page == 0 || !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(invalid(format!(
            "`page` is a whole number from 1, `limit` one from 1 to {LARGEST_PAGE}; found `{page}` and `{limit}`"
        )));
    }
    let wanted: Vec<(&str, &str)> = ask
        .query
        .iter()
        .filter(|(name, _)| name != "page" && name != "limit")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    if let Some((field, _)) = wanted
        .iter()
        .find(|(field, _)| !collection.is_empty() && collection.field(field).is_none())
    {
        return Err(invalid(format!(
            "no item of `{name}` has a field `{}`",
            shortened(field)
        )));
    }
    let fits = |item: &Json| {
        wanted
            .iter()
            .all(|(field, value)| field_is(item, field, value))
    };
    let (mut total, mut shown) = (0, Vec::new());
    for (_, item) in collection.items().filter(|(_, item)| fits(item)) {
        if total / limit == page - 1 {
            shown.push(item.text());
        }
        total += 1;
    }
    let body = format!(
        "{{\"items\":[{}],\"total\":{total},\"page\":{page},\"limit\":{limit}}}",
        shown.join(",")
    );
    Ok(ok(body))
}

fn field_is(item: &Json, field: &str, value: &str) -> bool {
    item.get(field).is_some_and(|found| match found.kind() {
        Kind::String => found.part().as_str().is_some_and(|text| text == value),
        Kind::Number => found.text() == value || value.parse().ok() == found.part().as_f64(),
        _ => found.text() == value,
    })
}

pub(super) fn item(hub: &Hub, name: &str, key: &str) -> Result<Answer, HttpProblem> {
    let collection = hub.collection(name)?;
    match collection.find(key) {
        Some((_, item)) => Ok(ok(item.text().to_owned())),
        None => Err(DataError::Missing(key.to_owned()).into()),
    }
}

pub(super) fn insert(hub: &Hub, name: &str, ask: &Ask) -> Result<Answer, HttpProblem> {
    hub.collection(name)?;
    let item = ask
        .json()?
        .ok_or_else(|| invalid("the body is missing: the new item, a JSON object"))?;
    let item = hub.edit(Change {
        collection: name.to_owned(),
        key: String::new(),
        kind: ChangeKind::Insert(item),
    })?;
    Ok(answer::json(StatusCode::CREATED, item.text().to_owned()))
}

pub(super) fn edit(hub: &Hub, name: &str, key: &str, ask: &Ask) -> Result<Answer, HttpProblem> {
    let kind = if ask.method == "DELETE" {
        ChangeKind::Remove
    } else {
        let item = ask.json()?.unwrap_or_else(Json::null);
        check_key(hub.collection(name)?.as_ref(), key, &item)?;
        match ask.method.as_str() {
            "PUT" => ChangeKind::Replace(item),
            _ => ChangeKind::Merge(item),
        }
    };
    let item = hub.edit(Change {
        collection: name.to_owned(),
        key: key.to_owned(),
        kind,
    })?;
    Ok(ok(item.text().to_owned()))
}

/// An item keeps its key: another one in the body is a mistake, and no way to rename it.
fn check_key(collection: &Collection, key: &str, item: &Json) -> Result<(), HttpProblem> {
    let own = collection
        .find(key)
        .and_then(|(_, known)| known.get(&collection.key));
    match (own, item.get(&collection.key)) {
        (Some(own), Some(given)) if own != given => Err(invalid(format!(
            "`{}` is the key and stays `{}`, found `{}`",
            collection.key,
            shortened(own.text()),
            shortened(given.text())
        ))),
        _ => Ok(()),
    }
}
