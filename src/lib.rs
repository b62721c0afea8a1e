//! ws-mock plays a real-time back end from a file.

pub mod config;
pub mod hub;
pub mod net;
pub mod scenario;
pub mod server;
pub mod wire;
