//! `journal`: what was said, and waiting for it.

use std::time::Duration;

use hyper::StatusCode;

use crate::base::json::{Json, Kind, Part};
use crate::base::text::shortened;
use crate::hub::{About, Entry, Hub, PeerId};
use crate::net::answer::{Answer, HttpProblem};

use super::request::{Ask, duration, invalid, items, ok, text};

/// Entries an answer has, unless asked for another number.
const PAGE: u64 = 1000;
/// Entries that `wait` looks at before others get their turn.
const LOOKED_AT: usize = 200;
/// What `wait` waits, unless asked for another time, and at most.
const WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Which entries are meant.
#[derive(Default)]
struct Filter {
    name: Option<String>,
    peer: Option<PeerId>,
    inward: Option<bool>,
    part: Option<Json>,
}

impl Filter {
    fn new(
        name: Option<String>,
        connection: Option<&str>,
        direction: Option<&str>,
    ) -> Result<Filter, HttpProblem> {
        let inward = match direction {
            None => None,
            Some("in") => Some(true),
            Some("out") => Some(false),
            Some(other) => {
                return Err(invalid(format!(
                    "`direction` is `in` or `out`, found `{}`",
                    shortened(other)
                )));
            }
        };
        let peer = match connection {
            None => None,
            Some(name) => Some(
                name.strip_prefix('c')
                    .and_then(|number| number.parse().ok())
                    .ok_or_else(|| {
                        invalid(format!(
                            "`connection` is an id such as `c1`, found `{}`",
                            shortened(name)
                        ))
                    })?,
            ),
        };
        Ok(Filter {
            name,
            peer,
            inward,
            part: None,
        })
    }

    /// All but the message itself, which takes longer to look at.
    fn concerns(&self, about: &About) -> bool {
        self.name.as_ref().is_none_or(|name| **name == *about.name)
            && self.peer.is_none_or(|peer| peer == about.peer)
            && self.inward.is_none_or(|inward| inward == about.inward)
    }

    /// Whether the message has what is wanted in it.
    fn holds(&self, entry: &Entry) -> bool {
        self.part.as_ref().is_none_or(|part| {
            let message = entry.seen();
            is_part(part.part(), message.part())
        })
    }
}

/// Whether everything that is wanted is there: members of objects, elements of lists of the same length, equal values.
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

pub(super) fn list(hub: &Hub, ask: &Ask) -> Result<Answer, HttpProblem> {
    ask.check_query(&["name", "connection", "direction", "after", "limit"])?;
    let filter = Filter::new(
        ask.value("name").map(str::to_owned),
        ask.value("connection"),
        ask.value("direction"),
    )?;
    let limit = ask.number("limit")?.unwrap_or(PAGE) as usize;
    let concerns = |about: &About| filter.concerns(about);
    let entries = match ask.number("after")? {
        Some(after) => hub.journal().select(after, limit, concerns),
        None => hub.journal().last(limit, concerns),
    };
    Ok(items(entries.iter().map(Entry::shown)))
}

pub(super) fn clear(hub: &Hub) -> Answer {
    hub.journal().clear();
    items([])
}

pub(super) async fn wait(hub: &Hub, ask: &Ask) -> Result<Answer, HttpProblem> {
    let body = ask.object(&[
        "match",
        "direction",
        "timeout",
        "after",
        "name",
        "connection",
    ])?;
    let mut filter = Filter::new(
        text(&body, "name")?,
        text(&body, "connection")?.as_deref(),
        text(&body, "direction")?.as_deref(),
    )?;
    filter.part = body.get("match");
    let timeout = duration(&body, "timeout")?.unwrap_or(WAIT);
    if timeout > LONGEST_WAIT {
        return Err(invalid("`timeout` is a minute at most"));
    }
    let mut after = match body.get("after").filter(|after| after.kind() != Kind::Null) {
        None => 0,
        Some(value) => value
            .part()
            .as_i64()
            .and_then(|after| u64::try_from(after).ok())
            .ok_or_else(|| {
                invalid(format!(
                    "`after` is the `seq` of a message, found `{}`",
                    shortened(value.text())
                ))
            })?,
    };
    // Watching starts before looking, so that nothing falls in between.
    let mut news = hub.journal().watch();
    let found = async {
        loop {
            news.borrow_and_update();
            // Messages are looked at outside of the journal's lock, which every message takes, and each of them once.
            loop {
                let concerns = |about: &About| filter.concerns(about);
                let entries = hub.journal().select(after, LOOKED_AT, concerns);
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
        Ok(entry) => Ok(ok(entry.shown())),
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

    #[test]
    fn a_part_of_a_message_is_found_in_it() {
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
    fn what_is_no_json_is_found_as_a_text() {
        let entry = |payload: &'static str, more: usize| Entry {
            seq: 1,
            about: About {
                time: 0,
                peer: 1,
                inward: true,
                text: true,
                name: "",
                size: payload.len() + more,
            },
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
            // Shortened: what it began with is no message.
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
