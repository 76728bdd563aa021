//! A request: what it carries, its bytes and its checks. Byte diagram in [`crate::frame`].

use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::header::{self, Header, Lengths};
use super::{Crc, DecodeOptions, Decoded};
use crate::channel;
use crate::compare::{self, Comparison};
use crate::condition::{self, Conditional};
use crate::flags::RequestFlags;
use crate::limits;
use crate::lock;
use crate::multi::{self, Entries, Keys};
use crate::opcode::{Kind, Opcode, Parts, Shape};
use crate::range;
use crate::scan;
use crate::settings;
use crate::stats::{HOT_KEYS_MAX, MAP_STATS_LATENCIES};

/// A request, borrowed from the buffer that it was read from or is written from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// The operation.
    pub opcode: Opcode,
    /// How often it was forwarded: 0 from a client.
    pub hops: u8,
    /// Options of the operation.
    pub flags: RequestFlags,
    /// Partition of the key as the sender computed it; 0 where there is no key.
    pub partition: u16,
    /// Chosen by the client; the reply carries it back.
    pub request_id: u32,
    /// The topology epoch that the sender knows; 0 is unknown.
    pub epoch: u32,
    /// Time to live, expiry or counter delta, by operation and flags.
    pub arg: u64,
    /// Expected version where an operation compares it.
    pub version: u64,
    /// Items of a multi-key operation.
    pub count: u32,
    /// Name of the map; empty is the default map.
    pub map: &'a [u8],
    /// The key.
    pub key: &'a [u8],
    /// The value, or the items of a multi-key operation.
    pub value: &'a [u8],
}

impl<'a> Request<'a> {
    /// A request with everything but its operation empty or zero.
    #[must_use]
    #[inline]
    pub const fn new(opcode: Opcode) -> Self {
        Self {
            opcode,
            hops: 0,
            flags: RequestFlags::NONE,
            partition: 0,
            request_id: 0,
            epoch: 0,
            arg: 0,
            version: 0,
            count: 0,
            map: &[],
            key: &[],
            value: &[],
        }
    }

    /// Bytes of the encoded frame.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        limits::HEADER_BYTES + self.map.len() + self.key.len() + self.value.len()
    }

    /// Appends the frame to `out`. After an error `out` is as it was.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>, crc: Crc) -> Result<(), EncodeError> {
        let lengths = lengths(self.map, self.key, self.value.len())?;
        check(self, limits::VALUE_BYTES_MAX_CEILING).map_err(EncodeError::Refused)?;
        let header = Header {
            opcode: self.opcode.as_u8(),
            hops_or_status: self.hops,
            flags: self.flags.bits(),
            partition: self.partition,
            request_id: self.request_id,
            epoch: self.epoch,
            arg: self.arg,
            version: self.version,
            count: self.count,
        };
        out.reserve(self.encoded_len());
        let begun = header::begin(out, &header, lengths, 0, crc);
        out.extend_from_slice(self.map);
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
        header::seal(out, &begun);
        Ok(())
    }

    /// Whether a node with this limit for values takes the request: for one that reaches it without
    /// becoming a frame. That each part is as long as a frame can say is the caller's to know.
    ///
    /// # Errors
    /// What [`decode_request`] would refuse the frame for.
    #[inline]
    pub fn check(&self, value_bytes_max: u32) -> Result<(), DecodeErrorKind> {
        check(self, value_bytes_max)
    }

    /// The keys of a `MultiGet` or `MultiDelete`, or the names of a request about channels.
    #[must_use]
    #[inline]
    pub const fn keys(&self) -> Keys<'a> {
        Keys::new(self.value, self.count)
    }

    /// What a `CasValue` expects and stores.
    #[must_use]
    pub fn comparison(&self) -> Option<Comparison<'a>> {
        Comparison::decode(self.value)
    }

    /// What a `PutIf` or `DeleteIf` wants of the value that is there.
    #[must_use]
    pub fn conditional(&self) -> Option<Conditional<'a>> {
        Conditional::decode(self.value)
    }

    /// The entries of a `MultiPut`.
    #[must_use]
    #[inline]
    pub const fn entries(&self) -> Entries<'a> {
        Entries::new(self.value, self.count)
    }
}

/// Decodes the request at the front of `bytes`.
#[inline]
pub fn decode_request<'a>(
    bytes: &'a [u8],
    options: &DecodeOptions,
) -> Result<Decoded<Request<'a>>, DecodeError> {
    let (opened, consumed) = match header::open(bytes, options, 0)? {
        Decoded::Incomplete { needed } => return Ok(Decoded::Incomplete { needed }),
        Decoded::Frame { frame, consumed } => (frame, consumed),
    };
    let header = &opened.header;
    if opened.reserved != 0 {
        return Err(opened.refuse(DecodeErrorKind::ReservedNotZero));
    }
    let Some(opcode) = Opcode::from_u8(header.opcode) else {
        return Err(opened.refuse(DecodeErrorKind::UnknownOpcode {
            number: header.opcode,
        }));
    };
    let Some(flags) = RequestFlags::from_bits(header.flags) else {
        return Err(opened.refuse(DecodeErrorKind::UnknownFlags {
            flags: header.flags,
        }));
    };
    let request = Request {
        opcode,
        hops: header.hops_or_status,
        flags,
        partition: header.partition,
        request_id: header.request_id,
        epoch: header.epoch,
        arg: header.arg,
        version: header.version,
        count: header.count,
        map: opened.map,
        key: opened.key,
        value: opened.value,
    };
    match check(&request, options.value_bytes_max) {
        Ok(()) => Ok(Decoded::Frame {
            frame: request,
            consumed,
        }),
        Err(kind) => Err(opened.refuse(kind)),
    }
}

/// The lengths as they stand in a header, or which of them is too long.
#[inline]
pub(super) fn lengths(map: &[u8], key: &[u8], value: usize) -> Result<Lengths, EncodeError> {
    let ceiling = limits::VALUE_BYTES_MAX_CEILING as usize;
    let map_len =
        u8::try_from(map.len()).map_err(|_| EncodeError::MapNameTooLarge { bytes: map.len() })?;
    let key_len =
        u16::try_from(key.len()).map_err(|_| EncodeError::KeyTooLarge { bytes: key.len() })?;
    match u32::try_from(value) {
        Ok(value_len) if value <= ceiling => Ok(Lengths {
            map: map_len,
            key: key_len,
            value: value_len,
        }),
        _ => Err(EncodeError::ValueTooLarge { bytes: value }),
    }
}

/// Everything about a request that does not depend on who reads it.
#[inline]
fn check(request: &Request<'_>, value_bytes_max: u32) -> Result<(), DecodeErrorKind> {
    let Shape { flags, parts, kind } = request.opcode.shape();
    if request.hops > limits::HOPS_MAX {
        return Err(DecodeErrorKind::TooManyHops { hops: request.hops });
    }
    if !flags.contains(request.flags) {
        return Err(DecodeErrorKind::UnknownFlags {
            flags: request.flags.bits(),
        });
    }
    let lengths = (request.map.len(), request.key.len(), request.value.len());
    let present = Parts::present(lengths, request.arg, request.version, request.count);
    let unexpected = present.without(parts);
    if !unexpected.is_empty() {
        return Err(DecodeErrorKind::UnexpectedField {
            field: unexpected.first_name(),
        });
    }
    if !flags.is_empty() && flags != RequestFlags::THIS_CORE {
        check_options(request)?;
    }
    match kind {
        Kind::Key if request.key.is_empty() => Err(DecodeErrorKind::KeyEmpty),
        Kind::Key => check_key(request, value_bytes_max),
        Kind::Connection => check_connection(request),
        Kind::Multi => check_items(request, value_bytes_max),
        Kind::Scan | Kind::Slot => scan::check(request.value),
        Kind::Everywhere => Ok(()),
        Kind::Channel => channel::check(request, value_bytes_max),
        Kind::Pushed => Err(DecodeErrorKind::UnknownOpcode {
            number: request.opcode.as_u8(),
        }),
    }
}

/// Flags that exclude each other or need an argument.
#[inline]
fn check_options(request: &Request<'_>) -> Result<(), DecodeErrorKind> {
    let timed = request
        .flags
        .intersects(RequestFlags::TTL_RELATIVE | RequestFlags::TTL_ABSOLUTE);
    let expire = matches!(request.opcode, Opcode::Expire);
    let needs_time = expire || matches!(request.opcode, Opcode::Lease);
    if request.flags.conflict() || (needs_time && !timed) {
        return Err(DecodeErrorKind::InvalidOptions);
    }
    // A put that is expired at birth is a mistake; to expire a key at once is a deletion. The
    // absolute time 0 is never.
    let relative = request.flags.contains(RequestFlags::TTL_RELATIVE);
    let least = u64::from(relative && !expire);
    let most = if timed { limits::EXPIRY_MS_MAX } else { 0 };
    if request.arg < least || request.arg > most {
        return Err(DecodeErrorKind::InvalidArgument { arg: request.arg });
    }
    Ok(())
}

/// What an operation on one key needs beyond its shape.
#[inline]
fn check_key(request: &Request<'_>, value_bytes_max: u32) -> Result<(), DecodeErrorKind> {
    let wants_absent = request.flags.contains(RequestFlags::IF_ABSENT);
    match request.opcode {
        Opcode::IncrFloat if !f64::from_bits(request.arg).is_finite() => {
            Err(DecodeErrorKind::InvalidArgument { arg: request.arg })
        }
        // Either a version or the absence of one is expected, never both or nothing.
        Opcode::Cas if wants_absent != (request.version == 0) => {
            Err(DecodeErrorKind::InvalidOptions)
        }
        Opcode::Unlock | Opcode::Lease if request.version == 0 => {
            Err(DecodeErrorKind::InvalidArgument { arg: 0 })
        }
        Opcode::Lock if lock::decode_wait(request.value).is_none() => {
            Err(DecodeErrorKind::MalformedPayload)
        }
        Opcode::GetRange => range::check(request.value),
        Opcode::CasValue => compare::check(request.value, wants_absent, value_bytes_max),
        Opcode::PutIf | Opcode::DeleteIf => {
            let stores = request.opcode == Opcode::PutIf;
            condition::check(request.value, stores, value_bytes_max)
        }
        Opcode::SetRange => check_set_range(request, value_bytes_max),
        _ => check_value(request, value_bytes_max),
    }
}

/// The value that it makes may not be too long either, whatever is there before.
fn check_set_range(request: &Request<'_>, max: u32) -> Result<(), DecodeErrorKind> {
    let end = request.arg.saturating_add(request.value.len() as u64);
    if request.value.is_empty() || end <= u64::from(max) {
        return Ok(());
    }
    let declared = u32::try_from(end).unwrap_or(u32::MAX);
    Err(DecodeErrorKind::ValueTooLarge { declared, max })
}

#[inline]
fn check_value(request: &Request<'_>, max: u32) -> Result<(), DecodeErrorKind> {
    match u32::try_from(request.value.len()) {
        Ok(declared) if declared <= max => Ok(()),
        declared => Err(DecodeErrorKind::ValueTooLarge {
            declared: declared.unwrap_or(u32::MAX),
            max,
        }),
    }
}

fn check_connection(request: &Request<'_>) -> Result<(), DecodeErrorKind> {
    let arg = request.arg;
    let in_range = match request.opcode {
        Opcode::HotKeys => (1..=HOT_KEYS_MAX).contains(&arg),
        Opcode::MapStats => arg <= MAP_STATS_LATENCIES,
        Opcode::SettingsGet | Opcode::SettingsSet => arg <= 1,
        _ => true,
    };
    if !in_range {
        return Err(DecodeErrorKind::InvalidArgument { arg });
    }
    let fits = match request.opcode {
        Opcode::Ping => request.value.len() <= limits::PING_BYTES_MAX,
        Opcode::SettingsSet => request.value.len() <= settings::TEXT_BYTES_MAX,
        Opcode::Hello => crate::hello::Hello::decode(request.value).is_some(),
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(DecodeErrorKind::MalformedPayload)
    }
}

fn check_items(request: &Request<'_>, value_bytes_max: u32) -> Result<(), DecodeErrorKind> {
    if request.count == 0 || request.count > limits::MULTI_ITEMS_MAX {
        return Err(DecodeErrorKind::TooManyItems {
            count: request.count,
        });
    }
    if matches!(request.opcode, Opcode::MultiPut) {
        multi::check_entries(request.value, request.count, value_bytes_max)
    } else {
        multi::check_keys(request.value, request.count)
    }
}
