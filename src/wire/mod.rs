//! Bytes and messages, without IO.

pub mod engineio;
pub mod jwt;
pub mod socketio;
pub mod ws;
