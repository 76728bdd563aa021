//! What happens in each map: requests by operation, and what the engine counts for the map.
//!
//! Others read rows by the map's name, since its number differs from core to core. Maps are bounded
//! in number, and so are the rows; that of a map which was forgotten goes with the next round.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jerboa_core_shard::{MapId, Shard};

use super::OPERATIONS;

/// Maps whose rows one slice writes.
const MAPS_PER_SLICE: usize = 256;

/// Requests by map and operation, on the core.
#[derive(Debug, Default)]
pub(super) struct MapOperations {
    /// By the map's number; maps that nothing was asked of have none.
    counts: Vec<Option<Box<[u64; OPERATIONS]>>>,
    /// The first map that is not published in this round; none while there is no round.
    next: Option<usize>,
    /// Which round this is.
    round: u32,
    /// A map was forgotten, and its row may still be there.
    forgot: bool,
}

/// What one core counts for one map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapRow {
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
    pub(crate) gets: u64,
    pub(crate) hits: u64,
    pub(crate) expired: u64,
    pub(crate) evicted: u64,
    pub(crate) operations: [u64; OPERATIONS],
    /// The round that wrote it last.
    round: u32,
}

impl Default for MapRow {
    fn default() -> Self {
        Self {
            keys: 0,
            bytes: 0,
            gets: 0,
            hits: 0,
            expired: 0,
            evicted: 0,
            operations: [0; OPERATIONS],
            round: 0,
        }
    }
}

impl MapRow {
    /// Adds what another core counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.keys += other.keys;
        self.bytes += other.bytes;
        self.gets += other.gets;
        self.hits += other.hits;
        self.expired += other.expired;
        self.evicted += other.evicted;
        for (sum, count) in self.operations.iter_mut().zip(other.operations) {
            *sum += count;
        }
    }
}

impl MapOperations {
    #[inline]
    pub(super) fn count(&mut self, map: MapId, place: usize, requests: u64) {
        let index = usize::from(map.index());
        if let Some(Some(counts)) = self.counts.get_mut(index) {
            counts[place] += requests;
        } else {
            self.begin(index, place, requests);
        }
    }

    #[cold]
    fn begin(&mut self, index: usize, place: usize, requests: u64) {
        if self.counts.len() <= index {
            self.counts.resize_with(index + 1, || None);
        }
        let mut counts = Box::new([0; OPERATIONS]);
        counts[place] = requests;
        self.counts[index] = Some(counts);
    }

    pub(super) fn forget(&mut self, map: MapId) {
        if let Some(counts) = self.counts.get_mut(usize::from(map.index())) {
            *counts = None;
        }
        // Its row may have been written in this round already.
        self.next = None;
        self.forgot = true;
    }

    pub(super) fn begin_publishing(&mut self) {
        if self.next.is_none() {
            self.next = Some(0);
            self.round = self.round.wrapping_add(1);
        }
    }

    pub(super) fn publish_slice(&mut self, shard: &Shard, to: &MapRows) {
        let Some(first) = self.next else {
            return;
        };
        let Ok(mut rows) = to.rows.try_lock() else {
            return;
        };
        let mut maps = shard.map_ids().skip(first);
        for map in maps.by_ref().take(MAPS_PER_SLICE) {
            let Some(name) = shard.map_name(map) else {
                continue;
            };
            if !rows.contains_key(name) {
                rows.insert(name.into(), MapRow::default());
            }
            if let Some(row) = rows.get_mut(name) {
                self.write(shard, map, row);
            }
        }
        self.next = (maps.len() > 0).then_some(first + MAPS_PER_SLICE);
        if self.next.is_none() && std::mem::take(&mut self.forgot) {
            rows.retain(|_, row| row.round == self.round);
        }
    }

    fn write(&self, shard: &Shard, map: MapId, row: &mut MapRow) {
        let (usage, counters) = (shard.map_usage(map), shard.map_counters(map));
        row.round = self.round;
        row.keys = usage.entries;
        row.bytes = usage.bytes;
        row.gets = counters.gets;
        row.hits = counters.hits;
        row.expired = counters.expired;
        row.evicted = counters.evicted;
        row.operations = match self.counts.get(usize::from(map.index())) {
            Some(Some(counts)) => **counts,
            _ => [0; OPERATIONS],
        };
    }
}

/// The rows of one core that others read.
#[derive(Debug, Default)]
pub(crate) struct MapRows {
    rows: Mutex<BTreeMap<Box<[u8]>, MapRow>>,
}

impl MapRows {
    /// Adds the row of a map to `sum`; false where there is none.
    pub(crate) fn add_to(&self, name: &[u8], sum: &mut MapRow) -> bool {
        let rows = self.lock();
        let row = rows.get(name);
        if let Some(row) = row {
            sum.merge(row);
        }
        row.is_some()
    }

    /// At most `count` rows from `name` on, with it or without, in the order of their names.
    pub(crate) fn from(
        &self,
        name: &[u8],
        inclusive: bool,
        count: usize,
    ) -> Vec<(Box<[u8]>, MapRow)> {
        let from = if inclusive {
            Bound::Included(name)
        } else {
            Bound::Excluded(name)
        };
        let rows = self.lock();
        let found = rows.range::<[u8], _>((from, Bound::Unbounded));
        found
            .take(count)
            .map(|(name, row)| (name.clone(), *row))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<[u8]>, MapRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jerboa_core_shard::ShardConfig;

    #[test]
    fn more_maps_than_a_slice_writes_are_all_there_in_the_end_and_in_order() {
        let mut shard = Shard::new(&ShardConfig::owning_all(32 << 20, 1024)).unwrap();
        let mut operations = MapOperations::default();
        for number in 0..1000 {
            let map = shard.map_id(format!("map {number:04}").as_bytes()).unwrap();
            operations.count(map, 1, 2);
        }
        let rows = MapRows::default();
        operations.begin_publishing();
        let mut slices = 0;
        while operations.next.is_some() {
            operations.publish_slice(&shard, &rows);
            slices += 1;
        }
        assert_eq!(slices, 1001_usize.div_ceil(MAPS_PER_SLICE));
        let all = rows.from(b"", true, usize::MAX);
        assert_eq!(all.len(), 1001);
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));
        let behind = rows.from(b"map 0007", false, 2);
        assert_eq!(&*behind[0].0, b"map 0008");
        assert_eq!(behind[0].1.operations[1], 2);
        assert!(!rows.add_to(b"map", &mut MapRow::default()));

        let gone = shard.find_map(b"map 0008").unwrap();
        assert!(shard.forget_map(gone), "nothing was written to it");
        operations.forget(gone);
        assert_eq!(
            shard.map_id(b"another"),
            Ok(gone),
            "its number is used again"
        );
        operations.begin_publishing();
        while operations.next.is_some() {
            operations.publish_slice(&shard, &rows);
        }
        assert!(!rows.add_to(b"map 0008", &mut MapRow::default()));
        let mut another = MapRow::default();
        assert!(rows.add_to(b"another", &mut another));
        assert_eq!(another.operations[1], 0, "nothing was asked of it");
    }
}
