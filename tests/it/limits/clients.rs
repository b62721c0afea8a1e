//! Limits that a client reaches by how it connects, what it sends, and what it does not read.

use std::time::Duration;

use ws_mock::hub::Limit;

use super::{Bound, answered, echo};
use crate::support::binary::Binary;
use crate::support::raw::{Raw, frame, handshake};

/// More than the system's buffers take in.
const LARGE: usize = 32_000_000;

async fn status(server: &Binary, request: &str) -> u16 {
    Raw::exchange(server.address, request).await.status
}

/// A handshake whose head has so many bytes.
fn head_of(size: usize) -> String {
    let empty = handshake("/", &["X-Long: "]).len();
    handshake("/", &[&format!("X-Long: {}", "a".repeat(size - empty))])
}

/// A handshake with so many header lines.
fn head_with(lines: usize) -> String {
    let own = handshake("/", &[]).lines().count() - 2;
    let more: Vec<String> = (own..lines).map(|n| format!("X-{n}: y")).collect();
    handshake("/", &more.iter().map(String::as_str).collect::<Vec<_>>())
}

fn post(length: usize, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_head_has_a_size_and_a_number_of_lines() {
    for (limit, figure, limits, at, past) in [
        (Limit::Head, "`16384`", "", head_of(16384), head_of(16385)),
        (
            Limit::Head,
            "`1000`",
            "head: 1000",
            head_of(1000),
            head_of(1001),
        ),
        (
            Limit::HeaderLines,
            "`100`",
            "",
            head_with(100),
            head_with(101),
        ),
        (
            Limit::HeaderLines,
            "`10`",
            "header_lines: 10",
            head_with(10),
            head_with(11),
        ),
    ] {
        let bound = Bound {
            limit,
            who: "127.0.0.1:",
            figure,
            scenario: &echo(limits),
            options: &[],
        };
        bound
            .holds(
                async |server| assert_eq!(status(server, &at).await, 101, "{figure}"),
                async |server| assert_eq!(status(server, &past).await, 431, "{figure}"),
            )
            .await;
    }
}

#[tokio::test]
async fn a_head_has_a_time() {
    let bound = Bound {
        limit: Limit::HeadTime,
        who: "127.0.0.1:",
        figure: "within 1s",
        scenario: &echo("head_time: 1s"),
        options: &[],
    };
    let both = handshake("/", &[]);
    let (half, rest) = both.split_at(40);
    bound
        .holds(
            async |server| {
                let mut raw = Raw::connect(server.address).await;
                raw.send(half.as_bytes()).await;
                tokio::task::yield_now().await;
                raw.send(rest.as_bytes()).await;
                assert_eq!(raw.answer().await.status, 101);
            },
            async |server| assert_eq!(status(server, half).await, 408),
        )
        .await;
}

#[tokio::test]
async fn silence_and_a_tls_handshake_have_the_time_of_a_head() {
    for said in [&b""[..], b"\x16\x03\x01\x02"] {
        let bound = Bound {
            limit: Limit::HeadTime,
            who: "127.0.0.1:",
            figure: "within 1s",
            scenario: &echo("head_time: 1s"),
            options: &["--ssl"],
        };
        bound
            .holds(
                async |server| assert_eq!(answered(server, "plain").await, "plain"),
                async |server| {
                    let mut raw = Raw::connect(server.address).await;
                    raw.send(said).await;
                    assert!(raw.rest().await.is_none_or(|rest| rest.is_empty()));
                },
            )
            .await;
    }
}

#[tokio::test]
async fn a_body_has_a_size_and_a_time() {
    let whole = "x".repeat(1 << 20);
    for (limit, figure, limits, at, past, refused) in [
        (
            Limit::Body,
            "`10`",
            "body: 10",
            post(10, "0123456789"),
            post(11, "01234567890"),
            413,
        ),
        (
            Limit::Body,
            "`1048576`",
            "",
            post(1 << 20, &whole),
            post((1 << 20) + 1, ""),
            413,
        ),
        (
            Limit::BodyTime,
            "within 1s",
            "body_time: 1s",
            post(10, "0123456789"),
            post(10, "012345678"),
            408,
        ),
    ] {
        let bound = Bound {
            limit,
            who: "127.0.0.1:",
            figure,
            scenario: &echo(limits),
            options: &[],
        };
        bound
            .holds(
                async |server| assert_eq!(status(server, &at).await, 200, "{figure}"),
                async |server| assert_eq!(status(server, &past).await, refused, "{figure}"),
            )
            .await;
    }
}

#[tokio::test]
async fn a_message_and_a_frame_have_sizes() {
    let parts = |sizes: &[usize]| -> Vec<u8> {
        let last = sizes.len() - 1;
        let part = |(n, size): (usize, &usize)| {
            frame(n == last, if n == 0 { 2 } else { 0 }, &vec![b'x'; *size])
        };
        sizes.iter().enumerate().flat_map(part).collect()
    };
    let mib = 1 << 20;
    for (limit, figure, limits, options, at, past) in [
        (
            Limit::Frame,
            "`60`",
            "frame: 60",
            &[][..],
            &[60][..],
            &[61][..],
        ),
        (
            Limit::Message,
            "`100`",
            "frame: 60, message: 100",
            &[],
            &[60, 40],
            &[60, 41],
        ),
        (
            Limit::Frame,
            "`70`",
            "",
            &["--max-message", "70"],
            &[70],
            &[71],
        ),
        (Limit::Frame, "`1048576`", "", &[], &[mib], &[mib + 1]),
        (
            Limit::Message,
            "`1048576`",
            "",
            &[],
            &[mib - 1, 1],
            &[mib, 1],
        ),
    ] {
        let bound = Bound {
            limit,
            who: "c",
            figure,
            scenario: &echo(limits),
            options,
        };
        bound
            .holds(
                async |server| {
                    let mut raw = Raw::open(server.address, "/").await;
                    raw.send(&parts(at)).await;
                    assert_eq!(raw.read().await.payload.len(), at.iter().sum::<usize>());
                },
                async |server| {
                    let mut raw = Raw::open(server.address, "/").await;
                    let bytes = parts(past);
                    // By the header alone: the last byte never comes.
                    raw.send(&bytes[..bytes.len() - 1]).await;
                    raw.expect_close(1009).await;
                },
            )
            .await;
    }
}

/// Answers a list of sizes with so many texts of so many bytes.
fn flood(limits: &str) -> String {
    format!(
        r#"
scenario: flood
limits: {{ {limits} }}
on:
  "*":
    - for: ${{ message }}
      each: size
      do: [ send: "${{ 'x' * (size - 2) }}" ]
"#
    )
}

#[tokio::test]
async fn a_mailbox_is_bounded_in_frames_and_in_bytes() {
    let mib = 1 << 20;
    let full = [&[mib; 7][..], &[mib - 5, 5]].concat();
    let overfull = [&[mib; 7][..], &[mib - 5, 6]].concat();
    for (figure, limits, at, past) in [
        ("4 frames", "mailbox_frames: 4", vec![2; 4], vec![2; 5]),
        (
            "100 bytes",
            "mailbox_bytes: 100",
            vec![50, 50],
            vec![50, 51],
        ),
        ("1024 frames", "", vec![2; 1024], vec![2; 1025]),
        ("8388608 bytes", "", full, overfull),
    ] {
        let bound = Bound {
            limit: Limit::Mailbox,
            who: "c",
            figure,
            scenario: &flood(limits),
            options: &[],
        };
        bound
            .holds(
                async |server| {
                    let mut raw = Raw::open(server.address, "/").await;
                    raw.frame(1, format!("{at:?}").as_bytes()).await;
                    for size in &at {
                        assert_eq!(raw.read().await.payload.len(), *size);
                    }
                },
                async |server| {
                    let mut raw = Raw::open(server.address, "/").await;
                    raw.frame(1, format!("{past:?}").as_bytes()).await;
                    raw.expect_close(1013).await;
                },
            )
            .await;
    }
}

#[tokio::test]
async fn one_frame_may_be_larger_than_a_mailbox() {
    let server = Binary::start(&echo("mailbox_bytes: 10"), &[]);
    assert_eq!(answered(&server, &"x".repeat(1000)).await.len(), 1000);
    assert_eq!(server.counted(Limit::Mailbox.name()).await, 0);
}

#[tokio::test]
async fn a_client_that_goes_on_asking_is_not_read_for_a_while() {
    let bound = Bound {
        limit: Limit::Answers,
        who: "c",
        figure: "2 frames",
        scenario: &flood("mailbox_frames: 4"),
        options: &[],
    };
    let ask = frame(true, 1, b"[1000000]");
    bound
        .holds(
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                raw.frame(1, b"[2, 2]").await;
                for _ in 0..2 {
                    raw.expect(1, b"\"\"").await;
                }
            },
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                // The system takes in the first of the answers, the mailbox those behind them.
                raw.send(&ask.repeat(40)).await;
                server.line(&["limit=answers "]).await;
                assert_eq!(server.counted("answers").await, 1);
                for _ in 0..40 {
                    assert_eq!(raw.read().await.payload.len(), 1_000_000);
                }
            },
        )
        .await;
}

#[tokio::test]
async fn a_write_has_to_make_progress() {
    let limits =
        format!("write_time: 700ms, message: {LARGE}, mailbox_bytes: {LARGE}, body: {LARGE}");
    let large = vec![b'x'; LARGE];
    let bound = Bound {
        limit: Limit::WriteTime,
        who: "c",
        figure: "nothing for 700ms",
        scenario: &echo(&limits),
        options: &[],
    };
    bound
        .holds(
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                raw.frame(2, &large).await;
                assert_eq!(raw.read().await.payload.len(), LARGE);
            },
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                raw.frame(2, &large).await;
                server.line(&["limit=write_time "]).await;
                assert_eq!(raw.rest().await, None);
            },
        )
        .await;
    let request = post(LARGE, &"x".repeat(LARGE));
    let bound = Bound {
        who: "127.0.0.1:",
        ..bound
    };
    bound
        .holds(
            async |server| assert_eq!(status(server, &request).await, 200),
            async |server| {
                let mut raw = Raw::connect(server.address).await;
                raw.send(request.as_bytes()).await;
                server.line(&["limit=write_time "]).await;
            },
        )
        .await;
}

#[tokio::test]
async fn a_ping_wants_its_pong() {
    let scenario = "scenario: beat\nlisten: { heartbeat: { every: 300ms, timeout: 1500ms } }\n";
    let bound = Bound {
        limit: Limit::Heartbeat,
        who: "c",
        figure: "within 1.5s",
        scenario,
        options: &[],
    };
    bound
        .holds(
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                for _ in 0..4 {
                    raw.expect(9, b"").await;
                    raw.frame(10, b"").await;
                }
                raw.frame(8, b"").await;
                raw.expect(8, b"").await;
            },
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                let mut found = raw.read().await;
                while found.opcode == 9 {
                    found = raw.read().await;
                }
                assert_eq!(found.payload[..2], 1011_u16.to_be_bytes(), "{found:?}");
                raw.frame(8, &found.payload[..2]).await;
                assert_eq!(raw.rest().await, Some(Vec::new()));
            },
        )
        .await;
}

#[tokio::test]
async fn a_close_wants_its_answer() {
    let bound = Bound {
        limit: Limit::CloseTime,
        who: "c",
        figure: "within 500ms",
        scenario: "scenario: bye\nlimits: { close_time: 500ms }\non: { \"*\": [ close: 4000 ] }\n",
        options: &[],
    };
    bound
        .holds(
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                raw.frame(1, b"{}").await;
                raw.expect_close(4000).await;
            },
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                raw.frame(1, b"{}").await;
                raw.expect(8, &4000_u16.to_be_bytes()).await;
                assert_eq!(raw.rest().await, None);
            },
        )
        .await;
}

#[tokio::test]
async fn a_close_that_a_scenario_wants_is_no_limit() {
    let server = Binary::start("scenario: bye\non: { \"*\": [ close: 1011 ] }\n", &[]);
    let mut raw = Raw::open(server.address, "/").await;
    raw.frame(1, b"{}").await;
    raw.expect_close(1011).await;
    server.line(&["code=1011", "disconnected"]).await;
    assert_eq!(server.counted(Limit::Heartbeat.name()).await, 0);
}

#[tokio::test]
async fn connections_are_bounded_in_all_and_by_address() {
    for (limit, limits, options, refused) in [
        (Limit::Connections, "connections: 2", &[][..], 503),
        (Limit::Connections, "", &["--max-connections", "2"], 503),
        (
            Limit::ConnectionsPerAddress,
            "connections_per_address: 2",
            &[],
            429,
        ),
    ] {
        let bound = Bound {
            limit,
            who: "127.0.0.1:",
            figure: "2 connections",
            scenario: &echo(limits),
            options,
        };
        let mut held = Vec::new();
        let at = async |server: &Binary| {
            for _ in 0..2 {
                held.push(Raw::open(server.address, "/").await);
            }
        };
        bound
            .holds(at, async |server| {
                assert_eq!(status(server, &handshake("/", &[])).await, refused);
            })
            .await;
    }
}

#[tokio::test]
async fn messages_a_second_are_bounded_and_patience_too() {
    let bound = Bound {
        limit: Limit::MessagesPerSecond,
        who: "c",
        figure: "3 messages a second",
        scenario: "scenario: pace\nlimits: { messages_per_second: 3 }\n\
                   on: { \"*\": [ reply: ok ] }\n\
                   messages: { error: \"${ error.code }\" }\n",
        options: &[],
    };
    let one = frame(true, 1, b"{}");
    bound
        .holds(
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                raw.send(&one.repeat(3)).await;
                for _ in 0..3 {
                    raw.expect(1, b"\"ok\"").await;
                }
            },
            async |server| {
                let mut raw = Raw::open(server.address, "/").await;
                raw.send(&one.repeat(4)).await;
                for answer in ["ok", "ok", "ok", "RATE_LIMITED"] {
                    raw.expect(1, format!("\"{answer}\"").as_bytes()).await;
                }
            },
        )
        .await;
}

#[tokio::test]
async fn a_peer_that_sends_too_much_for_five_seconds_is_closed() {
    let server = Binary::start(
        "scenario: pace\nlimits: { messages_per_second: 3 }\non: { \"*\": [ stop: true ] }\n",
        &[],
    );
    let mut raw = Raw::open(server.address, "/").await;
    let begun = std::time::Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let (mut from, mut to) = raw.0.split();
    let sending = async {
        loop {
            pace.tick().await;
            let sent = tokio::io::AsyncWriteExt::write_all(&mut to, &frame(true, 1, b"{}")).await;
            if sent.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let reading = async {
        let mut seen = Vec::new();
        let close = 1008_u16.to_be_bytes();
        while !seen.windows(2).any(|two| two == close) {
            let read = tokio::io::AsyncReadExt::read_buf(&mut from, &mut seen).await;
            assert!(read.unwrap() > 0, "no close");
        }
    };
    tokio::select! {
        () = sending => {}
        read = tokio::time::timeout(Duration::from_secs(15), reading) => read.unwrap(),
    }
    assert!(
        begun.elapsed() >= Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}
