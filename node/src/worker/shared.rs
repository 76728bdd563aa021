//! What all cores of a node read, and the few counts that they share.
//!
//! Everything here is fixed at start or an atomic that is touched per connection or per stop, never
//! per request.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

use super::events::EventMask;
use super::pubsub::directory::Directory;
use super::stats::{self, CoreStats};

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
    /// The reply to a Topology request.
    pub(crate) topology: Vec<u8>,
    pub(crate) stats: Vec<CoreStats>,
    /// Who is subscribed where.
    pub(crate) directory: Directory,
    /// Kinds of events that are on.
    pub(crate) events: EventMask,
    pub(crate) connections: AtomicU32,
    pub(crate) connections_max: u32,
    pub(crate) started: Instant,
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
                (count < self.connections_max).then_some(count + 1)
            });
        taken.is_ok()
    }

    /// Gives a connection back.
    pub(crate) fn release(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// The Stats text.
    pub(crate) fn stats_text(&self) -> String {
        let cores: Vec<&CoreStats> = self.stats.iter().collect();
        let uptime_ms = self.started.elapsed().as_millis() as u64;
        stats::text(&cores, uptime_ms, self.epoch)
    }
}
