//! `journal`: recorded messages, and waiting for one.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use crate::base::json::{Json, Kind, Part};
use crate::base::text::shortened;
use crate::hub::{About, Entry, Names, PeerId};
use crate::net::answer::HttpProblem;

use super::call::{ApiCall, ApiResult, any, invalid, items, ok, time};
use super::connections::peer_id;

/// Entries in an answer, unless `limit` says otherwise.
const PAGE: u64 = 1000;
/// Entries that `wait` compares before it lets others run.
const BATCH: usize = 200;
const DEFAULT_WAIT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_mins(1);

#[derive(Default)]
struct Filter {
    name: Option<String>,
    peer: Option<PeerId>,
    inward: Option<bool>,
    part: Option<Json>,
}

impl Filter {
    fn new(
        name: Option<&str>,
        connection: Option<&str>,
        direction: Option<&str>,
    ) -> Result<Filter, HttpProblem> {
        let wrong =
            |must: &str, found: &str| invalid(format!("{must}, got `{}`", shortened(found)));
        let inward = match direction {
            None => None,
            Some("in") => Some(true),
            Some("out") => Some(false),
            Some(other) => return Err(wrong("`direction` must be `in` or `out`", other)),
        };
        let peer = connection.map(|name| {
            peer_id(name).ok_or_else(|| wrong("`connection` must be an id such as `c1`", name))
        });
        Ok(Filter {
            name: name.map(str::to_owned),
            peer: peer.transpose()?,
            inward,
            part: None,
        })
    }

    /// Compares everything but the message itself, which takes longer.
    fn concerns(&self, names: &Names) -> impl Fn(&About) -> bool {
        let name = self.name.as_deref().map(|name| names.find(name));
        move |about| {
            name.is_none_or(|name| name == Some(about.name))
                && self.peer.is_none_or(|peer| peer == about.peer)
                && self.inward.is_none_or(|inward| inward == about.inward)
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        self.part.as_ref().is_none_or(|part| {
            let message = entry.seen();
            is_part(part.part(), message.part())
        })
    }
}

/// Objects may have more members than wanted; lists must be of equal length.
fn is_part(wanted: Part<'_>, found: Part<'_>) -> bool {
    match (wanted.kind(), found.kind()) {
        (Kind::Object, Kind::Object) => wanted.members().all(|member| {
            found
                .get(&member.key())
                .is_some_and(|found| is_part(member, found))
        }),
        (Kind::List, Kind::List) => {
            wanted.elements().count() == found.elements().count()
                && wanted
                    .elements()
                    .zip(found.elements())
                    .all(|(wanted, found)| is_part(wanted, found))
        }
        _ => wanted == found,
    }
}

pub(super) fn list(call: &ApiCall) -> ApiResult {
    call.check_query(&["name", "connection", "direction", "after", "limit"])?;
    let filter = Filter::new(
        call.query_value("name"),
        call.query_value("connection"),
        call.query_value("direction"),
    )?;
    let limit = call.query_number("limit")?.unwrap_or(PAGE) as usize;
    let journal = call.hub.journal();
    let concerns = filter.concerns(&journal.names);
    let entries = match call.query_number("after")? {
        Some(after) => journal.select(after, limit, concerns),
        None => journal.last(limit, concerns),
    };
    items(entries.iter().map(Entry::shown))
}

pub(super) fn clear(call: &ApiCall) -> ApiResult {
    call.hub.journal().clear();
    items([""; 0])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitBody {
    #[serde(default, rename = "match", deserialize_with = "any")]
    part: Option<Json>,
    name: Option<String>,
    connection: Option<String>,
    direction: Option<String>,
    #[serde(default, deserialize_with = "time")]
    timeout: Option<Duration>,
    after: Option<u64>,
}

pub(super) async fn wait(call: &ApiCall) -> ApiResult {
    let wait: WaitBody = call.object()?;
    let mut filter = Filter::new(
        wait.name.as_deref(),
        wait.connection.as_deref(),
        wait.direction.as_deref(),
    )?;
    filter.part = wait.part;
    let timeout = wait.timeout.unwrap_or(DEFAULT_WAIT);
    if timeout > MAX_WAIT {
        return Err(invalid("`timeout` must be at most a minute"));
    }
    let (mut after, journal) = (wait.after.unwrap_or_default(), call.hub.journal());
    // Subscribed before the first look, so that no message falls in between.
    let mut news = journal.watch();
    let found = async {
        loop {
            news.borrow_and_update();
            // Compared outside of the journal's lock, which every message takes, and each of them once.
            loop {
                let concerns = filter.concerns(&journal.names);
                let entries = journal.select(after, BATCH, concerns);
                let Some(last) = entries.last() else { break };
                after = last.seq;
                if let Some(entry) = entries.into_iter().find(|entry| filter.holds(entry)) {
                    return entry;
                }
                tokio::task::yield_now().await;
            }
            if news.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    match tokio::time::timeout(timeout, found).await {
        Ok(entry) => ok(entry.shown()),
        Err(_) => Err(HttpProblem::new(
            StatusCode::REQUEST_TIMEOUT,
            "TIMEOUT",
            format!("no such message within {timeout:?}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::NameId;

    #[test]
    fn parts_of_messages_match() {
        let cases = [
            (r#"{"a":1}"#, r#"{"a":1.0,"b":2}"#, true),
            (
                r#"{"a":{"b":[1,{"c":2}]}}"#,
                r#"{"a":{"b":[1,{"c":2,"d":3}]}}"#,
                true,
            ),
            (r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, false),
            (r#"{"a":null}"#, "{}", false),
            ("{}", "[]", false),
            ("\"x\"", "\"x\"", true),
        ];
        for (wanted, found, expected) in cases {
            let (wanted, found) = (Json::parse(wanted).unwrap(), Json::parse(found).unwrap());
            assert_eq!(
                is_part(wanted.part(), found.part()),
                expected,
                "{wanted:?} in {found:?}"
            );
        }
    }

    #[test]
    fn other_messages_match_as_text() {
        let entry = |payload: &'static str, more: usize| Entry {
            seq: 1,
            about: About {
                time: 0,
                peer: 1,
                inward: true,
                text: true,
                name: NameId::default(),
                size: payload.len() + more,
            },
            name: "".into(),
            payload: payload.into(),
            fault: Vec::new(),
        };
        let cases = [
            ("\"hello\"", entry("hello", 0), true),
            ("\"hell\"", entry("hello", 0), false),
            (
                "[\"chat\",{\"a\":1}]",
                entry("[\"chat\",{\"a\":1,\"b\":2}]", 0),
                true,
            ),
            (
                "[\"chat\"]",
                entry("[\"chat\",{\"a\":1,\"b\":2}]", 0),
                false,
            ),
            ("{\"a\":1}", entry("{\"a\":1}", 0), true),
            // Shortened, so its beginning is not the message.
            ("{\"a\":1}", entry("{\"a\":1}", 70_000), false),
        ];
        for (wanted, entry, expected) in cases {
            let filter = Filter {
                part: Some(Json::parse(wanted).unwrap()),
                ..Filter::default()
            };
            assert_eq!(filter.holds(&entry), expected, "{wanted} in {entry:?}");
        }
    }
}
