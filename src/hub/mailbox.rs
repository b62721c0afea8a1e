//! What waits for one peer: bounded, filled under the hub's lock, drained by the peer's own task.
//!
//! While that task sleeps it may lend what it writes with: then whoever has put something in need not wake it.

use std::any::Any;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::base::payload::Payload;
use crate::wire::ws::Opcode;

/// Something for a peer.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// A message.
    Message {
        /// Text or binary.
        kind: Opcode,
        /// What is sent.
        payload: Payload,
        /// Bytes a frame.
        fragment: Option<usize>,
        /// Bytes a second.
        rate: Option<u64>,
    },
    /// A close handshake, after what came before it.
    Close {
        /// The close code.
        code: u16,
        /// For people.
        reason: String,
    },
    /// The connection torn down, without a Close frame.
    Abort,
    /// Neither read nor written any more, the socket left open.
    Stall,
}

/// What writes to a peer.
pub trait Outlet: Any + Send {
    /// Writes what waits in the peer's mailbox, as far as that needs no waiting. Answers whether nothing is left to do
    /// for the peer's task, whose waker this is.
    fn deliver(&mut self, waker: &Waker) -> bool;
}

/// The queue.
pub struct Mailbox {
    inner: Mutex<Inner>,
    max_frames: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<(Option<Instant>, Outgoing)>,
    bytes: usize,
    /// Messages that were taken in, ever.
    messages: u64,
    /// No more is taken in: a close is queued or was taken.
    closed: bool,
    /// There is something that its reader has not looked at since.
    news: bool,
    /// Woken by news.
    reader: Option<Waker>,
    lent: Lent,
}

/// Where what the peer's task writes with is.
#[derive(Default)]
enum Lent {
    /// The task has it.
    #[default]
    Not,
    Here(Box<dyn Outlet>),
    /// Somebody writes with it.
    InUse,
}

/// Why a peer is cut off.
const OVERFULL: u16 = 1013;

impl Mailbox {
    /// An empty one.
    pub fn new(max_frames: usize, max_bytes: usize) -> Mailbox {
        Mailbox {
            inner: Mutex::default(),
            max_frames,
            max_bytes,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in; answers whether it was taken. A peer whose mailbox is full is cut off.
    pub(super) fn put(&self, delay: Duration, what: Outgoing, wake: bool) -> Put {
        let mut inner = self.inner();
        if inner.closed {
            return Put::Closed;
        }
        let size = size(&what);
        let full = inner.queue.len() >= self.max_frames
            || (!inner.queue.is_empty() && inner.bytes + size > self.max_bytes);
        let mut put = if full {
            inner.queue.clear();
            inner.bytes = 0;
            inner.closed = true;
            let reason = "the client does not read".to_owned();
            inner.queue.push_back((
                None,
                Outgoing::Close {
                    code: OVERFULL,
                    reason,
                },
            ));
            Put::Overfull
        } else {
            inner.closed = !matches!(what, Outgoing::Message { .. });
            inner.messages += u64::from(!inner.closed);
            inner.bytes += size;
            let ready = (!delay.is_zero()).then(|| Instant::now() + delay);
            inner.queue.push_back((ready, what));
            Put::Taken
        };
        if !(wake || put == Put::Overfull) || std::mem::replace(&mut inner.news, true) {
            return put;
        }
        let reader = match inner.lent {
            Lent::Here(_) if put == Put::Taken => {
                put = Put::ToDeliver;
                None
            }
            // Who writes looks for news at the end.
            Lent::InUse => None,
            Lent::Here(_) | Lent::Not => inner.reader.take(),
        };
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
        put
    }

    /// Writes what waits with what the peer's task has lent, and wakes it if that leaves something to do.
    pub(super) fn deliver(&self) {
        let (mut outlet, reader) = {
            let mut inner = self.inner();
            match (std::mem::take(&mut inner.lent), inner.reader.take()) {
                (Lent::Here(outlet), Some(reader)) => {
                    inner.lent = Lent::InUse;
                    (outlet, reader)
                }
                (lent, reader) => {
                    (inner.lent, inner.reader) = (lent, reader);
                    return;
                }
            }
        };
        let done = outlet.deliver(&reader);
        let mut inner = self.inner();
        inner.lent = Lent::Here(outlet);
        inner.news |= !done;
        if inner.news {
            drop(inner);
            reader.wake();
        } else {
            inner.reader = Some(reader);
        }
    }

    /// Moves what may go out now to `out`, about `budget` bytes. Answers when to look again for a delayed head.
    pub fn take(&self, now: Instant, budget: usize, out: &mut Vec<Outgoing>) -> Option<Instant> {
        let mut inner = self.inner();
        inner.news = false;
        let mut taken = 0;
        loop {
            match inner.queue.front() {
                None => return None,
                Some((Some(ready), _)) if *ready > now => return Some(*ready),
                Some(_) if taken >= budget.max(1) => {
                    // More is ready: come again at once.
                    inner.news = true;
                    return None;
                }
                Some(_) => {}
            }
            if let Some((_, what)) = inner.queue.pop_front() {
                let size = size(&what);
                inner.bytes -= size;
                taken += size.max(1);
                out.push(what);
            }
        }
    }

    /// Waits until something was put in since the last `take`. One at a time may wait.
    pub async fn changed(&self) {
        poll_fn(|cx| self.poll_changed(cx)).await;
    }

    /// As [`Mailbox::changed`].
    pub fn poll_changed(&self, cx: &Context<'_>) -> Poll<()> {
        self.inner().poll_changed(cx)
    }

    /// Lends it what the task writes with, until the task is woken. It comes back at once if there is news.
    pub fn lend<O: Outlet>(&self, cx: &Context<'_>, outlet: Box<O>) -> Result<(), Box<O>> {
        let mut inner = self.inner();
        if inner.poll_changed(cx).is_ready() {
            return Err(outlet);
        }
        inner.lent = Lent::Here(outlet);
        Ok(())
    }

    /// Takes back what was lent, and whether there is news. `None` while somebody writes with it; that is news then.
    pub fn take_back<O: Outlet>(&self) -> Option<(Box<O>, bool)> {
        let mut inner = self.inner();
        match std::mem::take(&mut inner.lent) {
            Lent::Here(outlet) => {
                let outlet: Box<dyn Any> = outlet;
                let outlet = outlet.downcast();
                let outlet = outlet.unwrap_or_else(|_| unreachable!("nobody else lends"));
                Some((outlet, inner.news))
            }
            elsewhere => {
                inner.lent = elsewhere;
                inner.news = true;
                None
            }
        }
    }

    /// Frames and bytes that wait.
    pub fn len(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.queue.len(), inner.bytes)
    }

    /// Messages that were taken in, ever.
    pub(super) fn taken(&self) -> u64 {
        self.inner().messages
    }

    /// Nothing waits?
    pub fn is_empty(&self) -> bool {
        self.len().0 == 0
    }

    /// Whether so much waits that more should wait for the peer to read.
    pub fn is_half_full(&self) -> bool {
        let (frames, bytes) = self.len();
        frames * 2 >= self.max_frames || bytes * 2 >= self.max_bytes
    }
}

impl Inner {
    fn poll_changed(&mut self, cx: &Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.news) {
            return Poll::Ready(());
        }
        match &mut self.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// What came of putting something in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Taken,
    /// Taken; the peer's task sleeps, and the mailbox is to [`Mailbox::deliver`] it.
    ToDeliver,
    Overfull,
    Closed,
}

fn size(what: &Outgoing) -> usize {
    match what {
        Outgoing::Message { payload, .. } => payload.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    fn message(text: &'static str) -> Outgoing {
        Outgoing::Message {
            kind: Opcode::Text,
            payload: text.into(),
            fragment: None,
            rate: None,
        }
    }

    #[test]
    fn a_full_mailbox_is_emptied_and_holds_only_the_close() {
        let mailbox = Mailbox::new(2, 1000);
        assert_eq!(mailbox.put(Duration::ZERO, message("a"), true), Put::Taken);
        assert_eq!(mailbox.put(Duration::ZERO, message("b"), true), Put::Taken);
        assert_eq!(
            mailbox.put(Duration::ZERO, message("c"), true),
            Put::Overfull
        );
        assert_eq!(mailbox.put(Duration::ZERO, message("d"), true), Put::Closed);
        assert_eq!(mailbox.len(), (1, 0));
        let mut out = Vec::new();
        mailbox.take(Instant::now(), 100, &mut out);
        assert!(matches!(&out[..], [Outgoing::Close { code: 1013, .. }]));
    }

    #[test]
    fn one_message_may_be_larger_than_the_bound() {
        let mailbox = Mailbox::new(2, 1);
        assert_eq!(
            mailbox.put(Duration::ZERO, message("large"), true),
            Put::Taken
        );
        assert_eq!(
            mailbox.put(Duration::ZERO, message("x"), true),
            Put::Overfull
        );
    }

    #[test]
    fn what_waits_holds_up_what_comes_after_it() {
        let mailbox = Mailbox::new(10, 1000);
        mailbox.put(Duration::from_mins(1), message("late"), true);
        mailbox.put(Duration::ZERO, message("after"), true);
        let mut out = Vec::new();
        let again = mailbox.take(Instant::now(), 100, &mut out);
        assert!(out.is_empty());
        assert!(mailbox.take(again.unwrap(), 100, &mut out).is_none());
        assert_eq!(out.len(), 2);
    }

    /// What a peer's task writes with.
    struct Pen {
        mailbox: Arc<Mailbox>,
        written: usize,
        /// Whether it writes all there is.
        dry: bool,
        /// Done while it writes.
        meanwhile: Meanwhile,
    }

    type Meanwhile = Option<fn(&Mailbox)>;

    impl Outlet for Pen {
        fn deliver(&mut self, _: &Waker) -> bool {
            let mut out = Vec::new();
            self.mailbox.take(Instant::now(), usize::MAX, &mut out);
            self.written += out.len();
            if let Some(meanwhile) = self.meanwhile {
                meanwhile(&self.mailbox);
            }
            !self.dry
        }
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn lend(cx: &Context<'_>, mailbox: &Arc<Mailbox>, dry: bool, meanwhile: Meanwhile) -> bool {
        let pen = Box::new(Pen {
            mailbox: mailbox.clone(),
            written: 0,
            dry,
            meanwhile,
        });
        mailbox.lend(cx, pen).is_ok()
    }

    #[test]
    fn what_is_lent_writes_in_the_place_of_the_task_which_is_woken_for_what_is_left() {
        let nothing: Meanwhile = None;
        let more: Meanwhile = Some(|mailbox| {
            let put = mailbox.put(Duration::ZERO, message("more"), true);
            assert_eq!(put, Put::Taken, "who writes looks for it");
        });
        let wanted: Meanwhile = Some(|mailbox| assert!(mailbox.take_back::<Pen>().is_none()));
        for (case, dry, meanwhile, woken) in [
            ("all is written", false, nothing, 0),
            ("something is left", true, nothing, 1),
            ("more comes", false, more, 1),
            ("the task wants it back", false, wanted, 1),
        ] {
            let (mailbox, bell) = (Arc::new(Mailbox::new(2, 1000)), Arc::new(Bell::default()));
            let waker = Waker::from(bell.clone());
            let rings = || bell.0.load(Ordering::Relaxed);
            let cx = Context::from_waker(&waker);
            assert!(lend(&cx, &mailbox, dry, meanwhile), "{case}");
            let put = |text| mailbox.put(Duration::ZERO, message(text), true);
            assert_eq!(put("first"), Put::ToDeliver, "{case}");
            assert_eq!(
                put("second"),
                Put::Taken,
                "{case}: it is to be delivered already"
            );
            assert_eq!(rings(), 0, "{case}");
            mailbox.deliver();
            assert_eq!(rings(), woken, "{case}");
            let (pen, news) = mailbox.take_back::<Pen>().expect(case);
            assert_eq!((pen.written, news), (2, woken == 1), "{case}");
            // Nobody is there to deliver: no harm is done.
            mailbox.deliver();
        }
    }

    #[test]
    fn nothing_is_lent_when_there_is_news() {
        let mailbox = Arc::new(Mailbox::new(2, 1000));
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(mailbox.put(Duration::ZERO, message("a"), true), Put::Taken);
        assert!(!lend(&cx, &mailbox, false, None));
        assert!(lend(&cx, &mailbox, false, None), "it was told of");
        assert_eq!(
            mailbox.put(Duration::ZERO, message("b"), true),
            Put::ToDeliver
        );
    }
}
