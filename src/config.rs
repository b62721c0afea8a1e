//! The configuration of one running server.
//!
//! Invariant: made from the command line, the environment and the scenario once, at start. Nothing here needs another
//! check.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::base::Limits;
use crate::lang::faults::Fault;

#[derive(Debug, Clone)]
pub struct Config {
    pub listen: Listen,
    pub play: Play,
    pub access: Access,
    pub limits: Limits,
}

#[derive(Debug, Clone)]
pub struct Listen {
    /// The host as given, for URLs: `localhost`, `0.0.0.0`, `::1`.
    pub host: String,
    /// The addresses of that host.
    pub addresses: Vec<IpAddr>,
    /// 0 takes a free one, the same on all addresses.
    pub port: u16,
    /// `None` turns TLS off.
    pub tls: Option<Tls>,
    pub ready_file: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Tls {
    /// PEM certificate chain.
    pub cert: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// Plain `ws://` and `http://` are refused on the port.
    pub only: bool,
}

/// How the world is made and moved.
#[derive(Debug, Clone)]
pub struct Play {
    /// Fixes every generated value.
    pub seed: u64,
    pub clock: ClockStart,
    /// Numbers of items by collection.
    pub counts: Vec<(String, u64)>,
    /// Intervals by timer.
    pub timers: Vec<(String, Duration)>,
    /// False if timers run only when they are fired.
    pub timers_run: bool,
    /// Unknown fields and filters are errors.
    pub strict: bool,
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockStart {
    /// Runs with the real time.
    Real,
    /// Held at the real time of the start.
    Manual,
    /// Held at this moment, in milliseconds since 1970.
    At(i64),
}

impl FromStr for ClockStart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<jiff::Timestamp>()) {
            ("real", _) => Ok(ClockStart::Real),
            ("manual", _) => Ok(ClockStart::Manual),
            (_, Ok(time)) => Ok(ClockStart::At(time.as_millisecond())),
            _ => Err("must be `real`, `manual` or a time such as 2024-01-20T10:30:00Z".to_owned()),
        }
    }
}

/// Who may talk to the server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Origins of pages that may use the mocked endpoints; `*` for all.
    pub origins: Vec<String>,
    /// Further names in a `Host` header.
    pub hosts: Vec<String>,
    /// Origins of pages that may use the control API.
    pub control_origins: Vec<String>,
    /// False turns the control API off.
    pub control: bool,
}
