//! Pauses that double up to a bound, each shortened by up to half at random, so that clients
//! that failed together do not come back together.

use std::time::Duration;

use crate::routing::mix;

/// The length of pauses.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first_us: u64,
    max_us: u64,
    state: u64,
}

impl Backoff {
    pub(super) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let first_us = micros(first).max(1);
        Self {
            first_us,
            max_us: micros(max).max(first_us),
            state: seed,
        }
    }

    /// The pause after this many failures in a row (1 is the first).
    pub(super) fn pause_us(&mut self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(32);
        let full = self
            .first_us
            .saturating_mul(1 << doublings)
            .min(self.max_us);
        self.state = self.state.wrapping_add(1);
        full - mix(self.state, 0, failures) % (full / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_differ() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1), 7);
        for (failures, full_ms) in [(1, 10), (2, 20), (3, 40), (7, 640), (8, 1000), (400, 1000)] {
            let pauses: Vec<_> = (0..50).map(|_| backoff.pause_us(failures)).collect();
            let full = full_ms * 1000;
            assert!(
                pauses.iter().all(|pause| (full / 2..=full).contains(pause)),
                "{pauses:?}"
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "no jitter");
        }
    }
}
