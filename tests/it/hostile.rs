//! Whatever a client says is answered with the right code, and the next one who asks is answered as ever.

use bytes::Bytes;
use proptest::prelude::*;
use ws_mock::base::Limits;
use ws_mock::hub::{Hub, Inbound, Peer};

use crate::seeds::fuzz;
use crate::support::world::{connect, heard, held, hub};

fn stations() -> Hub {
    hub(ws_mock::lang::bundled()[0].1, held(1))
}

fn code(answer: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(answer).unwrap();
    json["error"]["code"].as_str().unwrap_or("").to_owned()
}

#[test]
fn bad_messages_have_their_codes() {
    let request = |data: &str| {
        format!(r#"{{"type":"request","action":"getStations","data":{data},"requestId":1}}"#)
    };
    let many = (0..10_000)
        .map(|n| format!("\"f{n}\":1"))
        .collect::<Vec<_>>()
        .join(",");
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "INVALID_JSON"),
        (b"\xff\xfe".to_vec(), "INVALID_JSON"),
        (b"\xef\xbb\xbf{}".to_vec(), "INVALID_JSON"),
        ("[".repeat(100_000).into_bytes(), "INVALID_JSON"),
        (
            format!("{}1{}", "[".repeat(128), "]".repeat(128)).into_bytes(),
            "INVALID_REQUEST",
        ),
        (
            format!("{}1{}", "[".repeat(129), "]".repeat(129)).into_bytes(),
            "INVALID_JSON",
        ),
        (b"1e400".to_vec(), "INVALID_JSON"),
        (b"{'type':1}".to_vec(), "INVALID_JSON"),
        (b"{\"a\":1}{\"b\":2}".to_vec(), "INVALID_JSON"),
        (b"null".to_vec(), "INVALID_REQUEST"),
        (b"\"\\ud800\"".to_vec(), "INVALID_REQUEST"),
        (b"{}".to_vec(), "INVALID_REQUEST"),
        (
            br#"{"type":"request","action":null}"#.to_vec(),
            "INVALID_REQUEST",
        ),
        (
            format!(r#"{{"type":"request","action":"{}"}}"#, "a".repeat(100_000)).into_bytes(),
            "UNKNOWN_ACTION",
        ),
        (
            br#"{"type":"request","action":"${ 1/0 }"}"#.to_vec(),
            "UNKNOWN_ACTION",
        ),
        (
            br#"{"type":"request","action":"*"}"#.to_vec(),
            "UNKNOWN_ACTION",
        ),
        (
            br#"{"type":"request","action":"getStations","action":"nix"}"#.to_vec(),
            "UNKNOWN_ACTION",
        ),
        (request("[]").into_bytes(), "INVALID_REQUEST"),
        (request(r#"{"fields":[1]}"#).into_bytes(), "INVALID_REQUEST"),
        (request(r#"{"filters":[]}"#).into_bytes(), "INVALID_REQUEST"),
        (
            request(&format!("{{\"filters\":{{{many}}}}}")).into_bytes(),
            "",
        ),
        (
            request(r#"{"filters":{"city":"${ env('PATH') }"}}"#).into_bytes(),
            "",
        ),
        (
            request(r#"{"pagination":{"page":1.5}}"#).into_bytes(),
            "INVALID_PAGINATION",
        ),
        (
            request(r#"{"pagination":{"page":-1}}"#).into_bytes(),
            "INVALID_PAGINATION",
        ),
        (
            request(r#"{"pagination":{"page":[]}}"#).into_bytes(),
            "INVALID_PAGINATION",
        ),
        (
            request(r#"{"pagination":{"limit":1e300}}"#).into_bytes(),
            "INVALID_PAGINATION",
        ),
        (
            request(r#"{"pagination":{"page":9007199254740993,"limit":1000}}"#).into_bytes(),
            "",
        ),
        (
            request(r#"{"filters":{"id":"__proto__"}}"#).into_bytes(),
            "",
        ),
    ];
    let hub = stations();
    let (peer, other) = (connect(&hub), connect(&hub));
    for (bytes, expected) in rows {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        match String::from_utf8(bytes.clone()) {
            Ok(text) => peer.receive(Inbound::Text(text.into())),
            Err(_) => peer.receive(Inbound::Binary(bytes.into())),
        }
        let answers = heard(&peer);
        assert_eq!(answers.len(), 1, "{shown}");
        assert_eq!(
            code(&answers[0]),
            expected,
            "{shown}: {}",
            &answers[0][..answers[0].len().min(300)]
        );
        assert!(
            expected.is_empty() || answers[0].len() < 2000,
            "what is echoed is shortened"
        );
        other.receive(Inbound::Binary(Bytes::from(request("{}"))));
        assert_eq!(code(&heard(&other)[0]), "", "after {shown}");
    }
}

#[test]
fn what_is_too_much_is_counted_and_journalled_too() {
    let limits = Limits {
        messages_per_second: Some(1),
        ..Limits::default()
    };
    let scenario = ws_mock::disk::load("towers", &|_| None).unwrap();
    let hub = Hub::new(scenario, held(1), limits).unwrap();
    let peer = connect(&hub);
    for _ in 0..5 {
        peer.receive(Inbound::Text("{}".into()));
    }
    let inward = hub.journal().last(usize::MAX, |entry| entry.inward);
    assert_eq!(inward.len(), 5);
    assert_eq!(hub.metrics().received.get(), 5);
    let shown = hub.connections().remove(0).json;
    assert!(shown.contains(r#""messages":{"in":5"#), "{shown}");
}

const GAME: &str = r#"
scenario: game
data: { things: { key: id, items: [ { id: 1, n: 0 } ] } }
messages: { name: "${ message.t }" }
on:
  join: [ { join: "${ message.r }" } ]
  leave: [ { leave: "${ message.r }" } ]
  shout: [ { send: { r: "${ message.r }" }, to: { room: "${ message.r }" } } ]
  add: [ { insert: things, item: { n: "${ message.n }" } } ]
  drop: [ { remove: things, sample: 1 } ]
  bump: [ { update: things, sample: 2, set: { n: "${ item.n + 1 }" } } ]
  later: [ { later: "${ message.n }", name: "p${ message.n % 3 }", do: [ { send: { later: 1 }, to: all } ] } ]
changes:
  things:
    created: [ { send: { created: "${ created | length }" }, to: all } ]
    removed: [ { send: { removed: "${ removed | length }" }, to: all } ]
timers:
  each: { every: 700ms, for: things, do: [ { send: { item: "${ item.id }" }, to: { room: a } } ] }
"#;

#[derive(Debug, Clone)]
enum Move {
    Come,
    Go(usize),
    Say(usize, &'static str, u8),
    Wait(u16),
    /// Reads no more, or again.
    Stall(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let verbs = prop::sample::select(vec![
        "join", "leave", "shout", "add", "drop", "bump", "later", "nix",
    ]);
    let one = prop_oneof![
        1 => Just(Move::Come),
        1 => (0..8usize).prop_map(Move::Go),
        6 => (0..8usize, verbs, 0..4u8).prop_map(|(who, verb, n)| Move::Say(who, verb, n)),
        1 => (0..2000u16).prop_map(Move::Wait),
        1 => (0..8usize).prop_map(Move::Stall),
    ];
    prop::collection::vec(one, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens in whatever order: rooms hold only who is here, an empty room is none, and the same moves
    /// give the same bytes.
    #[test]
    fn random_moves_keep_the_rooms_true_and_the_bytes_the_same(moves in moves()) {
        prop_assert_eq!(play(&moves), play(&moves));
    }

    /// The fuzzer's rules hold too: who reads gets what the journal has in its order, who does not is cut off in time.
    #[test]
    fn random_moves_keep_order_and_bounds(moves in moves()) {
        fuzz::messages::check(&lines(&moves));
    }
}

/// The moves as the fuzzer writes them.
fn lines(moves: &[Move]) -> Vec<u8> {
    let mut lines = "game\n+/ws\n".to_owned();
    for one in moves {
        lines.push_str(&match one {
            Move::Come => "+/ws\n".to_owned(),
            Move::Go(who) => format!("-{who}\n"),
            Move::Say(who, verb, n) => format!(">{who}{}\n", spoken(verb, *n)),
            Move::Wait(ms) => format!("@{ms}\n"),
            Move::Stall(who) => format!("~{who}\n"),
        });
    }
    lines.into_bytes()
}

fn spoken(verb: &str, n: u8) -> String {
    let room = ["a", "b"][usize::from(n % 2)];
    format!(
        r#"{{"t":"{verb}","r":"{room}","n":{}}}"#,
        u32::from(n) * 400
    )
}

fn play(moves: &[Move]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let hub = hub(GAME, held(1));
    let mut peers: Vec<Peer> = vec![connect(&hub)];
    let mut said = Vec::new();
    for one in moves {
        match one {
            Move::Come => peers.push(connect(&hub)),
            Move::Go(who) if *who < peers.len() => drop(peers.remove(*who)),
            Move::Say(who, verb, n) => {
                if let Some(peer) = peers.get(*who) {
                    let text = spoken(verb, *n);
                    peer.receive(Inbound::Text(text.into()));
                }
            }
            Move::Wait(ms) => {
                let by = std::time::Duration::from_millis(u64::from(*ms));
                runtime.block_on(hub.advance(by)).unwrap();
            }
            Move::Go(_) | Move::Stall(_) => {}
        }
        let here: Vec<u64> = peers.iter().map(Peer::id).collect();
        for (name, members) in hub.rooms() {
            assert!(!members.is_empty(), "the empty room {name}");
            assert!(
                members.iter().all(|member| here.contains(member)),
                "ghosts in {name}"
            );
        }
        for peer in &peers {
            said.extend(heard(peer));
        }
    }
    said
}
