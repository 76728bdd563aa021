//! The bytes of an entry in a segment. Everything that outlives the process's tables is here.
//!
//! ```text
//!  compact: what nearly all entries are
//!  0  u32  value bytes 10 | key bytes 6 | partition 14 | dead 1 | 0
//!  4  u32  expires, ms after the version's time (0 = never)
//!  8  u64  version 58: Unix ms 42, count 16 | map 6
//!
//!  wide: what does not fit that
//!  0  u32  value bytes 18 | key bytes 7 | extended 1 | partition, upper 4 | dead 1 | 1
//!  4  u64  expires, Unix ms 42 (0 = never) | map 12 | partition, lower 10
//! 12  u64  version
//! 20  u64  only if extended: key bytes 16 | last use, Unix ms 44 (0 = not kept) | 0 2
//!                            | deleted 1 | large 1
//! ..  key, value, zeroes up to a multiple of four
//! ```
//! A gap is one u32 like a wide entry's with the key bytes 0, not extended: the value bytes count
//! its words.
//! A large entry's value is a list of blocks (`large.rs`), not the value itself.
//!
//! I1: entries and gaps follow one another without holes from a segment's start to its end.
//! I2: an entry that no slot of the index refers to is marked dead, unless its whole segment was
//!     given a new generation.
//! All numbers are little-endian. Expiries beyond 2109 count as never.

mod compose;

use crate::version::written_ms;

pub(crate) use compose::NewEntry;
use compose::compact_ttl_ms;

/// Bytes of the header of a compact entry.
const COMPACT_BYTES: usize = 16;
/// Bytes of the header of a wide entry that is not extended.
pub(crate) const HEADER_BYTES: usize = 20;
const EXTENSION_BYTES: usize = 8;

/// The longest value that lies in the entry itself.
pub(crate) const INLINE_BYTES_MAX: usize = (1 << 18) - 1;
/// The longest key of a wide entry whose length needs no extension.
const SHORT_KEY_BYTES_MAX: usize = 127;
/// The longest key.
pub(crate) const KEY_BYTES_MAX: usize = u16::MAX as usize;
/// The last expiry that can be kept.
pub(crate) const EXPIRES_MS_MAX: u64 = (1 << 42) - 1;
/// The most maps that an entry can tell apart.
pub(crate) const MAPS_MAX: usize = 1 << 12;

const DEAD: u32 = 1 << 30;
const WIDE: u32 = 1 << 31;

/// The longest value of a compact entry.
pub(crate) const COMPACT_VALUE_BYTES_MAX: usize = COMPACT_VALUE_BITS as usize;
const COMPACT_VALUE_BITS: u32 = (1 << 10) - 1;
const COMPACT_KEY_SHIFT: u32 = 10;
const COMPACT_KEY_BITS: u32 = (1 << 6) - 1;
const COMPACT_PARTITION_SHIFT: u32 = 16;
const COMPACT_MAP_SHIFT: u32 = 58;
const COMPACT_MAPS: u16 = 1 << 6;
const COMPACT_VERSION_BITS: u64 = (1 << COMPACT_MAP_SHIFT) - 1;
const PARTITION_BITS: u32 = (1 << 14) - 1;

const VALUE_BITS: u32 = (1 << 18) - 1;
const KEY_SHIFT: u32 = 18;
const KEY_BITS: u32 = (1 << 7) - 1;
const EXTENDED: u32 = 1 << 25;
const PARTITION_UPPER_SHIFT: u32 = 26;
const MAP_SHIFT: u32 = 42;
const MAP_BITS: u64 = (MAPS_MAX - 1) as u64;
const PARTITION_LOWER_SHIFT: u32 = 54;
const LAST_USE_SHIFT: u32 = 16;
const LAST_USE_BITS: u64 = (1 << 44) - 1;
const DELETED: u64 = 1 << 62;
const LARGE: u64 = 1 << 63;
/// The longest gap that one word can describe.
const GAP_WORDS_MAX: usize = VALUE_BITS as usize;

/// What an entry's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u64,
    /// 0 = never.
    pub(crate) expires_ms: u64,
    pub(crate) map: u16,
    pub(crate) partition: u16,
    pub(crate) key_bytes: usize,
    /// Of the bytes in the entry: a large value's list of blocks.
    pub(crate) value_bytes: usize,
    /// Where the key begins.
    pub(crate) key_at: usize,
    pub(crate) dead: bool,
    pub(crate) large: bool,
    /// A deletion that has to be remembered; it has no value.
    pub(crate) deleted: bool,
    /// When it was last read or written, where that is kept.
    pub(crate) last_use_ms: Option<u64>,
}

impl Header {
    /// Bytes of the whole entry, padding included.
    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        (self.key_at + self.key_bytes + self.value_bytes).next_multiple_of(4)
    }

    #[inline(always)]
    pub(crate) fn value_at(&self) -> usize {
        self.key_at + self.key_bytes
    }

    #[inline(always)]
    pub(crate) fn expired(&self, now_ms: u64) -> bool {
        self.expires_ms != 0 && self.expires_ms <= now_ms
    }

    pub(crate) fn expires_at_ms(&self) -> Option<u64> {
        (self.expires_ms != 0).then_some(self.expires_ms)
    }

    /// Whether the entry can get this version and expiry where it lies.
    pub(crate) fn can_take(&self, version: u64, expires_ms: u64) -> bool {
        takes(self.key_at, version, expires_ms)
    }

    /// Whether the entry has room for the time of its last use.
    pub(crate) fn keeps_last_use(&self) -> bool {
        self.key_at == HEADER_BYTES + EXTENSION_BYTES
    }

    #[cfg(test)]
    pub(crate) fn extended(&self) -> bool {
        self.key_at == HEADER_BYTES + EXTENSION_BYTES
    }
}

/// What lies at a place of a segment.
pub(crate) enum Record {
    Entry(Header),
    /// Unused bytes, this many.
    Gap(usize),
}

/// The expiry that a compact header tells.
#[inline(always)]
fn compact_expires_ms(version: u64, ttl_ms: u32) -> u64 {
    if ttl_ms == 0 {
        0
    } else {
        written_ms(version) + u64::from(ttl_ms)
    }
}

#[inline(always)]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |word| u32::from_le_bytes(*word))
}

#[inline(always)]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |word| u64::from_le_bytes(*word))
}

/// Reads the header of the entry at the start of `bytes`.
#[inline(always)]
pub(crate) fn read(bytes: &[u8]) -> Header {
    let first = u32_at(bytes, 0);
    if first & WIDE != 0 {
        return read_wide(bytes);
    }
    let last = u64_at(bytes, 8);
    let version = last & COMPACT_VERSION_BITS;
    Header {
        version,
        expires_ms: compact_expires_ms(version, u32_at(bytes, 4)),
        map: (last >> COMPACT_MAP_SHIFT) as u16,
        partition: ((first >> COMPACT_PARTITION_SHIFT) & PARTITION_BITS) as u16,
        key_bytes: ((first >> COMPACT_KEY_SHIFT) & COMPACT_KEY_BITS) as usize,
        value_bytes: (first & COMPACT_VALUE_BITS) as usize,
        key_at: COMPACT_BYTES,
        dead: first & DEAD != 0,
        large: false,
        deleted: false,
        last_use_ms: None,
    }
}

fn read_wide(bytes: &[u8]) -> Header {
    let head = &bytes[..HEADER_BYTES];
    let first = u32_at(head, 0);
    let second = u64_at(head, 4);
    let mut header = Header {
        version: u64_at(head, 12),
        expires_ms: second & EXPIRES_MS_MAX,
        map: ((second >> MAP_SHIFT) & MAP_BITS) as u16,
        partition: ((second >> PARTITION_LOWER_SHIFT) as u16)
            | (((first >> PARTITION_UPPER_SHIFT) & 15) as u16) << 10,
        key_bytes: ((first >> KEY_SHIFT) & KEY_BITS) as usize,
        value_bytes: (first & VALUE_BITS) as usize,
        key_at: HEADER_BYTES,
        dead: first & DEAD != 0,
        large: false,
        deleted: false,
        last_use_ms: None,
    };
    if first & EXTENDED != 0 {
        read_extension(&mut header, u64_at(bytes, HEADER_BYTES));
    }
    header
}

/// What most reads need to know of an entry.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) version: u64,
    pub(crate) expires_ms: u64,
    pub(crate) value_bytes: usize,
    /// Where the key begins.
    pub(crate) key_at: usize,
    pub(crate) extended: bool,
}

impl Head {
    /// Whether the entry can get this version and expiry where it lies.
    #[inline]
    pub(crate) fn can_take(&self, version: u64, expires_ms: u64) -> bool {
        takes(self.key_at, version, expires_ms)
    }
}

/// Whether an entry whose key begins there has room for this version and expiry.
#[inline]
fn takes(key_at: usize, version: u64, expires_ms: u64) -> bool {
    key_at != COMPACT_BYTES || compact_ttl_ms(version, expires_ms).is_some()
}

/// Reads the head of the entry at the start of `bytes`.
#[inline(always)]
pub(crate) fn head(bytes: &[u8]) -> Head {
    let head = &bytes[..COMPACT_BYTES];
    let first = u32_at(head, 0);
    if first & WIDE != 0 {
        return wide_head(bytes);
    }
    let version = u64_at(head, 8) & COMPACT_VERSION_BITS;
    Head {
        version,
        expires_ms: compact_expires_ms(version, u32_at(head, 4)),
        value_bytes: (first & COMPACT_VALUE_BITS) as usize,
        key_at: COMPACT_BYTES,
        extended: false,
    }
}

fn wide_head(bytes: &[u8]) -> Head {
    let head = &bytes[..HEADER_BYTES];
    let first = u32_at(head, 0);
    let extended = first & EXTENDED != 0;
    Head {
        version: u64_at(head, 12),
        expires_ms: u64_at(head, 4) & EXPIRES_MS_MAX,
        value_bytes: (first & VALUE_BITS) as usize,
        key_at: HEADER_BYTES + if extended { EXTENSION_BYTES } else { 0 },
        extended,
    }
}

/// Whether the entry at the start of `bytes` has this map and key.
#[inline(always)]
pub(crate) fn is_of(bytes: &[u8], map: u16, key: &[u8]) -> bool {
    let head = &bytes[..COMPACT_BYTES];
    let first = u32_at(head, 0);
    if first & WIDE != 0 {
        let header = read_wide(bytes);
        return header.map == map && &bytes[header.key_at..header.value_at()] == key;
    }
    let key_bytes = ((first >> COMPACT_KEY_SHIFT) & COMPACT_KEY_BITS) as usize;
    u64_at(head, 8) >> COMPACT_MAP_SHIFT == u64::from(map)
        && key_bytes == key.len()
        && same(&bytes[COMPACT_BYTES..COMPACT_BYTES + key_bytes], key)
}

/// Whether two slices of one length are equal; keys of 8 to 32 bytes without a call.
#[inline(always)]
fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() > 16 {
        return same_long(one, other);
    }
    match (
        one.first_chunk::<8>(),
        one.last_chunk::<8>(),
        other.first_chunk(),
        other.last_chunk(),
    ) {
        (Some(a), Some(b), Some(c), Some(d)) => a == c && b == d,
        _ => one == other,
    }
}

#[inline(always)]
fn same_long(one: &[u8], other: &[u8]) -> bool {
    match (
        one.first_chunk::<16>(),
        one.last_chunk::<16>(),
        other.first_chunk(),
        other.last_chunk(),
    ) {
        (Some(a), Some(b), Some(c), Some(d)) if one.len() <= 32 => a == c && b == d,
        _ => one == other,
    }
}

#[cold]
fn read_extension(header: &mut Header, extension: u64) {
    header.key_bytes = (extension & 0xFFFF) as usize;
    header.key_at = HEADER_BYTES + EXTENSION_BYTES;
    header.large = extension & LARGE != 0;
    header.deleted = extension & DELETED != 0;
    let last_use_ms = (extension >> LAST_USE_SHIFT) & LAST_USE_BITS;
    header.last_use_ms = (last_use_ms != 0).then_some(last_use_ms);
}

/// Reads whatever is at the start of `bytes`.
pub(crate) fn record(bytes: &[u8]) -> Record {
    let first = u32_at(bytes, 0);
    if first & (WIDE | EXTENDED | KEY_BITS << KEY_SHIFT) == WIDE {
        return Record::Gap((first & VALUE_BITS) as usize * 4);
    }
    Record::Entry(read(bytes))
}

/// Marks the entry at the start of `bytes` as referred to by nobody.
pub(crate) fn mark_dead(bytes: &mut [u8]) {
    bytes[3] |= (DEAD >> 24) as u8;
}

/// Covers `bytes` (a multiple of four, perhaps none) with gaps.
pub(crate) fn fill_gap(mut bytes: &mut [u8]) {
    while !bytes.is_empty() {
        let words = (bytes.len() / 4).min(GAP_WORDS_MAX);
        let (gap, rest) = bytes.split_at_mut(words * 4);
        gap[..4].copy_from_slice(&(words as u32 | WIDE).to_le_bytes());
        bytes = rest;
    }
}

/// Changes version and expiry of the entry at the start of `bytes` where it lies; it must be able
/// to take them.
#[inline(always)]
pub(crate) fn restamp(bytes: &mut [u8], version: u64, expires_ms: u64) {
    if u32_at(bytes, 0) & WIDE == 0 {
        let ttl_ms = compact_ttl_ms(version, expires_ms);
        debug_assert!(ttl_ms.is_some(), "`Header::can_take` was asked");
        let last = (u64_at(bytes, 8) & !COMPACT_VERSION_BITS) | (version & COMPACT_VERSION_BITS);
        bytes[4..8].copy_from_slice(&ttl_ms.unwrap_or(0).to_le_bytes());
        bytes[8..16].copy_from_slice(&last.to_le_bytes());
        return;
    }
    let second = u64_at(bytes, 4) & !EXPIRES_MS_MAX;
    let second = second | expires_ms.min(EXPIRES_MS_MAX);
    bytes[4..12].copy_from_slice(&second.to_le_bytes());
    bytes[12..20].copy_from_slice(&version.to_le_bytes());
}

/// Notes a use of the extended entry at the start of `bytes`.
pub(crate) fn set_last_use(bytes: &mut [u8], now_ms: u64) {
    let kept = u64_at(bytes, HEADER_BYTES) & !(LAST_USE_BITS << LAST_USE_SHIFT);
    let extension = kept | (now_ms.min(LAST_USE_BITS) << LAST_USE_SHIFT);
    bytes[20..28].copy_from_slice(&extension.to_le_bytes());
}

#[cfg(test)]
mod tests;
