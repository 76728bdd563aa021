//! Which slots of a bucket carry a tag: eight comparisons at once where the processor can.
//!
//! SSE2 belongs to every x86-64 processor, so its code is inlined into the operations and needs no
//! call. AVX2 (a bucket in two loads) and AVX-512 (in one) were tried: chosen at run time they are
//! calls, and a hot get was 3 % slower with either, an uncached one no faster. Other processors,
//! Miri, and a configuration that asks for it compare slot by slot.
#![cfg_attr(
    all(target_arch = "x86_64", not(miri)),
    expect(
        unsafe_code,
        reason = "calls code for instructions that were found at the start"
    )
)]

use crate::config::TagScan;
use crate::mem::Bucket;

/// How this shard scans, chosen at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    Scalar,
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    Sse2,
}

impl Scan {
    pub(crate) fn new(asked: TagScan) -> Self {
        match asked {
            TagScan::Scalar => Self::Scalar,
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            TagScan::Auto if std::arch::is_x86_feature_detected!("sse2") => Self::Sse2,
            TagScan::Auto => Self::Scalar,
        }
    }

    /// One bit for each slot whose tag is `tag`.
    #[inline(always)]
    pub(crate) fn matches(self, bucket: &Bucket, tag: u16) -> u32 {
        match self {
            Self::Scalar => scalar(bucket, tag),
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            // SAFETY: `new` chooses this only where the processor has the instructions.
            Self::Sse2 => unsafe { sse2(bucket, tag) },
        }
    }

    /// One bit for each slot that is empty.
    #[inline(always)]
    pub(crate) fn empty(self, bucket: &Bucket) -> u32 {
        match self {
            Self::Scalar => scalar_empty(bucket),
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            // SAFETY: `new` chooses this only where the processor has the instructions.
            Self::Sse2 => unsafe { sse2_empty(bucket) },
        }
    }
}

fn scalar_empty(bucket: &Bucket) -> u32 {
    let mut empty = 0;
    for (position, slot) in bucket.0.iter().enumerate() {
        empty |= u32::from(*slot == 0) << position;
    }
    empty
}

fn scalar(bucket: &Bucket, tag: u16) -> u32 {
    let mut matches = 0;
    for (position, slot) in bucket.0.iter().enumerate() {
        matches |= u32::from((slot >> 48) as u16 == tag) << position;
    }
    matches
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[target_feature(enable = "sse2")]
fn sse2(bucket: &Bucket, tag: u16) -> u32 {
    use core::arch::x86_64::{
        _mm_castps_si128, _mm_castsi128_ps, _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_packs_epi16,
        _mm_packs_epi32, _mm_set_epi64x, _mm_set1_epi16, _mm_setzero_si128, _mm_shuffle_ps,
        _mm_srai_epi32,
    };
    let [a, b, c, d, e, f, g, h] = bucket.0.map(u64::cast_signed);
    // The upper halves of each four slots, sign-extended from their upper 16 bits, then packed.
    let upper = |low: [i64; 2], high: [i64; 2]| {
        let low = _mm_castsi128_ps(_mm_set_epi64x(low[1], low[0]));
        let high = _mm_castsi128_ps(_mm_set_epi64x(high[1], high[0]));
        _mm_srai_epi32::<16>(_mm_castps_si128(_mm_shuffle_ps::<0b11_01_11_01>(low, high)))
    };
    let tags = _mm_packs_epi32(upper([a, b], [c, d]), upper([e, f], [g, h]));
    let equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag.cast_signed()));
    let narrowed = _mm_packs_epi16(equal, _mm_setzero_si128());
    _mm_movemask_epi8(narrowed).cast_unsigned()
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[target_feature(enable = "sse2")]
fn sse2_empty(bucket: &Bucket) -> u32 {
    use core::arch::x86_64::{
        _mm_cmpeq_epi32, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32, _mm_set_epi64x,
        _mm_setzero_si128,
    };
    let [a, b, c, d, e, f, g, h] = bucket.0.map(u64::cast_signed);
    let zero = _mm_setzero_si128();
    let halves = |low: i64, high: i64| _mm_cmpeq_epi32(_mm_set_epi64x(high, low), zero);
    let first = _mm_packs_epi32(halves(a, b), halves(c, d));
    let second = _mm_packs_epi32(halves(e, f), halves(g, h));
    let both = _mm_movemask_epi8(_mm_packs_epi16(first, second)).cast_unsigned();
    // Two bits for each slot, of its lower and its upper half.
    let pairs = both & (both >> 1) & 0x5555;
    let fours = (pairs | (pairs >> 1)) & 0x3333;
    let eights = (fours | (fours >> 2)) & 0x0F0F;
    (eights | (eights >> 4)) & 0xFF
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fast_scan_and_the_plain_one_agree(
            slots in prop::array::uniform8(prop_oneof![Just(0u64), any::<u64>()]),
            tag in prop_oneof![any::<u16>(), Just(0u16), Just(0x8000u16), Just(0xFFFFu16)],
            same in 0usize..8,
        ) {
            let mut bucket = Bucket(slots);
            prop_assert_eq!(Scan::new(TagScan::Auto).matches(&bucket, tag), scalar(&bucket, tag));
            bucket.0[same] = (u64::from(tag) << 48) | (bucket.0[same] & 0xFFFF_FFFF_FFFF);
            let found = Scan::new(TagScan::Auto).matches(&bucket, tag);
            prop_assert_eq!(found, scalar(&bucket, tag));
            prop_assert!(found & (1 << same) != 0);
            let empty = Scan::new(TagScan::Auto).empty(&bucket);
            prop_assert_eq!(empty, scalar_empty(&bucket));
        }
    }
}
