//! The measurements beside requests: idle memory, one push to many, handshakes, the start.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connection::{Connection, Door};
use crate::crowd::{AT_ONCE, Crowd};
use crate::outcome::Outcome;
use crate::process::Meter;
use crate::requests::Question;
use crate::servers::{Manner, Server};
use crate::setup::Setup;

const PUSH_EVERY: Duration = Duration::from_secs(1);
const PUSHES: usize = 8;
const STARTS: usize = 11;
const PATIENCE: Duration = Duration::from_secs(20);

/// Memory of each of `count` connections that have asked twice and now wait, in KiB.
pub(crate) async fn idle(
    server: Server,
    setup: &Setup,
    count: usize,
    tls: bool,
) -> Result<Outcome> {
    setup.check_room(count)?;
    let running = server.start(setup, quiet(tls))?;
    let mut twice = Question::Page.frames();
    twice.truncate(2);
    let _first = Crowd::gather(&running.door, 1, twice.clone()).await?;
    sleep(Duration::from_millis(200)).await;
    let before = running.memory()?;
    let crowd = Crowd::gather(&running.door, count, twice).await?;
    sleep(Duration::from_millis(500)).await;
    let after = running.memory()?;
    ensure!(crowd.present() == count, "connections were lost");
    Ok(Outcome {
        figure: after.saturating_sub(before) as f64 / 1024.0 / count as f64,
        ..Outcome::default()
    })
}

fn quiet(tls: bool) -> Manner {
    Manner {
        tls,
        push: None,
        answer: Question::Page.answer_size(),
        stations: None,
    }
}

/// Processor time for each delivery of a push to `count` connections; the times are from its first to its last.
pub(crate) async fn push(
    server: Server,
    setup: &Setup,
    count: usize,
    tls: bool,
) -> Result<Outcome> {
    setup.check_room(count)?;
    let manner = Manner {
        push: Some(PUSH_EVERY),
        ..quiet(tls)
    };
    let running = server.start(setup, manner)?;
    let mut crowd = Crowd::gather(&running.door, count, Vec::new()).await?;
    while timeout(PUSH_EVERY / 4, crowd.hear()).await.is_ok() {}

    let (own, theirs) = (Meter::start_own()?, running.meter()?);
    let mut spreads = Vec::with_capacity(PUSHES);
    for _ in 0..PUSHES {
        let first = next(&mut crowd).await?;
        let mut last = first;
        for _ in 1..count {
            last = last.max(next(&mut crowd).await?);
        }
        spreads.push(last - first);
    }
    let deliveries = PUSHES * count;
    ensure!(crowd.present() == count, "connections were lost");
    Ok(Outcome {
        load: Some(own.each(deliveries)?),
        ..Outcome::timed(theirs.each(deliveries)?, spreads)
    })
}

async fn next(crowd: &mut Crowd) -> Result<Instant> {
    timeout(PATIENCE, crowd.hear())
        .await
        .context("a push did not reach everybody")?
}

/// Processor time for each connection that comes, shakes hands and goes again.
pub(crate) async fn handshakes(
    server: Server,
    setup: &Setup,
    count: usize,
    tls: bool,
) -> Result<Outcome> {
    let running = server.start(setup, quiet(tls))?;
    shake(&running.door, count / 10).await?;
    let (own, theirs) = (Meter::start_own()?, running.meter()?);
    let start = Instant::now();
    let times = shake(&running.door, count).await?;
    let elapsed = start.elapsed();
    sleep(Duration::from_millis(100)).await;
    Ok(Outcome {
        rate: Some(times.len() as f64 / elapsed.as_secs_f64()),
        load: Some(own.each(times.len())?),
        ..Outcome::timed(theirs.each(times.len())?, times)
    })
}

async fn shake(door: &Door, count: usize) -> Result<Vec<Duration>> {
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE / 4 {
        let door = door.clone();
        tasks.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..count.div_ceil(AT_ONCE / 4) {
                let start = Instant::now();
                let connection = Connection::open(&door, 2048).await?;
                times.push(start.elapsed());
                timeout(PATIENCE, connection.close()).await??;
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(some) = tasks.join_next().await {
        times.extend(some??);
    }
    Ok(times)
}

/// Milliseconds from exec until ws-mock takes connections, with its certificate made before; for Node, `node -e 0`.
pub(crate) fn start(server: Server, setup: &Setup) -> Result<Outcome> {
    let once = match server {
        Server::WsMock => until_ready,
        Server::Node => until_node_ends,
        _ => bail!("nothing to compare"),
    };
    once(setup)?;
    let times = (0..STARTS)
        .map(|_| once(setup))
        .collect::<Result<Vec<_>>>()?;
    let outcome = Outcome::timed(0.0, times);
    Ok(Outcome {
        figure: outcome.p50.unwrap_or_default(),
        ..outcome
    })
}

fn until_ready(setup: &Setup) -> Result<Duration> {
    let ready_file = setup.folder().join("started.json");
    let _ = std::fs::remove_file(&ready_file);
    let mut command = setup.ws_mock(&ready_file);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let found = loop {
        if ready_file.exists() {
            break Ok(start.elapsed());
        }
        if child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
            break Err(anyhow::anyhow!("it did not start"));
        }
        std::thread::sleep(Duration::from_micros(100));
    };
    let _ = child.kill();
    child.wait()?;
    found
}

fn until_node_ends(_: &Setup) -> Result<Duration> {
    let start = Instant::now();
    let status = Command::new("node").args(["-e", "0"]).status()?;
    ensure!(status.success(), "`node -e 0` failed");
    Ok(start.elapsed())
}
