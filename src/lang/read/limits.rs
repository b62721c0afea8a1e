//! `limits:`, by the rows of [`Limits::KEYS`].

use std::time::Duration;

use super::ScenarioReader;
use crate::base::{LimitKey, Limits, Setting};
use crate::lang::file::tree::Node;

impl ScenarioReader<'_> {
    pub(super) fn limits(&mut self, node: Option<&Node>, heartbeat: Option<&Node>) -> Limits {
        let mut limits = Limits::default();
        self.heartbeat(heartbeat, &mut limits);
        let Some(node) = node else { return limits };
        let keys = || {
            Limits::KEYS
                .iter()
                .filter(|key| key.setting != Setting::Elsewhere)
        };
        let names: Vec<&str> = keys().map(|key| key.name).collect();
        let fields = self.fields(node, "`limits`", &names);
        for key in keys() {
            if let Some(value) = fields.get(key.name).and_then(|node| self.limit(key, node)) {
                key.set(&mut limits, value);
            }
        }
        if fields.get("frame").is_none() {
            // A message that is allowed may come in one frame.
            limits.frame = limits.frame.max(limits.message);
        }
        limits
    }

    fn limit(&mut self, key: &LimitKey, node: &Node) -> Option<u64> {
        let what = format!("`{}`", key.name);
        match key.setting {
            Setting::Bytes => self.size(node, &what).map(|size| size as u64),
            Setting::Number(most) => self.whole(node, &what, 1, most),
            Setting::Time => self.some_time(node, &what).map(microseconds),
            Setting::Elsewhere => None,
        }
    }

    /// `listen: { heartbeat: { every, timeout } }`.
    fn heartbeat(&mut self, node: Option<&Node>, limits: &mut Limits) {
        let Some(node) = node else { return };
        let fields = self.fields(node, "`heartbeat`", &["every", "timeout"]);
        let mut set = |name: &str, place: &mut Duration| {
            if let Some(node) = fields.get(name)
                && let Some(time) = self.some_time(node, &format!("`{name}`"))
            {
                *place = time;
            }
        };
        set("every", &mut limits.ping_every);
        set("timeout", &mut limits.pong_time);
    }

    /// A duration longer than zero.
    fn some_time(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let time = self.duration(node, what)?;
        if time.is_zero() {
            self.expected(node, what, "a duration longer than zero");
            return None;
        }
        Some(time)
    }
}

fn microseconds(time: Duration) -> u64 {
    // Longer durations than these are refused by the reader of durations.
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
