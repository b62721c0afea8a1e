//! How many sockets the system lets this process have.

/// Descriptors that are not for clients: listeners, files, the runtime.
const RESERVE: u64 = 64;

/// Raises the soft limit on file descriptors as far as it goes, and answers how many connections it allows;
/// `None` where the system does not say.
pub fn raise() -> Option<usize> {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => usize::try_from(limit.saturating_sub(RESERVE)).ok(),
        Err(error) => {
            tracing::warn!(%error, "the limit on file descriptors cannot be read");
            None
        }
    }
}
