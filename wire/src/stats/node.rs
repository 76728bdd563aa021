//! The counters of a node as a structure, read from the text that travels.

use std::collections::BTreeMap;

use super::latency::Latency;
use super::lines;
use crate::{core_counters, limits};

/// What a node counted, core by core. Everything but gauges ("now") grows from the start of the
/// node on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStats {
    /// Version of the node's software.
    pub version: String,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// Topology epoch.
    pub epoch: u32,
    /// Processor time of the whole process, in microseconds.
    pub process_cpu_us: u64,
    /// Resident memory of the whole process.
    pub resident_bytes: u64,
    /// One for each core, in their order.
    pub cores: Vec<CoreStats>,
    /// Lines that this version does not know, by name.
    pub other: BTreeMap<String, String>,
}

macro_rules! core_stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What one core counted, or several together.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct CoreStats {
            /// Processor time of the core's thread, in microseconds.
            pub cpu_us: u64,
            $($(#[$doc])* pub $name: u64,)+
            /// Requests executed, by the name of their operation.
            pub operations: BTreeMap<String, u64>,
            /// How long they took, by the name of their operation; only where it was asked for.
            pub latencies: BTreeMap<String, Latency>,
        }

        impl CoreStats {
            /// Every number with its name.
            pub fn fields(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [("cpu_us", self.cpu_us), $((stringify!($name), self.$name)),+].into_iter()
            }

            fn field_mut(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    "cpu_us" => Some(&mut self.cpu_us),
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }

            /// Adds what another core counted.
            pub fn merge(&mut self, other: &Self) {
                self.cpu_us = self.cpu_us.saturating_add(other.cpu_us);
                $(self.$name = self.$name.saturating_add(other.$name);)+
                for (name, count) in &other.operations {
                    let sum = self.operations.entry(name.clone()).or_default();
                    *sum = sum.saturating_add(*count);
                }
                for (name, latency) in &other.latencies {
                    self.latencies.entry(name.clone()).or_default().merge(latency);
                }
            }
        }
    };
}

core_counters!(core_stats);

impl CoreStats {
    /// The share of reads that found an entry; `None` where nothing was read.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        (self.gets > 0).then(|| self.hits as f64 / self.gets as f64)
    }

    /// How long requests took, whatever their operation.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let mut all = Latency::default();
        for latency in self.latencies.values() {
            all.merge(latency);
        }
        all
    }

    /// False where the name is not known.
    fn set(&mut self, name: &str, value: &str) -> bool {
        if let Some(operation) = name.strip_prefix("op.") {
            let count = value.parse().unwrap_or(0);
            self.operations.insert(operation.to_owned(), count);
        } else if let Some(operation) = name.strip_prefix("latency.") {
            let latency = Latency::parse(value);
            self.latencies.insert(operation.to_owned(), latency);
        } else if let Some(field) = self.field_mut(name) {
            *field = value.parse().unwrap_or(0);
        } else {
            return false;
        }
        true
    }
}

impl NodeStats {
    /// Reads the text of one or more Stats replies of a node.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut stats = Self::default();
        for (name, value) in lines(text) {
            stats.set(name, value);
        }
        stats
    }

    /// Takes over what is in the text of another reply of the same node.
    pub fn extend(&mut self, text: &str) {
        for (name, value) in lines(text) {
            self.set(name, value);
        }
    }

    /// All cores together.
    #[must_use]
    pub fn total(&self) -> CoreStats {
        let mut total = CoreStats::default();
        for core in &self.cores {
            total.merge(core);
        }
        total
    }

    fn set(&mut self, name: &str, value: &str) {
        let number = || value.parse().unwrap_or(0);
        match name {
            "node.version" => value.clone_into(&mut self.version),
            "node.uptime_ms" => self.uptime_ms = number(),
            "node.epoch" => self.epoch = value.parse().unwrap_or(0),
            "process.cpu_us" => self.process_cpu_us = number(),
            "process.resident_bytes" => self.resident_bytes = number(),
            // Sums over the cores, which `total` forms from what the cores say.
            _ if name.starts_with("node.") && self.is_sum(name) => {}
            _ => {
                let known = split_core(name).is_some_and(|(core, name)| {
                    if self.cores.len() <= core {
                        self.cores.resize_with(core + 1, CoreStats::default);
                    }
                    let core = self.cores.get_mut(core);
                    core.is_some_and(|core| core.set(name, value))
                });
                if !known {
                    self.other.insert(name.to_owned(), value.to_owned());
                }
            }
        }
    }

    fn is_sum(&self, name: &str) -> bool {
        let of = name.trim_start_matches("node.");
        of == "cores" || CoreStats::default().field_mut(of).is_some()
    }
}

/// The core and the rest of a name like `core.3.gets`.
fn split_core(name: &str) -> Option<(usize, &str)> {
    let (core, name) = name.strip_prefix("core.")?.split_once('.')?;
    let core: usize = core.parse().ok()?;
    (core < limits::CORES_MAX as usize).then_some((core, name))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn cores_are_told_apart_and_add_up_and_what_is_new_is_kept() {
        let text = "node.version 1.2\nnode.uptime_ms 9\nnode.cores 2\nnode.gets 7\n\
                    core.0.gets 4\ncore.0.hits 3\ncore.1.gets 3\ncore.1.op.Get 3\ncore.0.op.Get 4\n\
                    core.0.weather 3\nnode.mood good\ncore.1.latency.Get 100:1 900:2\n";
        let mut stats = NodeStats::parse(text);
        assert_eq!((stats.version.as_str(), stats.uptime_ms), ("1.2", 9));
        assert_eq!(stats.cores.len(), 2);
        let total = stats.total();
        assert_eq!((total.gets, total.hits), (7, 3));
        assert_eq!(total.operations["Get"], 7);
        let longest = total.latency().quantile(0.9);
        assert_eq!(longest, Some(Duration::from_nanos(900)));
        assert_eq!(total.hit_ratio(), Some(3.0 / 7.0));
        let other: Vec<_> = stats.other.keys().map(String::as_str).collect();
        assert_eq!(other, ["core.0.weather", "node.mood"]);
        stats.extend("core.0.latency.Put 100:5\n");
        assert_eq!(stats.total().latency().count(), 8);
    }

    #[test]
    fn a_text_cannot_ask_for_any_number_of_cores() {
        let stats = NodeStats::parse("core.4000000000.gets 1\ncore.99999999999999999999.x 1\n");
        assert!(stats.cores.is_empty());
        assert_eq!(stats.other.len(), 2);
    }
}
