//! Bytes and messages, without IO.

pub mod ws;
