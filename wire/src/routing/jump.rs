//! Jump consistent hash (Lamping and Veach, arXiv 1406.2294) and the mixer that feeds it.

/// Bucket of `key` among `buckets`: going from n to n + 1 buckets moves 1 / (n + 1) of the keys,
/// all of them into the new bucket. Zero where there is no bucket.
///
/// The floating-point steps are those of the paper: one division and one product of integers
/// below 2^53, which IEEE 754 rounds alike on every machine.
#[must_use]
pub fn jump(mut key: u64, buckets: u32) -> u32 {
    let mut bucket = 0;
    let mut next = 0_i64;
    while next < i64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let divisor = ((key >> 33) + 1) as f64;
        next = ((bucket + 1) as f64 * ((1_u64 << 31) as f64 / divisor)) as i64;
    }
    bucket as u32
}

/// A 64-bit value for an attempt at placing a partition: two SplitMix64 steps. `level` keeps the
/// choice of a member and the choice of a core apart.
#[must_use]
#[inline]
pub const fn mix(level: u64, partition: u16, attempt: u32) -> u64 {
    let seed = level.wrapping_mul(GOLDEN) ^ (attempt as u64) << 16 ^ partition as u64;
    finish(finish(seed.wrapping_add(GOLDEN)).wrapping_add(GOLDEN))
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

const fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_other_implementations() {
        for (key, buckets, expected) in [
            (0, 1, 0),
            (1, 1, 0),
            (42, 57, 43),
            (0xDEAD_10CC, 1, 0),
            (0xDEAD_10CC, 666, 361),
            (256, 1024, 520),
        ] {
            assert_eq!(jump(key, buckets), expected, "jump({key}, {buckets})");
        }
    }

    #[test]
    fn a_new_bucket_takes_its_share_and_nothing_else_moves() {
        let keys = 20_000;
        for buckets in [1, 2, 7, 64] {
            let moved = (0..keys)
                .map(|key| mix(9, key, 0))
                .filter(|key| {
                    let (before, after) = (jump(*key, buckets), jump(*key, buckets + 1));
                    assert!(after == before || after == buckets);
                    after != before
                })
                .count() as f64;
            let share = f64::from(keys) / f64::from(buckets + 1);
            assert!(
                (moved - share).abs() < 5.0 * share.sqrt(),
                "{moved} moved, {share} expected"
            );
        }
        assert_eq!(jump(7, 0), 0);
    }
}
