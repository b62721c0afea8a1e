//! Waits until a ws-mock that was started takes connections.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Millions of stations take their time.
const PATIENCE: Duration = Duration::from_mins(5);

/// The port in its ready file.
pub(crate) fn port_in_file(path: &Path, child: &mut Child) -> Result<u16> {
    let start = Instant::now();
    while !path.exists() {
        if let Some(status) = child.try_wait()? {
            bail!("it ended ({status}) before it was ready");
        }
        if start.elapsed() > PATIENCE {
            bail!("it was not ready after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let port = ready["port"]
        .as_u64()
        .context("no `port` in the ready file")?;
    Ok(port.try_into()?)
}
