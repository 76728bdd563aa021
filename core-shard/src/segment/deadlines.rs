//! Sealed segments in the order in which they may be freed whole: a binary heap over their last
//! expiry, with each segment's place in it, so that any segment can leave at any time.

use super::list::NONE;

/// A heap with the earliest deadline on top. A segment is in it at most once.
pub(crate) struct Deadlines {
    heap: Vec<(u64, u32)>,
    place: Box<[u32]>,
}

impl Deadlines {
    pub(crate) fn new(segments: usize) -> Self {
        Self {
            heap: Vec::with_capacity(segments),
            place: vec![NONE; segments].into(),
        }
    }

    /// The segment with the earliest deadline.
    pub(crate) fn earliest(&self) -> Option<(u64, u32)> {
        self.heap.first().copied()
    }

    pub(crate) fn contains(&self, segment: u32) -> bool {
        self.place[segment as usize] != NONE
    }

    pub(crate) fn insert(&mut self, segment: u32, deadline_ms: u64) {
        debug_assert!(!self.contains(segment), "a segment has one deadline");
        self.heap.push((deadline_ms, segment));
        self.rise(self.heap.len() - 1);
    }

    /// Takes out a segment, if it is there.
    pub(crate) fn remove(&mut self, segment: u32) {
        let place = self.place[segment as usize];
        if place == NONE {
            return;
        }
        self.place[segment as usize] = NONE;
        let place = place as usize;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.sink(place);
            self.rise(place);
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.heap[parent].0 <= self.heap[at].0 {
                break;
            }
            self.heap.swap(parent, at);
            self.note(at);
            at = parent;
        }
        self.note(at);
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let children = 2 * at + 1..(2 * at + 3).min(self.heap.len());
            let Some(least) = children.min_by_key(|child| self.heap[*child].0) else {
                break;
            };
            if self.heap[at].0 <= self.heap[least].0 {
                break;
            }
            self.heap.swap(at, least);
            self.note(at);
            at = least;
        }
        self.note(at);
    }

    fn note(&mut self, at: usize) {
        self.place[self.heap[at].1 as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_earliest_deadline_is_on_top_whoever_came_and_went(
            steps in prop::collection::vec((0u32..20, any::<bool>(), 0u64..50), 0..200),
        ) {
            let mut deadlines = Deadlines::new(20);
            let mut model = std::collections::BTreeMap::new();
            for (segment, leave, deadline_ms) in steps {
                if leave || model.contains_key(&segment) {
                    deadlines.remove(segment);
                    model.remove(&segment);
                } else {
                    deadlines.insert(segment, deadline_ms);
                    model.insert(segment, deadline_ms);
                }
                let earliest = deadlines.earliest().map(|(deadline_ms, _)| deadline_ms);
                prop_assert_eq!(earliest, model.values().min().copied());
                for segment in 0..20 {
                    prop_assert_eq!(deadlines.contains(segment), model.contains_key(&segment));
                }
            }
        }
    }
}
