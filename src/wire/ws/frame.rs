//! The header of a client's frame, and the mask on its payload.
//!
//! Invariant: each part is checked as soon as its own bytes have come.

use tungstenite::protocol::frame::coding::OpCode;

use super::Violation;

const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;

/// The largest length that fits into the header's second byte, and the largest payload of a control frame.
pub(super) const SHORT: usize = 125;
/// The second byte of a header whose length takes two more bytes.
pub(super) const TWO_MORE: u8 = 126;
/// The second byte of a header whose length takes eight more bytes.
pub(super) const EIGHT_MORE: u8 = 127;

/// The first two bytes of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) last: bool,
    pub(super) opcode: OpCode,
    length: u8,
}

impl Head {
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let &[first, second, ..] = bytes else {
            return Ok(None);
        };
        let (reserved, code) = (first & RESERVED, first & OPCODE);
        if reserved != 0 {
            return Err(Violation::protocol(format!(
                "reserved bits `{:03b}` are set, only `000` is allowed",
                reserved >> 4
            )));
        }
        // RFC 6455, section 5.1: a server must close the connection upon an unmasked frame.
        if second & MASKED == 0 {
            return Err(Violation::protocol(
                "the frame is not masked, a client's frames must be",
            ));
        }
        let head = Self {
            last: first & LAST != 0,
            opcode: OpCode::from(code),
            length: second & LENGTH,
        };
        head.control_rules()?;
        Ok(Some(head))
    }

    fn control_rules(self) -> Result<(), Violation> {
        let OpCode::Control(control) = self.opcode else {
            return Ok(());
        };
        if !self.last {
            return Err(Violation::protocol(format!(
                "a `{control}` frame is fragmented, control frames must not be"
            )));
        }
        if usize::from(self.length) > SHORT {
            return Err(Violation::protocol(format!(
                "a `{control}` frame may have up to `{SHORT}` bytes, this one has more"
            )));
        }
        Ok(())
    }

    /// The payload's length, and how many bytes of header come before the mask.
    pub(super) fn length(self, bytes: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
        let (length, least, size) = match self.length {
            TWO_MORE => match bytes.get(2..).and_then(<[u8]>::first_chunk) {
                Some(&two) => (u64::from(u16::from_be_bytes(two)), SHORT as u64 + 1, 4),
                None => return Ok(None),
            },
            EIGHT_MORE => match bytes.get(2..).and_then(<[u8]>::first_chunk) {
                Some(&eight) => (u64::from_be_bytes(eight), 1 << 16, 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 0, 2),
        };
        if length >> 63 != 0 {
            return Err(Violation::protocol(
                "the top bit of the frame's length is set, it must be 0",
            ));
        }
        if length < least {
            return Err(Violation::protocol(format!(
                "a length of `{length}` is written in `{}` bytes, the fewest must be used",
                size - 2
            )));
        }
        Ok(Some((length, size)))
    }
}

/// The masking key of a frame, rotated to the next piece of its payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self)
    }

    /// Unmasks the next piece.
    pub(super) fn remove(&mut self, piece: &mut [u8]) {
        let Self([a, b, c, d]) = *self;
        let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        // Eight bytes at a time, which the compiler turns into vector instructions.
        let (words, rest) = piece.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.0.iter().cycle()) {
            *byte ^= key;
        }
        self.0.rotate_left(piece.len() % 4);
    }
}
