//! What a shard is built from: its memory, the partitions it owns at the start, and its limits.

use core::fmt;

/// How the memory of a shard is backed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugePages {
    /// Explicit huge pages if the host has reserved enough, else transparent ones, else plain.
    Auto,
    /// Plain pages only.
    Off,
}

/// What the memory of a shard got, for the start-up log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Pages from the host's reserved huge-page pool.
    ExplicitHuge,
    /// Plain memory that the kernel was asked to back by transparent huge pages.
    TransparentHuge,
    /// Plain pages.
    Plain,
    /// The heap: under Miri, or where there is no mmap.
    Heap,
}

impl fmt::Display for PageKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ExplicitHuge => "explicit huge pages",
            Self::TransparentHuge => "transparent huge pages",
            Self::Plain => "plain pages",
            Self::Heap => "heap",
        })
    }
}

/// What happens to a write when the memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullPolicy {
    /// Entries least worth keeping make room.
    Evict,
    /// The write is refused with [`ShardError::OutOfMemory`](crate::ShardError::OutOfMemory).
    Refuse,
}

/// How the tags of an index bucket are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagScan {
    /// The widest vector instructions that this processor has.
    Auto,
    /// One slot after the other: for tests and comparisons.
    Scalar,
}

/// Everything a [`Shard`](crate::Shard) needs to know at its start.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// All memory the shard may use: entries, index and fixed tables together.
    pub memory_bytes: usize,
    /// Partitions of the whole cluster, a power of two from 1 to 16,384.
    pub partition_count: u16,
    /// The partitions that this shard owns at the start.
    pub partitions: Vec<u16>,
    /// Seed of the key hash. Draw it at random, so that nobody can aim keys at one bucket.
    pub hash_seed: u64,
    /// How the memory is backed.
    pub huge_pages: HugePages,
    /// Touch all memory at the start, so that no later write meets a page fault.
    pub prefault: bool,
    /// The largest value that is accepted.
    pub value_bytes_max: u32,
    /// What a write does when the memory is full.
    pub full_policy: FullPolicy,
    /// How index buckets are searched.
    pub tag_scan: TagScan,
}

impl ShardConfig {
    /// The largest value by default: 64 MiB.
    pub const VALUE_BYTES_MAX_DEFAULT: u32 = 64 << 20;

    /// Defaults for a shard that owns every one of `partition_count` partitions.
    #[must_use]
    pub fn owning_all(memory_bytes: usize, partition_count: u16) -> Self {
        Self {
            memory_bytes,
            partition_count,
            partitions: (0..partition_count).collect(),
            hash_seed: 0,
            huge_pages: HugePages::Auto,
            prefault: false,
            value_bytes_max: Self::VALUE_BYTES_MAX_DEFAULT,
            full_policy: FullPolicy::Evict,
            tag_scan: TagScan::Auto,
        }
    }
}

/// Why a shard could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardSetupError {
    /// `memory_bytes` cannot hold the fixed tables and the least number of segments.
    TooLittleMemory {
        /// What was configured.
        configured_bytes: usize,
        /// The least that works with this number of partitions.
        needed_bytes: usize,
    },
    /// `memory_bytes` is above what one shard can address.
    TooMuchMemory {
        /// What was configured.
        configured_bytes: usize,
        /// The most that one shard can address.
        limit_bytes: usize,
    },
    /// `partition_count` is not a power of two from 1 to 16,384.
    PartitionCount {
        /// What was configured.
        configured: u16,
    },
    /// A partition in `partitions` is not below `partition_count`, or is listed twice.
    Partition {
        /// The partition.
        partition: u16,
    },
    /// `value_bytes_max` is above 64 MiB.
    ValueLimit {
        /// What was configured.
        configured_bytes: u32,
    },
    /// The operating system refused the memory.
    MemoryRefused {
        /// How much was asked for.
        asked_bytes: usize,
        /// The operating system's error number.
        os_error: i32,
    },
}

impl fmt::Display for ShardSetupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLittleMemory {
                configured_bytes,
                needed_bytes,
            } => write!(
                formatter,
                "{configured_bytes} bytes of memory for one core are too few: its tables and \
                 segments need at least {needed_bytes}; give it more memory or fewer partitions"
            ),
            Self::TooMuchMemory {
                configured_bytes,
                limit_bytes,
            } => write!(
                formatter,
                "{configured_bytes} bytes of memory for one core are more than the \
                 {limit_bytes} it can address; spread them over more cores"
            ),
            Self::PartitionCount { configured } => write!(
                formatter,
                "{configured} is not a partition count: it must be a power of two from 1 to 16384"
            ),
            Self::Partition { partition } => write!(
                formatter,
                "partition {partition} is out of range or listed twice"
            ),
            Self::ValueLimit { configured_bytes } => write!(
                formatter,
                "a value limit of {configured_bytes} bytes is above the largest possible, 64 MiB"
            ),
            Self::MemoryRefused {
                asked_bytes,
                os_error,
            } => write!(
                formatter,
                "the system refused {asked_bytes} bytes of memory (os error {os_error}); \
                 lower the memory setting or raise the process's limit"
            ),
        }
    }
}

impl core::error::Error for ShardSetupError {}
