//! Finding: the slot and the entry of a key, an entry's own slot, and a place for a new one.

use super::Shard;
use crate::entry::{self, Header};
use crate::index::slot::{Kind, Location, Slot};
use crate::index::{Home, LAST, NO_BUCKET, SlotPlace};
use crate::mem::BUCKET_BYTES;
use crate::operation::Address;

/// A key's entry and its slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) place: SlotPlace,
    pub(super) slot: Slot,
    /// Where the entry begins in memory.
    pub(super) start: usize,
    pub(super) header: Header,
}

/// A place for a new slot in a chain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Vacancy {
    /// Nothing is there, or a ghost that nobody needs.
    Unused(SlotPlace),
    /// A stale slot.
    Stale(SlotPlace),
    /// The chain is full; this is its last bucket.
    Full(u32),
}

/// An entry with a key of 16 and a value of 64 bytes. It touches a third cache line more often than
/// not, so its last byte is prefetched too: 5 % less processor time for a get over sockets.
const SMALL_ENTRY_BYTES: usize = 100;

/// How many operations are prefetched at once.
const PREFETCH_MAX: usize = 32;

impl Shard {
    /// Brings the memory that a batch will touch towards the processor, in stages: all buckets
    /// first, then the entries that their tags point to, then the overflow buckets of those whose
    /// tag was not found, and their entries. Notes in the addresses where their chains begin. At
    /// most 32 addresses; others are ignored.
    pub fn prefetch<'b>(&self, batch: impl IntoIterator<Item = &'b mut Address>) {
        let mut homes = [Home::NONE; PREFETCH_MAX];
        let mut count = 0;
        for (at, place) in batch.into_iter().zip(&mut homes) {
            if let Some(home) = self.index.home_of(at.partition, at.hash) {
                *place = home;
                at.home = home;
                at.epoch = self.index.epoch();
                self.memory.prefetch(home.bucket as usize * BUCKET_BYTES);
            }
            count += 1;
        }
        let homes = &mut homes[..count];
        let mut any_overflow = false;
        for home in homes.iter_mut() {
            home.bucket = self.prefetch_entry(*home);
            any_overflow |= home.bucket != NO_BUCKET;
        }
        if any_overflow {
            for home in homes {
                self.prefetch_entry(*home);
            }
        }
    }

    /// Prefetches the entry that the first equal tag of a bucket points to. If there is none, the
    /// overflow bucket is prefetched instead and its number returned.
    #[inline(always)]
    fn prefetch_entry(&self, home: Home) -> u32 {
        let Some(bucket) = self.memory.buckets().get(home.bucket as usize) else {
            return NO_BUCKET;
        };
        let matches = self.scan.matches(bucket, home.tag);
        if let Some(slot) = bucket.0.get(matches.trailing_zeros() as usize) {
            if let Some(start) = self.segments.resolve(Slot(*slot)) {
                self.memory.prefetch(start);
                self.memory.prefetch(start + BUCKET_BYTES);
                self.memory.prefetch(start + SMALL_ENTRY_BYTES - 1);
            }
            return NO_BUCKET;
        }
        let Some(next) = Slot(bucket.0[LAST]).linked() else {
            return NO_BUCKET;
        };
        self.memory.prefetch(next as usize * BUCKET_BYTES);
        next
    }

    /// Where the chain of an address begins.
    #[inline(always)]
    fn home(&self, at: &Address) -> Option<Home> {
        if at.epoch == self.index.epoch() {
            return Some(at.home);
        }
        self.index.home_of(at.partition, at.hash)
    }

    /// The slot of a key, and where its entry begins, expired or not.
    #[inline(always)]
    pub(super) fn find_start(&self, at: Address, key: &[u8]) -> Option<(SlotPlace, Slot, usize)> {
        let home = self.home(&at)?;
        let (mut number, tag) = (home.bucket, home.tag);
        loop {
            let bucket = &self.memory.buckets()[number as usize];
            let mut matches = self.scan.matches(bucket, tag);
            while matches != 0 {
                let position = matches.trailing_zeros() as usize & LAST;
                matches &= matches - 1;
                let slot = Slot(bucket.0[position]);
                if let Some(start) = self.segments.resolve(slot)
                    && entry::is_of(&self.memory.bytes()[start..], at.map.0, key)
                {
                    return Some((
                        SlotPlace {
                            bucket: number,
                            position,
                        },
                        slot,
                        start,
                    ));
                }
            }
            number = Slot(bucket.0[LAST]).linked()?;
        }
    }

    /// The entry of a key, expired or not.
    #[inline]
    pub(super) fn find(&self, at: Address, key: &[u8]) -> Option<Found> {
        let (place, slot, start) = self.find_start(at, key)?;
        let header = entry::read(&self.memory.bytes()[start..]);
        Some(Found {
            place,
            slot,
            start,
            header,
        })
    }

    /// The slot of the entry at a location.
    pub(super) fn find_slot(
        &self,
        partition: u16,
        hash: u64,
        location: Location,
    ) -> Option<(SlotPlace, Slot)> {
        let mut number = self.index.bucket_of_any(partition, hash)?;
        loop {
            let bucket = &self.memory.buckets()[number as usize];
            let at = bucket.0.iter().position(|slot| Slot(*slot).is_at(location));
            if let Some(position) = at {
                let place = SlotPlace {
                    bucket: number,
                    position,
                };
                return Some((place, Slot(bucket.0[position])));
            }
            number = Slot(bucket.0[LAST]).linked()?;
        }
    }

    /// Where a new slot with this home may go, and whether a ghost remembers the key.
    #[inline]
    pub(super) fn find_vacancy(&self, home: Home) -> (Vacancy, bool) {
        let bucket = &self.memory.buckets()[home.bucket as usize];
        // Mostly there is an empty slot, and no equal tag that might be a ghost's.
        let empty = self.scan.empty(bucket);
        let linked = Slot(bucket.0[LAST]).linked().is_some();
        if empty == 0 || linked || self.scan.matches(bucket, home.tag) != 0 {
            return self.find_vacancy_in_chain(home);
        }
        let place = SlotPlace {
            bucket: home.bucket,
            position: empty.trailing_zeros() as usize & LAST,
        };
        (Vacancy::Unused(place), false)
    }

    fn find_vacancy_in_chain(&self, home: Home) -> (Vacancy, bool) {
        let (mut number, tag) = (home.bucket, home.tag);
        let mut unused = None;
        let mut stale = None;
        let mut oldest_ghost: Option<(u64, SlotPlace)> = None;
        loop {
            let bucket = &self.memory.buckets()[number as usize];
            for (position, slot) in bucket.0.iter().enumerate() {
                let place = SlotPlace {
                    bucket: number,
                    position,
                };
                let slot = Slot(*slot);
                match slot.kind() {
                    Kind::Empty if unused.is_none() => unused = Some(place),
                    Kind::Ghost(made) if slot.tag() == tag && self.ghost_counts(made) => {
                        return (Vacancy::Unused(place), true);
                    }
                    Kind::Ghost(made) if oldest_ghost.is_none_or(|(oldest, _)| made < oldest) => {
                        oldest_ghost = Some((made, place));
                    }
                    Kind::Entry(_) if stale.is_none() && self.segments.is_stale(slot) => {
                        stale = Some(place);
                    }
                    _ => {}
                }
            }
            let Some(next) = Slot(bucket.0[LAST]).linked() else {
                break;
            };
            number = next;
        }
        let ghost = oldest_ghost.map(|(_, place)| place);
        let vacancy = match (unused, stale, ghost) {
            (Some(place), _, _) | (None, None, Some(place)) => Vacancy::Unused(place),
            (None, Some(place), _) => Vacancy::Stale(place),
            (None, None, None) => Vacancy::Full(number),
        };
        (vacancy, false)
    }

    /// Ghosts count for as many evictions as there are entries.
    fn ghost_counts(&self, made: u64) -> bool {
        self.index.ghosts_made - made < self.records
    }

    /// The partition, the hash and the location of the entry that begins at `start`.
    pub(super) fn identify(&self, start: usize, header: &Header) -> (u64, Location) {
        let key = &self.memory.bytes()[start..][header.key_at..header.value_at()];
        let segment = self.segment_of(start);
        let offset = start - self.segments.start(segment);
        let hash = self.hasher.hash(header.map, key);
        (hash, self.segments.location(segment, offset as u32))
    }
}
