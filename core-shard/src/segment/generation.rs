//! When a generation may be used again. A segment's generation is raised to make all its slots
//! stale at once; it has 63 values, so that after 63 raises a forgotten slot would look live again.
//!
//! A cursor cleans stale slots, pass after pass over the whole index. Raises are counted in
//! windows: a window begins with a raise, and may end only after a pass that began after it has
//! completed, which is after two more completed passes. A slot made stale in one window is
//! therefore cleaned before the end of the next. With at most 31 raises a window that is at most
//! 62 raises of a slot's segment: one too few to come round. A segment that has used up its window
//! is kept in quarantine until the window may end.

use super::{Segment, Segments, State};
use crate::index::slot::GENERATION_MAX;

const RAISES_MAX: u8 = 31;
const PASSES_NEEDED: u32 = 2;

#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    began_at_pass: u32,
    raises: u8,
}

impl Window {
    pub(super) const NEW: Self = Self {
        began_at_pass: 0,
        raises: 0,
    };

    fn may_end(self, passes: u32) -> bool {
        passes.wrapping_sub(self.began_at_pass) >= PASSES_NEEDED
    }
}

impl Segments {
    pub(super) fn raise_generation(&mut self, segment: u32) {
        let passes = self.passes;
        let generation = &mut self.generations[segment as usize];
        *generation = *generation % GENERATION_MAX + 1;
        let window = &mut self.table[segment as usize].window;
        if window.raises == 0 || window.may_end(passes) {
            *window = Window {
                began_at_pass: passes,
                raises: 1,
            };
        } else {
            debug_assert!(window.raises < RAISES_MAX, "it should be in quarantine");
            window.raises += 1;
        }
    }

    pub(super) fn must_wait(&self, segment: u32) -> bool {
        let window = self.at(segment).window;
        window.raises >= RAISES_MAX && !window.may_end(self.passes)
    }

    /// Whether segments wait for cleaning passes.
    pub(crate) fn has_quarantined(&self) -> bool {
        !self.quarantine.is_empty()
    }

    /// Notes that the cleaning cursor has seen every bucket of the index once more.
    pub(crate) fn pass_completed(&mut self) {
        self.passes = self.passes.wrapping_add(1);
        self.release_quarantined();
    }

    /// Notes that there is no stale slot anywhere, which is as good as any number of passes.
    pub(crate) fn all_clean(&mut self) {
        if self.has_quarantined() {
            self.passes = self.passes.wrapping_add(PASSES_NEEDED);
            self.release_quarantined();
        }
    }

    fn release_quarantined(&mut self) {
        for _ in 0..self.quarantine.len() {
            let Some(segment) = self.quarantine.pop_front() else {
                break;
            };
            if self.must_wait(segment) {
                self.quarantine.push_back(segment);
            } else {
                self.table[segment as usize] = Segment {
                    window: self.at(segment).window,
                    ..Segment::FREE
                };
                debug_assert_eq!(self.at(segment).state, State::Free, "ready for use");
                self.free.push(segment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Purpose;
    use super::*;
    use crate::segment::Pool;
    use crate::segment::open::Place;

    /// Fills, seals and invalidates the only free segment; whether there was one.
    fn round(segments: &mut Segments) -> bool {
        let place = Place {
            group: 0,
            pool: Pool::Small,
            purpose: Purpose::Upkeep,
        };
        let Some(at) = segments.append(place, 64, 0, 0) else {
            return false;
        };
        segments.add_live(at.segment, 0, 64, 0);
        segments.invalidate(at.segment);
        segments.drained(at.segment);
        true
    }

    #[test]
    fn a_generation_does_not_come_round_before_two_cleaning_passes() {
        let mut segments = Segments::new(1, 18);
        let mut rounds = 0;
        while round(&mut segments) {
            rounds += 1;
        }
        assert_eq!(rounds, RAISES_MAX);
        assert!(segments.has_quarantined());
        segments.pass_completed();
        assert!(!round(&mut segments), "one pass may have begun too early");
        segments.pass_completed();
        for _ in 0..RAISES_MAX {
            assert!(round(&mut segments));
        }
        assert!(
            !round(&mut segments),
            "the window began anew, and is used up again"
        );
        segments.all_clean();
        assert!(round(&mut segments));
    }
}
