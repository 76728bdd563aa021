//! Byte buffers of sessions: a consumable input and a small pool of spare vectors.
//!
//! An idle connection holds no buffer: both kinds go back to the pool, or to the allocator, as
//! soon as they are empty.

use super::budget::{POOLED_BUFFER_BYTES, POOLED_BUFFERS};

/// Received bytes that are not executed yet. Consuming moves a mark, not the bytes.
#[derive(Debug, Default)]
pub(super) struct InputBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl InputBuffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends, first moving the rest to the front if at least half of the buffer is consumed.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(
            self.start <= self.bytes.len(),
            "consumed more than there is"
        );
    }

    /// The vector, for the pool, once everything is consumed.
    pub(super) fn into_spare(mut self) -> Vec<u8> {
        debug_assert!(self.is_empty(), "input thrown away");
        self.bytes.clear();
        self.bytes
    }

    pub(super) fn from_spare(spare: Vec<u8>) -> Self {
        Self {
            bytes: spare,
            start: 0,
        }
    }
}

/// Spare vectors.
#[derive(Debug, Default)]
pub(super) struct Pool {
    spare: Vec<Vec<u8>>,
}

impl Pool {
    /// An empty vector, with capacity if one is spare.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps a vector unless it is too large or there are enough.
    pub(super) fn give(&mut self, mut buffer: Vec<u8>) {
        let useful = (1..=POOLED_BUFFER_BYTES).contains(&buffer.capacity());
        if useful && self.spare.len() < POOLED_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_consumed_in_order_whatever_the_pieces() {
        let mut input = InputBuffer::default();
        let all: Vec<u8> = (0..10_000u32).map(|i| (i % 251) as u8).collect();
        let (mut fed, mut seen) = (0, Vec::new());
        let mut step = 1;
        while seen.len() < all.len() {
            let end = (fed + step).min(all.len());
            input.extend(&all[fed..end]);
            fed = end;
            let take = input.len().min(step * 2 / 3 + 1);
            seen.extend_from_slice(&input.as_slice()[..take]);
            input.consume(take);
            step = step * 7 % 97 + 1;
        }
        assert_eq!(seen, all);
        assert!(input.is_empty());
    }

    #[test]
    fn a_huge_buffer_is_not_kept_for_an_idle_connection() {
        let mut pool = Pool::default();
        pool.give(Vec::with_capacity(POOLED_BUFFER_BYTES + 1));
        assert_eq!(pool.take().capacity(), 0);
        pool.give(vec![1; 100]);
        let spare = pool.take();
        assert!(spare.is_empty() && spare.capacity() >= 100);
    }
}
