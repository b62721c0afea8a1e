//! The promises: runs are reproducible, and no client sees time go backwards.

use ws_mock::base::Limits;
use ws_mock::config::{ClockStart, Play};
use ws_mock::hub::{Hub, Inbound, Peer};

use crate::support::world::{connect, heard, held, hub};

fn stations(seed: u64, more: &str) -> Hub {
    let (_, text) = ws_mock::lang::bundled()[0];
    let text = text.replacen("data:\n", &format!("data:\n{more}"), 1);
    hub(&text, held(seed))
}

fn ask(peer: &Peer, text: &str) {
    peer.receive(Inbound::Text(text.into()));
}

const ALL: &str = r#"{"type":"request","action":"getStations","requestId":1,"data":{"pagination":{"limit":1000}}}"#;

/// A conversation of two minutes.
async fn conversation(hub: &Hub, disturbed: bool) -> Vec<String> {
    let peer = connect(hub);
    let mut others = Vec::new();
    let mut said = Vec::new();
    for _ in 0..4 {
        if disturbed {
            let other = connect(hub);
            ask(&other, ALL);
            ask(&other, "rubbish");
            others.push(other);
        }
        ask(&peer, ALL);
        hub.advance(std::time::Duration::from_secs(30))
            .await
            .unwrap();
        said.extend(heard(&peer));
    }
    said
}

#[tokio::test]
async fn same_seed_gives_same_bytes() {
    let alone = conversation(&stations(7, ""), false).await;
    assert_eq!(alone.len(), 8, "four answers and four pushes");
    assert_eq!(alone, conversation(&stations(7, ""), false).await);
    assert_eq!(alone, conversation(&stations(7, ""), true).await);
    assert_ne!(alone, conversation(&stations(8, ""), false).await);
}

#[tokio::test]
async fn added_collection_changes_no_other() {
    let alone = conversation(&stations(7, ""), false).await;
    let more = "  extras:\n    key: id\n    count: 50\n    item: { id: \"${ n }\", x: \"${ int(1, 9) }\" }\n";
    assert_eq!(alone, conversation(&stations(7, more), false).await);
}

#[tokio::test]
async fn larger_count_keeps_existing_items() {
    let first = |hub: &Hub| {
        hub.collection("stations")
            .unwrap()
            .at(99)
            .unwrap()
            .text()
            .to_owned()
    };
    let small = stations(7, "");
    let (_, text) = ws_mock::lang::bundled()[0];
    let mut large = held(7);
    large.counts.push(("stations".into(), 250));
    let large = hub(text, large);
    assert_eq!(first(&small), first(&large));
    assert_eq!(large.collection("stations").unwrap().len(), 250);
}

#[tokio::test]
async fn reset_restores_the_start() {
    let hub = stations(7, "");
    let peer = connect(&hub);
    let mut rounds = Vec::new();
    for _ in 0..2 {
        ask(&peer, ALL);
        hub.advance(std::time::Duration::from_mins(1))
            .await
            .unwrap();
        ask(&peer, ALL);
        rounds.push(heard(&peer));
        hub.reset(None).await.unwrap();
    }
    assert_eq!(rounds[0], rounds[1]);
}

#[tokio::test]
async fn reset_ends_a_running_advance() {
    let hub = stations(7, "");
    let start = hub.clock().1;
    let advancing = hub.clone();
    let years = tokio::spawn(async move {
        advancing
            .advance(std::time::Duration::from_hours(87_600))
            .await
    });
    while hub.clock().1 == start {
        tokio::task::yield_now().await;
    }
    hub.reset(None).await.unwrap();
    years.await.unwrap().unwrap();
    assert_eq!(hub.clock().1, start);
    hub.advance(std::time::Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(hub.clock().1, start + 1000);
}

const COUNTING: &str = r#"
scenario: counting
data:
  things:
    key: id
    items: [ { id: 1, n: 0 } ]
messages:
  name: ${ message.do }
on:
  look:
    - find: things
      key: 1
    - reply: { n: "${ item.n }" }
changes:
  things:
    updated:
      - send: { n: "${ updated[0].item.n }" }
        to: all
timers:
  count:
    every: 1ms
    do:
      - update: things
        key: 1
        set: { n: "${ item.n + 1 }" }
"#;

/// Many clients query items that a timer changes. Answers are read under a shared lock and pushes are made under the
/// write lock, and no client may see an older state after a newer one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_peer_sees_older_state_after_newer() {
    let hub = hub(
        COUNTING,
        Play {
            clock: ClockStart::Real,
            ..held(1)
        },
    );
    let timers = tokio::spawn({
        let hub = hub.clone();
        async move { hub.run_timers().await }
    });
    let mut clients = Vec::new();
    for _ in 0..8 {
        let peer = connect(&hub);
        clients.push(tokio::task::spawn_blocking(move || {
            let (mut last, mut seen) = (0, 0);
            while last < 200 {
                ask(&peer, r#"{"do":"look"}"#);
                for text in heard(&peer) {
                    let n = text
                        .trim_start_matches("{\"n\":")
                        .trim_end_matches('}')
                        .parse::<u64>()
                        .unwrap();
                    assert!(n >= last, "{n} after {last}");
                    (last, seen) = (n, seen + 1);
                }
            }
            seen
        }));
    }
    for client in clients {
        assert!(client.await.unwrap() >= 200);
    }
    timers.abort();
}

/// The same over real sockets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_socket_sees_older_state_after_newer() {
    let config = crate::support::server::config(Limits::default());
    let hub = crate::support::server::hub(COUNTING, Limits::default());
    let timers = tokio::spawn({
        let hub = hub.clone();
        async move { hub.run_timers().await }
    });
    let server = crate::support::server::TestServer::start(&config, hub, None);
    let mut clients = Vec::new();
    for _ in 0..4 {
        let address = server.address;
        clients.push(tokio::spawn(async move {
            let mut raw = crate::support::raw::Raw::open(address, "/").await;
            let mut last = 0;
            while last < 100 {
                raw.frame(1, br#"{"do":"look"}"#).await;
                let text = String::from_utf8(raw.read().await.payload).unwrap();
                let n = text
                    .trim_start_matches("{\"n\":")
                    .trim_end_matches('}')
                    .parse::<u64>()
                    .unwrap();
                assert!(n >= last, "{n} after {last}");
                last = n;
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    timers.abort();
}

const PLANNING: &str = r"
scenario: planning
messages:
  name: ${ message.do }
connect:
  - later: 1ms
    do: [ { send: come, to: all } ]
disconnect:
  - later: 1ms
    do: [ { send: gone, to: all } ]
on:
  plan:
    - later: 1h
      do: [ { send: late, to: all } ]
    - later: 1ms
      do: [ { send: said, to: all } ]
";

/// No other event happens meanwhile that could trigger the plans.
#[tokio::test]
async fn plans_run_by_themselves() {
    let play = Play {
        clock: ClockStart::Real,
        ..held(1)
    };
    let hub = hub(PLANNING, play);
    let timers = tokio::spawn({
        let hub = hub.clone();
        async move { hub.run_timers().await }
    });
    let hears = async |peer: &Peer, expected: &str| {
        let come = peer.mailbox().changed();
        let come = tokio::time::timeout(std::time::Duration::from_secs(10), come).await;
        assert!(come.is_ok(), "{expected} does not come");
        assert_eq!(heard(peer), [format!("\"{expected}\"")]);
    };
    let first = connect(&hub);
    hears(&first, "come").await;
    let second = connect(&hub);
    hears(&first, "come").await;
    ask(&first, r#"{"do":"plan"}"#);
    hears(&first, "said").await;
    drop(second);
    hears(&first, "gone").await;
    timers.abort();
}
