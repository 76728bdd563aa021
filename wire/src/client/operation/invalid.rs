//! Calls that cannot be made.

use std::fmt;

use crate::limits;

/// A call that cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidCall {
    /// A key has no byte.
    KeyEmpty,
    /// A key of this many bytes is too long.
    KeyTooLarge(usize),
    /// A map name of this many bytes is too long.
    MapNameTooLarge(usize),
    /// A value of this many bytes is too large.
    ValueTooLarge(usize),
    /// A time to live of zero, or an expiry or time past what can be stored.
    Expiry,
    /// A wait for a lock that is longer than a day.
    Wait,
    /// A float counter cannot take what is not a finite number.
    NotFinite,
    /// A pattern of this many bytes is too long.
    PatternTooLong(usize),
    /// A request is about 1 to 16,384 keys, and so is the page of a scan.
    Count(u32),
    /// The name of a channel of this many bytes is too long.
    ChannelTooLarge(usize),
    /// A result is asked of another pipeline than the one that has it.
    AnotherPipeline,
}

impl fmt::Display for InvalidCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyEmpty => f.write_str("a key is empty"),
            Self::KeyTooLarge(bytes) => {
                write!(
                    f,
                    "a key of {bytes} bytes, {} are allowed",
                    limits::KEY_BYTES_MAX
                )
            }
            Self::MapNameTooLarge(bytes) => {
                write!(
                    f,
                    "a map name of {bytes} bytes, {} are allowed",
                    limits::MAP_NAME_BYTES_MAX
                )
            }
            Self::ValueTooLarge(bytes) => write!(f, "a value of {bytes} bytes is too large"),
            Self::Expiry => f.write_str("the expiry is outside what can be stored"),
            Self::Wait => f.write_str("a lock can be waited for a day at most"),
            Self::NotFinite => f.write_str("a float counter takes finite numbers only"),
            Self::ChannelTooLarge(bytes) => write!(
                f,
                "a channel name of {bytes} bytes, {} are allowed",
                limits::CHANNEL_BYTES_MAX
            ),
            Self::AnotherPipeline => f.write_str("the command is of another pipeline"),
            Self::PatternTooLong(bytes) => {
                write!(
                    f,
                    "a pattern of {bytes} bytes, {} are allowed",
                    limits::PATTERN_BYTES_MAX
                )
            }
            Self::Count(count) => {
                write!(
                    f,
                    "{count} keys at once, 1 to {} are allowed",
                    limits::MULTI_ITEMS_MAX
                )
            }
        }
    }
}

impl std::error::Error for InvalidCall {}
