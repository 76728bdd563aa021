//! Freeing segments whole: in constant time they become unfindable; what has to be told for each
//! entry (maps that share the segment, blocks of large values) follows in slices.

use super::Shard;
use crate::entry::{self, Record};
use crate::segment::End;
use crate::witness::Departure;

impl Shard {
    /// Frees a segment all of whose entries have expired.
    pub(super) fn expire_segment(&mut self, segment: u32) {
        self.counters.expired += u64::from(self.segments.at(segment).live_entries);
        self.counters.segments_swept += 1;
        self.retire(segment, End::Expired);
    }

    /// Makes every entry of a segment unfindable, and frees it now or, where its entries have to
    /// be told one by one, soon.
    pub(super) fn retire(&mut self, segment: u32, end: End) {
        self.segments.note_end(segment, end);
        let books = *self.segments.at(segment);
        self.index.stale_slots += u64::from(self.segments.invalidate(segment));
        let told_one_by_one =
            books.mixed || self.destroyed.has_of(books.map) || self.witness.is_some();
        if told_one_by_one || books.held_bytes > 0 || books.tombstones {
            self.segments.drain_later(segment);
            return;
        }
        self.records -= u64::from(books.live_entries);
        self.live_bytes -= u64::from(books.live_bytes);
        self.maps.sub(
            books.map,
            u64::from(books.live_entries),
            u64::from(books.live_bytes),
        );
        self.count_end(books.map, end, books.live_entries);
        self.segments.drained(segment);
    }

    /// Counts the end of entries of a map, whose sum over all maps is counted already.
    fn count_end(&mut self, map: u16, end: End, entries: u32) {
        let counters = &mut self.maps.counters[usize::from(map)];
        match end {
            End::Expired => counters.expired += u64::from(entries),
            End::Evicted => counters.evicted += u64::from(entries),
        }
    }

    /// Tells the entries of draining segments. Returns whether there is more.
    pub(super) fn drain_slice(&mut self, budget: u32) -> bool {
        let Some(segment) = self.segments.first_draining() else {
            return false;
        };
        let start = self.segments.start(segment);
        let written = self.segments.at(segment).written as usize;
        let mut offset = self.upkeep.drained_bytes;
        for _ in 0..budget {
            if offset >= written {
                break;
            }
            match entry::record(&self.memory.bytes()[start + offset..]) {
                Record::Gap(bytes) => offset += bytes,
                Record::Entry(header) => {
                    if !header.dead {
                        // Its slot is stale already, so that nobody can find it any more.
                        self.unbook_drained(start + offset, &header);
                    }
                    offset += header.size();
                }
            }
        }
        self.upkeep.drained_bytes = offset;
        if offset >= written {
            self.upkeep.drained_bytes = 0;
            self.segments.pop_draining();
            self.segments.drained(segment);
        }
        self.segments.first_draining().is_some()
    }

    fn unbook_drained(&mut self, start: usize, header: &entry::Header) {
        let departure = match self.segments.at(self.segment_of(start)).end {
            End::Expired => Departure::Expired,
            End::Evicted => Departure::Evicted,
        };
        self.depart(start, header, departure);
        entry::mark_dead(&mut self.memory.bytes_mut()[start..]);
        let held = self.held_bytes(header);
        let bytes = header.size() as u64 + held;
        if held > 0 {
            self.free_blocks(start, header);
        }
        self.records -= 1;
        self.live_bytes -= bytes;
        if header.deleted {
            self.count_tombstone(header.partition, false);
        } else {
            self.maps.sub(header.map, 1, bytes);
            let end = self.segments.at(self.segment_of(start)).end;
            if !self.destroyed.has(header) {
                self.count_end(header.map, end, 1);
            }
            self.destroyed.unbooked(header, bytes);
        }
        self.segments
            .sub_live(self.segment_of(start), header.size(), held);
    }
}
