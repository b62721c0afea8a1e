//! A long run of everything at once: clients that come, go, ask, stall and send rubbish, over WebSocket and by
//! polling, while timers run, faults switch on and off and the world is reset. `just soak` plays it against the
//! release binary, for two minutes or as long as it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::binary::Binary;
use crate::support::raw::{Answer, Raw};

/// How long, as in a scenario: `30s`, `2h`.
const TIME: &str = "WS_MOCK_SOAK";
const STEADY: usize = 16;
const WATCHERS: usize = 8;
const COMERS: usize = 60;
const ROUND: Duration = Duration::from_secs(3);

const SCENARIO: &str = r#"
scenario: soak
limits: { journal_messages: 1000, journal_bytes: 4MiB, mailbox_bytes: 1MiB }
messages: { name: "${ message.do }" }
data: { things: { key: id, count: 200, item: { id: "${ n }", n: "${ int(0, 9) }" } } }
on:
  echo: [ { reply: "${ message.id }" } ]
  list: [ { list: things, match: "${ message.match }", limit: 20 }, { reply: "${ message.id }" } ]
  touch: [ { update: things, sample: 1, set: { n: "${ item.n + 1 }" } }, { reply: "${ message.id }" } ]
  watch: [ { join: watchers }, { reply: "${ message.id }" } ]
  shout: [ { send: "${ message.id }", to: { room: watchers } } ]
  lossy: [ { reply: "${ message.id }" } ]
  much: [ { reply: "${ 'x' * 100000 }" } ]
timers:
  tick: { every: 50ms, do: [ { update: things, sample: 3, set: { n: 0 } } ] }
"#;

const POLLED: &str = r#"
scenario: polled
listen: { protocol: socket.io }
on:
  echo: [ { reply: "${ message }" } ]
"#;

/// What all clients together have done.
#[derive(Default)]
struct Tally {
    /// Connections that were let in.
    connections: AtomicU64,
    /// Requests that were answered, each once and in its turn.
    answered: AtomicU64,
    /// Messages that may or may not have been read before their sender was gone.
    uncertain: AtomicU64,
}

struct Client {
    raw: Raw,
    asked: u64,
    tally: Arc<Tally>,
}

impl Client {
    async fn come(server: &Binary, tally: &Arc<Tally>) -> Client {
        let raw = Raw::open(server.address, "/").await;
        tally.connections.fetch_add(1, Ordering::Relaxed);
        Client {
            raw,
            asked: 0,
            tally: tally.clone(),
        }
    }

    async fn say(&mut self, what: &str) {
        self.asked += 1;
        let ask = format!(r#"{{"do":"{what}","id":{},"match":{{"n":3}}}}"#, self.asked);
        self.raw.frame(1, ask.as_bytes()).await;
    }

    /// Asks, and is answered with its own number and nothing before it.
    async fn ask(&mut self, what: &str) {
        self.say(what).await;
        let own = self.asked;
        self.hear(1, own.to_string().as_bytes()).await;
        self.tally.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// The next that is no heartbeat, which is answered.
    async fn hear(&mut self, opcode: u8, payload: &[u8]) {
        let mut next = self.raw.read().await;
        while next.opcode == 9 {
            self.raw.frame(10, &next.payload).await;
            next = self.raw.read().await;
        }
        let payload = String::from_utf8_lossy(payload);
        let said = String::from_utf8_lossy(&next.payload);
        assert_eq!((next.opcode, said), (opcode, payload));
    }

    async fn go(mut self) {
        self.raw.frame(8, &1000_u16.to_be_bytes()).await;
        self.hear(8, &1000_u16.to_be_bytes()).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `just soak`"]
async fn nothing_is_lost_and_nothing_grows() {
    let time = std::env::var(TIME).unwrap_or_else(|_| "2m".to_owned());
    let time = ws_mock::scenario::duration(&time).expect("a duration such as `30s` or `2h`");
    let server = Binary::start(SCENARIO, &[]);
    let polled = Binary::start(POLLED, &[]);
    let tally = Arc::new(Tally::default());
    let before = (server.descriptors(), polled.descriptors());

    let mut steady = Vec::new();
    for _ in 0..STEADY {
        steady.push(Client::come(&server, &tally).await);
    }
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        let mut watcher = Client::come(&server, &tally).await;
        watcher.ask("watch").await;
        watchers.push(watcher);
    }
    let mut shouter = Client::come(&server, &tally).await;
    shouter.ask("watch").await;
    let mut memory = Vec::new();
    let (start, mut rounds) = (Instant::now(), 0_u64);
    while start.elapsed() < time || memory.len() < 9 {
        rounds += 1;
        faults(&server, rounds.is_multiple_of(2)).await;
        if rounds.is_multiple_of(5) {
            exchange(&server, "POST", "reset", "{}").await;
        }
        let end = Instant::now() + ROUND;
        let mut all = JoinSet::new();
        let kept: Vec<_> = std::mem::take(&mut steady);
        for (n, mut client) in kept.into_iter().enumerate() {
            all.spawn(async move {
                while Instant::now() < end {
                    client.ask(["echo", "list", "touch"][n % 3]).await;
                }
                Some(client)
            });
        }
        passers_by(&server, &polled, &tally, &mut all).await;
        while Instant::now() < end {
            shouter.say("shout").await;
            let said = shouter.asked.to_string();
            for watcher in watchers.iter_mut().chain([&mut shouter]) {
                watcher.hear(1, said.as_bytes()).await;
            }
            tally.answered.fetch_add(1, Ordering::Relaxed);
        }
        while let Some(client) = all.join_next().await {
            steady.extend(client.unwrap());
        }
        memory.push(server.memory());
        println!(
            "round {rounds}: {} answered, {} connections, {} MiB",
            tally.answered.load(Ordering::Relaxed),
            tally.connections.load(Ordering::Relaxed),
            server.memory() >> 20
        );
    }
    for client in steady.into_iter().chain(watchers).chain([shouter]) {
        client.go().await;
    }
    add_up(&server, &tally, &memory).await;
    for (server, before) in [(&server, before.0), (&polled, before.1)] {
        // The request that looks is one of them.
        server
            .until(
                || (server.descriptors() <= before + 1).then_some(()),
                || format!("{} descriptors, {before} before", server.descriptors()),
            )
            .await;
    }
}

/// Those who do not stay: they come and ask and go, drop, stall, talk rubbish, or poll.
async fn passers_by(
    server: &Binary,
    polled: &Binary,
    tally: &Arc<Tally>,
    all: &mut JoinSet<Option<Client>>,
) {
    for n in 0..COMERS {
        let mut client = Client::come(server, tally).await;
        let tally = tally.clone();
        all.spawn(async move {
            match n % 6 {
                0 | 1 => {
                    for _ in 0..20 {
                        client.ask("list").await;
                    }
                    client.go().await;
                }
                2 => client.ask("echo").await,
                3 => {
                    tally.uncertain.fetch_add(1, Ordering::Relaxed);
                    client.say("lossy").await;
                    let _ = timeout(Duration::from_millis(300), client.raw.read()).await;
                }
                4 => {
                    tally.uncertain.fetch_add(100, Ordering::Relaxed);
                    for _ in 0..100 {
                        client.say("much").await;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                _ => {
                    tally.uncertain.fetch_add(1, Ordering::Relaxed);
                    client.raw.frame(1, b"{rubbish").await;
                    client.raw.send(&[0xff; 64]).await;
                    let _ = client.raw.rest().await;
                }
            }
            None
        });
    }
    for n in 0..4 {
        let address = polled.address;
        all.spawn(async move {
            poll(address, n).await;
            None
        });
    }
}

/// A session by polling: each event is acknowledged with what it said.
async fn poll(address: std::net::SocketAddr, sessions: usize) {
    let http = async |method: &str, query: &str, body: &str| -> Answer {
        let length = body.len();
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nhost: localhost\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        Raw::exchange(address, &request).await
    };
    for _ in 0..=sessions {
        let open = http("GET", "", "").await.body;
        let open: serde_json::Value =
            serde_json::from_str(open.strip_prefix('0').expect("a handshake")).unwrap();
        let query = format!("&sid={}", open["sid"].as_str().unwrap());
        http("POST", &query, "40").await;
        assert!(http("GET", &query, "").await.body.starts_with("40"));
        for id in 0..10 {
            http("POST", &query, &format!(r#"42{id}["echo",{id}]"#)).await;
            assert_eq!(http("GET", &query, "").await.body, format!("43{id}[{id}]"));
        }
        http("POST", &query, "1").await;
    }
}

async fn faults(server: &Binary, on: bool) {
    let faults = if on {
        r#"[{"kind":"drop","on":["lossy"],"share":0.5},{"kind":"latency","time":"50ms","on":["lossy"]}]"#
    } else {
        "[]"
    };
    exchange(server, "PUT", "faults", faults).await;
}

async fn exchange(server: &Binary, method: &str, path: &str, body: &str) {
    let request = format!(
        "{method} /__mock/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = Raw::exchange(server.address, &request).await;
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

/// Nobody is left, what was counted is what happened, and memory has not grown.
#[cfg(target_os = "linux")]
async fn add_up(server: &Binary, tally: &Tally, memory: &[u64]) {
    let metrics = loop {
        let metrics = server.control("metrics").await;
        if figure(&metrics, "ws_mock_connections_open") == 0 {
            break metrics;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let told = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(
        figure(&metrics, "ws_mock_connections_total"),
        told(&tally.connections)
    );
    let received = figure(&metrics, "ws_mock_messages_received_total");
    let (sure, perhaps) = (told(&tally.answered), told(&tally.uncertain));
    assert!(
        (sure..=sure + perhaps).contains(&received),
        "{received} received; {sure} are sure, {perhaps} uncertain"
    );
    assert!(figure(&metrics, "ws_mock_messages_sent_total") >= sure);
    let third = memory.len() / 3;
    let mean = |part: &[u64]| part.iter().sum::<u64>() / part.len() as u64;
    // The first third holds the journal's filling up.
    let (early, late) = (mean(&memory[third..2 * third]), mean(&memory[2 * third..]));
    assert!(
        late < early + early / 10 + (4 << 20),
        "memory grew from {early} to {late} bytes"
    );
    println!(
        "{sure} requests answered, {} connections, memory {} → {} MiB: nothing lost, nothing grown",
        told(&tally.connections),
        early >> 20,
        late >> 20
    );
}

#[cfg(target_os = "linux")]
fn figure(metrics: &str, name: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect(name).parse().unwrap()
}
