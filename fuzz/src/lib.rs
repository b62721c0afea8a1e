//! What is fuzzed: each function takes any bytes at all and panics when a promise is broken. The tests of the main
//! crate play the seeds through the same functions.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::runtime::{Builder, Runtime};
use ws_mock::config::{ClockStart, Limits, Play};
use ws_mock::control::{self, Handler};
use ws_mock::hub::{Admission, Handshake, Hub, Inbound, Outgoing, Peer};
use ws_mock::scenario::model::Scenario;
use ws_mock::scenario::{NoFiles, read_text};
use ws_mock::wire::ws::{Input, Reader, Violation};
use ws_mock::wire::{engineio, socketio};

const START: i64 = 1_705_746_600_000;
const MAILBOX: usize = 256;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be made")
});

/// The scenario reader: a file is a scenario, or has problems that say where and what.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(problems) = read_text("fuzz.yaml", text, &NoFiles, &|_| None) {
        let said = problems.to_string();
        assert!(said.starts_with("fuzz.yaml"), "no place: {said}");
        assert!(said.len() < 1 << 20, "{} bytes of problems", said.len());
    }
}

/// The message path of the core: whatever comes from whom in whatever order, everyone is answered in order, mailboxes
/// are bounded, rooms hold only who is here.
pub fn core(data: &[u8]) {
    static GAME: LazyLock<Arc<Scenario>> = LazyLock::new(|| {
        read_text("game.yaml", include_str!("game.yaml"), &NoFiles, &|_| None)
            .expect("the scenario is sound")
    });
    let hub = world(&GAME);
    let mut peers = vec![Some(connect(&hub))];
    let mut journal = 0;
    for said in data.split(|byte| *byte == b'\n').take(64) {
        let Some((verb, rest)) = said.split_first() else {
            continue;
        };
        let who = usize::from(rest.first().copied().unwrap_or(0)) % peers.len();
        match verb {
            b'+' if peers.len() < 8 => peers.push(Some(connect(&hub))),
            b'-' => peers[who] = None,
            b'>' => {
                // It waits for those who do not read: here they have, and not much is pushed on the way.
                peers.iter().flatten().for_each(drain);
                let by = Duration::from_millis(rest.len().min(14) as u64 * 100);
                RUNTIME
                    .block_on(hub.advance(by))
                    .expect("the clock is held");
            }
            _ => {
                let message = Bytes::copy_from_slice(rest.get(1..).unwrap_or_default());
                if let Some(peer) = &peers[who] {
                    peer.receive(match verb {
                        b'b' => Inbound::Binary(message),
                        _ if std::str::from_utf8(&message).is_ok() => Inbound::Text(message),
                        _ => continue,
                    });
                }
            }
        }
        rooms_are_true(&hub, &peers);
        for peer in peers.iter().flatten() {
            let (frames, _) = peer.mailbox().len();
            assert!(frames <= MAILBOX, "{frames} frames wait");
        }
        for entry in hub.journal().select(journal, usize::MAX, |_| true) {
            assert_eq!(entry.seq, journal + 1, "the journal has a gap");
            journal = entry.seq;
        }
        if verb % 2 == 0 {
            peers.iter().flatten().for_each(drain);
        }
    }
    // Whatever was said: who comes now is answered as ever.
    let late = connect(&hub);
    late.receive(Inbound::Text(Bytes::from_static(br#"{"t":"count"}"#)));
    let mut out = Vec::new();
    late.mailbox().take(Instant::now(), usize::MAX, &mut out);
    assert!(matches!(&out[..], [Outgoing::Message { .. }]), "{out:?}");
}

/// The frame codec: bytes mean the same in whatever pieces they come.
pub fn frames(data: &[u8]) {
    let Some((pieces, bytes)) = data.split_first() else {
        return;
    };
    let whole = read(bytes, bytes.len().max(1));
    let cut = read(bytes, usize::from(*pieces) % 7 + 1);
    assert_eq!(whole, cut);
}

/// The codecs of Engine.IO and Socket.IO: what is read is written as it was, and what is written is read.
pub fn packets(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(packet) = engineio::Packet::decode(text) {
        let mut again = String::new();
        packet.encode(&mut again);
        assert_eq!(engineio::Packet::decode(&again), Ok(packet));
    }
    let count = engineio::payload(text).flatten().count();
    assert!(count <= text.len());
    if let Ok(packet) = socketio::Packet::decode(text)
        && let socketio::Body::Event { name, args, ack: _ } = &packet.body
    {
        let mut again = String::new();
        socketio::event(&mut again, name, args);
        let read =
            socketio::Packet::decode(again.trim_start_matches('4')).map(|packet| packet.body);
        let Ok(socketio::Body::Event { name: read, .. }) = &read else {
            panic!("{again}: {read:?}");
        };
        assert_eq!(read, name);
    }
}

/// The control API: any request is answered with a status and, unless it has none, JSON or text.
pub fn control(data: &[u8]) {
    static API: LazyLock<Handler> = LazyLock::new(|| {
        let scenario = read_text("game.yaml", include_str!("game.yaml"), &NoFiles, &|_| None)
            .expect("the scenario is sound");
        control::handler(world(&scenario), Arc::new(OnceLock::new()))
    });
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (method, path, body) = (part(), part(), part());
    let uri = [b"/__mock/", path].concat();
    // Waiting is what it is for.
    if path.starts_with(b"journal/wait") {
        return;
    }
    let Ok(request) = hyper::Request::builder()
        .method(method)
        .uri(&uri[..])
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body))
    else {
        return;
    };
    let answer = RUNTIME.block_on(API(request, ([127, 0, 0, 1], 5000).into()));
    assert_ne!(
        answer.status(),
        500,
        "{}",
        String::from_utf8_lossy(answer.body())
    );
}

fn world(scenario: &Arc<Scenario>) -> Hub {
    let play = Play {
        seed: 1,
        clock: ClockStart::At(START),
        counts: Vec::new(),
        timers: Vec::new(),
        timers_run: true,
        strict: false,
        faults: Vec::new(),
    };
    let limits = Limits {
        mailbox_frames: MAILBOX,
        ..Limits::default()
    };
    Hub::new(scenario.clone(), play, limits).expect("the world can be made")
}

fn connect(hub: &Hub) -> Peer {
    let ask = Handshake {
        address: ([127, 0, 0, 1], 5000).into(),
        path: "/".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        protocols: Vec::new(),
    };
    match hub.admit(ask) {
        Admission::Accepted { ticket, .. } => hub.connect(ticket),
        Admission::Refused(_) => panic!("nothing limits who may come"),
    }
}

fn drain(peer: &Peer) {
    let mut out = Vec::new();
    peer.mailbox().take(Instant::now(), usize::MAX, &mut out);
}

fn rooms_are_true(hub: &Hub, peers: &[Option<Peer>]) {
    let here: HashSet<u64> = peers.iter().flatten().map(Peer::id).collect();
    for (name, members) in hub.rooms() {
        assert!(!members.is_empty(), "the empty room {name}");
        assert!(
            members.iter().all(|member| here.contains(member)),
            "ghosts in {name}"
        );
    }
}

/// All that is read of some bytes that come in pieces, and what ends it.
fn read(bytes: &[u8], piece: usize) -> (Vec<Input>, Option<Violation>) {
    let mut reader = Reader::new(1 << 12, 1 << 12);
    let (mut input, mut heard) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        input.extend_from_slice(piece);
        loop {
            match reader.next(&mut input) {
                Ok(Some(one)) => heard.push(one),
                Ok(None) => break,
                Err(violation) => return (heard, Some(violation)),
            }
        }
    }
    (heard, None)
}
