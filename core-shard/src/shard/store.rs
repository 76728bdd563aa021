//! Storing: an entry is overwritten where it lies if it fits and does not die long before its
//! segment, else it is appended to an open segment and the old one is unbooked.
//!
//! Whatever can fail (a slot, a segment, blocks) is obtained before anything is changed.

use super::Shard;
use super::lookup::{Found, Vacancy};
use crate::entry::{self, Header, NewEntry};
use crate::error::ShardError;
use crate::index::SlotPlace;
use crate::index::slot::{FREQUENCY_MAX, Location, Slot};
use crate::operation::Address;
use crate::segment::{Place, Pool, Purpose};
use crate::ttl_class::NEVER;

/// A segment whose entries hold blocks is sealed, so that it can be evicted, when these are one in
/// so many of the arena's bytes, and at least so many segments' worth.
const HELD_SHARE: u64 = 64;
const HELD_SEGMENTS: u64 = 16;

/// An entry to be stored, without the bytes of its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) version: u64,
    pub(super) expires_ms: u64,
    pub(super) last_use_ms: Option<u64>,
    pub(super) deleted: bool,
}

impl Shard {
    /// Stores an entry in the place of `existing`, if there is one.
    #[inline]
    pub(super) fn store(
        &mut self,
        at: Address,
        (key, value): (&[u8], &[u8]),
        stamp: Stamp,
        existing: Option<Found>,
        now_ms: u64,
    ) -> Result<(), ShardError> {
        match self.store_if_room(at, (key, value), stamp, existing, now_ms) {
            Err(ShardError::OutOfMemory) => self.store_by_force(at, (key, value), stamp, now_ms),
            outcome => outcome,
        }
    }

    /// Stores what found no room, although room had been made for it: the index may have taken a
    /// segment for itself meanwhile. Other entries go until there is one.
    #[cold]
    fn store_by_force(
        &mut self,
        at: Address,
        (key, value): (&[u8], &[u8]),
        stamp: Stamp,
        now_ms: u64,
    ) -> Result<(), ShardError> {
        if !self.make_room_by_force(value.len(), now_ms) {
            return Err(ShardError::OutOfMemory);
        }
        // What was found before may have gone too.
        let existing = self.find(at, key);
        self.store_if_room(at, (key, value), stamp, existing, now_ms)
    }

    #[inline]
    fn store_if_room(
        &mut self,
        at: Address,
        (key, value): (&[u8], &[u8]),
        stamp: Stamp,
        existing: Option<Found>,
        now_ms: u64,
    ) -> Result<(), ShardError> {
        let large = self.is_large(value.len());
        let value_bytes = if large {
            self.list_bytes(value.len())
        } else {
            value.len()
        };
        let new = NewEntry {
            version: stamp.version,
            expires_ms: stamp.expires_ms,
            map: at.map.0,
            partition: at.partition,
            key,
            value_bytes,
            large,
            deleted: stamp.deleted,
            last_use_ms: stamp.last_use_ms,
        };
        match existing {
            Some(found) if self.fits_in_place(&found, &new, now_ms) => {
                self.lose(found.start, &found.header, Some(value));
                self.overwrite(&found, &new, value, now_ms);
                Ok(())
            }
            Some(found) => self.replace(at, &found, &new, value, now_ms),
            None => self.insert(at, &new, value, now_ms),
        }
    }

    /// Whether a new entry may take the bytes of an old one.
    #[inline]
    fn fits_in_place(&self, found: &Found, new: &NewEntry<'_>, now_ms: u64) -> bool {
        let old = &found.header;
        if new.size() > old.size() || new.size() * 2 < old.size() {
            return false;
        }
        let plain = !old.large && !new.large && !old.deleted && !new.deleted;
        plain && self.may_stay(found.start, new.expires_ms, now_ms)
    }

    /// Whether an entry with a new expiry may stay in its segment. It may if it lives as long or
    /// longer: it is moved when the segment is due, once for any number of writes until then. It
    /// may not if the segment lives much longer, so that expired bytes are soon free.
    #[inline]
    pub(super) fn may_stay(&self, start: usize, expires_ms: u64, now_ms: u64) -> bool {
        if expires_ms == 0 {
            return true;
        }
        let books = self.segments.at(self.segment_of(start));
        if books.class == NEVER {
            return false;
        }
        let longer_ms = books.expires_last_ms.saturating_sub(expires_ms);
        longer_ms <= 1000 + expires_ms.saturating_sub(now_ms) / 8
    }

    fn overwrite(&mut self, found: &Found, new: &NewEntry<'_>, value: &[u8], now_ms: u64) {
        let segment = self.segment_of(found.start);
        let (old_size, new_size) = (found.header.size(), new.size());
        let bytes = &mut self.memory.bytes_mut()[found.start..found.start + old_size];
        let value_at = new.write(bytes);
        bytes[value_at..value_at + value.len()].copy_from_slice(value);
        if !new.deleted {
            // What is taken in from elsewhere may be as old as what it replaces.
            self.destroyed.unbooked(&found.header, old_size as u64);
            self.destroyed.booked(new.map, new.version, new_size as u64);
        }
        if new_size != old_size {
            entry::fill_gap(&mut bytes[new_size..]);
            self.segments.resize_live(segment, old_size, new_size);
            self.live_bytes -= (old_size - new_size) as u64;
            self.maps.sub(new.map, 0, (old_size - new_size) as u64);
        }
        self.segments.prolong(segment, new.expires_ms, now_ms);
        self.use_slot(found.place, found.slot);
        self.counters.puts_in_place += 1;
    }

    /// Changes version and expiry. The entry moves if its segment does not suit the new expiry, and
    /// stays where it lies if there is no room.
    pub(super) fn restamp(&mut self, found: &Found, stamp: Stamp, now_ms: u64) {
        if !self.may_stay(found.start, stamp.expires_ms, now_ms)
            && self
                .move_to_class(found, stamp.expires_ms, now_ms)
                .is_some_and(|moved| {
                    let bytes = &mut self.memory.bytes_mut()[moved..];
                    entry::restamp(bytes, stamp.version, stamp.expires_ms);
                    true
                })
        {
            return;
        }
        let bytes = &mut self.memory.bytes_mut()[found.start..];
        entry::restamp(bytes, stamp.version, stamp.expires_ms);
        let segment = self.segment_of(found.start);
        self.segments.prolong(segment, stamp.expires_ms, now_ms);
    }

    /// Moves an entry to the open segment for another expiry; where it begins then.
    fn move_to_class(&mut self, found: &Found, expires_ms: u64, now_ms: u64) -> Option<usize> {
        let books = self.segments.at(self.segment_of(found.start));
        let place = Place {
            group: books.group,
            pool: books.pool,
            purpose: Purpose::Write,
        };
        let size = found.header.size();
        let location = self.segments.append(place, size, expires_ms, now_ms)?;
        let slot = Slot::entry(found.slot.tag(), found.slot.frequency(), location);
        Some(self.relocate(found.start, &found.header, location, (found.place, slot)))
    }

    /// Copies an entry, with all that is booked for it, to a location that was appended for it.
    pub(super) fn relocate(
        &mut self,
        start: usize,
        header: &Header,
        location: Location,
        (place, slot): (SlotPlace, Slot),
    ) -> usize {
        let size = header.size();
        let target = self.segments.start(location.segment) + location.offset as usize;
        self.memory
            .bytes_mut()
            .copy_within(start..start + size, target);
        entry::mark_dead(&mut self.memory.bytes_mut()[start..]);
        self.memory.buckets_mut()[place.bucket as usize].0[place.position] = slot.0;
        let held = self.held_bytes(header);
        self.segments
            .add_live(location.segment, header.map, size, held);
        if header.deleted {
            self.segments.note_tombstone(location.segment);
        }
        self.segments.sub_live(self.segment_of(start), size, held);
        target
    }

    fn replace(
        &mut self,
        at: Address,
        found: &Found,
        new: &NewEntry<'_>,
        value: &[u8],
        now_ms: u64,
    ) -> Result<(), ShardError> {
        let pool = self.segments.at(self.segment_of(found.start)).pool;
        let location = self.append(pool, new, value.len(), now_ms)?;
        let frequency = (found.slot.frequency() + 1).min(FREQUENCY_MAX);
        let slot = Slot::entry(found.slot.tag(), frequency, location);
        self.lose(found.start, &found.header, Some(value));
        self.unbook(found.start, &found.header);
        self.memory.buckets_mut()[found.place.bucket as usize].0[found.place.position] = slot.0;
        self.write_entry(at, new, value, location);
        Ok(())
    }

    fn insert(
        &mut self,
        at: Address,
        new: &NewEntry<'_>,
        value: &[u8],
        now_ms: u64,
    ) -> Result<(), ShardError> {
        let place = self.index.place(at.partition).ok_or(ShardError::NotOwned)?;
        if !self
            .index
            .ensure_table(&mut self.memory, &mut self.segments, place)
        {
            return Err(ShardError::OutOfMemory);
        }
        let home = self.index.home_of(at.partition, at.hash);
        let home = home.ok_or(ShardError::NotOwned)?;
        let (vacancy, remembered) = self.find_vacancy(home);
        let slot_place = match vacancy {
            Vacancy::Unused(slot_place) | Vacancy::Stale(slot_place) => slot_place,
            Vacancy::Full(last) => self
                .index
                .extend_chain(&mut self.memory, &mut self.segments, place, last)
                .ok_or(ShardError::OutOfMemory)?,
        };
        let pool = if remembered { Pool::Main } else { Pool::Small };
        let location = self.append(pool, new, value.len(), now_ms)?;
        if matches!(vacancy, Vacancy::Stale(_)) {
            self.index.stale_slots -= 1;
        } else {
            self.index.partitions[place].used += 1;
        }
        let slot = Slot::entry(home.tag, 0, location);
        self.memory.buckets_mut()[slot_place.bucket as usize].0[slot_place.position] = slot.0;
        self.write_entry(at, new, value, location);
        if self.index.wants_split(place) {
            self.grow(place);
        }
        Ok(())
    }

    fn grow(&mut self, place: usize) {
        let (memory, segments) = (&mut self.memory, &mut self.segments);
        if self.index.grow(memory, segments, place, &self.hasher) {
            self.counters.bucket_splits += 1;
        }
    }

    /// Room for an entry, and the blocks it needs, or nothing.
    #[inline]
    fn append(
        &mut self,
        pool: Pool,
        new: &NewEntry<'_>,
        value_bytes: usize,
        now_ms: u64,
    ) -> Result<Location, ShardError> {
        if new.large {
            // One segment may go to the entry itself.
            let blocks = self.blocks_needed(value_bytes) as u64;
            let segments = self.segments.segments_for_blocks(blocks) + 1;
            if self.segments.free_count() < segments + crate::segment::RESERVE {
                return Err(ShardError::OutOfMemory);
            }
        }
        let group = self.limits.group_of(new.map);
        // Deletions that must be remembered may use the last segments.
        let purpose = if new.deleted {
            Purpose::Upkeep
        } else {
            Purpose::Write
        };
        let place = Place {
            group,
            pool,
            purpose,
        };
        let appended = self
            .segments
            .append(place, new.size(), new.expires_ms, now_ms);
        appended.ok_or(ShardError::OutOfMemory)
    }

    /// Writes an entry to where room was made for it, and books it.
    #[inline]
    fn write_entry(&mut self, at: Address, new: &NewEntry<'_>, value: &[u8], location: Location) {
        let start = self.segments.start(location.segment) + location.offset as usize;
        let size = new.size();
        let bytes = &mut self.memory.bytes_mut()[start..start + size];
        let value_at = new.write(bytes);
        let mut held = 0;
        if new.large {
            self.write_blocks(at, value, start + value_at);
            held = (self.blocks_needed(value.len()) * self.segments.blocks.bytes_each()) as u64;
        } else {
            bytes[value_at..value_at + value.len()].copy_from_slice(value);
        }
        self.segments
            .add_live(location.segment, new.map, size, held);
        self.records += 1;
        self.live_bytes += size as u64 + held;
        if new.deleted {
            self.segments.note_tombstone(location.segment);
            self.count_tombstone(new.partition, true);
        } else {
            self.maps.add(new.map, 1, size as u64 + held);
            self.destroyed
                .booked(new.map, new.version, size as u64 + held);
        }
        if held > 0 {
            let segments = (self.segments.count() as u64 / HELD_SHARE).max(HELD_SEGMENTS);
            let held_most = segments * self.segments.bytes_each() as u64;
            if self.segments.at(location.segment).held_bytes >= held_most {
                self.segments.seal(location.segment);
            }
        }
    }

    /// Removes an entry: its slot, its bytes, its blocks.
    pub(super) fn remove(&mut self, place: usize, found: &Found) {
        self.index.clear(&mut self.memory, place, found.place);
        self.unbook(found.start, &found.header);
    }

    /// Gives back what an entry occupies. Its slot is the caller's affair.
    pub(super) fn unbook(&mut self, start: usize, header: &Header) {
        entry::mark_dead(&mut self.memory.bytes_mut()[start..]);
        let held = self.held_bytes(header);
        let size = header.size();
        if held > 0 {
            self.free_blocks(start, header);
        }
        self.records -= 1;
        self.live_bytes -= size as u64 + held;
        if header.deleted {
            self.count_tombstone(header.partition, false);
        } else {
            self.maps.sub(header.map, 1, size as u64 + held);
            self.destroyed.unbooked(header, size as u64 + held);
        }
        self.segments.sub_live(self.segment_of(start), size, held);
    }

    pub(super) fn count_tombstone(&mut self, partition: u16, added: bool) {
        let delta: fn(u64) -> u64 = if added {
            |count| count + 1
        } else {
            |count| count - 1
        };
        self.tombstones = delta(self.tombstones);
        if let Some(place) = self.index.place_of_any(partition) {
            let count = &mut self.index.partitions[place].tombstones;
            *count = delta(u64::from(*count)) as u32;
        }
    }

    /// Counts a use of an entry.
    #[inline(always)]
    pub(super) fn use_slot(&mut self, place: SlotPlace, slot: Slot) {
        if slot.frequency() < FREQUENCY_MAX {
            let bucket = &mut self.memory.buckets_mut()[place.bucket as usize].0;
            bucket[place.position] = slot.used_once_more().0;
        }
    }
}
