//! The frame's CRC-32: over the header up to its checksum field, then over the payload.
//!
//! Most frames are short, and what counts for short input are the remainders: header and payload
//! go in by steps of sixteen bytes (slicing by 16), then of eight, four and one. Long payloads go
//! through `crc32fast`, which multiplies without carry.

use crate::limits::HEADER_BYTES;

/// Bytes of the header before its checksum field.
const COVERED_BYTES: usize = HEADER_BYTES - 4;

/// From here on the set-up of `crc32fast` pays.
const LONG_BYTES: usize = 128;

/// The checksum of a frame with this header and payload.
#[inline]
pub(super) fn of_frame(head: &[u8; HEADER_BYTES], payload: &[u8]) -> u32 {
    // The last four bytes are the checksum's own.
    let covered = head
        .first_chunk::<COVERED_BYTES>()
        .map_or(&[][..], <[u8; COVERED_BYTES]>::as_slice);
    let mut state = update(!0, covered);
    if payload.len() >= LONG_BYTES {
        let mut hasher = crc32fast::Hasher::new_with_initial(!state);
        hasher.update(payload);
        return hasher.finalize();
    }
    state = update(state, payload);
    !state
}

#[inline]
fn update(mut state: u32, bytes: &[u8]) -> u32 {
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        state = step16(state, pair);
    }
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        state = step8(state, word);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for [a, b, c, d] in halves {
        let [s, t, u, v] = state.to_le_bytes();
        state = at(3, a ^ s) ^ at(2, b ^ t) ^ at(1, c ^ u) ^ at(0, d ^ v);
    }
    for byte in rest {
        state = (state >> 8) ^ at(0, (state as u8) ^ byte);
    }
    state
}

/// Only the first four bytes wait for the state; the other lookups run ahead.
#[inline]
fn step16(state: u32, bytes: &[u8; 16]) -> u32 {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    let [s, t, u, v] = state.to_le_bytes();
    let ahead = at(11, e) ^ at(10, f) ^ at(9, g) ^ at(8, h) ^ at(7, i) ^ at(6, j);
    let ahead = ahead ^ at(5, k) ^ at(4, l) ^ at(3, m) ^ at(2, n) ^ at(1, o) ^ at(0, p);
    ahead ^ at(15, a ^ s) ^ at(14, b ^ t) ^ at(13, c ^ u) ^ at(12, d ^ v)
}

#[inline]
fn step8(state: u32, bytes: &[u8; 8]) -> u32 {
    let [a, b, c, d, e, f, g, h] = *bytes;
    let [s, t, u, v] = state.to_le_bytes();
    let ahead = at(3, e) ^ at(2, f) ^ at(1, g) ^ at(0, h);
    ahead ^ at(7, a ^ s) ^ at(6, b ^ t) ^ at(5, c ^ u) ^ at(4, d ^ v)
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "callers name one of 16 tables; a byte indexes 256"
)]
fn at(table: usize, byte: u8) -> u32 {
    TABLES[table][byte as usize]
}

/// `TABLES[n][b]` is the checksum of byte `b` followed by `n` zero bytes.
static TABLES: [[u32; 256]; 16] = tables();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn tables() -> [[u32; 256]; 16] {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 {
                crc >> 1
            } else {
                (crc >> 1) ^ 0xEDB8_8320
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 16 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[table - 1][byte];
            tables[table][byte] = (crc >> 8) ^ tables[0][(crc & 0xFF) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_of_crc32fast_at_every_length() {
        let head: [u8; HEADER_BYTES] = std::array::from_fn(|n| (n as u8).wrapping_mul(73) ^ 0x5A);
        let mut bytes = head.get(..COVERED_BYTES).unwrap().to_vec();
        for length in 0..600_u32 {
            let payload = bytes.get(COVERED_BYTES..).unwrap();
            assert_eq!(
                of_frame(&head, payload),
                crc32fast::hash(&bytes),
                "{length}"
            );
            bytes.push((length.wrapping_mul(167) >> 3) as u8);
        }
    }
}
