//! Scenario files from strangers: whatever a handler asks for is refused within bounds, and the next one is answered.

use std::sync::Arc;

use bytes::Bytes;
use ws_mock::base::Clock;
use ws_mock::engine::{self, Effect, HttpRequest, Input, LiveWorld, Scratch, Stamp};
use ws_mock::hub::{Hub, Inbound, Peer};
use ws_mock::lang::{NoFiles, read_text};
use ws_mock::world::{Options, World};

use crate::support::binary::Binary;
use crate::support::raw::Raw;
use crate::support::world::{START, connect, heard, held, hub};

const WORLD: &str = r#"
scenario: stranger
limits: { steps: 1000 }
messages: { name: "${ message.action }" }
let: { times: 100000000, long: "${ range(20000) | list }" }
data:
  many: { key: id, count: 2000, item: { id: "${ n }", s: a } }
  chain: { key: id, items: [ { id: 1, s: a } ] }
changes:
  chain:
    updated: [ { for: "${ updated }", each: one, do: [ { update: chain, key: "${ one.id }", set: { s: "${ one.s ~ 'x' }" } } ] } ]
on:
  fine: [ { reply: { ok: true } } ]
  asked: [ { run: asked } ]
http: { "GET /asked": [ { run: asked } ] }
define:
  asked:
"#;

fn ask(peer: &Peer, action: &str) -> String {
    let request = format!(r#"{{"action":"{action}"}}"#);
    peer.receive(Inbound::Text(request.into()));
    heard(peer).concat()
}

fn scenario(steps: &str) -> String {
    let lines: Vec<&str> = steps.lines().map(str::trim).collect();
    format!("{WORLD}    {}\n", lines.join("\n    "))
}

fn stranger(steps: &str) -> Hub {
    hub(&scenario(steps), held(1))
}

fn make(text: &str, options: Options) -> Result<World, engine::MakeError> {
    let scenario = read_text("test.yaml", text, &NoFiles, &|_| None).unwrap();
    let clock = Clock::held_at(START);
    engine::make(scenario, &Arc::new(options), 1, clock, START)
}

/// Where a handler failed, and why, as the log is told of it.
fn failure(steps: &str) -> Option<(String, String)> {
    let world = make(&scenario(steps), Options::default()).unwrap();
    let mut world = LiveWorld::new(world);
    let request = HttpRequest {
        address: "127.0.0.1:5000".parse().unwrap(),
        method: "GET".into(),
        path: "/asked".into(),
        query: String::new(),
        headers: Vec::new(),
        body: Bytes::new(),
    };
    let input = Input::Http(request);
    let (mut scratch, mut effects) = (Scratch::default(), Vec::new());
    let stamp = Stamp::default();
    engine::apply(&mut world, stamp, &input, &mut scratch, &mut effects);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Failed { place, why, .. } => Some((place.to_string(), why)),
        _ => None,
    })
}

/// Each would take the memory or the time of the machine.
#[test]
fn what_takes_too_much_is_a_scenario_error_and_no_more() {
    let big = r#"- let: { big: "${ 'abcdefghij' * 10000 }" }"#;
    let deep = (0..4).fold("{ log: x }".to_owned(), |inner, _| {
        format!(r#"{{ for: "${{ range(100) }}", each: i, do: [ {inner} ] }}"#)
    });
    let rows: &[&str] = &[
        r#"- reply: { a: "${ range(1000000000) }" }"#,
        r#"- reply: { a: "${ 'a' * times }" }"#,
        r#"- reply: { a: "${ 1 | pad(999999999) }" }"#,
        r#"- reply: { a: "${ '%1000000000d' | format(1) }" }"#,
        r#"- reply: { a: "${ '%.1000000000f' | format(1.5) }" }"#,
        r#"- reply: { a: "${ range(100000) | tojson(1000000) }" }"#,
        r#"- reply: { a: "${ all('many') | list | tojson | replace('a', 'b' * 10000) }" }"#,
        r#"- reply: { a: "${ [1] | batch(1000000000, 'x') | list }" }"#,
        r#"- reply: { a: "${ [1] | slice(1000000000) | list }" }"#,
        r#"- reply: { a: "${ range(10000) | join('x' * 1000) }" }"#,
        r#"- reply: { a: "${ (range(100000) | list | sort)[0] }" }"#,
        r#"- reply: { a: "${ 9 ** 9999999 }" }"#,
        r#"- reply: { a: "${ int(0, 1e308 * 10) }" }"#,
        r#"- reply: { a: "${ 1 // 0 }" }"#,
        r#"- reply: { a: "${ range(100000) | list | join | replace('1', range(10000) | join) }" }"#,
        r#"- reply: { a: "${ ('a' * 100000) | replace('', 'b' * 10000) }" }"#,
        r#"- reply: { a: "${ ('a' * times) | length }" }"#,
        r#"- reply: { a: "${ 'a' * 100000 * times }" }"#,
        r#"- reply: { a: "${ ('a ' * times) | split | length }" }"#,
        r#"- reply: { a: "${ ('a' * times) | list | length }" }"#,
        r#"- reply: { a: "${ '%*d' | format(1000000000, 1) }" }"#,
        r#"- reply: { a: "${ '%s' * 1000 | format(1) }" }"#,
        r#"- reply: { a: "${ sample([1] * times, 5) }" }"#,
        r#"- reply: { a: "${ sample(range(10), 1e308 * 10) }" }"#,
        r#"- reply: { a: "${ [1] * times }" }"#,
        r#"- { let: { big: "${ 'y' * 1000000 }" } }
           - reply: { a: "${ [1] | batch(90000, big) | join | length }" }"#,
        r#"- { let: { big: "${ 'y' * 1000000 }" } }
           - reply: { a: "${ [1] | slice(9000, big) | string | length }" }"#,
        r#"- { let: { big: "${ 'y' * 1000000 }" } }
           - reply: { a: "${ range(50000) | map(attribute='x', default=big) | join | length }" }"#,
        r#"- { let: { big: "${ 'y' * 1000000 }" } }
           - reply: { a: "${ range(50000) | map('replace', '1', big) | join | length }" }"#,
        r#"- { let: { big: "${ 'y' * 1000000 }" } }
           - reply: { a: "${ {([1] | batch(90000, big) | list): 1} }" }"#,
        r#"- reply: { a: "${ [1] | batch(1000, [1] | batch(1000, [1] | batch(1000, [1] | batch(1000, 5)))) | string }" }"#,
        r#"- reply: { a: "${ [1] | batch(1000, [1] | batch(1000, [1] | batch(1000, 5))) == [] }" }"#,
        &format!(
            "- {{ let: {{ big: \"${{ 'y' * 1000000 }}\" }} }}\n- reply: {{ a: \"${{ [{}] | join | length }}\" }}",
            ["big"; 900].join(",")
        ),
        &format!(
            "- {{ let: {{ a: \"${{ 'y' * 1000000 }}\", b: \"${{ 'y' * 1000000 }}\" }} }}\n- reply: {{ a: \"${{ {} }}\" }}",
            ["a == b"; 300].join(" and ")
        ),
        &format!(
            "- reply: {{ a: \"${{ [{}] | join | length }}\" }}",
            ["all('many')"; 300].join(",")
        ),
        r#"- reply: { a: "${ all('many') | map('string') | map('replace', 'a', 'y' * 1000) | join | length }" }"#,
        r#"- { for: "${ range(900) }", each: i, do: [ { let: { v: "${ range(19000) | list | length }" } } ] }"#,
        r#"- { for: "${ range(900) }", each: i, do: [ { let: { v: "${ sample(range(100000), 1) }" } } ] }"#,
        r#"- { let: { names: "${ range(9000) | map('string') | list }" } }
           - { for: "${ range(900) }", each: i, do: [ { list: many, fields: "${ names }", as: found } ] }"#,
        r#"- { let: { names: "${ range(9000) | list }" } }
           - { for: "${ range(900) }", each: i, do: [ { let: { v: "${ names == [names] }" } } ] }"#,
        r#"- { update: many, all: true, set: { s: "${ item.id ~ 'y' * 5000 }" } }
           - { for: "${ range(90) }", each: i, do: [ { list: many, sort: s, as: found } ] }"#,
        r#"- { update: many, all: true, set: { s: "${ item.id ~ 'y' * 5000 }" } }
           - { for: "${ range(90) }", each: i, do: [ { list: many, match: { s: q }, contains: [s], as: found } ] }"#,
        r#"- { for: "${ range(900) }", each: i, do: [ { list: many, default: 1 }, { insert: many, item: { s: b } } ] }"#,
        r#"- { list: many, where: "${ range(19000) | list | length == 5 }" }"#,
        r#"- { for: "${ range(900) }", each: i, do: [ { insert: many, item: { v: "${ 'y' * 1000000 }" } } ] }"#,
        r#"- { for: "${ range(900) }", each: i, do: [ { let: { v: "${ 'y' * 1000000 }" } } ] }"#,
        r#"- { for: "${ range(900) }", each: i, do: [ { later: 1h, name: "${ i }", do: [ { log: "${ 'y' * 1000000 }" } ] }, { remember: { "a": "${ 'y' * 1000000 }" } } ] }"#,
        r#"- reply: { a: "${ (long if times else 1) * times }" }"#,
        r#"- reply: { a: "${ (times * (long | list)) | length }" }"#,
        r#"- { for: "${ range(90) }", each: i, do: [ { let: { a: "${ (long + long + long + long + long + long) | total }" } } ] }"#,
        r#"- { for: "${ range(90) }", each: i, do: [ { let: { a: "${ (long + long + long + long + long + long) | mean }" } } ] }"#,
        r#"- { for: "${ range(90) }", each: i, do: [ { let: { a: "${ (long + long + long + long + long + long) | tally }" } } ] }"#,
        r#"- { for: "${ range(90) }", each: i, do: [ { let: { a: "${ (long + long + long + long + long + long) | pluck('x') | length }" } } ] }"#,
        r#"- reply: { a: "${ [long] | tally }" }"#,
        r#"- reply: { a: "${ long | pad(5) }" }"#,
        r#"- reply: { a: "${ room(long) }" }"#,
        r#"- reply: { a: "${ count(long) }" }"#,
        r#"- reply: { a: "${ pick([]) }" }"#,
        r#"- reply: { a: "${ pick(5) }" }"#,
        r#"- reply: { a: "${ int(5, 1) }" }"#,
        r#"- reply: { a: "${ float(5, 1) }" }"#,
        r#"- reply: { a: "${ drift(1, 1, 5, 1) }" }"#,
        r#"- reply: { a: "${ int('a', 1) }" }"#,
        r#"- reply: { a: "${ float((1e308 * 10) - (1e308 * 10), 1) }" }"#,
        r#"- reply: { a: "${ now(hours(1e300)) }" }"#,
        r#"- reply: { a: "${ now(-hours(1e300)) }" }"#,
        r#"- reply: { a: "${ date(days(99999999)) }" }"#,
        r#"- reply: { a: "${ now(-days(999999)) }" }"#,
        r#"- reply: { a: "${ now((1e308 * 10) - (1e308 * 10)) }" }"#,
        r#"- reply: { a: "${ 5 % 0 }" }"#,
        r#"- reply: { a: "${ 1.5 | round(1, 2, 3) }" }"#,
        r#"- { later: "${ 1e308 * 10 }", do: [ { log: x } ] }"#,
        r#"- { later: "${ -5 }", do: [ { log: x } ] }"#,
        r#"- { later: "${ '9223372036854775807s' }", do: [ { log: x } ] }"#,
        r#"- { for: "${ [1] * times }", each: i, do: [ { log: x } ] }"#,
        r#"- { for: "${ 'a' * 100000 }", each: i, do: [ { log: x } ] }"#,
        r#"- { for: "${ all('many') }", each: a, do: [ { for: "${ all('many') }", each: b, do: [ { log: x } ] } ] }"#,
        r#"- { for: "${ range(9000) }", each: a, do: [ { update: many, all: true, set: { s: b } } ] }"#,
        r#"- { for: "${ range(9000) }", each: a, do: [ { find: many, where: "${ item.s == 'b' }", else: [ { log: x } ] } ] }"#,
        r#"- { for: "${ range(9000) }", each: a, do: [ { list: many, sort: s } ] }"#,
        r#"- { let: { a: [] } }
           - { for: "${ range(5000) }", each: i, do: [ { let: { a: "${ [a] }" } } ] }
           - { reply: "${ a }" }"#,
        r#"- { let: { a: x } }
           - { for: "${ range(50) }", each: i, do: [ { let: { a: "${ a ~ a }" } } ] }
           - { reply: "${ a | length }" }"#,
        r#"- { let: { a: [x] } }
           - { for: "${ range(50) }", each: i, do: [ { let: { a: "${ a + a }" } } ] }
           - { reply: "${ a | length }" }"#,
        r#"- { let: { a: [x] } }
           - { for: "${ range(50) }", each: i, do: [ { let: { a: "${ [a, a] }" } } ] }
           - { reply: "${ a | length }" }"#,
        r#"- { let: { a: [x] } }
           - { for: "${ range(50) }", each: i, do: [ { let: { a: ["${ a }", "${ a }"] } } ] }
           - { reply: "${ a | length }" }"#,
        r#"- { for: "${ range(1000000) }", each: i, do: [ { log: x } ] }"#,
        r#"- { later: "${ hours(1e300) }", do: [ { log: x } ] }"#,
        &format!("- {deep}"),
        &format!("{big}\n- reply: {{ a: \"{}\" }}", "${ big }".repeat(11)),
        &format!(
            "{big}\n- {{ for: \"${{ range(9000) }}\", each: i, collect: \"${{ big }}\", as: all }}\n- reply: {{ a: 1 }}"
        ),
        &format!(
            "{big}\n- reply: {{ {} }}",
            (0..700)
                .map(|n| format!("a{n}: \"${{ big }}\""))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    ];
    for row in rows {
        let hub = stranger(row);
        let peer = connect(&hub);
        let answer = ask(&peer, "asked");
        assert!(answer.contains("SCENARIO_ERROR"), "{row}: {answer:.200}");
        assert_eq!(ask(&peer, "fine"), r#"{"ok":true}"#, "{row}");
        let (place, why) = failure(row).expect(row);
        let line = place
            .strip_prefix("test.yaml:")
            .and_then(|place| place.split_once(':'));
        assert!(line.is_some_and(|(line, _)| line != "0"), "{row}: {place}");
        assert!((10..2000).contains(&why.len()), "{row}: {why}");
    }
}

/// Bounds are far from what people write, with a tenth of the steps that there are by default.
#[test]
fn what_is_much_but_fair_is_answered() {
    for (row, expected) in [
        (
            r#"- { let: { wanted: "${ range(1, 40) | list }" } }
               - { list: many, where: "${ item.id in wanted }", as: found }
               - reply: ${ found.total }"#,
            "39",
        ),
        (
            r#"- { update: many, where: "${ item.id % 2 == 0 }", set: { s: "${ item.s ~ 'b' }" } }
               - reply: ${ items | length }"#,
            "1000",
        ),
        (
            r#"- { let: { big: "${ 'y' * 1000000 }" } }
               - reply: "${ [big, big, big] | join | length }""#,
            "3000000",
        ),
        (
            r#"- { for: "${ range(400) }", each: i, do: [ { send: { n: "${ i }", s: "${ 'x' * 1000 }" }, to: { room: none } } ] }
               - reply: "${ all('many') | map(attribute='s') | unique | list }""#,
            r#"["a"]"#,
        ),
        (
            r#"- { remove: many, where: "${ item.id > 10 }" }
               - reply: "${ all('many') | pluck('id') }""#,
            "[1,2,3,4,5,6,7,8,9,10]",
        ),
    ] {
        let hub = stranger(row);
        let answer = ask(&connect(&hub), "asked");
        assert_eq!(answer, expected, "{row}");
    }
}

/// A body that asks for what it is itself part of.
#[test]
fn there_is_no_result_within_the_result() {
    for (envelope, body, expected) in [
        (
            "{ r: \"${ result.x }\" }",
            "\"${ result.x }\"",
            r#"{"r":null}"#,
        ),
        (
            "{ r: \"${ [result] }\" }",
            "{ a: \"${ result.b }\" }",
            r#"{"r":[{"a":null}]}"#,
        ),
        (
            "{ r: \"${ result }\" }",
            "{ a: \"${ [result] }\" }",
            r#"{"r":{"a":[null]}}"#,
        ),
    ] {
        let text = format!(
            "scenario: x\nmessages: {{ reply: {envelope} }}\non: {{ \"*\": [ {{ reply: {body} }} ] }}\n"
        );
        let hub = hub(&text, held(1));
        assert_eq!(ask(&connect(&hub), "any"), expected, "{text}");
    }
}

/// What is evaluated beside the steps of a handler.
#[tokio::test]
async fn what_fails_outside_of_steps_is_told_with_its_place() {
    let server = Binary::start(
        r#"scenario: places
messages:
  name: "${ pick(message.name) }"
  error: { code: "${ error.code }", at: "${ pick(error.known) }" }
  errors:
    SCENARIO_ERROR: "${ int(2, 1) }"
data:
  things: { key: id, count: 1, item: { id: "${ n }", every: 1h } }
  chain: { key: id, items: [ { id: 1, s: a } ] }
on:
  again: [ { run: again } ]
  grow: [ { update: chain, key: 1, set: { s: b } } ]
  slow: [ { insert: things, item: { id: x, every: soon } } ]
changes:
  chain:
    updated:
      - { for: "${ updated }", each: one, do: [ { update: chain, key: 1, set: { s: "${ one.item.s ~ 'x' }" } } ] }
define:
  again:
    - { later: 0s, do: [ { run: again } ] }
timers:
  paced: { every: "${ item.every }", for: things, do: [ { log: x } ] }
  guarded: { every: 20ms, while: "${ pick([]) }", do: [ { log: x } ] }
  asked:
    every: 20ms
    do: [ { fail: NOBODY_ASKED } ]
  moody: { every: "${ '5ms' if count('things') == 1 else 'later' }", do: [ { insert: things, item: { every: 1h } } ] }
"#,
        &[],
    );
    let mut raw = Raw::open(server.address, "/").await;
    for name in ["again", "grow", "slow"] {
        raw.frame(1, format!(r#"{{"name":["{name}"]}}"#).as_bytes())
            .await;
    }
    raw.frame(1, br#"{"name":[]}"#).await;
    for (place, why) in [
        ("3:9", "something in it"),
        ("4:10", "something in it"),
        ("6:21", "lower bound before the higher"),
        ("17:9", "changes that cause changes go on"),
        ("20:7", "plans without a wait follow each other"),
        ("22:19", "takes a duration such as `5s`, found `soon`"),
        ("23:34", "something in it"),
        ("26:11", "NOBODY_ASKED"),
        ("27:19", "found `later`; its next turn is in an hour"),
    ] {
        let place = format!("scenario.yaml:{place}");
        server.line(&[&place, why]).await;
    }
}

#[test]
fn a_world_that_cannot_be_made_says_where() {
    for (data, place, words) in [
        (
            "data: { t: { count: \"${ pick([]) }\", item: { id: 1 } } }",
            "2:21",
            "`data.t`, `count`: ",
        ),
        (
            "data: { t: { count: \"${ -1 }\", item: { id: 1 } } }",
            "2:21",
            "a whole number from 0 is needed, found `-1`",
        ),
        (
            "data: { t: { count: 1, with: { a: \"${ pick([]) }\" }, item: { id: 1 } } }",
            "2:35",
            "`data.t`, item 1: ",
        ),
        (
            "data: { t: { count: 1, item: { id: 1, a: \"${ pick([]) }\" } } }",
            "2:42",
            "`data.t`, item 1, field `a`: ",
        ),
        (
            "data: { t: { count: 2, item: { id: 1 } } }",
            "2:9",
            "`data.t`: item 2: the key `1` is taken",
        ),
        (
            "data: { t: { count: 1, item: { id: 1 } } }\ntimers: { a: { every: \"${ count('t') ~ 'x' }\", do: [ { log: x } ] } }",
            "3:23",
            "timer `a`: `every` takes a duration such as `5s`, found `1x`",
        ),
    ] {
        let text = format!("scenario: made\n{data}\n");
        let made = make(&text, Options::default());
        let error = made.err().map(|error| error.to_string()).expect(data);
        assert!(
            error.starts_with(&format!("test.yaml:{place}: ")),
            "{error}"
        );
        assert!(error.contains(words), "{error}");
    }
    let text = "scenario: made\ndata:\n  t: { count: 1, item: { id: \"${ n }\" } }\n  u: { each: t, count: 1, item: { id: \"${ n }\" } }\n";
    let options = Options {
        counts: vec![("t".into(), 2), ("u".into(), u64::MAX)],
        ..Options::default()
    };
    let error = make(text, options).err().unwrap();
    assert!(error.to_string().contains("are allowed"), "{error}");
}

#[test]
fn changes_that_follow_themselves_come_to_an_end() {
    let hub = stranger(
        r#"- { update: chain, key: 1, set: { s: b } }
           - reply: { s: "${ get('chain', 1).s }" }"#,
    );
    let peer = connect(&hub);
    assert_eq!(ask(&peer, "asked"), r#"{"s":"b"}"#);
    let (_, grown) = hub
        .collection("chain")
        .unwrap()
        .find("1")
        .map(|(id, item)| (id, item.text().len()))
        .unwrap();
    assert!(grown < 64, "it went on for {grown} bytes");
    assert_eq!(ask(&peer, "fine"), r#"{"ok":true}"#);
}
