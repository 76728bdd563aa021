//! The cleaning cursor: goes over all buckets of the index, a slice at a time, and empties slots
//! whose segment was freed. It rests while there are none.

use super::Shard;
use crate::index::PartitionState;

/// Stale slots are cleaned at full speed when there is one for so many entries, …
const PRESSING_SHARE: u64 = 16;
/// … and so many times slower otherwise.
const UNHURRIED: u32 = 8;

impl Shard {
    /// Cleans at most `budget` buckets; fewer while stale slots are few and no segment waits for
    /// it. Returns whether there is more to do.
    pub(super) fn clean_slice(&mut self, budget: u32) -> bool {
        if self.index.stale_slots == 0 {
            self.segments.all_clean();
            return false;
        }
        let pressing = self.index.stale_slots * PRESSING_SHARE > self.records
            || self.segments.has_quarantined();
        let budget = if pressing {
            budget
        } else {
            budget / UNHURRIED + 1
        };
        for _ in 0..budget {
            let place = self.upkeep.clean_place;
            let Some(partition) = self.index.partitions.get(place) else {
                self.upkeep.clean_place = 0;
                self.upkeep.clean_position = 0;
                self.segments.pass_completed();
                break;
            };
            let position = self.upkeep.clean_position;
            if position >= partition.buckets || partition.state == PartitionState::Vacant {
                self.upkeep.clean_place += 1;
                self.upkeep.clean_position = 0;
                continue;
            }
            let bucket = partition.bucket(position);
            let (memory, segments) = (&mut self.memory, &self.segments);
            if self.index.clean_chain(memory, segments, place, bucket) > 0 {
                self.index.trim_chain(memory, place, bucket);
            }
            self.upkeep.clean_position = position + 1;
        }
        self.index.stale_slots > 0
    }
}
