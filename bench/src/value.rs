//! Values that prove where they come from.
//!
//! ```text
//! 16 bytes and more:   0        8         12      16
//!                      | index  | version | run   | filler …        little-endian
//! 8 to 15 bytes:       0        4         8
//!                      | check  | version | filler …   check = low half of mix(index ^ run)
//! below 8 bytes:       filler of mix(index ^ run) alone: tells foreign values only, not age
//! ```
//! The filler is random (so it does not compress) and a function of index and version: a window
//! into one random block, so that checking it is one comparison of memory. The length is a
//! function of index and version too. `run` tells values of this run from those of earlier ones.

use crate::rng::{Rng, mix};
use crate::size::Sizes;

const BLOCK_BYTES: usize = 16 * 1024;
/// Windows start in the first half, so that half a block can be taken from any of them at once.
const WINDOW_STARTS: u64 = BLOCK_BYTES as u64 / 2;

const FULL_BYTES: usize = 16;
const SHORT_BYTES: usize = 8;

/// What a value says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Written by this run, for this key, whole.
    Version(u32),
    /// For this key, whole, but too short to carry a version.
    Unversioned,
    /// For this key, by an earlier run.
    OtherRun,
    /// For another key.
    Foreign,
    /// Claims to be for this key but its bytes or its length are not what was written.
    Corrupt,
}

/// Writes and reads the values of a run.
#[derive(Clone, Debug)]
pub struct Values {
    sizes: Sizes,
    run: u32,
    block: Vec<u8>,
}

impl Values {
    /// Values of these sizes. `run` must differ between runs, the seed need not.
    #[must_use]
    pub fn new(sizes: Sizes, run: u32) -> Self {
        // The block is the same in every run: an earlier run's filler is then still checkable.
        let mut rng = Rng::new(0x6A65_7262_6F61, 0);
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        while block.len() < BLOCK_BYTES {
            block.extend_from_slice(&rng.next_u64().to_le_bytes());
        }
        Self { sizes, run, block }
    }

    #[inline]
    fn size(&self, index: u64, version: u32) -> usize {
        match &self.sizes {
            Sizes::Fixed(size) => *size as usize,
            sizes => sizes.of(mix(index) ^ u64::from(version)),
        }
    }

    #[inline]
    fn window(&self, index: u64, version: u32) -> usize {
        (mix(index ^ (u64::from(version) << 40)) % WINDOW_STARTS) as usize
    }

    #[inline]
    fn check(&self, index: u64) -> u32 {
        mix(index ^ (u64::from(self.run) << 32)) as u32
    }

    /// Replaces `out` with the value of this key and version.
    #[inline]
    pub fn write(&self, index: u64, version: u32, out: &mut Vec<u8>) {
        out.clear();
        let size = self.size(index, version);
        if size >= FULL_BYTES {
            out.extend_from_slice(&index.to_le_bytes());
            out.extend_from_slice(&version.to_le_bytes());
            out.extend_from_slice(&self.run.to_le_bytes());
        } else if size >= SHORT_BYTES {
            out.extend_from_slice(&self.check(index).to_le_bytes());
            out.extend_from_slice(&version.to_le_bytes());
        } else {
            out.extend_from_slice(&mix(u64::from(self.check(index))).to_le_bytes()[..size]);
            return;
        }
        let start = self.window(index, version);
        let window = &self.block[start..start + BLOCK_BYTES / 2];
        while out.len() < size {
            let take = window.len().min(size - out.len());
            out.extend_from_slice(&window[..take]);
        }
    }

    /// What `value`, read under the key of `index`, says about itself.
    #[inline]
    #[must_use]
    pub fn read(&self, index: u64, value: &[u8]) -> Origin {
        if let Some((head, filler)) = value.split_first_chunk::<FULL_BYTES>() {
            return self.read_full(index, head, filler);
        }
        if let Some((head, filler)) = value.split_first_chunk::<SHORT_BYTES>() {
            let check = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let version = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            if check != self.check(index) {
                return Origin::Foreign;
            }
            return self.read_filler(index, version, SHORT_BYTES, filler);
        }
        let expected = mix(u64::from(self.check(index))).to_le_bytes();
        if value == &expected[..value.len()] && value.len() == self.size(index, 0) {
            return Origin::Unversioned;
        }
        // Too short to tell another key's value from a damaged one.
        Origin::Foreign
    }

    #[inline]
    fn read_full(&self, index: u64, head: &[u8; FULL_BYTES], filler: &[u8]) -> Origin {
        let [
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            v0,
            v1,
            v2,
            v3,
            r0,
            r1,
            r2,
            r3,
        ] = *head;
        if u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]) != index {
            return Origin::Foreign;
        }
        if u32::from_le_bytes([r0, r1, r2, r3]) != self.run {
            return Origin::OtherRun;
        }
        let version = u32::from_le_bytes([v0, v1, v2, v3]);
        self.read_filler(index, version, FULL_BYTES, filler)
    }

    #[inline]
    fn read_filler(&self, index: u64, version: u32, head: usize, filler: &[u8]) -> Origin {
        if head + filler.len() != self.size(index, version) {
            return Origin::Corrupt;
        }
        let start = self.window(index, version);
        let window = &self.block[start..start + BLOCK_BYTES / 2];
        let whole = filler
            .chunks(window.len())
            .all(|part| part == &window[..part.len()]);
        if whole {
            Origin::Version(version)
        } else {
            Origin::Corrupt
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(sizes: &str) -> Values {
        Values::new(sizes.parse().unwrap(), 77)
    }

    fn written(values: &Values, index: u64, version: u32) -> Vec<u8> {
        let mut out = vec![9; 3];
        values.write(index, version, &mut out);
        out
    }

    #[test]
    fn a_written_value_reads_back_at_every_size() {
        for size in (8..70).chain([8_192, 8_207, 8_208, 8_209, 20_134, 100_000]) {
            let values = values(&size.to_string());
            let value = written(&values, 123, 456);
            assert_eq!(value.len(), size);
            assert_eq!(values.read(123, &value), Origin::Version(456), "{size}");
        }
        for size in 0..8 {
            let values = values(&size.to_string());
            assert_eq!(values.read(5, &written(&values, 5, 6)), Origin::Unversioned);
        }
    }

    #[test]
    fn another_keys_value_is_foreign_at_every_size_that_can_tell() {
        for size in 4..64 {
            let values = values(&size.to_string());
            assert_eq!(
                values.read(124, &written(&values, 123, 456)),
                Origin::Foreign,
                "{size}"
            );
        }
    }

    #[test]
    fn a_cut_or_padded_value_is_never_taken_for_whole() {
        let values = values("64");
        let mut value = written(&values, 1, 2);
        for cut in 0..64 {
            assert!(
                !matches!(values.read(1, &value[..cut]), Origin::Version(_)),
                "{cut}"
            );
        }
        value.push(0);
        assert_eq!(values.read(1, &value), Origin::Corrupt);
    }

    #[test]
    fn an_earlier_runs_value_is_told_apart() {
        let earlier = Values::new(Sizes::Fixed(64), 76);
        assert_eq!(
            values("64").read(1, &written(&earlier, 1, 2)),
            Origin::OtherRun
        );
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(
            size in 16usize..300, index: u64, version: u32, at: prop::sample::Index, bit in 0u8..8,
        ) {
            let values = values(&size.to_string());
            let mut value = written(&values, index, version);
            let place = at.index(size);
            value[place] ^= 1 << bit;
            prop_assert_ne!(values.read(index, &value), Origin::Version(version));
        }

        #[test]
        fn any_length_and_bytes_are_read_without_panic(
            index: u64, value in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            for sizes in ["64", "3", "10", "0-90", "lognormal:20:1"] {
                prop_assert!(!matches!(values(sizes).read(index, &value), Origin::Unversioned)
                    || value.len() < 8);
            }
        }
    }
}
