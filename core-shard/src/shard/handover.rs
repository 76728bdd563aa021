//! Handing partitions over: walking one, entry by entry, while it is in use; taking entries in,
//! where the newer version wins; remembering deletions as long as older copies may be on their
//! way; and dropping a partition in slices.
//!
//! The stream that carries exported entries and later writes of a partition must keep the order of
//! each key's live states. Deletions may arrive in any order: while they are remembered, an older
//! entry cannot bring back what was deleted.

use super::Shard;
use super::store::Stamp;
use crate::entry;
use crate::error::ShardError;
use crate::handover::{ExportCursor, ExportedEntry, ImportOutcome, ImportedEntry};
use crate::index::slot::{Kind, Slot};
use crate::index::{LAST, PartitionState, SlotPlace};
use crate::mem::Bucket;
use crate::operation::Address;

impl Shard {
    /// Takes an empty partition into the shard's care.
    pub fn adopt_partition(&mut self, partition: u16) -> Result<(), ShardError> {
        if !self.index.may_hold(partition) {
            return Err(ShardError::NotOwned);
        }
        if self.index.place_of_any(partition).is_some() {
            return Err(ShardError::AlreadyOwned);
        }
        self.index.add(partition);
        Ok(())
    }

    /// Gives up a partition. Its entries cannot be found from now on; their memory comes back in
    /// slices, and only then can the partition be adopted again.
    pub fn drop_partition(&mut self, partition: u16) -> Result<(), ShardError> {
        let place = self.index.place(partition).ok_or(ShardError::NotOwned)?;
        self.index.disown(place);
        self.upkeep.restart_chore(place);
        self.upkeep.add_chore(place);
        Ok(())
    }

    /// Whether a partition that was given up still occupies memory.
    #[must_use]
    pub fn is_dropping(&self, partition: u16) -> bool {
        self.index.is_dropping(partition)
    }

    /// Entries in a partition; those included that are gone but whose slots are not yet cleaned.
    #[must_use]
    pub fn partition_entries(&self, partition: u16) -> Option<u64> {
        let partition = &self.index.partitions[self.index.place(partition)?];
        Some(u64::from(partition.used - partition.tombstones))
    }

    /// From now on every deletion in the partition is remembered, until
    /// [`forget_deletions`](Self::forget_deletions) has been called as often as this.
    pub fn remember_deletions(&mut self, partition: u16) -> Result<(), ShardError> {
        let place = self.index.place(partition).ok_or(ShardError::NotOwned)?;
        let remembering = &mut self.index.partitions[place].remembering;
        *remembering = remembering.saturating_add(1);
        Ok(())
    }

    /// Ends one [`remember_deletions`](Self::remember_deletions). After the last, remembered
    /// deletions are removed in slices.
    pub fn forget_deletions(&mut self, partition: u16) -> Result<(), ShardError> {
        let place = self.index.place(partition).ok_or(ShardError::NotOwned)?;
        let partition = &mut self.index.partitions[place];
        partition.remembering = partition.remembering.saturating_sub(1);
        if partition.remembering == 0 && partition.tombstones > 0 {
            self.upkeep.add_chore(place);
        }
        Ok(())
    }

    /// Visits entries from where the cursor stands, at least those of one bucket and at most
    /// `buckets` of them, and moves the cursor on. Entries that are there all the time are visited
    /// exactly once by a walk; expired ones are not.
    pub fn export(
        &mut self,
        cursor: &mut ExportCursor,
        buckets: u32,
        now_ms: u64,
        mut visit: impl FnMut(ExportedEntry<'_>),
    ) -> Result<(), ShardError> {
        let place = self
            .index
            .place(cursor.partition())
            .ok_or(ShardError::NotOwned)?;
        let partition = &self.index.partitions[place];
        if partition.buckets == 0 {
            cursor.finish();
        }
        for _ in 0..buckets.max(1) {
            if cursor.is_done() {
                break;
            }
            let position = partition.position_of(cursor.hash());
            self.visit_chain(partition.bucket(position), now_ms, &mut visit);
            cursor.step_over(partition.level_of(position));
        }
        Ok(())
    }

    fn visit_chain(&self, first: u32, now_ms: u64, visit: &mut impl FnMut(ExportedEntry<'_>)) {
        let mut number = first;
        loop {
            let bucket = &self.memory.buckets()[number as usize];
            for slot in bucket.0 {
                let Some(start) = self.segments.resolve(Slot(slot)) else {
                    continue;
                };
                let bytes = &self.memory.bytes()[start..];
                let header = entry::read(bytes);
                if self.is_over(&header, now_ms) {
                    continue;
                }
                visit(ExportedEntry {
                    map: crate::map::MapId(header.map),
                    key: &bytes[header.key_at..header.value_at()],
                    value: (!header.deleted).then(|| self.value_of(start, &header)),
                    version: header.version,
                    expires_at_ms: header.expires_at_ms(),
                    last_use_ms: header.last_use_ms,
                });
            }
            let Some(next) = Slot(bucket.0[LAST]).linked() else {
                break;
            };
            number = next;
        }
    }

    /// Takes in an entry, or a deletion, if it is newer than what is known of its key.
    pub fn import(
        &mut self,
        at: Address,
        key: &[u8],
        entry: ImportedEntry<'_>,
        now_ms: u64,
    ) -> Result<ImportOutcome, ShardError> {
        let value = entry.value.unwrap_or_default();
        self.check(at, key, value)?;
        self.make_room(key.len() + value.len(), now_ms);
        let place = self.index.place(at.partition).ok_or(ShardError::NotOwned)?;
        let found = self.find(at, key);
        if found.is_some_and(|found| found.header.version >= entry.version) {
            return Ok(ImportOutcome::Older);
        }
        let over = entry.expires_at_ms.is_some_and(|time_ms| time_ms <= now_ms);
        let deleted = entry.value.is_none() || over;
        if deleted && self.index.partitions[place].remembering == 0 {
            if let Some(found) = found {
                self.remove(place, &found);
            }
        } else {
            let idle_kept = self.limits.of(at.map.0).idle_ms_max.is_some();
            let expires_ms = entry
                .expires_at_ms
                .filter(|_| !deleted)
                .map_or(0, super::write::storable);
            let stamp = Stamp {
                version: entry.version,
                expires_ms,
                last_use_ms: idle_kept.then(|| entry.last_use_ms.unwrap_or(now_ms).max(1)),
                deleted,
            };
            let value = if deleted { &[] } else { value };
            self.store(at, (key, value), stamp, found, now_ms)?;
        }
        self.versions.observe(entry.version);
        Ok(ImportOutcome::Applied)
    }

    /// Leaves a remembered deletion in the place of a key.
    pub(super) fn remember_deletion(&mut self, at: Address, key: &[u8], now_ms: u64) {
        let version = self.versions.next(now_ms);
        let stamp = Stamp {
            version,
            expires_ms: 0,
            last_use_ms: None,
            deleted: true,
        };
        let found = self.find(at, key);
        if self.store(at, (key, &[]), stamp, found, now_ms).is_err() {
            self.counters.deletions_forgotten += 1;
        }
    }

    /// One slice of taking partitions apart, or remembered deletions out of them. Returns whether
    /// there is more.
    pub(super) fn chore_slice(&mut self, budget: u32) -> bool {
        let Some((place, mut position)) = self.upkeep.chore() else {
            return false;
        };
        let partition = &self.index.partitions[place];
        let dropping = partition.state == PartitionState::Dropping;
        let needed = dropping || (partition.remembering == 0 && partition.tombstones > 0);
        let buckets = if needed { partition.buckets } else { 0 };
        for _ in 0..budget / 8 + 1 {
            if position >= buckets {
                break;
            }
            let first = self.index.partitions[place].bucket(position);
            self.clear_chain(place, first, dropping);
            position += 1;
        }
        let done = position >= buckets;
        if done && dropping {
            self.index.release_table(&mut self.memory, place);
            self.index.partitions[place].state = PartitionState::Vacant;
        }
        self.upkeep.chore_at(position, done);
        self.upkeep.chore().is_some()
    }

    /// Removes all entries of a chain, or its remembered deletions only.
    fn clear_chain(&mut self, place: usize, first: u32, all: bool) {
        let mut number = first;
        loop {
            let bucket = self.memory.buckets()[number as usize];
            for (position, slot) in bucket.0.into_iter().enumerate() {
                let Kind::Entry(_) = Slot(slot).kind() else {
                    continue;
                };
                let slot_place = SlotPlace {
                    bucket: number,
                    position,
                };
                if let Some(start) = self.segments.resolve(Slot(slot)) {
                    let header = entry::read(&self.memory.bytes()[start..]);
                    if all || header.deleted {
                        self.index.clear(&mut self.memory, place, slot_place);
                        self.unbook(start, &header);
                    }
                } else {
                    self.index.clear(&mut self.memory, place, slot_place);
                    self.index.stale_slots -= 1;
                }
            }
            let Some(next) = Slot(bucket.0[LAST]).linked() else {
                break;
            };
            number = next;
        }
        self.index.trim_chain(&mut self.memory, place, first);
        if all {
            self.memory.buckets_mut()[first as usize] = Bucket::EMPTY;
        }
    }
}
