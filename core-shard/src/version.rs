//! Versions: a hybrid logical clock. The upper 48 bits are Unix milliseconds, the lower 16 count
//! within one. Each version of a shard is greater than all before, also if the clock steps back.

const COUNT_BITS: u32 = 16;
/// Half of the range, so that counting on from a nonsensical clock never comes to its end.
const MILLISECONDS_MAX: u64 = 1 << 47;

/// The source of a shard's versions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VersionClock {
    last: u64,
}

impl VersionClock {
    pub(crate) fn next(&mut self, now_ms: u64) -> u64 {
        self.last = (self.last + 1).max(now_ms.min(MILLISECONDS_MAX) << COUNT_BITS);
        self.last
    }

    /// The Unix milliseconds of the last version given out.
    pub(crate) fn last_ms(&self) -> u64 {
        written_ms(self.last)
    }

    /// Makes later versions greater than one that came from elsewhere. One from the far future is
    /// bounded, so that the clock cannot be driven to its end.
    pub(crate) fn observe(&mut self, version: u64) {
        self.last = self.last.max(version.min(MILLISECONDS_MAX << COUNT_BITS));
    }
}

/// The Unix milliseconds at which a version was given out, or a little before.
pub(crate) fn written_ms(version: u64) -> u64 {
    version >> COUNT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_grow_while_the_clock_stands_still_steps_back_and_jumps() {
        let mut clock = VersionClock::default();
        let mut last = 0;
        for now_ms in [5, 5, 5, 4, 1, 6, 1 << 41, 7, u64::MAX, 0] {
            for _ in 0..70_000 {
                let version = clock.next(now_ms);
                assert!(version > last);
                last = version;
            }
        }
        clock.observe(u64::MAX);
        assert!(clock.next(0) > last);
    }

    #[test]
    fn a_version_tells_when_it_was_given_out() {
        let mut clock = VersionClock::default();
        assert_eq!(written_ms(clock.next(1234)), 1234);
        assert_eq!(written_ms(clock.next(1234)), 1234);
    }
}
