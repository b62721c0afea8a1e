//! A server's frames: unmasked, appended to the bytes that are to be sent.

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::Opcode;
use super::frame::{EIGHT_MORE, SHORT, TWO_MORE};

const LAST: u8 = 0x80;

/// Bytes of a control frame that the close code leaves for the reason.
const MAX_REASON: usize = SHORT - 2;

/// Writes a server's frames.
#[derive(Debug, Clone, Copy)]
pub struct FrameWriter;

impl FrameWriter {
    /// Appends a message as one frame.
    pub fn message(self, out: &mut Vec<u8>, kind: Opcode, payload: &[u8]) {
        write_frame(out, LAST, kind.into(), payload);
    }

    /// Appends the header of a message in one frame. The payload must be sent next.
    pub fn header(self, out: &mut Vec<u8>, kind: Opcode, length: usize) {
        write_head(out, LAST, kind.into(), length);
    }

    /// Appends a message in frames of `size` bytes (at least 1).
    pub fn fragments(self, out: &mut Vec<u8>, kind: Opcode, payload: &[u8], size: usize) {
        let mut opcode = kind.into();
        let mut rest = payload;
        while let Some((piece, more)) = rest.split_at_checked(size.max(1))
            && !more.is_empty()
        {
            write_frame(out, 0, opcode, piece);
            opcode = OpCode::Data(Data::Continue);
            rest = more;
        }
        write_frame(out, LAST, opcode, rest);
    }

    /// Appends a ping. A payload over 125 bytes is cut.
    pub fn ping(self, out: &mut Vec<u8>, payload: &[u8]) {
        write_control(out, Control::Ping, payload);
    }

    /// Appends a pong. A payload over 125 bytes is cut.
    pub fn pong(self, out: &mut Vec<u8>, payload: &[u8]) {
        write_control(out, Control::Pong, payload);
    }

    /// Appends a close. A reason needs a code, and is cut between characters to the 123 bytes that fit.
    pub fn close(self, out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
        let Some(code) = code else {
            return write_control(out, Control::Close, &[]);
        };
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        write_control(out, Control::Close, &payload);
    }
}

fn write_control(out: &mut Vec<u8>, control: Control, payload: &[u8]) {
    let payload = &payload[..payload.len().min(SHORT)];
    write_frame(out, LAST, OpCode::Control(control), payload);
}

fn write_frame(out: &mut Vec<u8>, last: u8, opcode: OpCode, payload: &[u8]) {
    write_head(out, last, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// RFC 6455, section 5.2: the length takes as few bytes as possible.
fn write_head(out: &mut Vec<u8>, last: u8, opcode: OpCode, length: usize) {
    out.push(last | u8::from(opcode));
    if length <= SHORT {
        out.push(length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(TWO_MORE);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(EIGHT_MORE);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

impl From<Opcode> for OpCode {
    fn from(kind: Opcode) -> Self {
        OpCode::Data(match kind {
            Opcode::Text => Data::Text,
            Opcode::Binary => Data::Binary,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_frames_have_the_shortest_header() {
        for (length, header) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65535, &[0x82, 126, 0xff, 0xff]),
            (65536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            FrameWriter.message(&mut out, Opcode::Binary, &vec![7; length]);
            assert_eq!(out, [header, &vec![7; length]].concat());
        }
    }

    #[test]
    fn fragments_have_the_size_asked_for() {
        #[track_caller]
        fn case(payload: &[u8], size: usize, expected: &[u8]) {
            let mut out = Vec::new();
            FrameWriter.fragments(&mut out, Opcode::Text, payload, size);
            assert_eq!(out, expected);
        }
        case(b"abcde", 2, b"\x01\x02ab\x00\x02cd\x80\x01e");
        case(b"abcd", 2, b"\x01\x02ab\x80\x02cd");
        case(b"ab", 2, b"\x81\x02ab");
        case(b"ab", 0, b"\x01\x01a\x80\x01b");
        case(b"", 2, b"\x81\x00");
    }

    #[test]
    fn control_frames_are_cut_to_what_fits() {
        let mut out = Vec::new();
        FrameWriter.ping(&mut out, b"a");
        FrameWriter.pong(&mut out, b"");
        FrameWriter.close(&mut out, None, "unheard");
        FrameWriter.close(&mut out, Some(1000), "bye");
        assert_eq!(out, b"\x89\x01a\x8a\x00\x88\x00\x88\x05\x03\xe8bye");

        out.clear();
        FrameWriter.close(&mut out, Some(1000), &"ä".repeat(100));
        assert_eq!(out[..4], [0x88, 2 + 122, 0x03, 0xe8]);
        assert_eq!(out[4..], *"ä".repeat(61).as_bytes());
        out.clear();
        FrameWriter.ping(&mut out, &[7; 200]);
        assert_eq!(out.len(), 2 + 125);
    }
}
