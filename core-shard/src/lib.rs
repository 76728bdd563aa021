//! Jerboa core-shard: what one core owns. A [`Shard`] holds the entries of a set of partitions in
//! memory reserved at its start, and does every operation on them.
//!
//! No I/O, no async, no clock and no locks: time is the argument `now_ms` (Unix milliseconds), the
//! hash seed is in the configuration, and every operation takes `&mut self`. The owner calls
//! [`Shard::step`] between its batches of operations: sweeps, eviction, compaction and all other
//! background work happen there, a slice of a few dozen microseconds at a time.
//!
//! ```text
//!   put ──> open segment of (group, pool, TTL class) ──> sealed ──> swept | evicted | compacted
//!   get ──> partition ──> bucket: 8 slots {tag, frequency, generation, segment, offset} ──> entry
//! ```
//!
//! ```
//! use jerboa_core_shard::{Condition, Expiry, MapId, PutOptions, Shard, ShardConfig};
//!
//! let mut shard = Shard::new(&ShardConfig::owning_all(16 << 20, 4))?;
//! let now_ms = 1_800_000_000_000;
//! let at = shard.address(MapId::DEFAULT, 3, b"jerboa");
//! let options = PutOptions { condition: Condition::Always, expiry: Expiry::At(now_ms + 500) };
//! shard.put(at, b"jerboa", b"jumps", options, now_ms)?;
//! let entry = shard.get(at, b"jerboa", now_ms + 499).ok_or("it is still there")?;
//! assert_eq!(entry.value.to_vec(), b"jumps");
//! assert!(shard.get(at, b"jerboa", now_ms + 500).is_none());
//! while shard.step(now_ms + 500, 64) {}
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod counters;
mod destroyed;
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
mod witness;

pub use config::{FullPolicy, HugePages, PageKind, ShardConfig, ShardSetupError, TagScan};
pub use counters::{Counters, Usage, VerifyReport};
pub use error::{Corruption, ShardError};
pub use handover::{ExportCursor, ExportedEntry, ImportOutcome, ImportedEntry};
pub use limits::MapLimits;
pub use map::{MAP_NAME_BYTES_MAX, MapCounters, MapId, MapUsage};
pub use operation::{
    Address, Condition, Counter, Expiry, ExpiryOutcome, Metadata, PutOptions, PutOutcome,
};
pub use shard::{Shard, VerifyCursor};
pub use value::{Entry, Parts, Value};
pub use witness::{Departed, Departure, Interest};
