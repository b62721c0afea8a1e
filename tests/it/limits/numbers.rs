//! How many may connect, and how much they may say in a second.

use std::time::Duration;

use ws_mock::hub::Limit;

use super::{Bound, echo, status};
use crate::support::binary::Binary;
use crate::support::raw::{Raw, frame, handshake};

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
