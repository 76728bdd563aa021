//! The words in which partitions are handed over.

use crate::map::MapId;
use crate::value::Value;

/// A place in the walk over a partition. It stays good whatever happens between two calls: the
/// partition may grow, and entries may come, go, move and expire.
///
/// Entries are visited in the order of their hashes read backwards, in which a bucket that is split
/// keeps its place and divides it in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportCursor {
    partition: u16,
    /// Up to 2³², which is the end.
    position: u64,
}

const END: u64 = 1 << 32;

impl ExportCursor {
    /// The start of a partition.
    #[must_use]
    pub const fn start(partition: u16) -> Self {
        Self {
            partition,
            position: 0,
        }
    }

    /// A cursor from a position that [`position`](Self::position) gave.
    #[must_use]
    pub fn resume(partition: u16, position: u64) -> Self {
        Self {
            partition,
            position: position.min(END),
        }
    }

    /// The partition.
    #[must_use]
    pub const fn partition(&self) -> u16 {
        self.partition
    }

    /// How far the walk has come, as a number that can be kept or sent.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Whether everything has been visited.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.position >= END
    }

    pub(crate) fn finish(&mut self) {
        self.position = END;
    }

    /// The lower bits of the hash at which the walk stands.
    pub(crate) fn hash(&self) -> u64 {
        u64::from((self.position as u32).reverse_bits())
    }

    /// Steps over the bucket that holds the hashes with these lowest bits.
    pub(crate) fn step_over(&mut self, hash_bits: u32) {
        let width = END >> hash_bits;
        self.position = (self.position & !(width - 1)) + width;
    }
}

/// An entry on its way from one shard to another.
#[derive(Clone, Copy, Debug)]
pub struct ExportedEntry<'a> {
    /// The map, as the exporting shard numbers it.
    pub map: MapId,
    /// The key.
    pub key: &'a [u8],
    /// The value; none for a remembered deletion.
    pub value: Option<Value<'a>>,
    /// The version of the last change.
    pub version: u64,
    /// When the entry expires, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// When the entry was last used, where its map has an idle limit.
    pub last_use_ms: Option<u64>,
}

/// An entry that arrives from another shard.
#[derive(Clone, Copy, Debug)]
pub struct ImportedEntry<'a> {
    /// The value; none for a deletion.
    pub value: Option<&'a [u8]>,
    /// The version of the last change.
    pub version: u64,
    /// When the entry expires, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// When the entry was last used, where that is known.
    pub last_use_ms: Option<u64>,
}

/// What became of an imported entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is newer than what was here, and took its place.
    Applied,
    /// What is here is as new or newer: nothing changed.
    Older,
}
