//! A message whose pieces still come, and the UTF-8 check of text.

use bytes::Bytes;
use tungstenite::Utf8Bytes;

use super::frame::Mask;
use super::{Opcode, Violation};

/// A message of which a part has come.
#[derive(Debug)]
pub(super) struct PartialMessage {
    pub(super) kind: Opcode,
    data: Vec<u8>,
    /// Text is valid UTF-8 up to here; beyond is at most the start of one character.
    checked: usize,
}

impl PartialMessage {
    pub(super) fn new(kind: Opcode) -> Self {
        Self {
            kind,
            data: Vec::new(),
            checked: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.data.capacity()
    }

    /// Adds a masked piece. The capacity doubles, but is never more than the `room` bytes that may yet come: a header
    /// can claim any length.
    pub(super) fn add(
        &mut self,
        piece: &[u8],
        mask: &mut Mask,
        room: usize,
    ) -> Result<(), Violation> {
        let old = self.data.len();
        if self.data.capacity() - old < piece.len() {
            self.data.reserve_exact(piece.len().max(old.min(room)));
        }
        self.data.extend_from_slice(piece);
        mask.remove(&mut self.data[old..]);
        if self.kind == Opcode::Text {
            self.checked = check(&self.data, self.checked)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Bytes {
        self.data.into()
    }
}

/// The text of a whole message.
pub(super) fn text(data: &Bytes) -> Result<Utf8Bytes, Violation> {
    Utf8Bytes::try_from(data.clone()).map_err(|_| wrong(data))
}

/// Checks text from `from` on. Returns the start of an incomplete last character, else the end.
fn check(text: &[u8], from: usize) -> Result<usize, Violation> {
    let Err(error) = std::str::from_utf8(&text[from..]) else {
        return Ok(text.len());
    };
    let place = from + error.valid_up_to();
    match error.error_len() {
        None => Ok(place),
        Some(_) => Err(Violation::encoding(format!(
            "text must be UTF-8, byte `{:#04x}` at `{place}` is not",
            text[place]
        ))),
    }
}

fn wrong(text: &[u8]) -> Violation {
    match check(text, 0) {
        Err(violation) => violation,
        Ok(checked) => Violation::encoding(format!(
            "text must be UTF-8, the character at `{checked}` is cut off"
        )),
    }
}
