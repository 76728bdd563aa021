//! Writes: put, delete, expiry changes.

use super::Shard;
use super::lookup::Found;
use super::store::Stamp;
use crate::entry::{COMPACT_VALUE_BYTES_MAX, HEADER_BYTES, KEY_BYTES_MAX};
use crate::error::ShardError;
use crate::limits::SHARED_GROUP;
use crate::operation::{Address, Condition, Expiry, ExpiryOutcome, PutOptions, PutOutcome};

impl Shard {
    /// Stores an entry.
    ///
    /// `OutOfMemory` and `MapFull` leave an existing entry as it was.
    #[inline]
    pub fn put(
        &mut self,
        at: Address,
        key: &[u8],
        value: &[u8],
        options: PutOptions,
        now_ms: u64,
    ) -> Result<PutOutcome, ShardError> {
        self.check(at, key, value)?;
        self.make_room(key.len() + value.len(), now_ms);
        let found = self.find_for_write(at, key, now_ms);
        let live = found.filter(|found| !found.header.deleted);
        match (options.condition, live) {
            (Condition::IfAbsent, Some(_)) => return Ok(PutOutcome::Exists),
            (Condition::IfPresent, None) => return Ok(PutOutcome::Missing),
            _ => {}
        }
        let expires_ms = match (options.expiry, live) {
            (Expiry::At(time_ms), _) if time_ms <= now_ms => {
                if let Some(found) = live {
                    self.lose(found.start, &found.header, None);
                    self.delete_found(at, key, &found, now_ms);
                }
                return Ok(PutOutcome::Stored {
                    version: self.versions.next(now_ms),
                });
            }
            (Expiry::At(time_ms), _) => storable(time_ms),
            (Expiry::Keep, Some(found)) => found.header.expires_ms,
            (Expiry::None, _) | (Expiry::Keep, None) => 0,
            (Expiry::AsMap, _) => self.map_expiry(at.map.0, now_ms),
        };
        self.put_found(at, (key, value), expires_ms, found, now_ms)
            .map(|version| PutOutcome::Stored { version })
    }

    /// Removes an entry; whether there was a live one.
    pub fn delete(&mut self, at: Address, key: &[u8], now_ms: u64) -> bool {
        if self.witness.is_some()
            && let Some(found) = self.find_live(at, key, now_ms)
        {
            self.lose(found.start, &found.header, None);
        }
        self.give_back(at, key, now_ms)
    }

    /// As [`Shard::delete`], by whom the entry belongs to: to a watcher it is no loss.
    pub fn give_back(&mut self, at: Address, key: &[u8], now_ms: u64) -> bool {
        let Some(place) = self.index.place(at.partition) else {
            return false;
        };
        let remembering = self.index.partitions[place].remembering > 0;
        let found = self.find_live(at, key, now_ms);
        match found {
            Some(found) => self.delete_found(at, key, &found, now_ms),
            None if remembering && self.check(at, key, &[]).is_ok() => {
                self.remember_deletion(at, key, now_ms);
            }
            None => {}
        }
        found.is_some()
    }

    /// Changes when an entry expires; `None` makes it stay. The entry gets a new version.
    pub fn set_expiry(
        &mut self,
        at: Address,
        key: &[u8],
        expires_at_ms: Option<u64>,
        now_ms: u64,
    ) -> ExpiryOutcome {
        let Some(found) = self.find_live(at, key, now_ms) else {
            return ExpiryOutcome::Missing;
        };
        if expires_at_ms.is_some_and(|time_ms| time_ms <= now_ms) {
            self.lose(found.start, &found.header, None);
            self.delete_found(at, key, &found, now_ms);
            return ExpiryOutcome::Deleted;
        }
        let version = self.versions.next(now_ms);
        let expires_ms = expires_at_ms.map_or(0, storable);
        let last_use_ms = found.header.last_use_ms;
        let stamp = Stamp {
            version,
            expires_ms,
            last_use_ms,
            deleted: false,
        };
        if found.header.can_take(version, expires_ms) {
            self.restamp(&found, stamp, now_ms);
        } else if self.store_again(at, key, stamp, now_ms).is_err() {
            return ExpiryOutcome::OutOfMemory;
        }
        ExpiryOutcome::Updated { version }
    }

    /// Stores a compact entry once more, because its header cannot take this version and expiry.
    #[cold]
    fn store_again(
        &mut self,
        at: Address,
        key: &[u8],
        stamp: Stamp,
        now_ms: u64,
    ) -> Result<(), ShardError> {
        self.make_room(key.len() + COMPACT_VALUE_BYTES_MAX, now_ms);
        let mut copy = [0; COMPACT_VALUE_BYTES_MAX];
        // Making room may have moved it, or may have needed its place.
        let found = self.find(at, key);
        let value = found.and_then(|found| self.value_of(found.start, &found.header).as_slice());
        let value = value.ok_or(ShardError::OutOfMemory)?;
        let copy = copy.get_mut(..value.len()).ok_or(ShardError::OutOfMemory)?;
        copy.copy_from_slice(value);
        self.store(at, (key, copy), stamp, found, now_ms)
    }

    /// When an entry of a map expires whose write does not say; 0 = never.
    pub(super) fn map_expiry(&self, map: u16, now_ms: u64) -> u64 {
        let ttl_ms = self.limits.of(map).ttl_ms;
        ttl_ms.map_or(0, |ttl_ms| storable(now_ms.saturating_add(ttl_ms.max(1))))
    }

    /// Stores over what was found for the key, under a new version.
    #[inline]
    pub(super) fn put_found(
        &mut self,
        at: Address,
        (key, value): (&[u8], &[u8]),
        expires_ms: u64,
        found: Option<Found>,
        now_ms: u64,
    ) -> Result<u64, ShardError> {
        let version = self.versions.next(now_ms);
        let last_use_ms = self.limits.of(at.map.0).idle_ms_max.map(|_| now_ms.max(1));
        let stamp = Stamp {
            version,
            expires_ms,
            last_use_ms,
            deleted: false,
        };
        let found = if self.limits.group_of(at.map.0) == SHARED_GROUP {
            found
        } else {
            let old = found.filter(|found| !found.header.deleted);
            let old_bytes = old.map_or(0, |found| found.header.size());
            let bytes = (HEADER_BYTES + key.len() + value.len()).saturating_sub(old_bytes);
            self.make_map_room(at.map.0, (old.is_none().into(), bytes as u64), now_ms)?;
            // What was found may have moved or been given up.
            self.find(at, key)
        };
        let stored = self.store(at, (key, value), stamp, found, now_ms);
        self.counters.puts += u64::from(stored.is_ok());
        self.counters.refused += u64::from(stored.is_err());
        stored.map(|()| version)
    }

    /// The entry of a key, remembered deletions included. One that has expired is removed.
    #[inline]
    pub(super) fn find_for_write(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Found> {
        let found = self.find(at, key)?;
        if self.is_over(&found.header, now_ms) {
            let place = self.index.place(at.partition)?;
            self.remove_over(place, &found);
            return None;
        }
        Some(found)
    }

    /// Removes a live entry, and remembers that if it has to be.
    fn delete_found(&mut self, at: Address, key: &[u8], found: &Found, now_ms: u64) {
        let Some(place) = self.index.place(at.partition) else {
            return;
        };
        self.remove(place, found);
        self.counters.deletes += 1;
        if self.index.partitions[place].remembering > 0 {
            self.remember_deletion(at, key, now_ms);
        }
    }

    /// What is wrong with a request, whatever the shard holds.
    #[inline(always)]
    pub(super) fn check(&self, at: Address, key: &[u8], value: &[u8]) -> Result<(), ShardError> {
        if key.is_empty() {
            return Err(ShardError::EmptyKey);
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(ShardError::KeyTooLarge);
        }
        if value.len() > self.value_bytes_max as usize {
            return Err(ShardError::ValueTooLarge {
                limit_bytes: self.value_bytes_max,
            });
        }
        if !self.maps.knows(at.map) {
            return Err(ShardError::NoSuchMap);
        }
        self.index
            .place(at.partition)
            .map(|_| ())
            .ok_or(ShardError::NotOwned)
    }
}

/// An expiry as entries keep it: beyond the last one they can keep is never.
pub(super) fn storable(expires_ms: u64) -> u64 {
    if expires_ms > crate::entry::EXPIRES_MS_MAX {
        0
    } else {
        expires_ms
    }
}
