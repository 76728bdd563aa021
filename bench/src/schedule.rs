//! Open loop: when each request is due.
//!
//! The due times do not depend on the server. A request that cannot be sent in time is sent as
//! soon as possible and its latency still counts from when it was due, so a stall of the server
//! (or of the loader) shows in the figures instead of hiding the requests it held up. None is
//! ever skipped.

use std::str::FromStr;

use crate::rng::Rng;

/// How due times follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Independent of each other, as those of many unrelated users.
    Poisson,
    /// Evenly spaced.
    Fixed,
}

/// A name that is no kind of arrivals.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown arrivals {0:?}: expected poisson or fixed")]
pub struct UnknownArrivals(String);

impl FromStr for Arrivals {
    type Err = UnknownArrivals;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "poisson" => Ok(Self::Poisson),
            "fixed" => Ok(Self::Fixed),
            _ => Err(UnknownArrivals(text.to_owned())),
        }
    }
}

/// The due times of one client core, in nanoseconds since the run's epoch.
#[derive(Clone, Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    interval_ns: f64,
    /// The next due time; a float so that fractions of nanoseconds do not add up to a drift.
    next_ns: f64,
    rng: Rng,
}

impl Schedule {
    /// `per_second` requests a second (above 0), the first due after `from_ns`.
    #[must_use]
    pub fn new(arrivals: Arrivals, per_second: f64, from_ns: u64, rng: Rng) -> Self {
        let mut schedule = Self {
            arrivals,
            interval_ns: 1e9 / per_second,
            next_ns: from_ns as f64,
            rng,
        };
        schedule.advance();
        schedule
    }

    /// When the next request is due.
    #[inline]
    #[must_use]
    pub fn due_ns(&self) -> u64 {
        self.next_ns as u64
    }

    /// The next request was sent.
    #[inline]
    pub fn advance(&mut self) {
        self.next_ns += match self.arrivals {
            Arrivals::Fixed => self.interval_ns,
            Arrivals::Poisson => -self.rng.unit_open().ln() * self.interval_ns,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(arrivals: Arrivals, count: usize) -> Vec<u64> {
        let mut schedule = Schedule::new(arrivals, 1_000_000.0, 5_000, Rng::new(9, 9));
        (0..count)
            .map(|_| {
                let due = schedule.due_ns();
                schedule.advance();
                due
            })
            .collect()
    }

    #[test]
    fn fixed_arrivals_are_evenly_spaced_without_drift() {
        let due = due(Arrivals::Fixed, 1_000_000);
        assert_eq!(
            (due[0], due[1], due[999_999]),
            (6_000, 7_000, 1_000_005_000)
        );
        let mut thirds = Schedule::new(Arrivals::Fixed, 3.0, 0, Rng::new(1, 1));
        for _ in 0..2_999 {
            thirds.advance();
        }
        assert!(thirds.due_ns().abs_diff(1_000_000_000_000) < 1_000);
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_vary_as_they_should() {
        let due = due(Arrivals::Poisson, 200_000);
        let gaps: Vec<f64> = due
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 1_000.0 - 1.0).abs() < 0.01, "{mean}");
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.02,
            "exponential gaps"
        );
    }
}
