//! How long requests took, by operation: two histograms each.
//!
//! The core records into one of its own. When a tick has passed, what is in it is added to the one
//! that others may read, and it begins anew; a few operations a slice, since adding one takes some
//! microseconds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use jerboa_wire::Opcode;
use jerboa_wire::stats::Latency;

use super::OPERATIONS;

/// Durations below it are not told apart.
pub(super) const SHORTEST_NS: u64 = 64;
/// Longer ones count as this.
pub(super) const LONGEST_NS: u64 = 60_000_000_000;
/// Significant decimal digits: classes are no wider than 1 % of their durations.
const DIGITS: u8 = 2;
/// Operations whose histograms one slice adds.
const OPERATIONS_PER_SLICE: usize = 4;

type Table = [Option<Box<Histogram<u64>>>; OPERATIONS];

/// The core's own histograms.
#[derive(Debug)]
pub(super) struct Latencies {
    own: Box<Table>,
    /// Operations with requests that are not published, and those whose turn it is now.
    recorded: u128,
    publishing: u128,
}

const _: () = assert!(OPERATIONS <= 128, "a bit for each operation");

impl Default for Latencies {
    fn default() -> Self {
        Self {
            own: Box::new([const { None }; OPERATIONS]),
            recorded: 0,
            publishing: 0,
        }
    }
}

/// A histogram; `None` only if the bounds above were nonsense.
fn histogram() -> Option<Box<Histogram<u64>>> {
    Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS)
        .ok()
        .map(Box::new)
}

impl Latencies {
    #[inline]
    pub(super) fn record(&mut self, place: usize, ns: u64, requests: u64) {
        self.recorded |= 1 << place;
        if let Some(histogram) = &mut self.own[place] {
            histogram.saturating_record_n(ns.min(LONGEST_NS), requests);
        } else {
            self.begin(place, ns, requests);
        }
    }

    /// The first request of an operation.
    #[cold]
    fn begin(&mut self, place: usize, ns: u64, requests: u64) {
        let mut histogram = histogram();
        if let Some(histogram) = &mut histogram {
            histogram.saturating_record_n(ns.min(LONGEST_NS), requests);
        }
        self.own[place] = histogram;
    }

    pub(super) fn begin_publishing(&mut self) {
        self.publishing |= self.recorded;
        self.recorded = 0;
    }

    pub(super) fn publish_slice(&mut self, to: &Shared) {
        if self.publishing == 0 {
            return;
        }
        let Ok(mut table) = to.table.try_lock() else {
            return;
        };
        for _ in 0..OPERATIONS_PER_SLICE {
            if self.publishing == 0 {
                return;
            }
            let place = self.publishing.trailing_zeros() as usize;
            self.publishing &= self.publishing - 1;
            let Some(own) = &mut self.own[place] else {
                continue;
            };
            if table[place].is_none() {
                table[place] = histogram();
            }
            if let Some(sum) = &mut table[place] {
                // Histograms of equal bounds always add.
                let _ = sum.add(own.as_ref());
            }
            own.reset();
        }
    }
}

/// Nanoseconds of a duration; as many as fit.
#[inline]
pub(super) fn nanoseconds(took: Duration) -> u64 {
    (took.as_secs().saturating_mul(1_000_000_000)).saturating_add(took.subsec_nanos().into())
}

/// Adds what a histogram holds to `sum`.
pub(super) fn read(histogram: &Histogram<u64>, sum: &mut Latency) {
    for class in histogram.iter_recorded() {
        let count = class.count_since_last_iteration();
        sum.add(class.value_iterated_to(), count);
    }
}

/// The histograms that others read.
#[derive(Debug)]
pub(crate) struct Shared {
    table: Mutex<Box<Table>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            table: Mutex::new(Box::new([const { None }; OPERATIONS])),
        }
    }
}

impl Shared {
    /// What was measured of each operation that occurred.
    pub(crate) fn read(&self) -> Vec<(Opcode, Latency)> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let occurred = Opcode::ALL.iter().zip(table.iter());
        occurred
            .filter_map(|(opcode, histogram)| {
                let histogram = histogram.as_ref()?;
                let mut latency = Latency::default();
                read(histogram, &mut latency);
                Some((*opcode, latency))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_read_once_and_within_one_percent() {
        let mut latencies = Latencies::default();
        let shared = Shared::default();
        let durations_ns = [
            1,
            100,
            5_000,
            80_000,
            1_000_000,
            900_000_000,
            LONGEST_NS * 9,
        ];
        for round in 1..=3 {
            for ns in durations_ns {
                latencies.record(3, ns, 2);
            }
            latencies.begin_publishing();
            latencies.publish_slice(&shared);
            latencies.publish_slice(&shared);
            let read = shared.read();
            assert_eq!(read.len(), 1);
            let (opcode, latency) = &read[0];
            assert_eq!(*opcode, Opcode::ALL[3]);
            assert_eq!(latency.count(), round * 2 * durations_ns.len() as u64);
            for (index, ns) in durations_ns.into_iter().enumerate() {
                let share = (index as f64 + 0.5) / durations_ns.len() as f64;
                let found = latency.quantile(share).unwrap().as_nanos() as u64;
                let ns = ns.min(LONGEST_NS);
                let slack = (ns / 100).max(SHORTEST_NS);
                assert!(found.abs_diff(ns) <= slack, "{found} for {ns}");
            }
        }
    }

    #[test]
    fn a_reader_delays_the_numbers_and_loses_none() {
        let mut latencies = Latencies::default();
        let shared = Shared::default();
        for place in 0..OPERATIONS {
            latencies.record(place, 7_000, 1);
        }
        latencies.begin_publishing();
        let reading = shared.table.lock().unwrap();
        latencies.publish_slice(&shared);
        drop(reading);
        assert!(shared.read().is_empty());
        for _ in 0..OPERATIONS.div_ceil(OPERATIONS_PER_SLICE) {
            latencies.publish_slice(&shared);
        }
        let read = shared.read();
        assert_eq!(read.len(), OPERATIONS);
        assert!(read.iter().all(|(_, latency)| latency.count() == 1));
    }
}
