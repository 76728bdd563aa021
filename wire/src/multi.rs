//! The items of multi-key operations: `count` of them fill the value section, back to back.
//!
//! ```text
//! MultiGet, MultiDelete, MultiExists request   u16 key_len | key
//! MultiPut request                u16 key_len | u32 value_len | key | value
//! MultiGet reply                  u8 status | u8[3] 0 | u32 value_len | u64 version | value
//! MultiPut reply                  u8 status | u8[7] 0 | u64 version
//! MultiDelete, MultiExists reply  u8 status
//! Scan reply                      u16 key_len | key
//! ```
//!
//! The decoder has walked the items of every frame that it hands out, so an iterator over one
//! yields exactly `count` items. Over a value section that no decoder has seen it stops at the
//! first item that does not fit; it never panics.

use crate::frame::DecodeErrorKind;
use crate::limits;
use crate::status::Status;

/// Appends one key of a `MultiGet`, a `MultiDelete` or the reply to a `Scan`. False, and nothing appended, where the key
/// is empty or too long.
#[must_use]
pub fn push_key(out: &mut Vec<u8>, key: &[u8]) -> bool {
    let Some(key_len) = key_len(key) else {
        return false;
    };
    out.extend_from_slice(&key_len.to_le_bytes());
    out.extend_from_slice(key);
    true
}

/// Appends one entry of a `MultiPut`. False, and nothing appended, where the key is empty or one
/// of the two is too long.
#[must_use]
pub fn push_entry(out: &mut Vec<u8>, key: &[u8], value: &[u8]) -> bool {
    let (Some(key_len), Ok(value_len)) = (key_len(key), u32::try_from(value.len())) else {
        return false;
    };
    out.extend_from_slice(&key_len.to_le_bytes());
    out.extend_from_slice(&value_len.to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    true
}

/// Bytes that [`push_key`] appends.
#[must_use]
pub const fn key_bytes(key: &[u8]) -> usize {
    2 + key.len()
}

/// Bytes that [`push_entry`] appends.
#[must_use]
pub const fn entry_bytes(key: &[u8], value: &[u8]) -> usize {
    6 + key.len() + value.len()
}

/// Appends one item of a `MultiGet` reply, its value being `parts` one after the other.
pub fn push_fetched<'p>(
    out: &mut Vec<u8>,
    status: Status,
    version: u64,
    parts: impl Iterator<Item = &'p [u8]>,
) {
    let start = out.len();
    out.extend_from_slice(&[status.as_u8(), 0, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&version.to_le_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    // A section past 4 GiB cannot be: the caller keeps it within `limits::section_bytes_max`.
    let value_len = u32::try_from(out.len() - start - FETCHED_BYTES).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&value_len.to_le_bytes());
    }
}

/// Bytes of an item of a `MultiGet` reply without its value.
pub const FETCHED_BYTES: usize = 16;

/// Appends one item of a `MultiPut` reply.
pub fn push_stored(out: &mut Vec<u8>, status: Status, version: u64) {
    out.extend_from_slice(&[status.as_u8(), 0, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&version.to_le_bytes());
}

/// Appends one item of a `MultiDelete` reply: `Ok` where the key was removed.
pub fn push_deleted(out: &mut Vec<u8>, status: Status) {
    out.push(status.as_u8());
}

/// One entry of a `MultiPut`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// One item of a `MultiGet` reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchedItem<'a> {
    /// `Ok`, `NotFound` or an error of this key alone.
    pub status: Status,
    /// The entry's version, 0 where there is none.
    pub version: u64,
    /// The value, empty where there is none.
    pub value: &'a [u8],
}

/// One item of a `MultiPut` reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredItem {
    /// `Ok` or an error of this key alone.
    pub status: Status,
    /// The version that was stored, 0 where nothing was.
    pub version: u64,
}

macro_rules! items {
    ($(#[$meta:meta])* $name:ident yields $item:ty, $read:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name<'a> {
            rest: &'a [u8],
            left: u32,
        }

        impl<'a> $name<'a> {
            pub(crate) const fn new(section: &'a [u8], count: u32) -> Self {
                Self { rest: section, left: count }
            }

            /// The items are exactly as many as announced and fill the section.
            fn is_exact(&self) -> bool {
                self.left == 0 && self.rest.is_empty()
            }
        }

        impl<'a> Iterator for $name<'a> {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<$item> {
                if self.left == 0 {
                    return None;
                }
                let (item, rest) = $read(self.rest)?;
                self.rest = rest;
                self.left -= 1;
                Some(item)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (0, usize::try_from(self.left).ok())
            }
        }
    };
}

items! {
    /// The keys of a `MultiGet`, a `MultiDelete` or the reply to a `Scan`, in order.
    Keys yields &'a [u8], read_key
}
items! {
    /// The entries of a `MultiPut`, in order.
    Entries yields Entry<'a>, read_entry
}
items! {
    /// The items of a `MultiGet` reply, in the order of the keys.
    Fetched yields FetchedItem<'a>, read_fetched
}
items! {
    /// The items of a `MultiPut` reply, in the order of the entries.
    Stored yields StoredItem, read_stored
}
items! {
    /// The items of a `MultiDelete` reply, in the order of the keys.
    Deleted yields Status, read_deleted
}

pub(crate) fn check_keys(section: &[u8], count: u32) -> Result<(), DecodeErrorKind> {
    let mut keys = Keys::new(section, count);
    if keys.by_ref().any(<[u8]>::is_empty) {
        return Err(DecodeErrorKind::KeyEmpty);
    }
    if keys.is_exact() {
        Ok(())
    } else {
        Err(DecodeErrorKind::MalformedPayload)
    }
}

pub(crate) fn check_entries(
    section: &[u8],
    count: u32,
    value_bytes_max: u32,
) -> Result<(), DecodeErrorKind> {
    let mut entries = Entries::new(section, count);
    for entry in entries.by_ref() {
        if entry.key.is_empty() {
            return Err(DecodeErrorKind::KeyEmpty);
        }
        let declared = u32::try_from(entry.value.len()).unwrap_or(u32::MAX);
        if declared > value_bytes_max {
            return Err(DecodeErrorKind::ValueTooLarge {
                declared,
                max: value_bytes_max,
            });
        }
    }
    if entries.is_exact() {
        Ok(())
    } else {
        Err(DecodeErrorKind::MalformedPayload)
    }
}

pub(crate) fn check_fetched(section: &[u8], count: u32) -> bool {
    let mut items = Fetched::new(section, count);
    items.by_ref().for_each(drop);
    items.is_exact()
}

pub(crate) fn check_stored(section: &[u8], count: u32) -> bool {
    let mut items = Stored::new(section, count);
    items.by_ref().for_each(drop);
    items.is_exact()
}

pub(crate) fn check_deleted(section: &[u8], count: u32) -> bool {
    let mut items = Deleted::new(section, count);
    items.by_ref().for_each(drop);
    items.is_exact()
}

fn key_len(key: &[u8]) -> Option<u16> {
    u16::try_from(key.len()).ok().filter(|len| *len != 0)
}

#[inline]
fn read_key(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*head)))
}

#[inline]
fn read_entry(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let key_len = usize::from(u16::from_le_bytes(*head));
    let (head, rest) = rest.split_first_chunk::<4>()?;
    let value_len = usize::try_from(u32::from_le_bytes(*head)).ok()?;
    let (key, rest) = rest.split_at_checked(key_len)?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    Some((Entry { key, value }, rest))
}

#[inline]
fn read_fetched(bytes: &[u8]) -> Option<(FetchedItem<'_>, &[u8])> {
    let (&[status, zero @ .., l0, l1, l2, l3], rest) = bytes.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<8>()?;
    let value_len = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    let status = Status::from_u8(status)?;
    let blank = zero == [0; 3] && (status == Status::Ok || value.is_empty());
    blank.then_some((
        FetchedItem {
            status,
            version: u64::from_le_bytes(*version),
            value,
        },
        rest,
    ))
}

#[inline]
fn read_stored(bytes: &[u8]) -> Option<(StoredItem, &[u8])> {
    let (&[status, zero @ ..], rest) = bytes.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<8>()?;
    let status = Status::from_u8(status)?;
    let blank = zero == [0; 7];
    blank.then_some((
        StoredItem {
            status,
            version: u64::from_le_bytes(*version),
        },
        rest,
    ))
}

#[inline]
fn read_deleted(bytes: &[u8]) -> Option<(Status, &[u8])> {
    let (status, rest) = bytes.split_first()?;
    Some((Status::from_u8(*status)?, rest))
}

const _: () = assert!(
    limits::MULTI_ITEMS_MAX as usize * FETCHED_BYTES <= limits::SECTION_BYTES_MIN as usize,
    "a reply of misses always fits"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_in_order_and_stop_at_their_count() {
        let mut section = Vec::new();
        assert!(push_key(&mut section, b"a"));
        assert!(push_key(&mut section, b"bcd"));
        assert_eq!(section.len(), key_bytes(b"a") + key_bytes(b"bcd"));
        assert_eq!(
            Keys::new(&section, 2).collect::<Vec<_>>(),
            [&b"a"[..], b"bcd"]
        );
        assert_eq!(Keys::new(&section, 1).count(), 1);
        assert_eq!(check_keys(&section, 2), Ok(()));
        assert_eq!(
            check_keys(&section, 1),
            Err(DecodeErrorKind::MalformedPayload)
        );
        assert_eq!(
            check_keys(&section, 3),
            Err(DecodeErrorKind::MalformedPayload)
        );
    }

    #[test]
    fn a_length_that_reaches_past_the_section_is_refused() {
        let mut section = Vec::new();
        assert!(push_entry(&mut section, b"key", b"value"));
        assert_eq!(section.len(), entry_bytes(b"key", b"value"));
        assert_eq!(check_entries(&section, 1, 5), Ok(()));
        let too_large = DecodeErrorKind::ValueTooLarge {
            declared: 5,
            max: 4,
        };
        assert_eq!(check_entries(&section, 1, 4), Err(too_large));
        section[2..6].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            check_entries(&section, 1, 5),
            Err(DecodeErrorKind::MalformedPayload)
        );
    }

    #[test]
    fn empty_and_overlong_keys_are_never_pushed() {
        let mut section = Vec::new();
        assert!(!push_key(&mut section, b""));
        assert!(!push_key(&mut section, &[7; limits::KEY_BYTES_MAX + 1]));
        assert!(!push_entry(&mut section, b"", b"value"));
        assert!(section.is_empty());
        assert_eq!(check_keys(&[0, 0], 1), Err(DecodeErrorKind::KeyEmpty));
    }

    #[test]
    fn reply_items_with_stray_bytes_or_a_value_on_a_miss_are_refused() {
        let mut section = Vec::new();
        push_fetched(&mut section, Status::Ok, 7, [&b"ab"[..], b"c"].into_iter());
        push_fetched(&mut section, Status::NotFound, 0, std::iter::empty());
        let items: Vec<_> = Fetched::new(&section, 2).collect();
        assert_eq!(
            items[0],
            FetchedItem {
                status: Status::Ok,
                version: 7,
                value: b"abc"
            }
        );
        assert_eq!(items[1].status, Status::NotFound);
        assert!(check_fetched(&section, 2));
        let mut stray = section.clone();
        stray[1] = 1;
        assert!(!check_fetched(&stray, 2));
        let mut miss = section;
        miss[0] = Status::NotFound.as_u8();
        assert!(!check_fetched(&miss, 2));

        let mut section = Vec::new();
        push_stored(&mut section, Status::Ok, 9);
        assert!(check_stored(&section, 1));
        assert_eq!(
            Stored::new(&section, 1).next().map(|item| item.version),
            Some(9)
        );
        section[7] = 1;
        assert!(!check_stored(&section, 1));
        assert!(!check_deleted(&[0xFF], 1));
    }
}
