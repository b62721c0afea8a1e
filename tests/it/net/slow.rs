//! Peers that do not read, do not write, or ask too much.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use ws_mock::base::Limits;

use super::echo;
use crate::support::raw::{Raw, frame};

#[tokio::test]
async fn unread_answers_pause_reading_without_loss() {
    let server = echo(Limits::default());
    let raw = Raw::open(server.address, "/ws").await;
    let (mut from, mut to) = raw.0.into_split();
    let asked = 6000;
    let asking = tokio::spawn(async move {
        for _ in 0..asked {
            to.write_all(&frame(true, 1, b"!big 10000")).await.unwrap();
        }
        to
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut bytes = vec![0; 10_004];
    for _ in 0..asked {
        tokio::io::AsyncReadExt::read_exact(&mut from, &mut bytes)
            .await
            .unwrap();
        assert_eq!(bytes[..4], [0x81, 126, 0x27, 0x10]);
    }
    asking.await.unwrap();
}

#[tokio::test]
async fn unread_pongs_take_bounded_memory() {
    let server = echo(Limits::default());
    let raw = Raw::open(server.address, "/ws").await;
    let (mut from, mut to) = raw.0.into_split();
    let flood = tokio::spawn(async move {
        let many: Vec<_> = (0..1000)
            .flat_map(|_| frame(true, 9, &[b'p'; 125]))
            .collect();
        for _ in 0..200 {
            to.write_all(&many).await.unwrap();
        }
        to.write_all(&frame(true, 1, b"done")).await.unwrap();
        to
    });
    let _still_open = flood.await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\x81\x04done") {
        tokio::io::AsyncReadExt::read_buf(&mut from, &mut seen)
            .await
            .unwrap();
    }
    assert!(seen.len() < 200_000 * 127);
}
