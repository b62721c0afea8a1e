//! Real clients of other people's making: npm's `ws` and `socket.io-client`, Python's `websockets`.
//!
//! Their packages are installed into the build folder. A machine that has no Node or Python, or cannot install them,
//! is told so; under `CI` that is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("{command:?}\n{text}"))
    }
}

/// Whether a tool's packages are there; without them under `CI` the test fails.
pub(crate) fn installed(installing: Result<String, String>) -> bool {
    match installing {
        Ok(_) => true,
        Err(why) if std::env::var_os("CI").is_some() => panic!("{why}"),
        Err(why) => {
            eprintln!("not run, since its packages cannot be had: {why}");
            false
        }
    }
}

/// A running `ws-mock serve`, gone when dropped.
struct Served {
    child: std::process::Child,
    log: PathBuf,
    http: String,
    ws: String,
}

impl Served {
    fn start(scenario: &str, more: &[&str]) -> Served {
        // Two tests may serve the same scenario at the same time.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{scenario}-{}-{number}", std::process::id());
        let ready = folder("ready").join(format!("{name}.json"));
        let log = folder("ready").join(format!("{name}.log"));
        let _ = std::fs::remove_file(&ready);
        let child = Command::new(env!("CARGO_BIN_EXE_ws-mock"))
            .args(["serve", scenario, "--port", "0", "--no-ssl", "--ready-file"])
            .arg(&ready)
            .args(more)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let began = std::time::Instant::now();
        let text = loop {
            match std::fs::read_to_string(&ready) {
                Ok(text) => break text,
                Err(_) => assert!(began.elapsed().as_secs() < 20, "no ready file"),
            }
            std::thread::yield_now();
        };
        let ready: serde_json::Value = serde_json::from_str(&text).unwrap();
        let url = |name: &str| ready[name].as_str().unwrap().to_owned();
        Served {
            child,
            log,
            http: url("http"),
            ws: url("ws"),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The tests run side by side; Node's packages are installed once.
static INSTALLED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();

/// Runs a script, and answers whether it could be run.
fn node(script: &str, args: &[&str]) -> bool {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let there = folder("clients");
    let ready = *INSTALLED.get_or_init(|| {
        for entry in std::fs::read_dir(&here).unwrap() {
            let file = entry.unwrap().file_name();
            std::fs::copy(here.join(&file), there.join(&file)).unwrap();
        }
        let npm = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .current_dir(&there)
            .stdin(Stdio::null())
            .output();
        installed(match npm {
            Ok(output) if output.status.success() => Ok(String::new()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        })
    });
    if ready {
        let said = run(Command::new("node")
            .arg(script)
            .args(args)
            .current_dir(&there));
        println!("{}", said.unwrap_or_else(|why| panic!("{why}")));
    }
    ready
}

#[test]
fn containers_log_counts_the_clients_of_companies() {
    let served = Served::start("containers", &["--clock", "manual"]);
    if !node("companies.mjs", &[&served.http]) {
        return;
    }
    let log = std::fs::read_to_string(&served.log).unwrap();
    let mut lines = log.lines();
    for wanted in [
        "[ACTIVE] 1 WebSocket connection(s) detected for ТОО EcoTracker",
        "[ACTIVE] 2 WebSocket connection(s) detected for ТОО EcoTracker",
        "STAGE 1/6: 1 full, 1 partial, 1 empty",
        "[BROADCAST] container_updated to company_1: 2 client(s)",
        "[BROADCAST] location_updated to company_1: 2 client(s)",
        "[IDLE] No active WebSocket connections for ТОО EcoTracker",
    ] {
        let found = lines.any(|line| line.contains(wanted));
        assert!(found, "no `{wanted}` at its place in\n{log}");
    }
}

#[test]
fn socket_io_client_by_every_transport() {
    let served = Served::start("containers", &["--clock", "manual"]);
    node("socketio.mjs", &[&served.http]);
}

#[test]
fn nodes_ws_asks_many_things_at_once() {
    let served = Served::start("stations", &["--clock", "2024-01-20T10:30:00Z"]);
    node("stations.mjs", &[&served.ws]);
}

#[test]
fn a_master_a_client_and_an_administrator_meet() {
    let served = Served::start("assignments", &["--clock", "2024-01-20T10:30:00Z"]);
    let token = |user: &str, role: &str| {
        let claims = [format!("userId={user}"), format!("role={role}")];
        let mut command = Command::new(env!("CARGO_BIN_EXE_ws-mock"));
        command.args(["token", "-q", "--scenario", "assignments"]);
        command.args(["--claim", &claims[0], "--claim", &claims[1]]);
        run(&mut command).unwrap().trim().to_owned()
    };
    let master = token("5", "master");
    let client = token("101", "client");
    let admin = token("1000", "admin");
    node("assignments.mjs", &[&served.http, &master, &client, &admin]);
}

#[test]
fn pythons_websockets_has_the_conversation_of_the_readme() {
    let there = folder("python");
    let python = there.join("bin/python");
    let ready = python.exists()
        || installed(run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(&there)));
    let has = |python: &Path| run(Command::new(python).args(["-c", "import websockets"])).is_ok();
    if !ready
        || !(has(&python)
            || installed(run(Command::new(&python).args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "websockets",
            ]))))
    {
        return;
    }
    let served = Served::start("towers", &["--clock", "manual"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/towers.py");
    let said = run(Command::new(&python)
        .arg(script)
        .arg(&served.ws)
        .arg(&served.http));
    println!("{}", said.unwrap_or_else(|why| panic!("{why}")));
}
