//! What a run does: the mix of operations, and presets that also choose sizes, TTLs and skew.
//!
//! Presets named `ycsb-*` are the YCSB core workloads with its 1 KB records; those named `tw-*`
//! are shaped like clusters of the published Twitter cache traces (mean key and value bytes,
//! common TTLs, Zipf exponent, share of operations). Where the statistics leave the mix open, a
//! preset uses 90 % reads.

use std::fmt;

use crate::distribution::Distribution;
use crate::operation::Operation;
use crate::rng::Rng;
use crate::size::Sizes;
use crate::ttl::TtlMix;

/// Shares of the operations of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// Operation and upper bound of its interval in 0..=u32::MAX + 1, ascending.
    bounds: Vec<(Operation, u64)>,
}

impl Mix {
    /// A mix with these weights, which need not sum to anything in particular.
    #[must_use]
    pub fn new(weights: &[(Operation, f64)]) -> Self {
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let bounds = weights
            .iter()
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(operation, weight)| {
                sum += weight;
                (*operation, (sum / total * 4_294_967_296.0).round() as u64)
            })
            .collect();
        Self { bounds }
    }

    /// The next operation.
    #[inline]
    pub fn next(&self, rng: &mut Rng) -> Operation {
        if let [(only, _)] = self.bounds.as_slice() {
            return *only;
        }
        let at = rng.next_u64() >> 32;
        let found = self.bounds.iter().find(|(_, bound)| at < *bound);
        found
            .or_else(|| self.bounds.last())
            .map_or(Operation::Noop, |(operation, _)| *operation)
    }

    /// Whether the mix has this operation.
    #[must_use]
    pub fn has(&self, operation: Operation) -> bool {
        self.bounds.iter().any(|(known, _)| *known == operation)
    }

    /// Whether anything but counters and no-ops is asked for, so that entries must be there.
    #[must_use]
    pub fn reads_entries(&self) -> bool {
        self.has(Operation::Get) || self.has(Operation::MultiGet) || self.has(Operation::Delete)
    }
}

/// What kind of run a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Requests drawn from the mix.
    Mixed,
    /// The same, and a read that misses stores the key at once.
    CacheAside,
    /// Fill, then read every key once and count what is missing.
    Fill,
    /// Open the connections, do nothing, keep them open.
    Idle,
}

/// A workload, with the defaults that its name brings along.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// As given on the command line.
    pub name: String,
    /// What kind of run it is.
    pub style: Style,
    /// Which operations.
    pub mix: Mix,
    /// Key sizes unless asked for otherwise.
    pub key_sizes: Sizes,
    /// Value sizes unless asked for otherwise.
    pub value_sizes: Sizes,
    /// Skew unless asked for otherwise.
    pub distribution: Distribution,
    /// Times to live unless asked for otherwise.
    pub ttl: TtlMix,
}

/// A name that is no workload.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown workload {name:?}: known are {}", NAMES.join(", "))]
pub struct UnknownWorkload {
    name: String,
}

/// Every workload name.
pub const NAMES: [&str; 21] = [
    "get",
    "set",
    "mixed",
    "delete",
    "incr",
    "multiget",
    "multiset",
    "noop",
    "cache-aside",
    "fill",
    "idle",
    "ycsb-a",
    "ycsb-b",
    "ycsb-c",
    "ycsb-d",
    "tw-cache52",
    "tw-write12",
    "tw-ttl19",
    "tw-tiny18",
    "tw-counter23",
    "tw-big37",
];

impl Workload {
    /// The workload of this name; `get_ratio` is the share of reads where a mix asks for it.
    ///
    /// # Errors
    /// When there is no such workload; the error lists those that there are.
    pub fn named(name: &str, get_ratio: f64) -> Result<Self, UnknownWorkload> {
        use Operation as Op;
        let reads = |share: f64| vec![(Op::Get, share), (Op::Set, 1.0 - share)];
        let (style, weights) = match name {
            "get" | "ycsb-c" => (Style::Mixed, vec![(Op::Get, 1.0)]),
            "set" => (Style::Mixed, vec![(Op::Set, 1.0)]),
            "mixed" => (Style::Mixed, reads(get_ratio)),
            // Half of the operations put back what the others remove.
            "delete" => (Style::Mixed, vec![(Op::Delete, 0.5), (Op::Set, 0.5)]),
            "incr" => (Style::Mixed, vec![(Op::Incr, 1.0)]),
            "multiget" => (Style::Mixed, vec![(Op::MultiGet, 1.0)]),
            "multiset" => (Style::Mixed, vec![(Op::MultiSet, 1.0)]),
            "noop" => (Style::Mixed, vec![(Op::Noop, 1.0)]),
            "cache-aside" => (Style::CacheAside, vec![(Op::Get, 1.0)]),
            "fill" => (Style::Fill, vec![(Op::Get, 1.0)]),
            "idle" => (Style::Idle, vec![(Op::Noop, 1.0)]),
            "ycsb-a" => (Style::Mixed, reads(0.5)),
            "ycsb-b" | "ycsb-d" => (Style::Mixed, reads(0.95)),
            "tw-cache52" => (Style::Mixed, reads(0.91)),
            "tw-write12" => (Style::Mixed, reads(0.2)),
            "tw-ttl19" | "tw-tiny18" | "tw-big37" => (Style::Mixed, reads(0.9)),
            "tw-counter23" => (
                Style::Mixed,
                vec![
                    (Op::Set, 31.0),
                    (Op::Get, 36.0),
                    (Op::Incr, 30.0),
                    (Op::Delete, 3.0),
                ],
            ),
            _ => {
                return Err(UnknownWorkload {
                    name: name.to_owned(),
                });
            }
        };
        let shape = Shape::named(name);
        Ok(Self {
            name: name.to_owned(),
            style,
            mix: Mix::new(&weights),
            key_sizes: Sizes::Fixed(shape.key),
            value_sizes: Sizes::Fixed(shape.value),
            distribution: shape.distribution,
            // Covered by a test: every preset's text parses.
            ttl: shape.ttl.parse().unwrap_or_default(),
        })
    }
}

/// Sizes, skew and TTLs of a preset.
struct Shape {
    key: u32,
    value: u32,
    ttl: &'static str,
    distribution: Distribution,
}

impl Shape {
    fn named(name: &str) -> Self {
        let shape = |key, value, ttl, distribution| Self {
            key,
            value,
            ttl,
            distribution,
        };
        let zipf = Distribution::Zipf;
        match name {
            "ycsb-a" | "ycsb-b" | "ycsb-c" => shape(24, 1_000, "none", zipf(0.99)),
            "ycsb-d" => shape(24, 1_000, "none", Distribution::Latest),
            "tw-cache52" => shape(20, 273, "1d:65,14d:27,12h:7", zipf(1.21)),
            "tw-write12" => shape(44, 1_030, "300s", zipf(0.30)),
            "tw-ttl19" => shape(42, 101, "1h:1,2h:1,3h:1,4h:1,5h:1,6h:1,7h:1", zipf(1.0)),
            "tw-tiny18" => shape(18, 37, "12h", zipf(2.10)),
            "tw-counter23" => shape(35, 224, "120s", zipf(1.0)),
            "tw-big37" => shape(72, 20_134, "20s", zipf(1.0)),
            _ => shape(16, 64, "none", Distribution::Uniform),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut below = 0;
        for (place, (operation, bound)) in self.bounds.iter().enumerate() {
            let comma = if place == 0 { "" } else { " " };
            let share = (bound - below) as f64 / 42_949_672.96;
            write!(
                f,
                "{comma}{}:{}",
                operation.name(),
                (share * 10.0).round() / 10.0
            )?;
            below = *bound;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_workload_exists_and_its_ttls_parse() {
        for name in NAMES {
            let workload = Workload::named(name, 0.9).unwrap();
            assert_eq!(
                workload.ttl.to_string().parse::<TtlMix>(),
                Ok(workload.ttl.clone())
            );
            assert_eq!(workload.ttl, Shape::named(name).ttl.parse().unwrap());
        }
        let refused = Workload::named("nonsense", 0.9).unwrap_err().to_string();
        assert!(
            refused.contains("nonsense") && refused.contains("cache-aside"),
            "{refused}"
        );
    }

    #[test]
    fn a_mix_gives_each_operation_its_share() {
        let mix = Workload::named("tw-counter23", 0.0).unwrap().mix;
        let mut rng = Rng::new(5, 5);
        let mut seen = [0u32; 7];
        for _ in 0..100_000 {
            seen[mix.next(&mut rng).number()] += 1;
        }
        for (operation, share) in [
            (Operation::Set, 31),
            (Operation::Get, 36),
            (Operation::Incr, 30),
        ] {
            let count = seen[operation.number()];
            assert!(
                count.abs_diff(share * 1_000) < 600,
                "{} {count}",
                operation.name()
            );
        }
        assert_eq!(mix.to_string(), "set:31 get:36 incr:30 delete:3");
    }

    #[test]
    fn a_ratio_of_all_or_nothing_leaves_one_operation() {
        let all = Workload::named("mixed", 1.0).unwrap().mix;
        assert!(all.has(Operation::Get) && !all.has(Operation::Set));
        let none = Workload::named("mixed", 0.0).unwrap().mix;
        let mut rng = Rng::new(5, 6);
        assert!((0..1_000).all(|_| none.next(&mut rng) == Operation::Set));
    }
}
