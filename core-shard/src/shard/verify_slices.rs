//! The recount on a shard in use: in slices, between which operations go on.
//!
//! Every slot is checked against its entry and every entry against its slot, each at one moment.
//! The counts of a partition are checked in one go, which reads only buckets. Those of a segment
//! are counted over several slices; if its books change meanwhile, it is counted again, and after a
//! few times left out and reported as such.

use super::Shard;
use super::verify::equal;
use crate::counters::VerifyReport;
use crate::entry::{self, Record};
use crate::error::Corruption;
use crate::index::slot::{Kind, Slot};
use crate::index::{LAST, Partition, PartitionState};
use crate::segment::State;

/// Partitions with more buckets are not counted in one go.
const COUNTED_BUCKETS_MAX: u32 = 2048;
/// How often a segment is counted anew before it is left out.
const ATTEMPTS: u32 = 4;

/// Where a recount in slices stands, and what it has counted.
#[derive(Clone, Debug, Default)]
pub struct VerifyCursor {
    phase: Phase,
    place: usize,
    position: u32,
    segment: SegmentCount,
    report: VerifyReport,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Partitions,
    Segments,
    Totals,
    Done,
}

#[derive(Clone, Copy, Debug, Default)]
struct SegmentCount {
    /// The serial number and the changes of the segment that was begun with.
    begun: Option<(u64, u32)>,
    offset: usize,
    entries: u64,
    bytes: u64,
    attempts: u32,
}

impl VerifyCursor {
    /// Whether everything has been checked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// What was counted so far. On a shard in use the numbers are those of different moments.
    #[must_use]
    pub fn report(&self) -> &VerifyReport {
        &self.report
    }
}

impl Shard {
    /// Checks at most about `budget` entries, at least one bucket, and moves the cursor on.
    pub fn verify_slice(&self, cursor: &mut VerifyCursor, budget: u32) -> Result<(), Corruption> {
        let mut left = budget.max(1);
        while left > 0 {
            let looked_at = match cursor.phase {
                Phase::Partitions => self.verify_next_chain(cursor)?,
                Phase::Segments => self.verify_next_record(cursor)?,
                Phase::Totals => {
                    cursor.phase = Phase::Done;
                    return self.check_totals();
                }
                Phase::Done => return Ok(()),
            };
            left = left.saturating_sub(looked_at);
        }
        Ok(())
    }

    fn verify_next_chain(&self, cursor: &mut VerifyCursor) -> Result<u32, Corruption> {
        let Some(partition) = self.index.partitions.get(cursor.place) else {
            cursor.phase = Phase::Segments;
            cursor.place = 0;
            return Ok(1);
        };
        let vacant = partition.state == PartitionState::Vacant;
        if vacant || cursor.position >= partition.buckets {
            cursor.place += 1;
            cursor.position = 0;
            return Ok(1);
        }
        let mut looked_at = 1;
        if cursor.position == 0 && partition.buckets <= COUNTED_BUCKETS_MAX {
            self.count_partition(partition)?;
            looked_at += partition.buckets / 8;
        }
        let mut number = partition.bucket(cursor.position);
        loop {
            cursor.report.buckets += 1;
            let bucket = &self.memory.buckets()[number as usize];
            for slot in bucket.0 {
                if let Kind::Entry(_) = Slot(slot).kind() {
                    looked_at += 1;
                    let found = self.check_slot(partition, cursor.position, Slot(slot))?;
                    cursor.report.stale_slots += u64::from(found.is_none());
                }
            }
            let Some(next) = Slot(bucket.0[LAST]).linked() else {
                break;
            };
            number = next;
        }
        cursor.position += 1;
        Ok(looked_at)
    }

    /// Counts the slots and overflow buckets of a partition.
    fn count_partition(&self, partition: &Partition) -> Result<(), Corruption> {
        let number = u64::from(partition.number);
        let (mut used, mut overflow) = (0, 0);
        for position in 0..partition.buckets {
            let mut bucket_number = partition.bucket(position);
            loop {
                let bucket = &self.memory.buckets()[bucket_number as usize];
                let is_entry = |slot: &&u64| Slot(**slot).location().is_some();
                used += bucket.0.iter().filter(is_entry).count() as u64;
                let Some(next) = Slot(bucket.0[LAST]).linked() else {
                    break;
                };
                overflow += 1;
                bucket_number = next;
            }
        }
        equal(
            "used slots of a partition",
            number,
            used,
            partition.used.into(),
        )?;
        equal(
            "overflow buckets of a partition",
            number,
            overflow,
            partition.overflow.into(),
        )
    }

    fn verify_next_record(&self, cursor: &mut VerifyCursor) -> Result<u32, Corruption> {
        let segment = cursor.place as u32;
        if cursor.place >= self.segments.count() {
            cursor.phase = Phase::Totals;
            return Ok(1);
        }
        let books = self.segments.at(segment);
        let now = (books.serial, books.changes);
        let count = &mut cursor.segment;
        if count.begun.is_none() {
            self.check_books(segment)?;
            *count = SegmentCount {
                begun: Some(now),
                attempts: count.attempts,
                ..*count
            };
        }
        let holds_entries = matches!(books.state, State::Open | State::Sealed | State::Moving);
        if count.begun != Some(now) && holds_entries && count.attempts < ATTEMPTS {
            *count = SegmentCount {
                attempts: count.attempts + 1,
                ..SegmentCount::default()
            };
            return Ok(1);
        }
        if count.begun != Some(now) || !holds_entries {
            cursor.report.segments_skipped += u64::from(holds_entries);
            return Ok(Self::next_segment(cursor));
        }
        if count.offset >= books.written as usize {
            let place = u64::from(segment);
            equal(
                "end of a segment",
                place,
                count.offset as u64,
                books.written.into(),
            )?;
            equal(
                "entries of a segment",
                place,
                count.entries,
                books.live_entries.into(),
            )?;
            equal(
                "bytes of a segment",
                place,
                count.bytes,
                books.live_bytes.into(),
            )?;
            cursor.report.entries += count.entries;
            cursor.report.live_bytes += count.bytes + books.held_bytes;
            return Ok(Self::next_segment(cursor));
        }
        let start = self.segments.start(segment) + count.offset;
        match entry::record(&self.memory.bytes()[start..]) {
            Record::Gap(bytes) => {
                equal("length of a gap", start as u64, u64::from(bytes == 0), 0)?;
                count.offset += bytes;
            }
            Record::Entry(header) => {
                count.offset += header.size();
                if !header.dead {
                    count.entries += 1;
                    count.bytes += header.size() as u64;
                    let (hash, location) = self.identify(start, &header);
                    let found = self.find_slot(header.partition, hash, location).is_some();
                    equal("slot of an entry", start as u64, u64::from(found), 1)?;
                }
            }
        }
        Ok(1)
    }

    fn next_segment(cursor: &mut VerifyCursor) -> u32 {
        cursor.report.segments += 1;
        cursor.place += 1;
        cursor.segment = SegmentCount::default();
        1
    }
}
