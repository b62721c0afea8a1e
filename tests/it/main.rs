//! Everything that needs a running server, in one binary.

#![allow(
    clippy::unwrap_used,
    reason = "a test that fails may panic, in its helpers too"
)]

mod clients;
mod command;
mod control;
mod examples;
mod language;
mod layers;
mod net;
mod promises;
mod readme;
mod support;
mod talks;
