//! Background work in slices, and the share of it that a write does itself when memory runs low.
//!
//! A slice looks at a bounded number of entries and buckets. Free segments are kept ready ahead of
//! the writes; a write that finds few of them left does a small slice itself, and one that finds
//! none makes the least valuable segment unfindable at once, which takes constant time.

use std::collections::VecDeque;

use super::Shard;
use super::reclaim::Moving;
use crate::config::FullPolicy;
use crate::limits::GroupId;
use crate::segment::RESERVE;

/// Entries or buckets of one slice at most: about 30 µs.
const SLICE_MAX: u32 = 192;
/// Entries that a write looks at when free segments are few, and when they are nearly gone.
const WRITE_SLICE: u32 = 16;
const WRITE_SLICE_URGENT: u32 = 64;
/// How often a write that finds nothing free tries to reclaim before it gives up.
const URGENT_ROUNDS: usize = 4;
/// And once more for so many bytes of a value.
const BYTES_PER_ROUND: usize = 32 << 10;
/// Of the two margins of free segments above the reserve, the most segments in each: what is kept
/// ready holds no entries, and a few segments are many thousands of writes ahead.
const READY_MAX: usize = 4;
/// Segments that the index may take for one write: a partition's first table, and a longer chain.
const INDEX_SEGMENTS: usize = 2;
/// How often open segments are looked over for expired ones.
const OVERDUE_INTERVAL_MS: u64 = 50;

/// Where the background work stands.
pub(super) struct Upkeep {
    pub(super) moving: Option<Moving>,
    /// A segment that was due while some of its entries outlive it.
    pub(super) purging: Option<Moving>,
    /// How far the first draining segment has been read.
    pub(super) drained_bytes: usize,
    pub(super) clean_place: usize,
    pub(super) clean_position: u32,
    /// Partitions to be taken apart, or to be rid of remembered deletions, and how far the first
    /// of them is.
    chores: VecDeque<u16>,
    chore_position: u32,
    /// How far the walk has come that removes the entries of destroyed maps.
    pub(super) destroy_place: usize,
    pub(super) destroy_position: u32,
    overdue_checked_ms: u64,
    /// Fewer free segments than this, and writes help.
    free_low: usize,
    /// The background work keeps so many free.
    free_target: usize,
}

impl Upkeep {
    pub(super) fn new(segments: usize) -> Self {
        let share = |parts: usize| (segments / parts).clamp(1, READY_MAX);
        let free_low = RESERVE + share(128);
        Self {
            moving: None,
            purging: None,
            drained_bytes: 0,
            clean_place: 0,
            clean_position: 0,
            chores: VecDeque::new(),
            chore_position: 0,
            destroy_place: 0,
            destroy_position: 0,
            overdue_checked_ms: 0,
            free_low,
            free_target: free_low + share(64),
        }
    }
}

impl Upkeep {
    pub(super) fn add_chore(&mut self, place: usize) {
        let place = place as u16;
        // One that is under way may have passed what is to be done now.
        if self.chores.iter().skip(1).all(|other| *other != place) {
            self.chores.push_back(place);
        }
    }

    /// Begins anew with a partition that is under way.
    pub(super) fn restart_chore(&mut self, place: usize) {
        if self.chore().is_some_and(|(current, _)| current == place) {
            self.chore_position = 0;
        }
    }

    /// The partition whose turn it is, and the bucket to go on with.
    pub(super) fn chore(&self) -> Option<(usize, u32)> {
        Some((usize::from(*self.chores.front()?), self.chore_position))
    }

    pub(super) fn chore_at(&mut self, position: u32, done: bool) {
        self.chore_position = if done { 0 } else { position };
        if done {
            self.chores.pop_front();
        }
    }
}

impl Shard {
    /// One slice of background work: at most `budget` entries or buckets are looked at, and at most
    /// 192 in any case, which takes less than 50 µs. Returns whether there is more to do.
    pub fn step(&mut self, now_ms: u64, budget: u32) -> bool {
        let budget = budget.clamp(1, SLICE_MAX);
        let half = budget / 2 + 1;
        let few_free = self.segments.free_count() < self.upkeep.free_target;
        let share = if few_free { half } else { budget };
        let mut more = self.sweep(now_ms, share);
        if self.segments.free_count() < self.upkeep.free_target {
            let share = if more { half } else { budget };
            more |= self.reclaim_slice(now_ms, share, false);
        }
        more |= self.limit_slice(now_ms, half);
        more |= self.clean_slice(half);
        more |= self.chore_slice(half);
        more |= self.destroy_slice(half);
        more
    }

    /// Sees to it that a write of so many bytes finds a free segment, if that is possible at all.
    #[inline(always)]
    pub(super) fn make_room(&mut self, bytes: usize, now_ms: u64) {
        if self.segments.free_count() < self.upkeep.free_low || self.is_large(bytes) {
            self.make_room_now(bytes, now_ms);
        }
    }

    #[cold]
    fn make_room_now(&mut self, bytes: usize, now_ms: u64) {
        let needed = self.segments_needed(bytes);
        if self.segments.free_count() >= needed {
            if self.segments.free_count() < self.upkeep.free_low {
                self.sweep(now_ms, WRITE_SLICE);
                self.reclaim_slice(now_ms, WRITE_SLICE, false);
            }
            return;
        }
        if needed > self.segments.count() {
            return;
        }
        // A large value may cost as much again as it takes to copy it.
        for _ in 0..URGENT_ROUNDS + bytes / BYTES_PER_ROUND {
            let mut goes_on = self.sweep(now_ms, WRITE_SLICE_URGENT);
            if self.segments.has_quarantined() {
                self.clean_slice(WRITE_SLICE_URGENT);
            }
            if self.segments.free_count() >= needed {
                return;
            }
            goes_on |= self.reclaim_slice(now_ms, WRITE_SLICE_URGENT, true);
            if !goes_on {
                break;
            }
        }
        if needed <= self.segments_attainable() {
            self.drop_oldest(needed, now_ms);
        }
    }

    /// Frees segments for a write of so many bytes that failed for want of them, and for what the
    /// index may take besides. Whether there is any hope now.
    pub(super) fn make_room_by_force(&mut self, bytes: usize, now_ms: u64) -> bool {
        let needed = self.segments_needed(bytes);
        let attainable = self.segments_attainable();
        if needed > attainable {
            return false;
        }
        self.drop_oldest((needed + INDEX_SEGMENTS).min(attainable), now_ms);
        self.segments.free_count() >= needed
    }

    /// Free segments without which a write of so many bytes may fail.
    fn segments_needed(&self, bytes: usize) -> usize {
        let mut needed = RESERVE + 1;
        if self.is_large(bytes) {
            let blocks = self.blocks_needed(bytes) as u64;
            needed += 1 + self.segments.segments_for_blocks(blocks);
        }
        needed
    }

    /// Segments that could be free if everything were evicted that may be.
    fn segments_attainable(&self) -> usize {
        let groups = 0..self.segments.groups.len() as GroupId;
        let kept = groups.filter(|group| self.group_policy(*group) == FullPolicy::Refuse);
        let kept_bytes = kept.map(|group| {
            let pools = self.segments.groups[usize::from(group)].pool_bytes;
            pools.iter().sum::<u64>()
        });
        let segment_bytes = self.segments.bytes_each() as u64;
        let kept_segments = kept_bytes.sum::<u64>().div_ceil(segment_bytes);
        let index_segments = u64::from(self.index.chunks.segments_taken);
        let all = self.segments.count() as u64;
        all.saturating_sub(kept_segments + index_segments) as usize
    }

    /// Frees what has expired. Returns whether there is more.
    pub(super) fn sweep(&mut self, now_ms: u64, budget: u32) -> bool {
        if self.segments.has_open_expiring()
            && now_ms.abs_diff(self.upkeep.overdue_checked_ms) >= OVERDUE_INTERVAL_MS
        {
            while let Some(segment) = self.segments.overdue_open(now_ms) {
                self.expire_segment(segment);
            }
            self.upkeep.overdue_checked_ms = now_ms;
        }
        let mut earliest = self.segments.deadlines.earliest();
        for _ in 0..budget / 32 + 1 {
            match earliest {
                Some((deadline_ms, segment)) if deadline_ms <= now_ms => {
                    if !self.segments.at(segment).outlived {
                        self.expire_segment(segment);
                    } else if self.upkeep.purging.is_none() {
                        self.begin_purge(segment);
                    } else {
                        break;
                    }
                }
                _ => break,
            }
            earliest = self.segments.deadlines.earliest();
        }
        // What a purge leaves behind may have to be drained.
        let more = self.purge_slice(now_ms, budget) | self.drain_slice(budget);
        more || earliest.is_some_and(|(deadline_ms, _)| deadline_ms <= now_ms)
    }
}
