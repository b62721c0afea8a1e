//! The servers that are compared: how each is started, where it then listens, and how it ends.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::connection::Door;
use crate::process::{self, Meter};
use crate::ready;
use crate::setup::Setup;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    /// What all this is about
    WsMock,
    /// The obvious mock on npm's `ws`
    Node,
    /// The obvious mock on Python's `websockets`
    Python,
    /// A bare echo of a payload of the same size, by tokio-tungstenite
    Tungstenite,
    /// The same through ws-mock's own frame codec: the ceiling
    Codec,
}

/// How a server is to run for one measurement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    pub(crate) tls: bool,
    /// How often it pushes to everybody; never if absent.
    pub(crate) push: Option<Duration>,
    /// The size of a bare peer's answers.
    pub(crate) answer: usize,
    /// So many stations instead of the scenario's hundred.
    pub(crate) stations: Option<usize>,
}

/// A server that runs until this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) door: Door,
}

impl Server {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WsMock => "ws-mock",
            Self::Node => "Node `ws`",
            Self::Python => "Python `websockets`",
            Self::Tungstenite => "bare tokio-tungstenite",
            Self::Codec => "bare own codec",
        }
    }

    /// Whether it only echoes, and has neither pushes nor TLS.
    pub(crate) fn bare(self) -> bool {
        matches!(self, Self::Tungstenite | Self::Codec)
    }

    /// Starts it, and waits until it takes connections.
    pub(crate) fn start(self, setup: &Setup, manner: Manner) -> Result<Running> {
        let ready_file = setup.folder().join("ready.json");
        let log = setup.folder().join("server.log");
        let _ = std::fs::remove_file(&ready_file);
        let mut command = self.command(setup, manner, &ready_file)?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?);
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", self.name()))?;
        let port = match self {
            Self::WsMock => ready::port_in_file(&ready_file, &mut child),
            _ => port_on_stdout(&mut child),
        };
        match port {
            Ok(port) => Ok(Running {
                child,
                door: Door {
                    address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                    path: "/ws".to_owned(),
                    tls: manner.tls.then(|| setup.connector()),
                },
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("{} did not start{}", self.name(), last_words(&log))))
            }
        }
    }

    fn command(self, setup: &Setup, manner: Manner, ready_file: &Path) -> Result<Command> {
        let mut command = match self {
            Self::WsMock => return Ok(ws_mock(setup, manner, ready_file)),
            Self::Node => peer("node", "node/server.js"),
            Self::Python => {
                let python = setup.peers().join("python/.venv/bin/python");
                peer(python, "python/server.py")
            }
            Self::Tungstenite | Self::Codec => {
                let carrier = if self == Self::Codec {
                    "codec"
                } else {
                    "tungstenite"
                };
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--bench", "--bare", carrier]);
                command.arg("--answer").arg(manner.answer.to_string());
                return Ok(command);
            }
        };
        command.current_dir(setup.peers());
        if let Some(every) = manner.push {
            command.arg("--push").arg(every.as_millis().to_string());
        }
        if manner.tls {
            command.arg("--cert").arg(setup.certificate());
            command.arg("--key").arg(setup.key());
        }
        Ok(command)
    }
}

fn peer(program: impl Into<PathBuf>, script: &str) -> Command {
    let mut command = Command::new(program.into());
    command.arg(script).args(["--port", "0"]);
    command
}

fn ws_mock(setup: &Setup, manner: Manner, ready_file: &Path) -> Command {
    let mut command = setup.ws_mock(ready_file);
    match manner.push {
        Some(every) => {
            let timer = format!("stationUpdate={}ms", every.as_millis());
            command.args(["--timer", &timer]);
        }
        None => {
            command.arg("--no-timers");
        }
    }
    if let Some(stations) = manner.stations {
        command.args(["--count", &format!("stations={stations}")]);
    }
    if manner.tls {
        command.arg("--ssl");
        command.arg("--cert").arg(setup.certificate());
        command.arg("--key").arg(setup.key());
    } else {
        command.arg("--no-ssl");
    }
    command
}

fn port_on_stdout(child: &mut Child) -> Result<u16> {
    let stdout = child.stdout.take().context("no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    line.trim().parse().with_context(|| {
        format!(
            "expected a port on its standard output, found `{}`",
            line.trim()
        )
    })
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    match text.trim_end().lines().last() {
        Some(line) => format!("; its last words: {line}"),
        None => String::new(),
    }
}

impl Running {
    /// Begins to count the processor time it uses.
    pub(crate) fn meter(&self) -> Result<Meter> {
        Meter::start(self.child.id())
    }

    /// The memory it holds.
    pub(crate) fn memory(&self) -> Result<u64> {
        process::memory(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
