//! How much a core does in a second: the mean over its last ticks.
//!
//! A tick that comes late, because the core was busy, counts by the time that has really passed.

use std::time::Instant;

use super::stats::Counts;

/// Ticks that the mean is over: 1.6 seconds.
const TICKS: usize = 16;

/// Requests, bytes received and bytes sent.
type Amounts = [u64; 3];

/// What was counted at the last ticks.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// The oldest stands at `next` once all places are taken.
    seen: Vec<(Instant, Amounts)>,
    next: usize,
}

impl Rates {
    /// A tick has passed: the rates in the counts are brought up to date.
    pub(super) fn tick(&mut self, counts: &mut Counts, now: Instant) {
        let amounts = [counts.ops, counts.bytes_in, counts.bytes_out];
        let oldest = if self.seen.len() < TICKS {
            self.seen.push((now, amounts));
            self.seen.first()
        } else {
            self.seen.get(self.next)
        };
        let Some((then, before)) = oldest.copied() else {
            return;
        };
        let passed_us = now.saturating_duration_since(then).as_micros().max(1);
        let rate = |place: usize| {
            let done = u128::from(amounts[place].saturating_sub(before[place]));
            (done * 1_000_000 / passed_us) as u64
        };
        counts.ops_per_s = rate(0);
        counts.bytes_in_per_s = rate(1);
        counts.bytes_out_per_s = rate(2);
        self.seen[self.next] = (now, amounts);
        self.next = (self.next + 1) % TICKS;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_follows_what_is_done_and_falls_to_nothing() {
        let (mut rates, mut counts) = (Rates::default(), Counts::default());
        let mut now = Instant::now();
        let mut pass = |ops: u64, ms: u64, counts: &mut Counts| {
            now += Duration::from_millis(ms);
            counts.ops += ops;
            counts.bytes_in += ops * 10;
            rates.tick(counts, now);
        };
        pass(500, 100, &mut counts);
        assert_eq!(counts.ops_per_s, 0, "one look tells no rate");
        for _ in 0..40 {
            pass(50, 100, &mut counts);
        }
        assert_eq!((counts.ops_per_s, counts.bytes_in_per_s), (500, 5000));
        // A core that was kept from ticking did not do more in a second.
        pass(5000, 10_000, &mut counts);
        assert_eq!(counts.ops_per_s, 500);
        for _ in 0..20 {
            pass(0, 100, &mut counts);
        }
        assert_eq!((counts.ops_per_s, counts.bytes_in_per_s), (0, 0));
    }
}
