//! An entry as Olric's clients decode it. All numbers are big-endian.
//!
//! ```text
//! u8 key_len | key | i64 expiry in Unix ms, 0 never | i64 timestamp | i64 last access
//! u32 value_len | value
//! ```
//! The key is left out: who asks for an entry knows it. The timestamp is the entry's version, which
//! grows with each change as a timestamp would. Reading is not a change, so there is no time of the
//! last access.

/// The encoded entry.
#[expect(clippy::big_endian_bytes, reason = "Olric's encoding, not ours")]
pub(super) fn encoded(value: &[u8], expires_at_ms: u64, version: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 3 * 8 + 4 + value.len());
    out.push(0);
    for number in [expires_at_ms, version, 0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    // A value never has more bytes than its own length field in a frame can say.
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_fields_where_clients_look_for_them() {
        let bytes = encoded(b"ab", 0x0102, 7);
        assert_eq!(bytes.len(), 1 + 24 + 4 + 2);
        assert_eq!(bytes[0], 0);
        assert_eq!(bytes[1..9], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(bytes[9..17], [0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(bytes[25..29], [0, 0, 0, 2]);
        assert_eq!(&bytes[29..], b"ab");
    }
}
