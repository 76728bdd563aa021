//! Every maximum of the protocol, in one place, with the inequalities between them.

/// Size of the fixed header that opens every frame.
pub const HEADER_BYTES: usize = 48;

/// Longest key. A key has at least one byte.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Longest map name. The empty name is the default map.
pub const MAP_NAME_BYTES_MAX: usize = 255;

/// Largest value a node accepts unless it is configured otherwise.
pub const VALUE_BYTES_MAX_DEFAULT: u32 = 64 * 1024 * 1024;

/// Hard ceiling of the configurable value limit, so that the length of a frame fits in 32 bits.
pub const VALUE_BYTES_MAX_CEILING: u32 = 1024 * 1024 * 1024;

/// Most items of one multi-key operation.
pub const MULTI_ITEMS_MAX: u32 = 16_384;

/// A frame's value section may always be this long, however small the value limit is: a multi
/// operation, a topology or a statistics text has to fit.
pub const SECTION_BYTES_MIN: u32 = 4 * 1024 * 1024;

/// Longest payload that a ping echoes.
pub const PING_BYTES_MAX: usize = 4096;

/// Longest explanation that an error reply carries.
pub const ERROR_TEXT_BYTES_MAX: usize = 512;

/// Fewest partitions of a cluster.
pub const PARTITION_COUNT_MIN: u16 = 1024;

/// Most partitions of a cluster: one for each slot.
pub const PARTITION_COUNT_MAX: u16 = 16_384;

/// Partitions of a cluster that was not told otherwise.
pub const PARTITION_COUNT_DEFAULT: u16 = 4096;

/// Most places in the ordered member list, holes included.
pub const MEMBERS_MAX: usize = 1024;

/// Most cores of one member.
pub const CORES_MAX: u16 = 1024;

/// Longest host name or address in a topology.
pub const HOST_BYTES_MAX: usize = 255;

/// Latest expiry, in Unix milliseconds, and longest time to live: 48 bits, as entries store it.
pub const EXPIRY_MS_MAX: u64 = (1 << 48) - 1;

/// Longest time that a request waits for a lock: a day.
pub const LOCK_WAIT_MS_MAX: u64 = 86_400_000;

/// Longest glob pattern.
pub const PATTERN_BYTES_MAX: usize = 256;

/// Longest name of a channel. It has at least one byte.
pub const CHANNEL_BYTES_MAX: usize = 1024;

/// Most times a request may have been forwarded.
pub const HOPS_MAX: u8 = 1;

/// Longest value section of any frame where values are limited to `value_bytes_max`.
#[must_use]
#[inline]
pub const fn section_bytes_max(value_bytes_max: u32) -> u32 {
    if value_bytes_max < SECTION_BYTES_MIN {
        SECTION_BYTES_MIN
    } else {
        value_bytes_max
    }
}

/// Whether `count` is a number of partitions that a cluster can have.
#[must_use]
#[inline]
pub const fn is_partition_count(count: u16) -> bool {
    count.is_power_of_two() && count >= PARTITION_COUNT_MIN && count <= PARTITION_COUNT_MAX
}

const _: () = assert!(
    KEY_BYTES_MAX == u16::MAX as usize,
    "key_len is 16 bits wide"
);
const _: () = assert!(
    MAP_NAME_BYTES_MAX == u8::MAX as usize,
    "map_len is 8 bits wide"
);
const _: () = assert!(
    VALUE_BYTES_MAX_DEFAULT <= VALUE_BYTES_MAX_CEILING,
    "default within ceiling"
);
const _: () = assert!(
    HEADER_BYTES as u64
        + KEY_BYTES_MAX as u64
        + MAP_NAME_BYTES_MAX as u64
        + VALUE_BYTES_MAX_CEILING as u64
        <= u32::MAX as u64,
    "the length of a frame fits in 32 bits"
);
const _: () = assert!(
    MULTI_ITEMS_MAX as u64 * 16 <= SECTION_BYTES_MIN as u64,
    "a reply with the most items, all of them misses, fits the smallest section"
);
const _: () = assert!(
    24 + MEMBERS_MAX * (16 + HOST_BYTES_MAX) + PARTITION_COUNT_MAX as usize * 4
        <= SECTION_BYTES_MIN as usize,
    "the largest topology fits the smallest section"
);
const _: () = assert!(
    is_partition_count(PARTITION_COUNT_MIN)
        && is_partition_count(PARTITION_COUNT_DEFAULT)
        && is_partition_count(PARTITION_COUNT_MAX),
    "the partition counts are powers of two within their bounds"
);
