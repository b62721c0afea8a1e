//! Reasons to stop: signals, and the end of the process that a server belongs to.

use std::thread;
use std::time::Duration;

use anyhow::Context;
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
use tokio_util::sync::CancellationToken;

/// How often a process is looked for on systems that do not report its end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A token that is cancelled when the process is asked to stop or when the process `parent` has ended; 0 is the
/// process that started this one.
pub fn stop_token(parent: Option<u32>) -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let signal = signals().context("cannot listen for signals")?;
    let token = stop.clone();
    tokio::spawn(async move {
        signal.await;
        tracing::info!("stopping");
        token.cancel();
    });
    if let Some(parent) = parent {
        let token = stop.clone();
        // A thread, because it blocks until the process ends.
        let parent = if parent == 0 { own_parent() } else { parent };
        let watch = move || {
            wait_for_end(parent);
            tracing::info!(parent, "the parent process has ended: stopping");
            token.cancel();
        };
        let thread = thread::Builder::new().name("parent".to_owned());
        thread
            .spawn(watch)
            .context("cannot watch the parent process")?;
    }
    Ok(stop)
}

/// From now on signals do not end the process; the future ends with the first of them.
#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let heeded = !ignores_hangup();
    let mut hangup = heeded.then(|| signal(SignalKind::hangup())).transpose()?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            Some(()) = async { hangup.as_mut()?.recv().await } => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// `nohup` starts a process that ignores SIGHUP, and a handler would undo that.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Returns when the process has ended.
fn wait_for_end(id: u32) {
    #[cfg(target_os = "linux")]
    if wait_for_descriptor(id).is_ok() {
        return;
    }
    watch(id);
}

#[cfg(unix)]
fn own_parent() -> u32 {
    std::os::unix::process::parent_id()
}

#[cfg(not(unix))]
fn own_parent() -> u32 {
    let parent = || {
        let (mut system, own) = (System::new().ok()?, Pid::from_u32(std::process::id()));
        refresh(&mut system, own);
        system.process(own)?.parent()
    };
    parent().map_or(0, Pid::as_u32)
}

/// Unlike an id, a descriptor never comes to mean another process. Fails before Linux 5.3 and in some sandboxes.
#[cfg(target_os = "linux")]
fn wait_for_descriptor(id: u32) -> rustix::io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
        return Ok(());
    };
    let is_parent = own_parent() == id;
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(()),
        opened => opened?,
    };
    if is_parent && own_parent() != id {
        // It ended meanwhile, and the descriptor may be that of a successor.
        return Ok(());
    }
    loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], None) {
            Err(Errno::INTR) => {}
            ended => return ended.map(drop),
        }
    }
}

/// Looks for the process again and again. A later process with its id has another start time.
fn watch(id: u32) {
    let Ok(mut system) = System::new() else {
        tracing::warn!("cannot look for processes here, so the end of the parent goes unnoticed");
        loop {
            thread::park();
        }
    };
    let mut started = || {
        refresh(&mut system, Pid::from_u32(id));
        let process = system.process(Pid::from_u32(id))?;
        let ended = matches!(
            process.status(),
            ProcessStatus::Zombie | ProcessStatus::Dead
        );
        (!ended).then(|| process.start_time())
    };
    let first = started();
    while first.is_some() && started() == first {
        thread::sleep(LOOK_EVERY);
    }
}

fn refresh(system: &mut System, id: Pid) {
    let only = ProcessesToUpdate::Some(&[id]);
    system.refresh_processes_specifics(only, true, ProcessRefreshKind::nothing());
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn end_of_a_process_is_noticed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let id = child.id();
        let waits = [
            thread::spawn(move || wait_for_end(id)),
            thread::spawn(move || watch(id)),
        ];
        thread::sleep(LOOK_EVERY * 2);
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        child.kill().unwrap();
        // Still a zombie, which counts as ended, because only the next line reaps it.
        for wait in waits {
            wait.join().unwrap();
        }
        child.wait().unwrap();
        wait_for_end(id);
        watch(id);
    }
}
