//! Where requests come from: an endless mix, or every key once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::distribution::Sampler;
use crate::key::KeyClass;
use crate::operation::Operation;
use crate::rng::Rng;
use crate::workload::Mix;

/// One request to make: what, and for the key with which index (the first of several).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What to ask for.
    pub operation: Operation,
    /// Entry or counter.
    pub class: KeyClass,
    /// Which key.
    pub index: u64,
}

/// A supply of requests for one client core.
#[derive(Debug)]
pub struct Source {
    rng: Rng,
    sampler: Sampler,
    kind: SourceKind,
    /// How many more requests all client cores together may make; `None` for no limit.
    budget: Option<Arc<AtomicU64>>,
}

/// What a source supplies.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// Operations of a mix, on keys of the sampler.
    Mix(Mix),
    /// This operation once on each key of this class; all client cores share the cursor.
    Each {
        /// What to do with every key.
        operation: Operation,
        /// Entries or counters.
        class: KeyClass,
        /// How many keys there are.
        keys: u64,
        /// The next key that nobody has taken.
        cursor: Arc<AtomicU64>,
    },
}

impl Source {
    /// A supply drawn with this generator and sampler.
    #[must_use]
    pub const fn new(
        kind: SourceKind,
        sampler: Sampler,
        rng: Rng,
        budget: Option<Arc<AtomicU64>>,
    ) -> Self {
        Self {
            rng,
            sampler,
            kind,
            budget,
        }
    }

    /// The next request; `None` when there are no more.
    #[inline]
    pub fn draw(&mut self) -> Option<Ask> {
        if let Some(budget) = &self.budget {
            let take = |left: u64| left.checked_sub(1);
            budget
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .ok()?;
        }
        match &self.kind {
            SourceKind::Mix(mix) => {
                let operation = mix.next(&mut self.rng);
                let class = match operation {
                    Operation::Incr => KeyClass::Counter,
                    _ => KeyClass::Entry,
                };
                let index = match operation {
                    Operation::Noop => 0,
                    _ => self.sampler.next(&mut self.rng, operation.stores()),
                };
                Some(Ask {
                    operation,
                    class,
                    index,
                })
            }
            SourceKind::Each {
                operation,
                class,
                keys,
                cursor,
            } => {
                let index = cursor.fetch_add(1, Ordering::Relaxed);
                let ask = Ask {
                    operation: *operation,
                    class: *class,
                    index,
                };
                (index < *keys).then_some(ask)
            }
        }
    }

    /// Another key for a request with several.
    #[inline]
    pub fn another(&mut self, operation: Operation) -> u64 {
        self.sampler.next(&mut self.rng, operation.stores())
    }

    /// The run's random numbers, for what else a request draws.
    #[inline]
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;
    use crate::workload::Workload;

    fn source(kind: SourceKind, budget: Option<u64>) -> Source {
        let cursor = Arc::new(AtomicU64::new(0));
        let sampler = Sampler::new(Distribution::Uniform, 100, cursor);
        let budget = budget.map(|left| Arc::new(AtomicU64::new(left)));
        Source::new(kind, sampler, Rng::new(1, 1), budget)
    }

    #[test]
    fn each_key_is_asked_once_over_all_cores() {
        let cursor = Arc::new(AtomicU64::new(0));
        let kind = SourceKind::Each {
            operation: Operation::Set,
            class: KeyClass::Entry,
            keys: 10,
            cursor,
        };
        let (mut one, mut two) = (source(kind.clone(), None), source(kind, None));
        let mut seen = Vec::new();
        while let Some(ask) = one.draw() {
            seen.push(ask.index);
            seen.extend(two.draw().map(|ask| ask.index));
        }
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(two.draw(), None);
    }

    #[test]
    fn a_budget_ends_an_endless_mix_exactly() {
        let mix = Workload::named("mixed", 0.5).unwrap().mix;
        let mut limited = source(SourceKind::Mix(mix), Some(25));
        assert_eq!(std::iter::from_fn(|| limited.draw()).count(), 25);
    }

    #[test]
    fn increments_go_to_counters_and_nothing_else_does() {
        let mix = Workload::named("tw-counter23", 0.5).unwrap().mix;
        let mut mixed = source(SourceKind::Mix(mix), Some(1_000));
        while let Some(ask) = mixed.draw() {
            assert_eq!(
                ask.class == KeyClass::Counter,
                ask.operation == Operation::Incr
            );
        }
    }
}
