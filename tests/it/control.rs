//! The control API over real sockets: every row and its errors.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use ws_mock::base::Limits;
use ws_mock::config::ClockStart;
use ws_mock::control;
use ws_mock::hub::Hub;

use crate::support::raw::Raw;
use crate::support::server::{TestServer, config};

const SCENARIO: &str = r#"
scenario: hands
title: For tests
listen: { protocol: json }
data:
  things:
    key: id
    items: [ { id: 1, color: red }, { id: 2, color: blue } ]
messages: { name: "${ message.t }" }
on:
  join:
    - join: ${ message.room }
    - reply: { joined: "${ message.room }" }
  ask:
    - reply: { n: "${ message.n }" }
changes:
  things:
    created: [ { send: { created: "${ created }" }, to: all } ]
    updated: [ { send: { updated: "${ updated | pluck('item') }" }, to: all } ]
    removed: [ { send: { removed: "${ removed }" }, to: all } ]
timers:
  tick:
    every: 30s
    do:
      - send: { tick: "${ now() }" }
        to: all
triggers:
  alert:
    - send: { alert: "${ args.level }" }
      to: all
"#;

fn start() -> TestServer {
    let scenario =
        ws_mock::lang::read_text("hands.yaml", SCENARIO, &ws_mock::lang::NoFiles, &|_| None)
            .unwrap_or_else(|problems| panic!("{problems}"));
    let limits = Limits::default();
    let mut config = config(limits);
    config.play.clock = ClockStart::At(1_705_746_600_000);
    let hub = Hub::new(scenario, config.play.clone(), limits).unwrap();
    let api = control::handler(hub.clone(), Arc::new(OnceLock::new()));
    TestServer::start(&config, hub, Some(api))
}

async fn call(server: &TestServer, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let kind = if body.is_empty() {
        ""
    } else {
        "content-type: application/json\r\n"
    };
    let answer = Raw::exchange(
        server.address,
        &format!(
            "{method} /__mock/{path} HTTP/1.1\r\nhost: {}\r\n{kind}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            server.address,
            body.len()
        ),
    )
    .await;
    (
        answer.status,
        serde_json::from_str(&answer.body).unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn every_row_answers() {
    let server = start();
    let mut peer = Raw::open(server.address, "/").await;
    peer.frame(1, br#"{"t":"join","room":"r"}"#).await;
    peer.expect(1, br#"{"joined":"r"}"#).await;

    let rows: Vec<(&str, &str, Option<Value>, u16, Value)> = vec![
        (
            "GET",
            "health",
            None,
            200,
            json!({"status":"ok","scenario":"hands"}),
        ),
        (
            "GET",
            "info",
            None,
            200,
            json!({"seed":1,"clock":{"mode":"manual"},"counts":{"connections":1,"data":{"things":2}}}),
        ),
        (
            "GET",
            "connections",
            None,
            200,
            json!({"items":[{"id":"c1","rooms":["r"],"messages":{"in":1,"out":1}}]}),
        ),
        (
            "GET",
            "rooms",
            None,
            200,
            json!({"items":[{"name":"r","connections":["c1"],"count":1}]}),
        ),
        (
            "GET",
            "data",
            None,
            200,
            json!({"items":[{"name":"things","count":2}]}),
        ),
        (
            "GET",
            "data/things?color=red",
            None,
            200,
            json!({"items":[{"id":1}],"total":1}),
        ),
        (
            "GET",
            "data/things?page=2&limit=1",
            None,
            200,
            json!({"items":[{"id":2}],"total":2}),
        ),
        ("GET", "data/nix", None, 404, Value::Null),
        ("GET", "data/things?page=x", None, 422, Value::Null),
        (
            "GET",
            "data/things/1",
            None,
            200,
            json!({"id":1,"color":"red"}),
        ),
        ("GET", "data/things/9", None, 404, Value::Null),
        (
            "POST",
            "data/things",
            Some(json!({"color":"green"})),
            201,
            json!({"id":3}),
        ),
        (
            "POST",
            "data/things",
            Some(json!({"id":3})),
            409,
            Value::Null,
        ),
        ("POST", "data/things", Some(json!([1])), 422, Value::Null),
        (
            "PATCH",
            "data/things/1",
            Some(json!({"color":"black"})),
            200,
            json!({"id":1,"color":"black"}),
        ),
        (
            "PUT",
            "data/things/1",
            Some(json!({"size":5})),
            200,
            json!({"id":1,"size":5}),
        ),
        ("DELETE", "data/things/1", None, 200, json!({"id":1})),
        (
            "POST",
            "send",
            Some(json!({"to":{"room":"r"},"message":{"hi":1}})),
            200,
            json!({"sent":1}),
        ),
        (
            "POST",
            "send",
            Some(json!({"to":{"room":"empty"},"message":1})),
            200,
            json!({"sent":0}),
        ),
        (
            "POST",
            "send",
            Some(json!({"to":{"connection":"c9"},"message":1})),
            404,
            Value::Null,
        ),
        (
            "POST",
            "send",
            Some(json!({"to":"all","message":1})),
            422,
            Value::Null,
        ),
        (
            "GET",
            "triggers",
            None,
            200,
            json!({"items":[{"name":"alert"}]}),
        ),
        (
            "POST",
            "triggers/alert",
            Some(json!({"level":"info"})),
            200,
            Value::Null,
        ),
        ("POST", "triggers/nix", None, 404, Value::Null),
        (
            "GET",
            "timers",
            None,
            200,
            json!({"items":[{"name":"tick","every":"30s","due":"2024-01-20T10:30:30.000Z","paused":false}]}),
        ),
        ("POST", "timers/tick/fire", None, 200, Value::Null),
        ("POST", "timers/nix/fire", None, 404, Value::Null),
        (
            "PATCH",
            "timers/tick",
            Some(json!({"every":"5s"})),
            200,
            json!({"name":"tick","every":"5s"}),
        ),
        (
            "PATCH",
            "timers/tick",
            Some(json!({"every":"soon"})),
            422,
            Value::Null,
        ),
        (
            "GET",
            "clock",
            None,
            200,
            json!({"mode":"manual","now":"2024-01-20T10:30:00.000Z"}),
        ),
        (
            "POST",
            "clock",
            Some(json!({"advance":"10s"})),
            200,
            json!({"now":"2024-01-20T10:30:10.000Z"}),
        ),
        (
            "POST",
            "clock",
            Some(json!({"mode":"real"})),
            200,
            json!({"mode":"real"}),
        ),
        (
            "POST",
            "clock",
            Some(json!({"advance":"10s"})),
            409,
            Value::Null,
        ),
        (
            "POST",
            "clock",
            Some(json!({"mode":"odd"})),
            422,
            Value::Null,
        ),
        (
            "PUT",
            "faults",
            Some(json!([{"kind":"latency","time":"1ms"}])),
            200,
            json!({"items":[{"kind":"latency"}]}),
        ),
        (
            "PUT",
            "faults",
            Some(json!([{"kind":"nix"}])),
            422,
            Value::Null,
        ),
        ("DELETE", "faults", None, 200, json!({"items":[]})),
        ("GET", "faults", None, 200, json!({"items":[]})),
        (
            "GET",
            "journal?direction=in",
            None,
            200,
            json!({"items":[{"seq":1,"connection":"c1","direction":"in","name":"join","message":{"t":"join"},"fault":null}]}),
        ),
        (
            "POST",
            "journal/wait",
            Some(json!({"match":{"t":"join"}})),
            200,
            json!({"name":"join"}),
        ),
        (
            "POST",
            "journal/wait",
            Some(json!({"match":{"t":"nix"},"timeout":"10ms"})),
            408,
            Value::Null,
        ),
        ("GET", "metrics", None, 200, Value::Null),
        ("DELETE", "connections/c9", None, 404, Value::Null),
        ("DELETE", "connections/c1?code=1005", None, 422, Value::Null),
        ("DELETE", "health", None, 405, Value::Null),
        ("GET", "send", None, 405, Value::Null),
        ("GET", "nix", None, 404, Value::Null),
        (
            "POST",
            "reset",
            Some(json!({"seed":7})),
            200,
            json!({"seed":7}),
        ),
        (
            "GET",
            "data/things/1",
            None,
            200,
            json!({"id":1,"color":"red"}),
        ),
        ("GET", "journal", None, 200, json!({"items":[]})),
        (
            "DELETE",
            "connections/c1?code=1012",
            None,
            200,
            json!({"id":"c1"}),
        ),
    ];
    for (method, path, body, status, wanted) in rows {
        let (got, answer) = call(&server, method, path, body.clone()).await;
        assert_eq!(got, status, "{method} {path} {body:?}: {answer}");
        assert!(
            wanted.is_null() || fits(&wanted, &answer),
            "{method} {path} {body:?}: {answer}"
        );
        if status >= 400 {
            assert!(
                answer["error"]["code"].is_string() && answer["error"]["message"].is_string(),
                "{answer}"
            );
        }
    }
    for pushed in [
        r#"{"created":[{"id":3,"color":"green"}]}"#,
        r#"{"updated":[{"id":1,"color":"black"}]}"#,
        r#"{"updated":[{"id":1,"size":5}]}"#,
        r#"{"removed":[{"id":1,"size":5}]}"#,
        r#"{"hi":1}"#,
        r#"{"alert":"info"}"#,
        r#"{"tick":"2024-01-20T10:30:00.000Z"}"#,
        r#"{"tick":"2024-01-20T10:30:05.000Z"}"#,
        r#"{"tick":"2024-01-20T10:30:10.000Z"}"#,
    ] {
        peer.expect(1, pushed.as_bytes()).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn wait_ends_with_the_message() {
    let server = start();
    let mut peer = Raw::open(server.address, "/").await;
    let wait = call(
        &server,
        "POST",
        "journal/wait",
        Some(json!({"match":{"n":7},"direction":"out","timeout":"10s"})),
    );
    let ask = async {
        peer.frame(1, br#"{"t":"ask","n":7}"#).await;
        peer.expect(1, br#"{"n":7}"#).await;
    };
    let ((status, entry), ()) = tokio::join!(wait, ask);
    assert_eq!((status, &entry["name"]), (200, &json!("ask")));
}

#[tokio::test]
async fn faults_affect_only_what_they_name() {
    let server = start();
    let mut peer = Raw::open(server.address, "/").await;
    let mut other = Raw::open(server.address, "/").await;
    let faults = json!([
        {"kind":"drop","on":["ask"],"times":1,"connections":["c1"]},
        {"kind":"duplicate","on":["join"]},
    ]);
    call(&server, "PUT", "faults", Some(faults)).await;
    peer.frame(1, br#"{"t":"ask","n":1}"#).await;
    peer.frame(1, br#"{"t":"ask","n":2}"#).await;
    peer.expect(1, br#"{"n":2}"#).await;
    other.frame(1, br#"{"t":"ask","n":3}"#).await;
    other.expect(1, br#"{"n":3}"#).await;
    other.frame(1, br#"{"t":"join","room":"x"}"#).await;
    other.expect(1, br#"{"joined":"x"}"#).await;
    other.expect(1, br#"{"joined":"x"}"#).await;
    let (_, journal) = call(&server, "GET", "journal?direction=out&connection=c1", None).await;
    assert_eq!(journal["items"][0]["fault"], "drop");
    assert_eq!(journal["items"][1]["fault"], Value::Null);
    call(
        &server,
        "PUT",
        "faults",
        Some(json!([{"kind":"error","code":"NOT_FOUND","on":["ask"]}])),
    )
    .await;
    peer.frame(1, br#"{"t":"ask","n":4}"#).await;
    peer.expect(
        1,
        br#"{"type":"error","error":{"code":"NOT_FOUND","message":"nothing has the key ``"}}"#,
    )
    .await;
}

#[tokio::test]
async fn bodies_must_be_declared_as_json() {
    let server = start();
    let ask = |kind: &str| {
        format!(
            "POST /__mock/clock HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: 16\r\nconnection: close\r\n\r\n{{\"advance\":\"1s\"}}",
            server.address
        )
    };
    assert_eq!(
        Raw::exchange(server.address, &ask("text/plain"))
            .await
            .status,
        415
    );
    let unread = ask("text/plain").replace("clock", "timers/tick/fire");
    assert_eq!(Raw::exchange(server.address, &unread).await.status, 415);
    assert_eq!(
        Raw::exchange(server.address, &ask("application/json; charset=utf-8"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn refused_requests_change_nothing() {
    let server = start();
    let rows = [
        ("PUT", "data/things/1", json!({"id":2}), 422, "stays `1`"),
        ("PATCH", "data/things/1", json!({"id":2}), 422, "stays `1`"),
        ("PATCH", "data/things/1", json!({"id":1}), 200, ""),
        ("PATCH", "data/things/9", json!({"id":1}), 404, "`9`"),
        ("PUT", "data/things/1", Value::Null, 422, "object"),
        ("POST", "data/things", Value::Null, 422, "missing"),
        ("GET", "data/things?limit=1001", Value::Null, 422, "1000"),
        ("GET", "data/things?limit=0", Value::Null, 422, "1000"),
        ("GET", "data/things?nix=1", Value::Null, 422, "`nix`"),
        ("GET", "journal?dir=in", Value::Null, 422, "direction"),
        ("GET", "journal?direction=up", Value::Null, 422, "`up`"),
        (
            "DELETE",
            "connections/c1?status=1",
            Value::Null,
            422,
            "code",
        ),
        (
            "POST",
            "clock",
            json!({"mode":"real","advance":"1s"}),
            409,
            "hold it first",
        ),
        ("GET", "clock", Value::Null, 200, ""),
        ("POST", "clock", json!({}), 422, "advance"),
        ("POST", "clock", json!({"odd":1}), 422, "`odd`"),
        ("PATCH", "timers/tick", json!({"every":"0s"}), 422, "every"),
        ("PATCH", "timers/tick", json!({}), 422, "paused"),
        (
            "POST",
            "journal/wait",
            json!({"timeout":"61s"}),
            422,
            "minute",
        ),
        ("POST", "send", json!({"message":1}), 422, "`to`"),
        ("POST", "send", json!({"to":{"all":true}}), 422, "`message`"),
        (
            "PUT",
            "faults",
            json!([{"kind":"drop"},{"kind":"nix"}]),
            422,
            "fault 2",
        ),
        (
            "PUT",
            "faults",
            json!([{"kind":"drop","on":["jion"]}]),
            422,
            "did you mean `join`?",
        ),
        ("GET", "faults", Value::Null, 200, ""),
        ("POST", "reset", json!({"seed":-1}), 422, "`-1`"),
    ];
    for (method, path, body, status, words) in rows {
        let body = Some(body).filter(|body| !body.is_null());
        let (got, answer) = call(&server, method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{method} {path}: {answer}");
        match path {
            "clock" if status == 200 => assert_eq!(answer["mode"], "manual"),
            "faults" if status == 200 => assert_eq!(answer["items"], json!([])),
            _ => {}
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn journal_lists_the_newest_or_those_after() {
    let server = start();
    let mut peer = Raw::open(server.address, "/").await;
    for n in 1..=300 {
        peer.frame(1, format!(r#"{{"t":"ask","n":{n}}}"#).as_bytes())
            .await;
        peer.expect(1, format!(r#"{{"n":{n}}}"#).as_bytes()).await;
    }
    let numbers = |answer: &Value| -> Vec<u64> {
        let items = answer["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["seq"].as_u64().unwrap())
            .collect()
    };
    for (query, expected) in [
        ("limit=2", vec![599, 600]),
        ("limit=2&direction=in", vec![597, 599]),
        ("limit=2&after=0", vec![1, 2]),
        ("limit=2&after=598", vec![599, 600]),
        ("after=600", vec![]),
    ] {
        let (_, answer) = call(&server, "GET", &format!("journal?{query}"), None).await;
        assert_eq!(numbers(&answer), expected, "{query}");
    }
    // Far down the journal, and past what one look takes.
    for (wanted, status) in [
        (json!({"match":{"n":299},"direction":"out"}), 200),
        (json!({"match":{"n":299},"after":598,"timeout":"1ms"}), 408),
        (json!({"match":{"n":299},"after":null}), 200),
    ] {
        let (got, answer) = call(&server, "POST", "journal/wait", Some(wanted.clone())).await;
        assert_eq!(got, status, "{wanted}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn head_answers_without_a_body() {
    let server = start();
    let ask = |method: &str| {
        format!(
            "{method} /__mock/health HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            server.address
        )
    };
    let length = Raw::exchange(server.address, &ask("GET")).await.body.len();
    let mut raw = Raw::connect(server.address).await;
    raw.send(ask("HEAD").as_bytes()).await;
    let head = String::from_utf8(raw.rest().await.unwrap()).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "no body: {head}");
    assert!(
        head.to_lowercase()
            .contains(&format!("content-length: {length}\r\n")),
        "{head}"
    );
}

fn fits(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => wanted
            .iter()
            .all(|(name, wanted)| got.get(name).is_some_and(|got| fits(wanted, got))),
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len()
                && wanted
                    .iter()
                    .zip(got)
                    .all(|(wanted, got)| fits(wanted, got))
        }
        (wanted, got) => wanted == got,
    }
}

#[tokio::test]
async fn faults_break_messages_pings_connections_and_handshakes() {
    let server = start();
    let mut peer = Raw::open(server.address, "/").await;
    let set =
        async |faults: Value| assert_eq!(call(&server, "PUT", "faults", Some(faults)).await.0, 200);

    set(json!([{"kind":"corrupt","on":["ask"],"times":1}])).await;
    peer.frame(1, br#"{"t":"ask","n":1}"#).await;
    let broken = peer.read().await.payload;
    assert!(serde_json::from_slice::<Value>(&broken).is_err());
    assert!(String::from_utf8(broken).is_ok(), "text still");

    set(json!([{"kind":"mute","times":1}])).await;
    peer.frame(9, b"unanswered").await;
    peer.frame(9, b"answered").await;
    peer.expect(10, b"answered").await;

    set(json!([{"kind":"refuse","status":503,"times":1}])).await;
    let refused = Raw::exchange(server.address, &crate::support::raw::handshake("/", &[])).await;
    assert_eq!(refused.status, 503);
    let mut other = Raw::open(server.address, "/").await;

    set(json!([{"kind":"close","code":4001,"on":["push"],"connections":["c2"]}])).await;
    call(
        &server,
        "POST",
        "send",
        Some(json!({"to":{"all":true},"message":{"hi":1}})),
    )
    .await;
    peer.expect(1, br#"{"hi":1}"#).await;
    other.expect_close(4001).await;

    let (_, journal) = call(&server, "GET", "journal?name=push&connection=c2", None).await;
    assert_eq!(journal["items"][0]["fault"], "close");
}
