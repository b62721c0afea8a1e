//! Decisions for one running server: what the command line, the environment and the scenario came to.
//!
//! Invariant: made once at start; nothing here needs checking again.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::Limits;
use crate::lang::faults::Fault;

/// One running server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// How its world is made and moved.
    pub play: Play,
    /// Who may talk to it.
    pub access: Access,
    /// Bounds.
    pub limits: Limits,
}

/// Where a server listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The host as given, for URLs: `localhost`, `0.0.0.0`, `::1`.
    pub host: String,
    /// The addresses of that host.
    pub addresses: Vec<IpAddr>,
    /// 0 takes a free one, the same on all addresses.
    pub port: u16,
    /// Certificate chain and key, when TLS is on.
    pub tls: Option<Tls>,
    /// Written by rename once connections are accepted.
    pub ready_file: Option<PathBuf>,
}

/// TLS, when it is on.
#[derive(Debug, Clone)]
pub struct Tls {
    /// PEM certificate chain.
    pub cert: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// Whether plain `ws://` and `http://` are refused on the port.
    pub only: bool,
}

/// How the world is made and moved.
#[derive(Debug, Clone)]
pub struct Play {
    /// Fixes every generated value.
    pub seed: u64,
    /// Where the clock starts and whether it runs.
    pub clock: ClockStart,
    /// `--count COLLECTION=N`.
    pub counts: Vec<(String, u64)>,
    /// `--timer NAME=5s`.
    pub timers: Vec<(String, Duration)>,
    /// False under `--no-timers`.
    pub timers_run: bool,
    /// Whether unknown fields and filters are errors.
    pub strict: bool,
    /// `--fault`.
    pub faults: Vec<Fault>,
}

/// The clock at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockStart {
    /// Runs with the real time.
    Real,
    /// Stands at the real time of the start.
    Manual,
    /// Stands at this moment, in milliseconds since 1970.
    At(i64),
}

/// Who may talk to the server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `--allow-origin`: origins of pages that may use the mocked endpoints; `*` for all.
    pub origins: Vec<String>,
    /// `--allow-host`: further names in a `Host` header.
    pub hosts: Vec<String>,
    /// `--control-origin`: origins of pages that may use the control API.
    pub control_origins: Vec<String>,
    /// False under `--no-control`.
    pub control: bool,
}
