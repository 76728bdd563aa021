//! A reply: what it carries, its bytes and its checks. Byte diagram in [`crate::frame`].

use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::header::{self, Begun, Header, Lengths};
use super::request::lengths;
use super::{Crc, DecodeOptions, Decoded};
use crate::channel::{self, Message};
use crate::flags::{REPLY_BIT, ReplyFlags};
use crate::limits;
use crate::multi::{self, Deleted, Fetched, Keys, Stored};
use crate::opcode::{Kind, Opcode};
use crate::status::Status;

/// A reply, borrowed from the buffer that it was read from or is written from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply<'a> {
    /// The operation that it answers.
    pub opcode: Opcode,
    /// The outcome.
    pub status: Status,
    /// What it tells beside the outcome.
    pub flags: ReplyFlags,
    /// Partition of the request.
    pub partition: u16,
    /// The request's id.
    pub request_id: u32,
    /// The topology epoch that the node knows; 0 is unknown.
    pub epoch: u32,
    /// Expiry, counter value, number removed or time left, by operation.
    pub arg: u64,
    /// The entry's version, 0 where there is none.
    pub version: u64,
    /// Items of a multi-key operation.
    pub count: u32,
    /// Reserved for operations that find keys: empty in all of today's.
    pub key: &'a [u8],
    /// The value, the items, or an error's explanation.
    pub value: &'a [u8],
}

impl<'a> Reply<'a> {
    /// A reply with everything but its operation and outcome empty or zero.
    #[must_use]
    #[inline]
    pub const fn new(opcode: Opcode, status: Status, request_id: u32) -> Self {
        Self {
            opcode,
            status,
            flags: ReplyFlags::NONE,
            partition: 0,
            request_id,
            epoch: 0,
            arg: 0,
            version: 0,
            count: 0,
            key: &[],
            value: &[],
        }
    }

    /// The reply to a frame that was refused.
    #[must_use]
    pub fn refusal(error: &DecodeError) -> Self {
        Self::new(error.opcode(), error.kind.status(), error.request_id)
    }

    /// Bytes of the encoded frame.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        limits::HEADER_BYTES + self.key.len() + self.value.len()
    }

    /// Appends the frame to `out`. After an error `out` is as it was.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>, crc: Crc) -> Result<(), EncodeError> {
        check(self).map_err(EncodeError::Refused)?;
        let lengths = lengths(&[], self.key, self.value.len())?;
        out.reserve(self.encoded_len());
        let begun = begin(self, lengths, out, crc);
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
        header::seal(out, &begun);
        Ok(())
    }

    /// The items of the reply to a `MultiGet`.
    #[must_use]
    #[inline]
    pub const fn fetched(&self) -> Fetched<'a> {
        Fetched::new(self.value, self.count)
    }

    /// The keys that a `Scan` found, or the names of a `Channels`.
    #[must_use]
    #[inline]
    pub const fn scanned(&self) -> Keys<'a> {
        Keys::new(self.value, self.count)
    }

    /// The items of the reply to a `Subscribers`.
    pub fn subscribers(&self) -> impl Iterator<Item = u64> + 'a {
        channel::subscribers(self.value, self.count)
    }

    /// The message that was pushed.
    #[must_use]
    pub fn message(&self) -> Option<Message<'a>> {
        (self.opcode == Opcode::Message && self.status == Status::Ok)
            .then(|| Message::decode(self.value))
            .flatten()
    }

    /// The items of the reply to a `MultiPut`.
    #[must_use]
    #[inline]
    pub const fn stored(&self) -> Stored<'a> {
        Stored::new(self.value, self.count)
    }

    /// The items of the reply to a `MultiDelete`.
    #[must_use]
    #[inline]
    pub const fn deleted(&self) -> Deleted<'a> {
        Deleted::new(self.value, self.count)
    }
}

/// Appends a reply whose value is `parts` one after the other, `value_bytes` in all: a value
/// goes from where it lives straight into the frame. `head.value` is not used. After an error
/// `out` is as it was.
#[inline]
pub fn encode_reply_parts<'p>(
    head: &Reply<'_>,
    parts: impl Iterator<Item = &'p [u8]>,
    value_bytes: u32,
    out: &mut Vec<u8>,
    crc: Crc,
) -> Result<(), EncodeError> {
    let lengths = lengths(&[], head.key, value_bytes as usize)?;
    out.reserve(header::frame_bytes(lengths));
    let begun = begin(head, lengths, out, crc);
    out.extend_from_slice(head.key);
    let value_start = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    if out.len() - value_start != value_bytes as usize {
        out.truncate(begun.start());
        return Err(EncodeError::LengthMismatch);
    }
    header::seal(out, &begun);
    Ok(())
}

/// Where a reply under construction begins in its buffer.
#[derive(Debug)]
#[must_use = "a begun reply has to be finished"]
pub struct FrameStart(Begun);

/// Begins a reply whose value section the caller appends to `out` itself, item by item (see
/// [`crate::multi`]), and closes with [`finish_reply`]. `head.key` and `head.value` are not used.
pub fn begin_reply(head: &Reply<'_>, out: &mut Vec<u8>, crc: Crc) -> FrameStart {
    let empty = Lengths {
        map: 0,
        key: 0,
        value: 0,
    };
    FrameStart(begin(head, empty, out, crc))
}

/// Closes a reply: what was appended to `out` since [`begin_reply`] is its value section, of
/// `count` items. After an error the begun reply is gone from `out`.
pub fn finish_reply(
    begun: FrameStart,
    count: u32,
    arg: u64,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let FrameStart(mut begun) = begun;
    let value_bytes = out
        .len()
        .saturating_sub(begun.start() + limits::HEADER_BYTES);
    match lengths(&[], &[], value_bytes) {
        Ok(lengths) => {
            begun.amend(out, lengths.value, count, arg);
            header::seal(out, &begun);
            Ok(())
        }
        Err(error) => {
            out.truncate(begun.start());
            Err(error)
        }
    }
}

/// Decodes the reply at the front of `bytes`.
#[inline]
pub fn decode_reply<'a>(
    bytes: &'a [u8],
    options: &DecodeOptions,
) -> Result<Decoded<Reply<'a>>, DecodeError> {
    let (opened, consumed) = match header::open(bytes, options, REPLY_BIT)? {
        Decoded::Incomplete { needed } => return Ok(Decoded::Incomplete { needed }),
        Decoded::Frame { frame, consumed } => (frame, consumed),
    };
    let header = &opened.header;
    if opened.reserved != 0 {
        return Err(opened.refuse(DecodeErrorKind::ReservedNotZero));
    }
    let opcode = match Opcode::from_u8(header.opcode) {
        Some(opcode) => opcode,
        None if header.opcode == Opcode::Unknown.as_u8() => Opcode::Unknown,
        None => {
            return Err(opened.refuse(DecodeErrorKind::UnknownOpcode {
                number: header.opcode,
            }));
        }
    };
    let Some(status) = Status::from_u8(header.hops_or_status) else {
        let number = header.hops_or_status;
        return Err(opened.refuse(DecodeErrorKind::UnknownStatus { number }));
    };
    let Some(flags) = ReplyFlags::from_bits(header.flags) else {
        return Err(opened.refuse(DecodeErrorKind::UnknownFlags {
            flags: header.flags,
        }));
    };
    if !opened.map.is_empty() {
        return Err(opened.refuse(DecodeErrorKind::UnexpectedField { field: "map" }));
    }
    let reply = Reply {
        opcode,
        status,
        flags,
        partition: header.partition,
        request_id: header.request_id,
        epoch: header.epoch,
        arg: header.arg,
        version: header.version,
        count: header.count,
        key: opened.key,
        value: opened.value,
    };
    match check(&reply) {
        Ok(()) => Ok(Decoded::Frame {
            frame: reply,
            consumed,
        }),
        Err(kind) => Err(opened.refuse(kind)),
    }
}

#[inline]
fn begin(head: &Reply<'_>, lengths: Lengths, out: &mut Vec<u8>, crc: Crc) -> Begun {
    let header = Header {
        opcode: head.opcode.as_u8(),
        hops_or_status: head.status.as_u8(),
        flags: head.flags.bits(),
        partition: head.partition,
        request_id: head.request_id,
        epoch: head.epoch,
        arg: head.arg,
        version: head.version,
        count: head.count,
    };
    header::begin(out, &header, lengths, REPLY_BIT, crc)
}

/// Everything about a reply that does not depend on who reads it.
#[inline]
fn check(reply: &Reply<'_>) -> Result<(), DecodeErrorKind> {
    if !reply.key.is_empty() {
        return Err(DecodeErrorKind::UnexpectedField { field: "key" });
    }
    if reply.status != Status::Ok {
        return check_unsuccessful(reply);
    }
    match reply.opcode.shape().kind {
        _ if reply.opcode == Opcode::Unknown => Err(DecodeErrorKind::UnknownOpcode { number: 0 }),
        Kind::Multi => check_items(reply),
        Kind::Scan | Kind::Slot if reply.count > limits::MULTI_ITEMS_MAX => {
            Err(DecodeErrorKind::TooManyItems { count: reply.count })
        }
        Kind::Scan | Kind::Slot => multi::check_keys(reply.value, reply.count),
        Kind::Channel | Kind::Pushed => check_channel(reply),
        _ if reply.count != 0 => Err(DecodeErrorKind::UnexpectedField { field: "count" }),
        _ if reply.value.is_empty() || carries_value(reply.opcode) => Ok(()),
        _ => Err(DecodeErrorKind::UnexpectedField { field: "value" }),
    }
}

/// The outcome of a request about channels, or a message.
fn check_channel(reply: &Reply<'_>) -> Result<(), DecodeErrorKind> {
    let fits = match reply.opcode {
        Opcode::Message => reply.count == 0 && Message::decode(reply.value).is_some(),
        Opcode::Channels | Opcode::Subscribers if reply.count > limits::MULTI_ITEMS_MAX => {
            return Err(DecodeErrorKind::TooManyItems { count: reply.count });
        }
        Opcode::Channels => return multi::check_keys(reply.value, reply.count),
        Opcode::Subscribers => reply.value.len() == 8 * reply.count as usize,
        _ => reply.count == 0 && reply.value.is_empty(),
    };
    if fits {
        Ok(())
    } else {
        Err(DecodeErrorKind::MalformedPayload)
    }
}

/// An error may explain itself; another outcome than success tells what is there instead, where
/// the operation does that.
#[inline]
fn check_unsuccessful(reply: &Reply<'_>) -> Result<(), DecodeErrorKind> {
    let longest = if reply.status.is_error() {
        limits::ERROR_TEXT_BYTES_MAX
    } else if tells_what_is_there(reply.opcode, reply.status) {
        limits::VALUE_BYTES_MAX_CEILING as usize
    } else {
        0
    };
    if reply.count != 0 {
        return Err(DecodeErrorKind::UnexpectedField { field: "count" });
    }
    if reply.value.len() > longest {
        return Err(DecodeErrorKind::UnexpectedField { field: "value" });
    }
    Ok(())
}

/// Outcomes that carry the value of the entry that stood in the way.
#[inline]
const fn tells_what_is_there(opcode: Opcode, status: Status) -> bool {
    matches!(
        (opcode, status),
        (Opcode::Put, Status::Exists)
            | (Opcode::CasValue, Status::Mismatch | Status::Exists)
            | (Opcode::PutIf, Status::Mismatch)
    )
}

#[inline]
const fn carries_value(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Get
            | Opcode::GetMeta
            | Opcode::Put
            | Opcode::PutIf
            | Opcode::GetDelete
            | Opcode::GetRange
            | Opcode::GetExpire
            | Opcode::Ping
            | Opcode::Hello
            | Opcode::Topology
            | Opcode::Stats
            | Opcode::Verify
            | Opcode::SettingsGet
            | Opcode::SettingsSet
            | Opcode::RandomKey
            | Opcode::HotKeys
            | Opcode::MapStats
    )
}

fn check_items(reply: &Reply<'_>) -> Result<(), DecodeErrorKind> {
    if reply.count == 0 || reply.count > limits::MULTI_ITEMS_MAX {
        return Err(DecodeErrorKind::TooManyItems { count: reply.count });
    }
    let whole = match reply.opcode {
        Opcode::MultiGet => multi::check_fetched(reply.value, reply.count),
        Opcode::MultiPut => multi::check_stored(reply.value, reply.count),
        _ => multi::check_deleted(reply.value, reply.count),
    };
    if whole {
        Ok(())
    } else {
        Err(DecodeErrorKind::MalformedPayload)
    }
}
