//! Why bytes are not a frame, or a frame cannot be encoded.

use std::fmt;

use crate::opcode::Opcode;
use crate::status::Status;

/// Bytes that are not an acceptable frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where the stream goes on: answer this frame with an error and continue behind it. `None`
    /// means that the frame's end is not certain: say so if you like, then close.
    pub recover: Option<InStep>,
    /// The request id that the header declares, unverified unless `recover` is there; zero
    /// where there is no header. For a last error frame before closing.
    pub request_id: u32,
}

/// A refused frame behind which the stream is still in step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InStep {
    /// Bytes of the refused frame.
    pub consumed: usize,
    /// Its request id.
    pub request_id: u32,
    /// Its opcode as it stands there, known or not.
    pub opcode_byte: u8,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The first byte is not the magic one.
    BadMagic {
        /// The byte that is there.
        found: u8,
    },
    /// The frame version is not supported.
    BadVersion {
        /// The version that is there.
        found: u8,
    },
    /// A reply where a request belongs, or the other way round.
    WrongDirection,
    /// The declared value section is longer than any that would be accepted.
    FrameTooLarge {
        /// Declared bytes.
        declared: u32,
        /// Most bytes.
        max: u32,
    },
    /// No checksum on a connection that has them on.
    NotNegotiated,
    /// The checksum does not match.
    BadCrc,
    /// A reserved byte is not zero.
    ReservedNotZero,
    /// Forwarded more often than allowed.
    TooManyHops {
        /// Declared hops.
        hops: u8,
    },
    /// No operation has this number.
    UnknownOpcode {
        /// The number.
        number: u8,
    },
    /// No status has this number.
    UnknownStatus {
        /// The number.
        number: u8,
    },
    /// The operation does not know one of the flags.
    UnknownFlags {
        /// All flags of the frame.
        flags: u16,
    },
    /// Flags that exclude each other, or a needed one missing.
    InvalidOptions,
    /// `arg` is outside the range of the operation.
    InvalidArgument {
        /// The argument.
        arg: u64,
    },
    /// A part that the operation does not use is not empty.
    UnexpectedField {
        /// Its name.
        field: &'static str,
    },
    /// The key, or one of many, is empty.
    KeyEmpty,
    /// A value above the limit.
    ValueTooLarge {
        /// Its bytes.
        declared: u32,
        /// Most bytes.
        max: u32,
    },
    /// No items, or more than a request may have.
    TooManyItems {
        /// Declared items.
        count: u32,
    },
    /// A channel's name or a pattern is longer than allowed.
    ChannelTooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// The value section does not hold what the operation needs.
    MalformedPayload,
}

impl DecodeErrorKind {
    /// The status with which to answer.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::BadMagic { .. } => Status::BadMagic,
            Self::BadVersion { .. } => Status::BadVersion,
            Self::WrongDirection => Status::WrongDirection,
            Self::FrameTooLarge { .. } => Status::FrameTooLarge,
            Self::NotNegotiated => Status::NotNegotiated,
            Self::BadCrc => Status::BadCrc,
            Self::ReservedNotZero => Status::ReservedNotZero,
            Self::TooManyHops { .. } => Status::TooManyHops,
            Self::UnknownOpcode { .. } => Status::UnknownOpcode,
            Self::UnknownStatus { .. } | Self::MalformedPayload => Status::MalformedPayload,
            Self::UnknownFlags { .. } => Status::UnknownFlags,
            Self::InvalidOptions => Status::InvalidOptions,
            Self::InvalidArgument { .. } => Status::InvalidArgument,
            Self::UnexpectedField { .. } => Status::UnexpectedField,
            Self::KeyEmpty => Status::KeyEmpty,
            Self::ValueTooLarge { .. } => Status::ValueTooLarge,
            Self::TooManyItems { .. } => Status::TooManyItems,
            Self::ChannelTooLarge { .. } => Status::ChannelTooLarge,
        }
    }
}

impl DecodeError {
    /// The operation to name in the answer: the refused one where it is known.
    #[must_use]
    pub fn opcode(&self) -> Opcode {
        self.recover
            .and_then(|in_step| Opcode::from_u8(in_step.opcode_byte))
            .unwrap_or(Opcode::Unknown)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMagic { found } => write!(f, "first byte is {found:#04x}, not 0xb7"),
            Self::BadVersion { found } => write!(f, "frame version {found} is not supported"),
            Self::FrameTooLarge { declared, max } => {
                write!(
                    f,
                    "declares a value section of {declared} bytes, {max} are allowed"
                )
            }
            Self::TooManyHops { hops } => write!(f, "forwarded {hops} times"),
            Self::UnknownOpcode { number } => {
                write!(f, "no operation has the number {number:#04x}")
            }
            Self::UnknownStatus { number } => write!(f, "no status has the number {number:#04x}"),
            Self::UnknownFlags { flags } => write!(f, "flags {flags:#06x} are not all known"),
            Self::InvalidArgument { arg } => write!(f, "argument {arg} is outside its range"),
            Self::UnexpectedField { field } => {
                write!(
                    f,
                    "the operation does not use its {field}, which is not empty"
                )
            }
            Self::ValueTooLarge { declared, max } => {
                write!(f, "a value of {declared} bytes, {max} are allowed")
            }
            Self::TooManyItems { count } => write!(f, "{count} items"),
            Self::ChannelTooLarge { bytes } => write!(f, "the name of a channel has {bytes} bytes"),
            Self::WrongDirection
            | Self::NotNegotiated
            | Self::BadCrc
            | Self::ReservedNotZero
            | Self::InvalidOptions
            | Self::KeyEmpty
            | Self::MalformedPayload => f.write_str(self.status().text()),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl std::error::Error for DecodeError {}

/// A frame that cannot be encoded. Nothing was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The key is longer than its length field can say.
    KeyTooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// The map name is longer than its length field can say.
    MapNameTooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// The value section is longer than any limit allows.
    ValueTooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// The parts of a value do not add up to the announced length.
    LengthMismatch,
    /// A decoder would refuse the frame.
    Refused(DecodeErrorKind),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyTooLarge { bytes } => write!(f, "a key of {bytes} bytes"),
            Self::MapNameTooLarge { bytes } => write!(f, "a map name of {bytes} bytes"),
            Self::ValueTooLarge { bytes } => write!(f, "a value section of {bytes} bytes"),
            Self::LengthMismatch => {
                f.write_str("the value's parts have another length than announced")
            }
            Self::Refused(kind) => fmt::Display::fmt(kind, f),
        }
    }
}

impl std::error::Error for EncodeError {}
