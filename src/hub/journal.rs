//! The last messages, both ways, with what faults did to them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::base::Limits;
use crate::base::payload::Payload;

use super::entry::{About, Entry};
use super::names::Names;

/// Up to so many bytes are laid side by side: memory of its own for each message would be cold when it goes.
const SHORT: usize = 512;

thread_local! {
    /// The batch of this thread, used again so that it grows once.
    static LENT: Cell<Batch> = Cell::default();
}
/// The most memory that is kept for the next.
const SPARE: usize = 64 << 10;

/// The journal.
#[derive(Debug)]
pub struct Journal {
    pub names: Names,
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

/// An entry as it is kept: small, for it is cold when it goes.
#[derive(Debug)]
struct Noted {
    about: About,
    /// How many bytes had been laid side by side before it.
    from: usize,
    /// How many of its own lie there.
    length: u32,
    /// Where in its own bytes the text stands that it shares.
    at: u32,
    shared: Option<Arc<str>>,
    rare: Option<Box<Rare>>,
}

/// What few entries have.
#[derive(Debug)]
struct Rare {
    /// Its own bytes, where they are too many to be laid beside others.
    long: Option<Bytes>,
    fault: Vec<&'static str>,
}

/// Messages on their way into the journal: put together before its lock is taken.
#[derive(Debug, Default)]
pub(super) struct Batch {
    noted: Vec<Noted>,
    /// The bytes of those that are short: `from` counts from the first of these.
    short: Vec<u8>,
    /// Of so many not all is kept.
    shortened: u64,
    /// Bytes of a message that are kept.
    most: usize,
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

    fn add(&mut self, batch: &mut Batch) {
        self.seq += batch.noted.len() as u64;
        self.bytes += batch.noted.iter().map(Noted::len).sum::<usize>();
        let before = self.passed + self.short.len();
        self.short.extend(&batch.short);
        batch.short.clear();
        self.entries
            .extend(batch.noted.drain(..).map(|noted| Noted {
                from: before + noted.from,
                ..noted
            }));
    }

    /// Lets the oldest go; answers how many, and what of them takes time to free.
    fn let_go(&mut self) -> (u64, Vec<Rare>) {
        let (mut gone, mut rare, mut passed) = (0, Vec::new(), self.passed);
        while self.is_over()
            && let Some(noted) = self.entries.pop_front()
        {
            self.bytes -= noted.len();
            passed = noted.from + noted.length as usize;
            gone += 1;
            rare.extend(noted.rare.map(|rare| *rare));
        }
        self.short.drain(..passed - self.passed);
        self.passed = passed;
        (gone, rare)
    }

    /// The number of the oldest that is kept.
    fn first(&self) -> u64 {
        self.seq + 1 - self.entries.len() as u64
    }

    /// Those at these places that fit.
    fn pick(
        &self,
        names: &Names,
        places: impl Iterator<Item = usize>,
        limit: usize,
        fits: impl Fn(&About) -> bool,
    ) -> Vec<Entry> {
        places
            .filter(|place| fits(&self.entries[*place].about))
            .take(limit)
            .map(|place| self.whole(place, names))
            .collect()
    }

    fn whole(&self, place: usize, names: &Names) -> Entry {
        let noted = &self.entries[place];
        let long = noted.rare.as_ref().and_then(|rare| rare.long.clone());
        let own = long.unwrap_or_else(|| {
            let from = noted.from - self.passed;
            let own = self.short.range(from..from + noted.length as usize);
            own.copied().collect()
        });
        let fault = noted.rare.as_ref().map(|rare| rare.fault.clone());
        Entry {
            seq: self.first() + place as u64,
            about: noted.about.clone(),
            name: names.text(noted.about.name),
            payload: Payload::together(own, noted.at as usize, noted.shared.clone()),
            fault: fault.unwrap_or_default(),
        }
    }
}

impl Batch {
    /// A message from a client. A part of a read buffer or of a large frame would keep the whole of it alive.
    pub(super) fn heard(&mut self, about: About, bytes: &[u8]) {
        self.add_part(about, bytes, Vec::new());
    }

    /// A message to a client, and the faults that did something to it.
    pub(super) fn said(&mut self, about: About, payload: &Payload, fault: Vec<&'static str>) {
        if about.size > self.most {
            self.add_part(about, &payload.whole(), fault);
        } else {
            let (own, shared) = payload.apart();
            self.add(about, own, || own.clone(), shared, fault);
        }
    }

    /// Its memory, for the next; it is empty.
    fn give_back(self) {
        if self.noted.capacity() * size_of::<Noted>() + self.short.capacity() <= SPARE {
            LENT.set(self);
        }
    }

    /// As much of a message as is kept.
    fn add_part(&mut self, about: About, bytes: &[u8], fault: Vec<&'static str>) {
        let mut end = bytes.len().min(self.most);
        // Not in the midst of a character.
        while end < bytes.len() && end > 0 && (bytes[end] & 0xc0) == 0x80 {
            end -= 1;
        }
        let kept = &bytes[..end];
        self.shortened += u64::from(end < bytes.len());
        self.add(about, kept, || Bytes::copy_from_slice(kept), None, fault);
    }

    fn add(
        &mut self,
        about: About,
        own: &[u8],
        long: impl FnOnce() -> Bytes,
        shared: Option<(usize, &Arc<str>)>,
        fault: Vec<&'static str>,
    ) {
        let from = self.short.len();
        let long = if own.len() <= SHORT {
            self.short.extend_from_slice(own);
            None
        } else {
            Some(long())
        };
        let rare = (long.is_some() || !fault.is_empty()).then(|| Box::new(Rare { long, fault }));
        self.noted.push(Noted {
            about,
            from,
            length: (self.short.len() - from) as u32,
            at: shared.map_or(0, |(at, _)| at as u32),
            shared: shared.map(|(_, text)| text.clone()),
            rare,
        });
    }
}

impl Noted {
    /// Bytes of what was said.
    fn len(&self) -> usize {
        let shared = self.shared.as_ref().map_or(0, |text| text.len());
        let long = self.rare.as_ref().and_then(|rare| rare.long.as_ref());
        self.length as usize + long.map_or(0, Bytes::len) + shared
    }
}

impl Journal {
    /// An empty one.
    pub(super) fn new(limits: &Limits) -> Journal {
        Journal {
            names: Names::default(),
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

    /// Nothing yet.
    pub(super) fn batch(&self) -> Batch {
        let mut batch = LENT.take();
        batch.most = self.message.load(Ordering::Relaxed);
        batch
    }

    /// Notes messages; their numbers are given by the journal.
    pub(super) fn note(&self, mut batch: Batch) -> Cost {
        if batch.noted.is_empty() {
            batch.give_back();
            return Cost::default();
        }
        let mut cost = Cost {
            shortened: std::mem::take(&mut batch.shortened),
            ..Cost::default()
        };
        let mut inner = self.inner();
        inner.add(&mut batch);
        // Freed once others may go on.
        let (gone, _rare) = inner.let_go();
        cost.gone = gone;
        cost.first_gone = cost.gone > 0 && !inner.overflowed;
        inner.overflowed |= cost.first_gone;
        cost.first_shortened = cost.shortened > 0 && !inner.shortened;
        inner.shortened |= cost.first_shortened;
        let seq = inner.seq;
        drop(inner);
        batch.give_back();
        // Without a waiting request there is no wake-up to pay for.
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

    /// The messages after a number that fit, oldest first.
    pub fn select(&self, after: u64, limit: usize, fits: impl Fn(&About) -> bool) -> Vec<Entry> {
        let inner = self.inner();
        let passed = after.saturating_add(1).saturating_sub(inner.first()) as usize;
        inner.pick(&self.names, passed..inner.entries.len(), limit, fits)
    }

    /// The last messages that fit, oldest first.
    pub fn last(&self, limit: usize, fits: impl Fn(&About) -> bool) -> Vec<Entry> {
        let inner = self.inner();
        let mut entries = inner.pick(&self.names, (0..inner.entries.len()).rev(), limit, fits);
        entries.reverse();
        entries
    }

    /// Tells when more was noted.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::payload::{Draft, Sink};

    #[test]
    fn what_was_said_is_given_back_whole_whatever_went_before_it() {
        let journal = Journal::new(&Limits {
            journal_messages: 4,
            ..Limits::default()
        });
        let scenario =
            crate::lang::read_text("x", "scenario: x", &crate::lang::NoFiles, &|_| None).unwrap();
        let name = journal.names.of(&scenario)[0].id;
        let common: Arc<str> = "common".repeat(200).into();
        let mut said: Vec<Bytes> = Vec::new();
        let mut batch = journal.batch();
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
            let about = About {
                time: 0,
                peer: 1,
                inward: n % 2 == 0,
                text: true,
                name,
                size: payload.len(),
            };
            if about.inward {
                batch.heard(about, &payload.whole());
            } else {
                batch.said(about, &payload, Vec::new());
            }
            // Two at a time.
            if n % 2 == 0 {
                continue;
            }
            journal.note(std::mem::replace(&mut batch, journal.batch()));
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
