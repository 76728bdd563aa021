//! What of a segment is live: booked as entries come, change and go, and kept in order, so that the
//! emptiest sealed segment is found at once.

use super::{FILLS, List, Segments, State};
use crate::ttl_class::NEVER;

impl Segments {
    /// Books a new live entry.
    pub(crate) fn add_live(&mut self, segment: u32, map: u16, size: usize, held_bytes: u64) {
        let books = &mut self.table[segment as usize];
        if books.written as usize == size {
            books.map = map;
        }
        books.mixed |= books.map != map;
        books.live_entries += 1;
        self.expiring_entries += u64::from(books.class != NEVER);
        books.live_bytes += size as u32;
        books.changes = books.changes.wrapping_add(1);
        self.groups[usize::from(books.group)].pool_live[books.pool as usize] += size as u64;
        self.add_held(segment, held_bytes);
        self.refill(segment);
    }

    /// Unbooks an entry that the index no longer refers to. A sealed segment without any other is
    /// free at once.
    pub(crate) fn sub_live(&mut self, segment: u32, size: usize, held_bytes: u64) {
        let books = &mut self.table[segment as usize];
        books.live_entries -= 1;
        self.expiring_entries -= u64::from(books.class != NEVER);
        books.live_bytes -= size as u32;
        books.changes = books.changes.wrapping_add(1);
        self.groups[usize::from(books.group)].pool_live[books.pool as usize] -= size as u64;
        let sealed_and_empty = books.live_entries == 0 && books.state == State::Sealed;
        self.sub_held(segment, held_bytes);
        if sealed_and_empty {
            self.give_back(segment);
        } else {
            self.refill(segment);
        }
    }

    /// Books an entry that changed its size where it lies.
    pub(crate) fn resize_live(&mut self, segment: u32, old_size: usize, new_size: usize) {
        let books = &mut self.table[segment as usize];
        books.live_bytes = books.live_bytes - old_size as u32 + new_size as u32;
        books.changes = books.changes.wrapping_add(1);
        let live = &mut self.groups[usize::from(books.group)].pool_live[books.pool as usize];
        *live = *live - old_size as u64 + new_size as u64;
        self.refill(segment);
    }

    fn add_held(&mut self, segment: u32, bytes: u64) {
        if bytes > 0 {
            let books = &mut self.table[segment as usize];
            books.held_bytes += bytes;
            let group = &mut self.groups[usize::from(books.group)];
            group.pool_bytes[books.pool as usize] += bytes;
            group.pool_live[books.pool as usize] += bytes;
        }
    }

    pub(super) fn sub_held(&mut self, segment: u32, bytes: u64) {
        if bytes > 0 {
            let books = &mut self.table[segment as usize];
            books.held_bytes -= bytes;
            let group = &mut self.groups[usize::from(books.group)];
            group.pool_bytes[books.pool as usize] -= bytes;
            group.pool_live[books.pool as usize] -= bytes;
        }
    }

    /// Segments in queues, if the queues and the lists by fill agree; else more than there are.
    pub(crate) fn queued(&self) -> u64 {
        let sum = |lists: &[List]| lists.iter().map(|list| u64::from(list.length)).sum::<u64>();
        let queued = self.groups.iter().map(|group| sum(&group.queues)).sum();
        if sum(&self.fills) == queued {
            queued
        } else {
            u64::MAX
        }
    }

    /// Segments whose entries are being told.
    pub(crate) fn draining_count(&self) -> u64 {
        self.draining.len() as u64
    }

    /// Entries of segments whose entries are being told.
    pub(crate) fn draining_entries(&self) -> u64 {
        let entries = |segment: &u32| u64::from(self.at(*segment).live_entries);
        self.draining.iter().map(entries).sum()
    }

    /// Lists a sealed segment by what is live in it now.
    #[inline]
    fn refill(&mut self, segment: u32) {
        let books = self.table[segment as usize];
        if books.state == State::Sealed {
            let fill = self.fill_of(segment);
            if fill != books.fill {
                self.fills[usize::from(books.fill)].remove(&mut self.fill_links, segment);
                self.fills[usize::from(fill)].push_back(&mut self.fill_links, segment);
                self.table[segment as usize].fill = fill;
            }
        }
    }

    /// Blocks held elsewhere count: moving such a segment's entries would free little.
    pub(super) fn fill_of(&self, segment: u32) -> u8 {
        let books = self.at(segment);
        let used = u64::from(books.live_bytes) + books.held_bytes;
        ((used << 3) >> self.shift).min(FILLS as u64 - 1) as u8
    }
}
