//! Engine.IO and Socket.IO over raw HTTP and frames: the cases of the upstream protocol suites.

mod edges;

use std::time::Duration;

use serde_json::Value;
use ws_mock::base::Limits;

use crate::support::raw::{Answer, Raw};
use crate::support::server::{TestServer, config, hub};

const SCENARIO: &str = r#"
scenario: io
listen: { protocol: socket.io, paths: [/socket.io/] }
connect:
  - send: { welcome: "${ connection.id }" }
    event: hello
on:
  message:
    - send: ${ message }
      event: message-back
    - reply: ${ message }
  ask:
    - reply: ${ message }
  close:
    - close: 1000
"#;

fn start(every: u64, timeout: u64) -> TestServer {
    let limits = Limits {
        ping_every: Duration::from_millis(every),
        pong_time: Duration::from_millis(timeout),
        ..Limits::default()
    };
    play("", limits)
}

/// The scenario with these lines more, under these limits.
fn play(more: &str, limits: Limits) -> TestServer {
    let hub = hub(&format!("{SCENARIO}{more}"), limits);
    TestServer::start(&config(limits), hub, None)
}

/// Far longer than a test.
fn calm() -> TestServer {
    start(60_000, 60_000)
}

async fn http(server: &TestServer, method: &str, query: &str, body: &str) -> Answer {
    let request = format!(
        "{method} /socket.io/?{query} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        server.address,
        body.len()
    );
    Raw::exchange(server.address, &request).await
}

async fn open(server: &TestServer) -> String {
    let answer = http(server, "GET", "EIO=4&transport=polling", "").await;
    let open: Value = serde_json::from_str(answer.body.strip_prefix('0').unwrap()).unwrap();
    open["sid"].as_str().unwrap().to_owned()
}

/// A session that has joined the main namespace.
async fn join(server: &TestServer) -> String {
    let sid = open(server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    let posted = http(server, "POST", &query, "40").await;
    assert_eq!((posted.status, posted.body.as_str()), (200, "ok"));
    let got = http(server, "GET", &query, "").await.body;
    let packets: Vec<&str> = got.split('\u{1e}').collect();
    assert!(packets[0].starts_with("40{\"sid\":\""), "{got}");
    assert_eq!(packets[1], r#"42["hello",{"welcome":"c1"}]"#);
    query
}

async fn upgrade(server: &TestServer, query: &str) -> Raw {
    Raw::open(server.address, &format!("/socket.io/?{query}")).await
}

#[tokio::test]
async fn handshakes_are_answered_as_by_the_reference_server() {
    let server = calm();
    let answer = http(&server, "GET", "EIO=4&transport=polling", "").await;
    let open: Value = serde_json::from_str(&answer.body[1..]).unwrap();
    assert_eq!(open["upgrades"], serde_json::json!(["websocket"]));
    assert_eq!(open["pingInterval"], 60_000);
    assert_eq!(open["maxPayload"], 1 << 20);
    assert_eq!(open.as_object().unwrap().len(), 5);
    for (method, query, code) in [
        ("GET", "EIO=4", 0),
        ("GET", "EIO=4&transport=abc", 0),
        ("GET", "transport=polling", 5),
        ("GET", "EIO=3&transport=polling", 5),
        ("POST", "EIO=4&transport=polling", 2),
        ("PUT", "EIO=4&transport=polling", 2),
        ("GET", "EIO=4&transport=websocket", 3),
        ("GET", "EIO=4&transport=polling&sid=nobody", 1),
    ] {
        let answer = http(&server, method, query, "").await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &body["code"]),
            (400, &Value::from(code)),
            "{method} {query}"
        );
    }
}

#[tokio::test]
async fn events_and_acknowledgements_go_both_ways_by_polling() {
    let server = calm();
    let query = join(&server).await;
    http(
        &server,
        "POST",
        &query,
        "42[\"message\",1]\u{1e}427[\"message\",{\"a\":[1.50]}]",
    )
    .await;
    let got = http(&server, "GET", &query, "").await.body;
    let expected = [
        r#"42["message-back",1]"#,
        r#"42["message-back",{"a":[1.50]}]"#,
        r#"437[{"a":[1.50]}]"#,
    ];
    assert_eq!(got.split('\u{1e}').collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn protocol_violations_end_the_session() {
    let server = calm();
    for bad in ["abc", "", "4abc", "42{}", "42[]", "2", "40\u{1e}40"] {
        let sid = open(&server).await;
        let query = format!("EIO=4&transport=polling&sid={sid}");
        let posted = http(&server, "POST", &query, bad).await;
        assert_eq!(posted.status, 400, "{bad}");
        assert_eq!(
            http(&server, "GET", &query, "").await.status,
            400,
            "after {bad}"
        );
    }
}

#[tokio::test]
async fn two_gets_at_once_end_the_session() {
    let server = calm();
    let sid = open(&server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    let (first, second) = tokio::join!(
        http(&server, "GET", &query, ""),
        http(&server, "GET", &query, "")
    );
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);
}

#[tokio::test]
async fn the_client_may_close() {
    let server = calm();
    let query = join(&server).await;
    assert_eq!(http(&server, "POST", &query, "1").await.body, "ok");
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);
}

#[tokio::test]
async fn the_server_pings_and_gives_up() {
    let server = start(150, 100);
    let sid = open(&server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    for _ in 0..3 {
        assert_eq!(http(&server, "GET", &query, "").await.body, "2");
        assert_eq!(http(&server, "POST", &query, "3").await.body, "ok");
    }
    assert_eq!(http(&server, "GET", &query, "").await.body, "2");
    // No pong: the next GET hangs until the session ends, and says so.
    assert_eq!(http(&server, "GET", &query, "").await.body, "1");
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);
}

#[tokio::test]
async fn websocket_session_opens_and_closes() {
    let server = calm();
    let mut raw = upgrade(&server, "EIO=4&transport=websocket").await;
    let first = raw.read().await;
    assert!(first.payload.starts_with(b"0{\"sid\":\""));
    raw.frame(1, b"40/elsewhere,").await;
    raw.expect(1, br#"44/elsewhere,{"message":"Invalid namespace"}"#)
        .await;
    raw.frame(1, b"40").await;
    assert!(raw.read().await.payload.starts_with(b"40{\"sid\":\""));
    raw.expect(1, br#"42["hello",{"welcome":"c1"}]"#).await;
    raw.frame(1, br#"421["message","x"]"#).await;
    raw.expect(1, br#"42["message-back","x"]"#).await;
    raw.expect(1, br#"431["x"]"#).await;
    raw.frame(1, br#"42["close"]"#).await;
    raw.expect_close(1000).await;
}

#[tokio::test]
async fn polling_goes_over_to_a_websocket() {
    let server = calm();
    let query = join(&server).await;
    let mut raw = upgrade(&server, &query.replace("polling", "websocket")).await;
    let moving = async {
        raw.frame(1, b"2probe").await;
        raw.expect(1, b"3probe").await;
    };
    // The probe lets the hanging GET go.
    let (hanging, ()) = tokio::join!(http(&server, "GET", &query, ""), moving);
    assert!(
        hanging.body == "6" || hanging.body.is_empty(),
        "{}",
        hanging.body
    );
    raw.frame(1, b"5").await;
    raw.frame(1, br#"42["message",2]"#).await;
    raw.expect(1, br#"42["message-back",2]"#).await;
    assert_eq!(
        http(&server, "GET", &query, "").await.status,
        400,
        "polling is over"
    );
}
