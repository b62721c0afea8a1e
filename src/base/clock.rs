//! The mock's clock: it runs with the real time or stands until it is moved.

use super::Moment;

/// A clock. The real time is an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Ahead of the real time by this many milliseconds.
    Running { ahead: i64 },
    /// Stands at `at`, on its way to `until`: what is due before then has to run first.
    Held { at: Moment, until: Moment },
}

impl Clock {
    pub fn held_at(at: Moment) -> Clock {
        Clock::Held { at, until: at }
    }

    /// The mock's time when the real time is `wall`.
    pub fn now(self, wall: Moment) -> Moment {
        match self {
            Clock::Running { ahead } => wall.saturating_add(ahead),
            Clock::Held { at, .. } => at,
        }
    }

    #[must_use]
    pub fn released(self, wall: Moment) -> Clock {
        Clock::Running {
            ahead: self.now(wall).saturating_sub(wall),
        }
    }

    #[must_use]
    pub fn held(self, wall: Moment) -> Clock {
        Clock::held_at(self.now(wall))
    }
}
