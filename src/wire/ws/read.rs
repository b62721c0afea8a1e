//! A client's bytes, in whatever pieces they come, as messages and control frames.
//!
//! Invariant: what cannot become right any more is refused at once: text at its first impossible byte, sizes by the
//! header alone. After a close or a violation nothing is read.

use bytes::{Buf, Bytes, BytesMut};
use tungstenite::Utf8Bytes;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::frame::{Head, Mask};
use super::message::{Message, text};
use super::{Opcode, Violation};
use crate::base::Limit;

/// Registered after the codes that tungstenite knows.
const BAD_GATEWAY: u16 = 1014;

/// What a client says. A payload may share the memory of the buffer it was read into, and keeps all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping, to be answered with its payload.
    Ping(Bytes),
    /// The answer to a ping, or one nobody asked for.
    Pong(Bytes),
    /// The end, with its code and reason where they were given. Nothing comes after it.
    Close(Option<(u16, String)>),
}

/// Reads what one client sends.
#[derive(Debug)]
pub struct Reader {
    max_frame: usize,
    max_message: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    over: bool,
}

/// A frame whose header was read and whose payload is still to come.
#[derive(Debug, Clone, Copy)]
struct Frame {
    part: Part,
    last: bool,
    left: usize,
    mask: Mask,
}

/// What a frame is part of.
#[derive(Debug, Clone, Copy)]
enum Part {
    Message(Opcode),
    Ping,
    Pong,
    Close,
}

impl Reader {
    /// A reader that refuses payloads over these sizes: of a frame, and of a message's fragments together.
    pub fn new(max_frame: usize, max_message: usize) -> Self {
        Self {
            max_frame,
            max_message,
            frame: None,
            message: None,
            over: false,
        }
    }

    /// Takes the next whole thing out of what has arrived; `Ok(None)` wants more bytes.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Input>, Violation> {
        if self.over {
            input.clear();
            return Ok(None);
        }
        let found = self.read(input);
        if matches!(found, Err(_) | Ok(Some(Input::Close(_)))) {
            self.over = true;
            self.message = None;
            input.clear();
        }
        found
    }

    /// The memory held for a message that is not whole yet.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.message.as_ref().map_or(0, Message::capacity)
    }

    fn read(&mut self, input: &mut BytesMut) -> Result<Option<Input>, Violation> {
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
                Part::Message(kind) => self.payload(frame, kind, input)?,
                _ if input.len() < frame.left => self.wait(frame),
                Part::Ping => Some(Input::Ping(frame.whole(input))),
                Part::Pong => Some(Input::Pong(frame.whole(input))),
                Part::Close => Some(close(&frame.whole(input))?),
            };
            if found.is_some() || self.frame.is_some() {
                return Ok(found);
            }
        }
    }

    fn wait(&mut self, frame: Frame) -> Option<Input> {
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

    fn part(&self, opcode: OpCode) -> Result<Part, Violation> {
        match (opcode, &self.message) {
            (OpCode::Data(Data::Text), None) => Ok(Part::Message(Opcode::Text)),
            (OpCode::Data(Data::Binary), None) => Ok(Part::Message(Opcode::Binary)),
            (OpCode::Data(Data::Continue), Some(begun)) => Ok(Part::Message(begun.kind)),
            (OpCode::Control(Control::Ping), _) => Ok(Part::Ping),
            (OpCode::Control(Control::Pong), _) => Ok(Part::Pong),
            (OpCode::Control(Control::Close), _) => Ok(Part::Close),
            (OpCode::Data(Data::Continue), None) => Err(Violation::protocol(
                "a `CONTINUE` frame continues nothing, no message was begun",
            )),
            (OpCode::Data(Data::Text | Data::Binary), Some(_)) => {
                Err(Violation::protocol(format!(
                    "a `{opcode}` frame begins inside a fragmented message, only `CONTINUE` may go on"
                )))
            }
            (OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)), _) => {
                Err(Violation::protocol(format!(
                    "opcode `{code:#x}` is reserved, `0x0` to `0x2` and `0x8` to `0xa` are not"
                )))
            }
        }
    }

    fn within_limits(&self, part: Part, length: u64) -> Result<usize, Violation> {
        let Part::Message(_) = part else {
            return Ok(length as usize);
        };
        if length > self.max_frame as u64 {
            let most = self.max_frame;
            return Err(Violation::size(
                Limit::Frame,
                format!("a frame has `{length}` bytes, up to `{most}` are allowed"),
            ));
        }
        let before = self.message.as_ref().map_or(0, Message::len);
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
    ) -> Result<Option<Input>, Violation> {
        if self.message.is_none() && frame.last && frame.left <= input.len() {
            return Input::message(kind, frame.whole(input)).map(Some);
        }
        let message = self.message.get_or_insert_with(|| Message::new(kind));
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
            Some(message) => Input::message(kind, message.finish()).map(Some),
            None => Ok(None),
        }
    }
}

impl Frame {
    /// The payload, all of which has arrived, where it lies.
    fn whole(mut self, input: &mut BytesMut) -> Bytes {
        if self.left == 0 {
            return Bytes::new();
        }
        let mut payload = input.split_to(self.left);
        self.mask.lift(&mut payload);
        payload.freeze()
    }
}

impl Input {
    fn message(kind: Opcode, data: Bytes) -> Result<Self, Violation> {
        match kind {
            Opcode::Text => text(&data).map(Self::Text),
            Opcode::Binary => Ok(Self::Binary(data)),
        }
    }
}

fn close(payload: &[u8]) -> Result<Input, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(Input::Close(None)),
            _ => Err(Violation::protocol(
                "a close has a payload of `1` byte, none or at least `2` are allowed",
            )),
        };
    };
    let code = u16::from_be_bytes(*code);
    if code != BAD_GATEWAY && !CloseCode::from(code).is_allowed() {
        return Err(Violation::protocol(format!(
            "close code `{code}` may not be sent"
        )));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Input::Close(Some((code, reason.to_owned())))),
        Err(error) => Err(Violation::encoding(format!(
            "the reason of a close must be UTF-8, from byte `{}` on it is not",
            error.valid_up_to()
        ))),
    }
}
