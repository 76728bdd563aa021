//! Verification: what an answer says against what it may say.
//!
//! A failure means that the server is wrong (or the loader, which is why the tests run both
//! honest and lying servers past it): an honest server never causes one.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::ledger::Ledger;
use crate::value::{Origin, Values};

/// The outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The answer is one that an honest server can give.
    Fine,
    /// A value older than one that had been acknowledged before the request was sent.
    Stale,
    /// No value although one had been acknowledged and nothing could have removed it.
    Lost,
    /// Another key's value.
    Foreign,
    /// A value of the right key that nobody wrote, or that lost or changed bytes.
    Corrupt,
    /// A counter that lost or doubled an increment.
    Counter,
}

impl Finding {
    /// All but [`Self::Fine`], in the order in which they are counted.
    pub const FAILURES: [Self; 5] = [
        Self::Stale,
        Self::Lost,
        Self::Foreign,
        Self::Corrupt,
        Self::Counter,
    ];

    /// As printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Stale => "stale",
            Self::Lost => "lost",
            Self::Foreign => "foreign",
            Self::Corrupt => "corrupt",
            Self::Counter => "counter",
        }
    }
}

/// What the checks need to know about the run.
#[derive(Debug)]
pub struct Checker {
    /// Versions of every entry.
    pub ledger: Ledger,
    /// How values look.
    pub values: Values,
    /// Increments of every counter; empty where the run has no counters.
    pub counters: Counters,
    /// Whether entries may disappear on their own: eviction, or TTLs that end during the run.
    pub loss_expected: bool,
    /// False turns all checks off.
    pub enabled: bool,
}

impl Checker {
    /// Before a read: what has to be remembered until its answer.
    #[inline]
    #[must_use]
    pub fn floor(&self, index: u64) -> u32 {
        if self.enabled {
            self.ledger.floor(index)
        } else {
            0
        }
    }

    /// A read of this key, sent when its floor was `floor`, returned this value.
    #[inline]
    #[must_use]
    pub fn value(&self, index: u64, floor: u32, value: &[u8]) -> Finding {
        if !self.enabled {
            return Finding::Fine;
        }
        match self.values.read(index, value) {
            Origin::Version(version) if version < floor => Finding::Stale,
            // Acknowledged, so issued: the common case, and no look at the ledger.
            Origin::Version(version) if version == floor => Finding::Fine,
            Origin::Version(version) if !self.ledger.was_issued(index, version) => Finding::Corrupt,
            Origin::Version(_) | Origin::Unversioned => Finding::Fine,
            // An earlier run's value may stand as long as this run has stored none.
            Origin::OtherRun if floor == 0 => Finding::Fine,
            Origin::OtherRun => Finding::Stale,
            Origin::Foreign => Finding::Foreign,
            Origin::Corrupt => Finding::Corrupt,
        }
    }

    /// A read of this key, sent when its floor was `floor`, found nothing.
    #[inline]
    #[must_use]
    pub fn miss(&self, index: u64, floor: u32) -> Finding {
        if !self.enabled || self.loss_expected || self.ledger.may_miss(index, floor) {
            Finding::Fine
        } else {
            Finding::Lost
        }
    }
}

/// Increments of every counter.
///
/// A counter's answer must exceed the number of increments acknowledged before it was sent, and
/// must not exceed those ever sent: a server that loses or doubles one is caught by the next.
#[derive(Debug, Default)]
pub struct Counters {
    slots: Vec<CounterSlot>,
    /// Counters began at zero, so the upper bound holds too.
    from_zero: bool,
}

#[derive(Debug, Default)]
struct CounterSlot {
    sent: AtomicU32,
    acknowledged: AtomicU32,
}

impl Counters {
    /// Counters for this many keys; `from_zero` if this run has set them to zero.
    #[must_use]
    pub fn new(keys: u64, from_zero: bool) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(
            usize::try_from(keys).unwrap_or(usize::MAX),
            CounterSlot::default,
        );
        Self { slots, from_zero }
    }

    /// Before an increment is sent: what has to be remembered until its answer.
    #[inline]
    #[must_use]
    pub fn send(&self, index: u64) -> u32 {
        let Some(slot) = self.slots.get(index as usize) else {
            return 0;
        };
        slot.sent.fetch_add(1, Ordering::AcqRel);
        slot.acknowledged.load(Ordering::Acquire)
    }

    /// An increment that was sent when `acknowledged` were done was answered with this number.
    #[inline]
    #[must_use]
    pub fn answer(&self, index: u64, acknowledged: u32, number: i64) -> Finding {
        let Some(slot) = self.slots.get(index as usize) else {
            return Finding::Fine;
        };
        slot.acknowledged.fetch_add(1, Ordering::AcqRel);
        let too_low = number <= i64::from(acknowledged);
        let too_high = self.from_zero && number > i64::from(slot.sent.load(Ordering::Acquire));
        if too_low || too_high {
            Finding::Counter
        } else {
            Finding::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Change;
    use crate::size::Sizes;

    fn checker() -> Checker {
        Checker {
            ledger: Ledger::new(4),
            values: Values::new(Sizes::Fixed(64), 1),
            counters: Counters::new(4, true),
            loss_expected: false,
            enabled: true,
        }
    }

    fn value(checker: &Checker, index: u64, version: u32) -> Vec<u8> {
        let mut out = Vec::new();
        checker.values.write(index, version, &mut out);
        out
    }

    #[test]
    fn each_lie_is_called_by_its_name() {
        let checker = checker();
        for _ in 0..3 {
            checker.ledger.issue(0, Change::Store);
            checker.ledger.acknowledge(0);
        }
        let floor = checker.floor(0);
        let read = |bytes: &[u8]| checker.value(0, floor, bytes);
        assert_eq!(read(&value(&checker, 0, 3)), Finding::Fine);
        assert_eq!(read(&value(&checker, 0, 2)), Finding::Stale);
        assert_eq!(
            read(&value(&checker, 0, 4)),
            Finding::Corrupt,
            "a version nobody wrote"
        );
        assert_eq!(read(&value(&checker, 1, 3)), Finding::Foreign);
        assert_eq!(read(&value(&checker, 0, 3)[..63]), Finding::Corrupt);
        assert_eq!(checker.miss(0, floor), Finding::Lost);
        let earlier = Values::new(Sizes::Fixed(64), 2);
        let mut old = Vec::new();
        earlier.write(0, 3, &mut old);
        assert_eq!(read(&old), Finding::Stale);
        assert_eq!(
            checker.value(0, 0, &old),
            Finding::Fine,
            "before the first store"
        );
    }

    #[test]
    fn a_miss_is_fine_where_loss_is_expected_or_checks_are_off() {
        for (loss_expected, enabled) in [(true, true), (false, false)] {
            let checker = Checker {
                loss_expected,
                enabled,
                ..checker()
            };
            checker.ledger.issue(0, Change::Store);
            checker.ledger.acknowledge(0);
            assert_eq!(checker.miss(0, 1), Finding::Fine);
        }
    }

    #[test]
    fn a_lost_or_doubled_increment_shows_in_the_next_answer() {
        let checker = checker();
        let counters = &checker.counters;
        let sent = counters.send(0);
        assert_eq!(counters.answer(0, sent, 1), Finding::Fine);
        let sent = counters.send(0);
        assert_eq!(counters.answer(0, sent, 1), Finding::Counter, "lost");
        let sent = counters.send(0);
        assert_eq!(counters.answer(0, sent, 4), Finding::Counter, "doubled");
    }

    #[test]
    fn overlapping_increments_may_be_answered_in_any_order() {
        let counters = Counters::new(1, true);
        let sent: Vec<u32> = (0..3).map(|_| counters.send(0)).collect();
        for (remembered, number) in sent.into_iter().zip([3, 1, 2]) {
            assert_eq!(counters.answer(0, remembered, number), Finding::Fine);
        }
    }
}
