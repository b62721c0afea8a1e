//! A world of very many stations: what a question costs wherever its answer lies, and what others notice of it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::connection::{Connection, Door};
use crate::frames;
use crate::outcome::Outcome;
use crate::report::{Table, short};
use crate::servers::{Manner, Server};
use crate::setup::Setup;

const ASKED: usize = 100;
const READ_BUFFER: usize = 64 * 1024;
const PAGE: usize = 20;
const COLUMNS: usize = 7;

/// One row a question, below them what the world itself takes.
pub(crate) async fn table(setup: &Setup, stations: usize) -> Result<Table> {
    let manner = |stations| Manner {
        stations: Some(stations),
        ..Manner::default()
    };
    let empty = Server::WsMock.start(setup, manner(0))?.memory()?;
    let start = Instant::now();
    let running = Server::WsMock.start(setup, manner(stations))?;
    let ready = start.elapsed();
    let made = running.memory()?.saturating_sub(empty);
    let mut table = Table::new::<COLUMNS>([
        "",
        "first, ms",
        "p50, ms",
        "p99, ms",
        "CPU, ms",
        "others' p50, ms",
        "others' p99, ms",
    ]);
    for (name, data) in questions(stations) {
        let mut connection = Connection::open(&running.door, READ_BUFFER).await?;
        let frame = ask(&data);
        let first = answered(&mut connection, &frame).await?;
        let others = Others::start(&running.door).await?;
        let meter = running.meter()?;
        let mut times = Vec::with_capacity(ASKED);
        for _ in 0..ASKED {
            times.push(answered(&mut connection, &frame).await?);
        }
        let (others, asked) = others.end().await?;
        // What the others asked costs too; it is the same question in every row.
        let cost = meter.each(ASKED)? / 1e3;
        ensure!(asked > 0, "the others were never answered");
        let times = Outcome::timed(cost, times);
        table.row([
            name,
            short(Some(first.as_secs_f64() * 1e3)),
            short(times.p50),
            short(times.p99),
            short(Some(times.figure)),
            short(others.p50),
            short(others.p99),
        ]);
    }
    let indexed = running.memory()?.saturating_sub(empty);
    let each = |bytes: u64| short(Some(bytes as f64 / stations as f64));
    for words in [
        format!("ready after {:.1} s", ready.as_secs_f64()),
        format!(
            "memory a station: {} B, with the indexes {} B",
            each(made),
            each(indexed)
        ),
    ] {
        let mut row = [const { String::new() }; COLUMNS];
        row[0] = words;
        table.row(row);
    }
    Ok(table)
}

fn questions(stations: usize) -> [(String, Value); 5] {
    let page = |page: usize| json!({ "page": page, "limit": PAGE });
    let deep = (stations / PAGE).saturating_sub(1).max(1);
    [
        (
            "the first page".to_owned(),
            json!({ "pagination": page(1) }),
        ),
        (format!("page {deep}"), json!({ "pagination": page(deep) })),
        (
            "a filter of two fields, page 3".to_owned(),
            json!({ "filters": { "status": "active", "connectedApp": "PowerGO" }, "pagination": page(3) }),
        ),
        (
            "a part of a city's name, page 1".to_owned(),
            json!({ "filters": { "city": "нов" }, "pagination": page(1) }),
        ),
        (
            "a part of an owner's name and two fields, page 1".to_owned(),
            json!({ "filters": { "owner": "eco", "status": "error", "connectedApp": "PowerGO" }, "pagination": page(1) }),
        ),
    ]
}

fn ask(data: &Value) -> Vec<u8> {
    let request =
        json!({ "type": "request", "action": "getStations", "data": data, "requestId": "large" });
    frames::text(request.to_string().as_bytes())
}

async fn answered(connection: &mut Connection, frame: &[u8]) -> Result<Duration> {
    connection.queue(frame);
    let start = Instant::now();
    while connection.exchange().await?.messages == 0 {}
    Ok(start.elapsed())
}

/// A client that asks for the first page all the while.
struct Others {
    done: oneshot::Sender<()>,
    asking: tokio::task::JoinHandle<Result<Vec<Duration>>>,
}

impl Others {
    async fn start(door: &Door) -> Result<Self> {
        let mut connection = Connection::open(door, READ_BUFFER).await?;
        let frame = ask(&json!({ "pagination": { "page": 1, "limit": 1 } }));
        let (done, mut is_done) = oneshot::channel();
        let asking = tokio::spawn(async move {
            let mut times = Vec::new();
            while is_done.try_recv().is_err() {
                times.push(answered(&mut connection, &frame).await?);
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
            Ok(times)
        });
        Ok(Self { done, asking })
    }

    async fn end(self) -> Result<(Outcome, usize)> {
        let _ = self.done.send(());
        let times = self.asking.await??;
        let count = times.len();
        Ok((Outcome::timed(0.0, times), count))
    }
}
