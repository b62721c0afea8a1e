//! The control API's hand on a running world: clock, resets, triggers, data.

use std::time::Duration;

use ws_mock::base::json::Json;
use ws_mock::config::{ClockStart, Play};
use ws_mock::hub::{Change, ChangeKind, DataError, Hub, Returned};

use crate::support::world::{START, connect, heard, held, hub};

const SCENARIO: &str = r#"
scenario: operated
data:
  things: { key: id, count: 2, item: { id: "${ n }", v: 1 } }
  notes: { key: id, items: [ { id: 1 } ] }
disconnect:
  - later: 1s
    do: [ { send: { id: "${ connection.id }", path: "${ connection.path }", kept: "${ session.kept }" }, to: all } ]
connect: [ { remember: { kept: "${ connection.id }" } } ]
on: { "*": [ { reply: "${ now() }" } ] }
triggers:
  fine: [ { log: fine } ]
  refused: [ { fail: NOT_NOW } ]
  broken: [ { log: fine }, { log: "${ 1 // 0 }" } ]
"#;

fn change(collection: &str, key: &str, kind: ChangeKind) -> Change {
    Change {
        collection: collection.to_owned(),
        key: key.to_owned(),
        kind,
    }
}

fn merge(json: &str) -> ChangeKind {
    ChangeKind::Merge(Json::parse(json.to_owned()).unwrap())
}

#[tokio::test]
async fn reset_under_manual_clock_brings_back_start_time() {
    let manual = Play {
        clock: ClockStart::Manual,
        ..held(1)
    };
    let hub = hub(SCENARIO, manual);
    let start = hub.clock().1;
    // The real time must have gone on, or nothing is shown.
    while ws_mock::hub::wall() == start {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    hub.advance(Duration::from_secs(5)).await.unwrap();
    hub.reset(None).await.unwrap();
    assert_eq!(hub.clock().1, start);
}

#[tokio::test]
async fn concurrent_advances_add_up() {
    let hub = hub(SCENARIO, held(1));
    let by = Duration::from_secs(10);
    let (one, two, three) = tokio::join!(hub.advance(by), hub.advance(by), hub.advance(by));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(hub.clock().1, START + 30_000);
}

#[tokio::test]
async fn resets_at_once_share_one_world() {
    let hub = hub(SCENARIO, held(1));
    let resets = (0..20).map(|_| {
        let hub: Hub = hub.clone();
        tokio::spawn(async move { hub.reset(None).await })
    });
    for reset in resets.collect::<Vec<_>>() {
        reset.await.unwrap().unwrap();
    }
    assert_eq!(hub.generation(), 1);
    hub.reset(None).await.unwrap();
    let (same, other) = tokio::join!(hub.reset(None), hub.reset(Some(9)));
    assert!(same.is_ok() && other.is_ok());
    assert_eq!((hub.generation(), hub.seed()), (4, 9));
}

#[test]
fn trigger_that_fails_says_where_and_why() {
    let hub = hub(SCENARIO, held(1));
    let run = |name: &str| hub.trigger(name, Json::parse("{}").unwrap());
    assert_eq!(run("fine"), Returned::Nothing);
    assert_eq!(run("none"), Returned::NotFound);
    for (name, at, words) in [
        ("refused", "test.yaml:13:", "NOT_NOW"),
        ("broken", "test.yaml:14:", "1 // 0"),
    ] {
        let Returned::Failed { place, why } = run(name) else {
            panic!("{name} fails")
        };
        assert!(
            place.starts_with(at) && why.contains(words),
            "{place}: {why}"
        );
    }
}

#[test]
fn unknown_field_of_a_made_item_is_reported() {
    let strict = Play {
        strict: true,
        ..held(1)
    };
    for (play, is_strict) in [(strict, true), (held(1), false)] {
        let hub = hub(SCENARIO, play);
        let edited = hub.edit(change("things", "1", merge(r#"{"w":2}"#)));
        match edited {
            Err(error @ DataError::NoField(..)) if is_strict => {
                let words = "`things` has no field `w`; known: id, v";
                assert_eq!(error.to_string(), words);
            }
            edited => assert!(edited.is_ok() && !is_strict, "{edited:?}"),
        }
        // Items that were written down may have any fields.
        hub.edit(change("notes", "1", merge(r#"{"w":2}"#))).unwrap();
        hub.edit(change("things", "1", merge(r#"{"v":2}"#)))
            .unwrap();
    }
}

#[tokio::test]
async fn plan_of_a_disconnect_keeps_connection_and_session() {
    let hub = hub(SCENARIO, held(1));
    let (peer, other) = (connect(&hub), connect(&hub));
    drop(peer);
    hub.advance(Duration::from_secs(1)).await.unwrap();
    assert_eq!(heard(&other), [r#"{"id":"c1","path":"/ws","kept":"c1"}"#]);
}
