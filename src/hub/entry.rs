//! A message as the journal gives it back: what it was, and how people see it.

use std::sync::Arc;

use crate::base::json::{Json, write};
use crate::base::payload::Payload;
use crate::base::{Moment, time};
use crate::world::PeerId;

use super::NameId;

/// In the place of a peer's number: the entry is a request for a path that nothing serves.
pub(super) const NO_PEER: PeerId = 0;

/// What a message is, apart from what was said.
#[derive(Debug, Clone)]
pub struct About {
    /// By the mock's clock.
    pub time: Moment,
    /// Whose.
    pub peer: PeerId,
    /// From the client?
    pub inward: bool,
    /// Text?
    pub text: bool,
    /// The handler, or `push`.
    pub name: NameId,
    /// All its bytes.
    pub size: usize,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// All the rest.
    pub about: About,
    /// The handler, or `push`.
    pub name: Arc<str>,
    /// What was said, as much of it as is kept.
    pub payload: Payload,
    /// The faults that did something to it.
    pub fault: Vec<&'static str>,
}

impl Entry {
    /// What was said, as JSON; what is none is a text.
    pub fn seen(&self) -> Json {
        let whole = self.about.size == self.payload.len();
        Json::from_bytes(self.payload.whole())
            .ok()
            .filter(|_| whole)
            .unwrap_or_else(|| Json::string(&String::from_utf8_lossy(&self.payload.whole())))
    }

    /// As the control API shows it.
    pub fn shown(&self) -> String {
        let connection = match self.about.peer {
            NO_PEER => "null".to_owned(),
            peer => format!("\"c{peer}\""),
        };
        let mut out = format!(
            "{{\"seq\":{},\"time\":\"{}\",\"connection\":{connection}",
            self.seq,
            time::rfc3339(self.about.time),
        );
        out.push_str(if self.about.inward {
            ",\"direction\":\"in\""
        } else {
            ",\"direction\":\"out\""
        });
        out.push_str(",\"name\":");
        write::string(&mut out, &self.name);
        out.push_str(&format!(",\"size\":{},\"message\":", self.about.size));
        out.push_str(self.seen().text());
        if self.about.size != self.payload.len() {
            out.push_str(",\"shortened\":true");
        }
        if !self.about.text {
            out.push_str(",\"binary\":true");
        }
        out.push_str(",\"fault\":");
        if self.fault.is_empty() {
            out.push_str("null}");
        } else {
            write::string(&mut out, &self.fault.join(","));
            out.push('}');
        }
        out
    }
}
