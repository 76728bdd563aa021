//! What all cores of a node read, and the few counts that they share.
//!
//! Everything here is fixed at start or an atomic that is touched per connection or per stop, never
//! per request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::changes::Changes;
use super::events::EventMask;
use super::pubsub::directory::Directory;
use crate::introspection::Introspection;
use jerboa_wire::routing::{SLOTS, partition};
use jerboa_wire::settings::WhenFull;
use jerboa_wire::stats::{
    HotKey, MAP_STATS_FROM, MAP_STATS_ITEMS_MAX, MAP_STATS_LATENCIES, MAP_STATS_ONE, push_line,
    push_map,
};

use super::measure::MapRow;
pub(crate) use super::measure::{CommandRow, CommandTotals};
use super::pauses::Pauses;
use super::settings::SettingsStore;
use super::slow::SlowLog;
use super::stats::{self, CoreStats, Counts};
use super::tuning::Tuning;
use crate::resp::{Pause, SlotMaps};

/// The node as its cores see it.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Owning core of every partition.
    pub(crate) core_of_partition: Vec<u16>,
    pub(crate) partition_count: u16,
    /// Topology epoch.
    pub(crate) epoch: u32,
    /// This node's id in the topology.
    pub(crate) member: u64,
    /// Where each core's own port is; empty where nothing is listened on.
    pub(crate) slots: SlotMaps,
    /// The reply to a Topology request.
    pub(crate) topology: Vec<u8>,
    pub(crate) stats: Vec<CoreStats>,
    /// What the cores had counted of RESP commands when that was reset last.
    pub(crate) commands_reset: Mutex<CommandTotals>,
    /// Who is subscribed where.
    pub(crate) directory: Directory,
    /// Bytes of messages that may wait for one subscriber in this process.
    pub(crate) subscriber_bytes_max: usize,
    /// Kinds of events that are on.
    pub(crate) events: EventMask,
    /// How many changes for all cores are under way.
    pub(crate) changes: Changes,
    /// Settings of maps.
    pub(crate) settings: SettingsStore,
    /// When a core did one thing for long.
    pub(crate) pauses: Pauses,
    /// Commands that took long.
    pub(crate) slow_log: SlowLog,
    /// What it knows of itself, and is asked through RESP.
    pub(crate) introspection: Introspection,
    /// The configuration as it holds now.
    pub(crate) tuning: Tuning,
    /// What the entries and their index may take, over all cores.
    pub(crate) memory_bytes: u64,
    pub(crate) value_bytes_max: u32,
    pub(crate) connections: AtomicU32,
    pub(crate) connections_max: AtomicU32,
    /// Connections so far: each has the next number.
    pub(crate) clients: AtomicU64,
    /// Clients wait until it is over.
    pub(crate) pause: Pause,
    pub(crate) started: Instant,
    /// The same by the clock, in Unix milliseconds.
    pub(crate) started_ms: u64,
    /// Set once: the cores drain and end.
    pub(crate) stopping: AtomicBool,
    /// A core ended because its ring failed.
    pub(crate) failed: AtomicBool,
    /// Cores that still owe replies. A core leaves only when none does, because until then its
    /// answers may be needed.
    pub(crate) draining: AtomicUsize,
}

impl Shared {
    /// Takes one of the node's connections, if one is left.
    pub(crate) fn admit(&self) -> bool {
        let taken = self
            .connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < self.connections_max.load(Ordering::Relaxed)).then_some(count + 1)
            });
        taken.is_ok()
    }

    /// Connections that the node accepts in all.
    pub(crate) fn connections_max(&self) -> u32 {
        self.connections_max.load(Ordering::Relaxed)
    }

    /// Accepts so many from now on; those that are above stay.
    pub(crate) fn set_connections_max(&self, connections: u32) {
        self.connections_max.store(connections, Ordering::Relaxed);
    }

    /// The core that owns a slot; `None` where there is no such slot.
    pub(crate) fn core_of_slot(&self, slot: u64) -> Option<u16> {
        let slot = u16::try_from(slot).ok().filter(|slot| *slot < SLOTS)?;
        let partition = partition(slot, self.partition_count.trailing_zeros());
        self.core_of_partition.get(usize::from(partition)).copied()
    }

    /// The number of a connection that has just been made.
    pub(crate) fn next_client(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Gives a connection back.
    pub(crate) fn release(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// What all cores counted, together.
    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        for core in &self.stats {
            total.add(&core.read());
        }
        total
    }

    /// What Redis would call that which happens when the memory is full.
    pub(crate) fn eviction_policy(&self) -> &'static str {
        match self.settings.when_full_of(b"") {
            WhenFull::Evict => "allkeys-lru",
            WhenFull::Refuse => "noeviction",
        }
    }

    /// The Stats text: the counters for 0, the latencies of core N for N + 1. `None` where there is
    /// no such core.
    pub(crate) fn stats_text(&self, of: u64) -> Option<String> {
        let Some(core) = of.checked_sub(1) else {
            let uptime_ms = self.started.elapsed().as_millis() as u64;
            return Some(stats::text(&self.stats, uptime_ms, self.epoch));
        };
        let core = usize::try_from(core).ok()?;
        let stats = self.stats.get(core)?;
        Some(stats::latency_text(core, stats))
    }

    /// What all cores count of RESP commands since the last reset.
    pub(crate) fn command_totals(&self) -> CommandTotals {
        let mut totals = self.all_command_totals();
        let reset = self.commands_reset.lock();
        totals.since(&reset.unwrap_or_else(PoisonError::into_inner));
        totals
    }

    /// Lets the counts of RESP commands begin anew.
    pub(crate) fn reset_command_totals(&self) {
        let totals = self.all_command_totals();
        let reset = self.commands_reset.lock();
        *reset.unwrap_or_else(PoisonError::into_inner) = totals;
    }

    fn all_command_totals(&self) -> CommandTotals {
        let mut totals = CommandTotals::default();
        for core in &self.stats {
            totals.add(&core.measured.commands);
        }
        totals
    }

    /// The keys of all cores that are used most, at most `count` of them.
    pub(crate) fn hot_keys(&self, count: u64) -> Vec<HotKey> {
        let cores = self.stats.iter();
        let mut keys: Vec<_> = cores.flat_map(|core| core.measured.hot.read()).collect();
        keys.sort_by(|a, b| b.uses_per_s.total_cmp(&a.uses_per_s));
        keys.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        keys
    }

    /// The payload of a HotKeys reply.
    pub(crate) fn hot_keys_section(&self, count: u64) -> Vec<u8> {
        let mut section = Vec::new();
        for key in self.hot_keys(count) {
            key.encode(&mut section);
        }
        section
    }

    /// The payload of a MapStats reply, and whether there are more maps. `None` where there is no
    /// map of the name that was asked for.
    pub(crate) fn map_stats_section(&self, name: &[u8], which: u64) -> Option<(Vec<u8>, bool)> {
        let rows = || self.stats.iter().map(|core| &core.measured.maps);
        let mut section = Vec::new();
        if which == MAP_STATS_ONE || which == MAP_STATS_LATENCIES {
            let mut sum = MapRow::default();
            let mut known = false;
            for rows in rows() {
                known |= rows.add_to(name, &mut sum);
            }
            let mut text = stats::map_text(&sum);
            if which == MAP_STATS_LATENCIES {
                self.push_map_latencies(name, &mut text);
            }
            push_map(&mut section, name, &text);
            return known.then_some((section, false));
        }
        let mut sums = BTreeMap::<Box<[u8]>, MapRow>::new();
        for rows in rows() {
            // One more than fits tells whether there are more.
            let some = rows.from(name, which == MAP_STATS_FROM, MAP_STATS_ITEMS_MAX + 1);
            for (name, row) in some {
                sums.entry(name).or_default().merge(&row);
            }
        }
        let more = sums.len() > MAP_STATS_ITEMS_MAX;
        for (name, sum) in sums.iter().take(MAP_STATS_ITEMS_MAX) {
            push_map(&mut section, name, &stats::map_text(sum));
        }
        Some((section, more))
    }

    /// Appends how long the requests of a map took, over all cores.
    fn push_map_latencies(&self, name: &[u8], text: &mut String) {
        let mut sums = BTreeMap::new();
        for core in &self.stats {
            core.measured.map_latencies.add_to(name, &mut sums);
        }
        for (operation, latency) in sums {
            push_line(text, &format!("latency.{operation}"), latency);
        }
    }
}
