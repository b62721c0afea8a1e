//! How connections end, both ways.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use ws_mock::base::Limits;

use super::echo;
use crate::support::raw::{Raw, frame};

#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    let server = echo(Limits::default());
    for (said, answered) in [
        (&b""[..], &b""[..]),
        (b"\x03\xe8", b"\x03\xe8"),
        (b"\x03\xe8bye", b"\x03\xe8"),
        (b"\x0f\xa0", b"\x0f\xa0"),
    ] {
        let mut raw = Raw::open(server.address, "/ws").await;
        raw.frame(8, said).await;
        assert_eq!(raw.read().await.payload, answered);
        assert_eq!(raw.rest().await, Some(Vec::new()));
    }
}

#[tokio::test]
async fn requests_before_a_close_are_answered() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    let mut bytes = Vec::new();
    for _ in 0..40 {
        bytes.extend(frame(true, 1, b"!big 100000"));
    }
    bytes.extend(frame(true, 8, b"\x03\xe8"));
    bytes.extend(frame(true, 1, b"after the close"));
    raw.send(&bytes).await;
    for _ in 0..40 {
        assert_eq!(raw.read().await.payload.len(), 100_000);
    }
    raw.expect(8, b"\x03\xe8").await;
    assert_eq!(raw.rest().await, Some(Vec::new()));
}

#[tokio::test]
async fn the_server_closes_after_what_is_queued() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    raw.send(&[frame(true, 1, b"one"), frame(true, 1, b"!close 1008")].concat())
        .await;
    raw.expect(1, b"one").await;
    raw.expect_close(1008).await;
}

#[tokio::test]
async fn an_abort_is_a_reset() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    raw.send(&[frame(true, 1, b"before"), frame(true, 1, b"!abort")].concat())
        .await;
    raw.expect(1, b"before").await;
    assert_eq!(raw.rest().await, None);
}

#[tokio::test]
async fn stalled_peer_stays_until_it_hangs_up() {
    let server = echo(Limits {
        connections: 1,
        ..Limits::default()
    });
    let mut raw = Raw::open(server.address, "/ws").await;
    raw.send(&[frame(true, 1, b"!stall"), frame(true, 1, b"nothing comes")].concat())
        .await;
    let silent = tokio::time::timeout(Duration::from_millis(400), raw.rest()).await;
    assert!(silent.is_err());
    drop(raw);
    for _ in 0..50 {
        let mut next = Raw::connect(server.address).await;
        next.send(crate::support::raw::handshake("/ws", &[]).as_bytes())
            .await;
        if next.answer().await.status == 101 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the stalled peer never went");
}

#[tokio::test]
async fn a_server_that_stops_closes_everybody() {
    let server = echo(Limits::default());
    let address = server.address;
    let mut idle = Raw::open(address, "/ws").await;
    let mut silent = Raw::connect(address).await;
    let mut half = Raw::connect(address).await;
    half.send(b"GET /ws HT").await;
    idle.frame(1, b"here").await;
    idle.expect(1, b"here").await;
    let start = Instant::now();
    let (stopped, ..) = tokio::join!(
        async {
            server.stop().await;
            start.elapsed()
        },
        idle.expect_close(1001),
        async { assert!(silent.rest().await.is_none_or(|rest| rest.is_empty())) },
    );
    assert!(stopped < Duration::from_secs(5), "{stopped:?}");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn server_stops_despite_an_unanswered_close() {
    let server = echo(Limits::default());
    let mut stubborn = Raw::open(server.address, "/ws").await;
    stubborn.frame(1, b"here").await;
    stubborn.expect(1, b"here").await;
    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < Duration::from_millis(5500));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_stops_despite_a_busy_client() {
    let server = echo(Limits::default());
    let raw = Raw::open(server.address, "/ws").await;
    let (mut from, mut to) = raw.0.into_split();
    let many: Vec<_> = (0..1000).flat_map(|_| frame(true, 1, b"again")).collect();
    let asking = tokio::spawn(async move { while to.write_all(&many).await.is_ok() {} });
    let reading = tokio::spawn(async move {
        let mut seen = vec![0; 1 << 16];
        let mut last = Vec::new();
        while let Ok(count @ 1..) = from.read(&mut seen).await {
            last = [&last[last.len().saturating_sub(100)..], &seen[..count]].concat();
        }
        last
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    asking.await.unwrap();
    let last = reading.await.unwrap();
    let going_away = 1001_u16.to_be_bytes();
    assert!(last.windows(2).rev().take(100).any(|two| two == going_away));
}
