//! The header's bytes: reading and writing the fields, and the checks that requests and replies
//! share. Byte diagram in [`crate::frame`].

use super::error::{DecodeError, DecodeErrorKind, InStep};
use super::{Crc, CrcMode, DecodeOptions, Decoded, FRAME_VERSION, MAGIC, checksum};
use crate::flags::{NO_CRC_BIT, REPLY_BIT};
use crate::limits::{self, HEADER_BYTES};

/// Offset of the checksum field, the last of the header.
pub(super) const CRC_OFFSET: usize = 44;
/// Offset of the `value_len` field.
pub(super) const VALUE_LEN_OFFSET: usize = 20;
/// Offset of the `arg` field.
pub(super) const ARG_OFFSET: usize = 24;
/// Offset of the `count` field.
pub(super) const COUNT_OFFSET: usize = 40;

const _: () = assert!(
    CRC_OFFSET + 4 == HEADER_BYTES,
    "the checksum closes the header"
);

/// The fields of a header, lengths apart.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) opcode: u8,
    pub(super) hops_or_status: u8,
    /// Without the two bits of the frame.
    pub(super) flags: u16,
    pub(super) partition: u16,
    pub(super) request_id: u32,
    pub(super) epoch: u32,
    pub(super) arg: u64,
    pub(super) version: u64,
    pub(super) count: u32,
}

impl Header {
    #[inline]
    fn read(head: &[u8; HEADER_BYTES]) -> Self {
        Self {
            opcode: head[2],
            hops_or_status: head[3],
            flags: u16_at(head, 4) & !(REPLY_BIT | NO_CRC_BIT),
            partition: u16_at(head, 6),
            request_id: u32_at(head, 8),
            epoch: u32_at(head, 12),
            arg: u64_at(head, ARG_OFFSET),
            version: u64_at(head, 32),
            count: u32_at(head, COUNT_OFFSET),
        }
    }
}

/// Lengths of the three sections of a payload, each within its field.
#[derive(Clone, Copy)]
pub(super) struct Lengths {
    pub(super) map: u8,
    pub(super) key: u16,
    pub(super) value: u32,
}

/// A whole frame whose bounds and checksum are right; its meaning is not checked yet.
pub(super) struct Opened<'a> {
    pub(super) header: Header,
    pub(super) map: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) total: usize,
    pub(super) reserved: u8,
}

impl Opened<'_> {
    /// An error about a frame behind which the stream goes on.
    #[cold]
    pub(super) fn refuse(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError {
            kind,
            recover: Some(InStep {
                consumed: self.total,
                request_id: self.header.request_id,
                opcode_byte: self.header.opcode,
            }),
            request_id: self.header.request_id,
        }
    }
}

#[cold]
fn close(kind: DecodeErrorKind, request_id: u32) -> DecodeError {
    DecodeError {
        kind,
        recover: None,
        request_id,
    }
}

/// Takes the frame at the front of `bytes` apart, `direction` being the reply bit it must have.
#[inline]
pub(super) fn open<'a>(
    bytes: &'a [u8],
    options: &DecodeOptions,
    direction: u16,
) -> Result<Decoded<Opened<'a>>, DecodeError> {
    let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
        return short(bytes);
    };
    if head[0] != MAGIC {
        return Err(close(DecodeErrorKind::BadMagic { found: head[0] }, 0));
    }
    if head[1] != FRAME_VERSION {
        return Err(close(DecodeErrorKind::BadVersion { found: head[1] }, 0));
    }
    let request_id = u32_at(head, 8);
    let flags = u16_at(head, 4);
    if flags & REPLY_BIT != direction {
        return Err(close(DecodeErrorKind::WrongDirection, request_id));
    }
    let has_crc = flags & NO_CRC_BIT == 0;
    if !has_crc && options.crc == CrcMode::Required {
        return Err(close(DecodeErrorKind::NotNegotiated, request_id));
    }
    let lengths = Lengths {
        map: head[16],
        key: u16_at(head, 18),
        value: u32_at(head, VALUE_LEN_OFFSET),
    };
    let max = limits::section_bytes_max(options.value_bytes_max);
    if lengths.value > max {
        return Err(close(
            DecodeErrorKind::FrameTooLarge {
                declared: lengths.value,
                max,
            },
            request_id,
        ));
    }
    let total = frame_bytes(lengths);
    let Some((frame, _)) = bytes.split_at_checked(total) else {
        return Ok(Decoded::Incomplete { needed: total });
    };
    let expected = if has_crc {
        checksum::of_frame(frame)
    } else {
        0
    };
    if u32_at(head, CRC_OFFSET) != expected {
        return Err(close(DecodeErrorKind::BadCrc, request_id));
    }
    let (map, rest) = split(frame, HEADER_BYTES, usize::from(lengths.map));
    let (key, value) = rest
        .split_at_checked(usize::from(lengths.key))
        .unwrap_or((rest, &[]));
    let header = Header::read(head);
    let opened = Opened {
        header,
        map,
        key,
        value,
        total,
        reserved: head[17],
    };
    Ok(Decoded::Frame {
        frame: opened,
        consumed: total,
    })
}

/// Fewer bytes than a header: refused at once where the first two already say so.
#[cold]
fn short<T>(bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    match bytes {
        [magic, ..] if *magic != MAGIC => {
            Err(close(DecodeErrorKind::BadMagic { found: *magic }, 0))
        }
        [_, version, ..] if *version != FRAME_VERSION => {
            Err(close(DecodeErrorKind::BadVersion { found: *version }, 0))
        }
        _ => Ok(Decoded::Incomplete {
            needed: HEADER_BYTES,
        }),
    }
}

/// The bytes of `frame` from `skip`, in two at `at`. The lengths were checked by the caller;
/// a wrong one yields empty slices.
#[inline]
fn split(frame: &[u8], skip: usize, at: usize) -> (&[u8], &[u8]) {
    frame
        .get(skip..)
        .and_then(|payload| payload.split_at_checked(at))
        .unwrap_or((&[], &[]))
}

/// Bytes of a frame with a payload of these lengths.
#[inline]
pub(super) fn frame_bytes(lengths: Lengths) -> usize {
    HEADER_BYTES + usize::from(lengths.map) + usize::from(lengths.key) + lengths.value as usize
}

/// The header's bytes with a zero checksum. `frame_bits` are the direction and checksum bits.
#[inline]
pub(super) fn bytes_of(header: &Header, lengths: Lengths, frame_bits: u16) -> [u8; HEADER_BYTES] {
    let mut head = [0; HEADER_BYTES];
    head[0] = MAGIC;
    head[1] = FRAME_VERSION;
    head[2] = header.opcode;
    head[3] = header.hops_or_status;
    put(&mut head, 4, (header.flags | frame_bits).to_le_bytes());
    put(&mut head, 6, header.partition.to_le_bytes());
    put(&mut head, 8, header.request_id.to_le_bytes());
    put(&mut head, 12, header.epoch.to_le_bytes());
    head[16] = lengths.map;
    put(&mut head, 18, lengths.key.to_le_bytes());
    put(&mut head, VALUE_LEN_OFFSET, lengths.value.to_le_bytes());
    put(&mut head, ARG_OFFSET, header.arg.to_le_bytes());
    put(&mut head, 32, header.version.to_le_bytes());
    put(&mut head, COUNT_OFFSET, header.count.to_le_bytes());
    head
}

/// Fills in the checksum of the frame that begins at `start` and ends with `out`.
#[inline]
pub(super) fn seal(out: &mut [u8], start: usize, crc: Crc) {
    if crc == Crc::On
        && let Some(frame) = out.get_mut(start..)
    {
        let sum = checksum::of_frame(frame);
        put(frame, CRC_OFFSET, sum.to_le_bytes());
    }
}

/// The checksum bit of the flag field.
#[inline]
pub(super) const fn crc_bit(crc: Crc) -> u16 {
    match crc {
        Crc::On => 0,
        Crc::Off => NO_CRC_BIT,
    }
}

/// Writes a field; does nothing where the bytes end before it.
#[inline]
pub(super) fn put<const N: usize>(bytes: &mut [u8], offset: usize, field: [u8; N]) {
    if let Some(place) = bytes.get_mut(offset..offset + N) {
        place.copy_from_slice(&field);
    }
}

#[inline]
fn field<const N: usize>(head: &[u8; HEADER_BYTES], offset: usize) -> [u8; N] {
    let mut bytes = [0; N];
    if let Some(place) = head.get(offset..offset + N) {
        bytes.copy_from_slice(place);
    }
    bytes
}

#[inline]
fn u16_at(head: &[u8; HEADER_BYTES], offset: usize) -> u16 {
    u16::from_le_bytes(field(head, offset))
}

#[inline]
fn u32_at(head: &[u8; HEADER_BYTES], offset: usize) -> u32 {
    u32::from_le_bytes(field(head, offset))
}

#[inline]
fn u64_at(head: &[u8; HEADER_BYTES], offset: usize) -> u64 {
    u64::from_le_bytes(field(head, offset))
}
