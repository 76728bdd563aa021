//! What all cores know of each other's subscriptions.
//!
//! Two parts, both changed by the core of the subscription, before the subscriber is answered:
//! * **Presence**, which every publish reads: for each core, how many channels with subscribers fall
//!   into each of a fixed number of buckets, and how many patterns there are. A publish goes to the
//!   cores whose bucket of its channel is not zero, or which have patterns. Another channel in the
//!   same bucket makes it go in vain, never the other way round; the counts of receivers come from
//!   the cores, so they are exact either way.
//! * **Names**, which introspection reads: the channels with their subscribers, numbered as they
//!   appeared so that a list can be continued, and the patterns.
//!
//! The lock around the names is held for a bounded time, by cores alone and never by what publishes or
//! by an operation on keys. Other threads ask a core, so that none of them can be put to sleep with
//! the lock in its hands and a core wait for it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jerboa_wire::{Request, ScanQuery};

use crate::embedded::is_core_thread;
use crate::glob::Glob;

/// Buckets of one core: 4 KiB.
const BUCKETS: usize = 1024;
/// Names that one page of channels looks at.
const NAMES_PER_PAGE: usize = 1024;
/// Steps of matching after which a page ends: some tenths of a millisecond.
const STEPS_PER_PAGE: usize = 1 << 16;

/// The subscriptions of a node, in outline.
#[derive(Debug)]
pub(crate) struct Directory {
    presence: Vec<Presence>,
    hasher: RandomState,
    names: Mutex<Names>,
}

#[derive(Debug)]
#[repr(align(128))]
struct Presence {
    channels: Box<[AtomicU32]>,
    patterns: AtomicU32,
}

impl Presence {
    fn may_receive(&self, bucket: usize) -> bool {
        // Whoever was told of a subscription made it happen before what it does next.
        self.patterns.load(Ordering::Acquire) > 0
            || self.channels[bucket].load(Ordering::Acquire) > 0
    }
}

#[derive(Debug, Default)]
struct Names {
    channels: HashMap<Arc<[u8]>, Channel>,
    by_number: BTreeMap<u64, Arc<[u8]>>,
    /// On how many cores each pattern has subscribers.
    patterns: HashMap<Box<[u8]>, u32>,
    last_number: u64,
}

#[derive(Debug)]
struct Channel {
    number: u64,
    subscribers: u64,
}

/// A channel's number and name.
type Numbered = (u64, Arc<[u8]>);

/// A part of the list of channels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) names: Vec<Arc<[u8]>>,
    /// Where to go on, 0 where that was all.
    pub(crate) cursor: u64,
}

impl Directory {
    pub(crate) fn new(cores: u16) -> Self {
        let presence = || Presence {
            channels: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect(),
            patterns: AtomicU32::new(0),
        };
        Self {
            presence: (0..cores).map(|_| presence()).collect(),
            hasher: RandomState::new(),
            names: Mutex::default(),
        }
    }

    /// The cores beside `own` that may have receivers for a channel.
    pub(crate) fn other_cores(&self, own: u16, channel: &[u8]) -> Vec<u16> {
        if self.presence.len() < 2 {
            return Vec::new();
        }
        let mut cores = self.cores(channel);
        cores.retain(|core| *core != own);
        cores
    }

    /// The cores that may have receivers for a channel.
    pub(crate) fn cores(&self, channel: &[u8]) -> Vec<u16> {
        let bucket = self.bucket(channel);
        let all = (0u16..).zip(&self.presence);
        all.filter(|(_, presence)| presence.may_receive(bucket))
            .map(|(core, _)| core)
            .collect()
    }

    /// A subscriber of `core` came to a channel, as the `first` one there.
    pub(crate) fn add_subscriber(&self, core: u16, name: &[u8], first: bool) {
        if first {
            let bucket = self.bucket(name);
            self.presence[usize::from(core)].channels[bucket].fetch_add(1, Ordering::AcqRel);
        }
        let mut names = self.names();
        if let Some(channel) = names.channels.get_mut(name) {
            channel.subscribers += 1;
            return;
        }
        names.last_number += 1;
        let number = names.last_number;
        let name: Arc<[u8]> = name.into();
        names.by_number.insert(number, Arc::clone(&name));
        let subscribers = 1;
        let channel = Channel {
            number,
            subscribers,
        };
        names.channels.insert(name, channel);
    }

    /// A subscriber of `core` left a channel, as the `last` one there.
    pub(crate) fn remove_subscriber(&self, core: u16, name: &[u8], last: bool) {
        if last {
            let bucket = self.bucket(name);
            self.presence[usize::from(core)].channels[bucket].fetch_sub(1, Ordering::AcqRel);
        }
        let mut names = self.names();
        let Some(channel) = names.channels.get_mut(name) else {
            debug_assert!(false, "a subscriber left a channel that had none");
            return;
        };
        channel.subscribers -= 1;
        if channel.subscribers == 0 {
            let number = channel.number;
            names.channels.remove(name);
            names.by_number.remove(&number);
        }
    }

    /// A pattern has its first subscriber on `core`.
    pub(crate) fn add_pattern(&self, core: u16, pattern: &[u8]) {
        let presence = &self.presence[usize::from(core)];
        presence.patterns.fetch_add(1, Ordering::AcqRel);
        *self.names().patterns.entry(pattern.into()).or_default() += 1;
    }

    /// A pattern has no subscriber on `core` any more.
    pub(crate) fn remove_pattern(&self, core: u16, pattern: &[u8]) {
        let presence = &self.presence[usize::from(core)];
        presence.patterns.fetch_sub(1, Ordering::AcqRel);
        let mut names = self.names();
        let Some(cores) = names.patterns.get_mut(pattern) else {
            debug_assert!(false, "a pattern left that was not there");
            return;
        };
        *cores -= 1;
        if *cores == 0 {
            names.patterns.remove(pattern);
        }
    }

    /// Connections of all cores that are subscribed to a channel by its name.
    pub(crate) fn subscribers(&self, channel: &[u8]) -> u64 {
        let names = self.names();
        names
            .channels
            .get(channel)
            .map_or(0, |channel| channel.subscribers)
    }

    /// Channels that have subscribers by their names, shard channels included.
    pub(crate) fn channels(&self) -> u64 {
        self.names().channels.len() as u64
    }

    /// Different patterns of all cores.
    pub(crate) fn patterns(&self) -> u64 {
        self.names().patterns.len() as u64
    }

    /// Names of channels with subscribers behind a cursor, at most `count` of them. It may end before
    /// where matching takes long.
    pub(crate) fn page(&self, cursor: u64, glob: Option<&Glob>, count: usize) -> Page {
        let mut page = Page {
            names: Vec::new(),
            cursor,
        };
        let Some(start) = cursor.checked_add(1) else {
            return Page { cursor: 0, ..page };
        };
        let (looked_at, is_last) = self.names_from(start);
        let last = looked_at.len();
        let mut steps = 0;
        for (place, (number, name)) in (1..).zip(looked_at) {
            page.cursor = if is_last && place == last { 0 } else { number };
            let (matches, more) = glob.map_or((true, 0), |glob| glob.matches_in_steps(&name));
            if matches {
                page.names.push(name);
            }
            steps += more;
            if page.names.len() >= count || steps >= STEPS_PER_PAGE {
                return page;
            }
        }
        if is_last {
            page.cursor = 0;
        }
        page
    }

    /// The names of one page, and whether they are the last. They are matched without the lock.
    fn names_from(&self, start: u64) -> (Vec<Numbered>, bool) {
        let names = self.names();
        let mut rest = names.by_number.range(start..);
        let found = rest.by_ref().take(NAMES_PER_PAGE);
        let found = found.map(|(number, name)| (*number, Arc::clone(name)));
        (found.collect(), rest.next().is_none())
    }

    /// The page that a Channels request asks for; `None` where it is none.
    pub(crate) fn page_for(&self, request: &Request<'_>) -> Option<Page> {
        let query = ScanQuery::decode(request.value)?;
        let glob = Glob::new(query.pattern).ok()?;
        let glob = (!query.pattern.is_empty()).then_some(&glob);
        Some(self.page(request.arg, glob, query.count as usize))
    }

    fn bucket(&self, channel: &[u8]) -> usize {
        self.hasher.hash_one(channel) as usize % BUCKETS
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        debug_assert!(cfg!(test) || is_core_thread(), "a core could wait for it");
        // Nothing that is done under the lock can stop half-way.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_goes_where_subscribers_are_and_nowhere_else() {
        let directory = Directory::new(4);
        assert!(directory.other_cores(0, b"news").is_empty());
        directory.add_subscriber(2, b"news", true);
        directory.add_subscriber(2, b"news", false);
        assert_eq!(directory.other_cores(0, b"news"), [2]);
        assert!(directory.other_cores(2, b"news").is_empty(), "that is here");
        directory.add_pattern(3, b"n*");
        assert_eq!(directory.other_cores(0, b"news"), [2, 3]);
        assert_eq!(directory.other_cores(0, b"chat"), [3]);
        directory.remove_subscriber(2, b"news", false);
        assert_eq!(directory.other_cores(0, b"news"), [2, 3]);
        directory.remove_subscriber(2, b"news", true);
        directory.remove_pattern(3, b"n*");
        assert!(directory.other_cores(0, b"news").is_empty());
        assert_eq!(directory.subscribers(b"news"), 0);
        assert_eq!(directory.patterns(), 0);
    }

    #[test]
    fn a_pattern_that_takes_long_to_match_ends_the_page_and_loses_no_name() {
        let directory = Directory::new(1);
        for number in 0..1000 {
            let name = format!("{}{number}", "a".repeat(200));
            directory.add_subscriber(0, name.as_bytes(), true);
        }
        let pattern = format!("*a*{}*", "a".repeat(150));
        let glob = Glob::new(pattern.as_bytes()).unwrap();
        let (mut cursor, mut found, mut pages) = (0, 0, 0);
        while pages == 0 || cursor > 0 {
            let page = directory.page(cursor, Some(&glob), 1000);
            found += page.names.len();
            cursor = page.cursor;
            pages += 1;
        }
        assert_eq!(found, 1000);
        assert!(pages >= 5, "{pages} pages of 600,000 steps");
    }

    #[test]
    fn counts_are_those_of_all_cores_together() {
        let directory = Directory::new(2);
        for core in [0, 1, 1] {
            directory.add_subscriber(core, b"news", true);
        }
        directory.add_pattern(0, b"*");
        directory.add_pattern(1, b"*");
        directory.add_pattern(1, b"a*");
        assert_eq!(directory.subscribers(b"news"), 3);
        assert_eq!(directory.patterns(), 2, "one pattern on two cores is one");
        directory.remove_pattern(0, b"*");
        assert_eq!(directory.patterns(), 2);
        directory.remove_pattern(1, b"*");
        assert_eq!(directory.patterns(), 1);
    }

    #[test]
    fn the_list_of_channels_is_complete_and_bounded_however_it_changes() {
        let directory = Directory::new(1);
        let name = |number: usize| format!("channel:{number}").into_bytes();
        let total = 2 * NAMES_PER_PAGE + 10;
        for number in 0..total {
            directory.add_subscriber(0, &name(number), true);
        }
        let glob = Glob::new(b"*:1*").unwrap();
        let (mut cursor, mut found, mut pages) = (0, Vec::new(), 0);
        loop {
            let page = directory.page(cursor, Some(&glob), 300);
            assert!(page.names.len() <= 300);
            found.extend(page.names.iter().map(|name| name.to_vec()));
            cursor = page.cursor;
            pages += 1;
            if cursor == 0 {
                break;
            }
            // One that was listed goes, one comes: neither disturbs the rest.
            directory.remove_subscriber(0, &name(pages), true);
            directory.add_subscriber(0, &name(total + pages), true);
        }
        let mut unique = found.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), found.len(), "none twice");
        let lasting = (10..total).map(name).filter(|name| glob.matches(name));
        for name in lasting {
            assert!(unique.binary_search(&name).is_ok(), "{name:?}");
        }
        assert_eq!(directory.page(u64::MAX, None, 10).cursor, 0);
    }
}
