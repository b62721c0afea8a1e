//! Sockets, from outside: handshakes, frames, ends, limits, TLS.

mod crowd;
mod ends;
mod frames;
mod handshakes;
mod http;
mod listening;
mod slow;

use std::time::Duration;

use crate::support::server::echo_hub;
use ws_mock::base::Limits;

use crate::support::server::{TestServer, config};

/// An echo at `/ws`.
fn echo(limits: Limits) -> TestServer {
    TestServer::start(&config(limits), echo_hub(&["/ws"], limits), None)
}

/// Limits whose times are short enough to wait for.
fn impatient() -> Limits {
    let short = Duration::from_millis(300);
    Limits {
        head_time: short,
        body_time: short,
        write_time: short,
        close_time: short,
        ..Limits::default()
    }
}
