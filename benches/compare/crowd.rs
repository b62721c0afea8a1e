//! Many connections at once, each in a task that takes what comes and answers pings.

use std::time::Instant;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::{Connection, Door};

/// How many connect at the same time.
pub(crate) const AT_ONCE: usize = 64;
const READ_BUFFER: usize = 2048;

/// Connections that stay until this is dropped.
pub(crate) struct Crowd {
    members: Vec<JoinHandle<Result<()>>>,
    heard: mpsc::UnboundedReceiver<Instant>,
}

impl Crowd {
    /// Connects so many; each sends `frames`, one after the other's answer, before the next connects.
    pub(crate) async fn gather(door: &Door, count: usize, frames: Vec<Vec<u8>>) -> Result<Self> {
        let (sender, heard) = mpsc::unbounded_channel();
        let mut openers = JoinSet::new();
        for opener in 0..AT_ONCE.min(count) {
            let share = (count - opener).div_ceil(AT_ONCE.min(count));
            openers.spawn(open(door.clone(), share, frames.clone(), sender.clone()));
        }
        let mut members = Vec::with_capacity(count);
        while let Some(opened) = openers.join_next().await {
            members.extend(opened??);
        }
        Ok(Self { members, heard })
    }

    /// How many are still connected.
    pub(crate) fn present(&self) -> usize {
        self.members.iter().filter(|one| !one.is_finished()).count()
    }

    /// When the next message came to one of them.
    pub(crate) async fn hear(&mut self) -> Result<Instant> {
        self.heard.recv().await.context("everybody has left")
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.members.iter().for_each(JoinHandle::abort);
    }
}

async fn open(
    door: Door,
    count: usize,
    frames: Vec<Vec<u8>>,
    sender: mpsc::UnboundedSender<Instant>,
) -> Result<Vec<JoinHandle<Result<()>>>> {
    let mut members = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = Connection::open(&door, READ_BUFFER).await?;
        for frame in &frames {
            connection.queue(frame);
            while connection.exchange().await?.messages == 0 {}
        }
        members.push(tokio::spawn(stay(connection, sender.clone())));
    }
    Ok(members)
}

async fn stay(mut connection: Connection, sender: mpsc::UnboundedSender<Instant>) -> Result<()> {
    loop {
        for _ in 0..connection.exchange().await?.messages {
            sender.send(Instant::now())?;
        }
    }
}
