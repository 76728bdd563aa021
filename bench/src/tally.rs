//! What one client core counted over one stretch of time, mergeable with others.
//!
//! Latencies go into one HdrHistogram per operation, at three significant digits. Answers of one
//! received batch mostly have equal latencies, so equal ones in a row are recorded at once.

use hdrhistogram::Histogram;

use crate::check::Finding;
use crate::operation::Operation;
use crate::target::Refusal;

/// Longer latencies are counted as this one; a request that takes a minute is broken anyway.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// How many different refusals are kept in the server's words.
const REFUSAL_TEXTS_MAX: usize = 5;

const OPERATIONS: usize = Operation::ALL.len();

/// Plain counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests answered, by operation.
    pub answered: [u64; OPERATIONS],
    /// Keys in them.
    pub items: u64,
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Requests, or keys of requests, that were refused.
    pub refused: u64,
    /// Those of them refused for want of memory.
    pub refused_memory: u64,
    /// Requests that were never answered.
    pub unanswered: u64,
    /// Connections that broke.
    pub connections_lost: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Open loop: requests sent more than a millisecond after their time.
    pub late: u64,
    /// Open loop: the longest such delay.
    pub lag_ns_max: u64,
    /// Verification failures, by kind.
    pub findings: [u64; Finding::FAILURES.len()],
}

impl Counts {
    /// Requests answered.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.answered.iter().sum()
    }

    /// Everything that went wrong but what verification found.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.refused + self.unanswered + self.connections_lost
    }

    /// Verification failures of all kinds.
    #[must_use]
    pub fn verify_failures(&self) -> u64 {
        self.findings.iter().sum()
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.answered.iter_mut().zip(other.answered) {
            *sum += more;
        }
        for (sum, more) in self.findings.iter_mut().zip(other.findings) {
            *sum += more;
        }
        self.items += other.items;
        self.hits += other.hits;
        self.misses += other.misses;
        self.refused += other.refused;
        self.refused_memory += other.refused_memory;
        self.unanswered += other.unanswered;
        self.connections_lost += other.connections_lost;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.late += other.late;
        self.lag_ns_max = self.lag_ns_max.max(other.lag_ns_max);
    }
}

/// Counts and latencies.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What was counted.
    pub counts: Counts,
    latencies: [Option<Histogram<u64>>; OPERATIONS],
    /// Open loop: from when requests were made instead of due.
    service: Option<Histogram<u64>>,
    /// The latencies that are not yet in their histogram: how many, of what.
    run: Option<(Operation, u64, u64)>,
    /// Some refusals in the server's words.
    refusals: Vec<String>,
}

impl Tally {
    /// A request of this kind was answered after this long.
    #[inline]
    pub fn latency(&mut self, operation: Operation, ns: u64) {
        match &mut self.run {
            Some((same, latency, count)) if *same == operation && *latency == ns => *count += 1,
            _ => {
                self.settle();
                self.run = Some((operation, ns, 1));
            }
        }
    }

    /// Open loop: a request was answered this long after it was made.
    #[inline]
    pub fn service(&mut self, ns: u64) {
        let histogram = self.service.get_or_insert_with(new_histogram);
        histogram.saturating_record(ns.clamp(1, LATENCY_NS_MAX));
    }

    /// A request, or one key of it, was refused.
    #[cold]
    pub fn refused(&mut self, refusal: Refusal, text: &[u8]) {
        self.counts.refused += 1;
        if refusal == Refusal::OutOfMemory {
            self.counts.refused_memory += 1;
        }
        self.keep_text(String::from_utf8_lossy(&text[..text.len().min(120)]).into_owned());
    }

    /// Verification failed.
    #[cold]
    pub fn found(&mut self, finding: Finding) {
        if let Some(place) = Finding::FAILURES
            .iter()
            .position(|failure| *failure == finding)
        {
            self.counts.findings[place] += 1;
        }
    }

    /// Keeps what went wrong, in words, unless it is known or there are enough.
    pub fn keep_text(&mut self, text: String) {
        if self.refusals.len() < REFUSAL_TEXTS_MAX && !self.refusals.contains(&text) {
            self.refusals.push(text);
        }
    }

    /// Moves what is still pending into its histogram.
    fn settle(&mut self) {
        if let Some((operation, ns, count)) = self.run.take() {
            let histogram = self.latencies[operation.number()].get_or_insert_with(new_histogram);
            histogram.saturating_record_n(ns.clamp(1, LATENCY_NS_MAX), count);
        }
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, mut other: Self) {
        other.settle();
        self.settle();
        self.counts.add(&other.counts);
        for (mine, theirs) in self.latencies.iter_mut().zip(other.latencies) {
            merge_optional(mine, theirs);
        }
        merge_optional(&mut self.service, other.service);
        for text in other.refusals {
            self.keep_text(text);
        }
    }

    /// Takes over the latencies of `other`, but not its counts.
    pub fn adopt_latencies(&mut self, other: &mut Self) {
        other.settle();
        let latencies = std::mem::take(&mut other.latencies);
        let service = other.service.take();
        self.add(Self {
            latencies,
            service,
            ..Self::default()
        });
    }

    /// The latencies of one operation, `None` where there were none.
    #[must_use]
    pub fn histogram(&mut self, operation: Operation) -> Option<&Histogram<u64>> {
        self.settle();
        self.latencies[operation.number()].as_ref()
    }

    /// Open loop: times from when requests were made.
    #[must_use]
    pub const fn service_times(&self) -> Option<&Histogram<u64>> {
        self.service.as_ref()
    }

    /// The latencies of all operations together.
    #[must_use]
    pub fn all(&mut self) -> Histogram<u64> {
        self.settle();
        let mut sum = new_histogram();
        for histogram in self.latencies.iter().flatten() {
            merge(&mut sum, histogram);
        }
        sum
    }

    /// Some refusals in the server's words.
    #[must_use]
    pub fn refusals(&self) -> &[String] {
        &self.refusals
    }
}

fn merge_optional(sum: &mut Option<Histogram<u64>>, more: Option<Histogram<u64>>) {
    match (sum, more) {
        (_, None) => {}
        (Some(sum), Some(more)) => merge(sum, &more),
        (empty @ None, more) => *empty = more,
    }
}

fn merge(sum: &mut Histogram<u64>, more: &Histogram<u64>) {
    // Both have the same bounds, so nothing can fall outside.
    for bucket in more.iter_recorded() {
        sum.saturating_record_n(
            bucket.value_iterated_to(),
            bucket.count_since_last_iteration(),
        );
    }
}

/// An empty histogram of latencies in nanoseconds.
fn new_histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("constant histogram bounds are valid: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_equal_latencies_are_counted_one_by_one() {
        let mut tally = Tally::default();
        for ns in [100, 100, 100, 200, 100] {
            tally.latency(Operation::Get, ns);
        }
        tally.latency(Operation::Set, 100);
        let gets = tally.histogram(Operation::Get).unwrap();
        assert_eq!(
            (gets.len(), gets.count_at(100), gets.count_at(200)),
            (5, 4, 1)
        );
        assert_eq!(tally.histogram(Operation::Set).unwrap().len(), 1);
        assert_eq!(tally.all().len(), 6);
        assert!(tally.histogram(Operation::Delete).is_none());
    }

    #[test]
    fn merging_keeps_every_count_and_the_extremes() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        for ns in 1..=1_000 {
            one.latency(Operation::Get, ns * 1_000);
            two.latency(Operation::Get, ns * 1_000_000);
        }
        two.latency(Operation::Get, u64::MAX);
        two.counts.misses = 3;
        one.counts.lag_ns_max = 9;
        one.add(two);
        let merged = one.histogram(Operation::Get).unwrap();
        assert_eq!(merged.len(), 2_001);
        assert_eq!(merged.min(), 1_000);
        assert!(merged.max() >= LATENCY_NS_MAX / 1_001 * 1_000);
        let median = merged.value_at_quantile(0.5);
        assert!(median.abs_diff(1_000_000) < 2_000, "{median}");
        assert_eq!((one.counts.misses, one.counts.lag_ns_max), (3, 9));
    }

    #[test]
    fn refusals_are_counted_all_but_kept_few() {
        let mut tally = Tally::default();
        for n in 0..100 {
            tally.refused(Refusal::OutOfMemory, format!("OOM {n}").as_bytes());
        }
        assert_eq!(
            (tally.counts.refused, tally.counts.refused_memory),
            (100, 100)
        );
        assert_eq!(tally.refusals().len(), REFUSAL_TEXTS_MAX);
        assert_eq!(tally.counts.errors(), 100);
    }
}
