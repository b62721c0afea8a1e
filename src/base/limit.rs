//! The limits that a running server may reach: the name each is counted under, and what changes it.

macro_rules! limits {
    ($($variant:ident $name:literal $changed_by:literal $doc:literal),* $(,)?) => {
        /// Something that may be reached.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit {
            $(#[doc = $doc] $variant),*
        }

        impl Limit {
            /// All of them.
            pub const ALL: &[Limit] = &[$(Limit::$variant),*];

            /// As it is counted and logged.
            pub fn name(self) -> &'static str {
                match self { $(Limit::$variant => $name),* }
            }

            /// The keys and options that change it; nothing for one that is fixed.
            pub fn changed_by(self) -> &'static str {
                match self { $(Limit::$variant => $changed_by),* }
            }
        }
    };
}

limits! {
    Head "head" "`limits.head`" "Bytes in the head of a request.",
    HeaderLines "header_lines" "`limits.header_lines`" "Header lines in it.",
    HeadTime "head_time" "`limits.head_time`" "For it to arrive, a TLS handshake included.",
    Body "body" "`limits.body`" "Bytes in the body of a request.",
    BodyTime "body_time" "`limits.body_time`" "For it to arrive.",
    Message "message" "`limits.message` or `--max-message`" "Bytes in a message.",
    Frame "frame" "`limits.frame` or `--max-message`" "Bytes in a frame.",
    JsonDepth "json_depth" "" "Lists and objects in one another.",
    Mailbox "mailbox" "`limits.mailbox_frames` or `limits.mailbox_bytes`" "What waits for one peer.",
    Answers "answers" "`limits.mailbox_frames` or `limits.mailbox_bytes`" "Answers that wait for a peer that goes on asking.",
    WriteTime "write_time" "`limits.write_time`" "For a write that makes no progress.",
    Heartbeat "heartbeat" "`listen.heartbeat`" "For the pong.",
    CloseTime "close_time" "`limits.close_time`" "For a close to be answered.",
    Connections "connections" "`limits.connections` or `--max-connections`" "Connections in all.",
    ConnectionsPerAddress "connections_per_address" "`limits.connections_per_address`" "Connections of one address.",
    Descriptors "descriptors" "`ulimit -n`" "Sockets that the system allows.",
    MessagesPerSecond "messages_per_second" "`limits.messages_per_second`" "Messages a second from one peer.",
    Page "page" "`max` of the `list` step" "Items a page.",
    Journal "journal" "`limits.journal_messages` or `limits.journal_bytes`" "Messages that are kept.",
    JournalMessage "journal_message" "`limits.journal_message`" "Bytes of a message that are kept.",
    Work "work" "" "Instructions of an expression.",
    Output "output" "" "Bytes that an expression makes.",
    Steps "steps" "`limits.steps`" "Steps of an event.",
    Depth "depth" "`limits.depth`" "How deep `run`, `for` and `changes` go.",
    Plans "plans" "`limits.plans`" "Plans that wait.",
    Items "items" "`limits.items`" "Items of a collection.",
    Kept "kept" "`limits.kept`" "Bytes that handlers keep.",
    Rooms "rooms" "`limits.rooms`" "Rooms that a connection is in.",
}

impl Limit {
    /// What to do about it, for a line in the log.
    pub fn hint(self) -> String {
        match self.changed_by() {
            "" => "hint: this limit is fixed".to_owned(),
            changed_by => format!("hint: {changed_by} changes this limit"),
        }
    }
}
