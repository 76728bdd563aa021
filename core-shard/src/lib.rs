//! Jerboa core-shard: what one core owns. A [`Shard`] holds the entries of a set of partitions in
//! memory reserved at its start, and does every operation on them.
//!
//! No I/O, no async, no clock and no locks: time is the argument `now_ms` (Unix milliseconds), the
//! hash seed is in the configuration, and every operation takes `&mut self`.

mod config;
mod counters;
mod entry;
mod error;
mod handover;
mod hash;
mod index;
mod limits;
mod map;
mod mem;
mod operation;
mod segment;
mod shard;
mod ttl_class;
mod value;
mod version;

pub use config::{FullPolicy, HugePages, PageKind, ShardConfig, ShardSetupError, TagScan};
pub use counters::{Counters, Usage, VerifyReport};
pub use error::{Corruption, ShardError};
pub use handover::{ExportCursor, ExportedEntry, ImportOutcome, ImportedEntry};
pub use limits::MapLimits;
pub use map::{MAP_NAME_BYTES_MAX, MapId, MapUsage};
pub use operation::{
    Address, Condition, Counter, Expiry, ExpiryOutcome, Metadata, PutOptions, PutOutcome,
};
pub use shard::{Shard, VerifyCursor};
pub use value::{Entry, Parts, Value};
