//! The queue of one peer: bounded, filled under the hub's lock, drained by the peer's task.
//!
//! While that task sleeps, the thread that fills the queue writes to the socket in its place: waking a task costs more
//! than a write.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::base::payload::Payload;
use crate::wire::ws::Opcode;

#[derive(Debug, Clone)]
pub enum Outgoing {
    Message {
        kind: Opcode,
        payload: Payload,
        /// Bytes a frame.
        fragment: Option<usize>,
        /// Bytes a second.
        rate: Option<u64>,
    },
    /// A close handshake, after everything that was queued before it.
    Close { code: u16, reason: String },
    /// Tears the connection down without a Close frame.
    Abort,
    /// Stops reading and writing, and leaves the socket open.
    Stall,
}

/// Writes to a peer in the place of its sleeping task.
pub trait Outlet: Send + Sync {
    /// Writes what is queued, as far as that needs no waiting. `waker` is the task's. Returns whether nothing is left
    /// to do for the task.
    fn deliver(&self, waker: &Waker) -> bool;
}

pub struct Mailbox {
    state: Mutex<MailboxState>,
    max_frames: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct MailboxState {
    queue: VecDeque<Slot>,
    /// Places that were ever reserved.
    reserved: u64,
    /// Reserved places in the queue.
    open_places: usize,
    bytes: usize,
    /// Messages that were ever queued.
    messages: u64,
    /// A close is queued or was taken: nothing is accepted after it.
    closed: bool,
    /// Something was queued that the task has not seen.
    news: bool,
    /// Woken by news.
    reader: Option<Waker>,
    task: Task,
    /// Set by the first sleep. A delivery holds it while it writes.
    outlet: Option<Arc<dyn Outlet>>,
}

enum Slot {
    /// May be sent from this moment on.
    Ready(Option<Instant>, Outgoing),
    /// Kept for messages that are still being made: everything behind it waits.
    Reserved(u64),
}

/// The task that drains a mailbox.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Task {
    #[default]
    Awake,
    Asleep,
    /// Asleep, and another thread writes in its place.
    Replaced,
}

/// The close code for a peer whose mailbox overflows.
const TRY_AGAIN_LATER: u16 = 1013;

impl Mailbox {
    pub fn new(max_frames: usize, max_bytes: usize) -> Mailbox {
        Mailbox {
            state: Mutex::default(),
            max_frames,
            max_bytes,
        }
    }

    fn state(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues something to be sent after `delay`. If the mailbox is full, its content is replaced by a close. With
    /// `wake` the task is woken unless it sleeps and can be replaced.
    pub(super) fn put(&self, delay: Duration, what: Outgoing, wake: bool) -> Put {
        let mut state = self.state();
        if state.closed {
            return Put::Closed;
        }
        let size = size(&what);
        // One message may be larger than the bound, or it could never be sent.
        let full = state.queue.len() >= self.max_frames
            || (!state.queue.is_empty() && state.bytes + size > self.max_bytes);
        if full {
            // The peer has stopped reading; what it would miss is of no use to it.
            state.overflow();
        } else {
            state.closed = !matches!(what, Outgoing::Message { .. });
            state.messages += u64::from(!state.closed);
            state.bytes += size;
            let ready = (!delay.is_zero()).then(|| Instant::now() + delay);
            state.queue.push_back(Slot::Ready(ready, what));
        }
        if wake || full {
            Self::announce(state, full)
        } else {
            Put::Taken
        }
    }

    /// Keeps a place in the queue. Until it is filled, the peer counts as one that should not be read.
    pub(super) fn reserve(&self) -> u64 {
        let mut state = self.state();
        state.reserved += 1;
        state.open_places += 1;
        let place = state.reserved;
        state.queue.push_back(Slot::Reserved(place));
        place
    }

    /// Puts messages into a reserved place.
    pub(super) fn fill(&self, place: u64, messages: Vec<(Duration, Outgoing)>) -> Put {
        let mut state = self.state();
        let is_place = |slot: &Slot| matches!(slot, Slot::Reserved(known) if *known == place);
        // An overflow has emptied the queue.
        let Some(at) = state.queue.iter().position(is_place) else {
            return Put::Closed;
        };
        state.open_places -= 1;
        let mut behind = state.queue.split_off(at);
        behind.pop_front();
        for (delay, what) in messages {
            state.bytes += size(&what);
            state.messages += u64::from(matches!(what, Outgoing::Message { .. }));
            let is_last = !matches!(what, Outgoing::Message { .. });
            let ready = (!delay.is_zero()).then(|| Instant::now() + delay);
            state.queue.push_back(Slot::Ready(ready, what));
            if is_last {
                state.closed = true;
                state.drop_slots(std::mem::take(&mut behind));
                break;
            }
        }
        state.queue.append(&mut behind);
        let full = state.queue.len() > self.max_frames
            || (state.queue.len() > 1 && state.bytes > self.max_bytes);
        if full {
            state.overflow();
        }
        Self::announce(state, full)
    }

    /// Wakes the task for news, unless another thread can write in its place.
    fn announce(mut state: MutexGuard<'_, MailboxState>, full: bool) -> Put {
        let put = if full { Put::Overfull } else { Put::Taken };
        // One wake is enough until the task has looked.
        if std::mem::replace(&mut state.news, true) {
            return put;
        }
        let reader = match state.task {
            Task::Asleep if !full => return Put::ToDeliver,
            // The thread that writes looks for news when it has written.
            Task::Replaced => None,
            Task::Asleep | Task::Awake => state.reader.take(),
        };
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        put
    }

    /// Writes what is queued in the place of the sleeping task, and wakes the task if that leaves something to do.
    pub(super) fn deliver(&self) {
        let mut state = self.state();
        if state.task != Task::Asleep {
            return;
        }
        // Without a waker the task was woken already.
        let Some(reader) = state.reader.take() else {
            return;
        };
        let Some(outlet) = state.outlet.take() else {
            return;
        };
        state.task = Task::Replaced;
        // Others must not wait for this peer's socket.
        drop(state);
        let done = outlet.deliver(&reader);
        let mut state = self.state();
        state.outlet = Some(outlet);
        state.task = Task::Asleep;
        // Something was queued meanwhile, or could not be written: that is for the task.
        state.news |= !done;
        if state.news {
            drop(state);
            reader.wake();
        } else {
            state.reader = Some(reader);
        }
    }

    /// Moves what may go out now to `out`, about `budget` bytes. Returns the time at which a delayed head is ready.
    pub fn take(&self, now: Instant, budget: usize, out: &mut Vec<Outgoing>) -> Option<Instant> {
        let mut state = self.state();
        state.news = false;
        let mut taken = 0;
        loop {
            match state.queue.front() {
                None | Some(Slot::Reserved(_)) => return None,
                Some(Slot::Ready(Some(ready), _)) if *ready > now => return Some(*ready),
                Some(_) if taken >= budget.max(1) => {
                    // More is ready, so the next wait must end at once.
                    state.news = true;
                    return None;
                }
                Some(_) => {}
            }
            if let Some(Slot::Ready(_, what)) = state.queue.pop_front() {
                let size = size(&what);
                state.bytes -= size;
                taken += size.max(1);
                out.push(what);
            }
        }
    }

    /// Waits for something to be queued since the last `take`. Only one task may wait.
    pub async fn changed(&self) {
        poll_fn(|cx| self.poll_changed(cx)).await;
    }

    /// As [`Mailbox::changed`].
    pub fn poll_changed(&self, cx: &Context<'_>) -> Poll<()> {
        self.state().poll_changed(cx)
    }

    /// As [`Mailbox::poll_changed`]; while it is pending, `outlet` may write in the task's place. The same mailbox
    /// always gets the same outlet.
    pub fn poll_sleep<O: Outlet + 'static>(&self, cx: &Context<'_>, outlet: &Arc<O>) -> Poll<()> {
        let mut state = self.state();
        let polled = state.poll_changed(cx);
        if polled.is_pending() {
            state.task = Task::Asleep;
            if state.outlet.is_none() {
                state.outlet = Some(outlet.clone());
            }
        }
        polled
    }

    /// Ends the sleep of the task, and returns whether there is news. `None` while another thread writes in its place:
    /// that thread wakes the task again.
    pub fn wake_up(&self) -> Option<bool> {
        let mut state = self.state();
        if state.task == Task::Replaced {
            state.news = true;
            return None;
        }
        state.task = Task::Awake;
        Some(state.news)
    }

    /// Frames and bytes that are queued.
    pub fn len(&self) -> (usize, usize) {
        let state = self.state();
        (state.queue.len(), state.bytes)
    }

    /// Messages that were ever queued.
    pub(super) fn taken(&self) -> u64 {
        self.state().messages
    }

    pub fn is_empty(&self) -> bool {
        self.len().0 == 0
    }

    /// Whether the peer should get its answers before more of its messages are read.
    pub fn is_half_full(&self) -> bool {
        let state = self.state();
        state.open_places > 0
            || state.queue.len() * 2 >= self.max_frames
            || state.bytes * 2 >= self.max_bytes
    }

    /// Whether an answer is still being made.
    pub(super) fn is_reserved(&self) -> bool {
        self.state().open_places > 0
    }
}

impl MailboxState {
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

    fn overflow(&mut self) {
        self.queue.clear();
        self.bytes = 0;
        self.open_places = 0;
        self.closed = true;
        let reason = "the client does not read".to_owned();
        let code = TRY_AGAIN_LATER;
        self.queue
            .push_back(Slot::Ready(None, Outgoing::Close { code, reason }));
    }

    fn drop_slots(&mut self, slots: VecDeque<Slot>) {
        for slot in slots {
            match slot {
                Slot::Ready(_, what) => self.bytes -= size(&what),
                Slot::Reserved(_) => self.open_places -= 1,
            }
        }
    }
}

/// The result of [`Mailbox::put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Taken,
    /// Taken, and the task sleeps: the caller must call [`Mailbox::deliver`].
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
    fn full_mailbox_holds_only_a_close() {
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
    fn first_message_may_exceed_the_bound() {
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
    fn delayed_message_holds_up_later_ones() {
        let mailbox = Mailbox::new(10, 1000);
        mailbox.put(Duration::from_mins(1), message("late"), true);
        mailbox.put(Duration::ZERO, message("after"), true);
        let mut out = Vec::new();
        let again = mailbox.take(Instant::now(), 100, &mut out);
        assert!(out.is_empty());
        assert!(mailbox.take(again.unwrap(), 100, &mut out).is_none());
        assert_eq!(out.len(), 2);
    }

    /// Counts what it writes.
    struct Pen {
        mailbox: Arc<Mailbox>,
        written: AtomicUsize,
        /// Whether it leaves something to do.
        dry: bool,
        /// Done while it writes.
        meanwhile: Meanwhile,
    }

    type Meanwhile = Option<fn(&Mailbox)>;

    impl Outlet for Pen {
        fn deliver(&self, _: &Waker) -> bool {
            let mut out = Vec::new();
            self.mailbox.take(Instant::now(), usize::MAX, &mut out);
            self.written.fetch_add(out.len(), Ordering::Relaxed);
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

    fn pen(dry: bool, meanwhile: Meanwhile) -> Arc<Pen> {
        Arc::new(Pen {
            mailbox: Arc::new(Mailbox::new(2, 1000)),
            written: AtomicUsize::new(0),
            dry,
            meanwhile,
        })
    }

    #[test]
    fn outlet_replaces_sleeping_task() {
        let nothing: Meanwhile = None;
        let more: Meanwhile = Some(|mailbox| {
            let put = mailbox.put(Duration::ZERO, message("more"), true);
            assert_eq!(put, Put::Taken, "the writing thread looks for it");
        });
        let wanted: Meanwhile = Some(|mailbox| assert_eq!(mailbox.wake_up(), None));
        for (case, dry, meanwhile, woken) in [
            ("all is written", false, nothing, 0),
            ("something is left", true, nothing, 1),
            ("more comes", false, more, 1),
            ("the task is polled", false, wanted, 1),
        ] {
            let (pen, bell) = (pen(dry, meanwhile), Arc::new(Bell::default()));
            let mailbox = &pen.mailbox;
            let waker = Waker::from(bell.clone());
            let rings = || bell.0.load(Ordering::Relaxed);
            let cx = Context::from_waker(&waker);
            assert!(mailbox.poll_sleep(&cx, &pen).is_pending(), "{case}");
            let put = |text| mailbox.put(Duration::ZERO, message(text), true);
            assert_eq!(put("first"), Put::ToDeliver, "{case}");
            assert_eq!(put("second"), Put::Taken, "{case}: one delivery is due");
            assert_eq!(rings(), 0, "{case}");
            mailbox.deliver();
            assert_eq!(rings(), woken, "{case}");
            assert_eq!(mailbox.wake_up(), Some(woken == 1), "{case}");
            let written = || pen.written.load(Ordering::Relaxed);
            assert_eq!(written(), 2, "{case}");
            // The task is awake and writes itself.
            mailbox.deliver();
            assert_eq!(written(), 2, "{case}");
        }
    }

    #[test]
    fn task_with_news_does_not_sleep() {
        let pen = pen(false, None);
        let mailbox = &pen.mailbox;
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(mailbox.put(Duration::ZERO, message("a"), true), Put::Taken);
        assert!(mailbox.poll_sleep(&cx, &pen).is_ready());
        assert!(mailbox.poll_sleep(&cx, &pen).is_pending(), "it was seen");
        assert_eq!(
            mailbox.put(Duration::ZERO, message("b"), true),
            Put::ToDeliver
        );
    }
}
