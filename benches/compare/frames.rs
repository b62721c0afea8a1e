//! Just enough of RFC 6455 for a load: requests are masked once, beforehand, and answers are counted by their headers.

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LAST_DATA: u8 = 0x7;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;
const TWO_MORE: u8 = 0x7e;
const EIGHT_MORE: u8 = 0x7f;

/// A client's text frame.
pub(crate) fn text(payload: &[u8]) -> Vec<u8> {
    masked(0x1, payload)
}

/// A client's pong.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    masked(0xa, payload)
}

/// A client's close with code 1000.
pub(crate) fn close() -> Vec<u8> {
    masked(CLOSE, &1000_u16.to_be_bytes())
}

fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![LAST | opcode];
    match payload.len() {
        short @ ..126 => frame.push(MASKED | short as u8),
        medium @ ..65536 => {
            frame.push(MASKED | TWO_MORE);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(MASKED | EIGHT_MORE);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    let mask = MASK.iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What a server sent.
pub(crate) enum Seen {
    /// The end of a message with so many bytes.
    Message(u64),
    Ping(Vec<u8>),
    Close,
}

/// Follows a server's frames, however they are cut, and looks into none but pings.
#[derive(Default)]
pub(crate) struct Scanner {
    header: Vec<u8>,
    left: u64,
    message: u64,
    ping: Vec<u8>,
}

impl Scanner {
    /// Takes the bytes that came; `see` is told what they completed.
    pub(crate) fn scan(&mut self, mut bytes: &[u8], mut see: impl FnMut(Seen)) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let here = bytes.len().min(self.left as usize);
                self.payload(&bytes[..here]);
                bytes = &bytes[here..];
            } else {
                self.header.push(first);
                bytes = rest;
                let Some(length) = self.length() else {
                    continue;
                };
                self.left = length;
            }
            if self.left == 0 {
                self.end(&mut see);
            }
        }
    }

    fn opcode(&self) -> u8 {
        self.header[0] & 0x0f
    }

    fn length(&self) -> Option<u64> {
        match (self.header.get(1)? & 0x7f, self.header.get(2..)?) {
            (TWO_MORE, &[a, b]) => Some(u64::from(u16::from_be_bytes([a, b]))),
            (EIGHT_MORE, more) => Some(u64::from_be_bytes(more.try_into().ok()?)),
            (TWO_MORE, _) => None,
            (short, _) => Some(u64::from(short)),
        }
    }

    fn payload(&mut self, bytes: &[u8]) {
        self.left -= bytes.len() as u64;
        match self.opcode() {
            PING => self.ping.extend_from_slice(bytes),
            ..=LAST_DATA => self.message += bytes.len() as u64,
            _ => {}
        }
    }

    fn end(&mut self, see: &mut impl FnMut(Seen)) {
        match self.opcode() {
            PING => see(Seen::Ping(std::mem::take(&mut self.ping))),
            CLOSE => see(Seen::Close),
            ..=LAST_DATA if self.header[0] & LAST != 0 => {
                see(Seen::Message(std::mem::take(&mut self.message)));
            }
            _ => {}
        }
        self.header.clear();
    }
}
