//! A world without sockets: a hub, and peers that are spoken for.

use std::time::Instant;

use ws_mock::base::Limits;
use ws_mock::config::{ClockStart, Play};
use ws_mock::hub::{Admission, Handshake, Hub, Outgoing, Peer};
use ws_mock::lang::NoFiles;

/// 2024-01-20T10:30:00Z
pub(crate) const START: i64 = 1_705_746_600_000;

/// As `serve` plays with a clock held at [`START`].
pub(crate) fn held(seed: u64) -> Play {
    Play {
        seed,
        clock: ClockStart::At(START),
        counts: Vec::new(),
        timers: Vec::new(),
        timers_run: true,
        strict: false,
        faults: Vec::new(),
    }
}

/// The hub of a scenario's text.
pub(crate) fn hub(text: &str, play: Play) -> Hub {
    let scenario = ws_mock::lang::read_text("test.yaml", text, &NoFiles, &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"));
    Hub::new(scenario, play, Limits::default()).unwrap()
}

/// A peer that has been let in.
pub(crate) fn connect(hub: &Hub) -> Peer {
    let ask = Handshake {
        address: "127.0.0.1:5000".parse().unwrap(),
        path: "/ws".into(),
        query: String::new(),
        headers: Vec::new(),
        protocols: Vec::new(),
    };
    let Admission::Accepted { ticket, .. } = hub.admit(ask) else {
        panic!("refused")
    };
    hub.connect(ticket)
}

/// The messages that wait for a peer, and nothing but messages.
pub(crate) fn heard(peer: &Peer) -> Vec<String> {
    let mut out = Vec::new();
    peer.mailbox().take(Instant::now(), usize::MAX, &mut out);
    out.into_iter()
        .map(|outgoing| match outgoing {
            Outgoing::Message { payload, .. } => {
                String::from_utf8(payload.whole().to_vec()).unwrap()
            }
            other => panic!("{other:?}"),
        })
        .collect()
}
