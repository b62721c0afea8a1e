//! Bytes to messages and back, without IO.

pub mod ws;
