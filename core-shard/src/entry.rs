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

use crate::version::written_ms;

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
        self.key_at != COMPACT_BYTES || compact_ttl_ms(version, expires_ms).is_some()
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

/// An entry to be written; the value's bytes follow separately.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewEntry<'a> {
    pub(crate) version: u64,
    pub(crate) expires_ms: u64,
    pub(crate) map: u16,
    pub(crate) partition: u16,
    pub(crate) key: &'a [u8],
    pub(crate) value_bytes: usize,
    pub(crate) large: bool,
    pub(crate) deleted: bool,
    pub(crate) last_use_ms: Option<u64>,
}

impl NewEntry<'_> {
    fn extended(&self) -> bool {
        let plain = self.key.len() <= SHORT_KEY_BYTES_MAX && self.last_use_ms.is_none();
        !plain || self.large || self.deleted
    }

    /// The time to live in a compact header, if the entry can be compact.
    #[inline(always)]
    fn compact(&self) -> Option<u32> {
        let small = self.key.len() <= COMPACT_KEY_BITS as usize
            && self.value_bytes <= COMPACT_VALUE_BITS as usize
            && self.map < COMPACT_MAPS;
        if !small || self.large || self.deleted || self.last_use_ms.is_some() {
            return None;
        }
        compact_ttl_ms(self.version, self.expires_ms)
    }

    #[inline(always)]
    fn key_at(&self) -> usize {
        if self.compact().is_some() {
            COMPACT_BYTES
        } else if self.extended() {
            HEADER_BYTES + EXTENSION_BYTES
        } else {
            HEADER_BYTES
        }
    }

    /// Bytes of the whole entry, padding included.
    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        (self.key_at() + self.key.len() + self.value_bytes).next_multiple_of(4)
    }

    /// Writes header, key and padding to the start of `bytes`; returns where the value goes.
    #[inline]
    pub(crate) fn write(&self, bytes: &mut [u8]) -> usize {
        debug_assert!(self.value_bytes <= INLINE_BYTES_MAX && !self.key.is_empty());
        let key_at = self.key_at();
        let value_at = key_at + self.key.len();
        let size = (value_at + self.value_bytes).next_multiple_of(4);
        let bytes = &mut bytes[..size];
        bytes[size - 4..].fill(0);
        match self.compact() {
            Some(ttl_ms) => self.write_compact(&mut bytes[..COMPACT_BYTES], ttl_ms),
            None => self.write_wide(&mut bytes[..key_at]),
        }
        bytes[key_at..value_at].copy_from_slice(self.key);
        value_at
    }

    #[inline(always)]
    fn write_compact(&self, head: &mut [u8], ttl_ms: u32) {
        let first = self.value_bytes as u32
            | ((self.key.len() as u32) << COMPACT_KEY_SHIFT)
            | (u32::from(self.partition) << COMPACT_PARTITION_SHIFT);
        let last = self.version | (u64::from(self.map) << COMPACT_MAP_SHIFT);
        head[0..4].copy_from_slice(&first.to_le_bytes());
        head[4..8].copy_from_slice(&ttl_ms.to_le_bytes());
        head[8..16].copy_from_slice(&last.to_le_bytes());
    }

    fn write_wide(&self, head: &mut [u8]) {
        let extended = self.extended();
        let short_key = if self.key.len() <= SHORT_KEY_BYTES_MAX {
            self.key.len() as u32
        } else {
            0
        };
        let first = self.value_bytes as u32
            | (short_key << KEY_SHIFT)
            | if extended { EXTENDED } else { 0 }
            | (u32::from(self.partition >> 10) << PARTITION_UPPER_SHIFT)
            | WIDE;
        let second = self.expires_ms.min(EXPIRES_MS_MAX)
            | (u64::from(self.map) << MAP_SHIFT)
            | (u64::from(self.partition) << PARTITION_LOWER_SHIFT);
        head[0..4].copy_from_slice(&first.to_le_bytes());
        head[4..12].copy_from_slice(&second.to_le_bytes());
        head[12..20].copy_from_slice(&self.version.to_le_bytes());
        if extended {
            let extension = self.key.len() as u64
                | (self.last_use_ms.unwrap_or(0).min(LAST_USE_BITS) << LAST_USE_SHIFT)
                | if self.deleted { DELETED } else { 0 }
                | if self.large { LARGE } else { 0 };
            head[20..28].copy_from_slice(&extension.to_le_bytes());
        }
    }
}

/// What a compact header says of an expiry, if it can: it counts from the version's time.
#[inline(always)]
fn compact_ttl_ms(version: u64, expires_ms: u64) -> Option<u32> {
    if version > COMPACT_VERSION_BITS {
        return None;
    }
    if expires_ms == 0 {
        return Some(0);
    }
    let ttl_ms = expires_ms.checked_sub(written_ms(version))?;
    u32::try_from(ttl_ms).ok().filter(|ttl_ms| *ttl_ms != 0)
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A version of about now, or any at all.
    fn version() -> impl Strategy<Value = u64> {
        prop_oneof![
            ((1_u64 << 40)..(1 << 41)).prop_map(|ms| ms << 16 | 7),
            any::<u64>()
        ]
    }

    /// Never; about so long after a version; or any time.
    fn expires_ms(version: u64) -> impl Strategy<Value = u64> {
        let from = written_ms(version);
        let about = move |ms: u64| (from + ms).min(EXPIRES_MS_MAX);
        let edge = u64::from(u32::MAX);
        prop_oneof![
            Just(0),
            (0..3_u64).prop_map(about),
            (edge - 1..edge + 2).prop_map(about),
            (0..1_u64 << 33).prop_map(about),
            0..=EXPIRES_MS_MAX,
        ]
    }

    fn stamp() -> impl Strategy<Value = (u64, u64)> {
        version().prop_flat_map(|version| (Just(version), expires_ms(version)))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            (version, expires_ms) in stamp(),
            (later, later_expires_ms) in stamp(),
            map in prop_oneof![0..70_u16, 0..MAPS_MAX as u16],
            partition in 0u16..16384,
            key in prop_oneof![
                prop::collection::vec(any::<u8>(), 1..66),
                prop::collection::vec(any::<u8>(), 1..600),
            ],
            value_bytes in prop_oneof![0usize..1030, 0usize..3000],
            large in prop::bool::weighted(0.1),
            deleted in prop::bool::weighted(0.1),
            last_use_ms in prop::option::weighted(0.1, 1..LAST_USE_BITS),
        ) {
            let entry = NewEntry {
                version, expires_ms, map, partition, key: &key, value_bytes, large, deleted,
                last_use_ms,
            };
            let mut bytes = vec![0xAA; 8192];
            let value_at = entry.write(&mut bytes);
            prop_assert!(bytes[entry.size()..].iter().all(|byte| *byte == 0xAA));
            let Record::Entry(header) = record(&bytes) else { panic!("not an entry") };
            prop_assert_eq!(header, Header {
                version, expires_ms, map, partition, key_bytes: key.len(), value_bytes,
                key_at: entry.key_at(), dead: false, large, deleted, last_use_ms,
            });
            prop_assert_eq!(header.size(), entry.size());
            prop_assert_eq!(header.value_at(), value_at);
            prop_assert_eq!(&bytes[header.key_at..value_at], &key[..]);
            let head = head(&bytes);
            prop_assert_eq!(
                (head.version, head.expires_ms, head.value_bytes, head.key_at, head.extended),
                (version, expires_ms, value_bytes, header.key_at, header.extended())
            );
            prop_assert!(is_of(&bytes, map, &key));
            prop_assert!(!is_of(&bytes, map ^ 1, &key));
            prop_assert!(!is_of(&bytes, map, &key[1..]));

            mark_dead(&mut bytes);
            let mut after = read(&bytes);
            prop_assert_eq!(after, Header { dead: true, ..header });
            if header.can_take(later, later_expires_ms) {
                restamp(&mut bytes, later, later_expires_ms);
                after = read(&bytes);
                let (version, expires_ms) = (later, later_expires_ms);
                prop_assert_eq!(after, Header { version, expires_ms, dead: true, ..header });
            } else {
                prop_assert!(!header.extended() && header.key_at == COMPACT_BYTES);
            }
            if header.extended() {
                set_last_use(&mut bytes, 99);
                prop_assert_eq!(read(&bytes), Header { last_use_ms: Some(99), ..after });
            }
        }
    }

    #[test]
    fn an_entry_of_a_cache_has_a_header_of_sixteen_bytes() {
        let (now_ms, day_ms) = (1_800_000_000_000, 86_400_000);
        let entry = NewEntry {
            version: now_ms << 16 | 5,
            expires_ms: now_ms + 49 * day_ms,
            map: 63,
            partition: 16_383,
            key: &[1; 63],
            value_bytes: 1023,
            large: false,
            deleted: false,
            last_use_ms: None,
        };
        assert_eq!(entry.key_at(), 16);
        let expires_ms = now_ms + 50 * day_ms;
        assert_eq!(
            NewEntry {
                expires_ms,
                ..entry
            }
            .key_at(),
            20
        );
        assert_eq!(NewEntry { map: 64, ..entry }.key_at(), 20);
    }

    #[test]
    fn gaps_of_every_size_are_stepped_over_exactly() {
        for words in [0, 1, 2, 5, GAP_WORDS_MAX, GAP_WORDS_MAX + 1] {
            let mut bytes = vec![0xFF; words * 4 + 4];
            fill_gap(&mut bytes[..words * 4]);
            let mut at = 0;
            while at < words * 4 {
                let Record::Gap(gap) = record(&bytes[at..]) else {
                    panic!("not a gap")
                };
                assert!(gap > 0);
                at += gap;
            }
            assert_eq!(at, words * 4);
        }
    }
}
