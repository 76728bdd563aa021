//! Making room: segments are emptied entry by entry, so that what is worth keeping is kept.
//!
//! * Compaction: a segment that is mostly dead; its live entries move to an open one of its kind.
//! * Eviction from the small queue: entries that were used move to the main queue, others go and
//!   leave a ghost, by which they are known should they come back soon.
//! * Purge: a segment whose entries have expired but for those that were written anew; these move
//!   to an open one of their class, and the rest becomes unfindable at once.
//! * Eviction from the main queue: entries with uses left pay one and are queued again.
//!
//! I1: the segment being emptied is neither open nor in any queue, so that nothing is appended to
//!     it and nobody else frees it.
//! I2: an entry is either where its slot says or gone from the index; a slice ends only between
//!     two entries.

use super::Shard;
use crate::config::FullPolicy;
use crate::entry::{self, Header, Record};
use crate::index::SlotPlace;
use crate::index::slot::{Location, Slot};
use crate::limits::GroupId;
use crate::segment::{End, Place, Pool, Purpose, State};
use crate::witness::Departure;

/// Entries looked up together, so that their index buckets are fetched at once.
const BATCH: usize = 16;
/// Segments with less than so many eighths live are compacted before anything is evicted: it is
/// dearer than at four eighths, three bytes moved for each one freed at worst, but misses are
/// dearer still.
const SPARSE_EIGHTHS: usize = 6;
/// And these, where nothing may be evicted.
const WORTH_MOVING_EIGHTHS: usize = 7;
/// When a purge is tried again for which there was no room.
const PURGE_AGAIN_MS: u64 = 1000;
/// The small queue's share of the memory, as one in so many.
pub(super) const SMALL_SHARE: u64 = 10;

/// Why a segment is being emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Compaction,
    /// The same where what has expired is left behind.
    Purge,
    Eviction,
    /// Eviction of an entry whether it was used or not.
    Forced,
}

/// The segment that is being emptied, and how far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moving {
    pub(super) segment: u32,
    offset: usize,
    reason: Reason,
}

/// An entry of the segment that is being emptied.
#[derive(Clone, Copy)]
struct Candidate {
    start: usize,
    header: Header,
    hash: u64,
    location: Location,
}

impl Shard {
    /// Looks at no more than `budget` entries. Returns whether it got anywhere.
    pub(super) fn reclaim_slice(&mut self, now_ms: u64, budget: u32, urgent: bool) -> bool {
        if self.upkeep.moving.is_none() && self.compact_blocks() {
            return true;
        }
        let mut left = budget as usize;
        while left > 0 {
            if self.upkeep.moving.is_none() && self.choose(urgent).is_none() {
                return left < budget as usize;
            }
            match self.move_on(left, now_ms) {
                Some(looked_at) => left -= looked_at,
                None => return false,
            }
        }
        true
    }

    /// Goes on with the segment that is being emptied: at most `limit` entries of it, at least
    /// one. `None` if something must be kept and there is no room for it.
    pub(super) fn move_on(&mut self, limit: usize, now_ms: u64) -> Option<usize> {
        let moving = self.upkeep.moving.take()?;
        let (rest, looked_at) = self.empty_batch(moving, limit.min(BATCH), now_ms)?;
        self.upkeep.moving = rest;
        Some(looked_at)
    }

    /// Begins to purge a segment that is due, but for what outlives it.
    pub(super) fn begin_purge(&mut self, segment: u32) {
        debug_assert!(self.upkeep.purging.is_none(), "one segment at a time");
        self.segments.begin_moving(segment);
        self.upkeep.purging = Some(Moving {
            segment,
            offset: 0,
            reason: Reason::Purge,
        });
    }

    /// Looks at no more than `budget` entries of the segment that is being purged. Returns whether
    /// there is more.
    pub(super) fn purge_slice(&mut self, now_ms: u64, budget: u32) -> bool {
        let mut left = budget as usize;
        while left > 0 {
            let Some(purging) = self.upkeep.purging.take() else {
                return false;
            };
            let Some((rest, looked_at)) = self.empty_batch(purging, left.min(BATCH), now_ms) else {
                return false;
            };
            self.upkeep.purging = rest;
            left -= looked_at;
        }
        self.upkeep.purging.is_some()
    }

    /// Chooses a segment to empty.
    fn choose(&mut self, urgent: bool) -> Option<Moving> {
        let sparse = self.segments.emptiest(SPARSE_EIGHTHS);
        let (segment, reason) = match sparse {
            Some(segment) => (segment, Reason::Compaction),
            None => match self.choose_evicted(urgent) {
                Some(segment) => (segment, Reason::Eviction),
                None => (
                    self.segments.emptiest(WORTH_MOVING_EIGHTHS)?,
                    Reason::Compaction,
                ),
            },
        };
        self.begin(segment, reason)
    }

    fn begin(&mut self, segment: u32, reason: Reason) -> Option<Moving> {
        self.segments.begin_moving(segment);
        self.upkeep.moving = Some(Moving {
            segment,
            offset: 0,
            reason,
        });
        self.upkeep.moving
    }

    /// Begins to move the live entries of a sealed segment to where they belong.
    pub(super) fn begin_compaction(&mut self, segment: u32) {
        debug_assert!(self.upkeep.moving.is_none(), "one segment at a time");
        self.begin(segment, Reason::Compaction);
    }

    /// Evicts an entry, or lets it go round once more if it was used and nothing forces it out.
    pub(super) fn evict_or_keep(
        &mut self,
        start: usize,
        header: Header,
        forced: bool,
        now_ms: u64,
    ) {
        let candidate = self.candidate(start, header);
        let reason = if forced {
            Reason::Forced
        } else {
            Reason::Eviction
        };
        let moving = Moving {
            segment: self.segment_of(start),
            offset: 0,
            reason,
        };
        self.decide(&candidate, moving, now_ms);
    }

    /// The segment that S3-FIFO evicts from: the oldest small one while small ones have more than
    /// their share, else the oldest main one; of the group that holds most.
    fn choose_evicted(&mut self, urgent: bool) -> Option<u32> {
        let group = self.fullest_group()?;
        let [small, main] = self.segments.groups[usize::from(group)].pool_bytes;
        let small_first = small * SMALL_SHARE > small + main;
        let order = if small_first {
            [Pool::Small, Pool::Main]
        } else {
            [Pool::Main, Pool::Small]
        };
        let mut oldest = order
            .into_iter()
            .find_map(|pool| self.segments.oldest(group, pool));
        if oldest.is_none() && urgent {
            // All there is lies in open segments.
            oldest = order
                .into_iter()
                .find_map(|pool| self.segments.seal_fullest(group, pool));
            oldest = oldest.filter(|segment| self.segments.at(*segment).state == State::Sealed);
        }
        oldest
    }

    fn fullest_group(&self) -> Option<GroupId> {
        let bytes = |group: &GroupId| {
            let [small, main] = self.segments.groups[usize::from(*group)].pool_bytes;
            small + main
        };
        let groups = 0..self.segments.groups.len() as GroupId;
        let may_evict = |group: &GroupId| self.group_policy(*group) == FullPolicy::Evict;
        groups
            .filter(may_evict)
            .filter(|group| bytes(group) > 0)
            .max_by_key(bytes)
    }

    /// Empties at most `limit` records. Returns what is left to do and how many there were, at
    /// least one; `None` if something must be kept and there is no room for it.
    fn empty_batch(
        &mut self,
        mut moving: Moving,
        limit: usize,
        now_ms: u64,
    ) -> Option<(Option<Moving>, usize)> {
        let mut batch: [Option<Candidate>; BATCH] = [None; BATCH];
        let written = self.segments.at(moving.segment).written as usize;
        let segment_start = self.segments.start(moving.segment);
        let purging = moving.reason == Reason::Purge;
        let mut looked_at = 0;
        while looked_at < limit && moving.offset < written {
            let start = segment_start + moving.offset;
            match entry::record(&self.memory.bytes()[start..]) {
                Record::Gap(bytes) => moving.offset += bytes,
                Record::Entry(header) => {
                    moving.offset += header.size();
                    let left_behind = purging && header.expired(now_ms);
                    if !header.dead && !left_behind {
                        batch[looked_at] = Some(self.candidate(start, header));
                    }
                }
            }
            looked_at += 1;
        }
        for candidate in batch.into_iter().flatten() {
            if !self.decide(&candidate, moving, now_ms) {
                // What is left waits where it is.
                if purging {
                    let again_ms = now_ms.saturating_add(PURGE_AGAIN_MS);
                    self.segments.postpone(moving.segment, again_ms);
                }
                self.segments.stop_moving(moving.segment);
                return None;
            }
        }
        let done = moving.offset >= written;
        if done {
            self.finish(moving);
        }
        Some(((!done).then_some(moving), looked_at.max(1)))
    }

    fn candidate(&self, start: usize, header: Header) -> Candidate {
        let (hash, location) = self.identify(start, &header);
        if let Some(home) = self.index.home_of(header.partition, hash) {
            self.memory
                .prefetch(home.bucket as usize * crate::mem::BUCKET_BYTES);
        }
        Candidate {
            start,
            header,
            hash,
            location,
        }
    }

    /// Moves or evicts one entry. False, with nothing changed, if it must be kept and there is no
    /// room for it.
    fn decide(&mut self, candidate: &Candidate, moving: Moving, now_ms: u64) -> bool {
        let Candidate {
            start,
            header,
            hash,
            location,
        } = *candidate;
        let partition = header.partition;
        let Some((place, slot)) = self.find_slot(partition, hash, location) else {
            debug_assert!(false, "a live entry has a slot");
            return false;
        };
        if self.is_over(&header, now_ms) {
            self.count_expired(&header);
            self.depart(start, &header, Departure::Expired);
            self.discard(candidate, place, Slot::EMPTY);
            return true;
        }
        let books = self.segments.at(moving.segment);
        let (group, pool) = (self.limits.group_of(header.map), books.pool);
        let keeps = header.deleted || self.group_policy(group) == FullPolicy::Refuse;
        let (target, frequency) = match (moving.reason, pool) {
            (Reason::Compaction | Reason::Purge, _) => (pool, slot.frequency()),
            (Reason::Eviction | Reason::Forced, _) if keeps => (pool, slot.frequency()),
            (Reason::Eviction, Pool::Small) if slot.frequency() > 0 => (Pool::Main, 0),
            (Reason::Eviction, Pool::Main) if slot.frequency() > 0 => {
                (Pool::Main, slot.frequency() - 1)
            }
            (Reason::Eviction | Reason::Forced, _) => {
                let ghost = (pool == Pool::Small).then(|| self.index.next_ghost());
                let left = ghost.map_or(Slot::EMPTY, |number| Slot::ghost(slot.tag(), number));
                self.evict(candidate, place, left);
                return true;
            }
        };
        let to = Place {
            group,
            pool: target,
            purpose: Purpose::Upkeep,
        };
        match self
            .segments
            .append(to, header.size(), header.expires_ms, now_ms)
        {
            Some(found) => {
                let moved = Slot::entry(slot.tag(), frequency, found);
                self.relocate(start, &header, found, (place, moved));
                self.counters.entries_moved += 1;
                true
            }
            None if matches!(moving.reason, Reason::Eviction | Reason::Forced) && !keeps => {
                self.evict(candidate, place, Slot::EMPTY);
                true
            }
            None => false,
        }
    }

    fn evict(&mut self, candidate: &Candidate, place: SlotPlace, left: Slot) {
        self.counters.evicted += 1;
        self.maps.counters[usize::from(candidate.header.map)].evicted += 1;
        self.depart(candidate.start, &candidate.header, Departure::Evicted);
        self.discard(candidate, place, left);
    }

    /// Removes an entry and leaves something in its slot.
    fn discard(&mut self, candidate: &Candidate, place: SlotPlace, left: Slot) {
        if let Some(partition) = self.index.place_of_any(candidate.header.partition) {
            self.index.clear(&mut self.memory, partition, place);
        }
        self.memory.buckets_mut()[place.bucket as usize].0[place.position] = left.0;
        self.unbook(candidate.start, &candidate.header);
    }

    fn finish(&mut self, moving: Moving) {
        let live = self.segments.at(moving.segment).live_entries;
        if live > 0 && moving.reason == Reason::Purge {
            self.expire_segment(moving.segment);
            return;
        }
        let freed = match moving.reason {
            Reason::Compaction => &mut self.counters.segments_compacted,
            Reason::Purge => &mut self.counters.segments_swept,
            Reason::Eviction | Reason::Forced => &mut self.counters.segments_evicted,
        };
        *freed += 1;
        if live == 0 {
            self.segments.give_back(moving.segment);
        } else {
            debug_assert!(false, "everything live was moved");
            self.segments.stop_moving(moving.segment);
        }
    }

    /// Frees the oldest segments until `needed` are free or none is left: the last resort of a
    /// write. They become unfindable whole, which takes constant time, but for those that hold
    /// something that may not go.
    pub(super) fn drop_oldest(&mut self, needed: usize, now_ms: u64) {
        let halfway = [self.upkeep.moving.take(), self.upkeep.purging.take()];
        for moving in halfway.into_iter().flatten() {
            self.segments.stop_moving(moving.segment);
        }
        // Each round frees a segment, or empties one that then waits, or gives up one.
        for _ in 0..3 * self.segments.count() {
            if self.segments.free_count() >= needed {
                return;
            }
            if self.segments.first_draining().is_some() {
                self.drain_slice(u32::MAX);
            } else if self.segments.has_quarantined() {
                self.clean_slice(u32::MAX);
            } else if !self.drop_one(now_ms) {
                return;
            }
        }
    }

    /// Frees the oldest segment. False if there is none.
    fn drop_one(&mut self, now_ms: u64) -> bool {
        let free = self.segments.free_count();
        let Some(segment) = self.choose_evicted(true) else {
            // The last one may have been empty.
            return self.segments.free_count() > free;
        };
        let books = self.segments.at(segment);
        if books.tombstones || self.limit_work.regroup.shared {
            self.begin(segment, Reason::Forced);
            while self.upkeep.moving.is_some() && self.move_on(BATCH, now_ms).is_some() {}
        } else {
            self.counters.evicted += u64::from(books.live_entries);
            self.counters.segments_evicted += 1;
            self.retire(segment, End::Evicted);
        }
        true
    }
}
