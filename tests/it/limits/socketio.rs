//! The limits of a Socket.IO client, which is a peer without a socket of its own for as long as it polls.

use serde_json::Value;
use ws_mock::hub::Limit;

use super::Bound;
use crate::support::binary::Binary;
use crate::support::raw::{Answer, Raw};

fn scenario(limits: &str, heartbeat: &str) -> String {
    format!(
        "scenario: io\nlisten: {{ protocol: socket.io, paths: [/socket.io/]{heartbeat} }}\n\
         limits: {{ {limits} }}\non: {{ \"*\": [ reply: ok ] }}\n"
    )
}

async fn http(server: &Binary, method: &str, sid: &str, body: &str) -> Answer {
    let length = body.len();
    let query = format!("EIO=4&transport=polling{sid}");
    let request = format!(
        "{method} /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    Raw::exchange(server.address, &request).await
}

/// A session, as the part of a query that names it.
async fn open(server: &Binary) -> String {
    let answer = http(server, "GET", "", "").await;
    let open: Value = serde_json::from_str(&answer.body[1..]).unwrap();
    format!("&sid={}", open["sid"].as_str().unwrap())
}

#[tokio::test]
async fn a_message_is_bounded_by_post_and_by_websocket() {
    let message = |size: usize| format!("42[\"x\",\"{}\"]", "a".repeat(size - 10));
    let bound = Bound {
        limit: Limit::Message,
        who: "127.0.0.1:",
        figure: "`50`",
        scenario: &scenario("message: 50", ""),
        options: &[],
    };
    bound
        .holds(
            async |server| {
                let sid = open(server).await;
                assert_eq!(http(server, "POST", &sid, "40").await.status, 200);
                assert_eq!(http(server, "POST", &sid, &message(50)).await.status, 200);
            },
            async |server| {
                let sid = open(server).await;
                assert_eq!(http(server, "POST", &sid, &message(51)).await.status, 413);
            },
        )
        .await;
    let websocket = async |server: &Binary| {
        let mut raw = Raw::open(server.address, "/socket.io/?EIO=4&transport=websocket").await;
        assert!(raw.read().await.payload.starts_with(b"0{"));
        raw.frame(1, b"40").await;
        assert!(raw.read().await.payload.starts_with(b"40{"));
        raw
    };
    let bound = Bound { who: "c", ..bound };
    bound
        .holds(
            async |server| {
                let mut raw = websocket(server).await;
                raw.frame(1, message(50).as_bytes()).await;
                raw.frame(9, b"").await;
                raw.expect(10, b"").await;
            },
            async |server| {
                let mut raw = websocket(server).await;
                raw.frame(1, message(51).as_bytes()).await;
                raw.expect_close(1009).await;
            },
        )
        .await;
}

#[tokio::test]
async fn a_polling_client_answers_pings_too() {
    let bound = Bound {
        limit: Limit::Heartbeat,
        who: "c",
        figure: "within 1.5s",
        scenario: &scenario("", ", heartbeat: { every: 300ms, timeout: 1500ms }"),
        options: &[],
    };
    bound
        .holds(
            async |server| {
                let sid = open(server).await;
                http(server, "POST", &sid, "40").await;
                assert!(http(server, "GET", &sid, "").await.body.starts_with("40{"));
                for _ in 0..3 {
                    assert_eq!(http(server, "GET", &sid, "").await.body, "2");
                    assert_eq!(http(server, "POST", &sid, "3").await.status, 200);
                }
                http(server, "POST", &sid, "1").await;
            },
            async |server| {
                let sid = open(server).await;
                http(server, "POST", &sid, "40").await;
                server.line(&["limit=heartbeat "]).await;
                assert_eq!(http(server, "GET", &sid, "").await.status, 400);
            },
        )
        .await;
}

#[tokio::test]
async fn what_a_polling_client_does_not_fetch_is_bounded() {
    let bound = Bound {
        limit: Limit::Mailbox,
        who: "127.0.0.1:",
        figure: "4 packets",
        scenario: &scenario("mailbox_frames: 4", ""),
        options: &[],
    };
    // Each is answered with a refusal.
    let elsewhere = |count: usize| vec!["40/elsewhere,"; count].join("\u{1e}");
    bound
        .holds(
            async |server| {
                let sid = open(server).await;
                let posted = http(server, "POST", &sid, &elsewhere(4)).await;
                assert_eq!(posted.status, 200);
                let fetched = http(server, "GET", &sid, "").await.body;
                assert_eq!(fetched.split('\u{1e}').count(), 4, "{fetched}");
            },
            async |server| {
                let sid = open(server).await;
                let posted = http(server, "POST", &sid, &elsewhere(5)).await;
                assert_eq!(posted.status, 400);
            },
        )
        .await;
}

#[tokio::test]
async fn sessions_are_connections() {
    let bound = Bound {
        limit: Limit::Connections,
        who: "127.0.0.1:",
        figure: "2 ",
        scenario: &scenario("connections: 2", ""),
        options: &[],
    };
    bound
        .holds(
            async |server| {
                open(server).await;
                open(server).await;
            },
            async |server| assert_eq!(http(server, "GET", "", "").await.status, 503),
        )
        .await;
}
