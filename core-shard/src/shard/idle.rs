//! Last uses, for maps whose entries are gone after an idle time.
//!
//! An entry written under such a limit has a field for its last use. One that was there before the
//! limit gets the field with its first use: it is written anew, with its version and its expiry as
//! they were. Where there is no room for that, the use does not count.

use super::Shard;
use super::lookup::Found;
use crate::entry::{self, NewEntry};
use crate::index::slot::{FREQUENCY_MAX, Slot};
use crate::segment::{Place, Purpose};

/// Entries with longer keys have the field in any case.
const KEY_BYTES: usize = 128;

impl Shard {
    /// Notes a read of a live entry, by which it may move.
    pub(super) fn note_use(&mut self, found: Found, now_ms: u64) -> Found {
        if self.limits.of(found.header.map).idle_ms_max.is_none() {
            return found;
        }
        if found.header.keeps_last_use() {
            entry::set_last_use(&mut self.memory.bytes_mut()[found.start..], now_ms.max(1));
            return found;
        }
        self.begin_to_keep_uses(&found, now_ms).unwrap_or(found)
    }

    #[cold]
    fn begin_to_keep_uses(&mut self, found: &Found, now_ms: u64) -> Option<Found> {
        let old = found.header;
        let segment = self.segment_of(found.start);
        let mut key = [0; KEY_BYTES];
        let key = key.get_mut(..old.key_bytes)?;
        let key_at = found.start + old.key_at;
        key.copy_from_slice(&self.memory.bytes()[key_at..key_at + old.key_bytes]);
        let new = NewEntry {
            version: old.version,
            expires_ms: old.expires_ms,
            map: old.map,
            partition: old.partition,
            key,
            value_bytes: old.value_bytes,
            large: false,
            deleted: false,
            last_use_ms: Some(now_ms.max(1)),
        };
        let books = self.segments.at(segment);
        let place = Place {
            group: books.group,
            pool: books.pool,
            purpose: Purpose::Write,
        };
        let location = self
            .segments
            .append(place, new.size(), old.expires_ms, now_ms)?;
        let start = self.segments.start(location.segment) + location.offset as usize;
        let bytes = self.memory.bytes_mut();
        let value_at = start + new.write(&mut bytes[start..start + new.size()]);
        let value_from = found.start + old.value_at();
        bytes.copy_within(value_from..value_from + old.value_bytes, value_at);
        entry::mark_dead(&mut bytes[found.start..]);
        let header = entry::read(&bytes[start..]);
        let frequency = (found.slot.frequency() + 1).min(FREQUENCY_MAX);
        let slot = Slot::entry(found.slot.tag(), frequency, location);
        self.memory.buckets_mut()[found.place.bucket as usize].0[found.place.position] = slot.0;
        let grown = (new.size() - old.size()) as u64;
        self.segments
            .add_live(location.segment, old.map, new.size(), 0);
        self.segments.sub_live(segment, old.size(), 0);
        self.live_bytes += grown;
        self.maps.add(old.map, 0, grown);
        Some(Found {
            place: found.place,
            slot,
            start,
            header,
        })
    }
}
