//! The integration tests: one binary, a module a capability.

fn main() {}
