//! Events: what happened in a node, published by it on channels of its own.
//!
//! Each kind has its channel and its bit, and is off unless it was turned on. The payload of a
//! message on such a channel:
//!
//! ```text
//! u8 layout (1) | u8 happening | u16 core | u32 count | u64 at_ms | u64 member | u64 version
//! u16 map_len | u16 key_len | u32 0 | map | key
//! ```
//!
//! A reader skips a layout that it does not know. Fields that a happening does not use are 0.

use std::ops::BitOr;

/// The layout that this version writes.
const LAYOUT: u8 = 1;
/// Bytes before the names.
const HEAD_BYTES: usize = 40;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $word:literal;)+) => {
        /// A kind of events; each has its channel.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum EventKind {
            $($(#[$doc])* $name = $bit,)+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name, as settings spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Its channel.
            #[must_use]
            pub const fn channel(self) -> &'static str {
                match self { $(Self::$name => concat!("__jerboa__:", $word),)+ }
            }
        }
    };
}

kinds! {
    /// Nodes that come and go.
    Member = 0, "member";
    /// Partitions that a core gets or gives up.
    Partition = 1, "partition";
    /// Entries that ran out of time.
    Expired = 2, "expired";
    /// Entries that were dropped to make room.
    Evicted = 3, "evicted";
    /// Locks that went away without their holder's doing.
    LockLost = 4, "lock-lost";
}

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct EventKinds(u8);

impl EventKinds {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self((1 << EventKind::ALL.len()) - 1);

    /// The set of one kind.
    #[must_use]
    pub const fn only(kind: EventKind) -> Self {
        Self(1 << kind as u8)
    }

    /// The set with these bits; `None` where one of them is no kind's.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether a kind is in it.
    #[must_use]
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    /// Whether it has no kind.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its kinds.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        let all = EventKind::ALL.iter().copied();
        all.filter(move |kind| self.contains(*kind))
    }

    /// This set with the kinds of `changed` set as they are in `on`.
    #[must_use]
    pub const fn changed(self, changed: Self, on: Self) -> Self {
        Self(self.0 & !changed.0 | on.0 & changed.0)
    }
}

impl BitOr for EventKinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The `arg` of an Events request: which kinds to turn on or off.
///
/// ```text
/// bits 0..8 kinds to change | bits 8..16 of those, the ones to turn on | 0
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EventSwitch {
    /// Kinds to change; none only asks.
    pub changed: EventKinds,
    /// Of those, the kinds to turn on.
    pub on: EventKinds,
}

impl EventSwitch {
    /// As the argument of the request.
    #[must_use]
    pub const fn encode(self) -> u64 {
        self.changed.bits() as u64 | (self.on.bits() as u64) << 8
    }

    /// Reads an argument; `None` where it names what is no kind, or turns on what it does not
    /// change.
    #[must_use]
    pub fn decode(arg: u64) -> Option<Self> {
        let &[changed, on, 0, 0, 0, 0, 0, 0] = &arg.to_le_bytes() else {
            return None;
        };
        let switch = Self {
            changed: EventKinds::from_bits(changed)?,
            on: EventKinds::from_bits(on)?,
        };
        (on & !changed == 0).then_some(switch)
    }
}

macro_rules! happenings {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $kind:ident;)+) => {
        /// What happened.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Happening {
            $($(#[$doc])* $name = $number,)+
        }

        impl Happening {
            /// Everything that can happen, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The happening with this number, or `None`.
            #[must_use]
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The name that `PROTOCOL.md` uses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Its kind, and so its channel.
            #[must_use]
            pub const fn kind(self) -> EventKind {
                match self { $(Self::$name => EventKind::$kind,)+ }
            }
        }
    };
}

happenings! {
    /// The node `member` serves; `count` is the number of its cores.
    MemberStarted = 1, Member;
    /// The node `member` was told to stop; `count` is the number of its cores.
    MemberStopping = 2, Member;
    /// The core has got `count` partitions.
    PartitionsGained = 16, Partition;
    /// The core gives up `count` partitions.
    PartitionsLost = 17, Partition;
    /// The entry at `map`, `key` with this `version` reached its expiry and is gone.
    EntryExpired = 32, Expired;
    /// The entry at `map`, `key` with this `version` was dropped to make room.
    EntryEvicted = 48, Evicted;
    /// The lock at `map`, `key` reached its expiry while it was held under the token `version`.
    LockExpired = 64, LockLost;
    /// The lock at `map`, `key` was dropped to make room while it was held under the token `version`.
    LockEvicted = 65, LockLost;
    /// The lock at `map`, `key` was deleted while it was held under the token `version`.
    LockDeleted = 66, LockLost;
    /// The lock at `map`, `key` was overwritten while it was held under the token `version`.
    LockOverwritten = 67, LockLost;
    /// The lock at `map`, `key` went with its map, which was destroyed, while it was held under the
    /// token `version`.
    LockDestroyed = 68, LockLost;
}

/// One event, borrowed from the payload that it was read from or is written from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// What happened.
    pub happening: Happening,
    /// The core where it did.
    pub core: u16,
    /// How many, by happening.
    pub count: u32,
    /// When the node noticed, in Unix milliseconds.
    pub at_ms: u64,
    /// The node.
    pub member: u64,
    /// The version of the entry, or the token of the lock.
    pub version: u64,
    /// Name of the entry's map.
    pub map: &'a [u8],
    /// The entry's key.
    pub key: &'a [u8],
}

impl<'a> Event<'a> {
    /// An event with everything but what happened empty or zero.
    #[must_use]
    pub const fn new(happening: Happening) -> Self {
        Self {
            happening,
            core: 0,
            count: 0,
            at_ms: 0,
            member: 0,
            version: 0,
            map: &[],
            key: &[],
        }
    }

    /// Reads a payload; `None` where it is of a layout or tells of something that this version does
    /// not know, or its names do not fill it.
    #[must_use]
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let (head, names) = payload.split_first_chunk::<HEAD_BYTES>()?;
        let word = |index: usize| {
            let (words, _) = head.as_chunks::<8>();
            words.get(index).map(|word| u64::from_le_bytes(*word))
        };
        let (first, lengths) = (word(0)?, word(4)?);
        if first as u8 != LAYOUT || lengths >> 32 != 0 {
            return None;
        }
        let map_len = usize::from(lengths as u16);
        let key_len = usize::from((lengths >> 16) as u16);
        let (map, key) = names.split_at_checked(map_len)?;
        (key.len() == key_len).then_some(Self {
            happening: Happening::from_u8((first >> 8) as u8)?,
            core: (first >> 16) as u16,
            count: (first >> 32) as u32,
            at_ms: word(1)?,
            member: word(2)?,
            version: word(3)?,
            map,
            key,
        })
    }

    /// Appends the payload to `out`. False, and nothing appended, where a name is too long.
    #[must_use]
    pub fn encode(&self, out: &mut Vec<u8>) -> bool {
        let lengths = (u16::try_from(self.map.len()), u16::try_from(self.key.len()));
        let (Ok(map_len), Ok(key_len)) = lengths else {
            return false;
        };
        out.extend_from_slice(&[LAYOUT, self.happening as u8]);
        out.extend_from_slice(&self.core.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.at_ms.to_le_bytes());
        out.extend_from_slice(&self.member.to_le_bytes());
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&map_len.to_le_bytes());
        out.extend_from_slice(&key_len.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.map);
        out.extend_from_slice(self.key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_read_back_and_a_cut_or_strange_one_is_none() {
        for happening in Happening::ALL {
            assert_eq!(Happening::from_u8(*happening as u8), Some(*happening));
            let event = Event {
                core: 0x0102,
                count: 0x0304_0506,
                at_ms: 1_767_225_600_000,
                member: u64::MAX - 1,
                version: 7,
                map: b"orders",
                key: b"17",
                ..Event::new(*happening)
            };
            let mut payload = Vec::new();
            assert!(event.encode(&mut payload));
            assert_eq!(Event::decode(&payload), Some(event));
            for end in 0..payload.len() {
                assert_eq!(Event::decode(&payload[..end]), None, "cut at {end}");
            }
            payload[0] = LAYOUT + 1;
            assert_eq!(Event::decode(&payload), None);
            payload[0] = LAYOUT;
            payload[1] = 0xFF;
            assert_eq!(Event::decode(&payload), None);
        }
        assert_eq!(Happening::from_u8(0), None);
    }

    #[test]
    fn a_name_too_long_for_its_length_is_not_written() {
        let key = vec![0; usize::from(u16::MAX) + 1];
        let event = Event {
            key: &key,
            ..Event::new(Happening::EntryExpired)
        };
        let mut payload = Vec::new();
        assert!(!event.encode(&mut payload) && payload.is_empty());
    }

    #[test]
    fn every_kind_has_a_reserved_channel_of_its_own() {
        let mut channels: Vec<_> = EventKind::ALL.iter().map(|kind| kind.channel()).collect();
        let reserved = |channel: &&str| crate::channel::is_reserved(channel.as_bytes());
        assert!(channels.iter().all(reserved));
        channels.sort_unstable();
        channels.dedup();
        assert_eq!(channels.len(), EventKind::ALL.len());
        assert_eq!(EventKinds::ALL.iter().count(), EventKind::ALL.len());
    }

    #[test]
    fn a_switch_changes_what_it_names_and_leaves_the_rest() {
        let expired = EventKinds::only(EventKind::Expired);
        let member = EventKinds::only(EventKind::Member);
        let switch = EventSwitch {
            changed: expired | member,
            on: member,
        };
        assert_eq!(EventSwitch::decode(switch.encode()), Some(switch));
        let evicted = EventKinds::only(EventKind::Evicted);
        let after = (expired | evicted).changed(switch.changed, switch.on);
        assert_eq!(after, evicted | member);
        assert_eq!(EventSwitch::decode(0), Some(EventSwitch::default()));
        for strange in [1 << 5, 0x0100, 1 << 16, u64::MAX] {
            assert_eq!(EventSwitch::decode(strange), None, "{strange:#x}");
        }
    }
}
