//! The words in which operations are asked for and answered: addresses, options, outcomes.

use crate::index::Home;
use crate::map::MapId;

/// Where a key lives: computed once per request by [`Shard::address`](crate::Shard::address),
/// then used for prefetching and for the operation itself.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The map.
    pub map: MapId,
    /// The partition of the key.
    pub partition: u16,
    /// The seeded hash of map and key.
    pub hash: u64,
    /// Where the key's chain begins, as [`Shard::prefetch`](crate::Shard::prefetch) found it.
    pub(crate) home: Home,
    /// The index's epoch in which it does.
    pub(crate) epoch: u64,
}

/// Under which condition a put stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// Only if there is no live entry.
    IfAbsent,
    /// Only if there is a live entry.
    IfPresent,
}

/// When the stored entry expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Never; an earlier expiry is cleared.
    #[default]
    None,
    /// At this Unix time in milliseconds: gone at that very millisecond. A time at or before now
    /// stores nothing and removes the entry.
    At(u64),
    /// As the entry that is overwritten; never if there is none.
    Keep,
    /// After its map's [`ttl_ms`](crate::MapLimits::ttl_ms); never if it has none.
    AsMap,
}

/// How a put is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// When it stores at all.
    pub condition: Condition,
    /// When the entry expires.
    pub expiry: Expiry,
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The value is stored under this version.
    Stored {
        /// The entry's new version.
        version: u64,
    },
    /// `IfAbsent`, and there is an entry: nothing changed.
    Exists,
    /// `IfPresent`, and there is none: nothing changed.
    Missing,
}

/// What a change of the expiry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryOutcome {
    /// The entry has the new expiry and a new version.
    Updated {
        /// The entry's new version.
        version: u64,
    },
    /// The new expiry is at or before now: the entry is removed.
    Deleted,
    /// There is no such entry.
    Missing,
    /// An expiry more than 49 days ahead may need a longer entry, and there is no room for it:
    /// nothing changed.
    OutOfMemory,
}

/// A counter after an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The sum.
    pub value: i64,
    /// The entry's new version.
    pub version: u64,
}

/// What is known of an entry besides its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The version of the last change.
    pub version: u64,
    /// When the entry expires, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// The length of the value.
    pub value_bytes: u32,
}
