//! Key to slot to partition: the Redis Cluster rule, so that its clients route to the same
//! place.

/// Number of slots.
pub const SLOTS: u16 = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 14;

/// The slot of a key: CRC16/XMODEM of its hash tag, 14 bits of it.
#[must_use]
#[inline]
pub fn slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) & (SLOTS - 1)
}

/// The partition of a slot where the cluster has `1 << partitions_log2` of them (at most 14).
#[must_use]
#[inline]
pub const fn partition(slot: u16, partitions_log2: u32) -> u16 {
    slot >> SLOT_BITS.saturating_sub(partitions_log2)
}

/// The partition of a key where the cluster has `partition_count` of them, a power of two.
#[must_use]
#[inline]
pub fn partition_of(key: &[u8], partition_count: u16) -> u16 {
    partition(slot(key), partition_count.trailing_zeros())
}

/// The part of a key that decides its slot: what stands between its first `{` and the next `}`,
/// where that is not empty, else all of it.
#[must_use]
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    if has_brace(key) { braced(key) } else { key }
}

/// Whether a key has a `{` somewhere; eight bytes a step.
#[inline]
fn has_brace(key: &[u8]) -> bool {
    let Some(last) = key.last_chunk() else {
        return key.contains(&b'{');
    };
    let (chunks, _) = key.as_chunks();
    chunks.iter().any(has_brace_in) || has_brace_in(last)
}

#[inline]
fn has_brace_in(chunk: &[u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    // A byte that is zero borrows from its highest bit, which it had not set.
    let zero_at_brace = u64::from_le_bytes(*chunk) ^ (ONES * b'{' as u64);
    zero_at_brace.wrapping_sub(ONES) & !zero_at_brace & (ONES << 7) != 0
}

#[cold]
fn braced(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else {
        return key;
    };
    let after = key.get(open + 1..).unwrap_or_default();
    match after.iter().position(|byte| *byte == b'}') {
        None | Some(0) => key,
        Some(close) => after.get(..close).unwrap_or(key),
    }
}

/// CRC16/XMODEM: polynomial 0x1021, start 0, most significant bit first. Eight bytes a step, then
/// four.
#[must_use]
#[inline]
pub fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let [high, low] = [chunk[0] ^ (crc >> 8) as u8, chunk[1] ^ crc as u8];
        crc = at(7, high)
            ^ at(6, low)
            ^ at(5, chunk[2])
            ^ at(4, chunk[3])
            ^ at(3, chunk[4])
            ^ at(2, chunk[5])
            ^ at(1, chunk[6])
            ^ at(0, chunk[7]);
    }
    let (chunks, rest) = rest.as_chunks::<4>();
    for chunk in chunks {
        let [high, low] = [chunk[0] ^ (crc >> 8) as u8, chunk[1] ^ crc as u8];
        crc = at(3, high) ^ at(2, low) ^ at(1, chunk[2]) ^ at(0, chunk[3]);
    }
    for byte in rest {
        crc = (crc << 8) ^ at(0, (crc >> 8) as u8 ^ byte);
    }
    crc
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "callers name one of 8 tables; a byte indexes 256"
)]
fn at(table: usize, byte: u8) -> u16 {
    TABLES[table][byte as usize]
}

/// `TABLES[n][b]` is the checksum of byte `b` followed by `n` zero bytes.
static TABLES: [[u16; 256]; 8] = tables();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[table - 1][byte];
            tables[table][byte] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crc16_bitwise(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
                if crc & 0x8000 == 0 {
                    crc << 1
                } else {
                    (crc << 1) ^ 0x1021
                }
            })
        })
    }

    #[test]
    fn the_checksum_is_xmodem_at_every_length() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        let bytes: Vec<u8> = (0..100_u8).map(|i| i.wrapping_mul(151) ^ 0x5A).collect();
        for length in 0..bytes.len() {
            assert_eq!(
                crc16(&bytes[..length]),
                crc16_bitwise(&bytes[..length]),
                "{length}"
            );
        }
    }

    #[test]
    fn slots_are_those_of_redis_cluster() {
        // As CLUSTER KEYSLOT answers.
        for (key, expected) in [
            (&b"foo"[..], 12_182),
            (b"bar", 5_061),
            (b"hello", 866),
            (b"somekey", 11_058),
            (b"foo{hash_tag}", 2_515),
            (b"bar{hash_tag}", 2_515),
            (b"", 0),
        ] {
            assert_eq!(slot(key), expected, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn the_tag_is_the_first_pair_of_braces_with_something_between() {
        for (key, tag) in [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("}foo{bar}", "bar"),
            ("{", "{"),
            ("{}", "{}"),
            ("0123456{x}", "x"),
            ("01234567{x}", "x"),
            ("0123456789{x}", "x"),
            ("{x}012345678901234567", "x"),
            ("0123456789012345678{x", "0123456789012345678{x"),
            ("z|zzzzzz|z}{x}", "x"),
            ("plain", "plain"),
        ] {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }

    #[test]
    fn a_partition_is_the_upper_bits_of_the_slot() {
        assert_eq!(partition(0x3FFF, 14), 0x3FFF);
        assert_eq!(partition(0x3FFF, 12), 4095);
        assert_eq!(partition(0x3FFF, 10), 1023);
        assert_eq!(partition_of(b"foo", 4096), 12_182 >> 2);
        assert_eq!(partition_of(b"foo", 16_384), 12_182);
        assert_eq!(partition_of(b"foo", 1024), 12_182 >> 4);
    }
}
