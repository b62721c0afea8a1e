//! ws-mock plays a real-time back end from a file.

pub mod wire;
