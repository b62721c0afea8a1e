//! Limits of a peer: what it sends, what it does not read, and what it does not answer.

use ws_mock::hub::Limit;

use super::{Bound, answered, echo, post, status};
use crate::support::binary::Binary;
use crate::support::raw::{Raw, frame};

/// More than the system's buffers take in.
const LARGE: usize = 32_000_000;

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
