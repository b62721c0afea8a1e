//! Requests that nobody means well with: each has its answer, none reaches the terminal as it is, and the next one is
//! answered as ever.

use crate::support::binary::Binary;
use crate::support::raw::{Raw, handshake};

const SCENARIO: &str = r#"
scenario: rude
messages: { name: "${ message.action }" }
data: { things: { key: id, count: 3, item: { id: "${ n }" } } }
on:
  echo: [ { join: "${ message.data }" }, { log: "${ message.data }" }, { reply: "${ message.data }" } ]
timers: { t: { every: 1h, do: [ { log: x } ] } }
triggers: { go: [ { log: "${ args }" } ] }
"#;

#[tokio::test]
async fn each_control_request_has_its_status() {
    let server = Binary::start(SCENARIO, &[]);
    let deep = "[".repeat(100_000);
    let rows: &[(&str, &str, &str, u16)] = &[
        ("GET", "nix", "", 404),
        ("GET", "../__mock/info", "", 404),
        ("GET", "data/%2e%2e%2f%00", "", 404),
        ("GET", "data/%zz%f", "", 404),
        ("GET", "journal?limit=99999999999999999999", "", 422),
        ("GET", "journal?after=-1", "", 422),
        ("GET", "journal?nix=1", "", 422),
        ("PUT", "reset", "{}", 405),
        ("POST", "metrics", "{}", 405),
        ("POST", "reset", &deep, 422),
        ("POST", "reset", r#"{"seed":"x"}"#, 422),
        ("POST", "reset", r#"{"seed":-1}"#, 422),
        ("POST", "reset", r#"{"seed":1e400}"#, 422),
        ("POST", "reset", r#"{"seed":18446744073709551616}"#, 422),
        ("POST", "reset", r#"{"sede":1}"#, 422),
        ("POST", "reset", "\u{feff}{}", 422),
        ("POST", "reset", r#"{"seed":1,"seed":2}"#, 200),
        ("POST", "reset", "", 200),
        ("POST", "send", "[]", 422),
        ("POST", "send", r#"{"message":1}"#, 422),
        ("POST", "send", r#"{"to":5,"message":1}"#, 422),
        (
            "POST",
            "send",
            r#"{"to":{"connection":"c999"},"message":1}"#,
            404,
        ),
        ("POST", "clock", r#"{"advance":"-1s"}"#, 422),
        ("POST", "clock", r#"{"advance":"999999999999h"}"#, 422),
        ("POST", "clock", r#"{"mode":"x"}"#, 422),
        ("PUT", "faults", "{}", 422),
        ("PUT", "faults", r#"[{"kind":"x"}]"#, 422),
        ("PUT", "faults", r#"[{"kind":"drop","share":2}]"#, 422),
        ("POST", "journal/wait", r#"{"timeout":"99999h"}"#, 422),
        ("POST", "journal/wait", r#"{"timeout":-5}"#, 422),
        ("POST", "data/things", "[]", 422),
        ("POST", "data/things", r#"{"id":{"a":1}}"#, 422),
        ("POST", "data/nix", "{}", 404),
        ("PATCH", "data/things/1", r#"{"id":5}"#, 422),
        ("PATCH", "data/things/zz", "{}", 404),
        ("PUT", "data/things/1", r#""x""#, 422),
        ("DELETE", "connections/c1", r#"{"code":1}"#, 404),
        ("DELETE", "connections/zz", "", 404),
        ("PATCH", "timers/t", r#"{"every":"0ms"}"#, 422),
        ("PATCH", "timers/nix", r#"{"every":"1s"}"#, 404),
        ("POST", "triggers/nix", "{}", 404),
        ("POST", "triggers/go", "[1]", 422),
    ];
    for (method, path, body, status) in rows {
        let shown = format!("{method} {path} {body:.80}");
        let answer = Raw::exchange(server.address, &request(method, path, body)).await;
        assert_eq!(answer.status, *status, "{shown}: {}", answer.body);
        let json: serde_json::Value = serde_json::from_str(&answer.body).expect(&shown);
        assert_eq!(json["error"].is_object(), *status >= 400, "{shown}: {json}");
        assert!(
            server.control("health").await.contains("ok"),
            "after {shown}"
        );
    }
}

#[tokio::test]
async fn what_is_repeated_of_a_request_is_short() {
    let server = Binary::start(SCENARIO, &[]);
    let long = "x".repeat(20_000);
    let text = format!("\"{long}\"");
    let in_object = |name: &str| format!("{{\"{name}\":{text}}}");
    let rows: &[(&str, &str, &str)] = &[
        ("GET", &long, ""),
        ("GET", &format!("data/{long}"), ""),
        ("GET", &format!("data/things/{long}"), ""),
        ("GET", &format!("data/things?{long}=1"), ""),
        ("GET", &format!("data/things?page={long}"), ""),
        ("GET", &format!("journal?direction={long}"), ""),
        ("GET", &format!("journal?connection={long}"), ""),
        ("GET", &format!("journal?{long}=1"), ""),
        ("DELETE", &format!("connections/{long}"), ""),
        ("POST", &format!("triggers/{long}"), "{}"),
        ("POST", "triggers/go", &text),
        ("POST", &format!("timers/{long}/fire"), ""),
        ("PATCH", "timers/t", &in_object("every")),
        ("PATCH", "timers/t", &in_object("paused")),
        ("PATCH", "timers/t", &in_object(&long)),
        ("POST", "clock", &in_object("mode")),
        ("POST", "clock", &in_object("advance")),
        ("POST", "reset", &in_object("seed")),
        (
            "POST",
            "send",
            &format!("{{\"to\":{{\"connection\":{text}}},\"message\":1}}"),
        ),
        ("POST", "data/things", &format!("[{text}]")),
        ("PATCH", "data/things/1", &in_object("id")),
        ("PUT", "faults", &format!("[{text}]")),
        ("PUT", "faults", &format!("[{}]", in_object("kind"))),
        (
            "PUT",
            "faults",
            &format!("[{{\"kind\":\"drop\",\"share\":{text}}}]"),
        ),
        (
            "PUT",
            "faults",
            &format!("[{{\"kind\":\"drop\",{text}:1}}]"),
        ),
        (
            "PUT",
            "faults",
            &format!("[{{\"kind\":\"latency\",\"time\":{text}}}]"),
        ),
        ("POST", "journal/wait", &in_object("after")),
        (&"X".repeat(200), "info", ""),
    ];
    for (method, path, body) in rows {
        let answer = Raw::exchange(server.address, &request(method, path, body)).await;
        let shown = format!("{method:.20} {path:.40} {body:.60}");
        assert!((400..500).contains(&answer.status), "{shown}: {answer:?}");
        assert!(answer.body.len() < 1_200, "{shown}: {}", answer.body);
    }
    let elsewhere = format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = Raw::exchange(server.address, &elsewhere).await;
    assert!(answer.body.len() < 1_200, "{}", answer.body);
}

#[tokio::test]
async fn what_one_sends_is_not_read_as_two() {
    let server = Binary::start(SCENARIO, &[]);
    let json = "Host: localhost\r\nContent-Type: application/json\r\n";
    let second = "GET /__mock/rooms HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (lines, body, statuses) in [
        (
            "Content-Length: 2\r\nContent-Length: 3\r\n",
            "{}x",
            &[400][..],
        ),
        ("Content-Length: -2\r\n", "{}", &[400]),
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n", &[400]),
        (
            "Transfer-Encoding: chunked, identity\r\n",
            "0\r\n\r\n",
            &[400],
        ),
        ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", &[501]),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            &[501],
        ),
        // Refused, and the connection ends: the rest is not read as a request.
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            &format!("0\r\n\r\n{second}"),
            &[400],
        ),
    ] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(format!("POST /__mock/reset HTTP/1.1\r\n{json}{lines}\r\n{body}").as_bytes())
            .await;
        let heard = raw.rest().await.unwrap_or_default();
        let heard = String::from_utf8_lossy(&heard);
        let found: Vec<u16> = heard
            .match_indices("HTTP/1.1 ")
            .map(|(at, _)| heard[at + 9..at + 12].parse().unwrap())
            .collect();
        assert_eq!(found, statuses, "{lines}: {heard}");
    }
}

/// Escapes that move a cursor, lines that look like ours, text that turns the reading direction.
#[tokio::test]
async fn nothing_reaches_the_terminal_as_it_is() {
    let hostile = "\u{1b}[2J\u{1b}]0;x\u{7}\n2026-01-01 00:00:00 ERROR made up\r\u{9b}31m\u{202e}";
    for options in [&["--log-format", "text"][..], &["--log-format", "json"]] {
        let server = Binary::start(SCENARIO, options);
        let mut raw = Raw::open(server.address, "/").await;
        let message = serde_json::json!({ "action": "echo", "data": hostile });
        raw.frame(1, message.to_string().as_bytes()).await;
        let answer: String = serde_json::from_slice(&raw.read().await.payload).unwrap();
        assert_eq!(answer, hostile);
        let unknown = serde_json::json!({ "action": hostile });
        raw.frame(1, unknown.to_string().as_bytes()).await;
        raw.read().await;
        let trigger = request(
            "POST",
            "triggers/go",
            &serde_json::json!({ "x": hostile }).to_string(),
        );
        assert_eq!(Raw::exchange(server.address, &trigger).await.status, 200);
        let mut close = 4000_u16.to_be_bytes().to_vec();
        close.extend(hostile.as_bytes());
        raw.frame(8, &close).await;
        raw.rest().await;
        let mut other = Raw::connect(server.address).await;
        let agent = "User-Agent: \u{9b}31m\u{202e}";
        other
            .send(handshake("/%1b[2J", &[agent, "Origin: http://evil\u{9b}"]).as_bytes())
            .await;
        assert_eq!(other.answer().await.status, 400);
        server.line(&["made up"]).await;
        for line in server.log() {
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
            assert!(!line.starts_with("2026-01-01"), "{line}");
            if options[1] == "json" && line.starts_with('{') {
                serde_json::from_str::<serde_json::Value>(&line).expect(&line);
            }
        }
    }
}

#[tokio::test]
async fn what_looks_like_an_expression_stays_text() {
    let server = Binary::start(SCENARIO, &[]);
    let text = "${ 1 + 1 }";
    let shown = format!("\"{text}\"");
    let mut raw = Raw::open(server.address, "/").await;
    let say = |action: &str| serde_json::json!({ "action": action, "data": text }).to_string();
    raw.frame(1, say("echo").as_bytes()).await;
    raw.expect(1, shown.as_bytes()).await;
    raw.frame(1, say(text).as_bytes()).await;
    let refused = String::from_utf8(raw.read().await.payload).unwrap();
    assert!(refused.contains(text), "{refused}");
    let send = format!(r#"{{"to":{{"all":true}},"message":{shown}}}"#);
    for (method, path, body) in [
        ("POST", "send", send),
        ("POST", "data/things", format!(r#"{{"id":{shown}}}"#)),
        ("POST", "triggers/go", format!(r#"{{"x":{shown}}}"#)),
    ] {
        let answer = Raw::exchange(server.address, &request(method, path, &body)).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
    }
    raw.expect(1, shown.as_bytes()).await;
    for path in ["rooms", "data/things", "journal"] {
        let answer = server.control(path).await;
        assert!(answer.contains(text), "{path}: {answer}");
    }
    server.line(&[text]).await;
}

fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} /__mock/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
