//! The names of handlers, each kept once and for good.
//!
//! Journal, metrics and log pass a handler's name on with every message. A count of those who hold it would be written
//! by every thread, so nobody counts. What stays is what scenarios call their handlers: the metrics keep that anyway.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

static NAMES: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// The name, for as long as the process runs.
pub(super) fn intern(name: &str) -> &'static str {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name = Box::leak(Box::from(name));
    names.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::intern;

    #[test]
    fn a_name_is_kept_once() {
        let name = format!("a {}", "name");
        assert_eq!(intern(&name), "a name");
        assert!(std::ptr::eq(intern(&name), intern("a name")));
        assert_ne!(intern("another"), intern("a name"));
    }
}
