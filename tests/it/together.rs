//! Messages that have come together, for which the world is looked at once: nobody sees a difference.

use std::time::{Duration, Instant};

use ws_mock::base::Limits;
use ws_mock::hub::{Hub, Inbound, Outgoing, Peer};

use crate::support::world::{connect, heard, held, hub};

const TALK: &str = r#"
scenario: talk
listen: { protocol: json }
messages: { name: "${ message.action }" }
on:
  ask:
    - reply: { n: "${ message.n }", kept: "${ session.kept }" }
  keep:
    - remember: { kept: "${ message.n }" }
    - reply: { n: "${ message.n }" }
  tell:
    - send: { event: news, n: "${ message.n }" }
      to: all
  each:
    - for: all
      do:
        - send: { event: news, n: "${ message.n }" }
  fail:
    - fail: NO_MORE
"#;

/// Reads, writes, pushes, failures and rubbish, each after each.
fn messages() -> Vec<Inbound> {
    let kinds = ["ask", "keep", "tell", "fail", "unknown"];
    let pairs = kinds
        .iter()
        .flat_map(|one| kinds.map(|other| [*one, other]));
    let said = pairs.flatten().enumerate();
    let mut messages: Vec<Inbound> = said
        .map(|(n, action)| Inbound::Text(format!(r#"{{"action":"{action}","n":{n}}}"#).into()))
        .collect();
    messages.insert(10, Inbound::Text("rubbish".into()));
    messages.insert(20, Inbound::Binary("{}".into()));
    messages
}

fn together(peer: &Peer, messages: Vec<Inbound>) {
    let mut messages = messages.into_iter();
    peer.receive_all(|| messages.next());
}

/// What can be seen of a world: what was heard, noted and counted.
struct Seen {
    heard: [Vec<String>; 2],
    noted: Vec<String>,
    counted: Vec<String>,
}

fn seen(hub: &Hub, peers: &[Peer; 2]) -> Seen {
    let noted = hub.journal().last(usize::MAX, |_| true);
    let counted = hub.metrics().text();
    let is_sure = |line: &&str| !line.contains("_sum") && !line.contains("_bucket");
    let mut counted: Vec<_> = counted.lines().filter(is_sure).map(str::to_owned).collect();
    counted.sort();
    Seen {
        heard: peers.each_ref().map(heard),
        noted: noted.iter().map(ws_mock::hub::Entry::shown).collect(),
        counted,
    }
}

#[test]
fn they_are_answered_noted_and_counted_as_one_by_one() {
    let worlds = [hub(TALK, held(7)), hub(TALK, held(7))];
    let peers = worlds.each_ref().map(|hub| [connect(hub), connect(hub)]);
    for message in messages() {
        peers[0][0].receive(message);
    }
    together(&peers[1][0], messages());
    let one_by_one = seen(&worlds[0], &peers[0]);
    let at_once = seen(&worlds[1], &peers[1]);
    assert_eq!(one_by_one.heard, at_once.heard);
    assert_eq!(one_by_one.noted, at_once.noted);
    assert_eq!(one_by_one.counted, at_once.counted);

    let [own, others] = at_once.heard;
    assert_eq!(
        (own.len(), others.len()),
        (52, 10),
        "a push for each `tell`"
    );
    assert_eq!(at_once.noted.len(), 52 + 52 + 10);
    let times = r#"ws_mock_handler_duration_seconds_count{handler="ask"} 10"#;
    let counted = at_once.counted;
    assert!(counted.iter().any(|line| line == times), "{counted:#?}");
}

#[test]
fn what_others_got_is_noted_before_the_next_is_looked_at() {
    let hub = hub(TALK, held(7));
    let (peer, other) = (connect(&hub), connect(&hub));
    let mut left = 3;
    peer.receive_all(|| {
        let pushed = hub.journal().last(9, |about| about.peer == other.id());
        assert_eq!(
            (pushed.len(), heard(&other).len()),
            (3 - left, usize::from(left < 3))
        );
        left = usize::checked_sub(left, 1)?;
        Some(Inbound::Text(r#"{"action":"tell","n":1}"#.into()))
    });
    assert_eq!(left, 0);
}

#[test]
fn each_sees_the_figures_of_the_process_that_those_before_it_left() {
    let asks = TALK.replacen(
        "${ session.kept }",
        "${ server.received } ${ server.sent }",
        1,
    );
    let hub = hub(&asks, held(7));
    let peer = connect(&hub);
    let ask = || Inbound::Text(r#"{"action":"ask","n":1}"#.into());
    together(&peer, (0..3).map(|_| ask()).collect());
    let expected = ["0 0", "1 1", "2 2"].map(|kept| format!(r#"{{"n":1,"kept":"{kept}"}}"#));
    assert_eq!(heard(&peer), expected);
}

#[test]
fn who_goes_on_sending_too_fast_is_closed() {
    let scenario = ws_mock::disk::load("towers", &|_| None).unwrap();
    let limits = Limits {
        messages_per_second: Some(1),
        ..Limits::default()
    };
    let hub = Hub::new(scenario, held(1), limits).unwrap();
    let peer = connect(&hub);
    let began = Instant::now();
    let mut out = Vec::new();
    let close = loop {
        together(&peer, vec![Inbound::Text("{}".into()); 3]);
        peer.mailbox().take(Instant::now(), usize::MAX, &mut out);
        let close = out.drain(..).find_map(|outgoing| match outgoing {
            Outgoing::Close { code, reason } => Some((code, reason)),
            _ => None,
        });
        if close.is_some() || began.elapsed() > Duration::from_secs(30) {
            break close;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(close, Some((1008, "too many messages".to_owned())));
}

#[test]
fn everybody_hears_what_many_say_at_once_in_the_journals_order() {
    let hub = hub(TALK, held(7));
    let listeners = [connect(&hub), connect(&hub)];
    let speakers = [connect(&hub), connect(&hub), connect(&hub)];
    std::thread::scope(|scope| {
        for (speaker, peer) in speakers.iter().enumerate() {
            scope.spawn(move || {
                let said = (0..300).map(|n| {
                    let (action, n) = (["ask", "tell", "each"][n % 3], n * 10 + speaker);
                    Inbound::Text(format!(r#"{{"action":"{action}","n":{n}}}"#).into())
                });
                together(peer, said.collect());
            });
        }
    });
    for peer in listeners.iter().chain(&speakers) {
        let noted = hub
            .journal()
            .last(usize::MAX, |about| about.peer == peer.id() && !about.inward);
        let noted: Vec<_> = noted.iter().map(|entry| entry.payload.whole()).collect();
        assert_eq!(heard(peer), noted, "c{}", peer.id());
    }
}
