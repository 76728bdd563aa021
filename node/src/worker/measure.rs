//! What a core measures of the requests that it executes: how many of each operation, for each map,
//! how long they took, and which keys they used.
//!
//! Measured is from when the core took a request's bytes from the kernel (for a request of another
//! core: from when that core put it into the mailbox) until the batch that it belongs to was
//! executed and its replies written to the output. So the clock is read once a batch, and requests
//! of one kind in a batch are counted together: a few nanoseconds a request.
//!
//! The core writes into memory of its own. A tick later, a few slices at a time, that goes to where
//! others can read it ([`Published`]), behind locks that the core only ever tries: a reader may make
//! the numbers a tick older, never the core wait.

mod commands;
mod hot;
mod latency;
mod map_latency;
mod maps;

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use jerboa_core_shard::{MapId, Shard};
use jerboa_wire::routing::partition_of;
use jerboa_wire::{Opcode, Request};

use super::budget::BATCH;
use super::execute::MapChoice;
use commands::Commands;
pub(crate) use commands::{CommandRow, CommandTotals};
pub(super) use commands::{ErrorWord, Failed};
use hot::HotKeys;
use latency::{Latencies, nanoseconds};
use map_latency::MapLatencies;
use maps::MapOperations;
pub(crate) use maps::{MapRow, MapRows};

/// How many operations there are.
pub(crate) const OPERATIONS: usize = Opcode::ALL.len();

/// The place of each operation in tables of [`OPERATIONS`].
const PLACES: [u8; 256] = {
    let mut places = [0; 256];
    let mut place = 0;
    while place < OPERATIONS {
        places[Opcode::ALL[place] as usize] = place as u8;
        place += 1;
    }
    places
};

/// The place of an operation; that of the first one for what is none.
#[inline]
fn place_of(opcode: Opcode) -> usize {
    usize::from(PLACES[usize::from(opcode.as_u8())])
}

/// Runs of the batch that a request may join.
const RUNS_LOOKED_AT: usize = 8;

/// Requests of one kind in a batch; where more than some kinds alternate, there are several of a
/// kind.
#[derive(Clone, Copy, Debug)]
struct Run {
    operation: Opcode,
    map: Option<MapId>,
    since: Instant,
    requests: u32,
}

/// What one core measures, on the core.
#[derive(Debug, Default)]
pub(super) struct Measures {
    /// Requests of the batch that is being executed.
    runs: ArrayVec<Run, BATCH>,
    /// Requests executed by operation.
    pub(super) operations: Operations,
    latencies: Latencies,
    maps: MapOperations,
    map_latencies: MapLatencies,
    hot: HotKeys,
    /// Reads of maps that the engine does not know, because nobody wrote to them on this core:
    /// the engine cannot count them.
    pub(super) missed: u64,
    /// RESP commands.
    pub(super) commands: Commands,
}

/// Requests by operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operations(pub(crate) [u64; OPERATIONS]);

impl Default for Operations {
    fn default() -> Self {
        Self([0; OPERATIONS])
    }
}

/// What one core measured, for the others.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) latencies: latency::Shared,
    pub(crate) maps: MapRows,
    pub(crate) map_latencies: map_latency::Shared,
    pub(crate) hot: hot::Shared,
    pub(crate) commands: commands::Shared,
}

impl Measures {
    /// A request of the batch is executed that arrived at `since`.
    #[inline(always)]
    pub(super) fn note(&mut self, operation: Opcode, map: Option<MapId>, since: Instant) {
        if let Some(run) = self.runs.last_mut()
            && (run.operation, run.map, run.since) == (operation, map, since)
        {
            run.requests += 1;
            return;
        }
        self.note_another(operation, map, since);
    }

    /// The same where the request is not of the last kind.
    fn note_another(&mut self, operation: Opcode, map: Option<MapId>, since: Instant) {
        for run in self.runs.iter_mut().rev().take(RUNS_LOOKED_AT).skip(1) {
            if (run.operation, run.map, run.since) == (operation, map, since) {
                run.requests += 1;
                return;
            }
        }
        if self.runs.is_full() {
            self.finish();
        }
        self.runs.push(Run {
            operation,
            map,
            since,
            requests: 1,
        });
    }

    /// A request of the batch named a map that this core does not know, and so found nothing.
    #[cold]
    pub(super) fn miss(&mut self, operation: Opcode, keys: u32) {
        let reads = matches!(
            operation,
            Opcode::Get | Opcode::GetMeta | Opcode::GetRange | Opcode::GetExpire | Opcode::Digest
        );
        if reads || matches!(operation, Opcode::GetDelete | Opcode::MultiGet) {
            self.missed += u64::from(keys.max(1));
        }
    }

    /// A request used a key; `hash` is that of map and key.
    #[inline]
    pub(super) fn use_key(&mut self, hash: u64, map: &[u8], key: &[u8]) {
        self.hot.use_key(hash, map, key);
    }

    /// A request on many keys used them.
    pub(super) fn use_keys(
        &mut self,
        shard: &Shard,
        request: &Request<'_>,
        map: MapChoice,
        partition_count: u16,
    ) {
        if map == MapChoice::Unknown {
            return self.miss(request.opcode, request.count);
        }
        let Some(map) = map.known().filter(|_| request.count > 0) else {
            return;
        };
        let mut use_key = |key: &[u8]| {
            if self.hot.is_next() {
                let at = shard.address(map, partition_of(key, partition_count), key);
                self.hot.use_key(at.hash, request.map, key);
            } else {
                self.hot.skip();
            }
        };
        if request.opcode == Opcode::MultiPut {
            request.entries().for_each(|entry| use_key(entry.key));
        } else {
            request.keys().for_each(use_key);
        }
    }

    /// The map is no more; its number may become another's.
    pub(super) fn forget_map(&mut self, map: MapId) {
        self.maps.forget(map);
        self.map_latencies.forget(map);
    }

    /// The batch is executed. Returns how many nanoseconds that took, which is 0 where nothing
    /// was.
    #[inline]
    pub(super) fn finish(&mut self) -> u64 {
        if self.runs.is_empty() {
            return self.commands.finish();
        }
        let now = Instant::now();
        self.commands.finish_at(now);
        for run in self.runs.drain(..) {
            let place = place_of(run.operation);
            let requests = u64::from(run.requests);
            let took_ns = nanoseconds(now.saturating_duration_since(run.since));
            self.operations.0[place] += requests;
            self.latencies.record(place, took_ns, requests);
            if let Some(map) = run.map {
                self.maps.count(map, place, requests);
                self.map_latencies.record(map, place, took_ns, run.requests);
            }
        }
        self.commands.took_ns()
    }

    /// A tick has passed: what was measured is to become visible.
    pub(super) fn tick(&mut self, passed: Duration) {
        self.latencies.begin_publishing();
        self.maps.begin_publishing();
        self.map_latencies.begin_publishing(passed);
        self.hot.tick(passed);
    }

    /// One slice of that.
    pub(super) fn publish(&mut self, shard: &Shard, to: &Published) {
        self.latencies.publish_slice(&to.latencies);
        self.maps.publish_slice(shard, &to.maps);
        self.map_latencies.publish_slice(shard, &to.map_latencies);
        self.hot.publish(&to.hot);
        self.commands.publish(&to.commands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jerboa_core_shard::ShardConfig;

    #[test]
    fn every_operation_has_a_place_of_its_own() {
        for (place, opcode) in Opcode::ALL.iter().enumerate() {
            assert_eq!(place_of(*opcode), place);
        }
    }

    #[test]
    fn requests_are_counted_by_operation_and_map_however_they_are_mixed() {
        let mut shard = Shard::new(&ShardConfig::owning_all(32 << 20, 1024)).unwrap();
        let map = shard.map_id(b"orders").unwrap();
        let mut measures = Measures::default();
        let since = Instant::now();
        for number in 0..1000 {
            let operation = [Opcode::Get, Opcode::Get, Opcode::Put][number % 3];
            let map = [Some(map), Some(MapId::DEFAULT), None][number % 2 + number % 10 / 9];
            measures.note(operation, map, since);
            if number % 40 == 0 {
                measures.finish();
            }
        }
        measures.finish();
        assert_eq!(measures.operations.0.iter().sum::<u64>(), 1000);
        assert_eq!(measures.operations.0[place_of(Opcode::Put)], 333);
        let published = Published::default();
        measures.tick(Duration::from_millis(100));
        measures.publish(&shard, &published);
        let latencies = published.latencies.read();
        let counted: u64 = latencies.iter().map(|(_, latency)| latency.count()).sum();
        assert_eq!(counted, 1000);
        let rows = published.maps.from(b"", true, 10);
        let names: Vec<_> = rows.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, [&b""[..], b"orders"]);
        let executed: u64 = rows.iter().flat_map(|(_, row)| row.operations).sum();
        assert_eq!(executed, 900, "every tenth names no map");
    }
}
