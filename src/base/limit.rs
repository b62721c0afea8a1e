//! The limits of a server: one row each gives the typed field, the scenario's key, the default and the name it is
//! counted under.

use std::time::Duration;

/// The values that a scenario may give a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// A size such as `64KiB`.
    Bytes,
    /// A whole number from 1 to this.
    Number(u64),
    /// A duration longer than zero.
    Time,
    /// Set by another section of the scenario.
    Elsewhere,
}

/// A key of `limits:`.
#[derive(Debug)]
pub struct LimitKey {
    pub name: &'static str,
    pub setting: Setting,
    set: fn(&mut Limits, u64),
}

impl LimitKey {
    /// Sets the limit to a number of bytes, of things, or of microseconds.
    pub fn set(&self, limits: &mut Limits, value: u64) {
        (self.set)(limits, value);
    }
}

trait FromSetting {
    fn from_setting(value: u64) -> Self;
}

impl FromSetting for usize {
    fn from_setting(value: u64) -> Self {
        usize::try_from(value).unwrap_or(usize::MAX)
    }
}

impl FromSetting for u32 {
    fn from_setting(value: u64) -> Self {
        u32::try_from(value).unwrap_or(u32::MAX)
    }
}

impl FromSetting for Duration {
    fn from_setting(value: u64) -> Self {
        Duration::from_micros(value)
    }
}

impl<T: FromSetting> FromSetting for Option<T> {
    fn from_setting(value: u64) -> Self {
        Some(T::from_setting(value))
    }
}

macro_rules! limits {
    (
        settable { $($field:ident $(($limit:ident))?: $type:ty = $default:expr, $setting:expr, $option:literal, $doc:literal;)* }
        counted { $($other:ident $name:literal $changed_by:literal;)* }
    ) => {
        /// Every limit of one server that can be changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $doc] pub $field: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($field: $default,)* }
            }
        }

        impl Limits {
            pub const KEYS: &[LimitKey] = &[$(LimitKey {
                name: stringify!($field),
                setting: $setting,
                set: |limits, value| limits.$field = FromSetting::from_setting(value),
            }),*];
        }

        /// A limit that was reached.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit {
            $($($limit,)?)*
            $($other,)*
        }

        impl Limit {
            pub const ALL: &[Limit] = &[$($(Limit::$limit,)?)* $(Limit::$other,)*];

            /// The name in metrics and logs.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Limit::$limit => stringify!($field),)?)*
                    $(Limit::$other => $name,)*
                }
            }

            /// The keys and options that change the limit; empty if it is fixed.
            pub fn changed_by(self) -> &'static str {
                match self {
                    $($(Limit::$limit => concat!("`limits.", stringify!($field), "`", $option),)?)*
                    $(Limit::$other => $changed_by,)*
                }
            }
        }
    };
}

use Setting::{Bytes, Elsewhere, Number, Time};

/// A number that has no bound of its own.
const ANY: Setting = Number(u32::MAX as u64);
/// An event of this many steps takes about ten seconds, during which its world does nothing else.
const MAX_STEPS: u64 = 100_000;
/// hyper allocates room for all header lines of a request at once.
const MAX_HEADER_LINES: u64 = 10_000;
/// Each level of steps takes stack.
const MAX_STEP_DEPTH: u64 = 64;
/// Items that a scenario may generate and a collection may grow to.
pub const MAX_ITEMS: u64 = 10_000_000;

const TEN_SECONDS: Duration = Duration::from_secs(10);

limits! {
    settable {
        head (Head): usize = 16 << 10, Bytes, "", "Bytes in the head of an HTTP request.";
        header_lines (HeaderLines): usize = 100, Number(MAX_HEADER_LINES), "", "Header lines of a request.";
        head_time (HeadTime): Duration = TEN_SECONDS, Time, "", "Time for the head to arrive, TLS handshake included.";
        body (Body): usize = 1 << 20, Bytes, "", "Bytes in the body of an HTTP request.";
        body_time (BodyTime): Duration = TEN_SECONDS, Time, "", "Time for the body to arrive.";
        message (Message): usize = 1 << 20, Bytes, " or `--max-message`", "Bytes in one message, all fragments together.";
        frame (Frame): usize = 1 << 20, Bytes, " or `--max-message`", "Bytes in one frame.";
        mailbox_frames: usize = 1024, ANY, "", "Frames that wait for one peer.";
        mailbox_bytes: usize = 8 << 20, Bytes, "", "Bytes that wait for one peer.";
        write_time (WriteTime): Duration = TEN_SECONDS, Time, "", "Time for a write without progress.";
        close_time (CloseTime): Duration = TEN_SECONDS, Time, "", "Time for the answer to a Close frame.";
        ping_every: Duration = Duration::from_secs(30), Elsewhere, "", "Time between the server's pings.";
        pong_time: Duration = TEN_SECONDS, Elsewhere, "", "Time for the pong.";
        connections (Connections): usize = 20_000, ANY, " or `--max-connections`", "Open connections.";
        connections_per_address (ConnectionsPerAddress): Option<usize> = None, ANY, "", "Open connections of one client address.";
        messages_per_second (MessagesPerSecond): Option<u32> = None, ANY, "", "Messages a second from one peer.";
        journal_messages: usize = 10_000, ANY, "", "Messages in the journal.";
        journal_message (JournalMessage): usize = 64 << 10, Bytes, "", "Bytes of one message in the journal.";
        journal_bytes: usize = 64 << 20, Bytes, "", "Bytes of all messages in the journal.";
        steps (Steps): u32 = 10_000, Number(MAX_STEPS), "", "Steps of one event.";
        depth (Depth): u32 = 16, Number(MAX_STEP_DEPTH), "", "Nesting of `run`, `for` and `changes`.";
        plans (Plans): usize = 100_000, ANY, "", "Plans that wait at the same time.";
        items (Items): usize = MAX_ITEMS as usize, ANY, "", "Items of one collection.";
        kept (Kept): usize = 256 << 20, Bytes, "", "Bytes that handlers store in data, sessions and plans.";
        rooms (Rooms): usize = 1_000, ANY, "", "Rooms of one connection.";
    }
    counted {
        JsonDepth "json_depth" "";
        Mailbox "mailbox" "`limits.mailbox_frames` or `limits.mailbox_bytes`";
        Answers "answers" "`limits.mailbox_frames` or `limits.mailbox_bytes`";
        Heartbeat "heartbeat" "`listen.heartbeat`";
        Descriptors "descriptors" "`ulimit -n`";
        Page "page" "`max` of the `list` step";
        Journal "journal" "`limits.journal_messages` or `limits.journal_bytes`";
        Work "work" "";
        Output "output" "";
    }
}

impl Limit {
    /// The hint at the end of a log line.
    pub fn hint(self) -> String {
        match self.changed_by() {
            "" => "hint: this limit is fixed".to_owned(),
            changed_by => format!("hint: {changed_by} changes this limit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_set_their_own_field() {
        let mut limits = Limits::default();
        for key in Limits::KEYS {
            key.set(&mut limits, 7_000);
        }
        assert_eq!(limits.head, 7_000);
        assert_eq!(limits.head_time, Duration::from_millis(7));
        assert_eq!(limits.messages_per_second, Some(7_000));
        assert_eq!(limits.rooms, 7_000);
    }

    #[test]
    fn counted_names_say_what_changes_them() {
        assert_eq!(Limit::Message.name(), "message");
        assert_eq!(
            Limit::Message.hint(),
            "hint: `limits.message` or `--max-message` changes this limit"
        );
        assert_eq!(Limit::Work.hint(), "hint: this limit is fixed");
    }
}
