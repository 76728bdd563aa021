//! Settings of the node that may change while it runs: kept once, taken over by each core before it
//! executes anything that came after the change.
//!
//! A core looks at the number of changes once a turn. Settings of maps are in [`super::settings`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Config;

/// Keys of the configuration that may change; every other one holds for the node's life.
pub(crate) const CHANGEABLE: &[&str] = &[
    "spin_us",
    "gather_us",
    "connections_max",
    "input_bytes_max",
    "output_bytes_max",
    "buffer_bytes_max",
    "idle_timeout_ms",
    "slow_client_timeout_ms",
    "drain_timeout_ms",
    "events",
];

/// The configuration as it holds now.
#[derive(Debug)]
pub(crate) struct Tuning {
    changes: AtomicU64,
    config: Mutex<Arc<Config>>,
    /// Held by who changes several things that have to agree, for the time of one command.
    turn: Mutex<()>,
}

impl Tuning {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            changes: AtomicU64::new(0),
            config: Mutex::new(Arc::new(config.clone())),
            turn: Mutex::new(()),
        }
    }

    /// Changes so far.
    #[inline]
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Nobody else changes anything until the guard is gone.
    pub(crate) fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a configuration that is valid and differs in changeable keys only.
    pub(crate) fn set(&self, config: Config) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        self.changes.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KEYS;

    #[test]
    fn what_may_change_is_a_key() {
        for name in CHANGEABLE {
            assert!(KEYS.iter().any(|key| key.name == *name), "{name}");
        }
    }
}
