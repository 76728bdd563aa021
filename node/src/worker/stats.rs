//! What the cores count, and the text that the Stats operation answers with.
//!
//! A core counts in plain integers and publishes them into atomics that only it writes, so a
//! reader on another core sees numbers at most one tick old and costs the counting core nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jerboa_core_shard::{Counters, Usage};
use jerboa_wire::Opcode;
use jerboa_wire::stats::push_line;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::ClockId;

use super::mailbox::Gauge;
use super::measure::{self, MapRow, OPERATIONS, Published};

macro_rules! core_stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counts of one core, on the core.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Counts {
            $($(#[$doc])* pub(crate) $name: u64,)+
        }

        impl Counts {
            /// Adds what another core counted.
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)+
            }

            /// What was counted since `then`.
            pub(crate) fn since(&self, then: &Self) -> Self {
                Self {
                    $($name: self.$name.saturating_sub(then.$name),)+
                }
            }
        }

        /// Counts of one core, for the others.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(crate) struct CoreStats {
            /// Thread id of the core's executor; 0 until it runs.
            thread: AtomicU64,
            /// Requests executed by operation.
            operations: Operations,
            pub(crate) measured: Published,
            /// The core's mailbox, which is looked into when its depth is asked for: a core that
            /// is stuck could not tell how many wait for it.
            pub(crate) mailbox: OnceLock<Gauge>,
            $($name: AtomicU64,)+
        }

        impl CoreStats {
            /// Makes the counts visible to other cores.
            pub(crate) fn publish(&self, counts: &Counts, operations: &measure::Operations) {
                $(self.$name.store(counts.$name, Ordering::Relaxed);)+
                for (shared, count) in self.operations.0.iter().zip(operations.0) {
                    shared.store(count, Ordering::Relaxed);
                }
            }

            /// The counts as they were last published, and the mailbox as it is.
            pub(crate) fn read(&self) -> Counts {
                Counts {
                    mailbox_depth: self.mailbox.get().map_or(0, Gauge::depth) as u64,
                    ..self.read_published()
                }
            }

            fn read_published(&self) -> Counts {
                Counts {
                    $($name: self.$name.load(Ordering::Relaxed),)+
                }
            }

            fn lines(&self, core: usize, out: &mut String) {
                let counts = self.read();
                $(push_line(
                    out,
                    &format!("core.{core}.{}", stringify!($name)),
                    counts.$name,
                );)+
            }
        }
    };
}

jerboa_wire::core_counters!(core_stats);

impl Counts {
    /// Takes over what the engine counted.
    pub(super) fn set_engine(&mut self, counters: &Counters, usage: &Usage) {
        self.gets = counters.gets;
        self.hits = counters.hits;
        self.misses = counters.gets - counters.hits;
        self.puts = counters.puts;
        self.deletes = counters.deletes;
        self.expired = counters.expired;
        self.evicted = counters.evicted;
        self.out_of_memory = counters.refused;
        self.entries = usage.entries;
        self.live_bytes = usage.live_bytes;
        self.arena_bytes = usage.arena_bytes;
        self.segments_free = u64::from(usage.segments_free);
        self.expiring = usage.expiring.min(usage.entries);
        let free = u64::from(usage.segments_free) * usage.segment_bytes;
        self.used_bytes = usage.arena_bytes.saturating_sub(free) + usage.table_bytes;
        self.used_bytes_peak = self.used_bytes_peak.max(self.used_bytes);
        self.index_bytes = usage.index_bytes;
    }
}

impl CoreStats {
    /// Remembers the calling thread, whose processor time is the core's.
    pub(crate) fn adopt_thread(&self) {
        let thread = nix::unistd::gettid().as_raw();
        self.thread
            .store(thread.unsigned_abs().into(), Ordering::Relaxed);
    }

    /// Processor time of the core's thread.
    fn cpu_us(&self) -> u64 {
        let thread = self.thread.load(Ordering::Relaxed) as i32;
        if thread == 0 {
            return 0;
        }
        // The clock id of a thread's processor time, as the kernel composes it from the thread id
        // (include/linux/posix-timers_types.h: per-thread flag 4, scheduler clock 2).
        let clock = ClockId::from_raw((!thread << 3) | 4 | 2);
        clock
            .now()
            .map_or(0, |time| time.num_microseconds().unsigned_abs())
    }
}

/// Requests by operation, in the order of [`Opcode::ALL`].
#[derive(Debug)]
struct Operations([AtomicU64; OPERATIONS]);

impl Default for Operations {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; OPERATIONS])
    }
}

/// A line for each operation that occurred.
fn push_operations(out: &mut String, prefix: &str, counts: impl Iterator<Item = u64>) {
    for (opcode, count) in Opcode::ALL.iter().zip(counts) {
        if count > 0 {
            push_line(out, &format!("{prefix}op.{}", opcode.name()), count);
        }
    }
}

/// The text of one core's latencies.
pub(crate) fn latency_text(core: usize, stats: &CoreStats) -> String {
    let mut out = String::new();
    for (opcode, latency) in stats.measured.latencies.read() {
        let name = format!("core.{core}.latency.{}", opcode.name());
        push_line(&mut out, &name, latency);
    }
    out
}

/// The text of one map.
pub(crate) fn map_text(row: &MapRow) -> String {
    let mut out = String::new();
    push_line(&mut out, "keys", row.keys);
    push_line(&mut out, "bytes", row.bytes);
    push_line(&mut out, "hits", row.hits);
    push_line(&mut out, "misses", row.gets.saturating_sub(row.hits));
    push_line(&mut out, "expired", row.expired);
    push_line(&mut out, "evicted", row.evicted);
    push_operations(&mut out, "", row.operations.into_iter());
    out
}

/// The Stats text: `core.N.…` for each core, sums as `node.…`, the process as `process.…`.
pub(crate) fn text(cores: &[CoreStats], uptime_ms: u64, epoch: u32) -> String {
    let mut out = String::new();
    push_line(&mut out, "node.version", env!("CARGO_PKG_VERSION"));
    push_line(&mut out, "node.uptime_ms", uptime_ms);
    push_line(&mut out, "node.epoch", epoch);
    push_line(&mut out, "node.cores", cores.len());
    let sum = |field: fn(&CoreStats) -> &AtomicU64| -> u64 {
        cores
            .iter()
            .map(|core| field(core).load(Ordering::Relaxed))
            .sum()
    };
    push_line(&mut out, "node.ops", sum(|core| &core.ops));
    push_line(&mut out, "node.keys", sum(|core| &core.keys));
    push_line(&mut out, "node.forwarded", sum(|core| &core.forwarded));
    push_line(&mut out, "node.busy", sum(|core| &core.busy));
    push_line(&mut out, "node.connections", sum(|core| &core.connections));
    push_line(&mut out, "node.entries", sum(|core| &core.entries));
    push_line(&mut out, "node.live_bytes", sum(|core| &core.live_bytes));
    push_line(&mut out, "node.gets", sum(|core| &core.gets));
    push_line(&mut out, "node.hits", sum(|core| &core.hits));
    push_line(&mut out, "node.misses", sum(|core| &core.misses));
    push_line(&mut out, "node.expired", sum(|core| &core.expired));
    push_line(&mut out, "node.evicted", sum(|core| &core.evicted));
    push_line(
        &mut out,
        "node.cpu_us",
        cores.iter().map(|core| core.cpu_us()).sum::<u64>(),
    );
    if let Some(cpu) = ProcessorTime::of_process() {
        push_line(&mut out, "process.cpu_us", cpu.user_us + cpu.system_us);
    }
    if let Some(bytes) = resident_bytes() {
        push_line(&mut out, "process.resident_bytes", bytes);
    }
    for (index, core) in cores.iter().enumerate() {
        push_line(&mut out, &format!("core.{index}.cpu_us"), core.cpu_us());
        core.lines(index, &mut out);
        let counts = core.operations.0.iter();
        let counts = counts.map(|count| count.load(Ordering::Relaxed));
        push_operations(&mut out, &format!("core.{index}."), counts);
    }
    out
}

/// Processor time of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProcessorTime {
    pub(crate) user_us: u64,
    pub(crate) system_us: u64,
}

impl ProcessorTime {
    pub(crate) fn of_process() -> Option<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        Some(Self {
            user_us: usage.user_time().num_microseconds().unsigned_abs(),
            system_us: usage.system_time().num_microseconds().unsigned_abs(),
        })
    }
}

/// Resident memory of the process.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jerboa_wire::stats::number;

    #[test]
    fn published_counts_and_this_threads_processor_time_are_in_the_text() {
        let core = CoreStats::default();
        core.adopt_thread();
        let mut operations = measure::Operations::default();
        operations.0[0] = 7;
        let counts = Counts {
            ops: 12,
            keys: 30,
            ..Counts::default()
        };
        core.publish(&counts, &operations);
        let mut burn = 0u64;
        while core.cpu_us() < 2_000 {
            burn = std::hint::black_box(burn + 1);
        }
        let text = text(&[core, CoreStats::default()], 5, 1);
        assert_eq!(number(&text, "core.0.ops"), Some(12));
        assert_eq!(number(&text, "core.1.ops"), Some(0));
        assert_eq!(number(&text, "core.0.op.Noop"), Some(7));
        assert_eq!(number(&text, "core.1.op.Noop"), None);
        assert_eq!(number(&text, "node.keys"), Some(30));
        assert!(number(&text, "node.cpu_us").unwrap() >= 2_000);
        assert!(number(&text, "process.cpu_us").unwrap() >= 2_000);
        assert!(number(&text, "process.resident_bytes").unwrap() > 0);
    }
}
