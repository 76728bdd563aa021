//! The index: for each partition a linear hash table of 64-byte buckets, in segments of the arena.
//!
//! ```text
//!  partition --> Partition { buckets, used, chunks } --> chunk --> bucket --> overflow bucket ...
//! ```
//! A partition grows one bucket at a time (`split.rs`): bucket i of n, where n lies between two
//! powers of two, holds the hashes whose low bits are i. Its buckets lie in chunks whose size grows
//! with the table, an eighth of it at most, so that growth never copies and wastes little.
//!
//! I1: an entry's slot is in the chain of the bucket that its hash addresses.
//! I2: only the last slot of a bucket is ever a link, and every bucket of a chain but the last has
//!     one; a bucket is in one chain only.
//! I3: `used` counts the slots of a partition that are entries, stale ones included.
//! I4: whatever takes its home from some hash, by giving it another or none, changes the epoch.

pub(crate) mod chunks;
pub(crate) mod scan;
pub(crate) mod slot;
pub(crate) mod split;
pub(crate) mod tag;

use crate::mem::{Bucket, Region, prefetch};
use crate::segment::Segments;
use chunks::Chunks;
use slot::{Kind, Slot};
use split::Due;

const NOT_OWNED: u16 = u16::MAX;
/// Buckets of a partition's first chunks; eight chunks on, they are twice as large.
const FIRST_CHUNK_BUCKETS: u32 = 4;
const CHUNKS: usize = 116;
/// The number of no bucket: an arena has fewer.
pub(crate) const NO_BUCKET: u32 = u32::MAX;
/// What the index's epoch never is.
pub(crate) const NO_EPOCH: u64 = 0;
/// The position of a link.
pub(crate) const LAST: usize = 7;

/// One partition's table.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Partition {
    /// Addressable buckets, overflow buckets not counted; 0 before the first entry.
    pub(crate) buckets: u32,
    /// Slots that are entries.
    pub(crate) used: u32,
    /// Overflow buckets in its chains.
    pub(crate) overflow: u32,
    /// Entries that are remembered deletions.
    pub(crate) tombstones: u32,
    /// Which partition of the cluster it is.
    pub(crate) number: u16,
    pub(crate) state: PartitionState,
    /// Calls that need deletions remembered: exports, imports.
    pub(crate) remembering: u8,
    chunks: [u32; CHUNKS],
}

/// Whether a partition is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionState {
    Owned,
    /// Given up: its entries are being removed in slices.
    Dropping,
    /// Not here; the place may be used for another.
    Vacant,
}

const _: () = assert!(size_of::<Partition>() == 512, "eight cache lines");

impl Partition {
    pub(crate) fn new(number: u16) -> Self {
        Self {
            buckets: 0,
            used: 0,
            overflow: 0,
            tombstones: 0,
            number,
            state: PartitionState::Owned,
            remembering: 0,
            chunks: [0; CHUNKS],
        }
    }

    /// Which of the partition's buckets a hash belongs to.
    #[inline(always)]
    pub(crate) fn position_of(&self, hash: u64) -> u32 {
        position_among(self.buckets, hash)
    }

    /// How many of a hash's lowest bits the hashes of a bucket have in common.
    #[inline(always)]
    pub(crate) fn level_of(&self, position: u32) -> u32 {
        level_among(self.buckets, position)
    }

    /// The bucket that a hash belongs to, and its tag there. The partition must have a table.
    #[inline(always)]
    fn home_of(&self, hash: u64) -> Home {
        let position = self.position_of(hash);
        Home {
            bucket: self.bucket(position),
            tag: tag::tag_of(hash, self.level_of(position)),
        }
    }

    /// Buckets of all its chunks, those included that it has not grown into yet.
    pub(crate) fn chunk_buckets(&self) -> u64 {
        let Some(last) = self.buckets.checked_sub(1) else {
            return 0;
        };
        (0..=chunk_of(last).0)
            .map(|chunk| 1 << chunk_order(chunk))
            .sum()
    }

    /// The number of a bucket in memory.
    #[inline(always)]
    pub(crate) fn bucket(&self, position: u32) -> u32 {
        let (chunk, within) = chunk_of(position);
        self.chunks[chunk] + within
    }
}

/// Which of `buckets` buckets a hash belongs to.
#[inline(always)]
pub(crate) fn position_among(buckets: u32, hash: u64) -> u32 {
    let mask = u32::MAX >> (buckets - 1).leading_zeros().min(31);
    let position = hash as u32 & mask;
    if position < buckets {
        position
    } else {
        position & (mask >> 1)
    }
}

/// How many of a hash's lowest bits tell that it belongs to this one of `buckets` buckets.
#[inline(always)]
fn level_among(buckets: u32, position: u32) -> u32 {
    let level = buckets.ilog2();
    let whole = 1 << level;
    let is_split = position & (whole - 1) < buckets - whole;
    level + u32::from(is_split)
}

/// The chunk of a bucket, and the bucket's place in it. Chunk c has `4 << (c / 8)` buckets.
#[inline(always)]
fn chunk_of(position: u32) -> (usize, u32) {
    let shifted = position + 8 * FIRST_CHUNK_BUCKETS;
    let octave = shifted.ilog2();
    let within_bits = octave - 3;
    let eighth = (shifted >> within_bits) & 7;
    (
        ((octave - 5) * 8 + eighth) as usize,
        shifted & ((1 << within_bits) - 1),
    )
}

/// log2 of the buckets of a chunk.
fn chunk_order(chunk: usize) -> u32 {
    FIRST_CHUNK_BUCKETS.ilog2() + (chunk / 8) as u32
}

/// All partitions of a shard and the memory of their buckets.
pub(crate) struct Index {
    /// For each partition of the cluster its place in `partitions`.
    places: Box<[u16]>,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) chunks: Chunks,
    /// Slots that are entries of freed segments.
    pub(crate) stale_slots: u64,
    /// How often a ghost was made, ever: ghosts are dated by this number.
    pub(crate) ghosts_made: u64,
    /// Slots of the bucket that is being split.
    scratch: Vec<u64>,
    due: Due,
    /// Counts how often some hash lost its home.
    epoch: u64,
}

impl Index {
    pub(crate) fn new(partition_count: usize, owned: &[u16], segment_order: u32) -> Self {
        let mut index = Self {
            places: vec![NOT_OWNED; partition_count].into(),
            partitions: Vec::with_capacity(partition_count),
            chunks: Chunks::new(segment_order),
            stale_slots: 0,
            ghosts_made: 0,
            scratch: Vec::with_capacity(256),
            due: Due::default(),
            epoch: NO_EPOCH + 1,
        };
        for number in owned {
            index.add(*number);
        }
        index
    }

    /// Gives an unowned partition a table of its own.
    pub(crate) fn add(&mut self, number: u16) {
        let vacant = |partition: &Partition| partition.state == PartitionState::Vacant;
        let place = self
            .partitions
            .iter()
            .position(vacant)
            .unwrap_or(self.partitions.len());
        if place == self.partitions.len() {
            self.partitions.push(Partition::new(number));
        } else {
            self.partitions[place] = Partition::new(number);
        }
        self.places[usize::from(number)] = place as u16;
    }

    /// Makes a partition unfindable; its table stays, to be taken apart.
    pub(crate) fn disown(&mut self, place: usize) {
        self.epoch += 1;
        let partition = &mut self.partitions[place];
        partition.state = PartitionState::Dropping;
        self.places[usize::from(partition.number)] = NOT_OWNED;
    }

    /// Gives back the memory of a partition's table, whose chains hold nothing any more.
    pub(crate) fn release_table(&mut self, memory: &mut Region, place: usize) {
        let partition = &self.partitions[place];
        debug_assert_eq!(
            (partition.used, partition.overflow),
            (0, 0),
            "nothing is left"
        );
        let chunks = partition
            .buckets
            .checked_sub(1)
            .map_or(0, |last| chunk_of(last).0 + 1);
        for chunk in 0..chunks {
            let first = self.partitions[place].chunks[chunk];
            self.chunks.free(memory, first, chunk_order(chunk));
        }
        self.partitions[place].buckets = 0;
    }

    /// The place of an owned partition.
    #[inline(always)]
    pub(crate) fn place(&self, number: u16) -> Option<usize> {
        let place = *self.places.get(usize::from(number))?;
        (place != NOT_OWNED).then_some(usize::from(place))
    }

    /// Whether the cluster has such a partition.
    pub(crate) fn may_hold(&self, number: u16) -> bool {
        usize::from(number) < self.places.len()
    }

    /// Whether a partition was given up and not all of it is taken apart.
    pub(crate) fn is_dropping(&self, number: u16) -> bool {
        self.place(number).is_none() && self.place_of_any(number).is_some()
    }

    /// The place of a partition that is owned or still being dropped.
    pub(crate) fn place_of_any(&self, number: u16) -> Option<usize> {
        self.place(number).or_else(|| {
            let dropping = |partition: &Partition| {
                partition.number == number && partition.state == PartitionState::Dropping
            };
            self.partitions.iter().position(dropping)
        })
    }

    /// Asks for what [`Index::home_of`] will look at first.
    #[inline(always)]
    pub(crate) fn prefetch(&self, number: u16) {
        if let Some(partition) = self.place(number).and_then(|at| self.partitions.get(at)) {
            prefetch(partition);
        }
    }

    /// The first bucket of the chain that a hash belongs to, and the tag it has there.
    #[inline(always)]
    pub(crate) fn home_of(&self, number: u16, hash: u64) -> Option<Home> {
        let partition = &self.partitions[self.place(number)?];
        (partition.buckets > 0).then(|| partition.home_of(hash))
    }

    /// What [`Index::home_of`] says holds as long as this stays as it is (I4).
    #[inline(always)]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The same, also for a partition that is being dropped.
    pub(crate) fn bucket_of_any(&self, number: u16, hash: u64) -> Option<u32> {
        let partition = &self.partitions[self.place_of_any(number)?];
        (partition.buckets > 0).then(|| partition.bucket(partition.position_of(hash)))
    }

    /// A number for a new ghost.
    pub(crate) fn next_ghost(&mut self) -> u64 {
        self.ghosts_made += 1;
        self.ghosts_made
    }

    /// Clears a slot that is an entry.
    pub(crate) fn clear(&mut self, memory: &mut Region, place: usize, at: SlotPlace) {
        memory.buckets_mut()[at.bucket as usize].0[at.position] = 0;
        self.partitions[place].used -= 1;
    }

    /// Empties stale slots of a whole chain; how many there were.
    pub(crate) fn clean_chain(
        &mut self,
        memory: &mut Region,
        segments: &Segments,
        place: usize,
        first: u32,
    ) -> u32 {
        let mut cleaned = 0;
        let mut bucket_number = first;
        loop {
            let bucket = &mut memory.buckets_mut()[bucket_number as usize];
            for slot in &mut bucket.0 {
                if *slot != 0 && segments.is_stale(Slot(*slot)) {
                    *slot = 0;
                    cleaned += 1;
                }
            }
            let Some(next) = Slot(bucket.0[LAST]).linked() else {
                break;
            };
            bucket_number = next;
        }
        self.partitions[place].used -= cleaned;
        self.stale_slots -= u64::from(cleaned);
        cleaned
    }

    /// Frees overflow buckets at the end of a chain that hold no entry.
    pub(crate) fn trim_chain(&mut self, memory: &mut Region, place: usize, first: u32) {
        while let Some((before, last)) = last_link(memory, first) {
            let entries = |slot: &u64| matches!(Slot(*slot).kind(), Kind::Entry(_));
            if memory.buckets()[last as usize].0.iter().any(entries) {
                break;
            }
            memory.buckets_mut()[before as usize].0[LAST] = 0;
            self.chunks.free(memory, last, 0);
            self.partitions[place].overflow -= 1;
        }
    }

    /// Appends an overflow bucket to a full chain; the slot that gives way to the link moves into
    /// it. Returns an empty place, or `None` if there is no memory.
    pub(crate) fn extend_chain(
        &mut self,
        memory: &mut Region,
        segments: &mut Segments,
        place: usize,
        last: u32,
    ) -> Option<SlotPlace> {
        let added = self.chunks.take(memory, segments, 0)?;
        let moved = memory.buckets()[last as usize].0[LAST];
        let buckets = memory.buckets_mut();
        buckets[added as usize] = Bucket::EMPTY;
        buckets[added as usize].0[0] = moved;
        buckets[last as usize].0[LAST] = Slot::link(added).0;
        self.partitions[place].overflow += 1;
        Some(SlotPlace {
            bucket: added,
            position: 1,
        })
    }
}

/// The last bucket of a chain and the one before it, if there is more than one.
fn last_link(memory: &Region, first: u32) -> Option<(u32, u32)> {
    let mut before = first;
    let mut last = Slot(memory.buckets()[first as usize].0[LAST]).linked()?;
    while let Some(next) = Slot(memory.buckets()[last as usize].0[LAST]).linked() {
        before = last;
        last = next;
    }
    Some((before, last))
}

/// Where a hash belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// The first bucket of the chain.
    pub(crate) bucket: u32,
    pub(crate) tag: u16,
}

impl Home {
    /// That of what has none.
    pub(crate) const NONE: Self = Self {
        bucket: NO_BUCKET,
        tag: 0,
    };
}

/// A slot's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotPlace {
    pub(crate) bucket: u32,
    pub(crate) position: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_bucket_once_and_in_order() {
        let mut expected = (0, 0);
        for position in 0..100_000 {
            assert_eq!(chunk_of(position), expected, "bucket {position}");
            expected.1 += 1;
            if expected.1 == 1 << chunk_order(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn a_split_moves_hashes_only_from_the_split_bucket_to_the_new_one() {
        for buckets in 4..300_u32 {
            let split = split::split_source(buckets);
            for hash in 0..2048 {
                let before = position_among(buckets, hash);
                let after = position_among(buckets + 1, hash);
                assert!(before < buckets);
                assert!(after == before || (before == split && after == buckets));
                let level = level_among(buckets, before);
                assert_eq!(
                    u64::from(before),
                    hash & ((1 << level) - 1),
                    "what the level says"
                );
            }
        }
    }
}
