//! Bytes and messages, without IO.

pub mod engineio;
pub mod socketio;
pub mod ws;
