//! Jerboa's binary protocol: frames, operations, errors, routing and clients.
//!
//! The codec is a set of pure functions: decoding borrows from the caller's bytes, encoding
//! appends to the caller's buffer, and neither does I/O, reads a clock or allocates for a
//! length it has not checked. `PROTOCOL.md` documents every byte; a test compares its tables
//! with the enums here.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::expect_used)]
#![cfg_attr(not(test), deny(clippy::panic))]

pub mod channel;
#[cfg(feature = "client")]
pub mod client;
pub mod compare;
pub mod condition;
pub mod event;
pub mod flags;
pub mod frame;
pub mod hello;
pub mod limits;
pub mod lock;
pub mod multi;
pub mod opcode;
pub mod range;
pub mod resp;
pub mod routing;
pub mod scan;
pub mod settings;
pub mod stats;
pub mod status;
pub mod value;

pub use channel::Message;
pub use compare::Comparison;
pub use condition::{Conditional, ValueCondition};
pub use flags::{ReplyFlags, RequestFlags};
pub use frame::{
    Crc, CrcMode, DecodeError, DecodeErrorKind, DecodeOptions, Decoded, EncodeError, InStep, Reply,
    Request, decode_reply, decode_request, encode_reply_parts,
};
pub use hello::{Hello, HelloReply};
pub use opcode::{EXISTS_MEMORY, Opcode};
pub use range::ByteRange;
pub use scan::ScanQuery;
pub use status::{Fault, Retry, Status};
