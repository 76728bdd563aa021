//! Large values: those longer than an eighth of a segment (256 KiB at most) are kept in blocks.
//!
//! ```text
//!  the entry's value:  u32 length | u32 block | u32 block | ...
//!  a block:            u64 hash | u16 partition | u16 0 | u32 place in the list | bytes
//! ```
//! I1: a block is in exactly one entry's list, at the place that its header says.

use super::Shard;
use crate::entry::Header;
use crate::operation::Address;
use crate::value::{BLOCK_HEADER_BYTES, LIST_HEADER_BYTES};

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
}
