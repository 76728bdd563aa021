//! The frame: one 48-byte little-endian header for requests and replies, then the payload.
//!
//! ```text
//!  0        1        2        3        4        5        6        7
//! +--------+--------+--------+--------+--------+--------+--------+--------+
//! | 0xB7   |version |opcode  |hops or | flags           | partition       |
//! |        |  1     |        |status  |                 |                 |  0
//! +--------+--------+--------+--------+--------+--------+--------+--------+
//! | request_id                        | epoch                             |  8
//! +--------+--------+--------+--------+--------+--------+--------+--------+
//! |map_len |  0     | key_len         | value_len                         | 16
//! +--------+--------+--------+--------+--------+--------+--------+--------+
//! | arg                                                                   | 24
//! +--------+--------+--------+--------+--------+--------+--------+--------+
//! | version                                                               | 32
//! +--------+--------+--------+--------+--------+--------+--------+--------+
//! | count                             | crc32                             | 40
//! +--------+--------+--------+--------+--------+--------+--------+--------+
//! | map name | key | value                                                  48
//! ```
//!
//! Invariants:
//! * I1 A frame that decodes has every length, flag, number and item already checked: nothing
//!   downstream checks them again.
//! * I2 The header alone decides whether a frame is too large, so nothing is buffered for one
//!   that will be refused.
//! * I3 `DecodeError::recover` is `Some` only where the frame's end is certain: its checksum
//!   matched (or checksums are off) and its lengths are within the limits.
//! * I4 What `encode` accepts, `decode` accepts.

mod checksum;
mod error;
mod header;
mod reply;
mod request;

pub use error::{DecodeError, DecodeErrorKind, EncodeError, InStep};
pub use reply::{FrameStart, Reply, begin_reply, decode_reply, encode_reply_parts, finish_reply};
pub use request::{Request, decode_request};

/// First byte of every frame. Neither RESP nor HTTP begins with it.
pub const MAGIC: u8 = 0xB7;

/// The frame version, in every header.
pub const FRAME_VERSION: u8 = 1;

/// Whether an encoded frame carries a checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crc {
    /// With a CRC-32 over header and payload.
    On,
    /// Without, as negotiated at hello.
    Off,
}

/// Whether a decoded frame must carry a checksum. One that is there is always verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrcMode {
    /// A frame without one is refused.
    Required,
    /// The connection negotiated that frames may go without.
    Optional,
}

/// What a decoder accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeOptions {
    /// Whether frames must carry a checksum.
    pub crc: CrcMode,
    /// The largest value.
    pub value_bytes_max: u32,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            crc: CrcMode::Required,
            value_bytes_max: crate::limits::VALUE_BYTES_MAX_DEFAULT,
        }
    }
}

/// A frame at the front of the bytes, or how many bytes it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded<T> {
    /// The frame is not complete.
    Incomplete {
        /// Bytes of the frame from its first: at least [`crate::limits::HEADER_BYTES`], exact
        /// once the header is there.
        needed: usize,
    },
    /// A whole frame.
    Frame {
        /// The frame, borrowed from the bytes.
        frame: T,
        /// Bytes that it took.
        consumed: usize,
    },
}

#[cfg(test)]
mod tests;
