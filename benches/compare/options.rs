//! The command line: `cargo bench --bench compare -- small push --rounds 5`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::bare::Carrier;
use crate::servers::Server;

/// Compares ws-mock with the mocks that people write, on this machine, in turns, as ratios.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[command(name = "compare")]
pub(crate) struct Options {
    /// What to compare; everything if absent
    pub(crate) subjects: Vec<Subject>,
    /// Who takes part; everybody if absent. Ratios are against `node`
    #[arg(long, value_delimiter = ',')]
    pub(crate) servers: Vec<Server>,
    /// How often each server has its turn; medians are reported
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Requests a round (a tenth of them for the big answer)
    #[arg(long, default_value_t = 50_000)]
    pub(crate) requests: usize,
    /// Idle connections to hold
    #[arg(long, default_value_t = 10_000)]
    pub(crate) idle: usize,
    /// Connections that a push goes to
    #[arg(long, default_value_t = 5_000)]
    pub(crate) subscribers: usize,
    /// Handshakes a round
    #[arg(long, default_value_t = 3_000)]
    pub(crate) handshakes: usize,
    /// Stations of the large world
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) stations: usize,
    /// One round and a twentieth of everything: does it run at all?
    #[arg(long)]
    pub(crate) quick: bool,
    /// Ask over TLS too (`small`, `big`, `push`)
    #[arg(long)]
    pub(crate) tls: bool,
    /// Print the page for the docs instead of plain tables
    #[arg(long)]
    pub(crate) markdown: bool,
    /// The ws-mock to measure; the one built with this benchmark if absent
    #[arg(long, env = "WS_MOCK_BINARY", default_value = env!("CARGO_BIN_EXE_ws-mock"))]
    pub(crate) ws_mock: PathBuf,
    /// Be a bare peer instead of measuring
    #[arg(long, hide = true)]
    pub(crate) bare: Option<Carrier>,
    /// The bytes of its answers
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) answer: usize,
    /// What cargo says to a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// An answer of 3 kB: a filter, a page, some fields
    Small,
    /// An answer of 39 kB: 100 stations, all fields
    Big,
    /// Memory of connections that wait
    Idle,
    /// One push to everybody
    Push,
    /// New connections, ws and wss
    Handshake,
    /// From exec to ready
    Start,
    /// A world of very many stations; ws-mock alone
    Large,
}

impl Options {
    /// With `--quick` applied and nothing left open.
    pub(crate) fn decided(mut self) -> Self {
        if self.quick {
            self.rounds = 1;
            for figure in [
                &mut self.requests,
                &mut self.idle,
                &mut self.subscribers,
                &mut self.handshakes,
                &mut self.stations,
            ] {
                *figure /= 20;
            }
        }
        self.rounds = self.rounds.max(1);
        if self.subjects.is_empty() {
            self.subjects = Subject::value_variants().to_vec();
        }
        if self.servers.is_empty() {
            self.servers = Server::value_variants().to_vec();
        }
        self
    }
}
