//! Memory for buckets: power-of-two runs of them, cut from whole segments.
//!
//! I1: a free chunk's first slot holds the number of the next free chunk of its size, plus one.
//! I2: a segment that the index took stays with it; what chunks give back serves later ones.

use crate::mem::Region;
use crate::segment::{Purpose, Segments, State};

const ORDERS: usize = 17;
const NONE: u64 = 0;

/// Free lists of chunks, one for each size.
pub(crate) struct Chunks {
    /// First free chunk of `1 << order` buckets, plus one.
    heads: [u64; ORDERS],
    /// Buckets of one segment, as a power of two.
    segment_order: u32,
    pub(crate) segments_taken: u32,
    pub(crate) buckets_in_use: u64,
}

impl Chunks {
    pub(crate) fn new(segment_order: u32) -> Self {
        assert!(
            (segment_order as usize) < ORDERS,
            "a segment is the largest chunk"
        );
        Self {
            heads: [NONE; ORDERS],
            segment_order,
            segments_taken: 0,
            buckets_in_use: 0,
        }
    }

    /// A chunk of `1 << order` buckets with any content, or `None` if there is no memory.
    pub(crate) fn take(
        &mut self,
        memory: &mut Region,
        segments: &mut Segments,
        order: u32,
    ) -> Option<u32> {
        if order > self.segment_order {
            return None;
        }
        let mut have = order;
        while have < self.segment_order && self.heads[have as usize] == NONE {
            have += 1;
        }
        let chunk = if self.heads[have as usize] == NONE {
            let segment = segments.take(Purpose::Upkeep, State::Index)?;
            self.segments_taken += 1;
            (segments.start(segment) / crate::mem::BUCKET_BYTES) as u32
        } else {
            self.pop(memory, have)
        };
        // The lower half is the chunk; the upper halves go to the lists.
        while have > order {
            have -= 1;
            self.push(memory, chunk + (1 << have), have);
        }
        self.buckets_in_use += 1 << order;
        Some(chunk)
    }

    /// Takes a chunk back.
    pub(crate) fn free(&mut self, memory: &mut Region, chunk: u32, order: u32) {
        self.push(memory, chunk, order);
        self.buckets_in_use -= 1 << order;
    }

    /// Counts the free chunks' buckets, for the recount.
    pub(crate) fn count_free(&self, memory: &Region) -> u64 {
        let mut buckets = 0;
        for (order, head) in self.heads.iter().enumerate() {
            let mut next = *head;
            while next != NONE {
                buckets += 1_u64 << order;
                next = memory.buckets()[(next - 1) as usize].0[0];
            }
        }
        buckets
    }

    fn push(&mut self, memory: &mut Region, chunk: u32, order: u32) {
        memory.buckets_mut()[chunk as usize].0[0] = self.heads[order as usize];
        self.heads[order as usize] = u64::from(chunk) + 1;
    }

    fn pop(&mut self, memory: &Region, order: u32) -> u32 {
        let chunk = (self.heads[order as usize] - 1) as u32;
        self.heads[order as usize] = memory.buckets()[chunk as usize].0[0];
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HugePages;

    #[test]
    fn chunks_never_overlap_and_return_for_reuse() {
        let mut memory = Region::new(4 << 18, HugePages::Off, false).unwrap();
        let mut segments = Segments::new(4, 18);
        let mut chunks = Chunks::new(12);
        for _ in 0..3 {
            let mut taken = Vec::new();
            let mut buckets = std::collections::BTreeSet::new();
            for round in 0..60_u32 {
                let order = round % 8;
                let chunk = chunks.take(&mut memory, &mut segments, order).unwrap();
                for bucket in chunk..chunk + (1 << order) {
                    assert!(buckets.insert(bucket), "bucket {bucket} given twice");
                }
                taken.push((chunk, order));
            }
            for (chunk, order) in taken {
                chunks.free(&mut memory, chunk, order);
            }
            assert_eq!(chunks.buckets_in_use, 0);
            let all = u64::from(chunks.segments_taken) << 12;
            assert_eq!(chunks.count_free(&memory), all);
        }
        assert!(
            chunks.segments_taken <= 2,
            "the second and third round reuse the first's"
        );
        assert_eq!(
            chunks.take(&mut memory, &mut segments, 13),
            None,
            "larger than a segment"
        );
    }
}
