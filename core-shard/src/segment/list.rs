//! Doubly linked lists of segments, whose links are arrays beside the segments: a segment joins
//! and leaves at any place in constant time and without allocation.

/// The absence of a segment.
pub(crate) const NONE: u32 = u32::MAX;

/// The links of all segments for one kind of list. A segment is in at most one list of a kind.
pub(crate) struct Links {
    links: Box<[(u32, u32)]>,
}

/// One list: oldest at the head, newest at the tail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) head: u32,
    tail: u32,
    pub(crate) length: u32,
}

impl Links {
    pub(crate) fn new(segments: usize) -> Self {
        Self {
            links: vec![(NONE, NONE); segments].into(),
        }
    }

    pub(crate) fn next(&self, segment: u32) -> u32 {
        self.links[segment as usize].1
    }
}

impl List {
    pub(crate) const EMPTY: Self = Self {
        head: NONE,
        tail: NONE,
        length: 0,
    };

    pub(crate) fn push_back(&mut self, links: &mut Links, segment: u32) {
        links.links[segment as usize] = (self.tail, NONE);
        if self.tail == NONE {
            self.head = segment;
        } else {
            links.links[self.tail as usize].1 = segment;
        }
        self.tail = segment;
        self.length += 1;
    }

    /// Takes out a segment that is in this list.
    pub(crate) fn remove(&mut self, links: &mut Links, segment: u32) {
        let (before, after) = links.links[segment as usize];
        if before == NONE {
            debug_assert_eq!(self.head, segment, "the segment is in this list");
            self.head = after;
        } else {
            links.links[before as usize].1 = after;
        }
        if after == NONE {
            debug_assert_eq!(self.tail, segment, "the segment is in this list");
            self.tail = before;
        } else {
            links.links[after as usize].0 = before;
        }
        self.length -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_leave_from_head_middle_and_tail() {
        for leaving in 0..3 {
            let mut links = Links::new(3);
            let mut list = List::EMPTY;
            (0..3).for_each(|segment| list.push_back(&mut links, segment));
            list.remove(&mut links, leaving);
            let mut seen = Vec::new();
            let mut at = list.head;
            while at != NONE {
                seen.push(at);
                at = links.next(at);
            }
            let expected: Vec<u32> = (0..3).filter(|segment| *segment != leaving).collect();
            assert_eq!((seen, list.length), (expected, 2));
            list.push_back(&mut links, leaving);
            assert_eq!(list.tail, leaving);
        }
    }
}
