//! Many peers at once, some of which stall, vanish, or never finish what they began: the others must not notice, and
//! the process is afterwards as it was before. Against the real binary, so that its memory and descriptors are its own.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::binary::Binary;
use crate::support::raw::{Raw, frame};

const SCENARIO: &str = r#"
scenario: crowd
on:
  "*": [ reply: "${ 'x' * message.size }" ]
messages: { name: "${ message.do }" }
"#;

fn play(limits: &str, options: &[&str]) -> Binary {
    // Every peer here is a descriptor of this process too.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    Binary::start(&format!("{SCENARIO}limits: {{ {limits} }}\n"), options)
}

async fn ask(raw: &mut Raw, size: usize) {
    let ask = format!(r#"{{"do":"answer","size":{size}}}"#);
    raw.frame(1, ask.as_bytes()).await;
}

async fn is_answered(raw: &mut Raw) {
    ask(raw, 1).await;
    raw.expect(1, b"\"x\"").await;
}

/// A peer that asks for so many answers of a megabyte, and reads none of them.
async fn staller(server: &Binary, answers: usize) -> Raw {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut raw = Raw(socket.connect(server.address).await.unwrap());
    raw.upgrade("/").await;
    for _ in 0..answers {
        ask(&mut raw, 1_000_000).await;
    }
    raw
}

/// Peers that read whatever comes and tell of it.
struct Crowd {
    size: usize,
    heard: mpsc::UnboundedReceiver<u64>,
    peers: JoinSet<()>,
    /// A connection to the control API, to send with.
    control: Raw,
}

impl Crowd {
    async fn gather(server: &Binary, size: usize) -> Self {
        let (hear, heard) = mpsc::unbounded_channel();
        let mut peers = JoinSet::new();
        for _ in 0..size {
            let mut raw = Raw::open(server.address, "/").await;
            let hear = hear.clone();
            peers.spawn(async move {
                loop {
                    let text = String::from_utf8(raw.read().await.payload).unwrap();
                    hear.send(text.parse().unwrap()).unwrap();
                }
            });
        }
        let control = Raw::connect(server.address).await;
        Self {
            size,
            heard,
            peers,
            control,
        }
    }

    /// Sends to everyone, and waits until the whole crowd has heard it, once each; how long that took.
    async fn shout(&mut self, n: u64) -> Duration {
        let began = Instant::now();
        let body = format!(r#"{{"to":{{"all":true}},"message":{n}}}"#);
        let head =
            "POST /__mock/send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.control.send(request.as_bytes()).await;
        assert_eq!(self.control.answer().await.status, 200);
        for _ in 0..self.size {
            let heard = tokio::time::timeout(Duration::from_secs(20), self.heard.recv());
            assert_eq!(heard.await.expect("not all have heard"), Some(n));
        }
        began.elapsed()
    }

    /// The median of many.
    async fn shouts(&mut self, numbers: std::ops::Range<u64>) -> Duration {
        let mut times = Vec::new();
        for n in numbers {
            times.push(self.shout(n).await);
        }
        times.sort();
        times[times.len() / 2]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_that_stops_reading_delays_no_others() {
    let server = play("mailbox_frames: 20, write_time: 1m", &[]);
    let mut crowd = Crowd::gather(&server, 1000).await;
    let alone = crowd.shouts(0..30).await;
    let mut stalled = staller(&server, 8).await;
    server.line(&["DEBUG message", "peer=c1001 "]).await;
    let beside = crowd.shouts(30..60).await;
    server
        .line(&["limit=mailbox ", "peer=c1001 ", "20 frames"])
        .await;
    let cut_off = Instant::now();
    server
        .line(&["disconnected", "peer=c1001 ", "code=1013 "])
        .await;
    assert!(
        cut_off.elapsed() < Duration::from_secs(5),
        "long before `write_time`"
    );
    assert_eq!(stalled.rest().await, None);
    assert!(
        beside < alone * 3 + Duration::from_millis(50),
        "{beside:?} beside a staller, {alone:?} without"
    );
    assert_eq!(
        server.counted("mailbox").await,
        1,
        "nobody else was cut off"
    );
    assert!(crowd.peers.try_join_next().is_none(), "all are there still");
}

/// What one sends at once is not all answered before another is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn greedy_client_leaves_others_their_turn() {
    const ASKED: usize = 300;
    let server = Binary::start(
        "scenario: turns\nmessages: { name: \"${ message.a }\" }\non:\n  \
         slow: [ { let: { a: \"${ range(9000) | map('string') | join | length }\" } }, { reply: 1 } ]\n  \
         quick: [ { reply: 2 } ]\n",
        &[],
    );
    let mut greedy = Raw::open(server.address, "/").await;
    let mut other = Raw::open(server.address, "/").await;
    let slow = frame(true, 1, br#"{"a":"slow"}"#);
    greedy.send(&slow.repeat(ASKED)).await;
    greedy.expect(1, b"1").await;
    for _ in 0..3 {
        other.frame(1, br#"{"a":"quick"}"#).await;
        other.expect(1, b"2").await;
    }
    let here: serde_json::Value =
        serde_json::from_str(&server.control("connections").await).unwrap();
    let answered = here["items"][0]["messages"]["out"].as_u64().unwrap();
    assert!(answered < ASKED as u64, "all {answered} came first");
    for _ in 1..ASKED {
        greedy.expect(1, b"1").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vanished_peer_is_dropped() {
    let scenario = format!(
        "{SCENARIO}listen: {{ heartbeat: {{ every: 300ms, timeout: 2s }} }}\nlimits: {{ close_time: 500ms }}\n"
    );
    let server = Binary::start(&scenario, &[]);
    let mut other = Raw::open(server.address, "/").await;
    server.line(&["connected", "peer=c1 "]).await;
    let vanished = Raw::open(server.address, "/").await;
    let staying = tokio::spawn(async move {
        loop {
            let found = other.read().await;
            match found.opcode {
                9 => other.frame(10, &found.payload).await,
                _ => return other,
            }
        }
    });
    server
        .line(&[
            "limit=heartbeat ",
            "peer=c2 ",
            "within 2s",
            "`listen.heartbeat`",
        ])
        .await;
    server.line(&["limit=close_time ", "peer=c2 "]).await;
    let here = server.control("connections").await;
    assert!(
        here.contains("\"c1\"") && !here.contains("\"c2\""),
        "{here}"
    );
    assert!(!staying.is_finished(), "the other is there still");
    staying.abort();
    drop(vanished);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_handshakes_are_dropped() {
    let server = play("head_time: 5s", &["--ssl"]);
    is_answered(&mut Raw::open(server.address, "/").await).await;
    server.line(&["disconnected", "peer=c1 "]).await;
    let before = server.descriptors();
    let mut halves = Vec::new();
    for n in 0..200 {
        let mut half = Raw::connect(server.address).await;
        let said: &[u8] = [
            &b""[..],
            b"\x16\x03\x01\x02\x00\x01",
            b"GET / HTTP/1.1\r\nHost: loc",
        ][n % 3];
        half.send(said).await;
        halves.push(half);
    }
    for _ in 0..20 {
        is_answered(&mut Raw::open(server.address, "/").await).await;
    }
    let early = server
        .log()
        .iter()
        .any(|line| line.contains("limit=head_time"));
    assert!(!early, "the others came and went meanwhile");
    for (n, half) in halves.iter_mut().enumerate() {
        let rest = half.rest().await;
        let told = rest.is_some_and(|rest| rest.starts_with(b"HTTP/1.1 408"));
        assert_eq!(told, n % 3 == 2, "{n}");
    }
    drop(halves);
    assert_eq!(server.counted("head_time").await, 200);
    as_before(&server, before).await;
}

/// Waits until there are no more descriptors than so many.
#[cfg(target_os = "linux")]
async fn as_before(server: &Binary, before: usize) {
    server
        .until(
            || (server.descriptors() <= before).then_some(()),
            || format!("{} descriptors, {before} before", server.descriptors()),
        )
        .await;
}

/// The ways in which a client comes and goes.
async fn comes_and_goes(address: std::net::SocketAddr, way: usize) {
    let mut raw = Raw::connect(address).await;
    match way % 5 {
        // Half a handshake.
        0 => raw.send(b"GET / HTTP/1.1\r\nHost: loc").await,
        // Without a word.
        1 => {}
        // A reset at once after the upgrade.
        2 => {
            raw.upgrade("/").await;
            raw.0.set_zero_linger().unwrap();
        }
        // An end without a close.
        3 => {
            raw.upgrade("/").await;
            is_answered(&mut raw).await;
        }
        // As it should be, with half a frame left over.
        _ => {
            raw.upgrade("/").await;
            is_answered(&mut raw).await;
            raw.send(&[frame(true, 8, b"\x03\xe8"), vec![0x81]].concat())
                .await;
            raw.expect(8, b"\x03\xe8").await;
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_short_connections_leave_nothing_behind() {
    let server = play("", &["-q"]);
    let batch = async || {
        let mut clients = JoinSet::new();
        for way in 0..500 {
            clients.spawn(comes_and_goes(server.address, way));
        }
        clients.join_all().await;
    };
    let before = server.descriptors();
    batch().await;
    as_before(&server, before).await;
    let memory = server.memory();
    for _ in 1..20 {
        batch().await;
    }
    as_before(&server, before).await;
    let after = server.memory();
    assert!(
        after < memory + (24 << 20),
        "{after} bytes after, {memory} before"
    );
    let here = server.control("connections").await;
    assert_eq!(here, r#"{"items":[]}"#);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_peers_take_bounded_memory() {
    let command = Command::new(env!("CARGO_BIN_EXE_ws-mock"));
    let limits = "limits: { mailbox_bytes: 4MiB, journal_bytes: 1MiB }";
    let server = Binary::run(command, &format!("{SCENARIO}{limits}\n"), &[]);
    drop(staller(&server, 20).await);
    server.line(&["disconnected", "peer=c1 "]).await;
    let before = server.memory();
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(staller(&server, 40).await);
    }
    for id in 2..22 {
        let who = format!("peer=c{id} ");
        server.line(&["limit=answers ", &who]).await;
    }
    // Half a mailbox, what is on its way, and what the allocator rounds up.
    let most = 20 * (5 << 20) + (16 << 20);
    let during = server.memory();
    assert!(
        during < before + most,
        "{during} bytes while they stall, {before} before"
    );
    is_answered(&mut Raw::open(server.address, "/").await).await;
    drop(stalled);
    server
        .until(
            || (server.memory() < before + (24 << 20)).then_some(()),
            || format!("{} bytes after, {before} before", server.memory()),
        )
        .await;
}
