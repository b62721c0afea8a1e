//! The mock's clock: it runs with the real time or stands until it is moved.

use super::Moment;

/// A clock; what time it really is comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Ahead of the real time by so many milliseconds.
    Running {
        /// The lead.
        ahead: i64,
    },
    /// Stands at this moment.
    Held {
        /// The moment.
        at: Moment,
    },
}

impl Clock {
    /// The mock's time when it really is `wall`.
    pub fn now(self, wall: Moment) -> Moment {
        match self {
            Clock::Running { ahead } => wall.saturating_add(ahead),
            Clock::Held { at } => at,
        }
    }

    /// The same time, running on.
    #[must_use]
    pub fn released(self, wall: Moment) -> Clock {
        Clock::Running {
            ahead: self.now(wall).saturating_sub(wall),
        }
    }

    /// The same time, standing.
    #[must_use]
    pub fn held(self, wall: Moment) -> Clock {
        Clock::Held { at: self.now(wall) }
    }
}
