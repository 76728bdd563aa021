//! The operations, their numbers, and what a request of each may carry.
//!
//! Numbers are grouped by family with room to grow: `0x0_` the connection, `0x1_` one key,
//! `0x2_` many keys, `0x3_` locks, `0x4_` whole maps, `0x5_` channels. A number is never given a second meaning.

use crate::flags::RequestFlags;

/// Bit set of the optional parts of a request that an operation uses. A part that is not used
/// must be empty or zero, so that a later version can give it a meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts(u8);

impl Parts {
    /// Nothing beyond the header.
    pub const NONE: Self = Self(0);
    /// A map name (may be empty: the default map).
    pub const MAP: Self = Self(1);
    /// A key.
    pub const KEY: Self = Self(2);
    /// A value section.
    pub const VALUE: Self = Self(4);
    /// The `arg` field.
    pub const ARG: Self = Self(8);
    /// The `version` field.
    pub const VERSION: Self = Self(16);
    /// The `count` field.
    pub const COUNT: Self = Self(32);

    /// Every part with its name.
    pub const NAMES: &'static [(Self, &'static str)] = &[
        (Self::MAP, "map"),
        (Self::KEY, "key"),
        (Self::VALUE, "value"),
        (Self::ARG, "arg"),
        (Self::VERSION, "version"),
        (Self::COUNT, "count"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every part of `other` is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The parts of this set that `allowed` lacks.
    #[must_use]
    #[inline]
    pub const fn without(self, allowed: Self) -> Self {
        Self(self.0 & !allowed.0)
    }

    /// Whether the set is empty.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The part with the lowest bit, by name; "nothing" where the set is empty.
    #[must_use]
    pub fn first_name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(part, _)| self.contains(*part))
            .map_or("nothing", |(_, n)| *n)
    }

    /// The set of the parts that are present.
    #[must_use]
    #[inline]
    pub(crate) fn present(
        lengths: (usize, usize, usize),
        arg: u64,
        version: u64,
        count: u32,
    ) -> Self {
        let (map, key, value) = lengths;
        Self(
            u8::from(map != 0)
                | u8::from(key != 0) << 1
                | u8::from(value != 0) << 2
                | u8::from(arg != 0) << 3
                | u8::from(version != 0) << 4
                | u8::from(count != 0) << 5,
        )
    }
}

/// What a request of one operation may and must carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Flags that the operation understands.
    pub flags: RequestFlags,
    /// Parts that the operation uses.
    pub parts: Parts,
    /// How the payload is read.
    pub kind: Kind,
}

/// How the payload of an operation is read and where it is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// About the connection or the node: served by whichever core reads it.
    Connection,
    /// About one key, which must not be empty: served by the core that owns it.
    Key,
    /// About many keys: split over their owners.
    Multi,
    /// About the keys of a map from a cursor on: served by the core that the cursor names.
    Scan,
    /// About the keys of a slot: served by the core that owns it.
    Slot,
    /// About a whole map or the whole node: executed by every core, answered once.
    Everywhere,
    /// About channels: served by whichever core reads it, which tells the others.
    Channel,
    /// No request: the node sends it unasked.
    Pushed,
}

macro_rules! opcodes {
    ($($(#[$meta:meta])* $name:ident = $number:literal, $kind:ident, $parts:expr, $flags:expr;)+) => {
        /// An operation. `Opcode::Unknown` occurs only in replies.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Opcode {
            /// Never a request: the reply answers a request whose opcode was not understood.
            Unknown = 0x00,
            $($(#[$meta])* $name = $number,)+
        }

        impl Opcode {
            /// Every operation that a request may name, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The operation with this number, or `None`.
            #[must_use]
            #[inline]
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The name that `PROTOCOL.md` uses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Unknown => "Unknown",
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What a request of this operation may and must carry.
            #[must_use]
            #[inline]
            pub const fn shape(self) -> Shape {
                match self {
                    Self::Unknown => {
                        Shape { flags: RequestFlags::NONE, parts: Parts::NONE, kind: Kind::Connection }
                    }
                    $(Self::$name => Shape { flags: $flags, parts: $parts, kind: Kind::$kind },)+
                }
            }
        }
    };
}

/// The `arg` of an `Exists` request that asks for the memory that an entry takes.
pub const EXISTS_MEMORY: u64 = 1;

const KEYED: Parts = Parts::MAP.with(Parts::KEY);
const MANY: Parts = Parts::MAP.with(Parts::VALUE).with(Parts::COUNT);
const NAMES: Parts = Parts::VALUE.with(Parts::COUNT);
const TTL: RequestFlags = RequestFlags::TTL_RELATIVE.union(RequestFlags::TTL_ABSOLUTE);
const PUT: RequestFlags = TTL
    .union(RequestFlags::KEEP_TTL)
    .union(RequestFlags::IF_ABSENT)
    .union(RequestFlags::IF_PRESENT)
    .union(RequestFlags::RETURN_OLD);
const EXPIRE: RequestFlags = TTL
    .union(RequestFlags::IF_ABSENT)
    .union(RequestFlags::IF_PRESENT)
    .union(RequestFlags::IF_LATER)
    .union(RequestFlags::IF_EARLIER);
const PUT_IF: RequestFlags = TTL
    .union(RequestFlags::KEEP_TTL)
    .union(RequestFlags::RETURN_OLD);
const CAS: RequestFlags = TTL
    .union(RequestFlags::KEEP_TTL)
    .union(RequestFlags::IF_ABSENT);

opcodes! {
    /// Does nothing and answers with an empty frame: the transport alone. Map, key and value
    /// are allowed and ignored, so that frames of any size can be timed.
    Noop = 0x01, Connection, KEYED.with(Parts::VALUE), RequestFlags::NONE;
    /// Echoes its value. Reply: the same `value`.
    Ping = 0x02, Connection, Parts::VALUE, RequestFlags::NONE;
    /// Negotiates protocol and checksums; see [`crate::hello`].
    Hello = 0x03, Connection, Parts::VALUE, RequestFlags::NONE;
    /// Answers with the cluster's topology.
    Topology = 0x04, Connection, Parts::NONE, RequestFlags::NONE;
    /// Answers with counters as text, or, where `arg` is the number of a core plus 1, with that
    /// core's latencies; see [`crate::stats`].
    Stats = 0x05, Connection, Parts::ARG, RequestFlags::NONE;
    /// Recounts what the serving core holds, in slices beside its work, or tells how far that is.
    Verify = 0x06, Connection, Parts::ARG, RequestFlags::NONE;
    /// Tells the settings of a map, or with `arg` = 1 the defaults of all; see [`crate::settings`].
    /// Reply: `value` = the text.
    SettingsGet = 0x07, Connection, Parts::MAP.with(Parts::ARG), RequestFlags::NONE;
    /// Changes settings of a map, or with `arg` = 1 the defaults of all. Reply as `SettingsGet`.
    SettingsSet = 0x08, Connection, Parts::MAP.with(Parts::VALUE).with(Parts::ARG), RequestFlags::NONE;
    /// The keys that are used most now, at most `arg` of them. Reply: items in `value`;
    /// see [`crate::stats`].
    HotKeys = 0x09, Connection, Parts::ARG, RequestFlags::NONE;
    /// What the node counted for the map (`arg` 0), or for some of the maps from its name on (1) or
    /// behind it (2). Reply: items in `value`, `arg` = 1 where there are more; or `NotFound`.
    MapStats = 0x0A, Connection, Parts::MAP.with(Parts::ARG), RequestFlags::NONE;
    /// The value of a key. Reply: `value`, `version`; or `NotFound`.
    Get = 0x10, Key, KEYED, RequestFlags::NONE;
    /// The value of a key with its metadata. Reply: `value`, `version`, `arg` = expiry in Unix
    /// milliseconds (0: never); or `NotFound`.
    GetMeta = 0x11, Key, KEYED, RequestFlags::NONE;
    /// Stores a value; without a TTL flag it expires as its map's settings say. `arg` as the TTL flag says. Reply: the
    /// stored `version`; or `Exists` (asked for an absent key) or `NotFound` (asked for a present
    /// one). With `RETURN_OLD` also `value` and, as `arg`, the version of the entry that stood
    /// there (0: none did).
    Put = 0x12, Key, KEYED.with(Parts::VALUE).with(Parts::ARG), PUT;
    /// Removes a key. Reply: `arg` = number removed: `Ok` with 1, or `NotFound` with 0.
    Delete = 0x13, Key, KEYED, RequestFlags::NONE;
    /// Whether a key is present. Reply: `Ok` with its `version` and `arg` = bytes of its value, or with
    /// `arg` = [`crate::EXISTS_MEMORY`] bytes of memory that it takes; or `NotFound`.
    Exists = 0x14, Key, KEYED.with(Parts::ARG), RequestFlags::NONE;
    /// Sets the expiry of a key; at or before now it removes the key. Reply: `Ok`, `arg` = the new
    /// expiry in Unix milliseconds (0: it was removed), `version`; `Mismatch`, where a condition
    /// does not hold, with `arg` = the expiry that is there (0: never) and `version`; or `NotFound`.
    Expire = 0x15, Key, KEYED.with(Parts::ARG), EXPIRE;
    /// Removes the expiry of a key. Reply: `Ok`, `arg` = 1 where there was one, else 0, `version`;
    /// or `NotFound`.
    Persist = 0x16, Key, KEYED, RequestFlags::NONE;
    /// The time that a key has left. Reply: `Ok`, `arg` = milliseconds left, at least 1 (0: it never
    /// expires), `version`; or `NotFound`.
    Ttl = 0x17, Key, KEYED, RequestFlags::NONE;
    /// Adds `arg`, a two's-complement 64-bit integer, to a counter; an absent key counts from 0.
    /// The expiry stays. Reply: `arg` = the new value, `version`; or `NotANumber`, `Overflow`.
    Incr = 0x18, Key, KEYED.with(Parts::ARG), RequestFlags::NONE;
    /// Subtracts `arg` from a counter; else as `Incr`.
    Decr = 0x19, Key, KEYED.with(Parts::ARG), RequestFlags::NONE;
    /// Removes a key and answers with what it held. Reply: `value` and `version` of the removed
    /// entry; or `NotFound`.
    GetDelete = 0x1A, Key, KEYED, RequestFlags::NONE;
    /// Appends the value to the entry's, keeping its expiry; an absent key counts as empty. Reply:
    /// `arg` = bytes of the whole value, `version`; or `ValueTooLarge`.
    Append = 0x1B, Key, KEYED.with(Parts::VALUE), RequestFlags::NONE;
    /// Adds `arg`, the bits of a finite 64-bit float, to a number in decimal text; an absent key
    /// counts from 0. The expiry stays. Reply: `arg` = the bits of the sum, `version`; or
    /// `NotANumber`, `Overflow`.
    IncrFloat = 0x1C, Key, KEYED.with(Parts::ARG), RequestFlags::NONE;
    /// Stores a value if the entry has the request's `version`, or with `IF_ABSENT` if there is
    /// none. Expiry as in `Put`. Reply: the stored `version`; `Mismatch` or `Exists` with the
    /// `version` that is there; or `NotFound`.
    Cas = 0x1D, Key, KEYED.with(Parts::VALUE).with(Parts::ARG).with(Parts::VERSION), CAS;
    /// Stores a value if the entry has the expected one, or with `IF_ABSENT` if there is none; see
    /// [`crate::compare`]. Expiry as in `Put`. Reply: the stored `version`; `Mismatch` or `Exists`
    /// with the `version` and `value` that are there; or `NotFound`.
    CasValue = 0x1E, Key, KEYED.with(Parts::VALUE).with(Parts::ARG), CAS;
    /// The values of many keys. Reply: one item for each key, in order; `arg` = number found.
    MultiGet = 0x20, Multi, MANY, RequestFlags::NONE;
    /// Stores many values with one expiry. Reply: one item for each entry, in order; `arg` = number
    /// stored.
    /// With `IF_ABSENT` all or none, on one core: `Exists` where any key is present, `ManyOwners`.
    MultiPut = 0x21, Multi, MANY.with(Parts::ARG), TTL
        .union(RequestFlags::KEEP_TTL)
        .union(RequestFlags::IF_ABSENT);
    /// Removes many keys. Reply: one item for each key, in order; `arg` = number removed.
    MultiDelete = 0x22, Multi, MANY, RequestFlags::NONE;
    /// Whether keys are present; their use is not counted. Reply: one item for each key, in order;
    /// `arg` = number present.
    MultiExists = 0x24, Multi, MANY, RequestFlags::NONE;
    /// Some bytes of a value; see [`crate::range`]. Reply: `value` = those bytes, `arg` = bytes of
    /// the whole value, `version`; or `NotFound`.
    GetRange = 0x28, Key, KEYED.with(Parts::VALUE), RequestFlags::NONE;
    /// Overwrites bytes of a value from the offset `arg` on, with zero bytes before it where the
    /// value is shorter, keeping the expiry; an absent key counts as empty. Reply: `arg` = bytes of
    /// the whole value, `version`; or `ValueTooLarge`.
    SetRange = 0x29, Key, KEYED.with(Parts::VALUE).with(Parts::ARG), RequestFlags::NONE;
    /// The value of a key, whose expiry is set, or removed without a TTL flag. Reply: `value`,
    /// `version`, `arg` = the new expiry in Unix milliseconds (0: never); or `NotFound`.
    GetExpire = 0x2A, Key, KEYED.with(Parts::ARG), TTL;
    /// Stores a value if a condition holds of the one that is there; see [`crate::condition`].
    /// Expiry as in `Put`. Reply: the stored `version`; `Mismatch` with the `version` that is
    /// there; or `NotFound`. With `RETURN_OLD` also `value` and, as `arg`, the version of the entry
    /// that stood there (0: none did).
    PutIf = 0x2B, Key, KEYED.with(Parts::VALUE).with(Parts::ARG), PUT_IF;
    /// Removes a key if a condition holds of its value; see [`crate::condition`]. Reply: `Ok` with
    /// `arg` = 1; `Mismatch` with the `version` that is there; or `NotFound`.
    DeleteIf = 0x2C, Key, KEYED.with(Parts::VALUE), RequestFlags::NONE;
    /// The digest of a value. Reply: `arg` = its XXH3-64, `version`; or `NotFound`.
    Digest = 0x2D, Key, KEYED, RequestFlags::NONE;
    /// Takes the lock of this name, waiting in line as long as the value says; see
    /// [`crate::lock`]. With `TTL_RELATIVE` it is given back after `arg` milliseconds. Reply:
    /// `version` = the token; or `LockNotAcquired`.
    Lock = 0x30, Key, KEYED.with(Parts::VALUE).with(Parts::ARG), RequestFlags::TTL_RELATIVE;
    /// Gives the lock back that is held under the token `version`. Reply: `Ok` or `NoSuchLock`.
    Unlock = 0x31, Key, KEYED.with(Parts::VERSION), RequestFlags::NONE;
    /// Has the lock that is held under the token `version` given back `arg` milliseconds from now.
    /// Reply: `version` = the same token, `arg` = the expiry in Unix milliseconds; or `NoSuchLock`.
    Lease = 0x32, Key, KEYED.with(Parts::ARG).with(Parts::VERSION), RequestFlags::TTL_RELATIVE;
    /// Keys of a map from the cursor `arg` on, 0 being the start; see [`crate::scan`]. Reply: the
    /// keys, `count` of them, and `arg` = the cursor to go on from, 0 where the scan is over.
    Scan = 0x40, Scan, Parts::MAP.with(Parts::VALUE).with(Parts::ARG), RequestFlags::THIS_CORE;
    /// Removes every entry of a map. Reply: `arg` = number removed.
    Destroy = 0x41, Everywhere, Parts::MAP, RequestFlags::NONE;
    /// The number of entries of a map. Reply: `arg` = that number.
    Size = 0x42, Everywhere, Parts::MAP, RequestFlags::THIS_CORE;
    /// A key of a map, drawn at random. Reply: `value` = the key, `arg` = the number of entries; or
    /// `NotFound` where there is none.
    RandomKey = 0x43, Everywhere, Parts::MAP, RequestFlags::THIS_CORE;
    /// Keys of a map in the slot `arg`; the value as in [`crate::scan`]. Reply: the keys, `count` of
    /// them, and `arg` = how many there are in all.
    SlotKeys = 0x44, Slot, Parts::MAP.with(Parts::VALUE).with(Parts::ARG), RequestFlags::NONE;
    /// Subscribes the connection to channels; see [`crate::channel`]. Reply: `arg` = subscriptions of
    /// the connection, those to patterns included; or `TooManySubscriptions`.
    Subscribe = 0x50, Channel, NAMES, RequestFlags::NONE;
    /// Ends subscriptions to channels, without a name all of them. Reply: as `Subscribe`.
    Unsubscribe = 0x51, Channel, NAMES, RequestFlags::NONE;
    /// Subscribes the connection to all channels whose names match a pattern. Reply: as `Subscribe`.
    PatternSubscribe = 0x52, Channel, NAMES, RequestFlags::NONE;
    /// Ends subscriptions to patterns, without one all of them. Reply: as `Subscribe`.
    PatternUnsubscribe = 0x53, Channel, NAMES, RequestFlags::NONE;
    /// Sends the value to whoever is subscribed to the channel `key`. Reply: `arg` = messages that
    /// were handed to connections.
    Publish = 0x54, Channel, Parts::KEY.with(Parts::VALUE), RequestFlags::NONE;
    /// Names of channels with subscribers from the cursor `arg` on; as `Scan`.
    Channels = 0x55, Channel, Parts::VALUE.with(Parts::ARG), RequestFlags::NONE;
    /// How many connections are subscribed to each of the channels by name. Reply: one item for
    /// each name, in order.
    Subscribers = 0x56, Channel, NAMES, RequestFlags::NONE;
    /// Reply: `arg` = number of different patterns that connections are subscribed to.
    Patterns = 0x57, Channel, Parts::NONE, RequestFlags::NONE;
    /// A message for a subscriber, or with a status the reason why it gets no more; see
    /// [`crate::channel`].
    Message = 0x58, Pushed, Parts::NONE, RequestFlags::NONE;
    /// Which kinds of events the node publishes; see [`crate::event`]. Reply: `arg` = the kinds that
    /// are on.
    Events = 0x59, Channel, Parts::ARG, RequestFlags::NONE;
}

impl Opcode {
    /// The number that stands in a frame.
    #[must_use]
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether every core executes it.
    #[must_use]
    #[inline]
    pub const fn is_everywhere(self) -> bool {
        matches!(self.shape().kind, Kind::Everywhere)
    }

    /// Whether sending the request a second time changes nothing that the first did not: such
    /// a request may be retried when its outcome is unknown.
    #[must_use]
    pub const fn is_read(self) -> bool {
        match self {
            Self::Noop
            | Self::Ping
            | Self::Hello
            | Self::Topology
            | Self::Stats
            | Self::Verify
            | Self::SettingsGet
            | Self::HotKeys
            | Self::MapStats
            | Self::Get
            | Self::GetMeta
            | Self::Exists
            | Self::Ttl
            | Self::MultiGet
            | Self::GetRange
            | Self::Digest
            | Self::MultiExists
            | Self::Scan
            | Self::Size
            | Self::RandomKey
            | Self::SlotKeys
            | Self::Channels
            | Self::Subscribers
            | Self::Patterns => true,
            Self::Unknown
            | Self::SettingsSet
            | Self::Put
            | Self::Delete
            | Self::Expire
            | Self::Persist
            | Self::Incr
            | Self::Decr
            | Self::GetDelete
            | Self::Append
            | Self::IncrFloat
            | Self::Cas
            | Self::CasValue
            | Self::Lock
            | Self::Unlock
            | Self::Lease
            | Self::MultiPut
            | Self::MultiDelete
            | Self::SetRange
            | Self::GetExpire
            | Self::PutIf
            | Self::DeleteIf
            | Self::Destroy
            | Self::Subscribe
            | Self::Unsubscribe
            | Self::PatternSubscribe
            | Self::PatternUnsubscribe
            | Self::Publish
            | Self::Message
            | Self::Events => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_read_back() {
        let mut names: Vec<_> = Opcode::ALL.iter().map(|opcode| opcode.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Opcode::ALL.len());
        for opcode in Opcode::ALL {
            assert_eq!(Opcode::from_u8(opcode.as_u8()), Some(*opcode));
        }
        let known = (0..=u8::MAX)
            .filter(|number| Opcode::from_u8(*number).is_some())
            .count();
        assert_eq!(
            known,
            Opcode::ALL.len(),
            "a number that no operation owns was accepted"
        );
        assert_eq!(Opcode::from_u8(0), None, "0 answers, it never asks");
    }

    #[test]
    fn every_keyed_operation_may_name_a_map() {
        for opcode in Opcode::ALL {
            let shape = opcode.shape();
            match shape.kind {
                Kind::Connection | Kind::Everywhere | Kind::Channel | Kind::Pushed => {}
                Kind::Key => assert!(shape.parts.contains(KEYED), "{opcode:?}"),
                Kind::Multi => assert!(shape.parts.contains(MANY), "{opcode:?}"),
                Kind::Scan | Kind::Slot => assert!(shape.parts.contains(Parts::MAP), "{opcode:?}"),
            }
        }
    }
}
