use bytes::{Bytes, BytesMut};

use super::*;

const KEY: [u8; 4] = [0x12, 0x9f, 0x00, 0xe7];
const LIMIT: usize = 1000;

/// A masked frame with the shortest header.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    FrameWriter.message(&mut out, Opcode::Binary, payload);
    let header = out.len() - payload.len();
    out[0] = first;
    out[1] |= 0x80;
    out.splice(header..header, KEY);
    for (byte, key) in out[header + 4..].iter_mut().zip(KEY.iter().cycle()) {
        *byte ^= key;
    }
    out
}

fn frames(parts: &[(u8, &[u8])]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|(first, payload)| frame(*first, payload))
        .collect()
}

/// Everything that `wire` says when it comes in pieces of `size`, up to a violation.
fn read_by(wire: &[u8], size: usize) -> (Vec<Received>, Option<Violation>) {
    let mut reader = FrameReader::new(LIMIT, LIMIT);
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    for piece in wire.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            match reader.next(&mut buffer) {
                Ok(Some(input)) => found.push(input),
                Ok(None) => break,
                Err(violation) => return (found, Some(violation)),
            }
        }
    }
    (found, None)
}

#[track_caller]
fn says(wire: &[u8], expected: &[Received]) {
    for size in [1, 2, 3, 7, usize::MAX] {
        assert_eq!(
            read_by(wire, size),
            (expected.to_vec(), None),
            "in pieces of {size}"
        );
    }
}

/// Refused as soon as `wire` has arrived, but not before its last byte.
#[track_caller]
fn refused(wire: &[u8], code: u16, words: &str) {
    for size in [1, usize::MAX] {
        let (_, violation) = read_by(wire, size);
        let violation = violation.unwrap_or_else(|| panic!("{wire:02x?} passed"));
        assert_eq!((violation.code, violation.reason.as_str()), (code, words));
        assert!(violation.reason.len() <= 123, "too long for a Close frame");
    }
    let (_, early) = read_by(&wire[..wire.len() - 1], usize::MAX);
    assert_eq!(early, None, "refused before `{words}` was certain");
}

fn text(data: &'static str) -> Received {
    Received::Text(data.into())
}

fn binary(data: &[u8]) -> Received {
    Received::Binary(Bytes::copy_from_slice(data))
}

#[test]
fn whole_messages_are_read_in_any_pieces() {
    let long = [7; 700];
    says(&frame(0x81, b"hello"), &[text("hello")]);
    says(&frame(0x81, b""), &[text("")]);
    says(&frame(0x82, &[0, 255, 128]), &[binary(&[0, 255, 128])]);
    says(&frame(0x82, &long[..125]), &[binary(&long[..125])]);
    says(&frame(0x82, &long[..126]), &[binary(&long[..126])]);
    says(&frame(0x82, &long), &[binary(&long)]);
    says(
        &frames(&[(0x81, "κόσμε".as_bytes()), (0x82, b"x")]),
        &[text("κόσμε"), binary(b"x")],
    );
}

#[test]
fn control_frames_may_interrupt_a_fragmented_message() {
    let wire = frames(&[
        (0x01, b"\xce\xba\xce"),
        (0x89, b"still there?"),
        (0x00, b""),
        (0x00, b"\xba"),
        (0x8a, b""),
        (0x80, b"!"),
        (0x02, b""),
        (0x80, b""),
    ]);
    says(
        &wire,
        &[
            Received::Ping(Bytes::from_static(b"still there?")),
            Received::Pong(Bytes::new()),
            text("κκ!"),
            binary(b""),
        ],
    );
}

#[test]
fn close_says_its_code_and_reason() {
    says(&frame(0x88, b""), &[Received::Close(None)]);
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4999_u16,
    ] {
        let payload = [&code.to_be_bytes(), "adiós".as_bytes()].concat();
        says(
            &frame(0x88, &payload),
            &[Received::Close(Some((code, "adiós".to_owned())))],
        );
        says(
            &frame(0x88, &code.to_be_bytes()),
            &[Received::Close(Some((code, String::new())))],
        );
    }
}

#[test]
fn nothing_is_read_after_close_or_violation() {
    says(
        &frames(&[(0x88, b""), (0x81, b"more"), (0xf1, b"")]),
        &[Received::Close(None)],
    );

    let mut reader = FrameReader::new(LIMIT, LIMIT);
    let mut buffer = BytesMut::from(&frames(&[(0x83, b""), (0x81, b"more")])[..]);
    assert_eq!(reader.next(&mut buffer).unwrap_err().code, 1002);
    buffer.extend_from_slice(&frame(0x81, b"more"));
    assert_eq!(reader.next(&mut buffer), Ok(None));
    assert!(buffer.is_empty());
}

#[test]
fn bad_headers_are_refused_at_their_second_byte() {
    for bits in 1..8_u8 {
        let words = format!("reserved bits `{bits:03b}` are set, only `000` is allowed");
        refused(&[0x81 | bits << 4, 0x80], 1002, &words);
    }
    for code in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15_u8] {
        let words = format!("opcode must be `0x0` to `0x2` or `0x8` to `0xa`, got `{code:#x}`");
        refused(&[0x80 | code, 0x80], 1002, &words);
    }
    for (first, name) in [(8, "CLOSE"), (9, "PING"), (10, "PONG")] {
        let words = format!("a `{name}` frame is fragmented, control frames must not be");
        refused(&[first, 0x80], 1002, &words);
        let words = format!("a `{name}` frame may have up to `125` bytes, this one has more");
        refused(&[0x80 | first, 0xfe], 1002, &words);
        refused(&[0x80 | first, 0xff], 1002, &words);
    }
    refused(
        &[0x81, 5],
        1002,
        "the frame is not masked, a client's frames must be",
    );
    refused(
        &[0x80, 0x80],
        1002,
        "a `CONTINUE` frame must follow the first frame of a message",
    );
    let words = "inside a fragmented message only `CONTINUE` frames may come, got `TEXT`";
    refused(
        &[&frame(0x01, b"a")[..], &[0x81, 0x80]].concat(),
        1002,
        words,
    );
    let words = "inside a fragmented message only `CONTINUE` frames may come, got `BINARY`";
    refused(
        &[&frame(0x01, b"")[..], &[0x02, 0x80]].concat(),
        1002,
        words,
    );
}

#[test]
fn a_message_ends_its_fragments() {
    let wire = frames(&[(0x01, b"a"), (0x80, b"b"), (0x80, b"")]);
    let (found, violation) = read_by(&wire, usize::MAX);
    assert_eq!(found, [text("ab")]);
    assert_eq!(violation.unwrap().code, 1002);
}

#[test]
fn lengths_must_be_written_in_the_fewest_bytes() {
    refused(
        &[0x82, 0xfe, 0, 125],
        1002,
        "a length of `125` is written in `2` bytes, the fewest must be used",
    );
    let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    refused(
        &header,
        1002,
        "a length of `65535` is written in `8` bytes, the fewest must be used",
    );
    let header = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
    refused(
        &header,
        1002,
        "the top bit of the frame's length is set, it must be 0",
    );
}

#[test]
fn sizes_are_refused_by_the_header_alone() {
    says(&frame(0x82, &[7; LIMIT]), &[binary(&[7; LIMIT])]);
    refused(
        &[0x82, 0xfe, 0x03, 0xe9],
        1009,
        "a frame has `1001` bytes, up to `1000` are allowed",
    );
    let header = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    refused(
        &header,
        1009,
        "a frame has `9223372036854775807` bytes, up to `1000` are allowed",
    );

    let begun = frames(&[(0x02, &[7; 600]), (0x00, &[7; 390])]);
    says(
        &[&begun[..], &frame(0x80, &[7; 10])].concat(),
        &[binary(&[7; LIMIT])],
    );
    refused(
        &[&begun[..], &[0x80, 0x8b]].concat(),
        1009,
        "a message has `1001` bytes, up to `1000` are allowed",
    );
}

#[test]
fn bad_text_is_refused_at_first_byte() {
    let table: [(&[u8], &str); 9] = [
        (b"ab\xff", "text must be UTF-8, byte `0xff` at `2` is not"),
        (b"\x80", "text must be UTF-8, byte `0x80` at `0` is not"),
        (b"\xc0", "text must be UTF-8, byte `0xc0` at `0` is not"),
        (b"\xe0\x9f", "text must be UTF-8, byte `0xe0` at `0` is not"),
        (b"\xed\xa0", "text must be UTF-8, byte `0xed` at `0` is not"),
        (b"\xf0\x8f", "text must be UTF-8, byte `0xf0` at `0` is not"),
        (b"\xf4\x90", "text must be UTF-8, byte `0xf4` at `0` is not"),
        (b"\xf5", "text must be UTF-8, byte `0xf5` at `0` is not"),
        (
            b"a\xce\xba\xe1\xbda",
            "text must be UTF-8, byte `0xe1` at `3` is not",
        ),
    ];
    for (payload, words) in table {
        let more = [payload, b" and much that never comes"].concat();
        let header = 6;
        refused(&frame(0x81, &more)[..header + payload.len()], 1007, words);

        let (last, before) = payload.split_last().unwrap();
        let fragments = frames(&[(0x01, before), (0x00, b""), (0x00, &[*last, b'x'])]);
        refused(&fragments[..fragments.len() - 1], 1007, words);
    }
}

#[test]
fn text_may_not_end_inside_a_character() {
    refused(
        &frame(0x81, b"a\xce"),
        1007,
        "text must be UTF-8, the character at `1` is cut off",
    );
    let wire = frames(&[(0x01, b"a\xf0\x9f"), (0x80, b"\x98")]);
    refused(
        &wire,
        1007,
        "text must be UTF-8, the character at `1` is cut off",
    );
}

#[test]
fn bad_closes_are_refused() {
    let words = "a close must have no payload or at least `2` bytes, got `1`";
    refused(&frame(0x88, &[3]), 1002, words);
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535_u16,
    ] {
        refused(
            &frame(0x88, &code.to_be_bytes()),
            1002,
            &format!("close code `{code}` must not be sent"),
        );
    }
    let words = "the reason of a close must be UTF-8, from byte `2` on it is not";
    refused(&frame(0x88, b"\x03\xe8ab\xce"), 1007, words);
}

#[test]
fn whole_message_is_not_copied() {
    let mut reader = FrameReader::new(LIMIT, LIMIT);
    let mut buffer = BytesMut::with_capacity(100);
    let wire = frame(0x82, b"where it lies");
    buffer.extend_from_slice(&wire[..6]);
    assert_eq!(reader.next(&mut buffer), Ok(None));
    buffer.extend_from_slice(&wire[6..]);
    let place = buffer.as_ptr();
    let Ok(Some(Received::Binary(payload))) = reader.next(&mut buffer) else {
        panic!("no message");
    };
    assert_eq!(payload.as_ptr(), place);
    assert_eq!(payload, "where it lies");
}

#[test]
fn a_hundred_thousand_empty_fragments_take_no_memory() {
    let mut reader = FrameReader::new(LIMIT, LIMIT);
    let mut buffer = BytesMut::from(&frame(0x01, b"")[..]);
    let empty = frame(0x00, b"").repeat(1000);
    for _ in 0..100 {
        buffer.extend_from_slice(&empty);
        assert_eq!(reader.next(&mut buffer), Ok(None));
        assert!(buffer.is_empty());
    }
    buffer.extend_from_slice(&frame(0x80, b"done"));
    assert_eq!(reader.next(&mut buffer), Ok(Some(text("done"))));
    assert!(buffer.capacity() <= 4 * empty.len());
}

#[test]
fn accept_key_is_that_of_the_rfc() {
    assert_eq!(
        accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
}
