//! Open segments: where entries are appended. Each group, pool and TTL class in use has one.
//!
//! I1: open segments for expiring entries never take more than a sixteenth of the arena (two at
//!     least): when more classes are in use, neighbouring classes are merged and share segments.

use super::{NONE, Pool, Purpose, Segments, State};
use crate::index::slot::Location;
use crate::limits::GroupId;
use crate::ttl_class::{self, COARSENESS_MAX, NEVER};

/// Where an entry is to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) group: GroupId,
    pub(crate) pool: Pool,
    pub(crate) purpose: Purpose,
}

impl Segments {
    /// Appends `size` bytes for an entry that expires at `expires_ms` (0 = never). `None`, with
    /// nothing appended, if there is no segment left for this purpose.
    #[inline]
    pub(crate) fn append(
        &mut self,
        place: Place,
        size: usize,
        expires_ms: u64,
        now_ms: u64,
    ) -> Option<Location> {
        debug_assert!(
            size <= self.bytes_each() && size.is_multiple_of(4),
            "one segment's worth"
        );
        let class = self.class_of(expires_ms, now_ms);
        let open = &self.groups[usize::from(place.group)].open[place.pool as usize];
        let mut segment = open[usize::from(class)];
        if segment == NONE || self.at(segment).written as usize + size > self.bytes_each() {
            segment = self.open_another(place, class, expires_ms, now_ms)?;
        }
        let books = &mut self.table[segment as usize];
        let offset = books.written;
        books.written += size as u32;
        books.expires_last_ms = books.expires_last_ms.max(expires_ms);
        Some(self.location(segment, offset))
    }

    /// The class of an entry at the present coarseness.
    #[inline]
    pub(crate) fn class_of(&self, expires_ms: u64, now_ms: u64) -> u16 {
        ttl_class::class_of(expires_ms, now_ms, self.coarseness)
    }

    /// Notes that an entry of the segment lives until `expires_ms` (0 = for ever) from now on. An
    /// open segment lives as long if that is little longer; another one is outlived.
    #[inline]
    pub(crate) fn prolong(&mut self, segment: u32, expires_ms: u64, now_ms: u64) {
        let books = &mut self.table[segment as usize];
        if books.class == NEVER || (expires_ms != 0 && expires_ms <= books.expires_last_ms) {
            return;
        }
        let longer_ms = expires_ms.saturating_sub(books.expires_first_ms);
        let little_ms = 1000 + expires_ms.saturating_sub(now_ms) / 16;
        if books.state == State::Open && expires_ms != 0 && longer_ms <= little_ms {
            books.expires_last_ms = expires_ms;
        } else {
            books.outlived = true;
        }
    }

    /// Has a segment that is being moved looked at again at `time_ms`, if it expires at all.
    pub(crate) fn postpone(&mut self, segment: u32, time_ms: u64) {
        debug_assert_eq!(self.at(segment).state, State::Moving, "it has no deadline");
        self.table[segment as usize].expires_last_ms = time_ms;
    }

    /// Seals open segments whose first entry has expired: entries that come later would keep it.
    /// Those that have expired altogether are returned one at a time, to be invalidated.
    pub(crate) fn overdue_open(&mut self, now_ms: u64) -> Option<u32> {
        for group in 0..self.groups.len() {
            if self.groups[group].open_expiring == 0 {
                continue;
            }
            for pool in 0..2 {
                for class in 1..ttl_class::CLASSES {
                    let segment = self.groups[group].open[pool][class];
                    if segment == NONE || self.at(segment).expires_first_ms > now_ms {
                        continue;
                    }
                    let books = self.at(segment);
                    if books.expires_last_ms <= now_ms && !books.outlived {
                        return Some(segment);
                    }
                    self.seal(segment);
                }
            }
        }
        None
    }

    /// Whether any expiring segment is open.
    pub(crate) fn has_open_expiring(&self) -> bool {
        self.open_expiring > 0
    }

    /// Seals the open segment of a pool that has the most written, so that it can be evicted.
    pub(crate) fn seal_fullest(&mut self, group: GroupId, pool: Pool) -> Option<u32> {
        let open = &self.groups[usize::from(group)].open[pool as usize];
        let candidates = open.iter().copied().filter(|segment| *segment != NONE);
        let fullest = candidates.max_by_key(|segment| self.at(*segment).written)?;
        self.seal(fullest);
        Some(fullest)
    }

    /// The open segment of a pool that was opened first.
    pub(crate) fn oldest_open(&self, group: GroupId, pool: Pool) -> Option<u32> {
        let open = &self.groups[usize::from(group)].open[pool as usize];
        let segments = open.iter().copied().filter(|segment| *segment != NONE);
        segments.min_by_key(|segment| self.at(*segment).serial)
    }

    /// Seals every open segment of a group.
    pub(crate) fn seal_all(&mut self, group: GroupId) {
        for pool in [Pool::Small, Pool::Main] {
            while let Some(segment) = self.oldest_open(group, pool) {
                self.seal(segment);
            }
        }
    }

    #[cold]
    fn open_another(
        &mut self,
        place: Place,
        mut class: u16,
        expires_ms: u64,
        now_ms: u64,
    ) -> Option<u32> {
        let kept = if place.purpose == Purpose::Write {
            super::RESERVE
        } else {
            0
        };
        if self.free.len() <= kept {
            return None;
        }
        let present = self.open_in(place, class);
        if present != NONE {
            self.seal(present);
        } else if class != NEVER && self.open_expiring >= self.open_expiring_max() {
            self.coarsen();
            class = self.class_of(expires_ms, now_ms);
        }
        let segment = self.take(place.purpose, State::Open)?;
        self.opened += 1;
        let books = &mut self.table[segment as usize];
        books.serial = self.opened;
        books.pool = place.pool;
        books.group = place.group;
        books.class = class;
        books.expires_first_ms = expires_ms;
        let group = &mut self.groups[usize::from(place.group)];
        group.open[place.pool as usize][usize::from(class)] = segment;
        group.pool_bytes[place.pool as usize] += 1 << self.shift;
        group.open_expiring += u32::from(class != NEVER);
        self.open_expiring += u32::from(class != NEVER);
        Some(segment)
    }

    fn open_in(&self, place: Place, class: u16) -> u32 {
        self.groups[usize::from(place.group)].open[place.pool as usize][usize::from(class)]
    }

    fn open_expiring_max(&self) -> u32 {
        (self.count() as u32 / 16).max(2)
    }

    /// Merges classes pairwise. Every open expiring segment is sealed, full or not.
    fn coarsen(&mut self) {
        for group in 0..self.groups.len() {
            for pool in 0..2 {
                for class in 1..ttl_class::CLASSES {
                    let segment = self.groups[group].open[pool][class];
                    if segment != NONE {
                        self.seal(segment);
                    }
                }
            }
        }
        self.coarseness = (self.coarseness + 1).min(COARSENESS_MAX);
    }

    /// Closes an open segment and queues it; if nothing in it is live, it is free at once.
    pub(crate) fn seal(&mut self, segment: u32) {
        self.close(segment);
        self.enter_lists(segment);
        if self.at(segment).live_entries == 0 {
            self.give_back(segment);
        }
    }

    /// Takes an open segment out of the table of open ones.
    pub(super) fn close(&mut self, segment: u32) {
        let books = self.at(segment);
        let (group, pool) = (usize::from(books.group), books.pool as usize);
        let class = usize::from(books.class);
        debug_assert_eq!(
            self.groups[group].open[pool][class], segment,
            "it is the open one"
        );
        self.groups[group].open[pool][class] = NONE;
        self.groups[group].open_expiring -= u32::from(class != usize::from(NEVER));
        self.open_expiring -= u32::from(class != usize::from(NEVER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        group: 0,
        pool: Pool::Small,
        purpose: Purpose::Write,
    };

    fn append(segments: &mut Segments, expires_ms: u64) -> Location {
        let at = segments.append(PLACE, 128, expires_ms, 0).unwrap();
        segments.add_live(at.segment, 0, 128, 0);
        at
    }

    #[test]
    fn many_times_to_live_never_spread_over_more_than_a_sixteenth_of_the_arena() {
        let mut segments = Segments::new(64, 18);
        for round in 1..200_u64 {
            append(&mut segments, (round * round * 997) % 100_000_000 + 1);
            assert!(segments.open_expiring <= segments.open_expiring_max());
        }
        assert!(segments.coarseness > 0);
        assert!(segments.free_count() > 64 / 3, "sealed early, but few");
    }

    #[test]
    fn the_last_segments_are_not_for_writes() {
        let mut segments = Segments::new(RESERVE_AND_TWO, 18);
        let full = segments.bytes_each();
        assert!(segments.append(PLACE, full, 0, 0).is_some());
        segments.table[0].live_entries = 1;
        assert!(segments.append(PLACE, full, 0, 0).is_some());
        assert!(segments.append(PLACE, full, 0, 0).is_none());
        let upkeep = Place {
            purpose: Purpose::Upkeep,
            ..PLACE
        };
        assert!(segments.append(upkeep, full, 0, 0).is_some());
    }

    const RESERVE_AND_TWO: usize = super::super::RESERVE + 2;

    #[test]
    fn an_open_segment_is_sealed_once_its_first_entry_is_due() {
        let mut segments = Segments::new(64, 18);
        let first = append(&mut segments, 5_000);
        append(&mut segments, 5_900);
        assert_eq!(segments.overdue_open(4_999), None);
        assert_eq!(segments.overdue_open(5_000), None);
        assert_eq!(segments.at(first.segment).state, State::Sealed);
        assert_eq!(segments.deadlines.earliest(), Some((5_900, first.segment)));
        assert_eq!(segments.overdue_open(u64::MAX), None);
    }
}
