//! When a core did one thing for so long that others had to wait: kept by kind, for LATENCY.
//!
//! Off until a threshold is set. Kept are, for each core and kind, the longest of each of the last
//! [`SECONDS_KEPT`] seconds in which there was any, and the longest of all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Seconds that are kept of each kind, as by Redis.
const SECONDS_KEPT: usize = 160;
/// What a core keeps while its book is being read.
const UNTOLD_MAX: usize = 64;

/// What a core did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pause {
    /// A batch of requests.
    Command,
    /// A slice of the engine's background work.
    EngineStep,
}

impl Pause {
    pub(crate) const ALL: [Self; 2] = [Self::Command, Self::EngineStep];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::EngineStep => "engine-step",
        }
    }
}

/// The pauses of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Series {
    /// Unix seconds and the longest pause in each, in milliseconds.
    pub(crate) seconds: VecDeque<(u64, u64)>,
    pub(crate) longest_ms: u64,
}

impl Series {
    fn add(&mut self, second: u64, ms: u64) {
        self.longest_ms = self.longest_ms.max(ms);
        match self.seconds.back_mut() {
            Some((last, longest)) if *last == second => *longest = (*longest).max(ms),
            _ => self.seconds.push_back((second, ms)),
        }
        let above = self.seconds.len().saturating_sub(SECONDS_KEPT);
        self.seconds.drain(..above);
    }

    /// Adds what another core kept.
    fn merge(&mut self, other: &Self) {
        let mut seconds: BTreeMap<u64, u64> = self.seconds.iter().copied().collect();
        for (second, ms) in &other.seconds {
            let longest = seconds.entry(*second).or_default();
            *longest = (*longest).max(*ms);
        }
        self.seconds = seconds.into_iter().collect();
        let above = self.seconds.len().saturating_sub(SECONDS_KEPT);
        self.seconds.drain(..above);
        self.longest_ms = self.longest_ms.max(other.longest_ms);
    }
}

type Book = [Series; Pause::ALL.len()];

/// The pauses of all cores.
#[derive(Debug)]
pub(crate) struct Pauses {
    /// Milliseconds; 0 keeps nothing.
    from_ms: AtomicU64,
    cores: Vec<Mutex<Book>>,
}

impl Pauses {
    pub(crate) fn new(cores: u16) -> Self {
        Self {
            from_ms: AtomicU64::new(0),
            cores: (0..cores).map(|_| Mutex::default()).collect(),
        }
    }

    /// From how many milliseconds on something is a pause; 0 for never.
    pub(crate) fn threshold_ms(&self) -> u64 {
        self.from_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_threshold_ms(&self, ms: u64) {
        self.from_ms.store(ms, Ordering::Relaxed);
    }

    /// The same in nanoseconds, the longest there is for never.
    #[inline]
    pub(super) fn threshold_ns(&self) -> u64 {
        match self.threshold_ms() {
            0 => u64::MAX,
            ms => ms.saturating_mul(1_000_000),
        }
    }

    /// The pauses of a kind, of all cores.
    pub(crate) fn of(&self, pause: Pause) -> Series {
        let mut all = Series::default();
        for core in &self.cores {
            let book = core.lock().unwrap_or_else(PoisonError::into_inner);
            all.merge(&book[pause as usize]);
        }
        all
    }

    /// Forgets a kind; whether there was anything.
    pub(crate) fn forget(&self, pause: Pause) -> bool {
        let mut had_any = false;
        for core in &self.cores {
            let mut book = core.lock().unwrap_or_else(PoisonError::into_inner);
            let forgotten = std::mem::take(&mut book[pause as usize]);
            had_any |= !forgotten.seconds.is_empty();
        }
        had_any
    }
}

/// What one core has to tell.
#[derive(Debug, Default)]
pub(super) struct OwnPauses {
    untold: Vec<(Pause, u64, u64)>,
}

impl OwnPauses {
    #[cold]
    pub(super) fn keep(&mut self, pause: Pause, now_ms: u64, took_ns: u64, to: (u16, &Pauses)) {
        if self.untold.len() < UNTOLD_MAX {
            let ms = took_ns / 1_000_000;
            self.untold.push((pause, now_ms / 1000, ms));
        }
        self.tell(to.0, to.1);
    }

    /// Moves what is not told yet to where others read it, unless somebody reads just now.
    #[inline]
    pub(super) fn tell(&mut self, core: u16, pauses: &Pauses) {
        if self.untold.is_empty() {
            return;
        }
        if let Some(Ok(mut book)) = pauses.cores.get(usize::from(core)).map(Mutex::try_lock) {
            for (pause, second, ms) in self.untold.drain(..) {
                book[pause as usize].add(second, ms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_each_second_is_kept_over_all_cores() {
        let pauses = Pauses::new(2);
        let mut cores = [OwnPauses::default(), OwnPauses::default()];
        for (core, at_ms, ms) in [(0, 1000, 5), (1, 1400, 9), (0, 1900, 7), (1, 3000, 2)] {
            let to = (core as u16, &pauses);
            cores[core].keep(Pause::Command, at_ms, ms * 1_000_000, to);
        }
        let series = pauses.of(Pause::Command);
        assert_eq!(series.seconds, [(1, 9), (3, 2)]);
        assert_eq!(series.longest_ms, 9);
        assert_eq!(pauses.of(Pause::EngineStep), Series::default());
        for second in 10..1000 {
            let to = (0, &pauses);
            cores[0].keep(Pause::Command, second * 1000, 1_000_000, to);
        }
        assert_eq!(pauses.of(Pause::Command).seconds.len(), SECONDS_KEPT);
        assert!(!pauses.forget(Pause::EngineStep));
        assert!(pauses.forget(Pause::Command));
        assert_eq!(pauses.of(Pause::Command), Series::default());
    }
}
