//! The shard: one core's entries and every operation on them.
//!
//! I1: every slot of the index that is not stale refers to an entry that is not marked dead, and
//!     every entry not marked dead in a segment with live entries is referred to by one slot.
//! I2: the books of maps, segments and partitions add up to what is there (`verify.rs`).
//! I3: an operation that answers an error has changed nothing that a caller can see.

mod clean;
#[cfg(test)]
mod collision_test;
#[cfg(test)]
mod corruption_test;
mod count;
mod destroy;
mod handover;
mod idle;
mod large;
mod limits;
mod lookup;
mod observe;
mod read;
mod reclaim;
#[cfg(test)]
mod room_test;
mod store;
mod sweep;
mod upkeep;
mod verify;
mod verify_slices;
mod write;

use crate::config::{FullPolicy, PageKind, ShardConfig, ShardSetupError};
use crate::counters::{Counters, Usage};
use crate::destroyed::Destroyed;
use crate::entry::{HEADER_BYTES, Header, INLINE_BYTES_MAX, KEY_BYTES_MAX};
use crate::error::ShardError;
use crate::hash::KeyHash;
use crate::index::scan::Scan;
use crate::index::slot::SEGMENTS_MAX;
use crate::index::split::FIRST_TABLE_BYTES;
use crate::index::{Home, Index, NO_EPOCH, Partition};
use crate::limits::Limits;
use crate::map::{MapCounters, MapId, MapUsage, Maps};
use crate::mem::{BUCKET_BYTES, Region};
use crate::operation::Address;
use crate::segment::{RESERVE, Segments};
use crate::version::VersionClock;
use crate::witness::Witness;

const SEGMENT_SHIFT_MIN: u32 = 18;
const SEGMENT_SHIFT_MAX: u32 = 21;
/// Segments are made smaller rather than fewer, down to the smallest size.
const SEGMENTS_WANTED: usize = 4096;
/// Fewer than this, and open segments and reserves would be most of the memory.
const SEGMENTS_MIN: usize = 16;
const PARTITION_COUNT_MAX: u16 = 16_384;
/// Buckets are numbered with 32 bits.
const ARENA_BYTES_MAX: usize = (u32::MAX as usize) * BUCKET_BYTES;

pub use verify_slices::VerifyCursor;

/// One core's slice of the partitions and all their entries.
pub struct Shard {
    memory: Region,
    segments: Segments,
    index: Index,
    maps: Maps,
    versions: VersionClock,
    counters: Counters,
    hasher: KeyHash,
    scan: Scan,
    full_policy: FullPolicy,
    value_bytes_max: u32,
    /// Longer values are kept in blocks.
    inline_bytes_max: usize,
    /// Entries that the index refers to, remembered deletions included.
    records: u64,
    tombstones: u64,
    live_bytes: u64,
    limits: Limits,
    destroyed: Destroyed,
    limit_work: limits::LimitWork,
    upkeep: upkeep::Upkeep,
    witness: Option<Box<Witness>>,
}

impl Shard {
    /// Reserves the memory and builds an empty shard.
    pub fn new(config: &ShardConfig) -> Result<Self, ShardSetupError> {
        check_partitions(config)?;
        if config.value_bytes_max > ShardConfig::VALUE_BYTES_MAX_DEFAULT {
            let configured_bytes = config.value_bytes_max;
            return Err(ShardSetupError::ValueLimit { configured_bytes });
        }
        let (shift, count) = layout(config)?;
        let memory = Region::new(count << shift, config.huge_pages, config.prefault)?;
        let partition_count = usize::from(config.partition_count);
        let segment_order = shift - BUCKET_BYTES.ilog2();
        Ok(Self {
            memory,
            segments: Segments::new(count, shift),
            index: Index::new(partition_count, &config.partitions, segment_order),
            maps: Maps::new(),
            versions: VersionClock::default(),
            counters: Counters::default(),
            hasher: KeyHash::new(config.hash_seed),
            scan: Scan::new(config.tag_scan),
            full_policy: config.full_policy,
            value_bytes_max: config.value_bytes_max,
            inline_bytes_max: INLINE_BYTES_MAX.min((1 << shift) / 8),
            records: 0,
            tombstones: 0,
            live_bytes: 0,
            limits: Limits::new(),
            destroyed: Destroyed::new(),
            limit_work: limits::LimitWork::default(),
            upkeep: upkeep::Upkeep::new(count),
            witness: None,
        })
    }

    /// What the memory got, for the start-up log.
    #[must_use]
    pub fn page_kind(&self) -> PageKind {
        self.memory.kind()
    }

    /// The number of a map, which is made known to the shard if it is new; it has the limits of new
    /// maps then.
    pub fn map_id(&mut self, name: &[u8]) -> Result<MapId, ShardError> {
        match self.maps.find(name) {
            Some(map) => Ok(map),
            None => self.new_map(name),
        }
    }

    /// The number of a map that the shard knows.
    #[must_use]
    pub fn find_map(&self, name: &[u8]) -> Option<MapId> {
        self.maps.find(name)
    }

    /// The name of a map.
    #[must_use]
    pub fn map_name(&self, map: MapId) -> Option<&[u8]> {
        self.maps.name(map)
    }

    /// How many maps there are, the one without a name included.
    #[must_use]
    pub fn known_maps(&self) -> usize {
        self.maps.known()
    }

    /// What a map holds now. What went with its destruction does not count, although its memory
    /// comes back little by little.
    #[must_use]
    pub fn map_usage(&self, map: MapId) -> MapUsage {
        let Some(booked) = self.maps.usage.get(usize::from(map.0)) else {
            return MapUsage::default();
        };
        let left = self.destroyed.left(map.0);
        MapUsage {
            entries: booked.entries - left.entries,
            bytes: booked.bytes - left.bytes,
        }
    }

    /// What happened to a map's entries since the start.
    #[must_use]
    pub fn map_counters(&self, map: MapId) -> MapCounters {
        self.maps
            .counters
            .get(usize::from(map.0))
            .copied()
            .unwrap_or_default()
    }

    /// The numbers of the maps that the shard knows; among them those of maps that were forgotten,
    /// which have no name.
    pub fn map_ids(&self) -> impl ExactSizeIterator<Item = MapId> + use<> {
        (0..self.maps.count()).map(MapId)
    }

    /// Hashes a key, and asks for what is looked at first to find it: it comes while the request is
    /// on its way to its batch.
    #[must_use]
    #[inline]
    pub fn address(&self, map: MapId, partition: u16, key: &[u8]) -> Address {
        self.index.prefetch(partition);
        Address {
            map,
            partition,
            hash: self.hasher.hash(map.0, key),
            home: Home::NONE,
            epoch: NO_EPOCH,
        }
    }

    /// Whether the shard owns a partition.
    #[must_use]
    pub fn owns(&self, partition: u16) -> bool {
        self.index.place(partition).is_some()
    }

    /// Events since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the memory holds now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let segment_bytes = self.segments.bytes_each() as u64;
        let segments = self.segments.count() as u32;
        let tables = self.segments.count() * Segments::table_bytes_each()
            + self.index.partitions.len() * size_of::<Partition>();
        Usage {
            entries: self.records - self.tombstones,
            expiring: self.segments.expiring_entries(),
            live_bytes: self.live_bytes,
            arena_bytes: u64::from(segments) * segment_bytes,
            index_bytes: self.index.chunks.buckets_in_use * BUCKET_BYTES as u64,
            table_bytes: tables as u64,
            segment_bytes,
            segments,
            segments_free: self.segments.free_count() as u32,
            stale_slots: self.index.stale_slots,
        }
    }

    /// Counts an entry whose end was its expiry or idle time, unless it went with its map.
    #[inline]
    fn count_expired(&mut self, header: &Header) {
        if !self.destroyed.has(header) {
            self.counters.expired += 1;
            self.maps.counters[usize::from(header.map)].expired += 1;
        }
    }

    #[inline(always)]
    fn segment_of(&self, start: usize) -> u32 {
        (start / self.segments.bytes_each()) as u32
    }
}

fn check_partitions(config: &ShardConfig) -> Result<(), ShardSetupError> {
    let count = config.partition_count;
    if !count.is_power_of_two() || count > PARTITION_COUNT_MAX {
        return Err(ShardSetupError::PartitionCount { configured: count });
    }
    let mut seen = vec![false; usize::from(count)];
    for partition in &config.partitions {
        match seen.get_mut(usize::from(*partition)) {
            Some(listed) if !*listed => *listed = true,
            _ => {
                return Err(ShardSetupError::Partition {
                    partition: *partition,
                });
            }
        }
    }
    Ok(())
}

/// The size of segments, as a power of two, and their number.
fn layout(config: &ShardConfig) -> Result<(u32, usize), ShardSetupError> {
    // The tables of all partitions: others may be handed over later.
    let partitions = usize::from(config.partition_count) * (size_of::<Partition>() + 2);
    let configured_bytes = config.memory_bytes;
    let tables = usize::from(config.partition_count) * FIRST_TABLE_BYTES;
    let segments_min = SEGMENTS_MIN + tables.div_ceil(1 << SEGMENT_SHIFT_MIN);
    let needed_bytes = partitions + ((segments_min + 1) << SEGMENT_SHIFT_MIN);
    let Some(left) = configured_bytes.checked_sub(partitions) else {
        return Err(ShardSetupError::TooLittleMemory {
            configured_bytes,
            needed_bytes,
        });
    };
    let wanted = (left / SEGMENTS_WANTED).max(1).ilog2();
    let shift = wanted.clamp(SEGMENT_SHIFT_MIN, SEGMENT_SHIFT_MAX);
    let count = left / ((1 << shift) + Segments::table_bytes_each());
    if count < segments_min {
        return Err(ShardSetupError::TooLittleMemory {
            configured_bytes,
            needed_bytes,
        });
    }
    if count > SEGMENTS_MAX || count << shift > ARENA_BYTES_MAX {
        let limit_bytes = ARENA_BYTES_MAX;
        return Err(ShardSetupError::TooMuchMemory {
            configured_bytes,
            limit_bytes,
        });
    }
    Ok((shift, count))
}

const _: () = assert!(
    HEADER_BYTES + 8 + KEY_BYTES_MAX + (1 << SEGMENT_SHIFT_MIN) / 8 < 1 << SEGMENT_SHIFT_MIN,
    "the longest key and inline value fit in the smallest segment"
);
const _: () = assert!(
    RESERVE + 4 < SEGMENTS_MIN,
    "the least memory leaves room for entries"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn config(memory_bytes: usize) -> ShardConfig {
        ShardConfig::owning_all(memory_bytes, 16)
    }

    #[test]
    fn too_little_memory_is_refused_with_an_amount_that_works() {
        for partitions in [1, 1024, 16_384] {
            let mut config = ShardConfig::owning_all(100_000, partitions);
            let Err(ShardSetupError::TooLittleMemory { needed_bytes, .. }) = Shard::new(&config)
            else {
                panic!("100 kB cannot do")
            };
            config.memory_bytes = needed_bytes;
            assert!(Shard::new(&config).is_ok());
        }
    }

    #[test]
    fn tables_and_arena_stay_within_the_configured_memory() {
        for memory_bytes in [8 << 20, 100 << 20, 1 << 30, 3 << 30] {
            let usage = Shard::new(&config(memory_bytes)).unwrap().usage();
            let all = usage.arena_bytes + usage.table_bytes;
            assert!(all <= memory_bytes as u64);
            assert!(
                all + 2 * usage.segment_bytes > memory_bytes as u64,
                "and use it"
            );
        }
    }

    #[test]
    fn nonsense_partitions_are_refused_by_name() {
        let mut odd = config(64 << 20);
        odd.partition_count = 12;
        assert_eq!(
            Shard::new(&odd).err(),
            Some(ShardSetupError::PartitionCount { configured: 12 })
        );
        let mut twice = config(64 << 20);
        twice.partitions = vec![3, 4, 3];
        assert_eq!(
            Shard::new(&twice).err(),
            Some(ShardSetupError::Partition { partition: 3 })
        );
        let mut outside = config(64 << 20);
        outside.partitions = vec![16];
        assert_eq!(
            Shard::new(&outside).err(),
            Some(ShardSetupError::Partition { partition: 16 })
        );
    }
}
