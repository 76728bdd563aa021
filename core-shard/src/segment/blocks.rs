//! Blocks: the pieces in which large values are kept, in segments of their own. Any free block
//! serves any value, so that what one value leaves, the next one can use.
//!
//! I1: a segment in state `Blocks` has a bit set for each block in use, and at least one;
//!     it is in the list of partly used ones exactly if it also has a free one and is not being
//!     emptied. At most one is.

use super::list::List;
use super::{NONE, Purpose, Segments, State};

/// Blocks are a 64th of a segment, but not smaller than this: the last one of a value is half empty
/// on average.
const BLOCK_SHIFT_MIN: u32 = 12;
/// Segments compared to find the emptiest.
const LOOKED_AT: usize = 16;

/// The books of blocks that are not those of one segment.
pub(crate) struct Blocks {
    shift: u32,
    each_segment: u32,
    partly_used: List,
    /// Free blocks in segments that are partly used.
    free: u64,
    /// The segment whose blocks are being moved to others.
    emptying: u32,
}

impl Blocks {
    pub(super) fn new(segment_shift: u32) -> Self {
        let shift = (segment_shift - 6).max(BLOCK_SHIFT_MIN);
        Self {
            shift,
            each_segment: 1 << (segment_shift - shift),
            partly_used: List::EMPTY,
            free: 0,
            emptying: NONE,
        }
    }

    /// Where a block begins in memory.
    pub(crate) fn start(&self, block: u32) -> usize {
        (block as usize) << self.shift
    }

    pub(crate) fn shift(&self) -> u32 {
        self.shift
    }

    pub(crate) fn bytes_each(&self) -> usize {
        1 << self.shift
    }
}

impl Segments {
    /// How many blocks a write can get now.
    #[cfg(test)]
    fn blocks_available(&self) -> u64 {
        let whole = self.free_count().saturating_sub(super::RESERVE) as u64;
        self.blocks.free + whole * u64::from(self.blocks.each_segment)
    }

    /// Segments that a write of this many blocks may take.
    pub(crate) fn segments_for_blocks(&self, blocks: u64) -> usize {
        let missing = blocks.saturating_sub(self.blocks.free);
        missing.div_ceil(u64::from(self.blocks.each_segment)) as usize
    }

    pub(crate) fn take_block(&mut self) -> Option<u32> {
        let mut segment = self.blocks.partly_used.head;
        if segment == NONE {
            segment = self.take(Purpose::Write, State::Blocks)?;
            self.blocks
                .partly_used
                .push_back(&mut self.queue_links, segment);
            self.blocks.free += u64::from(self.blocks.each_segment);
        }
        Some(self.take_block_of(segment))
    }

    /// Takes a block of a segment that is partly used.
    fn take_block_of(&mut self, segment: u32) -> u32 {
        let books = &mut self.table[segment as usize];
        let within = books.blocks_used.trailing_ones();
        books.blocks_used |= 1 << within;
        self.blocks.free -= 1;
        if books.blocks_used.count_ones() == self.blocks.each_segment {
            let list = &mut self.blocks.partly_used;
            list.remove(&mut self.queue_links, segment);
        }
        segment * self.blocks.each_segment + within
    }

    /// Chooses a segment whose blocks are to be moved to the free ones of others, if that frees
    /// segments at all.
    pub(crate) fn begin_emptying(&mut self) -> bool {
        if self.blocks.emptying != NONE {
            return true;
        }
        if self.blocks.free < 2 * u64::from(self.blocks.each_segment) {
            return false;
        }
        let mut segment = self.blocks.partly_used.head;
        let mut emptiest = segment;
        for _ in 0..LOOKED_AT {
            if segment == NONE {
                break;
            }
            if self.at(segment).blocks_used.count_ones()
                < self.at(emptiest).blocks_used.count_ones()
            {
                emptiest = segment;
            }
            segment = self.queue_links.next(segment);
        }
        let list = &mut self.blocks.partly_used;
        list.remove(&mut self.queue_links, emptiest);
        self.blocks.emptying = emptiest;
        let used = self.at(emptiest).blocks_used.count_ones();
        self.blocks.free -= u64::from(self.blocks.each_segment - used);
        true
    }

    /// The next block to be moved, and a free one for it. `None` if there is no room: what is left
    /// stays where it is.
    pub(crate) fn next_emptied(&mut self) -> Option<(u32, u32)> {
        let emptying = self.blocks.emptying;
        if emptying == NONE {
            return None;
        }
        let target = self.blocks.partly_used.head;
        if target == NONE {
            self.blocks.emptying = NONE;
            let list = &mut self.blocks.partly_used;
            list.push_back(&mut self.queue_links, emptying);
            let used = self.at(emptying).blocks_used.count_ones();
            self.blocks.free += u64::from(self.blocks.each_segment - used);
            return None;
        }
        let within = self.at(emptying).blocks_used.trailing_zeros();
        let to = self.take_block_of(target);
        Some((emptying * self.blocks.each_segment + within, to))
    }

    pub(crate) fn free_block(&mut self, block: u32) {
        let (segment, within) = self.block_place(block);
        let books = &mut self.table[segment as usize];
        debug_assert!(
            books.blocks_used & (1 << within) != 0,
            "the block is in use"
        );
        let was_full = books.blocks_used.count_ones() == self.blocks.each_segment;
        books.blocks_used &= !(1 << within);
        let empty = books.blocks_used == 0;
        if segment == self.blocks.emptying {
            if empty {
                self.blocks.emptying = NONE;
                self.reset(segment, State::Free);
                self.free.push(segment);
            }
            return;
        }
        self.blocks.free += 1;
        let list = &mut self.blocks.partly_used;
        if was_full {
            list.push_back(&mut self.queue_links, segment);
        }
        if empty {
            list.remove(&mut self.queue_links, segment);
            self.blocks.free -= u64::from(self.blocks.each_segment);
            self.reset(segment, State::Free);
            self.free.push(segment);
        }
    }

    /// Whether a block is in use.
    pub(crate) fn block_used(&self, block: u32) -> bool {
        let (segment, within) = self.block_place(block);
        let known = (segment as usize) < self.count();
        known
            && self.at(segment).state == State::Blocks
            && self.at(segment).blocks_used & (1 << within) != 0
    }

    /// Blocks in use of a segment; none if it holds something else.
    pub(crate) fn blocks_used_in(&self, segment: u32) -> u64 {
        u64::from(self.at(segment).blocks_used.count_ones())
    }

    fn block_place(&self, block: u32) -> (u32, u32) {
        (
            block / self.blocks.each_segment,
            block % self.blocks.each_segment,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::RESERVE;
    use super::*;

    #[test]
    fn every_block_is_given_once_and_a_segment_without_any_is_free_again() {
        let mut segments = Segments::new(RESERVE + 2, 18);
        let each = segments.blocks.each_segment;
        assert_eq!(segments.blocks_available(), u64::from(2 * each));
        let mut taken = Vec::new();
        while let Some(block) = segments.take_block() {
            assert!(segments.block_used(block));
            taken.push(block);
        }
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 2 * each as usize);
        assert_eq!(
            (segments.blocks_available(), segments.free_count()),
            (0, RESERVE)
        );
        for block in taken.iter().step_by(2) {
            segments.free_block(*block);
        }
        assert_eq!(segments.blocks_available(), u64::from(each));
        for block in taken.iter().skip(1).step_by(2) {
            segments.free_block(*block);
        }
        assert_eq!(segments.free_count(), RESERVE + 2);
        assert_eq!(segments.blocks_available(), u64::from(2 * each));
    }
}
