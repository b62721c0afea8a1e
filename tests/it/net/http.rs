//! Plain HTTP: the mocked endpoints, CORS, bodies, and the way to the control API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::server::echo_hub;
use bytes::Bytes;
use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use ws_mock::base::Limits;
use ws_mock::config::{Access, Config};
use ws_mock::net::Control;
use ws_mock::net::answer;

use super::{echo, impatient};
use crate::support::binary::Binary;
use crate::support::raw::{Answer, Raw, handshake};
use crate::support::server::{TestServer, config};

async fn ask(server: &TestServer, request: &str) -> Answer {
    let mut raw = Raw::connect(server.address).await;
    raw.send(request.as_bytes()).await;
    raw.answer().await
}

fn request(line: &str, headers: &[&str], body: &str) -> String {
    let first = format!("{line} HTTP/1.1");
    let lines = [&[first.as_str(), "Host: localhost"], headers].concat();
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

#[tokio::test]
async fn plain_requests_go_to_the_hub() {
    let server = echo(Limits::default());
    let answer = ask(&server, &request("GET /api/hello", &[], "")).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"hello":true}"#)
    );
    let posted = request("POST /api/echo", &["Content-Length: 5"], "hello");
    let answer = ask(&server, &posted).await;
    assert_eq!((answer.status, answer.body.as_str()), (201, r#""hello""#));
    let chunked = request(
        "POST /api/echo",
        &["Transfer-Encoding: chunked"],
        "5\r\nhello\r\n0\r\n\r\n",
    );
    assert_eq!(ask(&server, &chunked).await.body, r#""hello""#);
    let old = ask(&server, "GET /api/hello HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.status, 200);
    let unknown = ask(&server, &request("GET /api/none", &[], "")).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn connection_serves_requests_then_a_websocket() {
    let server = echo(Limits::default());
    let mut raw = Raw::connect(server.address).await;
    for _ in 0..3 {
        raw.send(request("GET /api/hello", &[], "").as_bytes())
            .await;
        assert_eq!(raw.answer().await.status, 200);
    }
    raw.upgrade("/ws").await;
    raw.frame(1, b"x").await;
    raw.expect(1, b"x").await;
}

#[tokio::test]
async fn rubbish_after_good_requests_is_told_as_well() {
    let server = echo(Limits::default());
    let mut raw = Raw::connect(server.address).await;
    let both = request("GET /api/hello", &[], "") + "rubbish\r\n\r\n";
    raw.send(both.as_bytes()).await;
    assert_eq!(raw.answer().await.status, 200);
    let answer = raw.answer().await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("BAD_REQUEST"));
    assert_eq!(raw.rest().await, Some(Vec::new()));
}

#[tokio::test]
async fn a_head_that_is_cut_off_is_told() {
    let server = echo(Limits::default());
    let mut raw = Raw::connect(server.address).await;
    raw.send(b"GET /api/hello HTTP/1.1\r\nHo").await;
    raw.0.shutdown().await.unwrap();
    let answer = raw.answer().await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("cut off"), "{answer:?}");
}

#[tokio::test]
async fn bodies_have_a_size_and_a_time() {
    let limits = Limits {
        body: 10,
        ..impatient()
    };
    let server = echo(limits);
    for (headers, body, status) in [
        (&["Content-Length: 10"][..], "0123456789", 201),
        (&["Content-Length: 11"], "", 413),
        (&["Content-Length: 11"], "01234567890", 413),
        (
            &["Transfer-Encoding: chunked"],
            "a\r\n0123456789\r\n0\r\n\r\n",
            201,
        ),
        (
            &["Transfer-Encoding: chunked"],
            "b\r\n01234567890\r\n0\r\n\r\n",
            413,
        ),
        (&["Transfer-Encoding: chunked"], "x\r\n", 400),
        (&["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n", 501),
        (&["Transfer-Encoding: chunked, chunked"], "0\r\n\r\n", 501),
        (
            &["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
            "0\r\n\r\n",
            501,
        ),
        (&["Content-Length: 10"], "01234", 408),
        (&["Transfer-Encoding: chunked"], "a\r\n01234", 408),
    ] {
        let answer = ask(&server, &request("POST /api/echo", headers, body)).await;
        assert_eq!(answer.status, status, "{headers:?} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn pages_of_accepted_origins_may_read_answers() {
    let server = echo(Limits::default());
    let origin = "Origin: http://localhost:5173";
    let answer = ask(&server, &request("GET /api/hello", &[origin], "")).await;
    assert!(
        answer
            .head
            .contains("access-control-allow-origin: http://localhost:5173\r\n")
    );
    assert!(answer.head.contains("vary: origin\r\n"));
    let asks = [
        origin,
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: x-a",
    ];
    let answer = ask(&server, &request("OPTIONS /api/hello", &asks, "")).await;
    assert_eq!(answer.status, 204);
    assert!(
        answer
            .head
            .contains("access-control-allow-headers: x-a\r\n")
    );
    let answer = ask(
        &server,
        &request("GET /api/hello", &["Origin: http://evil.example"], ""),
    )
    .await;
    assert_eq!(answer.status, 403);
    assert!(!answer.head.contains("access-control"));
    assert!(answer.body.contains("--allow-origin http://evil.example"));
}

fn control() -> Control {
    Arc::new(|request| {
        Box::pin(async move {
            let seen = format!(
                "{} {} {}",
                request.method(),
                request.uri().path(),
                request.body().len()
            );
            answer::json(StatusCode::OK, seen)
        })
    })
}

fn with_control(access: Access) -> (TestServer, Config) {
    let limits = Limits::default();
    let config = Config {
        access,
        ..config(limits)
    };
    let server = TestServer::start(&config, echo_hub(&[], limits), Some(control()));
    (server, config)
}

#[tokio::test]
async fn the_control_api_is_for_its_own_pages() {
    let (server, _) = with_control(Access {
        control: true,
        control_origins: vec!["http://console.test".into()],
        ..Access::default()
    });
    let own = format!("Origin: http://localhost:{}", server.address.port());
    let host = format!("Host: localhost:{}", server.address.port());
    for (headers, status) in [
        (&[][..], 200),
        (&[own.as_str()], 200),
        (&["Origin: http://localhost:5173"], 403),
        (&["Sec-Fetch-Site: cross-site"], 403),
        (&["Origin: http://console.test"], 200),
    ] {
        let asked =
            request("POST /__mock/reset", headers, "").replacen("Host: localhost", &host, 1);
        let answer = ask(&server, &asked).await;
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert_eq!(
            answer.head.contains("access-control"),
            headers == ["Origin: http://console.test"]
        );
        if status == 200 {
            assert_eq!(answer.body, "POST /__mock/reset 0");
        }
    }
    let rebound = request("GET /__mock/info", &[], "").replacen("localhost", "evil.example", 1);
    assert_eq!(ask(&server, &rebound).await.status, 403);
    let foreign = [
        "Origin: http://evil.example",
        "Access-Control-Request-Method: POST",
    ];
    let answer = ask(&server, &request("OPTIONS /__mock/reset", &foreign, "")).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.head.contains("access-control"));
}

#[tokio::test]
async fn scenario_owns_the_path_without_control_api() {
    let (server, _) = with_control(Access::default());
    let answer = ask(&server, &request("GET /__mock/info", &[], "")).await;
    assert_eq!(answer.status, 426);
}

#[tokio::test]
async fn length_with_chunks_is_refused_and_closed() {
    let server = echo(Limits::default());
    let smuggled = "0\r\n\r\nGET /api/hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for headers in [
        ["Content-Length: 50", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "content-length: 50"],
    ] {
        let mut raw = Raw::connect(server.address).await;
        // On a connection that was used before, too.
        raw.send(request("POST /api/echo", &["Content-Length: 2"], "hi").as_bytes())
            .await;
        assert_eq!(raw.answer().await.status, 201);
        raw.send(request("POST /api/echo", &headers, smuggled).as_bytes())
            .await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 400, "{headers:?}: {answer:?}");
        assert!(answer.body.contains("must not be sent together"));
        assert_eq!(raw.rest().await, Some(Vec::new()), "{headers:?}");
    }
    let pipelined = request("GET /api/hello", &[], "")
        + &request("POST /api/echo", &["Transfer-Encoding: chunked"], smuggled);
    let mut raw = Raw::connect(server.address).await;
    raw.send(pipelined.as_bytes()).await;
    assert_eq!(raw.answer().await.status, 200);
    assert_eq!(raw.answer().await.status, 400);
    assert_eq!(raw.rest().await, Some(Vec::new()));
}

#[tokio::test]
async fn foreign_pages_without_origin_are_refused() {
    let server = echo(Limits::default());
    let site = "Sec-Fetch-Site: cross-site";
    let navigates = "Sec-Fetch-Mode: navigate";
    for (line, headers, status) in [
        ("GET /api/hello", &[site][..], 403),
        ("POST /api/echo", &[site], 403),
        ("GET /api/hello", &["Sec-Fetch-Site: same-site"], 200),
        ("GET /api/hello", &[site, "Origin: http://localhost:1"], 200),
        (
            "GET /api/hello",
            &[site, navigates, "Sec-Fetch-Dest: document"],
            200,
        ),
        (
            "GET /api/hello",
            &[site, navigates, "Sec-Fetch-Dest: iframe"],
            403,
        ),
        ("GET /api/hello", &[site, "Sec-Fetch-Dest: document"], 403),
        (
            "POST /api/echo",
            &[site, navigates, "Sec-Fetch-Dest: document"],
            403,
        ),
        ("POST /api/echo", &["Sec-Fetch-Site: none"], 201),
    ] {
        let answer = ask(&server, &request(line, headers, "")).await;
        let shown = format!("{line} {headers:?}: {answer:?}");
        assert_eq!(answer.status, status, "{shown}");
        assert_eq!(
            status == 403,
            answer.body.contains("--allow-origin"),
            "{shown}"
        );
    }
    let mut raw = Raw::connect(server.address).await;
    raw.send(handshake("/ws", &[site]).as_bytes()).await;
    assert_eq!(raw.answer().await.status, 403);
}

/// A control API whose one answer is what `producer` sends.
fn stream<F>(producer: impl Fn(mpsc::Sender<Bytes>) -> F + Send + Sync + 'static) -> Control
where
    F: Future<Output = ()> + Send + 'static,
{
    let producer = Arc::new(producer);
    Arc::new(move |_| {
        let producer = producer.clone();
        Box::pin(async move { answer::streaming("text/event-stream", |sender| producer(sender)) })
    })
}

/// Signals when it is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn until(bytes: &mut Vec<u8>, raw: &mut Raw, end: &[u8]) {
    while !bytes.ends_with(end) {
        raw.0.read_buf(bytes).await.unwrap();
    }
}

#[tokio::test]
async fn body_streams_until_server_stops() {
    let (more, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (sent, dropped) = (more.clone(), gone.clone());
    let control = stream(move |sender| {
        let (sent, dropped) = (sent.clone(), Dropped(dropped.clone()));
        async move {
            let _dropped = dropped;
            sender.send("first".into()).await.unwrap();
            sent.notified().await;
            sender.send("second".into()).await.unwrap();
            std::future::pending::<()>().await;
        }
    });
    let limits = Limits::default();
    let server = TestServer::start(&config(limits), echo_hub(&[], limits), Some(control));
    let mut raw = Raw::connect(server.address).await;
    raw.send(request("GET /__mock/events", &[], "").as_bytes())
        .await;
    let mut bytes = Vec::new();
    until(&mut bytes, &mut raw, b"5\r\nfirst\r\n").await;
    more.notify_one();
    until(&mut bytes, &mut raw, b"6\r\nsecond\r\n").await;
    let started = Instant::now();
    tokio::join!(server.stop(), until(&mut bytes, &mut raw, b"\r\n0\r\n\r\n"));
    gone.notified().await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(raw.rest().await, Some(Vec::new()));
}

#[tokio::test]
async fn stream_ends_with_its_client() {
    for reads in [true, false] {
        let gone = Arc::new(Notify::new());
        let dropped = gone.clone();
        let control = stream(move |sender| {
            let dropped = Dropped(dropped.clone());
            async move {
                let _dropped = dropped;
                while sender.send(vec![b'x'; 1 << 20].into()).await.is_ok() {}
            }
        });
        let limits = impatient();
        let server = TestServer::start(&config(limits), echo_hub(&[], limits), Some(control));
        let mut raw = Raw::connect(server.address).await;
        raw.send(request("GET /__mock/events", &[], "").as_bytes())
            .await;
        if reads {
            let mut bytes = Vec::new();
            raw.0.read_buf(&mut bytes).await.unwrap();
            drop(raw);
            gone.notified().await;
        } else {
            // A client that stays and does not read is dropped after the write time.
            gone.notified().await;
            drop(raw);
        }
    }
}

#[tokio::test]
async fn wrong_path_is_logged_counted_and_journalled() {
    let scenario = "scenario: paths\nlisten: { paths: [/ws] }\n\
                    http: { \"GET /api\": [ { reply: 1 } ] }\n";
    let server = Binary::start(scenario, &[]);
    for (request, shown) in [
        (handshake("/other", &[]), "WebSocket /other"),
        (
            "GET /nope?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "GET /nope",
        ),
    ] {
        assert_eq!(Raw::exchange(server.address, &request).await.status, 404);
        server
            .line(&["nothing is served at this path", shown])
            .await;
        let journal = server.control("journal").await;
        assert!(
            journal.contains(&format!("\"message\":\"{shown}\"")),
            "{journal}"
        );
        assert!(
            journal.contains("\"connection\":null,\"direction\":\"in\""),
            "{journal}"
        );
    }
    let wrong_method = "POST /api HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        Raw::exchange(server.address, wrong_method).await.status,
        405
    );
    let metrics = server.control("metrics").await;
    assert!(
        metrics.contains("ws_mock_requests_unmatched_total 2\n"),
        "{metrics}"
    );
}
