//! Counters and histograms, by Prometheus's conventions.

use std::fmt::Write as _;
use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::base::Limit;
use crate::lang::model::HandlerId;

use super::names::Name;

/// What a handler's time is counted into: 10 µs to 1 s.
const BUCKETS: [f64; 11] = [
    1e-5, 2.5e-5, 1e-4, 2.5e-4, 1e-3, 2.5e-3, 1e-2, 2.5e-2, 0.1, 0.25, 1.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByHandler {
    handler: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLimit {
    limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: String,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections that are open.
    pub open: Gauge,
    /// Connections ever.
    pub connections: Counter,
    /// Messages from clients.
    pub received: Counter,
    /// Bytes of these.
    pub received_bytes: Counter,
    /// Messages to clients.
    pub sent: Counter,
    /// Bytes of these.
    pub sent_bytes: Counter,
    /// Timers and plans that ran.
    pub timers: Counter,
    /// Frames in all mailboxes; set when it is asked for.
    pub depth: Gauge,
    durations: Family<ByHandler, Histogram, fn() -> Histogram>,
    /// Requests for paths that nothing serves.
    pub unmatched: Counter,
    errors: Family<ByCode, Counter>,
    limits: Family<ByLimit, Counter>,
    /// Those of `limits` in their order: some are counted with every message.
    by_limit: Vec<Counter>,
    faults: Family<ByKind, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let limits = Family::default();
        let mut metrics = Metrics {
            registry: Registry::with_prefix("ws_mock"),
            open: Gauge::default(),
            connections: Counter::default(),
            received: Counter::default(),
            received_bytes: Counter::default(),
            sent: Counter::default(),
            sent_bytes: Counter::default(),
            timers: Counter::default(),
            depth: Gauge::default(),
            durations: Family::new_with_constructor(histogram),
            unmatched: Counter::default(),
            errors: Family::default(),
            by_limit: by_limit(&limits),
            limits,
            faults: Family::default(),
        };
        metrics.register();
        metrics
    }
}

/// A counter for each limit, so that one that was never reached is there with 0.
fn by_limit(limits: &Family<ByLimit, Counter>) -> Vec<Counter> {
    let counter = |limit: &Limit| {
        let limit = limit.name();
        limits.get_or_create(&ByLimit { limit }).clone()
    };
    Limit::ALL.iter().map(counter).collect()
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "connections_open",
            "Connections that are open",
            self.open.clone(),
        );
        registry.register("connections", "Connections ever", self.connections.clone());
        registry.register(
            "messages_received",
            "Messages from clients",
            self.received.clone(),
        );
        registry.register("messages_sent", "Messages to clients", self.sent.clone());
        registry.register_with_unit(
            "received",
            "Bytes from clients",
            Unit::Bytes,
            self.received_bytes.clone(),
        );
        registry.register_with_unit(
            "sent",
            "Bytes to clients",
            Unit::Bytes,
            self.sent_bytes.clone(),
        );
        registry.register_with_unit(
            "handler_duration",
            "Time that handlers took",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "requests_unmatched",
            "Requests for paths that nothing serves",
            self.unmatched.clone(),
        );
        registry.register("errors", "Errors answered, by code", self.errors.clone());
        registry.register("limits_hit", "Limits reached, by name", self.limits.clone());
        registry.register(
            "faults",
            "Faults that happened, by kind",
            self.faults.clone(),
        );
        registry.register(
            "mailbox_frames",
            "Frames that wait in mailboxes",
            self.depth.clone(),
        );
        registry.register(
            "timers_run",
            "Timers and plans that ran",
            self.timers.clone(),
        );
    }

    /// Counts the seconds that handlers ran.
    pub(super) fn ran(&self, names: &[Arc<Name>], ran: &[(HandlerId, f64)]) {
        for (handler, seconds) in ran {
            let name = &names[handler.0 as usize];
            let durations = name.durations.get_or_init(|| {
                let handler = name.text.to_string();
                self.durations.get_or_create(&ByHandler { handler }).clone()
            });
            durations.observe(*seconds);
        }
    }

    /// An error was answered.
    pub fn error(&self, code: &str) {
        self.errors
            .get_or_create(&ByCode {
                code: code.to_owned(),
            })
            .inc();
    }

    /// A limit was reached.
    pub fn limit(&self, limit: Limit) {
        self.limit_by(limit, 1);
    }

    /// A limit was reached so many times.
    pub fn limit_by(&self, limit: Limit, times: u64) {
        self.by_limit[limit as usize].inc_by(times);
    }

    /// A fault happened.
    pub fn fault(&self, kind: &str) {
        self.faults
            .get_or_create(&ByKind {
                kind: kind.to_owned(),
            })
            .inc();
    }

    /// Prometheus's text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut out, &self.registry) {
            let _ = writeln!(out, "# {error}");
        }
        out
    }
}
