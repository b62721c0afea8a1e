//! What the hot paths cost in instructions, counted by Callgrind: figures that do not wobble, so that CI can refuse
//! a change that makes them a tenth dearer.
//!
//! `just cost` runs it; it needs Valgrind, and `gungraun-runner` of the version that `Cargo.lock` has of `gungraun`.
//! A figure that has changed for a good reason is written down anew in the calls of [`allowed`].

#![allow(missing_docs, clippy::exit, reason = "what the macros make")]

use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig};
use mimalloc::MiMalloc;
use tungstenite::Utf8Bytes;
use ws_mock::base::Limits;
use ws_mock::config::{ClockStart, Play};
use ws_mock::hub::{Admission, Handshake, Hub, Inbound, Outgoing, Peer};
use ws_mock::wire::ws::{FrameReader, FrameWriter, Opcode};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Ten stations of a city with eleven fields: about 3 kB.
const PAGE: &str = r#"{"type":"request","action":"getStations","data":{"fields":["id","name","city","owner","connectedApp","status","totalEnergy","currentPower","lastUpdate","totalSessions","utilization"],"filters":{"city":"Казань"},"pagination":{"page":1,"limit":10}},"requestId":"request-7"}"#;
/// All hundred with all their fields: about 39 kB.
const EVERYTHING: &str = r#"{"type":"request","action":"getStations","data":{"pagination":{"page":1,"limit":100}},"requestId":"request-7"}"#;

const PUSHED_TO: usize = 100;

/// A world without sockets, and the clients in it.
struct World {
    peers: Vec<Peer>,
    request: Utf8Bytes,
}

/// Ten per cent more than was measured is a regression.
fn allowed(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions + instructions / 10)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

fn connect(hub: &Hub) -> Peer {
    let ask = Handshake {
        address: ([127, 0, 0, 1], 5000).into(),
        path: "/ws".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        protocols: Vec::new(),
    };
    match hub.admit(ask) {
        Admission::Accepted { ticket, .. } => hub.connect(ticket),
        Admission::Refused { .. } => unreachable!("nothing limits who may come"),
    }
}

fn world(scenario: &str, clients: usize, request: &str) -> World {
    let text = ws_mock::lang::bundled()
        .iter()
        .find(|(name, _)| *name == scenario)
        .map_or(scenario, |(_, text)| text);
    let scenario = ws_mock::lang::read_text("bench.yaml", text, &ws_mock::lang::NoFiles, &|_| None)
        .expect("the scenario is right");
    let play = Play {
        seed: 1,
        clock: ClockStart::At(1_705_746_600_000),
        counts: Vec::new(),
        timers: Vec::new(),
        timers_run: false,
        strict: false,
        faults: Vec::new(),
    };
    // A journal that is full, as it is most of the time.
    let limits = Limits {
        journal_messages: 4,
        ..Limits::default()
    };
    let hub = Hub::new(scenario, play, limits).expect("the world can be made");
    let world = World {
        peers: (0..clients).map(|_| connect(&hub)).collect(),
        request: request.into(),
    };
    // The first ones make indexes, take memory and keep answers that those after them find ready.
    (0..3).for_each(|_| {
        ask(&world);
    });
    world
}

/// One request, from its bytes to the frames in the mailboxes.
fn ask(world: &World) -> usize {
    ask_together(world, 1)
}

/// So many requests that have come together.
fn ask_together(world: &World, requests: usize) -> usize {
    let mut left = requests;
    world.peers[0].receive_all(|| {
        left = left.checked_sub(1)?;
        Some(Inbound::Text(world.request.clone()))
    });
    let mut out = Vec::new();
    let mut bytes = 0;
    for peer in &world.peers {
        peer.mailbox().take(Instant::now(), usize::MAX, &mut out);
        for outgoing in out.drain(..) {
            if let Outgoing::Message { payload, .. } = outgoing {
                bytes += payload.len();
            }
        }
    }
    assert!(bytes > 0, "it was not answered");
    bytes
}

fn page() -> World {
    world("stations", 1, PAGE)
}

fn everything() -> World {
    world("stations", 1, EVERYTHING)
}

fn crowd() -> World {
    let text = "scenario: crowd\nlisten: { protocol: json }\nmessages: { name: '${ message.action }' }\non:\n  tell:\n    - send: { event: news, text: '${ message.text }' }\n      to: all\n";
    world(text, PUSHED_TO, r#"{"action":"tell","text":"hello"}"#)
}

fn frame() -> BytesMut {
    let mut frame = BytesMut::from(&[0x81, 0x80 | 0x7e][..]);
    frame.extend_from_slice(&(PAGE.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(PAGE.as_bytes());
    frame
}

#[library_benchmark(config = allowed(18_050), setup = page)]
fn answer_a_page(world: World) -> World {
    black_box(ask(&world));
    world
}

#[library_benchmark(config = allowed(263_000), setup = page)]
fn answer_sixteen_pages(world: World) -> World {
    black_box(ask_together(&world, 16));
    world
}

#[library_benchmark(config = allowed(15_500), setup = everything)]
fn answer_everything(world: World) -> World {
    black_box(ask(&world));
    world
}

#[library_benchmark(config = allowed(108_000), setup = crowd)]
fn push_to_a_hundred(world: World) -> World {
    black_box(ask(&world));
    world
}

#[library_benchmark(config = allowed(3_550), setup = frame)]
fn read_a_frame(mut frame: BytesMut) -> BytesMut {
    let mut reader = FrameReader::new(1 << 20, 1 << 20);
    let _ = black_box(reader.next(&mut frame));
    frame
}

fn room() -> Vec<u8> {
    Vec::with_capacity(4096)
}

#[library_benchmark(config = allowed(145), setup = room)]
fn write_a_frame(mut out: Vec<u8>) -> Vec<u8> {
    FrameWriter.message(&mut out, Opcode::Text, black_box(PAGE.as_bytes()));
    out
}

library_benchmark_group!(
    name = hot,
    benchmarks = [
        answer_a_page,
        answer_sixteen_pages,
        answer_everything,
        push_to_a_hundred,
        read_a_frame,
        write_a_frame
    ]
);

main!(library_benchmark_groups = hot);
