//! The header's bytes: reading and writing the fields, and the checks that requests and replies
//! share. Byte diagram in [`crate::frame`].

use super::error::{DecodeError, DecodeErrorKind, InStep};
use super::{Crc, CrcMode, DecodeOptions, Decoded, FRAME_VERSION, MAGIC, checksum};
use crate::flags::{NO_CRC_BIT, REPLY_BIT};
use crate::limits::{self, HEADER_BYTES};

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

/// A header as six little-endian words.
pub(super) type Words = [u64; 6];

impl Header {
    #[inline]
    fn read(words: &Words) -> Self {
        Self {
            opcode: (words[0] >> 16) as u8,
            hops_or_status: (words[0] >> 24) as u8,
            flags: (words[0] >> 32) as u16 & !(REPLY_BIT | NO_CRC_BIT),
            partition: (words[0] >> 48) as u16,
            request_id: words[1] as u32,
            epoch: (words[1] >> 32) as u32,
            arg: words[3],
            version: words[4],
            count: words[5] as u32,
        }
    }

    /// The header's words with a zero checksum. `frame_bits` are the direction and checksum
    /// bits.
    #[inline]
    fn words(&self, lengths: Lengths, frame_bits: u16) -> Words {
        [
            u64::from(MAGIC)
                | u64::from(FRAME_VERSION) << 8
                | u64::from(self.opcode) << 16
                | u64::from(self.hops_or_status) << 24
                | u64::from(self.flags | frame_bits) << 32
                | u64::from(self.partition) << 48,
            u64::from(self.request_id) | u64::from(self.epoch) << 32,
            u64::from(lengths.map) | u64::from(lengths.key) << 16 | u64::from(lengths.value) << 32,
            self.arg,
            self.version,
            u64::from(self.count),
        ]
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
    let words = words_of(head);
    let (magic, version) = (words[0] as u8, (words[0] >> 8) as u8);
    if magic != MAGIC {
        return Err(close(DecodeErrorKind::BadMagic { found: magic }, 0));
    }
    if version != FRAME_VERSION {
        return Err(close(DecodeErrorKind::BadVersion { found: version }, 0));
    }
    let request_id = words[1] as u32;
    let flags = (words[0] >> 32) as u16;
    if flags & REPLY_BIT != direction {
        return Err(close(DecodeErrorKind::WrongDirection, request_id));
    }
    let has_crc = flags & NO_CRC_BIT == 0;
    if !has_crc && options.crc == CrcMode::Required {
        return Err(close(DecodeErrorKind::NotNegotiated, request_id));
    }
    let lengths = Lengths {
        map: words[2] as u8,
        key: (words[2] >> 16) as u16,
        value: (words[2] >> 32) as u32,
    };
    let max = limits::section_bytes_max(options.value_bytes_max);
    if lengths.value > max {
        let declared = lengths.value;
        return Err(close(
            DecodeErrorKind::FrameTooLarge { declared, max },
            request_id,
        ));
    }
    let total = frame_bytes(lengths);
    let Some(payload) = bytes.get(HEADER_BYTES..total) else {
        return Ok(Decoded::Incomplete { needed: total });
    };
    let expected = if has_crc {
        checksum::of_frame(head, payload)
    } else {
        0
    };
    if (words[5] >> 32) as u32 != expected {
        return Err(close(DecodeErrorKind::BadCrc, request_id));
    }
    // The sections fill the payload exactly; the fallbacks only spare a check that cannot fail.
    let (map, rest) = payload
        .split_at_checked(usize::from(lengths.map))
        .unwrap_or((payload, &[]));
    let (key, value) = rest
        .split_at_checked(usize::from(lengths.key))
        .unwrap_or((rest, &[]));
    let header = Header::read(&words);
    let opened = Opened {
        header,
        map,
        key,
        value,
        total,
        reserved: (words[2] >> 8) as u8,
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

/// Bytes of a frame with a payload of these lengths.
#[inline]
pub(super) fn frame_bytes(lengths: Lengths) -> usize {
    HEADER_BYTES + usize::from(lengths.map) + usize::from(lengths.key) + lengths.value as usize
}

/// A frame under construction at the end of a buffer.
#[derive(Debug)]
pub(super) struct Begun {
    start: usize,
    words: Words,
    crc: Crc,
}

/// Appends a header whose checksum is still to come.
#[inline]
pub(super) fn begin(
    out: &mut Vec<u8>,
    header: &Header,
    lengths: Lengths,
    direction: u16,
    crc: Crc,
) -> Begun {
    let crc_bit = match crc {
        Crc::On => 0,
        Crc::Off => NO_CRC_BIT,
    };
    let words = header.words(lengths, direction | crc_bit);
    let start = out.len();
    out.extend_from_slice(bytes_of(&words).as_flattened());
    Begun { start, words, crc }
}

/// Fills in the checksum of the frame that ends with `out`.
#[inline]
pub(super) fn seal(out: &mut [u8], begun: &Begun) {
    if begun.crc == Crc::On
        && let Some(frame) = out.get_mut(begun.start..)
        && let Some((head, payload)) = frame.split_first_chunk_mut::<HEADER_BYTES>()
    {
        let sum = checksum::of_frame(head, payload);
        if let Some(field) = head.last_chunk_mut::<4>() {
            *field = sum.to_le_bytes();
        }
    }
}

impl Begun {
    /// Where the frame begins.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// Fills in what was not known when the header was written.
    pub(super) fn amend(&mut self, out: &mut [u8], value_len: u32, count: u32, arg: u64) {
        self.words[2] = self.words[2] & 0xFFFF_FFFF | u64::from(value_len) << 32;
        self.words[3] = arg;
        self.words[5] = u64::from(count);
        let frame = out.get_mut(self.start..);
        if let Some(head) = frame.and_then(|frame| frame.first_chunk_mut::<HEADER_BYTES>()) {
            head.copy_from_slice(bytes_of(&self.words).as_flattened());
        }
    }
}

#[inline]
fn bytes_of(words: &Words) -> [[u8; 8]; 6] {
    words.map(u64::to_le_bytes)
}

#[inline]
fn words_of(head: &[u8; HEADER_BYTES]) -> Words {
    let mut words = [0; 6];
    for (word, bytes) in words.iter_mut().zip(head.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

const _: () = assert!(HEADER_BYTES == 6 * 8, "a header is six words");
