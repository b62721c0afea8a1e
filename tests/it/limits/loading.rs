//! Limits that are met before a client is: a scenario's own, and the system's.
