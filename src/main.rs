//! The door: parse, log, run, exit code.

fn main() {}
