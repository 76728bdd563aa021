//! Growth: one bucket is split in two, so that no write ever waits for a whole table.
//!
//! A split is due when a partition has too many entries, and is done two due splits later: what it
//! needs is asked for meanwhile, so that it waits for no memory. It divides the slots by their tags
//! (`tag.rs`); at few levels the tags have to change, and it reads the keys to hash them again.

use super::{Index, LAST, SlotPlace, chunk_of, chunk_order};
use crate::entry;
use crate::hash::KeyHash;
use crate::index::PartitionState;
use crate::index::slot::{Kind, Slot};
use crate::index::tag::{dividing_bit, tag_of, tags_change};
use crate::mem::{BUCKET_BYTES, Bucket, Region};
use crate::segment::Segments;

/// Entries for each two buckets above which a partition grows.
const USED_PER_TWO_BUCKETS: u64 = 12;
const FIRST_BUCKETS: u32 = 4;
/// What a partition's first table takes.
pub(crate) const FIRST_TABLE_BYTES: usize = FIRST_BUCKETS as usize * BUCKET_BYTES;
/// Splits that are due and not done, at most.
const DUE_MAX: usize = 2;

/// Partitions with a split due, the first one first; and the bucket that the last one will divide.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    places: [u16; DUE_MAX],
    count: usize,
    last_source: u32,
}

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

    /// Notes that a partition has a split due, and does the one that is due longest. Whether a
    /// bucket was split.
    pub(crate) fn grow(
        &mut self,
        memory: &mut Region,
        segments: &mut Segments,
        place: usize,
        hasher: &KeyHash,
    ) -> bool {
        // The bucket asked for at the last call is there; its overflow bucket is asked for now.
        let last = memory.buckets().get(self.due.last_source as usize);
        if let Some(next) = last.and_then(|bucket| Slot(bucket.0[LAST]).linked()) {
            memory.prefetch(next as usize * BUCKET_BYTES);
        }
        let due = &self.due.places[..self.due.count];
        let before = due.iter().filter(|one| usize::from(**one) == place).count();
        self.prefetch_split(memory, place, before as u32);
        if self.due.count < DUE_MAX {
            self.due.places[self.due.count] = place as u16;
            self.due.count += 1;
            return false;
        }
        let first = usize::from(self.due.places[0]);
        self.due.places.rotate_left(1);
        self.due.places[DUE_MAX - 1] = place as u16;
        // It may have been given up or have lost entries meanwhile.
        let owned = self.partitions[first].state == PartitionState::Owned;
        owned && self.wants_split(first) && self.split(memory, segments, first, hasher)
    }

    /// Asks for the two buckets that a split will touch, after `before` others of the partition.
    fn prefetch_split(&mut self, memory: &Region, place: usize, before: u32) {
        let partition = &self.partitions[place];
        let buckets = partition.buckets + before;
        let source = partition.bucket(split_source(buckets));
        memory.prefetch(source as usize * BUCKET_BYTES);
        let (chunk, within) = chunk_of(buckets);
        if let (Some(first), 1..) = (partition.chunks.get(chunk), within) {
            memory.prefetch((first + within) as usize * BUCKET_BYTES);
        }
        self.due.last_source = source;
    }

    /// Splits the next bucket of a partition. False if there is no memory, or no larger table.
    fn split(
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
        self.epoch += 1;
        let level = buckets.ilog2();
        self.collect(memory, segments, place, source);
        memory.buckets_mut()[source as usize] = Bucket::EMPTY;
        memory.buckets_mut()[target as usize] = Bucket::EMPTY;
        let targets = [source, target];
        self.distribute(memory, segments, place, targets, (level, hasher));
        true
    }

    /// Moves the live slots and the ghosts of a chain to `scratch`, entries first, and frees its
    /// overflow buckets.
    fn collect(&mut self, memory: &mut Region, segments: &Segments, place: usize, first: u32) {
        self.scratch.clear();
        let mut entries = 0;
        let mut bucket_number = first;
        loop {
            let bucket = memory.buckets()[bucket_number as usize];
            for slot in bucket.0 {
                match Slot(slot).kind() {
                    Kind::Empty | Kind::Link(_) => {}
                    Kind::Ghost(_) => self.scratch.push(slot),
                    Kind::Entry(_) if segments.is_stale(Slot(slot)) => {
                        self.partitions[place].used -= 1;
                        self.stale_slots -= 1;
                    }
                    Kind::Entry(_) => {
                        self.scratch.push(slot);
                        let last = self.scratch.len() - 1;
                        self.scratch.swap(entries, last);
                        entries += 1;
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
    }

    /// Puts the slots of `scratch`, which were at a level, into the two chains of the next one. A
    /// ghost stays where there is room for it.
    fn distribute(
        &mut self,
        memory: &mut Region,
        segments: &mut Segments,
        place: usize,
        targets: [u32; 2],
        (level, hasher): (u32, &KeyHash),
    ) {
        let changes = tags_change(level);
        let mut free = targets.map(|bucket| SlotPlace {
            bucket,
            position: 0,
        });
        let scratch = core::mem::take(&mut self.scratch);
        if changes {
            for slot in &scratch {
                if let Some(at) = segments.resolve(Slot(*slot)) {
                    memory.prefetch(at);
                }
            }
        }
        for slot in scratch.iter().copied().map(Slot) {
            let to = &mut free[usize::from(slot.tag() >> dividing_bit(level) & 1)];
            let is_ghost = matches!(slot.kind(), Kind::Ghost(_));
            if is_ghost && (changes || to.position > LAST) {
                // Its new tag is not known, or there is no room.
                continue;
            }
            if to.position > LAST {
                // The source's overflow buckets were freed just now and always suffice.
                match self.extend_chain(memory, segments, place, to.bucket) {
                    Some(found) => *to = found,
                    None => debug_assert!(false, "two chains need no more buckets than one"),
                }
            }
            let slot = match segments.resolve(slot) {
                Some(at) if changes => slot.with_tag(new_tag(memory, at, level + 1, hasher)),
                _ => slot,
            };
            memory.buckets_mut()[to.bucket as usize].0[to.position] = slot.0;
            to.position += 1;
        }
        self.scratch = scratch;
    }
}

/// The tag at a level of the entry that begins at `at`.
fn new_tag(memory: &Region, at: usize, level: u32, hasher: &KeyHash) -> u16 {
    let bytes = &memory.bytes()[at..];
    let header = entry::read(bytes);
    let key = &bytes[header.key_at..header.value_at()];
    tag_of(hasher.hash(header.map, key), level)
}
