//! Who is subscribed to what on one core. Knows no socket, no session and no other core.
//!
//! ```text
//!  channel ─▶ subscribers          pattern ─▶ glob, subscribers
//!  subscriber ─▶ its channels, its patterns
//! ```
//! Invariants:
//! * R1 A subscriber is under a name exactly if the name is under the subscriber.
//! * R2 No name is without subscribers, no subscriber without names.
//! * R3 `subscriptions` is the number of all pairs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use jerboa_wire::Status;

use crate::glob::Glob;
use crate::net::SocketId;

/// Different patterns of one core: each is matched against every channel that is published on.
const PATTERNS_MAX: usize = 1024;
/// Bytes of them: what matching them takes at most grows with them.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// No socket has this id.
const FOREIGN: SocketId = SocketId(u32::MAX);

/// A connection that is subscribed to something, or a subscriber in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::worker) struct Subscriber {
    pub(in crate::worker) socket: SocketId,
    /// Tells the connection from a later one on the same socket id.
    pub(in crate::worker) serial: u64,
}

impl Subscriber {
    /// The subscriber of this id in this process.
    pub(in crate::worker) const fn foreign(id: u64) -> Self {
        Self {
            socket: FOREIGN,
            serial: id,
        }
    }

    /// Whether it is in this process, not a connection.
    pub(in crate::worker) fn is_foreign(self) -> bool {
        self.socket == FOREIGN
    }
}

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) enum Topic {
    /// A channel by its name.
    Channel,
    /// All channels whose names match a pattern.
    Pattern,
}

/// What came of ending a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// There was none.
    Nothing,
    /// Others are still subscribed to the name.
    OneOfMany,
    /// Nobody is subscribed to the name any more.
    Last,
}

type Subscribers = BTreeSet<Subscriber>;

/// A pattern that somebody is subscribed to.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) glob: Glob,
    subscribers: Subscribers,
    /// Patterns are numbered as they come.
    pub(super) number: u64,
}

/// A part of those who are subscribed to one name: who comes behind `until` is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The last that was visited.
    pub(super) behind: Option<Subscriber>,
    /// The last to visit.
    pub(super) until: Subscriber,
}

impl Stretch {
    /// All who are subscribed now; `None` if nobody is.
    fn all(subscribers: &Subscribers) -> Option<Self> {
        let until = *subscribers.last()?;
        Some(Self {
            behind: None,
            until,
        })
    }

    fn of(self, subscribers: &Subscribers) -> impl Iterator<Item = Subscriber> {
        let from = self.behind.map_or(Bound::Unbounded, Bound::Excluded);
        // A range that ends before it begins would panic.
        let is_left = self.behind.is_none_or(|behind| behind < self.until);
        let left = is_left.then(|| subscribers.range((from, Bound::Included(self.until))));
        left.into_iter().flatten().copied()
    }
}

impl Pattern {
    /// All who are subscribed to it now.
    pub(super) fn all(&self) -> Option<Stretch> {
        Stretch::all(&self.subscribers)
    }

    /// Some of those who are subscribed to it.
    pub(super) fn some(&self, stretch: Stretch) -> impl Iterator<Item = Subscriber> {
        stretch.of(&self.subscribers)
    }
}

#[derive(Debug, Default)]
struct Names {
    channels: BTreeSet<Box<[u8]>>,
    patterns: BTreeSet<Box<[u8]>>,
}

impl Names {
    fn of(&self, topic: Topic) -> &BTreeSet<Box<[u8]>> {
        match topic {
            Topic::Channel => &self.channels,
            Topic::Pattern => &self.patterns,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut BTreeSet<Box<[u8]>> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
        }
    }

    fn len(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }
}

/// The subscriptions of one core.
#[derive(Debug, Default)]
pub(super) struct Registry {
    channels: HashMap<Box<[u8]>, Subscribers>,
    patterns: BTreeMap<Box<[u8]>, Pattern>,
    subscribers: HashMap<Subscriber, Names>,
    subscriptions: usize,
    /// Of all different patterns.
    pattern_bytes: usize,
    last_pattern: u64,
}

impl Registry {
    /// All subscriptions.
    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions
    }

    /// Subscriptions of one subscriber.
    pub(super) fn count(&self, subscriber: Subscriber) -> usize {
        self.subscribers.get(&subscriber).map_or(0, Names::len)
    }

    /// How many patterns one subscriber is subscribed to.
    pub(super) fn pattern_count(&self, subscriber: Subscriber) -> usize {
        let names = self.subscribers.get(&subscriber);
        names.map_or(0, |names| names.patterns.len())
    }

    /// What one subscriber is subscribed to.
    pub(super) fn names(&self, subscriber: Subscriber, topic: Topic) -> Vec<Box<[u8]>> {
        let names = self.subscribers.get(&subscriber);
        names.map_or_else(Vec::new, |names| names.of(topic).iter().cloned().collect())
    }

    pub(super) fn is_subscribed(&self, subscriber: Subscriber, topic: Topic, name: &[u8]) -> bool {
        let names = self.subscribers.get(&subscriber);
        names.is_some_and(|names| names.of(topic).contains(name))
    }

    /// Adds a subscription that is not there yet; whether it is the first to this name.
    ///
    /// # Errors
    /// A pattern that is too long, or one too many; nothing is changed.
    pub(super) fn add(
        &mut self,
        subscriber: Subscriber,
        topic: Topic,
        name: &[u8],
    ) -> Result<bool, Status> {
        let under_name = match topic {
            Topic::Channel => self.channels.entry(name.into()).or_default(),
            Topic::Pattern => {
                if !self.patterns.contains_key(name) {
                    let bytes = self.pattern_bytes + name.len();
                    if self.patterns.len() >= PATTERNS_MAX || bytes > PATTERN_BYTES_MAX {
                        return Err(Status::TooManySubscriptions);
                    }
                    let glob = Glob::new(name).map_err(|_| Status::ChannelTooLarge)?;
                    self.pattern_bytes = bytes;
                    let subscribers = Subscribers::new();
                    self.last_pattern += 1;
                    let pattern = Pattern {
                        glob,
                        subscribers,
                        number: self.last_pattern,
                    };
                    self.patterns.insert(name.into(), pattern);
                }
                match self.patterns.get_mut(name) {
                    Some(pattern) => &mut pattern.subscribers,
                    None => return Err(Status::Internal),
                }
            }
        };
        let first = under_name.is_empty();
        under_name.insert(subscriber);
        let names = self.subscribers.entry(subscriber).or_default();
        self.subscriptions += usize::from(names.of_mut(topic).insert(name.into()));
        Ok(first)
    }

    /// Ends a subscription.
    pub(super) fn remove(&mut self, subscriber: Subscriber, topic: Topic, name: &[u8]) -> Removed {
        let Some(names) = self.subscribers.get_mut(&subscriber) else {
            return Removed::Nothing;
        };
        if !names.of_mut(topic).remove(name) {
            return Removed::Nothing;
        }
        self.subscriptions -= 1;
        if names.len() == 0 {
            self.subscribers.remove(&subscriber);
        }
        let under_name = match topic {
            Topic::Channel => self.channels.get_mut(name),
            Topic::Pattern => self
                .patterns
                .get_mut(name)
                .map(|pattern| &mut pattern.subscribers),
        };
        let Some(under_name) = under_name else {
            debug_assert!(false, "R1: a subscriber has a name that does not have it");
            return Removed::Nothing;
        };
        under_name.remove(&subscriber);
        if !under_name.is_empty() {
            return Removed::OneOfMany;
        }
        match topic {
            Topic::Channel => drop(self.channels.remove(name)),
            Topic::Pattern => {
                self.pattern_bytes -= name.len();
                self.patterns.remove(name);
            }
        }
        Removed::Last
    }

    /// Who is subscribed to a channel by its name now.
    pub(super) fn all_named(&self, channel: &[u8]) -> Option<Stretch> {
        Stretch::all(self.channels.get(channel)?)
    }

    /// Some of those who are subscribed to a channel by its name.
    pub(super) fn named(
        &self,
        channel: &[u8],
        stretch: Stretch,
    ) -> impl Iterator<Item = Subscriber> {
        let found = self.channels.get(channel);
        found.into_iter().flat_map(move |all| stretch.of(all))
    }

    /// The number of the latest pattern.
    pub(super) fn last_pattern(&self) -> u64 {
        self.last_pattern
    }

    /// The patterns in their order, `from` this one on.
    pub(super) fn patterns_from(
        &self,
        from: Option<&[u8]>,
    ) -> impl Iterator<Item = (&[u8], &Pattern)> {
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        let patterns = self.patterns.range::<[u8], _>((from, Bound::Unbounded));
        patterns.map(|(name, pattern)| (&**name, pattern))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn subscriber(number: u32) -> Subscriber {
        Subscriber {
            socket: SocketId(number),
            serial: u64::from(number) + 100,
        }
    }

    #[test]
    fn the_first_and_the_last_of_a_name_are_told() {
        let mut registry = Registry::default();
        for topic in [Topic::Channel, Topic::Pattern] {
            assert_eq!(registry.add(subscriber(1), topic, b"a*"), Ok(true));
            assert_eq!(registry.add(subscriber(2), topic, b"a*"), Ok(false));
            let remove = Registry::remove;
            assert_eq!(
                remove(&mut registry, subscriber(3), topic, b"a*"),
                Removed::Nothing
            );
            assert_eq!(
                remove(&mut registry, subscriber(1), topic, b"a*"),
                Removed::OneOfMany
            );
            assert_eq!(
                remove(&mut registry, subscriber(1), topic, b"a*"),
                Removed::Nothing
            );
            assert_eq!(
                remove(&mut registry, subscriber(2), topic, b"a*"),
                Removed::Last
            );
        }
        assert_eq!(registry.subscriptions(), 0);
        assert!(registry.channels.is_empty() && registry.patterns.is_empty());
        assert!(registry.subscribers.is_empty());
    }

    #[test]
    fn patterns_beyond_what_one_publish_may_match_are_refused() {
        let mut registry = Registry::default();
        for number in 0..PATTERNS_MAX {
            let pattern = format!("{number}:*");
            let added = registry.add(subscriber(1), Topic::Pattern, pattern.as_bytes());
            assert_eq!(added, Ok(true));
        }
        let refused = registry.add(subscriber(2), Topic::Pattern, b"one:*");
        assert_eq!(refused, Err(Status::TooManySubscriptions));
        let shared = registry.add(subscriber(2), Topic::Pattern, b"7:*");
        assert_eq!(shared, Ok(false), "a pattern that is there costs nothing");
        assert_eq!(registry.subscriptions(), PATTERNS_MAX + 1);
    }

    #[test]
    fn long_patterns_are_refused_before_one_publish_takes_long() {
        let mut registry = Registry::default();
        let pattern = |number: usize| format!("{number:04}{}", "*a".repeat(126));
        let fitting = PATTERN_BYTES_MAX / pattern(0).len();
        for _ in 0..2 {
            for number in 0..fitting {
                let added = registry.add(subscriber(1), Topic::Pattern, pattern(number).as_bytes());
                assert_eq!(added, Ok(true));
            }
            let refused = registry.add(subscriber(1), Topic::Pattern, pattern(fitting).as_bytes());
            assert_eq!(refused, Err(Status::TooManySubscriptions));
            for number in 0..fitting {
                registry.remove(subscriber(1), Topic::Pattern, pattern(number).as_bytes());
            }
            assert_eq!(registry.pattern_bytes, 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a plain set of all subscriptions.
        #[test]
        fn any_history_finds_exactly_the_subscribers(
            steps in vec((0..4_u32, any::<bool>(), 0..5_usize, any::<bool>()), 1..80),
        ) {
            let channels = [&b"a"[..], b"ab", b"b", b"ba", b"bb"];
            let patterns = [&b"a*"[..], b"*b", b"?", b"*", b"[ab]a"];
            let matches = |pattern: usize, channel: usize| {
                Glob::new(patterns[pattern]).unwrap().matches(channels[channel])
            };
            let mut registry = Registry::default();
            let mut model = BTreeSet::new();
            for (who, by_pattern, name, adds) in steps {
                let (topic, names) = if by_pattern {
                    (Topic::Pattern, &patterns)
                } else {
                    (Topic::Channel, &channels)
                };
                let own = (by_pattern, name, subscriber(who));
                let under = |model: &BTreeSet<(bool, usize, Subscriber)>| {
                    model.iter().filter(|found| (found.0, found.1) == (by_pattern, name)).count()
                };
                if adds && !registry.is_subscribed(subscriber(who), topic, names[name]) {
                    let first = registry.add(subscriber(who), topic, names[name]);
                    prop_assert_eq!(first, Ok(under(&model) == 0));
                    prop_assert!(model.insert(own));
                } else if !adds {
                    let removed = registry.remove(subscriber(who), topic, names[name]);
                    let expected = match (model.remove(&own), under(&model)) {
                        (false, _) => Removed::Nothing,
                        (true, 0) => Removed::Last,
                        (true, _) => Removed::OneOfMany,
                    };
                    prop_assert_eq!(removed, expected);
                }
                prop_assert_eq!(registry.subscriptions(), model.len());
                let of_one = model.iter().filter(|found| found.2 == subscriber(who)).count();
                prop_assert_eq!(registry.count(subscriber(who)), of_one);
            }
            for (number, channel) in channels.iter().enumerate() {
                let all = registry.all_named(channel).into_iter();
                let found: Vec<_> = all.flat_map(|all| registry.named(channel, all)).collect();
                let expected: Vec<_> = model.iter().filter(|own| !own.0 && own.1 == number)
                    .map(|own| own.2).collect();
                prop_assert_eq!(found, expected);
                let matching = registry.patterns_from(None)
                    .filter(|(_, pattern)| pattern.glob.matches(channel));
                let found: BTreeSet<_> = matching
                    .flat_map(|(name, pattern)| {
                        let all = pattern.all().into_iter().flat_map(|all| pattern.some(all));
                        all.map(move |who| (name.to_vec(), who))
                    })
                    .collect();
                let expected: BTreeSet<_> = model.iter()
                    .filter(|own| own.0 && matches(own.1, number))
                    .map(|own| (patterns[own.1].to_vec(), own.2)).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
