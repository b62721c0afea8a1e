//! Bytes to messages and back, without IO.

pub mod engineio;
pub mod jwt;
pub mod socketio;
