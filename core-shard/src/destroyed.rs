//! Which entries went with their maps, and how many of them are still in memory.
//!
//! An entry's version tells whether it was written before its map was destroyed: versions of a shard
//! only grow. So a map remembers the version of its destruction as long as any such entry is left.
//!
//! I1: `left` of a map counts the entries and bytes in its books whose version is not above
//!     `versions` of it, remembered deletions excepted; it is zero where that is zero.
//! I2: `entries_left` is the sum of all `left`.

use std::collections::BTreeSet;

use crate::entry::{Header, MAPS_MAX};
use crate::map::MapUsage;

/// The destroyed entries of all maps.
pub(crate) struct Destroyed {
    /// For each map the version up to which its entries are gone; 0 = none is.
    versions: Box<[u64]>,
    left: Box<[MapUsage]>,
    entries_left: u64,
    /// Maps that were destroyed and had nothing left.
    vacant: BTreeSet<u16>,
}

impl Destroyed {
    pub(crate) fn new() -> Self {
        Self {
            versions: vec![0; MAPS_MAX].into(),
            left: vec![MapUsage::default(); MAPS_MAX].into(),
            entries_left: 0,
            vacant: BTreeSet::new(),
        }
    }

    /// Whether any map has such entries.
    #[inline(always)]
    pub(crate) fn any(&self) -> bool {
        self.entries_left > 0
    }

    /// What a map has of them.
    pub(crate) fn left(&self, map: u16) -> &MapUsage {
        &self.left[usize::from(map)]
    }

    /// From now on everything in a map's books, up to this version, is gone.
    pub(crate) fn add_map(&mut self, map: u16, version: u64, booked: MapUsage) {
        let left = &mut self.left[usize::from(map)];
        self.entries_left = self.entries_left - left.entries + booked.entries;
        *left = booked;
        if booked.entries > 0 {
            self.versions[usize::from(map)] = version;
        } else {
            self.vacant.insert(map);
        }
    }

    /// Whether an entry went with its map.
    #[inline(always)]
    pub(crate) fn has(&self, header: &Header) -> bool {
        self.any() && self.is_older(header.map, header.version) && !header.deleted
    }

    #[inline(always)]
    fn is_older(&self, map: u16, version: u64) -> bool {
        version <= self.versions[usize::from(map)]
    }

    /// Whether some of a map's entries are such, so that they cannot be told from others by number.
    #[inline(always)]
    pub(crate) fn has_of(&self, map: u16) -> bool {
        self.any() && self.versions[usize::from(map)] > 0
    }

    /// Books an entry that was written with a version from before.
    #[inline(always)]
    pub(crate) fn booked(&mut self, map: u16, version: u64, bytes: u64) {
        if self.any() && self.is_older(map, version) {
            let left = &mut self.left[usize::from(map)];
            left.entries += 1;
            left.bytes += bytes;
            self.entries_left += 1;
        }
    }

    /// Takes an entry off the books, if it is one of these.
    #[inline(always)]
    pub(crate) fn unbooked(&mut self, header: &Header, bytes: u64) {
        if self.has(header) {
            self.unbook(header.map, bytes);
        }
    }

    #[cold]
    fn unbook(&mut self, map: u16, bytes: u64) {
        let left = &mut self.left[usize::from(map)];
        left.entries -= 1;
        left.bytes -= bytes;
        self.entries_left -= 1;
        if left.entries == 0 {
            self.versions[usize::from(map)] = 0;
            self.vacant.insert(map);
        }
    }

    /// One of the maps of which nothing destroyed is left, each told once.
    pub(crate) fn next_vacant(&mut self) -> Option<u16> {
        self.vacant.pop_first()
    }
}
