//! Why an operation was refused. The shard's state is unchanged after every one of them.

use core::fmt;

/// A refused operation; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardError {
    /// The memory is full and nothing may be evicted for this write.
    OutOfMemory,
    /// The map has reached its limit of keys or bytes and its policy is to refuse.
    MapFull,
    /// The value is longer than the limit of this shard.
    ValueTooLarge {
        /// The limit in bytes.
        limit_bytes: u32,
    },
    /// The key is longer than 65,535 bytes.
    KeyTooLarge,
    /// The key has no bytes.
    EmptyKey,
    /// The map's name is longer than 255 bytes.
    MapNameTooLarge,
    /// The shard knows as many maps as it can.
    TooManyMaps,
    /// As many maps with a limit of keys or bytes exist as the shard can hold.
    TooManyLimitedMaps,
    /// The value is not a decimal integer of 64 bits.
    NotANumber,
    /// The counter would leave the range of 64 bits.
    Overflow,
    /// This shard does not own the partition.
    NotOwned,
    /// The partition is owned already, or is still being dropped.
    AlreadyOwned,
    /// The map is unknown to this shard.
    NoSuchMap,
}

impl fmt::Display for ShardError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => formatter.write_str("the memory is full"),
            Self::MapFull => formatter.write_str("the map is full"),
            Self::ValueTooLarge { limit_bytes } => {
                write!(formatter, "the value is longer than {limit_bytes} bytes")
            }
            Self::KeyTooLarge => formatter.write_str("the key is longer than 65535 bytes"),
            Self::EmptyKey => formatter.write_str("the key is empty"),
            Self::MapNameTooLarge => formatter.write_str("the map name is longer than 255 bytes"),
            Self::TooManyMaps => formatter.write_str("too many maps"),
            Self::TooManyLimitedMaps => formatter.write_str("too many maps with limits"),
            Self::NotANumber => formatter.write_str("the value is not a 64-bit integer"),
            Self::Overflow => formatter.write_str("the counter would overflow"),
            Self::NotOwned => formatter.write_str("the partition is not owned by this shard"),
            Self::AlreadyOwned => formatter.write_str("the partition is owned already"),
            Self::NoSuchMap => formatter.write_str("no such map"),
        }
    }
}

impl core::error::Error for ShardError {}

/// What [`Shard::verify`](crate::Shard::verify) found broken. A bug of this crate, never of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// Which invariant does not hold.
    pub what: &'static str,
    /// Where: a segment, a partition or a bucket, as `what` says.
    pub place: u64,
    /// What the recount gave.
    pub found: u64,
    /// What the books say.
    pub expected: u64,
}

impl fmt::Display for Corruption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            place,
            found,
            expected,
        } = self;
        write!(
            formatter,
            "{what} at {place}: found {found}, the books say {expected}"
        )
    }
}

impl core::error::Error for Corruption {}
