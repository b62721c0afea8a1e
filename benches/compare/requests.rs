//! N connections with M requests in flight each: what an answer costs the server, and how long it takes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use crate::connection::{Connection, Door};
use crate::frames;
use crate::outcome::Outcome;
use crate::process::Meter;
use crate::servers::{Manner, Server};
use crate::setup::Setup;

/// Node's compiler has to see some of it first.
const WARM_UP: usize = 3_000;
const READ_BUFFER: usize = 64 * 1024;
/// The whole list of stations, and a page of ten with some of their fields.
const BIG_ANSWER: usize = 37_000;
const SMALL_ANSWER: usize = 2_900;
const CITIES: [&str; 6] = [
    "Москва",
    "Санкт-Петербург",
    "Новосибирск",
    "Екатеринбург",
    "Казань",
    "Нижний Новгород",
];

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Ten stations of a city, without their coordinates.
    Page,
    /// All stations with all their fields.
    Everything,
}

/// How much is asked, by how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) question: Question,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) requests: usize,
    pub(crate) tls: bool,
}

impl Question {
    /// Its requests, framed.
    pub(crate) fn frames(self) -> Vec<Vec<u8>> {
        (0..60)
            .map(|n| frames::text(self.request(n).to_string().as_bytes()))
            .collect()
    }

    /// About how many bytes its answers have.
    pub(crate) fn answer_size(self) -> usize {
        match self {
            Self::Page => SMALL_ANSWER,
            Self::Everything => BIG_ANSWER,
        }
    }

    fn request(self, n: usize) -> serde_json::Value {
        let data = match self {
            Self::Page => json!({
                "fields": ["id", "name", "city", "owner", "connectedApp", "status", "totalEnergy", "currentPower",
                           "lastUpdate", "totalSessions", "utilization"],
                "filters": { "city": CITIES[n % CITIES.len()] },
                "pagination": { "page": 1, "limit": 10 },
            }),
            Self::Everything => json!({ "pagination": { "page": 1, "limit": 100 } }),
        };
        json!({ "type": "request", "action": "getStations", "data": data, "requestId": format!("request-{n}") })
    }
}

impl Load {
    /// Starts the server, warms it up, and measures.
    pub(crate) async fn measure(self, server: Server, setup: &Setup) -> Result<Outcome> {
        let manner = Manner {
            tls: self.tls,
            push: None,
            answer: self.question.answer_size(),
            stations: None,
        };
        let running = server.start(setup, manner)?;
        let frames = Arc::new(self.question.frames());
        let connections = self.connect(&running.door).await?;
        let warm_up = (self.requests / 10).max(WARM_UP);
        let (connections, _) = self.ask(connections, &frames, warm_up).await?;

        let (own, theirs) = (Meter::start_own()?, running.meter()?);
        let start = Instant::now();
        let (_connections, heard) = self.ask(connections, &frames, self.requests).await?;
        let elapsed = start.elapsed();
        let count = heard.latencies.len();
        let answer = heard.bytes / count as u64;
        let expected = self.question.answer_size() as u64;
        ensure!(
            answer > expected / 2 && answer < expected * 2,
            "its answers have `{answer}` bytes, expected about `{expected}`: are they errors?"
        );
        Ok(Outcome {
            rate: Some(count as f64 / elapsed.as_secs_f64()),
            answer: Some(answer),
            load: Some(own.each(count)?),
            ..Outcome::timed(theirs.each(count)?, heard.latencies)
        })
    }

    async fn connect(self, door: &Door) -> Result<Vec<Connection>> {
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(Connection::open(door, READ_BUFFER).await?);
        }
        Ok(connections)
    }

    async fn ask(
        self,
        connections: Vec<Connection>,
        frames: &Arc<Vec<Vec<u8>>>,
        requests: usize,
    ) -> Result<(Vec<Connection>, Heard)> {
        let quota = requests.div_ceil(connections.len());
        let mut tasks = JoinSet::new();
        for (first, connection) in connections.into_iter().enumerate() {
            tasks.spawn(self.converse(connection, Arc::clone(frames), first, quota));
        }
        let mut connections = Vec::new();
        let mut heard = Heard::default();
        while let Some(result) = tasks.join_next().await {
            let (connection, part) = result??;
            connections.push(connection);
            heard.bytes += part.bytes;
            heard.latencies.extend(part.latencies);
        }
        Ok((connections, heard))
    }

    /// Asks the next as soon as one is answered: everything that came at once is followed by one write.
    async fn converse(
        self,
        mut connection: Connection,
        frames: Arc<Vec<Vec<u8>>>,
        first: usize,
        quota: usize,
    ) -> Result<(Connection, Heard)> {
        let mut frames = frames.iter().cycle().skip(first % frames.len());
        let mut asked = VecDeque::with_capacity(self.in_flight);
        let mut heard = Heard::default();
        while heard.latencies.len() < quota {
            let open = quota - heard.latencies.len() - asked.len();
            for frame in frames.by_ref().take(open.min(self.in_flight - asked.len())) {
                connection.queue(frame);
                asked.push_back(Instant::now());
            }
            let counted = connection.exchange().await?;
            ensure!(
                counted.messages <= asked.len(),
                "more answers than requests: it pushes, or answers twice"
            );
            let now = Instant::now();
            heard.bytes += counted.bytes;
            let answered = asked.drain(..counted.messages);
            heard.latencies.extend(answered.map(|then| now - then));
        }
        Ok((connection, heard))
    }
}

#[derive(Default)]
struct Heard {
    latencies: Vec<Duration>,
    bytes: u64,
}
