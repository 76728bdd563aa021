//! How long requests took: counts by duration, which can be added up and subtracted.
//!
//! A node counts in classes of duration no wider than one percent (or 64 ns), each named by its
//! longest. As text: `longest_ns:count` pairs, a space between, shortest first.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The latencies of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Requests by the longest duration of their class, in nanoseconds.
    classes: BTreeMap<u64, u64>,
}

impl Latency {
    /// Counts `requests` more that took `longest_ns` or a little less.
    pub fn add(&mut self, longest_ns: u64, requests: u64) {
        if requests > 0 {
            let count = self.classes.entry(longest_ns).or_default();
            *count = count.saturating_add(requests);
        }
    }

    /// Adds what another core or node counted.
    pub fn merge(&mut self, other: &Self) {
        for (longest_ns, requests) in &other.classes {
            self.add(*longest_ns, *requests);
        }
    }

    /// What was counted after `earlier`, an older reading of the same counts.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let later = self.classes.iter().map(|(longest_ns, requests)| {
            let before = earlier.classes.get(longest_ns).copied().unwrap_or(0);
            (*longest_ns, requests.saturating_sub(before))
        });
        Self {
            classes: later.filter(|(_, requests)| *requests > 0).collect(),
        }
    }

    /// Requests counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classes
            .values()
            .fold(0, |sum, requests| sum.saturating_add(*requests))
    }

    /// The duration that no more than `1 - share` of the requests exceeded; `share` is in 0 to 1.
    /// `None` where nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((count as f64 * share.clamp(0.0, 1.0)).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0_u64;
        for (longest_ns, requests) in &self.classes {
            seen = seen.saturating_add(*requests);
            if seen >= rank {
                return Some(Duration::from_nanos(*longest_ns));
            }
        }
        None
    }

    /// The longest. `None` where nothing was counted.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        let (longest_ns, _) = self.classes.last_key_value()?;
        Some(Duration::from_nanos(*longest_ns))
    }

    /// Reads the text. Pairs that are none are left out: a later version may write more.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut latency = Self::default();
        for pair in text.split_ascii_whitespace() {
            if let Some((longest_ns, requests)) = pair.split_once(':')
                && let (Ok(longest_ns), Ok(requests)) = (longest_ns.parse(), requests.parse())
            {
                latency.add(longest_ns, requests);
            }
        }
        latency
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (longest_ns, requests)) in self.classes.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{longest_ns}:{requests}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(u64, u64)]) -> Latency {
        let mut latency = Latency::default();
        for (longest_ns, requests) in pairs {
            latency.add(*longest_ns, *requests);
        }
        latency
    }

    #[test]
    fn text_reads_back_and_nonsense_in_it_is_left_out() {
        let latency = of(&[(900, 3), (127, 90), (5_000, 7)]);
        assert_eq!(latency.to_string(), "127:90 900:3 5000:7");
        assert_eq!(Latency::parse(&latency.to_string()), latency);
        assert_eq!(Latency::parse("127:90 x 5:y :: 900:3 5000:7"), latency);
        assert_eq!(Latency::parse("-"), Latency::default());
    }

    #[test]
    fn quantiles_are_those_of_all_that_were_added_and_not_of_what_was_before() {
        let mut both = of(&[(100, 90)]);
        let earlier = both.clone();
        both.merge(&of(&[(100, 9), (1_000, 1)]));
        assert_eq!(both.count(), 100);
        assert_eq!(both.quantile(0.5), Some(Duration::from_nanos(100)));
        assert_eq!(both.quantile(0.99), Some(Duration::from_nanos(100)));
        assert_eq!(both.quantile(0.991), Some(Duration::from_nanos(1_000)));
        assert_eq!(both.max(), both.quantile(1.0));
        let later = both.since(&earlier);
        assert_eq!(later, of(&[(100, 9), (1_000, 1)]));
        assert_eq!(later.quantile(0.0), Some(Duration::from_nanos(100)));
        assert_eq!(both.since(&both).quantile(0.5), None);
        assert_eq!(Latency::default().max(), None);
    }

    #[test]
    fn counts_that_nobody_could_have_counted_do_not_overflow() {
        let mut many = of(&[(1, u64::MAX), (2, u64::MAX)]);
        many.merge(&many.clone());
        assert_eq!(many.count(), u64::MAX);
        assert!(many.quantile(1.0).is_some());
    }
}
