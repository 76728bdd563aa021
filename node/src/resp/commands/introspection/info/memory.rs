//! Memory as INFO and MEMORY tell it.
//!
//! The memory for entries is reserved when the node starts and never given back, so "allocated",
//! "active" and "resident", which Redis asks its allocator for, are here: what live entries and the
//! index take, what the segments in use take, and what is reserved.

use std::fmt::Write;

use super::{Facts, line};

/// The figures, in bytes.
pub(in crate::resp::commands) struct Memory {
    /// Segments in use, index and tables.
    pub(in crate::resp::commands) used: u64,
    pub(in crate::resp::commands) used_peak: u64,
    /// Live entries.
    pub(in crate::resp::commands) dataset: u64,
    /// Live entries and the index.
    pub(in crate::resp::commands) allocated: u64,
    pub(in crate::resp::commands) reserved: u64,
    pub(in crate::resp::commands) resident: u64,
}

impl Memory {
    pub(in crate::resp::commands) fn of(facts: &Facts<'_>) -> Self {
        let total = &facts.total;
        Self {
            used: total.used_bytes,
            used_peak: total.used_bytes_peak,
            dataset: total.live_bytes,
            allocated: total.live_bytes + total.index_bytes,
            reserved: total.arena_bytes,
            resident: facts.resident_bytes,
        }
    }

    /// What is in use beside the entries.
    pub(in crate::resp::commands) fn overhead(&self) -> u64 {
        self.used.saturating_sub(self.dataset)
    }
}

/// One number by another; 0 where there is nothing to divide by.
pub(in crate::resp::commands) fn ratio(of: u64, by: u64) -> f64 {
    if by == 0 { 0.0 } else { of as f64 / by as f64 }
}

pub(super) fn write(facts: &Facts<'_>, out: &mut String) {
    let memory = Memory::of(facts);
    let bytes = |out: &mut String, name: &str, bytes: u64| {
        line(out, name, bytes);
        line(out, &format!("{name}_human"), human(bytes));
    };
    bytes(out, "used_memory", memory.used);
    bytes(out, "used_memory_rss", memory.resident);
    bytes(out, "used_memory_peak", memory.used_peak);
    let percent = |of, by| format!("{:.2}%", ratio(of, by) * 100.0);
    let peak = percent(memory.used, memory.used_peak);
    line(out, "used_memory_peak_perc", peak);
    line(out, "used_memory_overhead", memory.overhead());
    line(out, "used_memory_startup", 0);
    line(out, "used_memory_dataset", memory.dataset);
    let dataset = percent(memory.dataset, memory.used);
    line(out, "used_memory_dataset_perc", dataset);
    line(out, "allocator_allocated", memory.allocated);
    line(out, "allocator_active", memory.used);
    line(out, "allocator_resident", memory.reserved);
    bytes(
        out,
        "total_system_memory",
        facts.shared.introspection.machine_bytes,
    );
    for name in [
        "used_memory_lua",
        "used_memory_vm_eval",
        "used_memory_scripts",
    ] {
        line(out, name, 0);
    }
    line(out, "number_of_cached_scripts", 0);
    bytes(out, "maxmemory", facts.shared.memory_bytes);
    line(out, "maxmemory_policy", facts.shared.eviction_policy());
    let frag = ratio(memory.used, memory.allocated);
    line(out, "allocator_frag_ratio", format_args!("{frag:.2}"));
    let frag_bytes = memory.used.saturating_sub(memory.allocated);
    line(out, "allocator_frag_bytes", frag_bytes);
    let rss = ratio(memory.reserved, memory.used);
    line(out, "allocator_rss_ratio", format_args!("{rss:.2}"));
    let rss_bytes = memory.reserved.saturating_sub(memory.used);
    line(out, "allocator_rss_bytes", rss_bytes);
    let resident = ratio(memory.resident, memory.reserved);
    line(out, "rss_overhead_ratio", format_args!("{resident:.2}"));
    let beside = difference(memory.resident, memory.reserved);
    line(out, "rss_overhead_bytes", beside);
    // What is resident beyond what is reserved: free segments are no fragmentation.
    line(
        out,
        "mem_fragmentation_ratio",
        format_args!("{resident:.2}"),
    );
    line(out, "mem_fragmentation_bytes", beside);
    line(out, "mem_not_counted_for_evict", 0);
    line(out, "mem_replication_backlog", 0);
    line(out, "mem_clients_slaves", 0);
    line(out, "mem_clients_normal", 0);
    line(out, "mem_aof_buffer", 0);
    line(
        out,
        "mem_allocator",
        concat!("jerboa-", env!("CARGO_PKG_VERSION")),
    );
    line(out, "active_defrag_running", 0);
    line(out, "lazyfree_pending_objects", 0);
}

/// What one number is above another, or below it.
fn difference(of: u64, from: u64) -> i64 {
    of.cast_signed().saturating_sub(from.cast_signed())
}

/// Bytes in the largest unit that they reach.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let mut text = String::new();
    let mut amount = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = next;
    }
    let _ = match unit {
        "B" => write!(text, "{bytes}B"),
        _ => write!(text, "{amount:.2}{unit}"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_unit_that_people_read() {
        let told: Vec<_> = [0, 1023, 1024, 943 * 1024 + 225, 3 << 30, u64::MAX]
            .map(human)
            .into();
        let expected = ["0B", "1023B", "1.00K", "943.22K", "3.00G", "16384.00P"];
        assert_eq!(told, expected);
    }
}
