//! The hash of map and key, seeded so that nobody outside can aim keys at one bucket.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Spreads the maps over the seeds: odd, with bits everywhere.
const MAP_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The hash of one shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHash {
    seed: u64,
    /// Bits of the hash that are kept: all, but for tests of collisions.
    mask: u64,
}

impl KeyHash {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            mask: u64::MAX,
        }
    }

    /// Keeps only some bits, so that tests meet equal hashes.
    #[cfg(test)]
    pub(crate) fn with_mask(seed: u64, mask: u64) -> Self {
        Self { seed, mask }
    }

    #[inline(always)]
    pub(crate) fn hash(&self, map: u16, key: &[u8]) -> u64 {
        let seed = self.seed ^ u64::from(map).wrapping_mul(MAP_FACTOR);
        xxh3_64_with_seed(key, seed) & self.mask
    }
}
