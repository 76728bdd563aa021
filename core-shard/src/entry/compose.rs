//! An entry to be: which of the two headers it needs, and its bytes. The layout is in `entry.rs`.

use super::{
    COMPACT_BYTES, COMPACT_KEY_BITS, COMPACT_KEY_SHIFT, COMPACT_MAP_SHIFT, COMPACT_MAPS,
    COMPACT_PARTITION_SHIFT, COMPACT_VALUE_BITS, COMPACT_VERSION_BITS, DELETED, EXPIRES_MS_MAX,
    EXTENDED, EXTENSION_BYTES, HEADER_BYTES, INLINE_BYTES_MAX, KEY_SHIFT, LARGE, LAST_USE_BITS,
    LAST_USE_SHIFT, MAP_SHIFT, PARTITION_LOWER_SHIFT, PARTITION_UPPER_SHIFT, SHORT_KEY_BYTES_MAX,
    WIDE,
};
use crate::version::written_ms;

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
    pub(super) fn key_at(&self) -> usize {
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
pub(super) fn compact_ttl_ms(version: u64, expires_ms: u64) -> Option<u32> {
    if version > COMPACT_VERSION_BITS {
        return None;
    }
    if expires_ms == 0 {
        return Some(0);
    }
    let ttl_ms = expires_ms.checked_sub(written_ms(version))?;
    u32::try_from(ttl_ms).ok().filter(|ttl_ms| *ttl_ms != 0)
}
