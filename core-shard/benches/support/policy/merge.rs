//! FIFO-merge, the policy of Segcache (Yang et al., NSDI 2021): entries are appended to segments,
//! which are kept apart by time to live; to make room, the four oldest segments of one time to
//! live are merged into one that keeps the entries with the most uses per byte.
//!
//! Uses are counted up to 127, ever more slowly from 16 on, and start anew after a merge. An
//! overwritten or expired entry keeps its bytes until its segment is merged or, with all of its
//! entries expired, freed whole. Unlike the original it chooses the entries to keep exactly, not by
//! a threshold that adapts on the way.

use std::collections::{BTreeMap, VecDeque};

use crate::support::random::Random;
use crate::support::trace::{Cache, Request, Trace};

const MERGED: usize = 4;
const USES_MAX: u8 = 127;
const USES_EXACT: u8 = 16;

#[derive(Clone, Copy)]
struct Entry {
    key: u32,
    bytes: u64,
    deadline_ms: u64,
    /// Which write of the key this is: an older one is dead.
    write: u32,
}

#[derive(Default)]
struct Segment {
    entries: Vec<Entry>,
    bytes: u64,
    deadline_ms: u64,
}

#[derive(Clone, Copy, Default)]
struct Known {
    /// The write that counts; 0 for none.
    write: u32,
    deadline_ms: u64,
    uses: u8,
}

/// The cache.
pub(crate) struct FifoMerge {
    known: Vec<Known>,
    /// Segments by class of time to live, oldest first; the last is being filled.
    chains: BTreeMap<u64, VecDeque<Segment>>,
    /// The time to live whose chain was merged last: the next one's turn is next.
    merged_last_ms: u64,
    pub(crate) segments: u64,
    pub(crate) segments_max: u64,
    segment_bytes: u64,
    writes: u32,
    random: Random,
}

impl FifoMerge {
    pub(crate) fn new(trace: &Trace, budget_bytes: u64) -> Self {
        let segment_bytes = (budget_bytes / 1024).clamp(64 << 10, 1 << 20);
        Self {
            known: vec![Known::default(); trace.keys as usize],
            chains: BTreeMap::new(),
            merged_last_ms: 0,
            segments: 0,
            segments_max: budget_bytes / segment_bytes,
            segment_bytes,
            writes: 0,
            random: Random::new(11),
        }
    }

    /// Frees the segments of which nothing is left.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        let known = &mut self.known;
        for chain in self.chains.values_mut() {
            while chain
                .front()
                .is_some_and(|segment| segment.deadline_ms <= now_ms)
            {
                self.segments -= 1;
                for entry in chain.pop_front().into_iter().flat_map(|one| one.entries) {
                    let now = &mut known[entry.key as usize];
                    if now.write == entry.write {
                        *now = Known::default();
                    }
                }
            }
        }
    }

    /// Frees at least one segment.
    fn make_room(&mut self, now_ms: u64) {
        self.expire(now_ms);
        while self.segments >= self.segments_max {
            let mergeable = |(ttl_ms, chain): (&u64, &VecDeque<Segment>)| {
                (chain.len() > MERGED).then_some(*ttl_ms)
            };
            let after = self.merged_last_ms + 1;
            let next = self.chains.range(after..).find_map(mergeable);
            match next.or_else(|| self.chains.iter().find_map(mergeable)) {
                Some(ttl_ms) => self.merge(ttl_ms, now_ms),
                None => self.drop_oldest(),
            }
        }
    }

    fn merge(&mut self, ttl_ms: u64, now_ms: u64) {
        self.merged_last_ms = ttl_ms;
        let Some(chain) = self.chains.get_mut(&ttl_ms) else {
            return;
        };
        let merged: Vec<Segment> = chain.drain(..MERGED).collect();
        self.segments -= MERGED as u64;
        let known = &mut self.known;
        let mut alive: Vec<(f64, Entry)> = merged
            .into_iter()
            .flat_map(|segment| segment.entries)
            .filter(|entry| known[entry.key as usize].write == entry.write)
            .filter(|entry| entry.deadline_ms > now_ms)
            .map(|entry| {
                let uses = known[entry.key as usize].uses;
                (f64::from(uses) / entry.bytes as f64, entry)
            })
            .collect();
        alive.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut kept = Segment::default();
        for (_, entry) in alive {
            let now = &mut known[entry.key as usize];
            if kept.bytes + entry.bytes > self.segment_bytes {
                *now = Known::default();
                continue;
            }
            now.uses = 0;
            kept.bytes += entry.bytes;
            kept.deadline_ms = kept.deadline_ms.max(entry.deadline_ms);
            kept.entries.push(entry);
        }
        if !kept.entries.is_empty() {
            // Behind the full ones, before the one being filled.
            let place = chain.len().saturating_sub(1);
            chain.insert(place, kept);
            self.segments += 1;
        }
    }

    /// With no chain long enough to merge, the oldest segment of the longest one goes whole.
    fn drop_oldest(&mut self) {
        let longest = self.chains.values_mut().max_by_key(|chain| chain.len());
        let Some(segment) = longest.and_then(VecDeque::pop_front) else {
            return;
        };
        self.segments -= 1;
        for entry in segment.entries {
            let now = &mut self.known[entry.key as usize];
            if now.write == entry.write {
                *now = Known::default();
            }
        }
    }
}

/// The least time to live of a class: eight classes to an octave.
fn class(ttl_ms: u64) -> u64 {
    let kept = ttl_ms.max(8).ilog2() - 3;
    ttl_ms >> kept << kept
}

impl Cache for FifoMerge {
    fn read(&mut self, request: &Request) -> bool {
        let known = &mut self.known[request.key as usize];
        if known.write == 0 || known.deadline_ms <= request.at_ms {
            return false;
        }
        let uses = u64::from(known.uses);
        if known.uses < USES_EXACT || (known.uses < USES_MAX && self.random.below(uses) == 0) {
            known.uses += 1;
        }
        true
    }

    fn write(&mut self, request: &Request) {
        let bytes = request.charged_bytes();
        if bytes > self.segment_bytes {
            return;
        }
        let ttl_ms = class(request.ttl_ms);
        let open = self.chains.get(&ttl_ms).and_then(VecDeque::back);
        if open.is_none_or(|segment| segment.bytes + bytes > self.segment_bytes) {
            self.make_room(request.at_ms);
            let chain = self.chains.entry(ttl_ms).or_default();
            chain.push_back(Segment::default());
            self.segments += 1;
        }
        self.writes += 1;
        let known = &mut self.known[request.key as usize];
        known.write = self.writes;
        known.deadline_ms = request.deadline_ms();
        let entry = Entry {
            key: request.key,
            bytes,
            deadline_ms: known.deadline_ms,
            write: self.writes,
        };
        let chain = self.chains.entry(ttl_ms).or_default();
        if let Some(segment) = chain.back_mut() {
            segment.bytes += bytes;
            segment.deadline_ms = segment.deadline_ms.max(entry.deadline_ms);
            segment.entries.push(entry);
        }
    }
}
