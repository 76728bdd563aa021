//! Growth: one bucket is split in two, so that no write ever waits for a whole table.
//!
//! A split reads the keys of about six entries to hash them again. Their memory is asked for all
//! at once, so that the split costs about one cache miss.

use super::{Index, LAST, SlotPlace, chunk_of, chunk_order, position_among};
use crate::entry;
use crate::hash::KeyHash;
use crate::index::slot::{Kind, Slot};
use crate::mem::{BUCKET_BYTES, Bucket, Region};
use crate::segment::Segments;

/// Entries for each two buckets above which a partition grows.
const USED_PER_TWO_BUCKETS: u64 = 11;
const FIRST_BUCKETS: u32 = 4;
/// What a partition's first table takes.
pub(crate) const FIRST_TABLE_BYTES: usize = FIRST_BUCKETS as usize * BUCKET_BYTES;

/// The bucket whose entries are divided when a table of `buckets` grows by one.
pub(crate) fn split_source(buckets: u32) -> u32 {
    buckets - (1 << buckets.ilog2())
}

impl Index {
    /// Gives a partition its first buckets, if it has none. False if there is no memory.
    pub(crate) fn ensure_table(
        &mut self,
        memory: &mut Region,
        segments: &mut Segments,
        place: usize,
    ) -> bool {
        if self.partitions[place].buckets > 0 {
            return true;
        }
        let order = FIRST_BUCKETS.ilog2();
        let Some(chunk) = self.chunks.take(memory, segments, order) else {
            return false;
        };
        let first = chunk as usize;
        memory.buckets_mut()[first..first + FIRST_BUCKETS as usize].fill(Bucket::EMPTY);
        self.partitions[place].chunks[0] = chunk;
        self.partitions[place].buckets = FIRST_BUCKETS;
        true
    }

    /// Whether a partition has more entries than its buckets should hold.
    #[inline(always)]
    pub(crate) fn wants_split(&self, place: usize) -> bool {
        let partition = &self.partitions[place];
        u64::from(partition.used) * 2 > u64::from(partition.buckets) * USED_PER_TWO_BUCKETS
    }

    /// Splits the next bucket of a partition. False if there is no memory, or no larger table.
    pub(crate) fn split(
        &mut self,
        memory: &mut Region,
        segments: &mut Segments,
        place: usize,
        hasher: &KeyHash,
    ) -> bool {
        let buckets = self.partitions[place].buckets;
        let (chunk, within) = chunk_of(buckets);
        if chunk >= self.partitions[place].chunks.len() {
            return false;
        }
        if within == 0 {
            let Some(taken) = self.chunks.take(memory, segments, chunk_order(chunk)) else {
                return false;
            };
            self.partitions[place].chunks[chunk] = taken;
        }
        let source = self.partitions[place].bucket(split_source(buckets));
        let target = self.partitions[place].chunks[chunk] + within;
        self.partitions[place].buckets = buckets + 1;
        self.collect(memory, segments, place, source);
        memory.buckets_mut()[source as usize] = Bucket::EMPTY;
        memory.buckets_mut()[target as usize] = Bucket::EMPTY;
        self.distribute(memory, segments, (place, buckets), [source, target], hasher);
        true
    }

    /// Moves the live slots and the ghosts of a chain to `scratch`, entries first, and frees its
    /// overflow buckets.
    fn collect(&mut self, memory: &mut Region, segments: &Segments, place: usize, first: u32) {
        self.scratch.clear();
        let mut bucket_number = first;
        loop {
            let bucket = memory.buckets()[bucket_number as usize];
            for slot in bucket.0 {
                if matches!(Slot(slot).kind(), Kind::Entry(_) | Kind::Ghost(_)) {
                    if let Some(at) = segments.resolve(Slot(slot)) {
                        memory.prefetch(at);
                        self.scratch.push(slot);
                    } else if segments.is_stale(Slot(slot)) {
                        self.partitions[place].used -= 1;
                        self.stale_slots -= 1;
                    } else {
                        self.scratch.push(slot);
                    }
                }
            }
            if bucket_number != first {
                self.chunks.free(memory, bucket_number, 0);
                self.partitions[place].overflow -= 1;
            }
            let Some(next) = Slot(bucket.0[LAST]).linked() else {
                break;
            };
            bucket_number = next;
        }
        let is_ghost = |slot: &u64| matches!(Slot(*slot).kind(), Kind::Ghost(_));
        self.scratch.sort_unstable_by_key(is_ghost);
    }

    /// Puts the slots of `scratch` into the two chains. A ghost's full hash is not known: it stays
    /// with the source if there is room.
    fn distribute(
        &mut self,
        memory: &mut Region,
        segments: &mut Segments,
        (place, buckets): (usize, u32),
        [source, target]: [u32; 2],
        hasher: &KeyHash,
    ) {
        let mut free = [source, target].map(|bucket| SlotPlace {
            bucket,
            position: 0,
        });
        let scratch = core::mem::take(&mut self.scratch);
        for slot in &scratch {
            let Some(at) = segments.resolve(Slot(*slot)) else {
                if free[0].position <= LAST {
                    memory.buckets_mut()[free[0].bucket as usize].0[free[0].position] = *slot;
                    free[0].position += 1;
                }
                continue;
            };
            let bytes = &memory.bytes()[at..];
            let header = entry::read(bytes);
            let key = &bytes[header.key_at..header.value_at()];
            let moves = position_among(buckets + 1, hasher.hash(header.map, key)) == buckets;
            let to = &mut free[usize::from(moves)];
            if to.position > LAST {
                // The source's overflow buckets were freed just now and always suffice.
                match self.extend_chain(memory, segments, place, to.bucket) {
                    Some(found) => *to = found,
                    None => debug_assert!(false, "two chains need no more buckets than one"),
                }
            }
            memory.buckets_mut()[to.bucket as usize].0[to.position] = *slot;
            to.position += 1;
        }
        self.scratch = scratch;
    }
}
