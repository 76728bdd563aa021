//! Destroying a map: all of its entries are gone at once, their memory comes back in slices.
//!
//! An entry's version tells whether it was written before the map was destroyed: versions of a shard
//! only grow. So the map remembers the version of its destruction, every look at an entry compares,
//! and a walk over the index removes what is gone. When the walk has passed everything, nothing is
//! compared any more. The map keeps its number and its limits.
//!
//! No deletions are remembered for what is gone: the other side of a hand-over under way has to
//! destroy the map too.

use super::Shard;
use crate::entry;
use crate::error::ShardError;
use crate::index::slot::Slot;
use crate::index::{LAST, PartitionState, SlotPlace};
use crate::map::MapId;

/// A bucket holds several entries, each of which may have to be removed.
const ENTRIES_PER_BUCKET: u32 = 8;

impl Shard {
    /// Makes every entry of a map unfindable, whatever their number, and says how many there were,
    /// those included that had expired but were not yet swept.
    pub fn destroy_map(&mut self, map: MapId, now_ms: u64) -> Result<u64, ShardError> {
        if !self.maps.knows(map) {
            return Err(ShardError::NoSuchMap);
        }
        let entries = self.map_usage(map).entries;
        if entries > 0 {
            self.limits.destroy(map.0, self.versions.next(now_ms));
            // Whatever the walk has passed may hold entries of this map.
            self.upkeep.destroy_place = 0;
            self.upkeep.destroy_position = 0;
        }
        Ok(entries)
    }

    /// Removes what is gone from a few buckets. Returns whether there is more to do.
    pub(super) fn destroy_slice(&mut self, budget: u32) -> bool {
        if !self.limits.any_destroyed {
            return false;
        }
        for _ in 0..budget / ENTRIES_PER_BUCKET + 1 {
            let place = self.upkeep.destroy_place;
            let Some(partition) = self.index.partitions.get(place) else {
                self.limits.forget_destroyed();
                return false;
            };
            let position = self.upkeep.destroy_position;
            if position >= partition.buckets || partition.state != PartitionState::Owned {
                self.upkeep.destroy_place += 1;
                self.upkeep.destroy_position = 0;
                continue;
            }
            let first = partition.bucket(position);
            self.remove_destroyed(place, first);
            self.upkeep.destroy_position = position + 1;
        }
        true
    }

    fn remove_destroyed(&mut self, place: usize, first: u32) {
        let mut number = first;
        loop {
            let bucket = self.memory.buckets()[number as usize];
            for (position, slot) in bucket.0.into_iter().enumerate() {
                let Some(start) = self.segments.resolve(Slot(slot)) else {
                    continue;
                };
                let header = entry::read(&self.memory.bytes()[start..]);
                if self.limits.is_destroyed(&header) {
                    let bucket = number;
                    let at = SlotPlace { bucket, position };
                    self.index.clear(&mut self.memory, place, at);
                    self.unbook(start, &header);
                }
            }
            let Some(next) = Slot(bucket.0[LAST]).linked() else {
                break;
            };
            number = next;
        }
        self.index.trim_chain(&mut self.memory, place, first);
    }
}
