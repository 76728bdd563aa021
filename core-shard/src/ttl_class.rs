//! Which entries share segments: those with similar remaining time to live.
//!
//! Class 0 is for entries that never expire. Up to 16 s a class is one second wide; from there on
//! each octave has 16 classes, so that an entry outlives the first one of its class by at most a
//! sixteenth of its time. When too many classes are in use for the memory there is, they are
//! merged pairwise: `coarseness` says how often.

/// The class of entries that never expire.
pub(crate) const NEVER: u16 = 0;

const SECOND_CLASSES: u64 = 16;
const SUB_BITS: u32 = 4;
const OCTAVE_FIRST: u32 = 4;
const OCTAVE_LAST: u32 = 31;

/// One more than the highest class.
pub(crate) const CLASSES: usize =
    1 + SECOND_CLASSES as usize + ((OCTAVE_LAST - OCTAVE_FIRST + 1) << SUB_BITS) as usize;

/// After this many merges all expiring entries share one class.
pub(crate) const COARSENESS_MAX: u8 = 9;

/// The class of an entry that expires at `expires_ms` (0 = never) and is written at `now_ms`.
pub(crate) fn class_of(expires_ms: u64, now_ms: u64, coarseness: u8) -> u16 {
    if expires_ms == 0 {
        return NEVER;
    }
    let seconds = expires_ms.saturating_sub(now_ms) / 1000;
    let fine = if seconds < SECOND_CLASSES {
        seconds
    } else {
        let octave = seconds.ilog2().min(OCTAVE_LAST);
        let within = (seconds >> (octave - SUB_BITS)) & 15;
        SECOND_CLASSES + (u64::from(octave - OCTAVE_FIRST) << SUB_BITS) + within
    };
    1 + (fine >> coarseness) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_never_wider_than_a_sixteenth_and_classes_grow_with_time() {
        let mut last = class_of(1, 0, 0);
        let mut first_seconds = 0u64;
        for seconds in 0..400_000u64 {
            let class = class_of(seconds * 1000 + 1, 0, 0);
            assert!(class == last || class == last + 1, "at {seconds}");
            if class != last {
                first_seconds = seconds;
                last = class;
            }
            assert!((seconds - first_seconds) * 16 <= seconds, "at {seconds}");
        }
    }

    #[test]
    fn every_time_has_a_class_at_every_coarseness() {
        for coarseness in 0..=COARSENESS_MAX {
            assert_eq!(class_of(0, 5, coarseness), NEVER);
            for expires_ms in [1, 999, 8000, 1 << 20, 1 << 41, u64::MAX] {
                let class = class_of(expires_ms, 0, coarseness);
                assert!(class != NEVER && usize::from(class) < CLASSES);
            }
        }
        assert_eq!(
            class_of(u64::MAX, 0, COARSENESS_MAX),
            class_of(1, 0, COARSENESS_MAX)
        );
    }
}
