//! The real binary for as long as asked, under clients good and bad: `cargo bench --bench soak -- 5m`.
//!
//! In rounds: a storm of all at once, then silence, then a calm in which every figure has to add up. At the end
//! nothing was lost, and neither memory nor file descriptors have grown.

#![allow(clippy::print_stdout, reason = "a table is what this program is for")]

mod good;
mod hands;
mod ledger;
mod link;
mod mock;
#[allow(dead_code, reason = "the comparison measures processor time as well")]
#[path = "../compare/process.rs"]
mod process;
#[path = "../compare/ready.rs"]
mod ready;
mod rude;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tokio::task::JoinSet;
use tokio::time::sleep;
use ws_mock::base::Chance;

use crate::ledger::{Ledger, get};
use crate::link::Way;
use crate::mock::{Dialect, Figures, Mock};

/// Clients that behave, and clients that do not, at a time on each mock.
const GOOD: u64 = 8;
const RUDE: u64 = 5;
/// What `--lose` does.
const LOSSES: &str = r#"[{"kind":"drop","on":["list"],"share":0.1}]"#;
/// Clients of the calm, and what each asks.
const CALM: u64 = 6;
const REQUESTS: u64 = 30;
/// For what has been left behind to be noticed: heartbeats, closes, writes.
const SILENCE: Duration = Duration::from_secs(30);
/// The shortest that says something about memory.
const ROUNDS: usize = 6;
/// What memory may grow by, from the first third of the rounds to the last.
const GROWTH: f64 = 1.1;
const SLACK: u64 = 4 << 20;

/// Runs ws-mock under load for as long as asked and tells whether anything was lost or has grown.
#[derive(Parser)]
#[command(name = "soak")]
struct Options {
    /// How long: `5m`, `2h`
    #[arg(default_value = "3m", value_parser = duration)]
    time: Duration,
    /// What is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The ws-mock to soak; the one built with this if absent
    #[arg(long, env = "WS_MOCK_BINARY", default_value = env!("CARGO_BIN_EXE_ws-mock"))]
    ws_mock: PathBuf,
    /// Lose an answer now and then in the calm: it has to be noticed
    #[arg(long)]
    lose: bool,
    /// What cargo says to a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    ws_mock::lang::duration(text).ok_or_else(|| "a time such as `5m` or `2h`".to_owned())
}

fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` runs this too, and means a test.
        eprintln!("soaks only under `cargo bench --bench soak`");
        return Ok(());
    }
    let options = Options::parse();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(soak(&options))
}

/// What is known of a mock.
struct Tub {
    mock: Arc<Mock>,
    ledger: Arc<Ledger>,
    samples: Vec<Sample>,
}

#[derive(Clone, Copy)]
struct Sample {
    memory: u64,
    descriptors: usize,
}

async fn soak(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut tubs = Vec::new();
    for dialect in [Dialect::Json, Dialect::SocketIo] {
        tubs.push(Tub {
            mock: Arc::new(Mock::start(&options.ws_mock, folder.path(), dialect)?),
            ledger: Arc::default(),
            samples: Vec::new(),
        });
    }
    let start = Instant::now();
    let storm = (options.time / 20).clamp(Duration::from_secs(5), Duration::from_mins(1));
    let mut round = 0;
    println!(
        "| round | mock | connections | answers | pushes | open | memory, KiB | descriptors | wrong |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    while start.elapsed() < options.time || round < ROUNDS {
        round += 1;
        let seed = options
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(round as u64);
        let mut storms = JoinSet::new();
        for tub in &tubs {
            storms.spawn(rage(tub.mock.clone(), tub.ledger.clone(), seed, storm));
        }
        while let Some(raged) = storms.join_next().await {
            raged?;
        }
        for tub in &mut tubs {
            tub.settle(round, seed, options.lose).await?;
        }
    }
    let mut wrong = 0;
    for tub in &tubs {
        tub.judge().await?;
        wrong += tub.ledger.mistakes();
    }
    println!();
    for tub in &tubs {
        println!("{}", tub.sum().await?);
    }
    println!("{round} rounds in {:.0?}: {wrong} wrong", start.elapsed());
    ensure!(wrong == 0, "{wrong} wrong");
    Ok(())
}

/// Everybody at once.
async fn rage(mock: Arc<Mock>, ledger: Arc<Ledger>, seed: u64, time: Duration) {
    let deadline = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for slot in 0..GOOD + RUDE {
        let (mock, ledger) = (mock.clone(), ledger.clone());
        tasks.spawn(async move {
            let mut chance = Chance::stream(seed, "slot", slot);
            while Instant::now() < deadline {
                let way = way(mock.dialect, slot);
                let (who, came) = if slot < GOOD {
                    let asks = (5 + chance.below(60), good::STORM);
                    (
                        "good",
                        good::visit(&mock, way, &ledger, &mut chance, asks).await,
                    )
                } else {
                    let came = rude::visit(&mock, way, &ledger, &mut chance).await;
                    sleep(Duration::from_millis(chance.below(150))).await;
                    ("rude", came)
                };
                if let Err(error) = came {
                    ledger.wrong(format!("a {who} client, {way:?}: {error:#}"));
                }
            }
        });
    }
    let mut chance = Chance::stream(seed, "hands", 0);
    if let Err(error) = hands::work(&mock, &mut chance, deadline).await {
        ledger.wrong(format!("the control API: {error:#}"));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            ledger.wrong(format!("a client: {error}"));
        }
    }
}

fn way(dialect: Dialect, slot: u64) -> Way {
    match dialect {
        Dialect::Json => Way::Json,
        Dialect::SocketIo if slot.is_multiple_of(2) => Way::SocketIo,
        Dialect::SocketIo => Way::Polling,
    }
}

impl Tub {
    /// Everybody leaves; then a few come back whose every message is counted.
    async fn settle(&mut self, round: usize, seed: u64, lose: bool) -> Result<()> {
        let before = self.silence().await?;
        if lose {
            self.mock.control("PUT", "faults", LOSSES).await?;
        }
        let expected = Count::of(&self.ledger);
        let mut tasks = JoinSet::new();
        for slot in 0..CALM {
            let (mock, ledger) = (self.mock.clone(), self.ledger.clone());
            tasks.spawn(async move {
                let mut chance = Chance::stream(seed, "calm", slot);
                let way = way(mock.dialect, slot);
                good::visit(&mock, way, &ledger, &mut chance, (REQUESTS, good::CALM)).await
            });
        }
        while let Some(came) = tasks.join_next().await {
            if let Err(error) = came? {
                self.ledger
                    .wrong(format!("a client of the calm: {error:#}"));
            }
        }
        if lose {
            self.mock.control("DELETE", "faults", "").await?;
        }
        let after = self.silence().await?;
        let counted = Count::of(&self.ledger);
        let added = [
            (
                "connections",
                after.connections - before.connections,
                counted.connections - expected.connections,
            ),
            (
                "messages received",
                after.received - before.received,
                counted.said - expected.said,
            ),
            (
                "messages sent",
                after.sent - before.sent,
                counted.heard - expected.heard,
            ),
            (
                "messages journalled",
                after.journalled - before.journalled,
                counted.said + counted.heard - expected.said - expected.heard,
            ),
        ];
        for (what, theirs, ours) in added {
            if theirs != ours {
                self.ledger.wrong(format!(
                    "in the calm {ours} {what} by the clients, {theirs} by the mock"
                ));
            }
        }
        let sample = Sample {
            memory: self.mock.memory()?,
            descriptors: self.mock.descriptors().await?,
        };
        self.samples.push(sample);
        println!(
            "| {round} | {:?} | {} | {} | {} | {} | {} | {} | {} |",
            self.mock.dialect,
            after.connections,
            get(&self.ledger.answers),
            get(&self.ledger.pushes),
            after.open,
            sample.memory >> 10,
            sample.descriptors,
            self.ledger.mistakes()
        );
        Ok(())
    }

    /// Waits until the mock knows that nobody is there.
    async fn silence(&self) -> Result<Figures> {
        let start = Instant::now();
        loop {
            let figures = self.mock.figures().await?;
            if figures.open == 0 {
                let rooms = self.mock.items("rooms").await?;
                let here = self.mock.items("connections").await?;
                if !rooms.is_empty() || !here.is_empty() || figures.waiting > 0 {
                    self.ledger.wrong(format!(
                        "nobody is there, but {rooms:?} {here:?}, {} wait",
                        figures.waiting
                    ));
                }
                return Ok(figures);
            }
            if start.elapsed() > SILENCE {
                let here = self.mock.control("GET", "connections", "").await?;
                self.ledger.wrong(format!(
                    "{} connections that nobody has: {here:.600}",
                    figures.open
                ));
                return Ok(figures);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What holds at the end only.
    async fn judge(&self) -> Result<()> {
        let (figures, ledger) = (self.mock.figures().await?, &self.ledger);
        let within = [
            (
                "connections",
                figures.connections,
                get(&ledger.connections),
                get(&ledger.perhaps_connections),
            ),
            (
                "messages received",
                figures.received,
                get(&ledger.said),
                get(&ledger.perhaps_said),
            ),
            (
                "messages that are no JSON",
                figures.invalid,
                get(&ledger.rubbish),
                0,
            ),
            (
                "messages too many",
                figures.limited,
                get(&ledger.limited),
                0,
            ),
        ];
        for (what, found, surely, perhaps) in within {
            if !(surely..=surely + perhaps).contains(&found) {
                ledger.wrong(format!(
                    "{found} {what} by the mock, {surely} and perhaps {perhaps} more by the clients"
                ));
            }
        }
        if figures.sent < get(&ledger.heard) {
            ledger.wrong(format!(
                "{} messages heard, {} sent",
                get(&ledger.heard),
                figures.sent
            ));
        }
        let busy = [
            ("answers", &ledger.answers),
            ("pushes", &ledger.pushes),
            ("journals compared", &ledger.compared),
        ];
        for (what, count) in busy {
            if get(count) == 0 {
                ledger.wrong(format!("no {what}: nothing was tried"));
            }
        }
        self.growth()
    }

    fn growth(&self) -> Result<()> {
        // The first round fills the journal and whatever else has a bound.
        let rounds = &self.samples[1..];
        let third = (rounds.len() / 3).max(1);
        let (first, last) = (&rounds[..third], &rounds[rounds.len() - third..]);
        let memory = |of: &[Sample]| median(of.iter().map(|sample| sample.memory));
        let descriptors = |of: &[Sample]| median(of.iter().map(|sample| sample.descriptors as u64));
        let (early, late) = (memory(first)?, memory(last)?);
        if late as f64 > early as f64 * GROWTH + SLACK as f64 {
            self.ledger.wrong(format!(
                "memory has grown from {} to {} KiB",
                early >> 10,
                late >> 10
            ));
        }
        let (early, late) = (descriptors(first)?, descriptors(last)?);
        if late > early {
            self.ledger
                .wrong(format!("open files have grown from {early} to {late}"));
        }
        Ok(())
    }

    async fn sum(&self) -> Result<String> {
        let (figures, ledger) = (self.mock.figures().await?, &self.ledger);
        Ok(format!(
            "{:?}: {} connections, {} messages received and {} sent; {} answers and {} pushes without a gap, {} \
             journals compared, {} refused, {} cut off, {} too many, {} times rubbish",
            self.mock.dialect,
            figures.connections,
            figures.received,
            figures.sent,
            get(&ledger.answers),
            get(&ledger.pushes),
            get(&ledger.compared),
            get(&ledger.refused),
            get(&ledger.cut_off),
            get(&ledger.limited),
            get(&ledger.rubbish),
        ))
    }
}

/// What the clients have counted.
struct Count {
    connections: u64,
    said: u64,
    heard: u64,
}

impl Count {
    fn of(ledger: &Ledger) -> Self {
        Self {
            connections: get(&ledger.connections),
            said: get(&ledger.said),
            heard: get(&ledger.heard),
        }
    }
}

fn median(figures: impl Iterator<Item = u64>) -> Result<u64> {
    let mut figures: Vec<u64> = figures.collect();
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().context("no rounds")
}
