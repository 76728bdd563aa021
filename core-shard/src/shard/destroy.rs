//! Destroying a map: all of its entries are gone at once, their memory comes back in slices.
//!
//! The map remembers the version of its destruction, every look at an entry compares
//! ([`crate::destroyed`]), and a walk goes round the index and removes what is gone until nothing is
//! left; then nothing is compared any more. The map keeps its number and its limits, until its owner
//! has it forgotten.
//!
//! No deletions are remembered for what is gone: the other side of a hand-over under way has to
//! destroy the map too.

use super::Shard;
use crate::entry;
use crate::error::ShardError;
use crate::index::slot::Slot;
use crate::index::{LAST, PartitionState, SlotPlace};
use crate::map::{MapId, MapUsage};
use crate::witness::Departure;

/// A bucket holds several entries, each of which may have to be removed.
const ENTRIES_PER_BUCKET: u32 = 8;
/// Partitions that a slice passes over, at most, besides the buckets it reads.
const PARTITIONS_PASSED: u32 = 256;

impl Shard {
    /// Makes every entry of a map unfindable, whatever their number, and says how many there were,
    /// those included that had expired but were not yet swept.
    pub fn destroy_map(&mut self, map: MapId, now_ms: u64) -> Result<u64, ShardError> {
        if !self.maps.knows(map) {
            return Err(ShardError::NoSuchMap);
        }
        let entries = self.map_usage(map).entries;
        let booked = self.maps.usage[usize::from(map.0)];
        if entries > 0 || booked.entries == 0 {
            let version = self.versions.next(now_ms);
            self.destroyed.add_map(map.0, version, booked);
        }
        Ok(entries)
    }

    /// A map that was destroyed and of which nothing is left in memory; each is told once for each
    /// time that it is destroyed.
    pub fn next_vacant_map(&mut self) -> Option<MapId> {
        self.destroyed.next_vacant().map(MapId)
    }

    /// Gives up the name and the number of a map, which another map may get from now on: nobody may
    /// have kept an [`Address`](crate::Address) of it. Refuses, with false, where the map has
    /// entries or other limits than new maps, or is the default one.
    pub fn forget_map(&mut self, map: MapId) -> bool {
        let is_plain = *self.limits.of(map.0) == self.limits.of_new_maps;
        let can_go = map != MapId::DEFAULT && is_plain && self.maps.knows(map);
        if !can_go || self.maps.usage[usize::from(map.0)] != MapUsage::default() {
            return false;
        }
        // What it had must not hold for the next map of its number, nor keep a group from others.
        self.lift_limits(map.0);
        self.maps.forget(map);
        true
    }

    /// Removes what is gone from a few buckets. Returns whether there is more to do.
    pub(super) fn destroy_slice(&mut self, budget: u32) -> bool {
        let mut passed = 0;
        let mut left = budget / ENTRIES_PER_BUCKET + 1;
        // What is left in the end may be in segments that are being drained.
        while left > 0 && passed < PARTITIONS_PASSED && self.destroyed.any() {
            let place = self.upkeep.destroy_place;
            let Some(partition) = self.index.partitions.get(place) else {
                self.upkeep.destroy_place = 0;
                self.upkeep.destroy_position = 0;
                break;
            };
            let position = self.upkeep.destroy_position;
            if position >= partition.buckets || partition.state != PartitionState::Owned {
                self.upkeep.destroy_place += 1;
                self.upkeep.destroy_position = 0;
                passed += 1;
                continue;
            }
            let first = partition.bucket(position);
            self.remove_destroyed(place, first);
            self.upkeep.destroy_position = position + 1;
            left -= 1;
        }
        self.destroyed.any()
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
                if self.destroyed.has(&header) {
                    self.depart(start, &header, Departure::Destroyed);
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
