//! Large values: those longer than an eighth of a segment (256 KiB at most) are kept in blocks.
//!
//! ```text
//!  the entry's value:  u32 length | u32 block | u32 block | ...
//!  a block:            u64 hash | u16 partition | u16 0 | u32 place in the list | bytes
//! ```
//! I1: a block is in exactly one entry's list, at the place that its header says.
//!
//! Segments that are partly free because values went are emptied into one another, a few blocks at
//! a time: a block's header leads to its entry, whose list is put right.

use super::Shard;
use crate::entry::{self, Header};
use crate::index::LAST;
use crate::index::slot::Slot;
use crate::operation::Address;
use crate::value::{BLOCK_HEADER_BYTES, LIST_HEADER_BYTES};

/// What is moved of blocks in one slice at most: so many bytes, and so many blocks.
const BYTES_MOVED: usize = 64 << 10;
const BLOCKS_MOVED: usize = 8;

impl Shard {
    #[inline(always)]
    pub(super) fn is_large(&self, value_bytes: usize) -> bool {
        value_bytes > self.inline_bytes_max
    }

    /// Blocks that a large value needs.
    pub(super) fn blocks_needed(&self, value_bytes: usize) -> usize {
        value_bytes.div_ceil(self.segments.blocks.bytes_each() - BLOCK_HEADER_BYTES)
    }

    /// Bytes of a large value's list.
    pub(super) fn list_bytes(&self, value_bytes: usize) -> usize {
        LIST_HEADER_BYTES + 4 * self.blocks_needed(value_bytes)
    }

    /// Writes a large value into blocks and their list to `list_at`. The caller has made sure that
    /// there are enough.
    pub(super) fn write_blocks(&mut self, at: Address, value: &[u8], list_at: usize) {
        let length = (value.len() as u32).to_le_bytes();
        self.memory.bytes_mut()[list_at..][..LIST_HEADER_BYTES].copy_from_slice(&length);
        let payload_bytes = self.segments.blocks.bytes_each() - BLOCK_HEADER_BYTES;
        for (place, part) in value.chunks(payload_bytes).enumerate() {
            let Some(block) = self.segments.take_block() else {
                debug_assert!(false, "the caller counted the free blocks");
                return;
            };
            let number_at = list_at + LIST_HEADER_BYTES + 4 * place;
            let start = self.segments.blocks.start(block);
            let bytes = self.memory.bytes_mut();
            bytes[number_at..number_at + 4].copy_from_slice(&block.to_le_bytes());
            let target = &mut bytes[start..start + BLOCK_HEADER_BYTES + part.len()];
            target[0..8].copy_from_slice(&at.hash.to_le_bytes());
            target[8..12].copy_from_slice(&u32::from(at.partition).to_le_bytes());
            target[12..16].copy_from_slice(&(place as u32).to_le_bytes());
            target[BLOCK_HEADER_BYTES..].copy_from_slice(part);
        }
    }

    /// Gives back the blocks of a large entry.
    pub(super) fn free_blocks(&mut self, start: usize, header: &Header) {
        for place in 0..Self::blocks_of(header) {
            let block = self.block_at(start, header, place);
            self.segments.free_block(block);
        }
    }

    /// How many blocks an entry has.
    pub(super) fn blocks_of(header: &Header) -> usize {
        if header.large {
            (header.value_bytes - LIST_HEADER_BYTES) / 4
        } else {
            0
        }
    }

    /// The number at a place of a large entry's list.
    pub(super) fn block_at(&self, start: usize, header: &Header, place: usize) -> u32 {
        let at = start + header.value_at() + LIST_HEADER_BYTES + 4 * place;
        let number = self.memory.bytes()[at..].first_chunk();
        number.map_or(u32::MAX, |number| u32::from_le_bytes(*number))
    }

    /// Bytes of blocks that an entry holds.
    #[inline(always)]
    pub(super) fn held_bytes(&self, header: &Header) -> u64 {
        (Self::blocks_of(header) * self.segments.blocks.bytes_each()) as u64
    }

    /// Moves a few blocks so that segments become free. Returns whether it got anywhere.
    pub(super) fn compact_blocks(&mut self) -> bool {
        // Entries of draining segments cannot be found by their blocks; they are soon gone.
        if self.segments.first_draining().is_some() || !self.segments.begin_emptying() {
            return false;
        }
        let most = (BYTES_MOVED / self.segments.blocks.bytes_each()).clamp(1, BLOCKS_MOVED);
        for _ in 0..most {
            let Some((from, to)) = self.segments.next_emptied() else {
                break;
            };
            let Some(number_at) = self.find_in_list(from) else {
                debug_assert!(false, "a block in use has an entry");
                self.segments.free_block(to);
                return false;
            };
            let start = self.segments.blocks.start(from);
            let end = start + self.segments.blocks.bytes_each();
            let target = self.segments.blocks.start(to);
            let bytes = self.memory.bytes_mut();
            bytes.copy_within(start..end, target);
            bytes[number_at..number_at + 4].copy_from_slice(&to.to_le_bytes());
            self.segments.free_block(from);
            self.counters.blocks_moved += 1;
        }
        true
    }

    /// Where the number of a block stands in the list of its entry.
    fn find_in_list(&self, block: u32) -> Option<usize> {
        let header = &self.memory.bytes()[self.segments.blocks.start(block)..];
        let hash = u64::from_le_bytes(*header.first_chunk()?);
        let partition = u32::from_le_bytes(*header.get(8..)?.first_chunk()?) as u16;
        let place = u32::from_le_bytes(*header.get(12..)?.first_chunk()?) as usize;
        let mut number = self.index.bucket_of_any(partition, hash)?;
        loop {
            let bucket = &self.memory.buckets()[number as usize];
            for slot in bucket.0 {
                let Some(start) = self.segments.resolve(Slot(slot)) else {
                    continue;
                };
                let entry = entry::read(&self.memory.bytes()[start..]);
                if place < Self::blocks_of(&entry) && self.block_at(start, &entry, place) == block {
                    return Some(start + entry.value_at() + LIST_HEADER_BYTES + 4 * place);
                }
            }
            number = Slot(bucket.0[LAST]).linked()?;
        }
    }
}
