//! ws-mock plays a real-time back end from a file.
//!
//! In reading order: the JSON texts everything is made of, what a scenario declares, where chance and time come
//! from, the state, the bytes on the wire, the rules, and around them the hub, the sockets and the control API.

pub mod base;
pub mod disk;

pub mod lang;

pub mod fault;
pub mod wire;
pub mod world;

pub mod engine;

pub mod dialect;

pub mod hub;

pub mod control;
pub mod net;

pub mod server;

pub mod cli;
pub mod cmd;
pub mod config;
pub mod log;
