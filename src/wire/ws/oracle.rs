//! What tungstenite's client writes is read here, and what is written here it reads; anything else does no harm.

use std::io::{self, ErrorKind, Read, Write};

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Message, Role, WebSocket};

use super::*;

const MAX: usize = 256 * 1024;

/// One end of a connection: what the other has sent, and what this one sends.
#[derive(Default)]
struct Pipe {
    received: io::Cursor<Vec<u8>>,
    sent: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.received.read(into)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            some => Ok(some),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a client may do before it closes.
#[derive(Debug, Clone)]
enum Act {
    Text(String, usize),
    Binary(Vec<u8>, usize),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let size = prop_oneof![Just(usize::MAX), 1..40_usize];
    let bytes = prop_oneof![
        8 => vec(any::<u8>(), 0..300),
        1 => (0..3_usize, any::<u8>()).prop_map(|(over, byte)| vec![byte; 65534 + over]),
    ];
    let control = || vec(any::<u8>(), 0..=125);
    vec(
        prop_oneof![
            (any::<String>(), size.clone()).prop_map(|(text, size)| Act::Text(text, size)),
            (bytes, size).prop_map(|(bytes, size)| Act::Binary(bytes, size)),
            control().prop_map(Act::Ping),
            control().prop_map(Act::Pong),
        ],
        0..12,
    )
}

fn said(act: &Act) -> Received {
    match act.clone() {
        Act::Text(text, _) => Received::Text(text.into()),
        Act::Binary(bytes, _) => Received::Binary(bytes.into()),
        Act::Ping(bytes) => Received::Ping(bytes.into()),
        Act::Pong(bytes) => Received::Pong(bytes.into()),
    }
}

fn send(client: &mut WebSocket<Pipe>, kind: Data, payload: &[u8], size: usize) {
    let mut pieces = payload.chunks(size).peekable();
    let mut kind = kind;
    loop {
        let piece = Bytes::copy_from_slice(pieces.next().unwrap_or_default());
        let last = pieces.peek().is_none();
        client
            .send(Message::Frame(Frame::message(
                piece,
                OpCode::Data(kind),
                last,
            )))
            .unwrap();
        if last {
            return;
        }
        kind = Data::Continue;
    }
}

fn play(acts: &[Act], close: Option<(u16, String)>) -> Vec<u8> {
    let mut client = WebSocket::from_raw_socket(Pipe::default(), Role::Client, None);
    for act in acts {
        match act.clone() {
            Act::Text(text, usize::MAX) => client.send(Message::Text(text.into())).unwrap(),
            Act::Binary(bytes, usize::MAX) => client.send(Message::Binary(bytes.into())).unwrap(),
            Act::Text(text, size) => send(&mut client, Data::Text, text.as_bytes(), size),
            Act::Binary(bytes, size) => send(&mut client, Data::Binary, &bytes, size),
            Act::Ping(bytes) => client.send(Message::Ping(bytes.into())).unwrap(),
            Act::Pong(bytes) => client.send(Message::Pong(bytes.into())).unwrap(),
        }
    }
    let close = close.map(|(code, reason)| CloseFrame {
        code: CloseCode::from(code),
        reason: reason.into(),
    });
    client.close(close).unwrap();
    client.flush().unwrap();
    client.get_ref().sent.clone()
}

/// Gives `wire` in pieces of these sizes, over and over, and takes whatever is whole in between.
fn read(
    reader: &mut FrameReader,
    wire: &[u8],
    sizes: &[usize],
) -> Result<Vec<Received>, Violation> {
    let (mut buffer, mut found, mut rest) = (BytesMut::new(), Vec::new(), wire);
    for size in sizes.iter().cycle() {
        let (piece, more) = rest.split_at(rest.len().min(*size));
        buffer.extend_from_slice(piece);
        while let Some(input) = reader.next(&mut buffer)? {
            found.push(input);
        }
        assert!(buffer.len() < 14 + 125, "bytes are left lying");
        if more.is_empty() {
            break;
        }
        rest = more;
    }
    Ok(found)
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..20_usize, 1..5000_usize], 1..8)
}

proptest! {
    #[test]
    fn reader_reads_tungstenite_client(
        acts in acts(),
        close in proptest::option::of((prop_oneof![1000..=1003_u16, 1007..=1013_u16, 3000..5000_u16], "\\PC{0,30}")),
        sizes in sizes(),
    ) {
        let wire = play(&acts, close.clone());
        let mut expected: Vec<_> = acts.iter().map(said).collect();
        expected.push(Received::Close(close));
        prop_assert_eq!(read(&mut FrameReader::new(MAX, MAX), &wire, &sizes), Ok(expected));
    }

    #[test]
    fn tungstenite_client_reads_writer(acts in acts(), code in 3000..5000_u16, reason: String) {
        let mut out = Vec::new();
        for act in &acts {
            match act {
                Act::Text(text, usize::MAX) => FrameWriter.message(&mut out, Opcode::Text, text.as_bytes()),
                Act::Binary(bytes, usize::MAX) => FrameWriter.message(&mut out, Opcode::Binary, bytes),
                Act::Text(text, size) => FrameWriter.fragments(&mut out, Opcode::Text, text.as_bytes(), *size),
                Act::Binary(bytes, size) => FrameWriter.fragments(&mut out, Opcode::Binary, bytes, *size),
                Act::Ping(bytes) => FrameWriter.ping(&mut out, bytes),
                Act::Pong(bytes) => FrameWriter.pong(&mut out, bytes),
            }
        }
        FrameWriter.close(&mut out, Some(code), &reason);

        let pipe = Pipe { received: io::Cursor::new(out), ..Pipe::default() };
        let mut client = WebSocket::from_raw_socket(pipe, Role::Client, None);
        for act in &acts {
            let read = match client.read().unwrap() {
                Message::Text(text) => Received::Text(text),
                Message::Binary(bytes) => Received::Binary(bytes),
                Message::Ping(bytes) => Received::Ping(bytes),
                Message::Pong(bytes) => Received::Pong(bytes),
                other => panic!("{other} was not sent"),
            };
            prop_assert_eq!(read, said(act));
        }
        let Message::Close(Some(close)) = client.read().unwrap() else { panic!("no close") };
        prop_assert_eq!(u16::from(close.code), code);
        prop_assert!(reason.starts_with(close.reason.as_str()));
        prop_assert!(close.reason.len() == reason.len() || close.reason.len() > 119);
    }

    #[test]
    fn rubbish_does_no_harm(wire in vec(any::<u8>(), 0..2000), sizes in sizes()) {
        rubbish(&wire, &sizes);
    }

    #[test]
    fn one_changed_byte_does_no_harm(acts in acts(), place: prop::sample::Index, byte: u8, sizes in sizes()) {
        let mut wire = play(&acts, None);
        let place = place.index(wire.len());
        wire[place] = byte;
        rubbish(&wire, &sizes);
    }

    #[test]
    fn text_is_valid_utf8_by_the_standard_library(
        text: String,
        place: prop::sample::Index,
        byte: u8,
        size in 1..9_usize,
        sizes in sizes(),
    ) {
        let mut payload = text.into_bytes();
        payload.insert(place.index(payload.len() + 1), byte);
        let wire = play(&[Act::Binary(payload.clone(), size)], None);
        let wire = [&[wire[0] & 0x80 | 1], &wire[1..]].concat();
        let found = read(&mut FrameReader::new(MAX, MAX), &wire, &sizes);
        if let Ok(text) = String::from_utf8(payload) {
            prop_assert_eq!(found, Ok(vec![Received::Text(text.into()), Received::Close(None)]));
        } else {
            prop_assert_eq!(found.unwrap_err().code, 1007);
        }
    }
}

fn rubbish(wire: &[u8], sizes: &[usize]) {
    const SMALL: usize = 512;
    let mut reader = FrameReader::new(SMALL, SMALL);
    match read(&mut reader, wire, sizes) {
        Ok(inputs) => {
            for input in inputs {
                match input {
                    Received::Text(payload) => assert!(payload.len() <= SMALL),
                    Received::Binary(payload) => assert!(payload.len() <= SMALL),
                    _ => {}
                }
            }
        }
        Err(violation) => {
            assert!(matches!(violation.code, 1002 | 1007 | 1009));
            assert!(violation.reason.len() <= 123);
        }
    }
    assert!(reader.held() <= SMALL);
}
