//! A world is the sum of its inputs: their log, applied to a second world, makes the same effects and the same state.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ws_mock::base::Clock;
use ws_mock::base::json::Json;
use ws_mock::dialect::{Dialect, Inbound};
use ws_mock::engine::{
    self, Change, ChangeKind, ClockChange, Effect, Facts, HttpRequest, Input, LiveWorld, Message,
    Outcome, Read, ReadLength, Recipients, Scratch, Stamp,
};
use ws_mock::lang::faults::Fault;
use ws_mock::lang::{NoFiles, read_text};
use ws_mock::world::{Arrival, Options, World};

use crate::support::world::START;

const SCENARIO: &str = r#"
scenario: replay
messages:
  name: "${ message.do }"
  reply: { id: "${ message.id }", n: "${ session.n }", result: "${ result }" }
  error: { id: "${ message.id }", error: "${ error.code }", drawn: "${ int(1, 9) }" }
data:
  things: { key: id, count: 4, item: { id: "${ n }", v: "${ int(1, 99) }", s: "${ uuid() }" } }
  notes: { key: id, items: [ { id: a, text: one } ] }
upgrade:
  - { when: "${ request.path == '/no' }", fail: NO }
  - { remember: { path: "${ request.path }" } }
connect: [ { join: lobby }, { send: { hello: "${ connection.id }", at: "${ now() }" }, to: all } ]
disconnect:
  - { send: { bye: "${ connection.id }" }, to: { room: lobby } }
  - { later: 2s, do: [ { send: { gone: "${ connection.id }", was: "${ session.path }" }, to: all } ] }
on:
  list: [ { list: things, page: "${ message.page }", limit: "${ message.limit }", sort: "${ message.sort }" }, { reply: "${ items }" } ]
  get: [ { find: things, key: "${ message.key }" }, { reply: "${ item }" } ]
  set: [ { update: things, key: "${ message.key }", set: { v: "${ message.v }" } }, { reply: "${ item }" } ]
  add: [ { insert: notes, item: { text: "${ message.v }" } }, { reply: "${ item }" } ]
  drop: [ { remove: things, where: "${ item.v > 50 }" }, { reply: "${ items | length }" } ]
  pick: [ { let: { one: "${ pick(all('things')) }" } }, { reply: "${ one.id ~ '/' ~ int(1, 1000) }" } ]
  keep: [ { remember: { n: "${ message.v }" } }, { reply: kept } ]
  enter: [ { join: "${ message.v }" }, { send: { in: "${ message.v }" }, to: { others: { room: "${ message.v }" } } } ]
  exit: [ { leave: "${ message.v }" } ]
  soon: [ { later: "${ message.v }", name: "${ message.name }", do: [ { send: { later: "${ message.id }", who: "${ connection.id }" }, to: { session: { path: "${ session.path }" } } } ] } ]
  forget: [ { cancel: "${ message.name }" } ]
  each: [ { for: { room: lobby }, do: [ { send: { to: "${ connection.id }", drawn: "${ int(1, 6) }" } } ] } ]
  silent: [ { log: "${ message.v }" } ]
  fail: [ { fail: "${ message.v }" } ]
  broken: [ { reply: "${ 1 // 0 }" } ]
  close: [ { close: { code: 4001, reason: "${ message.v }" } } ]
changes:
  things:
    updated: [ { send: { updated: "${ updated }" }, to: { room: lobby } }, { insert: notes, item: { text: "${ now() }" } } ]
    removed: [ { send: { removed: "${ removed | length }" }, to: all } ]
  notes:
    created: [ { send: { noted: "${ created | map(attribute='id') | list }" }, to: all } ]
timers:
  tick: { every: 3s, do: [ { update: things, sample: 2, set: { v: "${ drift(item.v, 5, 0, 99) }" } } ] }
  each: { every: "${ item.v * 100 }", for: things, while: "${ item.v % 2 == 0 }", do: [ { send: { turn: "${ item.id }" }, to: all } ] }
triggers:
  wave: [ { send: { wave: "${ args.n }", drawn: "${ int(1, 6) }" }, to: all } ]
  trip: [ { update: things, key: 1, set: { v: "${ args.n }" } }, { fail: TRIPPED } ]
http:
  "GET /things/{id}": [ { find: things, key: "${ request.params.id }" }, { reply: "${ item }" } ]
  "POST /things": [ { insert: things, item: "${ request.body }" }, { reply: "${ item }", status: 201 } ]
"#;

const OTHER: &str = r#"
scenario: other
messages: { name: "${ message.do }", error: { id: "${ message.id }", other: "${ error.code }" } }
data: { things: { key: id, count: 2, item: { id: "${ n }", v: "${ int(1, 9) }" } } }
on: { get: [ { find: things, key: "${ message.key }" }, { reply: "${ item }" } ], list: [ { reply: "${ all('things') }" } ] }
timers: { tick: { every: 1s, do: [ { send: { tick: "${ int(1, 6) }" }, to: all } ] } }
"#;

const MESSAGES: &[&str] = &[
    r#"{"do":"list","id":1}"#,
    r#"{"do":"list","id":2,"page":2,"limit":2,"sort":"-v"}"#,
    r#"{"do":"list","id":3,"page":0}"#,
    r#"{"do":"get","id":4,"key":2}"#,
    r#"{"do":"get","id":5,"key":"none"}"#,
    r#"{"do":"set","id":6,"key":1,"v":7}"#,
    r#"{"do":"set","id":7,"key":3,"v":60}"#,
    r#"{"do":"add","id":8,"v":"text"}"#,
    r#"{"do":"drop","id":9}"#,
    r#"{"do":"pick","id":10}"#,
    r#"{"do":"keep","id":11,"v":5}"#,
    r#"{"do":"enter","id":12,"v":"den"}"#,
    r#"{"do":"exit","id":13,"v":"lobby"}"#,
    r#"{"do":"soon","id":14,"v":"1s","name":"x"}"#,
    r#"{"do":"soon","id":15,"v":"0s","name":"y"}"#,
    r#"{"do":"forget","id":16,"name":"x"}"#,
    r#"{"do":"each","id":17}"#,
    r#"{"do":"silent","id":18,"v":"quiet"}"#,
    r#"{"do":"fail","id":19,"v":"CODE"}"#,
    r#"{"do":"broken","id":20}"#,
    r#"{"do":"close","id":21,"v":"bye"}"#,
    r#"{"do":"unknown","id":22}"#,
    r#"{"id":23}"#,
    "no json",
    "[[[",
];

const FAULTS: &[&str] = &[
    r#"{"kind":"latency","time":["10ms","90ms"],"share":0.5}"#,
    r#"{"kind":"drop","on":["list","silent"],"times":2}"#,
    r#"{"kind":"duplicate","share":0.3}"#,
    r#"{"kind":"error","code":"FAULTY","on":["get","silent","push"],"share":0.7}"#,
    r#"{"kind":"error","times":1}"#,
    r#"{"kind":"close","on":["pick"],"connections":["c1"]}"#,
    r#"{"kind":"refuse","share":0.5}"#,
    r#"{"kind":"mute","times":1}"#,
    r#"{"kind":"corrupt","share":0.2}"#,
    r#"{"kind":"stall","on":["keep"],"times":1}"#,
];

fn make(text: &str, seed: u64) -> World {
    let scenario = read_text("replay.yaml", text, &NoFiles, &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let options = Arc::new(Options {
        seed,
        clock: Clock::held_at(START),
        ..Options::default()
    });
    let clock = options.clock;
    engine::make(scenario, &options, seed, clock, START).unwrap()
}

fn json(text: &str) -> Json {
    Json::parse(text.to_owned()).unwrap()
}

fn arrival(path: &str) -> Arc<Arrival> {
    Arc::new(Arrival {
        path: path.to_owned(),
        address: "127.0.0.1".to_owned(),
        ..Arrival::default()
    })
}

fn request(method: &str, target: &str, body: &str) -> Input {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Input::Http(HttpRequest {
        address: "127.0.0.1:5000".parse().unwrap(),
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::from(body.to_owned()),
    })
}

fn change(collection: &str, key: &str, kind: ChangeKind) -> Input {
    Input::Edit(Change {
        collection: collection.to_owned(),
        key: key.to_owned(),
        kind,
    })
}

fn edits() -> Vec<Input> {
    vec![
        change("things", "1", ChangeKind::Merge(json(r#"{"v":4}"#))),
        change(
            "things",
            "2",
            ChangeKind::Merge(json(r#"{"colour":"red"}"#)),
        ),
        change("things", "3", ChangeKind::Replace(json(r#"{"v":1}"#))),
        change("things", "4", ChangeKind::Remove),
        change("things", "9", ChangeKind::Remove),
        change("notes", "", ChangeKind::Insert(json(r#"{"text":"new"}"#))),
        change("notes", "", ChangeKind::Insert(json(r#"{"id":"a"}"#))),
        change("none", "", ChangeKind::Insert(json("[]"))),
    ]
}

fn requests() -> Vec<Input> {
    vec![
        request("GET", "/things/1?x=y", ""),
        request("GET", "/things/none", ""),
        request("POST", "/things", r#"{"v":3}"#),
        request("POST", "/things", "no json"),
        request("PUT", "/things", "{}"),
        request("GET", "/nowhere", ""),
    ]
}

fn controls() -> Vec<Input> {
    let trigger = |name: &str, args: &str| Input::Trigger {
        name: name.to_owned(),
        args: json(args),
    };
    let set = |name: &str, every, paused| Input::SetTimer {
        name: name.to_owned(),
        every,
        paused,
    };
    let second = Duration::from_secs(1);
    vec![
        trigger("wave", r#"{"n":1}"#),
        trigger("trip", r#"{"n":2}"#),
        trigger("none", "{}"),
        Input::Fire("tick".to_owned()),
        Input::Fire("each".to_owned()),
        Input::Fire("each:2".to_owned()),
        Input::Fire("none".to_owned()),
        set("tick", Some(second), None),
        set("each", None, Some(true)),
        set("each", Some(second), Some(false)),
        set("none", None, Some(true)),
        Input::SetClock(ClockChange::Hold),
        Input::SetClock(ClockChange::Release),
        Input::SetClock(ClockChange::Advance(second)),
        Input::SetClock(ClockChange::Advance(7 * second)),
        Input::Send {
            to: Recipients::Room("lobby".to_owned()),
            event: None,
            message: json(r#"{"from":"control"}"#),
        },
        Input::Send {
            to: Recipients::Peer(2),
            event: None,
            message: json("1"),
        },
        Input::Close(1, 1000),
    ]
}

/// Worlds that resets and reloads bring in.
fn fresh() -> Vec<Input> {
    vec![
        Input::Reset(Arc::new(make(SCENARIO, 1))),
        Input::Reset(Arc::new(make(SCENARIO, 2))),
        Input::Reload(Arc::new(make(OTHER, 1))),
        Input::Reload(Arc::new(make(SCENARIO, 3))),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    select(MESSAGES).prop_map(|text| Dialect::Json.decode(Inbound::Text(text.into())))
}

fn faults() -> impl Strategy<Value = Input> {
    let fault = select(FAULTS).prop_map(|text| Fault::read(&json(text), None).unwrap());
    vec(fault, 0..3).prop_map(Input::SetFaults)
}

fn connect() -> impl Strategy<Value = Input> {
    select(vec!["/ws", "/other"]).prop_map(|path| Input::Connect {
        arrival: arrival(path),
        remembered: vec![("path".to_owned(), Json::string(path))],
    })
}

fn input() -> impl Strategy<Value = Input> {
    let peer = 1..6_u64;
    prop_oneof![
        4 => connect(),
        24 => (peer.clone(), message()).prop_map(|(peer, message)| Input::Message(peer, message)),
        1 => (peer.clone(), message()).prop_map(|(peer, message)| Input::TooMany(peer, message)),
        2 => peer.clone().prop_map(Input::Disconnect),
        1 => peer.prop_map(Input::Ping),
        1 => select(vec!["/ws", "/no"]).prop_map(|path| Input::Upgrade(arrival(path))),
        12 => Just(Input::Tick),
        4 => select(edits()),
        4 => select(requests()),
        8 => select(controls()),
        2 => faults(),
        1 => select(fresh()),
    ]
}

/// One entry of the log.
struct Entry {
    stamp: Stamp,
    input: Input,
    outcome: Outcome,
    effects: Vec<Effect>,
}

/// As the hub runs an input: it reads if that is enough.
fn run(world: &mut LiveWorld, scratch: &mut Scratch, stamp: Stamp, input: Input) -> Entry {
    let mut effects = Vec::new();
    let outcome = match engine::read(
        world,
        stamp,
        &input,
        ReadLength::Short,
        scratch,
        &mut effects,
    ) {
        Read::Done(outcome) => outcome,
        Read::NeedsWrite | Read::TakesLong => {
            engine::apply(world, stamp, &input, scratch, &mut effects)
        }
    };
    Entry {
        stamp,
        input,
        outcome,
        effects,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn log_of_inputs_makes_the_same_world(inputs in vec((0..2_000_i64, input()), 1..80)) {
        let mut world = LiveWorld::new(make(SCENARIO, 1));
        let mut scratch = Scratch::default();
        let mut wall = START;
        let mut log = Vec::new();
        for (after, input) in inputs {
            wall += after;
            let stamp = Stamp { wall, facts: Facts::default() };
            log.push(run(&mut world, &mut scratch, stamp, input));
        }

        let mut second = LiveWorld::new(make(SCENARIO, 1));
        let mut scratch = Scratch::default();
        for entry in &log {
            let mut effects = Vec::new();
            let outcome = engine::apply(&mut second, entry.stamp, &entry.input, &mut scratch, &mut effects);
            prop_assert_eq!(&outcome, &entry.outcome, "of {:?}", entry.input);
            prop_assert_eq!(&effects, &entry.effects, "of {:?}", entry.input);
        }
        prop_assert_eq!(format!("{:?}", *world), format!("{:?}", *second));
    }
}

/// The inputs of the property must reach everything, or it proves little.
#[test]
fn inputs_of_the_property_work() {
    let mut world = LiveWorld::new(make(SCENARIO, 1));
    let mut scratch = Scratch::default();
    let stamp = Stamp {
        wall: START,
        facts: Facts::default(),
    };
    let mut all = Vec::new();
    let connect = Input::Connect {
        arrival: arrival("/ws"),
        remembered: Vec::new(),
    };
    all.push(run(&mut world, &mut scratch, stamp, connect));
    for text in MESSAGES {
        let message = Dialect::Json.decode(Inbound::Text((*text).into()));
        all.push(run(
            &mut world,
            &mut scratch,
            stamp,
            Input::Message(1, message),
        ));
    }
    for input in edits().into_iter().chain(requests()).chain(controls()) {
        all.push(run(&mut world, &mut scratch, stamp, input));
    }
    let failed: Vec<String> = all
        .iter()
        .flat_map(|entry| &entry.effects)
        .filter_map(|effect| match effect {
            Effect::Failed { place, why, .. } => Some(format!("{place}: {why}")),
            _ => None,
        })
        .collect();
    assert_eq!(failed.len(), 2, "`broken` and `trip`: {failed:#?}");
}
