//! The bytes of a message: its own, and between them a text that it shares with other messages.
//!
//! A list that many clients ask for is in memory once, for the world, the mailboxes and the journal.

use std::sync::Arc;

use bytes::Bytes;

/// Bytes from which on a text is shared; copying a shorter one costs less.
const WORTH: usize = 512;

#[derive(Debug, Clone, Default)]
pub struct Payload {
    own: Bytes,
    /// A text that other messages share, and its place in `own`.
    shared: Option<(usize, Arc<str>)>,
}

impl Payload {
    pub fn len(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces in order.
    pub fn pieces(&self) -> [&[u8]; 3] {
        match &self.shared {
            Some((at, shared)) => {
                let (before, after) = self.own.split_at(*at);
                [before, shared.as_bytes(), after]
            }
            None => [&self.own, &[], &[]],
        }
    }

    /// Its own bytes, the place of the shared text in them, and that text.
    pub fn apart(&self) -> (&Bytes, Option<(usize, &Arc<str>)>) {
        let shared = self.shared.as_ref().map(|(at, shared)| (*at, shared));
        (&self.own, shared)
    }

    /// The inverse of [`Payload::apart`].
    pub fn together(own: Bytes, at: usize, shared: Option<Arc<str>>) -> Self {
        let shared = shared.map(|shared| (at, shared));
        Payload { own, shared }
    }

    #[must_use]
    pub fn wrapped(&self, before: &str, after: &str) -> Self {
        Payload {
            own: [before.as_bytes(), &self.own, after.as_bytes()]
                .concat()
                .into(),
            shared: self
                .shared
                .clone()
                .map(|(at, shared)| (before.len() + at, shared)),
        }
    }

    /// Without its first bytes, which must be its own.
    #[must_use]
    pub fn without(&self, first: usize) -> Self {
        Payload {
            own: self.own.slice(first..),
            shared: self.shared.clone().map(|(at, shared)| (at - first, shared)),
        }
    }

    pub fn whole(&self) -> Bytes {
        match &self.shared {
            Some(_) => self.pieces().concat().into(),
            None => self.own.clone(),
        }
    }
}

/// Equal bytes, shared or not.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.whole() == other.whole()
    }
}

impl<B: Into<Bytes>> From<B> for Payload {
    fn from(own: B) -> Self {
        Payload {
            own: own.into(),
            shared: None,
        }
    }
}

/// A destination of JSON text.
pub trait Sink {
    fn text(&mut self) -> &mut String;

    /// Writes a text that other messages share.
    fn share(&mut self, text: &Arc<str>) {
        self.text().push_str(text);
    }

    fn written(&self) -> usize;
}

impl Sink for String {
    fn text(&mut self) -> &mut String {
        self
    }

    fn written(&self) -> usize {
        self.len()
    }
}

/// A payload while it is written, with a reusable buffer.
#[derive(Debug, Default)]
pub struct Draft {
    text: String,
    shared: Option<(usize, Arc<str>)>,
}

/// Bytes of the largest buffer that is kept.
const SPARE: usize = 256 << 10;

impl Draft {
    /// Takes the payload out, in memory of its exact size, and keeps the buffer.
    pub fn finish(&mut self) -> Payload {
        let payload = Payload {
            own: Bytes::copy_from_slice(self.text.as_bytes()),
            shared: self.shared.take(),
        };
        if self.text.capacity() <= SPARE {
            self.text.clear();
        } else {
            self.text = String::new();
        }
        payload
    }
}

impl Sink for Draft {
    fn text(&mut self) -> &mut String {
        &mut self.text
    }

    fn share(&mut self, text: &Arc<str>) {
        if self.shared.is_none() && text.len() >= WORTH {
            self.shared = Some((self.text.len(), text.clone()));
        } else {
            self.text.push_str(text);
        }
    }

    fn written(&self) -> usize {
        let shared = self.shared.as_ref().map_or(0, |(_, text)| text.len());
        self.text.len() + shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_stands_where_it_was_written() {
        let long: Arc<str> = "x".repeat(WORTH).into();
        let other: Arc<str> = "y".repeat(WORTH).into();
        let short: Arc<str> = "z".into();
        let mut draft = Draft::default();
        for (texts, pieces) in [
            (vec![], ["", "", ""]),
            (vec![&short], ["az", "", ""]),
            (vec![&long], ["a", &long, ""]),
            (vec![&short, &long, &short], ["az", &long, "z"]),
            // One is enough: an answer has one list.
            (vec![&long, &other], ["a", &long, &other]),
        ] {
            if !texts.is_empty() {
                draft.text().push('a');
            }
            for text in texts {
                draft.share(text);
            }
            let written = draft.written();
            let payload = draft.finish();
            assert_eq!(payload.pieces(), pieces.map(str::as_bytes));
            assert_eq!(payload.whole(), pieces.concat());
            let length = pieces.concat().len();
            assert_eq!((payload.len(), written), (length, length));
            assert_eq!(draft.written(), 0);
        }
    }
}
