//! A client's frames mean the same in whatever pieces they come, and what is written is read back.

use bytes::BytesMut;
use ws_mock::wire::ws::{FrameReader, FrameWriter, Opcode, Received, Violation};

const LIMIT: usize = 4096;

/// The first byte says into how many pieces, and the bytes behind it how long these are, over and over; the rest is
/// the wire.
pub fn check(data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let (sizes, wire) = rest.split_at(usize::from(count % 8).min(rest.len()));
    let whole = read(wire, &[]);
    assert_eq!(read(wire, sizes), whole, "in pieces of {sizes:?}");
    assert_eq!(read(wire, &[1]), whole, "byte by byte");
    for input in &whole.0 {
        let payload = match input {
            Received::Text(text) => text.as_bytes(),
            Received::Binary(bytes) => bytes,
            _ => continue,
        };
        assert!(payload.len() <= LIMIT);
        again(input, payload, sizes.first().copied().unwrap_or(0));
    }
}

fn read(wire: &[u8], sizes: &[u8]) -> (Vec<Received>, Option<Violation>) {
    let mut reader = FrameReader::new(LIMIT, LIMIT);
    let (mut input, mut found) = (BytesMut::new(), Vec::new());
    let mut rest = wire;
    let mut sizes = sizes.iter().cycle();
    loop {
        let size = sizes
            .next()
            .map_or(rest.len(), |size| usize::from(*size).max(1));
        let (piece, more) = rest.split_at(size.min(rest.len()));
        input.extend_from_slice(piece);
        rest = more;
        loop {
            match reader.next(&mut input) {
                Ok(Some(one)) => found.push(one),
                Ok(None) => break,
                Err(violation) => {
                    assert!(matches!(violation.code, 1002 | 1007 | 1009));
                    assert!(violation.reason.len() <= 123, "it fits into a Close frame");
                    assert_eq!(
                        reader.next(&mut input),
                        Ok(None),
                        "nothing is read after it"
                    );
                    return (found, Some(violation));
                }
            }
        }
        if rest.is_empty() {
            return (found, None);
        }
    }
}

/// What the server writes, masked as a client would, is the same message.
fn again(input: &Received, payload: &[u8], size: u8) {
    let kind = match input {
        Received::Text(_) => Opcode::Text,
        _ => Opcode::Binary,
    };
    let mut out = Vec::new();
    FrameWriter.fragments(&mut out, kind, payload, usize::from(size));
    let (found, violation) = read(&masked(&out), &[]);
    assert_eq!(
        (found.as_slice(), violation),
        (std::slice::from_ref(input), None)
    );
}

fn masked(mut wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [first, second, rest @ ..] = wire {
        let (more, length) = match second {
            126 => (2, usize::from(u16::from_be_bytes([rest[0], rest[1]]))),
            127 => panic!("larger than any message here"),
            short => (0, usize::from(*short)),
        };
        out.extend_from_slice(&[*first, second | 0x80]);
        out.extend_from_slice(&rest[..more]);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&rest[more..more + length]);
        wire = &rest[more + length..];
    }
    out
}
