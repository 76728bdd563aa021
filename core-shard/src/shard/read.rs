//! Reads. They count as uses of the entry, and they are where expiry is exact: an entry is gone at
//! the very millisecond of its deadline, whether or not the sweep has passed.

use super::Shard;
use super::lookup::Found;
use crate::entry::{self, Header};
use crate::index::slot::Slot;
use crate::map::MapId;
use crate::operation::{Address, Metadata};
use crate::value::{Entry, Value};
use crate::witness::Departure;

impl Shard {
    /// Reads an entry.
    #[inline]
    pub fn get(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Entry<'_>> {
        self.counters.gets += 1;
        self.count_map_get(at.map, 1, 0);
        let (place, slot, start) = self.find_start(at, key)?;
        let head = entry::head(&self.memory.bytes()[start..]);
        let expired = head.expires_ms != 0 && head.expires_ms <= now_ms;
        let rare = self.limits.any_idle || self.destroyed.any();
        if expired || head.extended || rare {
            return self.get_with_care(at, key, now_ms);
        }
        self.counters.hits += 1;
        self.count_map_get(at.map, 0, 1);
        self.use_slot(place, slot);
        let value_at = start + head.key_at + key.len();
        Some(Entry {
            version: head.version,
            expires_at_ms: (head.expires_ms != 0).then_some(head.expires_ms),
            value: Value::inline(&self.memory.bytes()[value_at..value_at + head.value_bytes]),
        })
    }

    #[inline(always)]
    fn count_map_get(&mut self, map: MapId, gets: u64, hits: u64) {
        if let Some(counters) = self.maps.counters.get_mut(usize::from(map.0)) {
            counters.gets += gets;
            counters.hits += hits;
        }
    }

    /// Reads an entry that is not of the plainest kind, or over.
    #[cold]
    fn get_with_care(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Entry<'_>> {
        let found = self.find_live(at, key, now_ms)?;
        self.counters.hits += 1;
        self.count_map_get(at.map, 0, 1);
        self.use_slot(found.place, found.slot);
        let found = self.note_use(found, now_ms);
        Some(Entry {
            version: found.header.version,
            expires_at_ms: found.header.expires_at_ms(),
            value: self.value_of(found.start, &found.header),
        })
    }

    /// Reads an entry without counting that as a use: neither what is evicted nor the idle time of
    /// its map depends on it.
    pub fn peek(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Entry<'_>> {
        self.counters.gets += 1;
        self.count_map_get(at.map, 1, 0);
        let found = self.find_live(at, key, now_ms)?;
        self.counters.hits += 1;
        self.count_map_get(at.map, 0, 1);
        Some(Entry {
            version: found.header.version,
            expires_at_ms: found.header.expires_at_ms(),
            value: self.value_of(found.start, &found.header),
        })
    }

    /// Looks at an entry without counting it as used.
    pub fn metadata(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Metadata> {
        let found = self.find_live(at, key, now_ms)?;
        Some(Metadata {
            version: found.header.version,
            expires_at_ms: found.header.expires_at_ms(),
            value_bytes: self.value_of(found.start, &found.header).len() as u32,
        })
    }

    /// Bytes that an entry takes: header, key, value and padding, the blocks that hold a large value,
    /// and its slot in the index. All but the slot is what [`crate::Usage::live_bytes`] sums up. Does
    /// not count as a use.
    pub fn entry_bytes(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<u64> {
        let found = self.find_live(at, key, now_ms)?;
        let entry = found.header.size() as u64 + self.held_bytes(&found.header);
        Some(entry + size_of::<Slot>() as u64)
    }

    /// The entry of a key if it is live. One that has expired is removed.
    pub(super) fn find_live(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Found> {
        let found = self.find(at, key)?;
        if found.header.deleted {
            return None;
        }
        if self.is_over(&found.header, now_ms) {
            let place = self.index.place(at.partition)?;
            self.remove_over(place, &found);
            return None;
        }
        Some(found)
    }

    /// Removes an entry that is over.
    pub(super) fn remove_over(&mut self, place: usize, found: &Found) {
        self.count_expired(&found.header);
        self.depart(found.start, &found.header, Departure::Expired);
        self.remove(place, found);
    }

    /// Whether an entry has reached its expiry or its map's idle time, or went with its map.
    #[inline]
    pub(super) fn is_over(&self, header: &Header, now_ms: u64) -> bool {
        header.expired(now_ms) || self.limits.is_idle(header, now_ms) || self.destroyed.has(header)
    }

    #[inline(always)]
    pub(super) fn value_of(&self, start: usize, header: &Header) -> Value<'_> {
        let inline = &self.memory.bytes()[start + header.value_at()..][..header.value_bytes];
        if header.large {
            return Value::in_blocks(self.memory.bytes(), inline, self.segments.blocks.shift());
        }
        Value::inline(inline)
    }
}
