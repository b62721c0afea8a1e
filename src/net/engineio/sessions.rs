//! All sessions of a server, by ids that cannot be guessed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use super::session::Session;

#[derive(Default)]
pub(in super::super) struct Sessions(Mutex<HashMap<String, Arc<Session>>>);

impl Sessions {
    fn map(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.map().len()
    }

    pub(super) fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.map().get(sid).cloned()
    }

    pub(super) fn insert(&self, sid: String, session: Arc<Session>) {
        self.map().insert(sid, session);
    }

    pub(super) fn remove(&self, sid: &str) {
        self.map().remove(sid);
    }
}

/// Fifteen random bytes as text. No seed determines them, so that no client can guess another's session. `None` if the
/// system has no random numbers.
pub(super) fn secret() -> Option<String> {
    let mut bytes = [0; 15];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}
