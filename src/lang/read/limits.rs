//! `limits`: bounds, each unless the command line says.

use std::time::Duration;

use super::Reader;
use super::fields::Fields;
use crate::lang::model::Limits;
use crate::lang::tree::Node;

const KEYS: &[&str] = &[
    "message",
    "frame",
    "mailbox_frames",
    "mailbox_bytes",
    "messages_per_second",
    "connections_per_address",
    "connections",
    "head",
    "header_lines",
    "head_time",
    "body",
    "body_time",
    "write_time",
    "close_time",
    "journal_messages",
    "journal_message",
    "journal_bytes",
    "steps",
    "depth",
    "plans",
    "items",
    "rooms",
    "kept",
];

/// What a number may be that has no bound of its own.
const MOST: u64 = u32::MAX as u64;

/// An event of as many takes ten seconds, for which nobody else has a turn.
const MOST_STEPS: u64 = 100_000;

/// Room for all of a request's header lines is taken at once.
const MOST_LINES: u64 = 10_000;

/// Each level of steps is one of the thread's stack too.
const DEEPEST: u64 = 64;

impl Reader<'_> {
    pub(super) fn limits(&mut self, node: Option<&Node>) -> Limits {
        let Some(node) = node else {
            return Limits::default();
        };
        let of = self.fields(node, "`limits`", KEYS);
        Limits {
            message: self.bytes(&of, "message"),
            frame: self.bytes(&of, "frame"),
            mailbox_frames: self.number(&of, "mailbox_frames", MOST),
            mailbox_bytes: self.bytes(&of, "mailbox_bytes"),
            messages_per_second: self.number(&of, "messages_per_second", MOST),
            connections_per_address: self.number(&of, "connections_per_address", MOST),
            connections: self.number(&of, "connections", MOST),
            head: self.bytes(&of, "head"),
            header_lines: self.number(&of, "header_lines", MOST_LINES),
            head_time: self.time(&of, "head_time"),
            body: self.bytes(&of, "body"),
            body_time: self.time(&of, "body_time"),
            write_time: self.time(&of, "write_time"),
            close_time: self.time(&of, "close_time"),
            journal_messages: self.number(&of, "journal_messages", MOST),
            journal_message: self.bytes(&of, "journal_message"),
            journal_bytes: self.bytes(&of, "journal_bytes"),
            steps: self.number(&of, "steps", MOST_STEPS),
            depth: self.number(&of, "depth", DEEPEST),
            plans: self.number(&of, "plans", MOST),
            items: self.number(&of, "items", MOST),
            rooms: self.number(&of, "rooms", MOST),
            kept: self.bytes(&of, "kept"),
        }
    }

    fn bytes(&mut self, of: &Fields<'_>, name: &str) -> Option<usize> {
        self.size(of.get(name)?, &format!("`{name}`"))
    }

    fn number<T: TryFrom<u64>>(&mut self, of: &Fields<'_>, name: &str, most: u64) -> Option<T> {
        let number = self.whole(of.get(name)?, &format!("`{name}`"), 1, most)?;
        T::try_from(number).ok()
    }

    fn time(&mut self, of: &Fields<'_>, name: &str) -> Option<Duration> {
        self.some_time(of.get(name)?, name)
    }
}
