//! An entry as Olric's clients decode it. All numbers are big-endian.
//!
//! ```text
//! u8 key_len | key | i64 expiry in Unix ms, 0 never | i64 timestamp | i64 last access
//! u32 value_len | value
//! ```
//! The key is left out: who asks for an entry knows it. The timestamp is Unix nanoseconds: the
//! millisecond in which the entry was last written, as its version tells it, and behind it the count
//! within that millisecond, so that of two entries the later has the greater one. Reading is not a
//! change, so there is no time of the last access.

/// The encoded entry.
#[expect(clippy::big_endian_bytes, reason = "Olric's encoding, not ours")]
pub(super) fn encoded(value: &[u8], expires_at_ms: u64, version: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 3 * 8 + 4 + value.len());
    out.push(0);
    for number in [expires_at_ms, timestamp_ns(version), 0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    // A value never has more bytes than its own length field in a frame can say.
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    out
}

/// A version is `u48 Unix ms | u16 count`. There are more nanoseconds in a millisecond than counts.
/// A clock that is centuries ahead ends at the last nanosecond that clients can read.
fn timestamp_ns(version: u64) -> u64 {
    let (ms, count) = (version >> 16, version & 0xFFFF);
    let ns = ms.saturating_mul(1_000_000).saturating_add(count);
    ns.min(i64::MAX.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_fields_where_clients_look_for_them() {
        let bytes = encoded(b"ab", 0x0102, 2 << 16 | 7);
        assert_eq!(bytes.len(), 1 + 24 + 4 + 2);
        assert_eq!(bytes[0], 0);
        assert_eq!(bytes[1..9], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(bytes[9..17], [0, 0, 0, 0, 0, 0x1E, 0x84, 0x87]);
        assert_eq!(bytes[25..29], [0, 0, 0, 2]);
        assert_eq!(&bytes[29..], b"ab");
    }

    #[test]
    fn later_versions_are_later_times_and_none_is_negative() {
        let at = 1_800_000_000_000 << 16;
        assert_eq!(timestamp_ns(0), 0);
        assert_eq!(timestamp_ns(at), 1_800_000_000_000 * 1_000_000);
        assert!(timestamp_ns(at | 0xFFFF) < timestamp_ns(at + 0x1_0000));
        assert!(timestamp_ns(at) < timestamp_ns(at + 1));
        assert_eq!(timestamp_ns(u64::MAX), i64::MAX as u64);
    }
}
