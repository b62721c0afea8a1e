//! ws-mock plays a real-time back end from a file, the scenario.
//!
//! The modules are in reading order, from the lowest floor up: each imports from those above it only.

pub mod base;
pub mod disk;

pub mod lang;

pub mod fault;
pub mod wire;
pub mod world;

pub mod engine;

pub mod dialect;

pub mod config;
pub mod hub;

pub mod net;

pub mod control;
pub mod server;

pub mod log;

pub mod cli;
pub mod cmd;
