//! HTTP under `/__mock/`: tests and people take the running mock in hand.
//!
//! `Host`, `Origin` and the body's size were looked at before a request comes here. This module says which row of
//! the table a request means and what is wrong with it; the rows are in the files beside it.

mod connections;
mod data;
mod faults;
mod info;
mod journal;
mod request;
mod time;

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use hyper::header::{CACHE_CONTROL, HeaderValue};

use crate::base::text::shortened;
use crate::hub::Hub;
use crate::net::Control;
use crate::net::answer::{Answer, HttpProblem};
use request::Ask;

/// The root of the API.
pub const ROOT: &str = "/__mock/";

/// The API of a running world; `addresses` are the server's URLs, known once it listens.
pub fn handler(hub: Hub, addresses: Arc<OnceLock<Vec<String>>>) -> Control {
    Arc::new(move |request| {
        let (hub, addresses) = (hub.clone(), addresses.clone());
        Box::pin(async move {
            let call = Call {
                hub: &hub,
                addresses: addresses.get().map_or(&[], Vec::as_slice),
                ask: &Ask::new(request),
            };
            let mut answer = route(&call).await.unwrap_or_else(Answer::from);
            let no_store = HeaderValue::from_static("no-store");
            answer.headers_mut().insert(CACHE_CONTROL, no_store);
            answer
        })
    })
}

/// One request and everything that its row may use.
struct Call<'c> {
    hub: &'c Hub,
    addresses: &'c [String],
    ask: &'c Ask,
}

impl Call<'_> {
    /// A part of the path.
    fn name(&self, at: usize) -> &str {
        &self.ask.parts[at]
    }
}

type Outcome = Result<Answer, HttpProblem>;

enum Run {
    Now(fn(&Call<'_>) -> Outcome),
    /// Waits for something.
    Later(for<'c> fn(&'c Call<'c>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>>),
}

use Run::{Later, Now};

/// The API: methods, a path with `*` for a name, and its function.
const ROWS: &[(&str, &str, Run)] = &[
    (
        "GET, HEAD",
        "health",
        Now(|call| Ok(info::health(call.hub))),
    ),
    (
        "GET",
        "info",
        Now(|call| Ok(info::info(call.hub, call.addresses))),
    ),
    (
        "GET",
        "connections",
        Now(|call| Ok(connections::connections(call.hub))),
    ),
    (
        "DELETE",
        "connections/*",
        Now(|call| connections::cut_off(call.hub, call.name(1), call.ask)),
    ),
    ("GET", "rooms", Now(|call| Ok(connections::rooms(call.hub)))),
    ("GET", "data", Now(|call| Ok(data::collections(call.hub)))),
    (
        "GET",
        "data/*",
        Now(|call| data::list(call.hub, call.name(1), call.ask)),
    ),
    (
        "POST",
        "data/*",
        Now(|call| data::insert(call.hub, call.name(1), call.ask)),
    ),
    (
        "GET",
        "data/*/*",
        Now(|call| data::item(call.hub, call.name(1), call.name(2))),
    ),
    (
        "PUT, PATCH, DELETE",
        "data/*/*",
        Now(|call| data::edit(call.hub, call.name(1), call.name(2), call.ask)),
    ),
    (
        "POST",
        "send",
        Now(|call| connections::send(call.hub, call.ask)),
    ),
    ("GET", "triggers", Now(|call| Ok(time::triggers(call.hub)))),
    (
        "POST",
        "triggers/*",
        Now(|call| time::trigger(call.hub, call.name(1), call.ask)),
    ),
    ("GET", "timers", Now(|call| Ok(time::timers(call.hub)))),
    (
        "PATCH",
        "timers/*",
        Now(|call| time::set_timer(call.hub, call.name(1), call.ask)),
    ),
    (
        "POST",
        "timers/*/fire",
        Now(|call| time::fire(call.hub, call.name(1))),
    ),
    ("GET", "clock", Now(|call| Ok(time::clock(call.hub)))),
    (
        "POST",
        "clock",
        Later(|call| Box::pin(time::set_clock(call.hub, call.ask))),
    ),
    (
        "POST",
        "reset",
        Later(|call| Box::pin(info::reset(call.hub, call.ask))),
    ),
    ("GET", "faults", Now(|call| Ok(faults::list(call.hub)))),
    ("PUT", "faults", Now(|call| faults::put(call.hub, call.ask))),
    ("DELETE", "faults", Now(|call| Ok(faults::clear(call.hub)))),
    (
        "GET",
        "journal",
        Now(|call| journal::list(call.hub, call.ask)),
    ),
    (
        "DELETE",
        "journal",
        Now(|call| Ok(journal::clear(call.hub))),
    ),
    (
        "POST",
        "journal/wait",
        Later(|call| Box::pin(journal::wait(call.hub, call.ask))),
    ),
    ("GET", "metrics", Now(|call| Ok(info::metrics(call.hub)))),
];

fn fits(pattern: &str, parts: &[String]) -> bool {
    let pattern = pattern.split('/');
    pattern.clone().count() == parts.len()
        && pattern
            .zip(parts)
            .all(|(pattern, part)| pattern == "*" || pattern == part)
}

async fn route(call: &Call<'_>) -> Outcome {
    let ask = call.ask;
    let mut methods = Vec::new();
    for (allowed, pattern, run) in ROWS {
        if !fits(pattern, &ask.parts) {
            continue;
        }
        if !allowed.split(", ").any(|method| method == ask.method) {
            methods.push(*allowed);
            continue;
        }
        ask.check_media_type()?;
        return match run {
            Now(run) => run(call),
            Later(run) => run(call).await,
        };
    }
    Err(unknown(ask, &methods.join(", ")))
}

fn unknown(ask: &Ask, methods: &str) -> HttpProblem {
    if !methods.is_empty() {
        let found = shortened(&ask.method);
        let message = format!("`{found}` is not allowed here; allowed: {methods}");
        return HttpProblem::method(message, methods);
    }
    let mut known: Vec<&str> = ROWS.iter().map(|(_, pattern, _)| *pattern).collect();
    known.dedup();
    let path = shortened(&ask.path);
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
