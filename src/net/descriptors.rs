//! The number of sockets that the system allows this process.

/// Descriptors that are not for clients: listeners, files, the runtime.
const RESERVED: u64 = 64;

/// Raises the soft limit on file descriptors to the hard one. Returns the number of connections that fit, or `None` if
/// the system does not say.
pub fn raise() -> Option<usize> {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => usize::try_from(limit.saturating_sub(RESERVED)).ok(),
        Err(error) => {
            tracing::warn!(%error, "the limit on file descriptors cannot be read");
            None
        }
    }
}
