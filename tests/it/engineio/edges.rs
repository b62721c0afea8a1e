//! Where the two ways meet, and where clients or faults misbehave.

use std::time::{Duration, Instant};

use ws_mock::base::Limits;

use super::{calm, http, join, open, play, start, upgrade};
use crate::support::raw::{Raw, frame};
use crate::support::server::TestServer;

/// Long enough for a request to have arrived.
const SHORT: Duration = Duration::from_millis(150);

fn patient() -> Limits {
    Limits {
        ping_every: Duration::from_mins(1),
        pong_time: Duration::from_mins(1),
        ..Limits::default()
    }
}

/// A request that has arrived, whose answer is left to come.
async fn ask(server: &TestServer, method: &str, query: &str, body: &str) -> Raw {
    let raw = ask_at_once(server, method, query, body).await;
    tokio::time::sleep(SHORT).await;
    raw
}

async fn ask_at_once(server: &TestServer, method: &str, query: &str, body: &str) -> Raw {
    let mut raw = Raw::connect(server.address).await;
    let head = format!(
        "{method} /socket.io/?{query} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    raw.send(head.as_bytes()).await;
    raw
}

fn websocket(query: &str) -> String {
    query.replace("polling", "websocket")
}

/// All packets up to one, over as many GETs as it takes.
async fn fetch_until(server: &TestServer, query: &str, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    while all.last().is_none_or(|packet| packet != last) {
        let answer = http(server, "GET", query, "").await;
        assert_eq!(answer.status, 200, "after {} packets", all.len());
        all.extend(answer.body.split('\u{1e}').map(str::to_owned));
    }
    all
}

#[tokio::test]
async fn a_second_websocket_does_no_harm() {
    let server = calm();
    let query = join(&server).await;
    let mut first = upgrade(&server, &websocket(&query)).await;
    let mut second = upgrade(&server, &websocket(&query)).await;
    second.expect_close(1000).await;
    first.frame(1, b"2probe").await;
    first.expect(1, b"3probe").await;
    first.frame(1, b"5").await;
    first.frame(1, br#"42["message",1]"#).await;
    first.expect(1, br#"42["message-back",1]"#).await;
    let mut third = upgrade(&server, &websocket(&query)).await;
    third.expect_close(1000).await;
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);
    first.frame(1, br#"42["message",2]"#).await;
    first.expect(1, br#"42["message-back",2]"#).await;
}

#[tokio::test]
async fn probe_and_upgrade_end_a_hanging_get() {
    let server = calm();
    let query = join(&server).await;
    let mut hanging = ask(&server, "GET", &query, "").await;
    let mut raw = upgrade(&server, &websocket(&query)).await;
    let mut all = frame(true, 1, b"2probe");
    all.extend(frame(true, 1, b"5"));
    all.extend(frame(true, 1, br#"42["message",1]"#));
    raw.send(&all).await;
    raw.expect(1, b"3probe").await;
    raw.expect(1, br#"42["message-back",1]"#).await;
    assert_eq!(hanging.answer().await.body, "6");
    raw.frame(1, br#"42["message",2]"#).await;
    raw.expect(1, br#"42["message-back",2]"#).await;
}

#[tokio::test]
async fn failed_upgrade_leaves_the_session_polling() {
    let limits = Limits {
        head_time: Duration::from_millis(400),
        ..patient()
    };
    let server = play("", limits);
    let query = join(&server).await;
    // Too late, wrong, or gone: the session goes on by polling each time.
    let mut late = upgrade(&server, &websocket(&query)).await;
    late.frame(1, b"2probe").await;
    late.expect(1, b"3probe").await;
    assert_eq!(http(&server, "GET", &query, "").await.body, "6");
    assert_eq!(late.read().await.opcode, 8);
    let mut wrong = upgrade(&server, &websocket(&query)).await;
    wrong.frame(1, br#"42["message",1]"#).await;
    assert_eq!(wrong.read().await.opcode, 8);
    drop(wrong);
    drop(upgrade(&server, &websocket(&query)).await);
    tokio::time::sleep(SHORT).await;
    http(&server, "POST", &query, r#"42["message",1]"#).await;
    let got = http(&server, "GET", &query, "").await.body;
    assert_eq!(got, r#"42["message-back",1]"#);
}

#[tokio::test]
async fn an_upgrade_under_way_closes_with_its_session() {
    let server = calm();
    let query = join(&server).await;
    let mut raw = upgrade(&server, &websocket(&query)).await;
    http(&server, "POST", &query, "1").await;
    assert_eq!(raw.read().await.opcode, 8);
}

#[tokio::test]
async fn aborted_get_ends_the_session() {
    let server = calm();
    let query = join(&server).await;
    drop(ask(&server, "GET", &query, "").await);
    tokio::time::sleep(SHORT).await;
    let after = http(&server, "GET", &query, "").await;
    assert_eq!(
        (after.status, after.body.contains("\"code\":1")),
        (400, true)
    );
}

#[tokio::test]
async fn requests_may_overtake_those_sent_before_them() {
    let server = calm();
    let query = join(&server).await;
    // The client's close before the GET that it ends.
    let closing = ask_at_once(&server, "POST", &query, "1");
    let polling = ask_at_once(&server, "GET", &query, "");
    let (mut closing, mut polling) = (closing.await, polling.await);
    assert_eq!(closing.answer().await.body, "ok");
    assert_eq!(polling.answer().await.body, "6");

    // A GET that comes between the WebSocket's opening and its upgrade.
    let query = open(&server).await;
    let query = format!("EIO=4&transport=polling&sid={query}");
    let mut raw = upgrade(&server, &websocket(&query)).await;
    let mut polling = ask_at_once(&server, "GET", &query, "").await;
    raw.frame(1, b"2probe").await;
    raw.frame(1, b"5").await;
    assert_eq!(polling.answer().await.status, 400);
}

#[tokio::test]
async fn two_posts_at_once_end_the_session() {
    let server = calm();
    let query = join(&server).await;
    let mut slow = Raw::connect(server.address).await;
    let head = format!(
        "POST /socket.io/?{query} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n4"
    );
    slow.send(head.as_bytes()).await;
    tokio::time::sleep(SHORT).await;
    assert_eq!(http(&server, "POST", &query, "3").await.status, 400);
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);
}

#[tokio::test]
async fn post_may_have_the_size_of_a_message() {
    let limits = Limits {
        message: 3 << 10,
        frame: 3 << 10,
        body: 1 << 10,
        ..patient()
    };
    let server = play("", limits);
    let query = join(&server).await;
    let around = r#"42["message",""]"#.len();
    let message = |size: usize| format!(r#"42["message","{}"]"#, "x".repeat(size - around));
    assert_eq!(
        http(&server, "POST", &query, &message(3 << 10))
            .await
            .status,
        200
    );
    let got = http(&server, "GET", &query, "").await.body;
    assert_eq!(got.len(), (3 << 10) + "-back".len());
    assert_eq!(
        http(&server, "POST", &query, &message((3 << 10) + 1))
            .await
            .status,
        413
    );
    assert_eq!(
        http(&server, "POST", &query, r#"42["message",1]"#)
            .await
            .status,
        200
    );
    let got = http(&server, "GET", &query, "").await.body;
    assert_eq!(got, r#"42["message-back",1]"#);
}

#[tokio::test]
async fn a_burst_is_answered_in_full_by_polling() {
    let server = calm();
    let query = join(&server).await;
    let burst: Vec<_> = (0..3000)
        .map(|n| format!(r#"42{n}["message",{n}]"#))
        .collect();
    let burst = burst.join("\u{1e}");
    let (posted, got) = tokio::join!(
        http(&server, "POST", &query, &burst),
        fetch_until(&server, &query, "432999[2999]")
    );
    assert_eq!((posted.status, got.len()), (200, 6000));
    for (n, pair) in got.chunks(2).enumerate() {
        assert_eq!(pair[0], format!(r#"42["message-back",{n}]"#));
        assert_eq!(pair[1], format!("43{n}[{n}]"));
    }
}

#[tokio::test]
async fn a_burst_is_answered_in_full_by_websocket() {
    let server = calm();
    let mut raw = upgrade(&server, "EIO=4&transport=websocket").await;
    raw.read().await;
    raw.frame(1, b"40").await;
    raw.read().await;
    raw.read().await;
    let mut burst = Vec::new();
    for n in 0..3000 {
        burst.extend(frame(
            true,
            1,
            format!(r#"42{n}["message",{n}]"#).as_bytes(),
        ));
    }
    raw.send(&burst).await;
    for n in 0..3000 {
        raw.expect(1, format!(r#"42["message-back",{n}]"#).as_bytes())
            .await;
        raw.expect(1, format!("43{n}[{n}]").as_bytes()).await;
    }
}

#[tokio::test]
async fn answers_that_nobody_fetches_are_bounded() {
    let server = calm();
    let sid = open(&server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    let many = vec!["40/a,"; 5000].join("\u{1e}");
    assert_eq!(http(&server, "POST", &query, &many).await.status, 400);
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);
}

#[tokio::test]
async fn unsolicited_pong_does_not_answer_the_next_ping() {
    let server = start(300, 300);
    let sid = open(&server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    http(&server, "POST", &query, "3").await;
    let began = Instant::now();
    assert_eq!(http(&server, "GET", &query, "").await.body, "2");
    assert_eq!(http(&server, "GET", &query, "").await.body, "1");
    assert!(
        began.elapsed() < Duration::from_millis(800),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn session_without_namespace_still_pings() {
    let server = start(300, 5000);
    let query = join(&server).await;
    http(&server, "POST", &query, "41").await;
    assert_eq!(http(&server, "GET", &query, "").await.body, "2");
    http(&server, "POST", &query, "3\u{1e}40").await;
    let got = http(&server, "GET", &query, "").await.body;
    assert!(
        got.starts_with("40{") && got.ends_with(r#"42["hello",{"welcome":"c2"}]"#),
        "{got}"
    );
}

#[tokio::test]
async fn closing_by_polling_sends_what_waits_first() {
    let server = calm();
    let query = join(&server).await;
    let both = "42[\"message\",1]\u{1e}42[\"close\"]";
    http(&server, "POST", &query, both).await;
    let got = http(&server, "GET", &query, "").await.body;
    assert_eq!(got, "42[\"message-back\",1]\u{1e}1");
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);
}

#[tokio::test]
async fn faults_break_polling_as_they_break_a_websocket() {
    let message = r#"421["ask",1]"#;
    let faulty = |fault: &str| {
        play(
            &format!("faults:\n  - {{ kind: {fault}, on: [ask] }}\n"),
            patient(),
        )
    };

    let server = faulty("abort");
    let query = join(&server).await;
    let mut hanging = ask(&server, "GET", &query, "").await;
    http(&server, "POST", &query, message).await;
    assert_eq!(hanging.rest().await, None, "a reset");
    assert_eq!(http(&server, "GET", &query, "").await.status, 400);

    let server = faulty("stall");
    let query = join(&server).await;
    let mut hanging = ask(&server, "GET", &query, "").await;
    http(&server, "POST", &query, message).await;
    let mut posted = ask(&server, "POST", &query, "3").await;
    let silent = tokio::time::timeout(SHORT, async {
        tokio::select! { _ = hanging.answer() => {}, _ = posted.answer() => {} }
    });
    assert!(silent.await.is_err());
    server.stop().await;

    let server = faulty("slow, rate: 100");
    let query = join(&server).await;
    http(
        &server,
        "POST",
        &query,
        r#"421["ask","sixty bytes or so, which a hundred a second take a while for"]"#,
    )
    .await;
    let began = Instant::now();
    http(&server, "GET", &query, "").await;
    assert!(
        began.elapsed() > Duration::from_millis(300),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn faults_break_a_websocket() {
    let faulty = |fault: &str| {
        play(
            &format!("faults:\n  - {{ kind: {fault}, on: [ask] }}\n"),
            patient(),
        )
    };
    let join = async |server: &TestServer| {
        let mut raw = upgrade(server, "EIO=4&transport=websocket").await;
        raw.read().await;
        raw.frame(1, b"40").await;
        raw.read().await;
        raw.read().await;
        raw.frame(1, br#"421["ask","eight"]"#).await;
        raw
    };
    let server = faulty("abort");
    assert_eq!(join(&server).await.rest().await, None);

    let server = faulty("fragment, bytes: 8");
    let mut raw = join(&server).await;
    let first = raw.read().await;
    assert_eq!((first.last, first.payload.len()), (false, 8));

    let server = faulty("stall");
    let mut raw = join(&server).await;
    raw.frame(9, b"").await;
    assert!(tokio::time::timeout(SHORT, raw.read()).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn pages_of_accepted_origins_may_read_every_answer() {
    let server = calm();
    for (method, query, status) in [
        ("GET", "EIO=4&transport=polling", 200),
        ("GET", "EIO=4&transport=polling&sid=nobody", 400),
        ("GET", "EIO=4&transport=polling&j=0", 400),
        ("OPTIONS", "EIO=4&transport=polling", 204),
    ] {
        let request = format!(
            "{method} /socket.io/?{query} HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:5173\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: x-token\r\n\r\n"
        );
        let answer = Raw::exchange(server.address, &request).await;
        assert_eq!(answer.status, status);
        for line in [
            "access-control-allow-origin: http://localhost:5173",
            "access-control-allow-credentials: true",
            "vary: origin",
        ] {
            assert!(answer.head.contains(line), "{}", answer.head);
        }
        assert_eq!(
            answer
                .head
                .contains("access-control-allow-headers: x-token"),
            status == 204
        );
    }
}

#[tokio::test]
async fn a_server_that_stops_answers_who_polls() {
    let server = calm();
    let query = join(&server).await;
    let mut hanging = ask(&server, "GET", &query, "").await;
    let began = Instant::now();
    server.stop().await;
    assert_eq!(hanging.answer().await.body, "1");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn foreign_pages_without_origin_open_no_session() {
    let server = calm();
    let polling = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: localhost\r\n\
                   sec-fetch-site: cross-site\r\n\r\n";
    let answer = Raw::exchange(server.address, polling).await;
    assert_eq!(answer.status, 403, "{answer:?}");
}
