//! Everything that needs a running server, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a test that fails may panic, in its helpers too; what clients say is shown; a table is as long as it is"
)]

mod circles;
mod clients;
mod command;
mod control;
mod engineio;
mod examples;
mod faults;
mod greedy;
mod hostile;
mod language;
mod layers;
mod lifecycle;
mod limits;
mod net;
mod operations;
mod promises;
mod readme;
mod replay;
mod rude;
mod seeds;
mod strangers;
mod support;
mod talks;
mod together;
