//! Reads that take long: they hold up nobody else, and their answers keep their place.

use std::time::Duration;

use ws_mock::hub::{Inbound, Peer};

use crate::support::world::{connect, heard, held, hub};

const SCENARIO: &str = r#"
scenario: greedy
messages: { name: "${ message.do }" }
data: { things: { key: id, count: 2000, item: { id: "${ n }", v: "${ 5000 - n }" } } }
on:
  small: [ { reply: small } ]
  greedy:
    - { for: "${ range(60) }", each: i, do: [ { list: things, sort: "${ message.sort }", limit: 1, as: found } ] }
    - { reply: { first: "${ found.items[0].v }" } }
  tell: [ { update: things, all: true, set: { v: 0 } }, { send: { news: 1 }, to: all } ]
"#;

fn say(peer: &Peer, what: &str) {
    let message = format!(r#"{{"do":"{what}","sort":"v"}}"#);
    peer.receive(Inbound::Text(message.into()));
}

async fn until_heard(peer: &Peer, messages: usize) -> Vec<String> {
    let mut all = Vec::new();
    let wait = async {
        while all.len() < messages {
            peer.mailbox().changed().await;
            all.extend(heard(peer));
        }
    };
    let found = tokio::time::timeout(Duration::from_mins(1), wait).await;
    assert!(found.is_ok(), "no answer in time");
    all
}

#[tokio::test]
async fn long_read_holds_up_no_other_peer_and_keeps_its_place() {
    let hub = hub(SCENARIO, held(1));
    let (greedy, other) = (connect(&hub), connect(&hub));
    say(&greedy, "greedy");
    // On this runtime's one thread the long read cannot have been delivered yet.
    assert!(heard(&greedy).is_empty(), "it runs apart");
    assert!(greedy.mailbox().is_half_full(), "nothing more is read");
    say(&other, "small");
    assert_eq!(heard(&other), ["\"small\""]);
    say(&other, "tell");
    assert_eq!(heard(&other), [r#"{"news":1}"#]);
    assert_eq!(
        until_heard(&greedy, 2).await,
        [r#"{"first":3000}"#, r#"{"news":1}"#],
        "the answer is of the time when it was asked"
    );
    assert!(!greedy.mailbox().is_half_full());
    say(&greedy, "small");
    assert_eq!(heard(&greedy), ["\"small\""]);
}

#[test]
fn long_read_without_a_runtime_is_answered_at_once() {
    let hub = hub(SCENARIO, held(1));
    let peer = connect(&hub);
    say(&peer, "greedy");
    assert_eq!(heard(&peer), [r#"{"first":3000}"#]);
}

#[tokio::test]
async fn peer_that_leaves_during_its_long_read_is_gone() {
    let hub = hub(SCENARIO, held(1));
    let (greedy, other) = (connect(&hub), connect(&hub));
    say(&greedy, "greedy");
    drop(greedy);
    say(&other, "greedy");
    assert_eq!(until_heard(&other, 1).await, [r#"{"first":3000}"#]);
    assert_eq!(hub.connections().len(), 1);
}
