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

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::{Request, Response};

use crate::base::text::shortened;
use crate::hub::Hub;
use request::{Answer, Ask, Problem};

/// Where the API lives.
pub const ROOT: &str = "/__mock/";

/// What answers a request whose body has arrived.
pub type Handler = Arc<
    dyn Fn(Request<Bytes>, SocketAddr) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>
        + Send
        + Sync,
>;

/// The API of a running world; `addresses` are the URLs it is found at, known once it listens.
pub fn handler(hub: Hub, addresses: Arc<OnceLock<Vec<String>>>) -> Handler {
    Arc::new(move |request, _| {
        let (hub, addresses) = (hub.clone(), addresses.clone());
        Box::pin(async move {
            let ask = Ask::new(request);
            let answer = route(&hub, addresses.get().map_or(&[], Vec::as_slice), &ask)
                .await
                .unwrap_or_else(Answer::from);
            answer.into_response()
        })
    })
}

/// The rows: a path's parts with `*` for a name, and its methods.
const ROWS: &[(&str, &str)] = &[
    ("health", "GET, HEAD"),
    ("info", "GET"),
    ("connections", "GET"),
    ("connections/*", "DELETE"),
    ("rooms", "GET"),
    ("data", "GET"),
    ("data/*", "GET, POST"),
    ("data/*/*", "GET, PUT, PATCH, DELETE"),
    ("send", "POST"),
    ("triggers", "GET"),
    ("triggers/*", "POST"),
    ("timers", "GET"),
    ("timers/*", "PATCH"),
    ("timers/*/fire", "POST"),
    ("clock", "GET, POST"),
    ("reset", "POST"),
    ("faults", "GET, PUT, DELETE"),
    ("journal", "GET, DELETE"),
    ("journal/wait", "POST"),
    ("metrics", "GET"),
];

fn row(parts: &[String]) -> Option<(&'static str, &'static str)> {
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern.len() == parts.len()
            && pattern
                .iter()
                .zip(parts)
                .all(|(pattern, part)| *pattern == "*" || pattern == part)
    };
    // A row that is spelled out goes before one with a name in it.
    let mut rows: Vec<_> = ROWS.iter().filter(|(pattern, _)| fits(pattern)).collect();
    rows.sort_by_key(|(pattern, _)| pattern.matches('*').count());
    rows.first().map(|row| **row)
}

async fn route(hub: &Hub, addresses: &[String], ask: &Ask) -> Result<Answer, Problem> {
    let Some((pattern, methods)) = row(&ask.parts) else {
        let known: Vec<&str> = ROWS.iter().map(|(pattern, _)| *pattern).collect();
        return Err(Problem::new(
            404,
            "NOT_FOUND",
            format!(
                "nothing is at `{}`; there are {}",
                shortened(&ask.path),
                known.join(", ")
            ),
        ));
    };
    if !methods.split(", ").any(|method| method == ask.method) {
        return Err(Problem::method(&ask.method, methods));
    }
    ask.check_media_type()?;
    let name = |at: usize| ask.parts[at].as_str();
    match (pattern, ask.method.as_str()) {
        ("health", _) => Ok(info::health(hub)),
        ("info", _) => Ok(info::info(hub, addresses)),
        ("metrics", _) => Ok(info::metrics(hub)),
        ("connections", _) => Ok(connections::connections(hub)),
        ("connections/*", _) => connections::cut_off(hub, name(1), ask),
        ("rooms", _) => Ok(connections::rooms(hub)),
        ("send", _) => connections::send(hub, ask),
        ("data", _) => Ok(data::collections(hub)),
        ("data/*", "GET") => data::list(hub, name(1), ask),
        ("data/*", _) => data::insert(hub, name(1), ask),
        ("data/*/*", "GET") => data::item(hub, name(1), name(2)),
        ("data/*/*", method) => data::edit(hub, name(1), name(2), method, ask),
        ("triggers", _) => Ok(time::triggers(hub)),
        ("triggers/*", _) => time::trigger(hub, name(1), ask),
        ("timers", _) => Ok(time::timers(hub)),
        ("timers/*", _) => time::set_timer(hub, name(1), ask),
        ("timers/*/fire", _) => time::fire(hub, name(1)),
        ("clock", "GET") => Ok(time::clock(hub)),
        ("clock", _) => time::set_clock(hub, ask).await,
        ("reset", _) => info::reset(hub, ask).await,
        ("faults", "GET") => Ok(faults::list(hub)),
        ("faults", "PUT") => faults::put(hub, ask),
        ("faults", _) => Ok(faults::clear(hub)),
        ("journal", "GET") => journal::list(hub, ask),
        ("journal", _) => Ok(journal::clear(hub)),
        _ => journal::wait(hub, ask).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart() {
        let cases = [
            ("health", Some("health")),
            ("journal/wait", Some("journal/wait")),
            ("timers/tick/fire", Some("timers/*/fire")),
            ("data/stations/station_001", Some("data/*/*")),
            ("data/stations", Some("data/*")),
            ("nix", None),
            ("", None),
        ];
        for (path, expected) in cases {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            assert_eq!(row(&parts).map(|(pattern, _)| pattern), expected, "{path}");
        }
    }
}
