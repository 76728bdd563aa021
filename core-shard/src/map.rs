//! The maps of a shard: their names, the small numbers that stand for them, and their books.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::entry::{Header, MAPS_MAX};
use crate::error::ShardError;

/// The longest name of a map.
pub const MAP_NAME_BYTES_MAX: usize = 255;

/// A map inside one shard. The same name may have another number in another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapId(pub(crate) u16);

impl MapId {
    /// The map with the empty name, which always exists.
    pub const DEFAULT: Self = Self(0);

    /// The number.
    #[must_use]
    pub const fn index(self) -> u16 {
        self.0
    }
}

/// What a map holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapUsage {
    /// Entries, those included that have expired but are not yet swept.
    pub entries: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
}

impl MapUsage {
    pub(crate) fn add_entry(&mut self, header: &Header, held_bytes: u64) {
        self.entries += 1;
        self.bytes += header.size() as u64 + held_bytes;
    }
}

/// Events of one map since the start. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapCounters {
    /// Reads asked for.
    pub gets: u64,
    /// Reads that found a live entry.
    pub hits: u64,
    /// Entries whose end was their expiry or idle time.
    pub expired: u64,
    /// Entries removed to make room.
    pub evicted: u64,
}

/// All maps, by name and by number, of which there are so many at most.
pub(crate) struct Maps {
    numbers: BTreeMap<Arc<[u8]>, u16>,
    /// None: the map was forgotten, and its number is in `free`.
    names: Vec<Option<Arc<[u8]>>>,
    free: VecDeque<u16>,
    pub(crate) usage: Vec<MapUsage>,
    pub(crate) counters: Vec<MapCounters>,
}

impl Maps {
    pub(crate) fn new() -> Self {
        Self {
            numbers: BTreeMap::from([(Arc::default(), MapId::DEFAULT.0)]),
            names: vec![Some(Arc::default())],
            free: VecDeque::new(),
            usage: vec![MapUsage::default()],
            counters: vec![MapCounters::default()],
        }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<MapId> {
        if name.is_empty() {
            return Some(MapId::DEFAULT);
        }
        self.numbers.get(name).copied().map(MapId)
    }

    pub(crate) fn find_or_add(&mut self, name: &[u8]) -> Result<MapId, ShardError> {
        if let Some(map) = self.find(name) {
            return Ok(map);
        }
        if name.len() > MAP_NAME_BYTES_MAX {
            return Err(ShardError::MapNameTooLarge);
        }
        let number = match self.free.pop_front() {
            Some(number) => number,
            None if self.names.len() >= MAPS_MAX => return Err(ShardError::TooManyMaps),
            None => {
                self.names.push(None);
                self.usage.push(MapUsage::default());
                self.counters.push(MapCounters::default());
                self.names.len() as u16 - 1
            }
        };
        let name: Arc<[u8]> = name.into();
        self.numbers.insert(Arc::clone(&name), number);
        self.names[usize::from(number)] = Some(name);
        Ok(MapId(number))
    }

    /// Gives up the name and the number of a map that has no entry in memory.
    pub(crate) fn forget(&mut self, map: MapId) {
        debug_assert_eq!(self.usage[usize::from(map.0)], MapUsage::default());
        if let Some(name) = self.names[usize::from(map.0)].take() {
            self.numbers.remove(&name);
            self.counters[usize::from(map.0)] = MapCounters::default();
            self.free.push_back(map.0);
        }
    }

    pub(crate) fn knows(&self, map: MapId) -> bool {
        self.name(map).is_some()
    }

    /// How many maps there are.
    pub(crate) fn known(&self) -> usize {
        self.names.len() - self.free.len()
    }

    /// How many numbers there are, those of forgotten maps included.
    pub(crate) fn count(&self) -> u16 {
        self.names.len() as u16
    }

    pub(crate) fn name(&self, map: MapId) -> Option<&[u8]> {
        self.names.get(usize::from(map.0))?.as_deref()
    }

    /// The name of a map, to be kept: the number may be another map's by and by.
    pub(crate) fn name_to_keep(&self, map: u16) -> Arc<[u8]> {
        let name = self.names.get(usize::from(map));
        name.and_then(Clone::clone).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, map: u16, entries: u64, bytes: u64) {
        let usage = &mut self.usage[usize::from(map)];
        usage.entries += entries;
        usage.bytes += bytes;
    }

    #[inline(always)]
    pub(crate) fn sub(&mut self, map: u16, entries: u64, bytes: u64) {
        let usage = &mut self.usage[usize::from(map)];
        usage.entries -= entries;
        usage.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_number_each_and_their_count_is_bounded() {
        let mut maps = Maps::new();
        assert_eq!(maps.find_or_add(b""), Ok(MapId::DEFAULT));
        assert_eq!(maps.find(b"a"), None);
        let first = maps.find_or_add(b"a").unwrap();
        assert_eq!(
            (maps.find_or_add(b"a"), maps.find(b"a")),
            (Ok(first), Some(first))
        );
        assert_eq!(maps.name(first), Some(&b"a"[..]));
        assert_eq!(
            maps.find_or_add(&[b'x'; 256]),
            Err(ShardError::MapNameTooLarge)
        );
        assert!(maps.find_or_add(&[b'x'; 255]).is_ok());
        let refused = (0..MAPS_MAX)
            .map(|n| maps.find_or_add(n.to_string().as_bytes()))
            .last();
        assert_eq!(refused, Some(Err(ShardError::TooManyMaps)));
        assert_eq!(maps.find_or_add(b"a"), Ok(first), "known names still work");

        maps.forget(first);
        assert!(!maps.knows(first) && maps.find(b"a").is_none());
        assert_eq!(maps.find_or_add(b"b"), Ok(first), "its number is free");
        assert_eq!(maps.name(first), Some(&b"b"[..]));
        assert_eq!(maps.find_or_add(b"a"), Err(ShardError::TooManyMaps));
    }
}
