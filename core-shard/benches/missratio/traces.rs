//! The traces: Zipf draws, a scan on top of one, and shapes of Twitter's clusters.
//!
//! The shapes take their key and value sizes, share of reads, times to live and skew from the
//! published statistics of Twitter's cache clusters (Yang et al., OSDI 2020, and the table that
//! comes with the traces); what those leave out (number of keys, time the trace spans, keys asked
//! for once only) is chosen here so that expiry and eviction both matter. Value sizes are
//! lognormal around the mean and belong to the key. The requests are drawn independently: real
//! traces also drift, which these do not.

use crate::support::mix::mix;
use crate::support::random::Random;
use crate::support::trace::{Action, Request, Trace};
use crate::support::zipf::{Zipf, unit};

/// How a trace is made.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// Keys that are drawn by Zipf's law.
    keys: u32,
    exponent: f64,
    requests: u32,
    key_bytes: u8,
    value_bytes: f64,
    /// Spread of the logarithm of the value's size.
    value_sigma: f64,
    /// Percent of requests that only write.
    write_percent: u64,
    /// Percent of requests to keys that never come again.
    once_percent: u64,
    /// Percent of requests that scan a table as large as half of the keys, in bursts.
    scan_percent: u64,
    ttls: Ttls,
    span_s: u64,
}

/// Times to live, by key.
enum Ttls {
    Never,
    /// Seconds and their weights.
    Mix(&'static [(u64, u64)]),
    /// Seconds, evenly from the first to the second.
    Spread(u64, u64),
}

const BURST: u32 = 20_000;
const VALUE_BYTES_MAX: f64 = 256_000.0;

const PLAIN: Shape = Shape {
    name: "",
    keys: 1_000_000,
    exponent: 0.0,
    requests: 5_000_000,
    key_bytes: 16,
    value_bytes: 1000.0,
    value_sigma: 0.0,
    write_percent: 0,
    once_percent: 0,
    scan_percent: 0,
    ttls: Ttls::Never,
    span_s: 1_000,
};

/// All traces.
pub(crate) const SHAPES: [Shape; 10] = [
    Shape {
        name: "zipf 0.6",
        exponent: 0.6,
        ..PLAIN
    },
    Shape {
        name: "zipf 0.99",
        exponent: 0.99,
        ..PLAIN
    },
    Shape {
        name: "zipf 1.2",
        exponent: 1.2,
        ..PLAIN
    },
    Shape {
        name: "zipf 0.99 + scan",
        exponent: 0.99,
        scan_percent: 20,
        ..PLAIN
    },
    Shape {
        name: "tw-cache52",
        keys: 800_000,
        exponent: 1.21,
        key_bytes: 20,
        value_bytes: 273.0,
        value_sigma: 0.8,
        write_percent: 9,
        once_percent: 8,
        ttls: Ttls::Mix(&[(86_400, 65), (14 * 86_400, 28), (43_200, 7)]),
        span_s: 2 * 86_400,
        ..PLAIN
    },
    Shape {
        name: "tw-write12",
        keys: 300_000,
        exponent: 0.30,
        key_bytes: 44,
        value_bytes: 1030.0,
        value_sigma: 0.8,
        write_percent: 80,
        once_percent: 5,
        ttls: Ttls::Mix(&[(300, 1)]),
        span_s: 1_800,
        ..PLAIN
    },
    Shape {
        name: "tw-ttl19",
        exponent: 0.8,
        key_bytes: 42,
        value_bytes: 101.0,
        value_sigma: 0.6,
        write_percent: 25,
        once_percent: 20,
        ttls: Ttls::Spread(600, 7 * 3_600),
        span_s: 86_400,
        ..PLAIN
    },
    Shape {
        name: "tw-tiny18",
        exponent: 2.10,
        requests: 8_000_000,
        key_bytes: 18,
        value_bytes: 37.0,
        value_sigma: 0.4,
        write_percent: 5,
        once_percent: 30,
        ttls: Ttls::Mix(&[(43_200, 1)]),
        span_s: 86_400,
        ..PLAIN
    },
    Shape {
        name: "tw-counter23",
        exponent: 1.0,
        key_bytes: 35,
        value_bytes: 224.0,
        value_sigma: 0.3,
        write_percent: 31,
        once_percent: 10,
        ttls: Ttls::Mix(&[(120, 1)]),
        span_s: 600,
        ..PLAIN
    },
    Shape {
        name: "tw-big37",
        keys: 15_000,
        exponent: 0.8,
        requests: 400_000,
        key_bytes: 72,
        value_bytes: 20_134.0,
        value_sigma: 0.8,
        write_percent: 20,
        once_percent: 8,
        ttls: Ttls::Mix(&[(20, 1)]),
        span_s: 100,
        ..PLAIN
    },
];

impl Shape {
    /// The trace, with keys and requests divided by `divisor`.
    pub(crate) fn make(&self, seed: u64, divisor: u32) -> Trace {
        let keys = self.keys / divisor;
        let count = self.requests / divisor;
        let zipf = Zipf::new(keys, self.exponent);
        let mut random = Random::new(seed);
        let scanned = if self.scan_percent > 0 { keys / 2 } else { 0 };
        let burst = u64::from(BURST / divisor);
        let (mut scan_at, mut scan_left, mut next_once) = (0, 0, keys + scanned);
        let mut requests = Vec::with_capacity(count as usize);
        for place in 0..count {
            if scan_left == 0 && random.below(100 * burst) < self.scan_percent_between() {
                scan_left = burst;
            }
            let key = if scan_left > 0 {
                scan_left -= 1;
                scan_at = (scan_at + 1) % scanned;
                keys + scan_at
            } else if random.below(100) < self.once_percent {
                next_once += 1;
                next_once - 1
            } else {
                // Popular keys are not neighbours, though nothing here depends on it.
                zipf.rank(&mut random)
            };
            let writes = random.below(100) < self.write_percent;
            let at_ms = u64::from(place) * self.span_s * 1000 / u64::from(count);
            requests.push(self.request(
                key,
                at_ms,
                if writes { Action::Write } else { Action::Read },
            ));
        }
        Trace {
            name: self.name,
            requests,
            keys: next_once,
        }
    }

    /// The chance, in percent of a burst's length, that one begins outside of one.
    fn scan_percent_between(&self) -> u64 {
        self.scan_percent * 100 / (100 - self.scan_percent)
    }

    fn request(&self, key: u32, at_ms: u64, action: Action) -> Request {
        let mut of_key = Random::new(mix(u64::from(key) ^ 0x517E));
        Request {
            key,
            value_bytes: self.value_bytes(&mut of_key),
            key_bytes: self.key_bytes,
            action,
            ttl_ms: self.ttl_ms(&mut of_key),
            at_ms,
        }
    }

    fn value_bytes(&self, random: &mut Random) -> u32 {
        // Irwin and Hall: the sum of twelve uniform numbers less six is all but normal.
        let normal: f64 = (0..12).map(|_| unit(random)).sum::<f64>() - 6.0;
        let sigma = self.value_sigma;
        let bytes = self.value_bytes * (sigma * normal - sigma * sigma / 2.0).exp();
        bytes.clamp(1.0, VALUE_BYTES_MAX) as u32
    }

    fn ttl_ms(&self, random: &mut Random) -> u64 {
        match self.ttls {
            Ttls::Never => 0,
            Ttls::Spread(from_s, to_s) => (from_s + random.below(to_s - from_s)) * 1000,
            Ttls::Mix(mix) => {
                let total: u64 = mix.iter().map(|(_, weight)| weight).sum();
                let mut drawn = random.below(total);
                for (ttl_s, weight) in mix {
                    if drawn < *weight {
                        return ttl_s * 1000;
                    }
                    drawn -= weight;
                }
                0
            }
        }
    }
}
