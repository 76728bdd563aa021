//! Jerboa core-shard: what one core owns. A [`Shard`] holds the entries of a set of partitions in
//! memory reserved at its start, and does every operation on them.
//!
//! No I/O, no async, no clock and no locks: time is the argument `now_ms` (Unix milliseconds), the
//! hash seed is in the configuration, and every operation takes `&mut self`.

mod config;
mod counters;
mod error;
mod map;
mod operation;
mod shard;
mod value;

pub use config::{FullPolicy, HugePages, PageKind, ShardConfig, ShardSetupError, TagScan};
pub use counters::{Counters, Usage, VerifyReport};
pub use error::{Corruption, ShardError};
pub use map::MapId;
pub use operation::{
    Address, Condition, Counter, Expiry, ExpiryOutcome, Metadata, PutOptions, PutOutcome,
};
pub use shard::Shard;
pub use value::{Entry, Parts, Value};
