//! Limits of maps. A map with a limit of keys or bytes, or with a policy of its own, keeps its
//! entries in a group of segments of its own, so that what it has to give up is found without a
//! search: its oldest entries, by the rules of S3-FIFO, one at a time.
//!
//! Entries that are over their map's idle time are found by a walk over the segments, a slice at a
//! time, several times in each idle time; a read finds them gone at once.

use super::Shard;
use crate::config::FullPolicy;
use crate::entry::{self, Record};
use crate::error::ShardError;
use crate::limits::{GroupId, MapLimits, SHARED_GROUP};
use crate::map::MapId;
use crate::segment::{Pool, State};

/// Entries that a write over its map's limit looks at, at most.
const WRITE_LOOKS: u32 = 96;
/// Of these, the last ones do not ask whether an entry was used.
const WRITE_LOOKS_FORCED: u32 = 32;
/// Segments that a slice of the idle walk passes over, at most, besides those it reads.
const SEGMENTS_PASSED: usize = 64;
/// How many idle walks begin in the shortest idle time.
const WALKS_PER_IDLE_TIME: u64 = 8;
const WALK_INTERVAL_MS: u64 = 100;
/// When entries are looked for again that belong to another group, where some could not be moved.
const REGROUP_AGAIN_MS: u64 = 1000;

/// A place in one use of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    segment: u32,
    serial: u64,
    offset: usize,
}

/// The walk over the segments that moves entries to the group that their map has by now.
#[derive(Default)]
pub(super) struct Regroup {
    /// The next segment to look at, while there is a walk.
    next: Option<u32>,
    /// Whether segments that maps share may hold entries of one that is kept apart by now.
    pub(super) shared: bool,
    /// Whether it passed over something for want of room.
    missed: bool,
    /// When another walk may follow one that missed something.
    again_ms: u64,
}

impl Regroup {
    /// Begins a walk, or has the one that is under way begin anew.
    fn begin(&mut self) {
        self.next = Some(0);
        self.missed = false;
    }

    fn end(&mut self, now_ms: u64) {
        self.next = None;
        self.shared &= self.missed;
        self.again_ms = now_ms.saturating_add(REGROUP_AGAIN_MS);
    }
}

/// Where the work for limits stands.
#[derive(Default)]
pub(super) struct LimitWork {
    /// For each group and pool, how far the oldest segment has been given up.
    hands: Vec<[Mark; 2]>,
    pub(super) regroup: Regroup,
    idle: Mark,
    idle_walk_on: bool,
    idle_walk_next_ms: u64,
}

impl Shard {
    /// Sets what a map may hold in this shard. Takes effect with the next operations; a map that
    /// holds more gives it up as its policy says, in slices.
    pub fn set_map_limits(&mut self, map: MapId, limits: MapLimits) -> Result<(), ShardError> {
        if !self.maps.knows(map) {
            return Err(ShardError::NoSuchMap);
        }
        let apart = self.limits.group_of(map.0) != SHARED_GROUP;
        match (limits.is_limited(), apart) {
            (true, false) => self.keep_apart(map.0)?,
            (false, true) => self.keep_with_others(map.0),
            _ => {}
        }
        self.limits.set(map.0, limits, self.versions.last_ms());
        self.limit_work.idle_walk_next_ms = 0;
        Ok(())
    }

    /// Gives a map a group of its own.
    fn keep_apart(&mut self, map: u16) -> Result<(), ShardError> {
        let apart_max = self.segments.apart_max();
        let group = self.limits.enter_group(map, apart_max);
        let group = group.ok_or(ShardError::TooManyLimitedMaps)?;
        if usize::from(group) == self.segments.groups.len() {
            self.segments.add_group();
            self.limit_work
                .hands
                .resize(usize::from(group) + 1, [Mark::default(); 2]);
        }
        if self.maps.usage[usize::from(map)].entries > 0 {
            self.segments.seal_all(SHARED_GROUP);
            self.limit_work.regroup.shared = true;
            self.limit_work.regroup.begin();
        }
        Ok(())
    }

    /// Takes its group from a map, which another may have once nothing is left in it.
    fn keep_with_others(&mut self, map: u16) {
        self.segments.seal_all(self.limits.group_of(map));
        self.limits.leave_group(map);
        self.free_emptied_groups();
        if self.limits.any_leaving() {
            self.limit_work.regroup.begin();
        }
    }

    /// A map has no limits any more.
    pub(super) fn lift_limits(&mut self, map: u16) {
        if self.limits.group_of(map) != SHARED_GROUP {
            self.keep_with_others(map);
        }
        self.limits
            .set(map, MapLimits::default(), self.versions.last_ms());
    }

    fn free_emptied_groups(&mut self) {
        let segments = &self.segments;
        self.limits
            .free_emptied(|group| segments.is_empty_group(group));
    }

    /// How many maps can have limits of keys or bytes or a policy of their own.
    #[must_use]
    pub fn limited_maps_max(&self) -> u32 {
        self.segments.apart_max() as u32
    }

    /// Sets what maps have that become known from now on.
    pub fn set_limits_of_new_maps(&mut self, limits: MapLimits) {
        self.limits.of_new_maps = limits;
    }

    /// Makes a map known.
    #[cold]
    pub(super) fn new_map(&mut self, name: &[u8]) -> Result<MapId, ShardError> {
        let limits = self.limits.of_new_maps;
        let map = self.maps.find_or_add(name)?;
        if let Err(error) = self.set_map_limits(map, limits) {
            self.maps.forget(map);
            return Err(error);
        }
        Ok(map)
    }

    /// What a map may hold in this shard.
    #[must_use]
    pub fn map_limits(&self, map: MapId) -> MapLimits {
        if self.maps.knows(map) {
            *self.limits.of(map.0)
        } else {
            MapLimits::default()
        }
    }

    /// What happens to entries of a group when memory is needed.
    pub(super) fn group_policy(&self, group: GroupId) -> FullPolicy {
        match self.limits.map_of_group(group) {
            Some(map) => self.limits.of(map).full_policy.unwrap_or(self.full_policy),
            None => self.full_policy,
        }
    }

    /// What happens to a write of a map when there is no room.
    pub(super) fn map_policy(&self, map: u16) -> FullPolicy {
        self.limits.of(map).full_policy.unwrap_or(self.full_policy)
    }

    /// Sees to it that a map with a group of its own may take so many more entries and bytes.
    #[cold]
    pub(super) fn make_map_room(
        &mut self,
        map: u16,
        added: (u64, u64),
        now_ms: u64,
    ) -> Result<(), ShardError> {
        let group = self.limits.group_of(map);
        let mut looks = WRITE_LOOKS;
        while self.is_over_limit(map, added) {
            if self.map_policy(map) == FullPolicy::Refuse {
                self.counters.refused += 1;
                return Err(ShardError::MapFull);
            }
            // After a while one goes that was used. A limit that was lowered by far is reached in
            // the background.
            let forced = looks <= WRITE_LOOKS_FORCED;
            if looks == 0 || !self.give_up(group, forced, now_ms) {
                break;
            }
            looks -= 1;
        }
        Ok(())
    }

    fn is_over_limit(&self, map: u16, (entries, bytes): (u64, u64)) -> bool {
        let usage = self.map_usage(MapId(map));
        let limits = self.limits.of(map);
        limits
            .keys_max
            .is_some_and(|most| usage.entries + entries > most)
            || limits
                .bytes_max
                .is_some_and(|most| usage.bytes + bytes > most)
    }

    /// Looks at the next entry of a group in the order of S3-FIFO, and gives it up or lets it go
    /// round once more, unless it is forced out. False if the group has none.
    fn give_up(&mut self, group: GroupId, forced: bool, now_ms: u64) -> bool {
        let [small, main] = self.segments.groups[usize::from(group)].pool_live;
        let small_first = small * super::reclaim::SMALL_SHARE > small + main;
        let order = if small_first {
            [Pool::Small, Pool::Main]
        } else {
            [Pool::Main, Pool::Small]
        };
        order
            .into_iter()
            .any(|pool| self.give_up_from(group, pool, forced, now_ms))
    }

    fn give_up_from(&mut self, group: GroupId, pool: Pool, forced: bool, now_ms: u64) -> bool {
        let oldest = self.segments.oldest(group, pool);
        let Some(segment) = oldest.or_else(|| self.segments.oldest_open(group, pool)) else {
            return false;
        };
        let books = *self.segments.at(segment);
        let mut hand = self.limit_work.hands[usize::from(group)][pool as usize];
        if (hand.segment, hand.serial) != (segment, books.serial) {
            hand = Mark {
                segment,
                serial: books.serial,
                offset: 0,
            };
        }
        let start = self.segments.start(segment) + hand.offset;
        let mut looked_at = false;
        if hand.offset >= books.written as usize {
            // Everything before the hand is gone; what is left would be a whole dead segment.
            if books.live_entries > 0 {
                // But for what there was no room to move: another round may have it.
                hand.offset = 0;
            } else if books.state == State::Open {
                self.segments.seal(segment);
            }
        } else {
            match entry::record(&self.memory.bytes()[start..]) {
                Record::Gap(bytes) => hand.offset += bytes,
                Record::Entry(header) => {
                    hand.offset += header.size();
                    if !header.dead {
                        self.evict_or_keep(start, header, forced, now_ms);
                    }
                }
            }
            looked_at = true;
        }
        self.limit_work.hands[usize::from(group)][pool as usize] = hand;
        looked_at || books.live_entries == 0
    }

    /// One slice of the background work for limits. Returns whether there is more.
    pub(super) fn limit_slice(&mut self, now_ms: u64, budget: u32) -> bool {
        let mut more = false;
        for group in 1..self.segments.groups.len() as GroupId {
            let Some(map) = self.limits.map_of_group(group) else {
                continue;
            };
            let mut looks = budget;
            while looks > 0
                && self.is_over_limit(map, (0, 0))
                && self.map_policy(map) == FullPolicy::Evict
                && self.give_up(group, false, now_ms)
            {
                looks -= 1;
            }
            more |= looks == 0;
        }
        more | self.regroup_slice(now_ms, budget) | self.idle_slice(now_ms, budget)
    }

    /// Moves entries to the group that their map has by now, and frees the groups that are empty
    /// then.
    fn regroup_slice(&mut self, now_ms: u64, budget: u32) -> bool {
        if self.limits.any_leaving() {
            self.free_emptied_groups();
        }
        let Some(next) = self.limit_work.regroup.next else {
            let unfinished = self.limit_work.regroup.missed || self.limits.any_leaving();
            if unfinished && now_ms >= self.limit_work.regroup.again_ms {
                self.limit_work.regroup.begin();
            }
            return false;
        };
        let mut left = budget as usize;
        while left > 0 && self.upkeep.moving.is_some() {
            match self.move_on(left, now_ms) {
                Some(looked_at) => left -= looked_at,
                None => {
                    self.limit_work.regroup.missed = true;
                    left = 0;
                }
            }
        }
        if self.upkeep.moving.is_some() {
            return true;
        }
        let wrong = |segment: &u32| {
            let books = self.segments.at(*segment);
            let may_hold_others = books.mixed && self.limit_work.regroup.shared;
            let is_wrong = may_hold_others || self.limits.group_of(books.map) != books.group;
            books.state == State::Sealed && is_wrong
        };
        let found = (next..self.segments.count() as u32).find(wrong);
        match found {
            Some(segment) => {
                self.limit_work.regroup.next = Some(segment + 1);
                self.begin_compaction(segment);
            }
            None => self.limit_work.regroup.end(now_ms),
        }
        found.is_some()
    }

    /// Looks for entries over their map's idle time.
    fn idle_slice(&mut self, now_ms: u64, budget: u32) -> bool {
        if !self.limit_work.idle_walk_on {
            let Some(shortest_ms) = self.limits.shortest_idle_ms() else {
                return false;
            };
            if now_ms < self.limit_work.idle_walk_next_ms {
                return false;
            }
            let interval_ms = (shortest_ms / WALKS_PER_IDLE_TIME).max(WALK_INTERVAL_MS);
            self.limit_work.idle_walk_next_ms = now_ms.saturating_add(interval_ms);
            self.limit_work.idle_walk_on = true;
            self.limit_work.idle = Mark::default();
        }
        let mut passed = 0;
        let mut left = budget;
        while left > 0 && passed < SEGMENTS_PASSED {
            let mark = self.limit_work.idle;
            if mark.segment as usize >= self.segments.count() {
                self.limit_work.idle_walk_on = false;
                return false;
            }
            let books = *self.segments.at(mark.segment);
            let offset = if books.serial == mark.serial {
                mark.offset
            } else {
                0
            };
            let walked = matches!(books.state, State::Open | State::Sealed)
                && (books.mixed || self.limits.of(books.map).idle_ms_max.is_some());
            if !walked || offset >= books.written as usize {
                self.limit_work.idle = Mark {
                    segment: mark.segment + 1,
                    serial: 0,
                    offset: 0,
                };
                passed += 1;
                continue;
            }
            left -= 1;
            let start = self.segments.start(mark.segment) + offset;
            let bytes = match entry::record(&self.memory.bytes()[start..]) {
                Record::Gap(bytes) => bytes,
                Record::Entry(header) => {
                    if !header.dead && self.is_over(&header, now_ms) {
                        self.evict_or_keep(start, header, false, now_ms);
                    }
                    header.size()
                }
            };
            let mark = Mark {
                serial: books.serial,
                offset: offset + bytes,
                ..mark
            };
            self.limit_work.idle = mark;
        }
        true
    }
}
