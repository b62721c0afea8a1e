//! The cases, in the order of the goals, and the goals themselves.

use anyhow::Result;

use crate::options::{Options, Subject};
use crate::others;
use crate::outcome::Outcome;
use crate::requests::{Load, Question};
use crate::servers::Server;
use crate::setup::Setup;

/// One thing to measure of each server.
pub(crate) struct Case {
    pub(crate) title: String,
    /// What the figure is.
    pub(crate) unit: &'static str,
    /// What the times are.
    pub(crate) times: &'static str,
    pub(crate) goal: Option<Goal>,
    work: Work,
}

/// What ws-mock is to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// So many times less than Node.
    TimesLess(f64),
    /// At most this share of Node's.
    Share(f64),
    /// At most so much, whatever Node takes.
    AtMost(f64),
}

#[derive(Debug, Clone, Copy)]
enum Work {
    Requests(Load),
    Idle { count: usize, tls: bool },
    Push { count: usize, tls: bool },
    Handshakes { count: usize, tls: bool },
    Start,
}

impl Case {
    /// Whether this server can be measured so.
    pub(crate) fn suits(&self, server: Server) -> bool {
        match self.work {
            Work::Start => matches!(server, Server::WsMock | Server::Node),
            Work::Push { .. } => !server.bare(),
            Work::Requests(Load { tls, .. })
            | Work::Idle { tls, .. }
            | Work::Handshakes { tls, .. } => !(tls && server.bare()),
        }
    }

    pub(crate) async fn measure(&self, server: Server, setup: &Setup) -> Result<Outcome> {
        match self.work {
            Work::Requests(load) => load.measure(server, setup).await,
            Work::Idle { count, tls } => others::idle(server, setup, count, tls).await,
            Work::Push { count, tls } => others::push(server, setup, count, tls).await,
            Work::Handshakes { count, tls } => others::handshakes(server, setup, count, tls).await,
            Work::Start => others::start(server, setup),
        }
    }
}

/// Everything that was asked for.
pub(crate) fn wanted(options: &Options) -> Vec<Case> {
    let both: &[bool] = if options.tls {
        &[false, true]
    } else {
        &[false]
    };
    let mut cases = Vec::new();
    for subject in &options.subjects {
        match subject {
            Subject::Small => both.iter().for_each(|tls| {
                cases.extend(small(options.requests, *tls));
            }),
            Subject::Big => both.iter().for_each(|tls| {
                cases.extend(big(options.requests / 10, *tls));
            }),
            Subject::Idle => cases.extend([idle(options.idle, false), idle(options.idle, true)]),
            Subject::Push => cases.extend(both.iter().map(|tls| push(options.subscribers, *tls))),
            Subject::Handshake => cases.extend([
                handshakes(options.handshakes, false),
                handshakes(options.handshakes, true),
            ]),
            Subject::Start => cases.push(start()),
            // It has nobody to be compared with, and a table of its own.
            Subject::Large => {}
        }
    }
    cases
}

fn small(requests: usize, tls: bool) -> Vec<Case> {
    [(32, 1, 6.0), (32, 16, 20.0), (256, 1, 5.5)]
        .map(|shape| asking("A page of 3 kB", Question::Page, requests, tls, shape))
        .into()
}

fn big(requests: usize, tls: bool) -> Vec<Case> {
    [(32, 1, 9.0), (32, 16, 13.0)]
        .map(|shape| asking("All of 39 kB", Question::Everything, requests, tls, shape))
        .into()
}

fn asking(
    what: &str,
    question: Question,
    requests: usize,
    tls: bool,
    (connections, in_flight, goal): (usize, usize, f64),
) -> Case {
    Case {
        title: format!("{what}, {connections} × {in_flight}, {}", scheme(tls)),
        unit: "CPU, µs a request",
        times: "latency",
        goal: Some(Goal::TimesLess(goal)),
        work: Work::Requests(Load {
            question,
            connections,
            in_flight,
            requests,
            tls,
        }),
    }
}

fn idle(count: usize, tls: bool) -> Case {
    Case {
        title: format!(
            "{count} idle connections after two requests each, {}",
            scheme(tls)
        ),
        unit: "memory, KiB a connection",
        times: "",
        goal: Some(Goal::AtMost(if tls { 28.0 } else { 8.0 })),
        work: Work::Idle { count, tls },
    }
}

fn push(count: usize, tls: bool) -> Case {
    Case {
        title: format!("One push to {count} connections, {}", scheme(tls)),
        unit: "CPU, µs a delivery",
        times: "first to last",
        goal: Some(Goal::TimesLess(1.35)),
        work: Work::Push { count, tls },
    }
}

fn handshakes(count: usize, tls: bool) -> Case {
    Case {
        title: format!("Come, shake hands, go, {}", scheme(tls)),
        unit: "CPU, µs a handshake",
        times: "handshake",
        goal: Some(Goal::TimesLess(if tls { 3.5 } else { 3.3 })),
        work: Work::Handshakes { count, tls },
    }
}

fn start() -> Case {
    Case {
        title: "From exec to the ready file, against `node -e 0`".to_owned(),
        unit: "ms",
        times: "start",
        goal: Some(Goal::Share(0.6)),
        work: Work::Start,
    }
}

fn scheme(tls: bool) -> &'static str {
    if tls { "wss" } else { "ws" }
}
