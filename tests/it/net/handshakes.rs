//! Every bad handshake has its answer.

use ws_mock::base::Limits;

use super::echo;
use crate::support::raw::{KEY, Raw, handshake};
use crate::support::server::{TestServer, config, hub};

const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_request_gets_its_status() {
    let server = echo(Limits::default());
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let good = handshake("/ws", &[]);
    let without = |line: &str| good.replacen(line, "", 1);
    let with = |lines: &[&str]| handshake("/ws", lines);
    let long = |size: usize| "a".repeat(size);
    let head = |size: usize| {
        let empty = with(&["X-Long: "]).len();
        with(&[&format!("X-Long: {}", long(size - empty))])
    };
    for (words, request, status, code) in [
        ("good", good.clone(), 101, ""),
        ("with a query", handshake("/ws?token=x", &[]), 101, ""),
        (
            "an extension is not taken",
            with(&["Sec-WebSocket-Extensions: permessage-deflate"]),
            101,
            "",
        ),
        (
            "absolute form",
            good.replacen("/ws", "http://localhost/ws", 1),
            101,
            "",
        ),
        (
            "absolute form of another host",
            good.replacen("/ws", "http://evil.example/ws", 1),
            403,
            "FORBIDDEN",
        ),
        (
            "a body by its length",
            format!("{}hello", with(&["Content-Length: 5"])),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "a body in chunks",
            format!("{}0\r\n\r\n", with(&["Transfer-Encoding: chunked"])),
            400,
            "BAD_HANDSHAKE",
        ),
        ("no body, said so", with(&["Content-Length: 0"]), 101, ""),
        ("blank lines before", format!("\r\n\r\n{good}"), 101, ""),
        ("another path", handshake("/other", &[]), 404, "NOT_FOUND"),
        ("a path below", handshake("/ws/", &[]), 404, "NOT_FOUND"),
        (
            "no upgrade at all",
            "GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
            426,
            "UPGRADE_REQUIRED",
        ),
        (
            "POST",
            good.replacen("GET", "POST", 1),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            "HTTP/1.0",
            good.replacen("HTTP/1.1", "HTTP/1.0", 1),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "HTTP/2.0",
            good.replacen("HTTP/1.1", "HTTP/2.0", 1),
            400,
            "BAD_REQUEST",
        ),
        ("no key", without(&key), 400, "BAD_HANDSHAKE"),
        ("two keys", with(&[key.trim()]), 400, "BAD_HANDSHAKE"),
        (
            "a short key",
            good.replacen(KEY, "c2hvcnQ=", 1),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "a key that is no base64",
            good.replacen(KEY, "????????????????????????", 1),
            400,
            "BAD_HANDSHAKE",
        ),
        ("no version", without(VERSION), 400, "BAD_HANDSHAKE"),
        (
            "two versions",
            with(&[VERSION.trim()]),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "version 8",
            good.replacen("Version: 13", "Version: 8", 1),
            426,
            "BAD_HANDSHAKE",
        ),
        (
            "no Upgrade",
            without("Upgrade: websocket\r\n"),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "another Upgrade",
            good.replacen("websocket", "h2c", 1),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "no Connection",
            without("Connection: Upgrade\r\n"),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "another Connection",
            good.replacen("Connection: Upgrade", "Connection: close", 1),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "a bad subprotocol",
            with(&["Sec-WebSocket-Protocol: a b"]),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "no Host",
            without("Host: localhost\r\n"),
            400,
            "BAD_REQUEST",
        ),
        ("two Hosts", with(&["Host: localhost"]), 400, "BAD_REQUEST"),
        (
            "another Host",
            good.replacen("Host: localhost", "Host: evil.example", 1),
            403,
            "FORBIDDEN",
        ),
        (
            "no Host that could be one",
            good.replacen("Host: localhost", "Host: a b", 1),
            400,
            "BAD_REQUEST",
        ),
        (
            "a Host with a port past all ports",
            good.replacen("Host: localhost", "Host: localhost:99999", 1),
            400,
            "BAD_REQUEST",
        ),
        (
            "a star as the target",
            good.replacen("/ws", "*", 1),
            400,
            "BAD_REQUEST",
        ),
        (
            "a host as the target",
            good.replacen("/ws", "localhost:80", 1),
            400,
            "BAD_REQUEST",
        ),
        (
            "a target of another protocol",
            good.replacen("/ws", "ftp://localhost/ws", 1),
            400,
            "BAD_REQUEST",
        ),
        (
            "a stranger's Origin",
            with(&["Origin: https://evil.example"]),
            403,
            "FORBIDDEN",
        ),
        ("a null Origin", with(&["Origin: null"]), 403, "FORBIDDEN"),
        (
            "two Origins",
            with(&["Origin: http://localhost", "Origin: http://localhost"]),
            400,
            "BAD_REQUEST",
        ),
        (
            "a near Origin",
            with(&["Origin: http://localhost:5173"]),
            101,
            "",
        ),
        (
            "a header without a name",
            with(&[": x"]),
            400,
            "BAD_REQUEST",
        ),
        (
            "a folded header",
            with(&["X-A: b\r\n  c"]),
            400,
            "BAD_REQUEST",
        ),
        (
            "a space before the colon",
            with(&["X-A : b"]),
            400,
            "BAD_REQUEST",
        ),
        ("a zero byte", with(&["X-A: \0"]), 400, "BAD_REQUEST"),
        ("no HTTP", "hello\r\n\r\n".into(), 400, "BAD_REQUEST"),
        (
            "no words at all",
            "\u{1}\u{2}\u{3}\r\n\r\n".into(),
            400,
            "BAD_REQUEST",
        ),
        (
            "HTTP/2 preface",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            400,
            "BAD_REQUEST",
        ),
        ("a huge header", head(300_000), 431, "HEAD_TOO_LARGE"),
        (
            "a huge path",
            handshake(&format!("/{}", long(100_000)), &[]),
            431,
            "HEAD_TOO_LARGE",
        ),
        (
            "a huge key",
            good.replacen(KEY, &long(10_000), 1),
            400,
            "BAD_HANDSHAKE",
        ),
        (
            "two lengths",
            with(&["Content-Length: 1", "Content-Length: 2"]),
            400,
            "BAD_REQUEST",
        ),
        (
            "a negative length",
            with(&["Content-Length: -1"]),
            400,
            "BAD_REQUEST",
        ),
    ] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(request.as_bytes()).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, status, "{words}: {answer:?}");
        if status == 101 {
            assert!(
                answer.head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
                "{words}: {answer:?}"
            );
            raw.frame(1, b"hello").await;
            raw.expect(1, b"hello").await;
        } else {
            let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(body["error"]["code"], code, "{words}: {answer:?}");
            assert!(
                answer.head.contains("content-type: application/json"),
                "{words}: {answer:?}"
            );
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn handshake_may_come_byte_by_byte() {
    let server = echo(Limits::default());
    let mut raw = Raw::connect(server.address).await;
    for byte in handshake("/ws", &["Sec-WebSocket-Protocol: one, two"]).bytes() {
        raw.send(&[byte]).await;
    }
    let answer = raw.answer().await;
    assert_eq!(answer.status, 101);
    assert!(answer.head.contains("sec-websocket-protocol: one\r\n"));
    raw.frame(2, b"\0").await;
    raw.expect(2, b"\0").await;
}

#[tokio::test]
async fn frames_may_come_with_the_handshake() {
    let server = echo(Limits::default());
    let mut raw = Raw::connect(server.address).await;
    let mut bytes = handshake("/ws", &[]).into_bytes();
    bytes.extend(crate::support::raw::frame(true, 1, b"early"));
    raw.send(&bytes).await;
    assert_eq!(raw.answer().await.status, 101);
    raw.expect(1, b"early").await;
}

#[tokio::test]
async fn plain_port_closes_tls_clients() {
    let server = echo(Limits::default());
    let mut raw = Raw::connect(server.address).await;
    raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .await;
    assert!(raw.rest().await.is_none_or(|rest| rest.is_empty()));
}

#[tokio::test]
async fn connections_over_the_limit_are_refused() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = echo(limits);
    let mut first = Raw::open(server.address, "/ws").await;
    let mut second = Raw::connect(server.address).await;
    second.send(handshake("/ws", &[]).as_bytes()).await;
    assert_eq!(second.answer().await.status, 503);
    first.frame(8, b"").await;
    first.expect(8, b"").await;
    assert_eq!(first.rest().await, Some(Vec::new()));
    Raw::open(server.address, "/ws").await;
}

#[tokio::test]
async fn subprotocol_not_offered_is_not_sent() {
    let scenario = "
scenario: own
listen: { paths: [/ws] }
upgrade:
  - reply: { protocol: own }
";
    let server = TestServer::start(
        &config(Limits::default()),
        hub(scenario, Limits::default()),
        None,
    );
    for (offered, sent) in [
        (&[][..], false),
        (&["Sec-WebSocket-Protocol: other"], false),
        (&["Sec-WebSocket-Protocol: other, own"], true),
    ] {
        let answer = Raw::exchange(server.address, &handshake("/ws", offered)).await;
        assert_eq!(answer.status, 101);
        assert_eq!(
            answer.head.contains("sec-websocket-protocol: own\r\n"),
            sent,
            "{offered:?}: {answer:?}"
        );
        assert_eq!(answer.head.contains("sec-websocket-protocol"), sent);
    }
}
