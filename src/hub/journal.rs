//! The last messages, both ways, with what faults did to them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::config::Limits;
use crate::json::{Json, write};
use crate::payload::Payload;
use crate::sim::{Moment, time};
use crate::world::PeerId;

/// Up to so many bytes are laid side by side: memory of its own for each message would be cold when it goes.
const SHORT: usize = 512;

/// One message.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// By the mock's clock.
    pub time: Moment,
    /// Whose.
    pub peer: PeerId,
    /// From the client?
    pub inward: bool,
    /// The handler, or `push`.
    pub name: Arc<str>,
    /// All its bytes.
    pub size: usize,
    /// What was said, as much of it as is kept.
    pub payload: Payload,
    /// Text?
    pub text: bool,
    /// The faults that did something to it.
    pub fault: Vec<&'static str>,
}

/// The journal.
#[derive(Debug)]
pub struct Journal {
    inner: Mutex<Inner>,
    /// Bytes of a message that are kept.
    message: AtomicUsize,
    last: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    entries: VecDeque<Noted>,
    /// The bytes of those that are short, one after the other.
    short: VecDeque<u8>,
    /// How many bytes came before these.
    passed: usize,
    /// Bytes of all.
    bytes: usize,
    seq: u64,
    most_messages: usize,
    most_bytes: usize,
    /// Whether some have gone, and some been shortened, since it was empty.
    overflowed: bool,
    shortened: bool,
}

/// An entry; without the bytes that its payload has for itself, if these are few.
#[derive(Debug)]
struct Noted {
    entry: Entry,
    short: Option<Short>,
}

/// Where these bytes are, counted from the first that ever were laid here, and what [`Payload::lay`] wants to know.
#[derive(Debug)]
struct Short {
    from: usize,
    length: u32,
    at: u32,
}

/// What messages cost that were noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// So many of the oldest went.
    pub(super) gone: u64,
    /// For the first time since it was empty.
    pub(super) first_gone: bool,
    /// Of so many not all is kept.
    pub(super) shortened: u64,
    /// For the first time since it was empty.
    pub(super) first_shortened: bool,
}

impl Inner {
    fn is_over(&self) -> bool {
        self.entries.len() > self.most_messages || self.bytes > self.most_bytes
    }

    fn add(&mut self, mut entry: Entry) {
        self.seq += 1;
        entry.seq = self.seq;
        self.bytes += entry.payload.len();
        let short = (entry.payload.own() <= SHORT).then(|| {
            let (own, at) = entry.payload.lift();
            let from = self.passed + self.short.len();
            self.short.extend(&own);
            Short {
                from,
                length: own.len() as u32,
                at: at as u32,
            }
        });
        self.entries.push_back(Noted { entry, short });
    }

    /// Lets the oldest go.
    fn let_go(&mut self) -> Vec<Noted> {
        let over = self.entries.len().saturating_sub(self.most_messages);
        let mut gone = Vec::with_capacity(over);
        let mut passed = self.passed;
        while self.is_over()
            && let Some(noted) = self.entries.pop_front()
        {
            self.bytes -= noted.entry.payload.len();
            if let Some(short) = &noted.short {
                self.bytes -= short.length as usize;
                passed = short.from + short.length as usize;
            }
            gone.push(noted);
        }
        self.short.drain(..passed - self.passed);
        self.passed = passed;
        gone
    }

    fn whole(&self, noted: &Noted) -> Entry {
        let mut entry = noted.entry.clone();
        if let Some(short) = &noted.short {
            let from = short.from - self.passed;
            let own = self.short.range(from..from + short.length as usize);
            entry.payload.lay(own.copied().collect(), short.at as usize);
        }
        entry
    }
}

impl Journal {
    /// An empty one.
    pub(super) fn new(limits: &Limits) -> Journal {
        Journal {
            inner: Mutex::new(Inner {
                entries: VecDeque::new(),
                short: VecDeque::new(),
                passed: 0,
                bytes: 0,
                seq: 0,
                most_messages: limits.journal_messages,
                most_bytes: limits.journal_bytes,
                overflowed: false,
                shortened: false,
            }),
            message: AtomicUsize::new(limits.journal_message),
            last: watch::Sender::new(0),
        }
    }

    /// Other bounds; they hold from the next message on.
    pub(super) fn bound(&self, limits: &Limits) {
        self.message
            .store(limits.journal_message, Ordering::Relaxed);
        let mut inner = self.inner();
        inner.most_messages = limits.journal_messages;
        inner.most_bytes = limits.journal_bytes;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes messages; their numbers are given by the journal.
    pub(super) fn note(&self, mut entries: Vec<Entry>) -> Cost {
        let most = self.message.load(Ordering::Relaxed);
        let mut cost = Cost::default();
        for entry in &mut entries {
            entry.shorten(most);
            cost.shortened += u64::from(entry.payload.len() < entry.size);
        }
        let mut inner = self.inner();
        for entry in entries {
            inner.add(entry);
        }
        // They are freed once others may go on.
        let gone = inner.let_go();
        cost.gone = gone.len() as u64;
        cost.first_gone = cost.gone > 0 && !inner.overflowed;
        inner.overflowed |= cost.first_gone;
        cost.first_shortened = cost.shortened > 0 && !inner.shortened;
        inner.shortened |= cost.first_shortened;
        let seq = inner.seq;
        drop(inner);
        // Nobody waiting is no trouble, and costs no wake-up.
        if self.last.receiver_count() > 0 {
            self.last.send_replace(seq);
        }
        cost
    }

    /// Forgets everything; numbers go on.
    pub fn clear(&self) {
        let mut inner = self.inner();
        inner.entries.clear();
        inner.passed += inner.short.len();
        inner.short.clear();
        inner.bytes = 0;
        inner.overflowed = false;
        inner.shortened = false;
    }

    /// The messages after a number that fit, oldest first. What was said is not looked at.
    pub fn select(&self, after: u64, limit: usize, fits: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let inner = self.inner();
        let from = inner
            .entries
            .partition_point(|noted| noted.entry.seq <= after);
        inner
            .entries
            .range(from..)
            .filter(|noted| fits(&noted.entry))
            .take(limit)
            .map(|noted| inner.whole(noted))
            .collect()
    }

    /// The last messages that fit, oldest first. What was said is not looked at.
    pub fn last(&self, limit: usize, fits: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let inner = self.inner();
        let newest = inner.entries.iter().rev();
        let mut entries: Vec<Entry> = newest
            .filter(|noted| fits(&noted.entry))
            .take(limit)
            .map(|noted| inner.whole(noted))
            .collect();
        entries.reverse();
        entries
    }

    /// Tells when more was noted.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}

impl Entry {
    /// Keeps so many bytes of what was said.
    fn shorten(&mut self, most: usize) {
        // A part of a read buffer or of a large frame would keep the whole of it alive.
        if self.size > most || (self.inward && self.size > SHORT) {
            let whole = self.payload.whole();
            let mut end = self.size.min(most);
            while end < self.size && end > 0 && (whole[end] & 0xc0) == 0x80 {
                end -= 1;
            }
            self.payload = whole[..end].to_vec().into();
        }
    }

    /// What was said, as JSON if it is.
    pub fn message(&self) -> Option<Json> {
        let whole = self.payload.whole();
        let text = std::str::from_utf8(&whole).ok()?;
        let json = text.trim_start_matches(|c: char| c.is_ascii_digit());
        Json::parse(text).ok().or_else(|| {
            json.starts_with('[')
                .then(|| Json::parse(json).ok())
                .flatten()
        })
    }

    /// What was said, as JSON; what is none is a text.
    pub fn seen(&self) -> Json {
        let whole = self.size == self.payload.len();
        self.message()
            .filter(|_| whole)
            .unwrap_or_else(|| Json::string(&String::from_utf8_lossy(&self.payload.whole())))
    }

    /// As the control API shows it.
    pub fn shown(&self) -> String {
        let mut out = format!(
            "{{\"seq\":{},\"time\":\"{}\",\"connection\":\"c{}\"",
            self.seq,
            time::rfc3339(self.time),
            self.peer
        );
        out.push_str(if self.inward {
            ",\"direction\":\"in\""
        } else {
            ",\"direction\":\"out\""
        });
        out.push_str(",\"name\":");
        write::string(&mut out, &self.name);
        out.push_str(&format!(",\"size\":{},\"message\":", self.size));
        out.push_str(self.seen().text());
        if self.size != self.payload.len() {
            out.push_str(",\"shortened\":true");
        }
        if !self.text {
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::payload::{Draft, Sink};

    #[test]
    fn what_was_said_is_given_back_whole_whatever_went_before_it() {
        let journal = Journal::new(&Limits {
            journal_messages: 4,
            ..Limits::default()
        });
        let common: Arc<str> = "common".repeat(200).into();
        let mut said: Vec<Bytes> = Vec::new();
        for n in 0..40 {
            let mut draft = Draft::default();
            draft.text().push_str(&n.to_string());
            if n % 3 == 0 {
                draft.share(&common);
                draft.text().push('!');
            }
            if n % 5 == 0 {
                draft.text().push_str(&"x".repeat(SHORT));
            }
            let payload = draft.finish();
            said.push(payload.whole());
            journal.note(vec![Entry {
                seq: 0,
                time: 0,
                peer: 1,
                inward: n % 2 == 0,
                name: "a".into(),
                size: payload.len(),
                payload,
                text: true,
                fault: Vec::new(),
            }]);
            if n == 17 {
                journal.clear();
                said.clear();
            }
            let kept = &said[said.len().saturating_sub(4)..];
            let found = journal.last(usize::MAX, |_| true);
            let found: Vec<Bytes> = found.iter().map(|entry| entry.payload.whole()).collect();
            assert_eq!(found, kept, "{n}");
            assert_eq!(journal.select(n, 9, |_| true).len(), usize::from(n != 17));
        }
    }
}
