//! How long requests took, by map and operation.
//!
//! A histogram is made at the first request of its kind on its map, on each core that executes such
//! requests. A core keeps at most [`HISTOGRAMS_MAX`] of them, for the maps that are used most: while
//! more are wanted, the map that was used least in the last second gives all of its own up to the
//! one that missed them most, if that was used more than twice as much. Requests of maps without
//! histograms are counted, but not how long they took; so a map's histograms hold no more requests
//! than its counts, and may begin anew.
//!
//! The core records into plain counts by class, which costs some twenty instructions for requests of
//! a kind in a batch. What is in them is added to the histograms that others read, some in a slice.
//! Those of a map that is no more, or that gave them up, go with the next round.
//!
//! Classes are those of a histogram of one significant digit, in units of 64 ns: the first 32 are a
//! unit wide, and from there on each doubling has 16.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arrayvec::ArrayVec;
use hdrhistogram::Histogram;
use jerboa_core_shard::{MapId, Shard};
use jerboa_wire::Opcode;
use jerboa_wire::stats::Latency;

use super::OPERATIONS;
use super::latency::{LONGEST_NS, SHORTEST_NS, read};

/// Histograms of one core; each takes 6 KiB, with the one that others read.
pub(crate) const HISTOGRAMS_MAX: usize = 512;
/// Significant decimal digits: classes are no wider than a sixteenth of their durations.
const DIGITS: u8 = 1;
/// Histograms that one slice adds.
const HISTOGRAMS_PER_SLICE: usize = 16;
/// Maps without histograms whose uses are watched for one that deserves them.
const CANDIDATES: usize = 8;
/// How long uses are counted for the choice.
const PERIOD: Duration = Duration::from_secs(1);

/// Of durations up to [`LONGEST_NS`].
const CLASSES: usize = class_of(LONGEST_NS) + 1;

/// Requests by the class of their duration since they were published.
type Counts = [u32; CLASSES];
type Table = [Option<Box<Histogram<u64>>>; OPERATIONS];

/// The histograms of one map, on the core.
#[derive(Debug)]
struct Own {
    table: [Option<Box<Counts>>; OPERATIONS],
    /// Operations with requests that are not published.
    recorded: u128,
    map: MapId,
    /// Histograms in the table.
    count: usize,
    /// Requests in this period.
    used: u64,
    /// Tells the histograms from earlier ones of the same map or number.
    birth: u64,
}

/// Of one core, on the core.
#[derive(Debug)]
pub(super) struct MapLatencies {
    /// By the map's number; maps without histograms have none.
    maps: Vec<Option<Box<Own>>>,
    /// The numbers of those that have some.
    covered: Vec<u16>,
    histograms: usize,
    histograms_max: usize,
    births: u64,
    /// Maps that would have histograms if there were room, and about how many requests each of
    /// them had in this period. (The counts of Misra and Gries: a map with more than a ninth of
    /// these requests is among them.)
    candidates: ArrayVec<(u16, u64), CANDIDATES>,
    /// The map that room was made for.
    next_covered: Option<u16>,
    passed: Duration,
    /// The first place in `covered` that is not published in this round; none while there is no
    /// round.
    next: Option<usize>,
    /// There may be histograms for others to read that this core has not any more.
    stale: bool,
}

impl Default for MapLatencies {
    fn default() -> Self {
        Self::new(HISTOGRAMS_MAX)
    }
}

/// The class of a duration.
const fn class_of(ns: u64) -> usize {
    let units = (if ns < LONGEST_NS { ns } else { LONGEST_NS }) / SHORTEST_NS;
    let above = (u64::BITS - units.leading_zeros()).saturating_sub(5);
    16 * above as usize + (units >> above) as usize
}

/// The longest duration of a class.
const fn longest_ns(class: usize) -> u64 {
    let above = (class / 16).saturating_sub(1);
    let units = (class - 16 * above) as u64 + 1;
    (units << above) * SHORTEST_NS - 1
}

/// `None` only if the bounds were nonsense.
fn histogram() -> Option<Box<Histogram<u64>>> {
    Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS)
        .ok()
        .map(Box::new)
}

impl MapLatencies {
    fn new(histograms_max: usize) -> Self {
        Self {
            maps: Vec::new(),
            covered: Vec::new(),
            histograms: 0,
            histograms_max,
            births: 0,
            candidates: ArrayVec::new(),
            next_covered: None,
            passed: Duration::ZERO,
            next: None,
            stale: false,
        }
    }

    #[inline]
    pub(super) fn record(&mut self, map: MapId, place: usize, ns: u64, requests: u32) {
        let index = map.index();
        if let Some(Some(own)) = self.maps.get_mut(usize::from(index))
            && let Some(counts) = &mut own.table[place]
        {
            own.recorded |= 1 << place;
            own.used += u64::from(requests);
            let count = &mut counts[class_of(ns)];
            *count = count.saturating_add(requests);
        } else {
            self.begin(map, place, ns, requests);
        }
    }

    /// A request of a kind that the map has no histogram for.
    #[cold]
    fn begin(&mut self, map: MapId, place: usize, ns: u64, requests: u32) {
        let index = map.index();
        let has_room = self.histograms < self.histograms_max
            && self.next_covered.is_none_or(|next| next == index);
        if !has_room {
            return self.miss(index, requests.into());
        }
        let mut counts = Box::new([0; CLASSES]);
        counts[class_of(ns)] = requests;
        let at = usize::from(index);
        if self.maps.len() <= at {
            self.maps.resize_with(at + 1, || None);
        }
        let own = self.maps[at].get_or_insert_with(|| {
            self.births += 1;
            self.covered.push(index);
            Box::new(Own {
                table: [const { None }; OPERATIONS],
                recorded: 0,
                map,
                count: 0,
                used: 0,
                birth: self.births,
            })
        });
        own.table[place] = Some(counts);
        own.recorded |= 1 << place;
        own.count += 1;
        own.used += u64::from(requests);
        self.histograms += 1;
    }

    /// Requests that no histogram holds.
    fn miss(&mut self, index: u16, requests: u64) {
        let known = self.candidates.iter_mut().find(|(map, _)| *map == index);
        if let Some((_, count)) = known {
            *count += requests;
        } else if !self.candidates.is_full() {
            self.candidates.push((index, requests));
        } else {
            self.candidates.retain(|(_, count)| {
                *count = count.saturating_sub(requests);
                *count > 0
            });
        }
    }

    /// The map is no more; its number may become another's.
    pub(super) fn forget(&mut self, map: MapId) {
        let index = map.index();
        self.candidates.retain(|(candidate, _)| *candidate != index);
        self.next_covered.take_if(|next| *next == index);
        self.give_up(index);
    }

    fn give_up(&mut self, index: u16) {
        let own = self.maps.get_mut(usize::from(index));
        if let Some(own) = own.and_then(Option::take) {
            self.histograms -= own.count;
            self.covered.retain(|covered| *covered != index);
            self.stale = true;
            self.next = None;
        }
    }

    /// A tick has passed: what was measured is to become visible.
    pub(super) fn begin_publishing(&mut self, passed: Duration) {
        self.passed += passed;
        if self.passed >= PERIOD {
            self.passed = Duration::ZERO;
            self.choose();
        }
        if self.next.is_none() {
            self.next = Some(0);
        }
    }

    /// Makes room for the map that missed histograms most, if it deserves them.
    fn choose(&mut self) {
        let wanting = self.candidates.drain(..).max_by_key(|(_, count)| *count);
        let mut least = None;
        for index in &self.covered {
            if let Some(Some(own)) = self.maps.get_mut(usize::from(*index)) {
                let used = std::mem::take(&mut own.used);
                if least.is_none_or(|(_, least)| used < least) {
                    least = Some((*index, used));
                }
            }
        }
        self.next_covered = None;
        if let (Some((map, wanted)), Some((least, used))) = (wanting, least)
            && map != least
            && wanted / 2 > used
        {
            self.give_up(least);
            self.next_covered = Some(map);
        }
    }

    /// One slice of making what was measured visible.
    pub(super) fn publish_slice(&mut self, shard: &Shard, to: &Shared) {
        let Some(mut next) = self.next else {
            return;
        };
        let Ok(mut tables) = to.tables.try_lock() else {
            return;
        };
        let mut left = HISTOGRAMS_PER_SLICE;
        while let Some(index) = self.covered.get(next).copied() {
            if left == 0 {
                self.next = Some(next);
                return;
            }
            let own = self.maps.get_mut(usize::from(index));
            if let Some(Some(own)) = own
                && own.recorded != 0
                && let Some(name) = shard.map_name(own.map)
            {
                let table = match tables.get_mut(name) {
                    Some(table) if table.birth == own.birth => table,
                    _ => {
                        let table = PublishedTable::new(index, own.birth);
                        tables.entry(name.into()).insert_entry(table).into_mut()
                    }
                };
                own.publish(table, &mut left);
                if own.recorded != 0 {
                    continue;
                }
            }
            next += 1;
        }
        self.next = None;
        if std::mem::take(&mut self.stale) {
            tables.retain(|_, table| {
                let own = self.maps.get(usize::from(table.index));
                matches!(own, Some(Some(own)) if own.birth == table.birth)
            });
        }
    }
}

impl Own {
    /// Adds what was recorded to `table`, at most `left` histograms.
    fn publish(&mut self, table: &mut PublishedTable, left: &mut usize) {
        while self.recorded != 0 && *left > 0 {
            let place = self.recorded.trailing_zeros() as usize;
            self.recorded &= self.recorded - 1;
            *left -= 1;
            let Some(own) = &mut self.table[place] else {
                continue;
            };
            if table.table[place].is_none() {
                table.table[place] = histogram();
            }
            if let Some(sum) = &mut table.table[place] {
                for (class, count) in own.iter().enumerate().filter(|(_, count)| **count > 0) {
                    sum.saturating_record_n(longest_ns(class).min(LONGEST_NS), (*count).into());
                }
            }
            own.fill(0);
        }
    }
}

/// The histograms of one map that others read.
#[derive(Debug)]
struct PublishedTable {
    table: Table,
    /// Whose they are, on the core.
    index: u16,
    birth: u64,
}

impl PublishedTable {
    fn new(index: u16, birth: u64) -> Self {
        let table = [const { None }; OPERATIONS];
        Self {
            table,
            index,
            birth,
        }
    }
}

/// The histograms of one core's maps that others read.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    tables: Mutex<BTreeMap<Box<[u8]>, PublishedTable>>,
}

impl Shared {
    /// Adds what was measured of a map to `sums`, by the name of the operation.
    pub(crate) fn add_to(&self, map: &[u8], sums: &mut BTreeMap<&'static str, Latency>) {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(table) = tables.get(map) else {
            return;
        };
        for (opcode, histogram) in Opcode::ALL.iter().zip(&table.table) {
            if let Some(histogram) = histogram {
                read(histogram, sums.entry(opcode.name()).or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jerboa_core_shard::ShardConfig;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn name(place: usize) -> &'static str {
        Opcode::ALL[place].name()
    }

    struct Core {
        shard: Shard,
        latencies: MapLatencies,
        shared: Shared,
    }

    impl Core {
        fn new(histograms_max: usize) -> Self {
            Self {
                shard: Shard::new(&ShardConfig::owning_all(32 << 20, 1024)).unwrap(),
                latencies: MapLatencies::new(histograms_max),
                shared: Shared::default(),
            }
        }

        fn map(&mut self, name: &str) -> MapId {
            self.shard.map_id(name.as_bytes()).unwrap()
        }

        fn publish(&mut self, passed: Duration) {
            self.latencies.begin_publishing(passed);
            let mut slices = 0;
            while self.latencies.next.is_some() {
                slices += 1;
                assert!(slices < 1000, "no progress");
                self.latencies.publish_slice(&self.shard, &self.shared);
            }
        }

        /// Requests by their operation.
        fn counted(&self, name: &str) -> Vec<(&'static str, u64)> {
            let mut sums = BTreeMap::new();
            self.shared.add_to(name.as_bytes(), &mut sums);
            let counts = sums.iter().map(|(name, sum)| (*name, sum.count()));
            counts.collect()
        }
    }

    #[test]
    fn classes_are_those_of_the_histogram_that_they_are_added_to() {
        let histogram = histogram().unwrap();
        let mut ns = 1;
        while ns < LONGEST_NS {
            for ns in [ns - 1, ns, ns + 1, ns + ns / 3, ns + ns / 2] {
                let ns = ns.min(LONGEST_NS);
                let longest = longest_ns(class_of(ns));
                assert_eq!(longest, histogram.highest_equivalent(ns), "{ns}");
                assert_eq!(class_of(longest.min(LONGEST_NS)), class_of(ns), "{ns}");
            }
            ns *= 2;
        }
        assert_eq!(class_of(u64::MAX), CLASSES - 1);
    }

    #[test]
    fn durations_are_kept_by_map_and_operation_within_a_sixteenth() {
        let mut core = Core::new(64);
        let (orders, users) = (core.map("orders"), core.map("users"));
        for round in 1..=3 {
            core.latencies.record(orders, 1, 100_000, 2);
            core.latencies.record(orders, 1, 9_000_000, 1);
            core.latencies.record(orders, 2, u64::MAX, 1);
            core.latencies.record(users, 1, 700, 5);
            core.publish(Duration::ZERO);
            let all = core.counted("orders");
            let mut expected = [(name(1), 3 * round), (name(2), round)];
            expected.sort_unstable();
            assert_eq!(all, expected);
            assert_eq!(core.counted("users"), [(name(1), 5 * round)]);
        }
        let mut sums = BTreeMap::new();
        core.shared.add_to(b"orders", &mut sums);
        let latency = &sums[name(1)];
        for (share, ns) in [(0.5, 100_000), (0.99, 9_000_000)] {
            let found = latency.quantile(share).unwrap().as_nanos() as u64;
            assert!((ns..=ns + ns / 16).contains(&found), "{found} for {ns}");
        }
        assert_eq!(core.counted("nobody"), []);
    }

    #[test]
    fn a_map_that_is_no_more_leaves_nothing_to_the_next_of_its_name_or_number() {
        let mut core = Core::new(64);
        let first = core.map("orders");
        core.latencies.record(first, 1, 100, 9);
        core.publish(Duration::ZERO);
        for next in ["orders", "another"] {
            let map = core.map("orders");
            assert!(core.shard.forget_map(map));
            core.latencies.forget(map);
            let map = core.map(next);
            assert_eq!(map, first, "the number is used again");
            core.latencies.record(map, 2, 100, 1);
            core.publish(Duration::ZERO);
            assert_eq!(core.counted(next), [(name(2), 1)]);
        }
        assert_eq!(core.counted("orders"), []);
        assert_eq!(core.latencies.histograms, 1);
    }

    #[test]
    fn where_there_are_too_many_the_most_used_maps_have_them() {
        let mut core = Core::new(8);
        let maps: Vec<_> = (0..200).map(|n| core.map(&format!("map {n:03}"))).collect();
        let busy = &maps[150..153];
        for second in 0..20 {
            for _ in 0..10 {
                for map in &maps {
                    core.latencies.record(*map, 1, 100, 1);
                }
                for map in busy {
                    core.latencies.record(*map, 1, 100, 50);
                    core.latencies.record(*map, 2, 100, 50);
                }
            }
            core.publish(SECOND);
            assert!(core.latencies.histograms <= 8, "in second {second}");
        }
        for number in 150..153 {
            let counted = core.counted(&format!("map {number}"));
            assert_eq!(counted.len(), 2, "{number}: {counted:?}");
        }
        let published = core.shared.tables.lock().unwrap().len();
        assert!(published <= 8, "what was given up is gone: {published}");
    }

    #[test]
    fn a_reader_delays_the_numbers_and_loses_none() {
        let mut core = Core::new(64);
        let map = core.map("orders");
        for place in 0..OPERATIONS {
            core.latencies.record(map, place, 100, 1);
        }
        core.latencies.begin_publishing(Duration::ZERO);
        let reading = core.shared.tables.lock().unwrap();
        core.latencies.publish_slice(&core.shard, &core.shared);
        drop(reading);
        assert_eq!(core.counted("orders"), []);
        core.publish(Duration::ZERO);
        assert_eq!(core.counted("orders").len(), OPERATIONS);
    }
}
