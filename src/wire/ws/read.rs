//! A client's bytes, in pieces of any size, as messages and control frames.
//!
//! Invariant: a violation is reported as soon as it is certain: text at its first invalid byte, sizes by the header
//! alone. After a close or a violation nothing is read.

use bytes::{Buf, Bytes, BytesMut};
use tungstenite::Utf8Bytes;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::frame::{Head, Mask};
use super::message::{PartialMessage, text};
use super::{Opcode, Violation};
use crate::base::{Limit, is_close_code};

/// A whole message or control frame. A payload may be a slice of the read buffer, which it keeps alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Text(Utf8Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong(Bytes),
    /// The code and reason, if the client gave them. Nothing comes after it.
    Close(Option<(u16, String)>),
}

/// Reads the frames of one client.
#[derive(Debug)]
pub struct FrameReader {
    max_frame: usize,
    max_message: usize,
    frame: Option<Frame>,
    message: Option<PartialMessage>,
    over: bool,
}

/// A frame whose payload is still to come.
#[derive(Debug, Clone, Copy)]
struct Frame {
    part: FramePart,
    last: bool,
    left: usize,
    mask: Mask,
}

/// The thing that a frame is a part of.
#[derive(Debug, Clone, Copy)]
enum FramePart {
    Message(Opcode),
    Ping,
    Pong,
    Close,
}

impl FrameReader {
    /// Refuses frames, and messages with all their fragments, that are larger.
    pub fn new(max_frame: usize, max_message: usize) -> Self {
        Self {
            max_frame,
            max_message,
            frame: None,
            message: None,
            over: false,
        }
    }

    /// Takes the next whole message or control frame out of `input`. `Ok(None)` asks for more bytes.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Received>, Violation> {
        if self.over {
            input.clear();
            return Ok(None);
        }
        let found = self.read(input);
        // RFC 6455, sections 1.4 and 7.1.7: data after a close or a failure is ignored.
        if matches!(found, Err(_) | Ok(Some(Received::Close(_)))) {
            self.over = true;
            self.message = None;
            input.clear();
        }
        found
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.message.as_ref().map_or(0, PartialMessage::capacity)
    }

    fn read(&mut self, input: &mut BytesMut) -> Result<Option<Received>, Violation> {
        loop {
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let found = match frame.part {
                _ if input.is_empty() && frame.left > 0 => self.wait(frame),
                FramePart::Message(kind) => self.payload(frame, kind, input)?,
                _ if input.len() < frame.left => self.wait(frame),
                FramePart::Ping => Some(Received::Ping(frame.whole(input))),
                FramePart::Pong => Some(Received::Pong(frame.whole(input))),
                FramePart::Close => Some(close(&frame.whole(input))?),
            };
            if found.is_some() || self.frame.is_some() {
                return Ok(found);
            }
        }
    }

    fn wait(&mut self, frame: Frame) -> Option<Received> {
        self.frame = Some(frame);
        None
    }

    fn header(&self, input: &mut BytesMut) -> Result<Option<Frame>, Violation> {
        let Some(head) = Head::read(input)? else {
            return Ok(None);
        };
        let part = self.part(head.opcode)?;
        let Some((length, size)) = head.length(input)? else {
            return Ok(None);
        };
        let left = self.within_limits(part, length)?;
        let Some(mask) = Mask::read(&input[size..]) else {
            return Ok(None);
        };
        input.advance(size + 4);
        Ok(Some(Frame {
            part,
            last: head.last,
            left,
            mask,
        }))
    }

    fn part(&self, opcode: OpCode) -> Result<FramePart, Violation> {
        match (opcode, &self.message) {
            (OpCode::Data(Data::Text), None) => Ok(FramePart::Message(Opcode::Text)),
            (OpCode::Data(Data::Binary), None) => Ok(FramePart::Message(Opcode::Binary)),
            (OpCode::Data(Data::Continue), Some(begun)) => Ok(FramePart::Message(begun.kind)),
            (OpCode::Control(Control::Ping), _) => Ok(FramePart::Ping),
            (OpCode::Control(Control::Pong), _) => Ok(FramePart::Pong),
            (OpCode::Control(Control::Close), _) => Ok(FramePart::Close),
            (OpCode::Data(Data::Continue), None) => Err(Violation::protocol(
                "a `CONTINUE` frame must follow the first frame of a message",
            )),
            (OpCode::Data(Data::Text | Data::Binary), Some(_)) => {
                Err(Violation::protocol(format!(
                    "inside a fragmented message only `CONTINUE` frames may come, got `{opcode}`"
                )))
            }
            (OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)), _) => {
                Err(Violation::protocol(format!(
                    "opcode must be `0x0` to `0x2` or `0x8` to `0xa`, got `{code:#x}`"
                )))
            }
        }
    }

    fn within_limits(&self, part: FramePart, length: u64) -> Result<usize, Violation> {
        let FramePart::Message(_) = part else {
            return Ok(length as usize);
        };
        if length > self.max_frame as u64 {
            let most = self.max_frame;
            return Err(Violation::size(
                Limit::Frame,
                format!("a frame has `{length}` bytes, up to `{most}` are allowed"),
            ));
        }
        let before = self.message.as_ref().map_or(0, PartialMessage::len);
        let together = before as u64 + length;
        if together > self.max_message as u64 {
            let most = self.max_message;
            return Err(Violation::size(
                Limit::Message,
                format!("a message has `{together}` bytes, up to `{most}` are allowed"),
            ));
        }
        Ok(length as usize)
    }

    fn payload(
        &mut self,
        mut frame: Frame,
        kind: Opcode,
        input: &mut BytesMut,
    ) -> Result<Option<Received>, Violation> {
        // The common case: a whole message in one frame that has come at once is not copied.
        if self.message.is_none() && frame.last && frame.left <= input.len() {
            return Received::message(kind, frame.whole(input)).map(Some);
        }
        let message = self
            .message
            .get_or_insert_with(|| PartialMessage::new(kind));
        let arrived = frame.left.min(input.len());
        let room = if frame.last {
            frame.left
        } else {
            self.max_message - message.len()
        };
        message.add(&input[..arrived], &mut frame.mask, room)?;
        input.advance(arrived);
        frame.left -= arrived;
        if frame.left > 0 {
            return Ok(self.wait(frame));
        }
        match self.message.take_if(|_| frame.last) {
            Some(message) => Received::message(kind, message.finish()).map(Some),
            None => Ok(None),
        }
    }
}

impl Frame {
    /// The payload, all of which has come, without copying it.
    fn whole(mut self, input: &mut BytesMut) -> Bytes {
        if self.left == 0 {
            return Bytes::new();
        }
        let mut payload = input.split_to(self.left);
        self.mask.remove(&mut payload);
        payload.freeze()
    }
}

impl Received {
    fn message(kind: Opcode, data: Bytes) -> Result<Self, Violation> {
        match kind {
            Opcode::Text => text(&data).map(Self::Text),
            Opcode::Binary => Ok(Self::Binary(data)),
        }
    }
}

fn close(payload: &[u8]) -> Result<Received, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(Received::Close(None)),
            _ => Err(Violation::protocol(
                "a close must have no payload or at least `2` bytes, got `1`",
            )),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !is_close_code(code) {
        return Err(Violation::protocol(format!(
            "close code `{code}` must not be sent"
        )));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Received::Close(Some((code, reason.to_owned())))),
        Err(error) => Err(Violation::encoding(format!(
            "the reason of a close must be UTF-8, from byte `{}` on it is not",
            error.valid_up_to()
        ))),
    }
}
