//! The real binary, playing a scenario of a test's own, and its log.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::raw::Raw;

/// Longer than anything here is waited for.
const LONG: Duration = Duration::from_secs(20);

/// How often a condition is looked at that nothing tells of.
const LOOK: Duration = Duration::from_millis(20);

/// A running `ws-mock serve`, gone when dropped.
pub(crate) struct Binary {
    child: Child,
    /// Kept open: it is what the server writes to.
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    /// The scenario's file.
    pub(crate) file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Binary {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Binary {
    /// Plays a scenario's text on a free port.
    pub(crate) fn start(scenario: &str, options: &[&str]) -> Self {
        Self::run(
            Command::new(env!("CARGO_BIN_EXE_ws-mock")),
            scenario,
            options,
        )
    }

    /// The same, by a command that starts the binary.
    pub(crate) fn run(mut command: Command, scenario: &str, options: &[&str]) -> Self {
        let fixed = ["--host", "127.0.0.1", "--port", "0", "--no-watch"];
        // A variable, so that a test can still say `-q`.
        command.env("WS_MOCK_VERBOSE", "1");
        Self::serve(command, scenario, &[&fixed, options].concat())
    }

    /// With no options but these.
    pub(crate) fn serve(mut command: Command, scenario: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scenario.yaml");
        std::fs::write(&file, scenario).unwrap();
        command.arg("serve").arg(&file);
        command.args(options).env("WS_MOCK_DATA", folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        read_along(child.stderr.take().unwrap(), log.clone());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .split_once("://")
            .and_then(|(_, rest)| rest.split('/').next())
            .and_then(|address| address.trim().parse().ok())
            .unwrap_or_else(|| panic!("{line}{:#?}", log.lock().unwrap()));
        Self {
            child,
            _stdout: stdout,
            address,
            log,
            file,
            _folder: folder,
        }
    }

    /// Sends a signal such as `TERM`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// The exit code, which must come within the five seconds that a stop may take.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        exit_code(&mut self.child, Duration::from_secs(5))
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The first line that has all of these in it, as soon as there is one.
    pub(crate) async fn line(&self, parts: &[&str]) -> String {
        let fits = |line: &String| {
            let line = format!("{line} ");
            parts.iter().all(|part| line.contains(part))
        };
        self.until(
            || self.log().into_iter().find(fits),
            || format!("{parts:?}"),
        )
        .await
    }

    /// What a condition gives, once it gives something.
    pub(crate) async fn until<T>(
        &self,
        mut condition: impl FnMut() -> Option<T>,
        what: impl Fn() -> String,
    ) -> T {
        let by = Instant::now() + LONG;
        loop {
            if let Some(found) = condition() {
                return found;
            }
            assert!(Instant::now() < by, "never: {}\n{:#?}", what(), self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A request to the control API over a connection of its own.
    pub(crate) async fn control(&self, path: &str) -> String {
        let request =
            format!("GET /__mock/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Raw::exchange(self.address, &request).await.body
    }

    /// How often a limit was reached.
    pub(crate) async fn counted(&self, limit: &str) -> u64 {
        counted(&self.control("metrics").await, limit)
    }

    /// Bytes of memory, as the system sees them.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        kilobytes.unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Open file descriptors.
    #[cfg(target_os = "linux")]
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }
}

/// Sends a signal such as `TERM`.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).arg(child.id().to_string());
    assert!(kill.status().unwrap().success());
}

/// The exit code of a process, which must end in time; `None` if a signal ended it.
pub(crate) fn exit_code(child: &mut Child, time: Duration) -> Option<i32> {
    let by = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < by, "still running after {time:?}");
        std::thread::sleep(LOOK);
    }
}

/// How often a limit was reached, by the text of the metrics.
pub(crate) fn counted(metrics: &str, limit: &str) -> u64 {
    let name = format!("ws_mock_limits_hit_total{{limit=\"{limit}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.expect(&name).parse().unwrap()
}

/// Keeps every line that comes, so that the server is never held up by its log.
fn read_along(stderr: impl Read + Send + 'static, log: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            log.lock().unwrap().push(line);
        }
    });
}
