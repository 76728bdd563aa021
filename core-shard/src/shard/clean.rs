//! The cleaning cursor: goes over all buckets of the index, a slice at a time, and empties slots
//! whose segment was freed. It rests while there are none.

use super::Shard;
use crate::index::PartitionState;

impl Shard {
    /// Cleans at most `budget` buckets. Returns whether there is more to do.
    pub(super) fn clean_slice(&mut self, budget: u32) -> bool {
        if self.index.stale_slots == 0 {
            self.segments.all_clean();
            return false;
        }
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
