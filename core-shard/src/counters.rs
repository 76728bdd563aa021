//! What a shard counts: events since its start, and what its memory holds now.

/// Events since the start. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reads asked for.
    pub gets: u64,
    /// Reads that found a live entry.
    pub hits: u64,
    /// Puts that stored.
    pub puts: u64,
    /// Puts that overwrote the entry where it lay.
    pub puts_in_place: u64,
    /// Entries removed by a delete.
    pub deletes: u64,
    /// Entries whose end was their expiry or idle time.
    pub expired: u64,
    /// Entries removed to make room.
    pub evicted: u64,
    /// Writes refused because the memory or the map was full.
    pub refused: u64,
    /// Deletions that could not be remembered for want of memory.
    pub deletions_forgotten: u64,
    /// Segments freed whole by the expiry sweep.
    pub segments_swept: u64,
    /// Segments freed by eviction.
    pub segments_evicted: u64,
    /// Segments freed by compaction.
    pub segments_compacted: u64,
    /// Entries moved by compaction or by promotion to the main queue.
    pub entries_moved: u64,
    /// Blocks of large values moved to free whole segments.
    pub blocks_moved: u64,
    /// Index buckets split by growth.
    pub bucket_splits: u64,
}

/// What the memory holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Live entries, those included that have expired but are not yet swept.
    pub entries: u64,
    /// Of these, the ones that expire. One that was made to last where it lay is counted until its
    /// neighbours expire and it is moved.
    pub expiring: u64,
    /// Bytes of live entries, headers included.
    pub live_bytes: u64,
    /// Bytes of the whole arena.
    pub arena_bytes: u64,
    /// Bytes of the arena that the index occupies.
    pub index_bytes: u64,
    /// Bytes of fixed tables beside the arena.
    pub table_bytes: u64,
    /// Size of one segment.
    pub segment_bytes: u64,
    /// Segments in all.
    pub segments: u32,
    /// Segments ready for use.
    pub segments_free: u32,
    /// Index slots whose entry is gone but which are not cleaned yet.
    pub stale_slots: u64,
}

/// What a completed [`Shard::verify`](crate::Shard::verify) counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Live entries.
    pub entries: u64,
    /// Bytes of live entries.
    pub live_bytes: u64,
    /// Index buckets, overflow buckets included.
    pub buckets: u64,
    /// Slots whose entry is gone.
    pub stale_slots: u64,
    /// Segments in all.
    pub segments: u64,
    /// Of these, segments that changed too often to be counted, in a recount in slices.
    pub segments_skipped: u64,
}
