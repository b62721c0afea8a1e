//! Frames: what comes back, and what ends the connection with which code.

use ws_mock::base::Limits;

use super::echo;
use crate::support::raw::{Raw, frame};

#[tokio::test]
async fn messages_come_back_whatever_their_size() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    for size in [0, 1, 125, 126, 8191, 8192, 65535, 65536, 1 << 20] {
        for opcode in [1, 2] {
            let payload = vec![b'a'; size];
            raw.frame(opcode, &payload).await;
            let found = raw.read().await;
            assert_eq!((found.last, found.opcode), (true, opcode));
            assert!(found.payload == payload, "{size}");
        }
    }
}

#[tokio::test]
async fn two_hundred_in_flight_are_answered_in_order() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    let all: Vec<_> = (0..200)
        .flat_map(|n| frame(true, 1, format!("message {n}").as_bytes()))
        .collect();
    raw.send(&all).await;
    for n in 0..200 {
        raw.expect(1, format!("message {n}").as_bytes()).await;
    }
}

#[tokio::test]
async fn one_byte_fragments_with_a_ping_between() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    for byte in frame(false, 1, "п".as_bytes()) {
        raw.send(&[byte]).await;
    }
    raw.frame(9, b"still there?").await;
    raw.expect(10, b"still there?").await;
    raw.send(&frame(false, 0, b"")).await;
    raw.send(&frame(true, 0, "р".as_bytes())).await;
    raw.expect(1, "пр".as_bytes()).await;
}

#[tokio::test]
async fn each_bad_frame_gets_its_close_code() {
    let limits = Limits {
        frame: 1000,
        message: 1500,
        ..Limits::default()
    };
    let server = echo(limits);
    let two = |first: Vec<u8>, second: Vec<u8>| [first, second].concat();
    for (words, bytes, code) in [
        ("a reserved bit", frame(true, 1 | 0x40, b"x"), 1002),
        ("a reserved opcode", frame(true, 3, b"x"), 1002),
        ("a reserved control opcode", frame(true, 0xb, b"x"), 1002),
        ("no mask", vec![0x81, 1, b'x'], 1002),
        ("a fragmented ping", frame(false, 9, b"x"), 1002),
        ("a long ping", frame(true, 9, &[b'x'; 126]), 1002),
        ("a continuation of nothing", frame(true, 0, b"x"), 1002),
        (
            "a message inside a message",
            two(frame(false, 1, b"x"), frame(true, 1, b"x")),
            1002,
        ),
        ("a close of one byte", frame(true, 8, b"\x03"), 1002),
        (
            "a forbidden close code",
            frame(true, 8, &1005_u16.to_be_bytes()),
            1002,
        ),
        (
            "a close reason that is no text",
            frame(true, 8, b"\x03\xe8\xff"),
            1007,
        ),
        ("broken text", frame(true, 1, b"\xff"), 1007),
        ("text cut off", frame(true, 1, b"\xd0"), 1007),
        (
            "broken text in the second fragment",
            two(frame(false, 1, b"\xd0"), frame(true, 0, b"x")),
            1007,
        ),
        (
            "a large frame, by its header alone",
            frame(true, 2, &[0; 1001])[..8].to_vec(),
            1009,
        ),
        (
            "a large message",
            two(frame(false, 2, &[0; 1000]), frame(true, 0, &[0; 501])),
            1009,
        ),
    ] {
        let mut raw = Raw::open(server.address, "/ws").await;
        raw.send(&[frame(true, 1, b"before"), bytes].concat()).await;
        raw.expect(1, b"before").await;
        let found = raw.read().await;
        assert_eq!(found.opcode, 8, "{words}: {found:?}");
        assert_eq!(
            found.payload[..2],
            u16::to_be_bytes(code),
            "{words}: {found:?}"
        );
        assert_eq!(raw.rest().await, Some(Vec::new()), "{words}");
    }
}

#[tokio::test]
async fn violating_client_can_read_the_reason() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    let mut bytes = frame(true, 3, b"x");
    bytes.extend(frame(true, 2, &vec![0; 200_000]));
    raw.send(&bytes).await;
    let found = raw.read().await;
    assert_eq!(
        (found.opcode, &found.payload[..2]),
        (8, &1002_u16.to_be_bytes()[..])
    );
}

#[tokio::test]
async fn a_hundred_thousand_empty_fragments_do_no_harm() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    let mut bytes = frame(false, 1, b"a");
    for _ in 0..100_000 {
        bytes.extend(frame(false, 0, b""));
    }
    bytes.extend(frame(true, 0, b"b"));
    raw.send(&bytes).await;
    raw.expect(1, b"ab").await;
}

#[tokio::test]
async fn messages_may_be_sent_in_fragments() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    raw.frame(1, b"!fragment").await;
    let mut seen = Vec::new();
    loop {
        let part = raw.read().await;
        seen.push((part.opcode, part.payload.len()));
        if part.last {
            break;
        }
    }
    assert_eq!(seen, [(1, 4), (0, 4), (0, 1)]);
}

#[tokio::test]
async fn latency_delays_only_its_own_connection() {
    let server = echo(Limits::default());
    let mut slow = Raw::open(server.address, "/ws").await;
    let mut other = Raw::open(server.address, "/ws").await;
    let start = std::time::Instant::now();
    slow.frame(1, b"!later 300").await;
    slow.frame(1, b"behind").await;
    other.frame(1, b"at once").await;
    other.expect(1, b"at once").await;
    assert!(start.elapsed().as_millis() < 300);
    slow.expect(1, b"!later 300").await;
    assert!(start.elapsed().as_millis() >= 300);
    slow.expect(1, b"behind").await;
}

#[tokio::test]
async fn slow_message_holds_up_later_ones() {
    let server = echo(Limits::default());
    let mut raw = Raw::open(server.address, "/ws").await;
    let start = std::time::Instant::now();
    raw.frame(1, b"!slow 0123456789012").await;
    raw.frame(1, b"behind").await;
    raw.expect(1, b"!slow 0123456789012").await;
    let taken = start.elapsed().as_millis();
    assert!(
        (350..1500).contains(&taken),
        "{taken} ms for 21 bytes at 40 a second"
    );
    raw.expect(1, b"behind").await;
}
