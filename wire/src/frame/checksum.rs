//! The frame's CRC-32: over the header up to its checksum field, then over the payload.

use super::header::CRC_OFFSET;
use crate::limits::HEADER_BYTES;

/// The checksum of a whole frame; zero where the bytes are shorter than a header.
#[inline]
pub(super) fn of_frame(frame: &[u8]) -> u32 {
    let (Some(head), Some(payload)) = (frame.get(..CRC_OFFSET), frame.get(HEADER_BYTES..)) else {
        return 0;
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}
