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
use crate::limits::{MapLimits, SHARED_GROUP};
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

/// A place in one use of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    segment: u32,
    serial: u64,
    offset: usize,
}

/// Where the work for limits stands.
#[derive(Default)]
pub(super) struct LimitWork {
    /// For each group and pool, how far the oldest segment has been given up.
    hands: Vec<[Mark; 2]>,
    /// The next segment to look for entries that belong to another group by now.
    pub(super) regroup: Option<u32>,
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
        let mut group = self.limits.group_of(map.0);
        if limits.is_limited() && group == SHARED_GROUP {
            group = self
                .segments
                .add_group()
                .ok_or(ShardError::TooManyLimitedMaps)?;
            self.limit_work
                .hands
                .resize(self.segments.groups.len(), [Mark::default(); 2]);
            if self.maps.usage[usize::from(map.0)].entries > 0 {
                self.segments.seal_all(SHARED_GROUP);
                self.limit_work.regroup = Some(0);
            }
        }
        self.limits
            .set(map.0, limits, group, self.versions.last_ms());
        self.limit_work.idle_walk_next_ms = 0;
        Ok(())
    }

    /// How many maps can have limits of keys or bytes or a policy of their own.
    #[must_use]
    pub fn limited_maps_max(&self) -> u32 {
        self.segments.groups_max().saturating_sub(1) as u32
    }

    /// Sets what maps have that become known from now on.
    pub fn set_limits_of_new_maps(&mut self, limits: MapLimits) {
        self.limits.of_new_maps = limits;
    }

    /// Makes a map known.
    #[cold]
    pub(super) fn new_map(&mut self, name: &[u8]) -> Result<MapId, ShardError> {
        let limits = self.limits.of_new_maps;
        // A number that was another map's may have a group, of which there are few.
        let groups = &self.limits;
        self.maps
            .prefer(|number| (groups.group_of(number) != SHARED_GROUP) == limits.is_limited());
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
    pub(super) fn group_policy(&self, group: u8) -> FullPolicy {
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
    fn give_up(&mut self, group: u8, forced: bool, now_ms: u64) -> bool {
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

    fn give_up_from(&mut self, group: u8, pool: Pool, forced: bool, now_ms: u64) -> bool {
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
        for group in 1..self.segments.groups.len() as u8 {
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

    /// Moves entries of maps that have got a group of their own into it.
    fn regroup_slice(&mut self, now_ms: u64, budget: u32) -> bool {
        let Some(next) = self.limit_work.regroup else {
            return false;
        };
        let mut left = budget as usize;
        while left > 0 && self.upkeep.moving.is_some() {
            left -= self.move_on(left, now_ms).unwrap_or(left);
        }
        if self.upkeep.moving.is_some() {
            return true;
        }
        let wrong = |segment: &u32| {
            let books = self.segments.at(*segment);
            let shared = books.state == State::Sealed && books.group == SHARED_GROUP;
            shared && (books.mixed || self.limits.group_of(books.map) != SHARED_GROUP)
        };
        let found = (next..self.segments.count() as u32).find(wrong);
        self.limit_work.regroup = found.map(|segment| segment + 1);
        if let Some(segment) = found {
            self.begin_compaction(segment);
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
