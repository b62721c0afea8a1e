//! `data`: reads and edits of the world.

use hyper::StatusCode;
use serde_json::json;

use crate::base::json::{Json, Kind};
use crate::base::text::shortened;
use crate::hub::{Change, ChangeKind, Collection, DataError};
use crate::net::answer::{self, HttpProblem};

use super::call::{ApiCall, ApiResult, conflict, invalid, items, ok};

/// Items on a page, unless `limit` says otherwise.
const PAGE: u64 = 100;
const MAX_PAGE: u64 = 1000;

impl From<DataError> for HttpProblem {
    fn from(error: DataError) -> HttpProblem {
        match error {
            DataError::NoCollection(..) | DataError::Missing(_) => {
                HttpProblem::not_found(error.to_string())
            }
            DataError::Taken(_) => conflict(&error),
            DataError::NoObject(_) | DataError::NoField(..) => invalid(error.to_string()),
        }
    }
}

pub(super) fn collections(call: &ApiCall) -> ApiResult {
    items(call.hub.collections().iter().map(|collection| {
        json!({ "name": collection.name, "key": collection.key, "count": collection.len() })
    }))
}

pub(super) fn list(call: &ApiCall) -> ApiResult {
    let collection = call.hub.collection(call.name())?;
    let page = call.query_number("page")?.unwrap_or(1);
    let limit = call.query_number("limit")?.unwrap_or(PAGE);
    if page == 0 || !(1..=MAX_PAGE).contains(&limit) {
        return Err(invalid(format!(
            "`page` must be a whole number from 1, `limit` one from 1 to {MAX_PAGE}, got `{page}` and `{limit}`"
        )));
    }
    let is_filter = |(name, _): &&(String, String)| name != "page" && name != "limit";
    let filters: Vec<_> = call.query.iter().filter(is_filter).collect();
    for (field, _) in &filters {
        if !collection.is_empty() && collection.field(field).is_none() {
            let (name, field) = (call.name(), shortened(field));
            return Err(invalid(format!(
                "no item of `{name}` has a field `{field}`"
            )));
        }
    }
    let fits = |item: &Json| {
        filters
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
    ok(format_args!(
        "{{\"items\":[{}],\"total\":{total},\"page\":{page},\"limit\":{limit}}}",
        shown.join(",")
    ))
}

fn field_is(item: &Json, field: &str, value: &str) -> bool {
    item.get(field).is_some_and(|found| match found.kind() {
        Kind::String => found.part().is_str(value),
        Kind::Number => found.text() == value || value.parse().ok() == found.part().as_f64(),
        _ => found.text() == value,
    })
}

pub(super) fn item(call: &ApiCall) -> ApiResult {
    let (collection, key) = (call.hub.collection(call.name())?, &call.parts[2]);
    match collection.find(key) {
        Some((_, item)) => ok(item.text()),
        None => Err(DataError::Missing(key.clone()).into()),
    }
}

pub(super) fn insert(call: &ApiCall) -> ApiResult {
    call.hub.collection(call.name())?;
    let item = call.json()?;
    let item = item.ok_or_else(|| invalid("the body is missing: the new item, a JSON object"))?;
    let item = change(call, "", ChangeKind::Insert(item))?;
    Ok(answer::json(StatusCode::CREATED, item.text().to_owned()))
}

pub(super) fn edit(call: &ApiCall) -> ApiResult {
    let key = &call.parts[2];
    let kind = if call.method == "DELETE" {
        ChangeKind::Remove
    } else {
        let item = call.json()?.unwrap_or_else(Json::null);
        check_key(call.hub.collection(call.name())?.as_ref(), key, &item)?;
        match call.method.as_str() {
            "PUT" => ChangeKind::Replace(item),
            _ => ChangeKind::Merge(item),
        }
    };
    ok(change(call, key, kind)?.text())
}

fn change(call: &ApiCall, key: &str, kind: ChangeKind) -> Result<Json, DataError> {
    call.hub.edit(Change {
        collection: call.name().to_owned(),
        key: key.to_owned(),
        kind,
    })
}

/// An item cannot be renamed: its key in the body, if it is there, must be the one it has.
fn check_key(collection: &Collection, key: &str, item: &Json) -> Result<(), HttpProblem> {
    let known = collection.find(key);
    let own = known.and_then(|(_, known)| known.get(&collection.key));
    match (own, item.get(&collection.key)) {
        (Some(own), Some(given)) if own != given => Err(invalid(format!(
            "`{}` is the key and stays `{}`, got `{}`",
            collection.key,
            shortened(own.text()),
            shortened(given.text())
        ))),
        _ => Ok(()),
    }
}
