//! The control API, HTTP under `/__mock/`: tests and people observe and steer the running mock.
//!
//! `Host`, `Origin` and the size of the body are checked before a request comes here. This module finds the row of a
//! request; the rows' functions are in the files beside it.

mod call;
mod connections;
mod data;
mod faults;
mod info;
mod journal;
mod time;

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use hyper::header::{CACHE_CONTROL, HeaderValue};

use crate::base::text::shortened;
use crate::hub::Hub;
use crate::net::Control;
use crate::net::answer::{Answer, HttpProblem};
use call::{ApiCall, ApiResult};

pub const ROOT: &str = "/__mock/";

/// The API of a running world. `addresses` are the server's URLs, known once it listens.
pub fn handler(hub: Hub, addresses: Arc<OnceLock<Vec<String>>>) -> Control {
    Arc::new(move |request| {
        let addresses = addresses.get().cloned().unwrap_or_default();
        let call = ApiCall::new(hub.clone(), addresses, request);
        Box::pin(async move {
            let mut answer = route(&call).await.unwrap_or_else(Answer::from);
            let no_store = HeaderValue::from_static("no-store");
            answer.headers_mut().insert(CACHE_CONTROL, no_store);
            answer
        })
    })
}

enum Handler {
    Now(fn(&ApiCall) -> ApiResult),
    Later(for<'c> fn(&'c ApiCall) -> Pin<Box<dyn Future<Output = ApiResult> + Send + 'c>>),
}

use Handler::{Later, Now};

/// Methods, a path with `*` for a name, and the function that answers.
const ROWS: &[(&str, &str, Handler)] = &[
    ("GET, HEAD", "health", Now(info::health)),
    ("GET", "info", Now(info::info)),
    ("GET", "connections", Now(connections::list)),
    ("DELETE", "connections/*", Now(connections::close)),
    ("GET", "rooms", Now(connections::rooms)),
    ("GET", "data", Now(data::collections)),
    ("GET", "data/*", Now(data::list)),
    ("POST", "data/*", Now(data::insert)),
    ("GET", "data/*/*", Now(data::item)),
    ("PUT, PATCH, DELETE", "data/*/*", Now(data::edit)),
    ("POST", "send", Now(connections::send)),
    ("GET", "triggers", Now(time::triggers)),
    ("POST", "triggers/*", Now(time::trigger)),
    ("GET", "timers", Now(time::timers)),
    ("PATCH", "timers/*", Now(time::set_timer)),
    ("POST", "timers/*/fire", Now(time::fire)),
    ("GET", "clock", Now(time::clock)),
    (
        "POST",
        "clock",
        Later(|call| Box::pin(time::set_clock(call))),
    ),
    ("POST", "reset", Later(|call| Box::pin(info::reset(call)))),
    ("GET", "faults", Now(faults::list)),
    ("PUT", "faults", Now(faults::put)),
    ("DELETE", "faults", Now(faults::clear)),
    ("GET", "journal", Now(journal::list)),
    ("DELETE", "journal", Now(journal::clear)),
    (
        "POST",
        "journal/wait",
        Later(|call| Box::pin(journal::wait(call))),
    ),
    ("GET", "metrics", Now(info::metrics)),
];

fn fits(pattern: &str, parts: &[String]) -> bool {
    let pattern = pattern.split('/');
    pattern.clone().count() == parts.len()
        && pattern
            .zip(parts)
            .all(|(pattern, part)| pattern == "*" || pattern == part)
}

async fn route(call: &ApiCall) -> ApiResult {
    let mut methods = Vec::new();
    for (allowed, pattern, run) in ROWS {
        if !fits(pattern, &call.parts) {
            continue;
        }
        if !allowed.split(", ").any(|method| method == call.method) {
            methods.push(*allowed);
            continue;
        }
        call.check_media_type()?;
        return match run {
            Now(run) => run(call),
            Later(run) => run(call).await,
        };
    }
    Err(unknown(call, &methods.join(", ")))
}

fn unknown(call: &ApiCall, methods: &str) -> HttpProblem {
    if !methods.is_empty() {
        let found = shortened(&call.method);
        let message = format!("`{found}` is not allowed here; allowed: {methods}");
        return HttpProblem::method(message, methods);
    }
    let mut known: Vec<&str> = ROWS.iter().map(|(_, pattern, _)| *pattern).collect();
    known.dedup();
    let path = shortened(&call.path);
    HttpProblem::not_found(format!(
        "nothing is at `{path}`; there are {}",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_rows() {
        let cases = [
            ("health", &["health"][..]),
            ("journal/wait", &["journal/wait"]),
            ("timers/tick/fire", &["timers/*/fire"]),
            ("data/stations/station_001", &["data/*/*", "data/*/*"]),
            ("data/stations", &["data/*", "data/*"]),
            ("nix", &[]),
            ("", &[]),
        ];
        for (path, expected) in cases {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            let rows = ROWS.iter().map(|(_, pattern, _)| *pattern);
            let found: Vec<_> = rows.filter(|pattern| fits(pattern, &parts)).collect();
            assert_eq!(found, expected, "{path}");
        }
    }
}
