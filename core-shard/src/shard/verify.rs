//! The recount: proves that books, index and segments agree (I1 and I2 of the shard, of the index
//! and of the segments).

use super::Shard;
use crate::counters::VerifyReport;
use crate::entry::{self, Record};
use crate::error::Corruption;
use crate::index::slot::{Kind, Slot};
use crate::index::tag::tag_of;
use crate::index::{LAST, Partition, PartitionState};
use crate::map::MapUsage;
use crate::segment::State;

/// What the index refers to in one segment.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Referred {
    entries: u64,
    bytes: u64,
    held_bytes: u64,
}

/// What the walk over the index counted.
struct Recount {
    segments: Vec<Referred>,
    maps: Vec<MapUsage>,
    /// Of `maps`, what went with them.
    destroyed: Vec<MapUsage>,
    buckets: u64,
    stale_slots: u64,
    tombstones: u64,
}

pub(super) fn equal(
    what: &'static str,
    place: u64,
    found: u64,
    expected: u64,
) -> Result<(), Corruption> {
    if found == expected {
        Ok(())
    } else {
        Err(Corruption {
            what,
            place,
            found,
            expected,
        })
    }
}

impl Shard {
    /// Recounts everything, without slices: it reads all memory. An error is a bug of this crate.
    pub fn verify(&self) -> Result<VerifyReport, Corruption> {
        let mut recount = Recount {
            segments: vec![Referred::default(); self.segments.count()],
            maps: vec![MapUsage::default(); self.maps.usage.len()],
            destroyed: vec![MapUsage::default(); self.maps.usage.len()],
            buckets: 0,
            stale_slots: 0,
            tombstones: 0,
        };
        for partition in &self.index.partitions {
            if partition.state != PartitionState::Vacant {
                self.verify_partition(partition, &mut recount)?;
            }
        }
        self.verify_index_memory(&recount)?;
        let mut report = VerifyReport {
            buckets: recount.buckets,
            stale_slots: recount.stale_slots,
            segments: self.segments.count() as u64,
            ..VerifyReport::default()
        };
        let mut states = [0_u64; 8];
        for segment in 0..self.segments.count() as u32 {
            states[self.segments.at(segment).state as usize] += 1;
            self.verify_segment(segment, &mut recount)?;
            let referred = recount.segments[segment as usize];
            report.entries += referred.entries;
            report.live_bytes += referred.bytes + referred.held_bytes;
        }
        self.check_totals()?;
        let free = states[State::Free as usize];
        equal("free segments", 0, free, self.segments.free_count() as u64)?;
        equal("records", 0, report.entries, self.records)?;
        equal(
            "remembered deletions",
            0,
            recount.tombstones,
            self.tombstones,
        )?;
        equal("live bytes", 0, report.live_bytes, self.live_bytes)?;
        equal(
            "stale slots",
            0,
            recount.stale_slots,
            self.index.stale_slots,
        )?;
        for (map, (found, books)) in recount.maps.iter().zip(&self.maps.usage).enumerate() {
            equal("entries of a map", map as u64, found.entries, books.entries)?;
            equal("bytes of a map", map as u64, found.bytes, books.bytes)?;
        }
        self.verify_destroyed(&recount.destroyed)?;
        report.entries -= recount.tombstones;
        Ok(report)
    }

    fn verify_destroyed(&self, recount: &[MapUsage]) -> Result<(), Corruption> {
        for (map, found) in recount.iter().enumerate() {
            let (place, books) = (map as u64, self.destroyed.left(map as u16));
            equal("destroyed entries", place, found.entries, books.entries)?;
            equal("destroyed bytes", place, found.bytes, books.bytes)?;
        }
        Ok(())
    }

    fn verify_index_memory(&self, recount: &Recount) -> Result<(), Corruption> {
        let chunks = &self.index.chunks;
        let taken = u64::from(chunks.segments_taken) * (self.segments.bytes_each() / 64) as u64;
        let free = chunks.count_free(&self.memory);
        equal("index memory", 0, chunks.buckets_in_use + free, taken)?;
        let chunks_of =
            |partition: &Partition| partition.chunk_buckets() + u64::from(partition.overflow);
        let in_use: u64 = self.index.partitions.iter().map(chunks_of).sum();
        equal("buckets in use", 0, in_use, chunks.buckets_in_use)?;
        equal("buckets walked", 0, u64::from(recount.buckets > in_use), 0)
    }

    fn verify_partition(
        &self,
        partition: &Partition,
        recount: &mut Recount,
    ) -> Result<(), Corruption> {
        let number = u64::from(partition.number);
        let (mut used, mut overflow, mut tombstones) = (0, 0, 0);
        for position in 0..partition.buckets {
            let mut bucket_number = partition.bucket(position);
            loop {
                recount.buckets += 1;
                let bucket = &self.memory.buckets()[bucket_number as usize];
                for (at, slot) in bucket.0.iter().enumerate() {
                    match Slot(*slot).kind() {
                        Kind::Empty | Kind::Ghost(_) => {}
                        Kind::Link(_) => equal("place of a link", number, at as u64, LAST as u64)?,
                        Kind::Entry(_) => {
                            used += 1;
                            let deleted =
                                self.verify_slot(partition, position, Slot(*slot), recount)?;
                            tombstones += u64::from(deleted);
                        }
                    }
                }
                let Some(next) = Slot(bucket.0[LAST]).linked() else {
                    break;
                };
                overflow += 1;
                bucket_number = next;
            }
        }
        recount.tombstones += tombstones;
        equal(
            "used slots of a partition",
            number,
            used,
            u64::from(partition.used),
        )?;
        equal(
            "overflow buckets of a partition",
            number,
            overflow,
            u64::from(partition.overflow),
        )?;
        let draining = self.draining_tombstones(partition.number);
        let booked = u64::from(partition.tombstones);
        equal(
            "deletions of a partition",
            number,
            tombstones + draining,
            booked,
        )
    }

    /// Checks and counts the entry of a slot; whether it is a remembered deletion.
    fn verify_slot(
        &self,
        partition: &Partition,
        position: u32,
        slot: Slot,
        recount: &mut Recount,
    ) -> Result<bool, Corruption> {
        let Some((start, header)) = self.check_slot(partition, position, slot)? else {
            recount.stale_slots += 1;
            return Ok(false);
        };
        let held_bytes = self.held_bytes(&header);
        let referred = &mut recount.segments[self.segment_of(start) as usize];
        referred.entries += 1;
        referred.bytes += header.size() as u64;
        referred.held_bytes += held_bytes;
        if !header.deleted {
            recount.maps[usize::from(header.map)].add_entry(&header, held_bytes);
            if self.destroyed.has(&header) {
                recount.destroyed[usize::from(header.map)].add_entry(&header, held_bytes);
            }
        }
        Ok(header.deleted)
    }

    /// Checks the entry of a slot against everything that must agree with it. `None` if the slot
    /// is stale.
    pub(super) fn check_slot(
        &self,
        partition: &Partition,
        position: u32,
        slot: Slot,
    ) -> Result<Option<(usize, entry::Header)>, Corruption> {
        let Some(start) = self.segments.resolve(slot) else {
            return Ok(None);
        };
        let at = start as u64;
        let header = entry::read(&self.memory.bytes()[start..]);
        equal("life of an entry in the index", at, header.dead.into(), 0)?;
        let number = u64::from(partition.number);
        equal("partition of an entry", at, header.partition.into(), number)?;
        let (hash, _) = self.identify(start, &header);
        let expected = u64::from(partition.position_of(hash));
        equal("bucket of an entry", at, u64::from(position), expected)?;
        let tag = u64::from(tag_of(hash, partition.level_of(position)));
        equal("tag of an entry", at, u64::from(slot.tag()), tag)?;
        let books = self.segments.at(self.segment_of(start));
        let sure_to_end = books.class != crate::ttl_class::NEVER && !books.outlived;
        let lives_on = header.expires_ms == 0 || header.expires_ms > books.expires_last_ms;
        let too_soon = u64::from(sure_to_end && lives_on);
        equal("entry that would be swept alive", at, too_soon, 0)?;
        for place in 0..Self::blocks_of(&header) {
            let block = self.block_at(start, &header, place);
            let used = u64::from(self.segments.block_used(block));
            equal("block of an entry", u64::from(block), used, 1)?;
        }
        Ok(Some((start, header)))
    }

    /// Checks what must hold of a segment's books whatever its entries are.
    pub(super) fn check_books(&self, segment: u32) -> Result<(), Corruption> {
        let books = self.segments.at(segment);
        let place = u64::from(segment);
        let sealed = books.state == State::Sealed;
        let expires = books.class != crate::ttl_class::NEVER;
        let deadline = u64::from(self.segments.deadlines.contains(segment));
        equal(
            "deadline of a segment",
            place,
            deadline,
            u64::from(sealed && expires),
        )?;
        let too_long = u64::from(books.written as usize > self.segments.bytes_each());
        equal("length of a segment", place, too_long, 0)?;
        let too_live = u64::from(books.live_bytes > books.written);
        equal("live bytes of a segment", place, too_live, 0)
    }

    /// Checks the sums over all segments and maps, which needs no look at entries.
    pub(super) fn check_totals(&self) -> Result<(), Corruption> {
        let (mut records, mut live_bytes, mut free, mut sealed) = (0, 0, 0, 0);
        let (mut draining, mut blocks, mut held_bytes, mut expiring) = (0, 0, 0, 0);
        for segment in 0..self.segments.count() as u32 {
            let books = self.segments.at(segment);
            records += u64::from(books.live_entries);
            if books.class != crate::ttl_class::NEVER {
                expiring += u64::from(books.live_entries);
            }
            live_bytes += u64::from(books.live_bytes) + books.held_bytes;
            free += u64::from(books.state == State::Free);
            sealed += u64::from(books.state == State::Sealed);
            draining += u64::from(books.state == State::Draining);
            blocks += self.segments.blocks_used_in(segment);
            held_bytes += books.held_bytes;
        }
        let block_bytes = self.segments.blocks.bytes_each() as u64;
        equal("blocks in use", 0, blocks * block_bytes, held_bytes)?;
        equal("records", 0, records, self.records)?;
        equal(
            "expiring entries",
            0,
            expiring,
            self.segments.expiring_entries(),
        )?;
        equal("live bytes", 0, live_bytes, self.live_bytes)?;
        equal("free segments", 0, free, self.segments.free_count() as u64)?;
        equal("queued segments", 0, self.segments.queued(), sealed)?;
        let entries: u64 = self.maps.usage.iter().map(|usage| usage.entries).sum();
        equal(
            "entries of all maps",
            0,
            entries,
            self.records - self.tombstones,
        )?;
        let used: u64 = self
            .index
            .partitions
            .iter()
            .map(|one| u64::from(one.used))
            .sum();
        equal(
            "draining segments",
            0,
            self.segments.draining_count(),
            draining,
        )?;
        let draining = self.segments.draining_entries();
        equal(
            "slots in use",
            0,
            used,
            self.records - draining + self.index.stale_slots,
        )
    }

    fn verify_segment(&self, segment: u32, recount: &mut Recount) -> Result<(), Corruption> {
        self.check_books(segment)?;
        let books = self.segments.at(segment);
        let place = u64::from(segment);
        let walked = match books.state {
            State::Open | State::Sealed | State::Moving => self.walk(segment, |_| ())?,
            State::Draining => {
                // Its entries are still booked, though no slot leads to them.
                let mut maps = core::mem::take(&mut recount.maps);
                let mut destroyed = core::mem::take(&mut recount.destroyed);
                let walked = self.walk(segment, |header| {
                    recount.tombstones += u64::from(header.deleted);
                    if !header.deleted {
                        let held_bytes = self.held_bytes(header);
                        maps[usize::from(header.map)].add_entry(header, held_bytes);
                        if self.destroyed.has(header) {
                            destroyed[usize::from(header.map)].add_entry(header, held_bytes);
                        }
                    }
                })?;
                recount.maps = maps;
                recount.destroyed = destroyed;
                recount.segments[segment as usize] = walked;
                walked
            }
            State::Free | State::Index | State::Blocks | State::Quarantined => Referred::default(),
        };
        let referred = recount.segments[segment as usize];
        equal("entries not dead", place, walked.entries, referred.entries)?;
        equal("bytes not dead", place, walked.bytes, referred.bytes)?;
        equal(
            "entries of a segment",
            place,
            referred.entries,
            u64::from(books.live_entries),
        )?;
        equal(
            "bytes of a segment",
            place,
            referred.bytes,
            u64::from(books.live_bytes),
        )?;
        equal(
            "blocks held by a segment",
            place,
            referred.held_bytes,
            books.held_bytes,
        )
    }

    /// Counts the entries of a segment that are not dead.
    fn walk(
        &self,
        segment: u32,
        mut visit: impl FnMut(&entry::Header),
    ) -> Result<Referred, Corruption> {
        let start = self.segments.start(segment);
        let written = self.segments.at(segment).written as usize;
        let mut counted = Referred::default();
        let mut offset = 0;
        while offset < written {
            match entry::record(&self.memory.bytes()[start + offset..]) {
                Record::Gap(bytes) => {
                    equal(
                        "length of a gap",
                        (start + offset) as u64,
                        u64::from(bytes == 0),
                        0,
                    )?;
                    offset += bytes;
                }
                Record::Entry(header) => {
                    if !header.dead {
                        counted.entries += 1;
                        counted.bytes += header.size() as u64;
                        counted.held_bytes += self.held_bytes(&header);
                        visit(&header);
                    }
                    offset += header.size();
                }
            }
        }
        equal(
            "end of a segment",
            u64::from(segment),
            offset as u64,
            written as u64,
        )?;
        Ok(counted)
    }

    fn draining_tombstones(&self, partition: u16) -> u64 {
        let mut count = 0;
        for segment in 0..self.segments.count() as u32 {
            if self.segments.at(segment).state == State::Draining {
                let _ = self.walk(segment, |header| {
                    count += u64::from(header.deleted && header.partition == partition);
                });
            }
        }
        count
    }
}
