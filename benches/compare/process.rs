//! What a process has cost so far, read from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

const TICK: Duration = Duration::from_millis(10);

/// The processor time a process uses from now on.
pub(crate) struct Meter {
    pid: u32,
    start: Duration,
}

impl Meter {
    pub(crate) fn start(pid: u32) -> Result<Self> {
        let start = cpu(pid)?;
        Ok(Self { pid, start })
    }

    /// Of this program itself.
    pub(crate) fn start_own() -> Result<Self> {
        Self::start(std::process::id())
    }

    /// Microseconds for each of `count`.
    pub(crate) fn each(&self, count: usize) -> Result<f64> {
        let used = cpu(self.pid)?.saturating_sub(self.start);
        Ok(used.as_secs_f64() * 1e6 / count.max(1) as f64)
    }
}

/// In user space and in the kernel.
fn cpu(pid: u32) -> Result<Duration> {
    match scheduled(pid) {
        Some(time) if !time.is_zero() => Ok(time),
        _ => ticks(pid),
    }
}

/// To the nanosecond, where the kernel keeps it. Threads that have ended are missing, and none of the servers ends any.
fn scheduled(pid: u32) -> Option<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let figures = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        total += figures.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(total))
}

fn ticks(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("reading `{path}`"))?;
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || fields.next().and_then(|field| field.parse::<u32>().ok());
    let (user, system) = next()
        .zip(next())
        .with_context(|| format!("`{path}` has no times"))?;
    Ok(TICK * (user + system))
}

/// The bytes of memory a process holds.
pub(crate) fn memory(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading `{path}`"))?;
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(1024 * kilobytes.with_context(|| format!("`{path}` has no VmRSS"))?)
}
