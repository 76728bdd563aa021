//! One slot of the index: where an entry lies, and enough of its hash to skip most others.
//!
//! ```text
//!  entry  | tag 16 | freq 2 | 0 | generation 6 (1..=63) | segment 20 | offset 19, in 4 bytes |
//!  ghost  | tag 16 |   0    | 1 | number of the eviction 45                                  |
//!  link   | 0xFFFF |   0    | 0 | 0                     | 0 7        | overflow bucket 32    |
//!  empty  | 0                                                                                |
//!         63       48       46  45                      39           19                      0
//! ```
//! I1: an entry's generation is never 0, so that no entry looks like a link or like nothing.
//! I2: an entry slot is live exactly if its generation is that of its segment; otherwise it is
//!     stale: its segment was freed whole, and the slot may be reused at will.

const TAG_SHIFT: u32 = 48;
const FREQUENCY_SHIFT: u32 = 46;
const GHOST_BIT: u64 = 1 << 45;
const GENERATION_SHIFT: u32 = 39;
const SEGMENT_SHIFT: u32 = 19;
const OFFSET_BITS: u64 = (1 << SEGMENT_SHIFT) - 1;
const SEGMENT_BITS: u64 = (1 << 20) - 1;
const GENERATION_BITS: u64 = 63;
const GHOST_NUMBER_BITS: u64 = GHOST_BIT - 1;
const LOCATION_BITS: u64 = GHOST_BIT - 1;
const LINK_TAG: u64 = 0xFFFF << TAG_SHIFT;

/// The highest generation; after it comes 1 again.
pub(crate) const GENERATION_MAX: u8 = 63;
/// The most segments that a slot can tell apart.
pub(crate) const SEGMENTS_MAX: usize = 1 << 20;
/// The highest frequency.
pub(crate) const FREQUENCY_MAX: u8 = 3;

/// A place in a segment, in that segment's present generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) generation: u8,
    pub(crate) segment: u32,
    /// In bytes; a multiple of four.
    pub(crate) offset: u32,
}

/// What a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Empty,
    Entry(Location),
    Ghost(u64),
    Link(u32),
}

/// A slot's eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u64);

impl Slot {
    pub(crate) const EMPTY: Self = Self(0);

    #[inline(always)]
    pub(crate) fn entry(tag: u16, frequency: u8, at: Location) -> Self {
        debug_assert!(at.generation != 0, "I1");
        Self(
            (u64::from(tag) << TAG_SHIFT)
                | (u64::from(frequency) << FREQUENCY_SHIFT)
                | (u64::from(at.generation) << GENERATION_SHIFT)
                | (u64::from(at.segment) << SEGMENT_SHIFT)
                | u64::from(at.offset / 4),
        )
    }

    pub(crate) fn ghost(tag: u16, number: u64) -> Self {
        Self((u64::from(tag) << TAG_SHIFT) | GHOST_BIT | (number & GHOST_NUMBER_BITS))
    }

    pub(crate) fn link(bucket: u32) -> Self {
        Self(LINK_TAG | u64::from(bucket))
    }

    #[inline(always)]
    pub(crate) fn tag(self) -> u16 {
        (self.0 >> TAG_SHIFT) as u16
    }

    /// The slot with another tag.
    pub(crate) fn with_tag(self, tag: u16) -> Self {
        let rest = self.0 & !(0xFFFF << TAG_SHIFT);
        Self(rest | (u64::from(tag) << TAG_SHIFT))
    }

    #[inline(always)]
    pub(crate) fn frequency(self) -> u8 {
        ((self.0 >> FREQUENCY_SHIFT) & 3) as u8
    }

    /// The slot after one more use of its entry.
    #[inline(always)]
    pub(crate) fn used_once_more(self) -> Self {
        Self(self.0 + (1 << FREQUENCY_SHIFT))
    }

    /// Where the entry lies, if the slot is one.
    #[inline(always)]
    pub(crate) fn location(self) -> Option<Location> {
        let generation = ((self.0 >> GENERATION_SHIFT) & GENERATION_BITS) as u8;
        if generation == 0 || self.0 & GHOST_BIT != 0 {
            return None;
        }
        Some(Location {
            generation,
            segment: ((self.0 >> SEGMENT_SHIFT) & SEGMENT_BITS) as u32,
            offset: (self.0 & OFFSET_BITS) as u32 * 4,
        })
    }

    /// Whether the slot is the entry at this very place.
    pub(crate) fn is_at(self, at: Location) -> bool {
        self.0 & (LOCATION_BITS | GHOST_BIT) == Self::entry(0, 0, at).0
    }

    /// The overflow bucket, if the slot is a link.
    #[inline(always)]
    pub(crate) fn linked(self) -> Option<u32> {
        let link = self.0 & !u64::from(u32::MAX) == LINK_TAG;
        link.then_some(self.0 as u32)
    }

    pub(crate) fn kind(self) -> Kind {
        if self.0 == 0 {
            Kind::Empty
        } else if self.0 & GHOST_BIT != 0 {
            Kind::Ghost(self.0 & GHOST_NUMBER_BITS)
        } else if let Some(location) = self.location() {
            Kind::Entry(location)
        } else {
            Kind::Link(self.0 as u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_of_slot_is_taken_for_another() {
        let at = Location {
            generation: 63,
            segment: (1 << 20) - 1,
            offset: ((1 << 19) - 1) * 4,
        };
        let low = Location {
            generation: 1,
            segment: 0,
            offset: 0,
        };
        for (tag, frequency, place) in [(0xFFFF, 3, at), (0, 0, low), (0xFFFF, 0, low), (0, 3, at)]
        {
            let slot = Slot::entry(tag, frequency, place);
            assert_eq!(slot.kind(), Kind::Entry(place));
            assert_eq!((slot.tag(), slot.frequency()), (tag, frequency));
            assert!(slot.is_at(place));
            assert_eq!(slot.linked(), None);
        }
        let ghost = Slot::ghost(0xFFFF, 5);
        assert_eq!(ghost.kind(), Kind::Ghost(5));
        assert_eq!((ghost.linked(), ghost.location()), (None, None));
        let link = Slot::link(u32::MAX);
        assert_eq!(link.kind(), Kind::Link(u32::MAX));
        assert_eq!((link.linked(), link.location()), (Some(u32::MAX), None));
        assert_eq!(Slot::EMPTY.kind(), Kind::Empty);
        assert_eq!(Slot::ghost(0, 0).kind(), Kind::Ghost(0));
    }
}
