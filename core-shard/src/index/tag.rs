//! Which sixteen bits of a hash are a slot's tag: such that a bucket is divided by its slots alone.
//!
//! ```text
//!  hash bit   31        22        14         6       0
//!             |         |         |          |#######|  position of a bucket at level 6
//!             |         |<------ tag ------->|          level  6 to 13
//!             |<------ tag ----->|                      level 14 to 21
//! ```
//! The hashes of a bucket at level L have their lowest L bits in common, and bit L divides it. The
//! tag begins at or below that bit, so that a split needs no look at the entries; of its bits at
//! least eight are not told by the bucket already. Only where the tag begins elsewhere from one
//! level to the next, a split has to hash the keys again.

/// Where the tag begins at a level: bits 0, 6, 14, 22.
#[inline(always)]
const fn begins(level: u32) -> u32 {
    ((level + 2) & !7).saturating_sub(2)
}

/// The tag of a hash in a bucket at a level.
#[inline(always)]
pub(crate) const fn tag_of(hash: u64, level: u32) -> u16 {
    (hash >> begins(level)) as u16
}

/// The bit of the tags that divides a bucket at a level.
#[inline(always)]
pub(crate) const fn dividing_bit(level: u32) -> u32 {
    level - begins(level)
}

/// Whether the tags of a bucket at a level are others at the next.
pub(crate) const fn tags_change(level: u32) -> bool {
    begins(level) != begins(level + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_that_divides_a_bucket_is_among_its_tags_bits_at_every_level() {
        let mut changes = Vec::new();
        for level in 2..30 {
            let bit = dividing_bit(level);
            assert!(bit < 8, "eight bits tell entries of one bucket apart");
            for hash in [0x9E37_79B9_7F4A_7C15_u64, !0, 1 << level, !(1 << level)] {
                assert_eq!(tag_of(hash, level) >> bit & 1, (hash >> level) as u16 & 1);
                if !tags_change(level) {
                    assert_eq!(tag_of(hash, level), tag_of(hash, level + 1));
                }
            }
            if tags_change(level) {
                changes.push(level);
            }
        }
        assert_eq!(changes, [5, 13, 21, 29]);
    }
}
