//! What a caller asks, checked before anything is sent, owned so that it can be sent again.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::flags::RequestFlags;
use crate::frame::Request;
use crate::limits;
use crate::opcode::Opcode;

/// One request to be: its parts lie one after the other in `body`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    opcode: Opcode,
    flags: RequestFlags,
    arg: u64,
    count: u32,
    route: Route,
    map_bytes: u8,
    key_bytes: u16,
    /// Map name, key and value.
    body: Vec<u8>,
}

/// Who serves an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// The owner of the slot of a key.
    Slot(u16),
    /// Any core of any node.
    Any,
}

/// A call that cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidCall {
    /// A key has no byte.
    KeyEmpty,
    /// A key of this many bytes is too long.
    KeyTooLarge(usize),
    /// A map name of this many bytes is too long.
    MapNameTooLarge(usize),
    /// A value of this many bytes is too large.
    ValueTooLarge(usize),
    /// A time to live of zero, or an expiry or time past what can be stored.
    Expiry,
}

/// When an entry expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Expiry {
    /// Never.
    #[default]
    Never,
    /// After this time, counted by the node from when it stores; in whole milliseconds, rounded
    /// up.
    After(Duration),
    /// At this time.
    At(SystemTime),
    /// As before: when the overwritten entry would have.
    Keep,
}

/// Under which condition a put stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// Where the key is absent.
    IfAbsent,
    /// Where the key is present.
    IfPresent,
}

/// How a value is put. The default stores always, never to expire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PutOptions {
    /// Under which condition.
    pub condition: Condition,
    /// Until when.
    pub expiry: Expiry,
}

impl PutOptions {
    /// Stores always, to expire after `duration`.
    #[must_use]
    pub const fn expire_after(duration: Duration) -> Self {
        Self {
            condition: Condition::Always,
            expiry: Expiry::After(duration),
        }
    }

    /// The same options, for an absent key only.
    #[must_use]
    pub const fn if_absent(self) -> Self {
        Self {
            condition: Condition::IfAbsent,
            ..self
        }
    }

    /// The same options, for a present key only.
    #[must_use]
    pub const fn if_present(self) -> Self {
        Self {
            condition: Condition::IfPresent,
            ..self
        }
    }
}

impl Operation {
    /// An operation without key: ping, noop, statistics, topology.
    #[must_use]
    pub fn bare(opcode: Opcode, value: &[u8]) -> Self {
        Self {
            opcode,
            flags: RequestFlags::NONE,
            arg: 0,
            count: 0,
            route: Route::Any,
            map_bytes: 0,
            key_bytes: 0,
            body: value.to_vec(),
        }
    }

    /// Does nothing at the core that owns the first slot: there and back again shows that the
    /// topology is known and its cores can be reached.
    #[must_use]
    pub fn probe() -> Self {
        Self {
            route: Route::Slot(0),
            ..Self::bare(Opcode::Noop, &[])
        }
    }

    /// An operation on one key that needs nothing else.
    pub fn keyed(opcode: Opcode, map: &[u8], key: &[u8]) -> Result<Self, InvalidCall> {
        Self::with_value(opcode, map, key, &[])
    }

    /// Adds `delta` to a counter.
    pub fn count(opcode: Opcode, map: &[u8], key: &[u8], delta: i64) -> Result<Self, InvalidCall> {
        let arg = delta.cast_unsigned();
        Ok(Self {
            arg,
            ..Self::keyed(opcode, map, key)?
        })
    }

    /// Stores a value.
    pub fn put(
        map: &[u8],
        key: &[u8],
        value: &[u8],
        options: PutOptions,
    ) -> Result<Self, InvalidCall> {
        let (ttl, arg) = expiry(options.expiry, 1)?;
        let condition = match options.condition {
            Condition::Always => RequestFlags::NONE,
            Condition::IfAbsent => RequestFlags::IF_ABSENT,
            Condition::IfPresent => RequestFlags::IF_PRESENT,
        };
        let operation = Self::with_value(Opcode::Put, map, key, value)?;
        Ok(Self {
            flags: ttl | condition,
            arg,
            ..operation
        })
    }

    /// Sets when a key expires; [`Expiry::Never`] removes its expiry.
    pub fn expire(map: &[u8], key: &[u8], when: Expiry) -> Result<Self, InvalidCall> {
        if when == Expiry::Never {
            return Self::keyed(Opcode::Persist, map, key);
        }
        let (flags, arg) = expiry(when, 0)?;
        if flags == RequestFlags::KEEP_TTL {
            return Err(InvalidCall::Expiry);
        }
        Ok(Self {
            flags,
            arg,
            ..Self::keyed(Opcode::Expire, map, key)?
        })
    }

    /// Many items of one owner: `section` holds `count` of them, `slot` is the first key's.
    pub(super) fn many(opcode: Opcode, map: &[u8], slot: u16) -> Result<Self, InvalidCall> {
        let map_bytes =
            u8::try_from(map.len()).map_err(|_| InvalidCall::MapNameTooLarge(map.len()))?;
        let mut operation = Self::bare(opcode, map);
        operation.map_bytes = map_bytes;
        operation.route = Route::Slot(slot);
        Ok(operation)
    }

    /// Adds an item to [`Self::many`].
    pub(super) fn add_item(&mut self, push: impl FnOnce(&mut Vec<u8>) -> bool) {
        if push(&mut self.body) {
            self.count += 1;
        }
    }

    pub(super) fn with_expiry(mut self, when: Expiry) -> Result<Self, InvalidCall> {
        (self.flags, self.arg) = expiry(when, 1)?;
        Ok(self)
    }

    fn with_value(
        opcode: Opcode,
        map: &[u8],
        key: &[u8],
        value: &[u8],
    ) -> Result<Self, InvalidCall> {
        let map_bytes =
            u8::try_from(map.len()).map_err(|_| InvalidCall::MapNameTooLarge(map.len()))?;
        let key_bytes = check_key(key)?;
        if value.len() > limits::VALUE_BYTES_MAX_CEILING as usize {
            return Err(InvalidCall::ValueTooLarge(value.len()));
        }
        let mut body = Vec::with_capacity(map.len() + key.len() + value.len());
        body.extend_from_slice(map);
        body.extend_from_slice(key);
        body.extend_from_slice(value);
        let route = Route::Slot(crate::routing::slot(key));
        let bare = Self::bare(opcode, &[]);
        Ok(Self {
            route,
            map_bytes,
            key_bytes,
            body,
            ..bare
        })
    }

    /// The operation.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Who serves it.
    #[must_use]
    pub const fn route(&self) -> Route {
        self.route
    }

    /// Items of a multi-key operation.
    #[must_use]
    pub const fn items(&self) -> u32 {
        self.count
    }

    /// Bytes of the value section.
    #[must_use]
    pub fn value_bytes(&self) -> usize {
        self.body.len() - usize::from(self.map_bytes) - usize::from(self.key_bytes)
    }

    /// The request, its ids and epoch still to be filled in.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        let (map, rest) = cut(&self.body, usize::from(self.map_bytes));
        let (key, value) = cut(rest, usize::from(self.key_bytes));
        Request {
            flags: self.flags,
            arg: self.arg,
            count: self.count,
            map,
            key,
            value,
            ..Request::new(self.opcode)
        }
    }
}

/// The key's length, or why it cannot be one.
pub(super) fn check_key(key: &[u8]) -> Result<u16, InvalidCall> {
    if key.is_empty() {
        return Err(InvalidCall::KeyEmpty);
    }
    u16::try_from(key.len()).map_err(|_| InvalidCall::KeyTooLarge(key.len()))
}

fn cut(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// The TTL form and its argument, which is at least `least`.
fn expiry(expiry: Expiry, least: u64) -> Result<(RequestFlags, u64), InvalidCall> {
    let (flags, duration) = match expiry {
        Expiry::Never => return Ok((RequestFlags::NONE, 0)),
        Expiry::Keep => return Ok((RequestFlags::KEEP_TTL, 0)),
        Expiry::After(duration) => (RequestFlags::TTL_RELATIVE, duration),
        Expiry::At(time) => {
            // A time before 1970 has passed as surely as its first millisecond.
            let since = time
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::from_millis(1));
            (
                RequestFlags::TTL_ABSOLUTE,
                since.max(Duration::from_millis(1)),
            )
        }
    };
    let millis = duration.as_nanos().div_ceil(1_000_000);
    match u64::try_from(millis) {
        Ok(millis) if millis >= least && millis <= limits::EXPIRY_MS_MAX => Ok((flags, millis)),
        _ => Err(InvalidCall::Expiry),
    }
}

impl fmt::Display for InvalidCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyEmpty => f.write_str("a key is empty"),
            Self::KeyTooLarge(bytes) => {
                write!(
                    f,
                    "a key of {bytes} bytes, {} are allowed",
                    limits::KEY_BYTES_MAX
                )
            }
            Self::MapNameTooLarge(bytes) => {
                write!(
                    f,
                    "a map name of {bytes} bytes, {} are allowed",
                    limits::MAP_NAME_BYTES_MAX
                )
            }
            Self::ValueTooLarge(bytes) => write!(f, "a value of {bytes} bytes is too large"),
            Self::Expiry => f.write_str("the expiry is outside what can be stored"),
        }
    }
}

impl std::error::Error for InvalidCall {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Crc;

    #[test]
    fn every_built_operation_encodes() {
        let put = |options| Operation::put(b"m", b"k", b"v", options).unwrap();
        let second = Duration::from_secs(1);
        for operation in [
            put(PutOptions::default()),
            put(PutOptions::expire_after(second).if_absent()),
            put(PutOptions {
                expiry: Expiry::At(SystemTime::now()),
                ..PutOptions::default()
            }),
            put(PutOptions {
                expiry: Expiry::At(UNIX_EPOCH - second),
                ..PutOptions::default()
            }),
            put(PutOptions {
                expiry: Expiry::Keep,
                ..PutOptions::default()
            }
            .if_present()),
            Operation::keyed(Opcode::Get, b"", b"k").unwrap(),
            Operation::count(Opcode::Incr, b"", b"k", i64::MIN).unwrap(),
            Operation::expire(b"", b"k", Expiry::After(Duration::ZERO)).unwrap(),
            Operation::expire(b"", b"k", Expiry::Never).unwrap(),
            Operation::bare(Opcode::Ping, b"x"),
        ] {
            let encoded = operation.request().encode(&mut Vec::new(), Crc::On);
            assert_eq!(encoded, Ok(()), "{operation:?}");
        }
    }

    #[test]
    fn what_no_node_would_take_is_refused_before_it_is_sent() {
        let put = |key: &[u8], expiry| {
            let options = PutOptions {
                expiry,
                ..PutOptions::default()
            };
            Operation::put(b"m", key, b"v", options).unwrap_err()
        };
        assert_eq!(put(b"", Expiry::Never), InvalidCall::KeyEmpty);
        assert_eq!(
            put(&[0; 65_536], Expiry::Never),
            InvalidCall::KeyTooLarge(65_536)
        );
        assert_eq!(
            put(b"k", Expiry::After(Duration::ZERO)),
            InvalidCall::Expiry
        );
        assert_eq!(put(b"k", Expiry::After(Duration::MAX)), InvalidCall::Expiry);
        let map = Operation::keyed(Opcode::Get, &[0; 256], b"k").unwrap_err();
        assert_eq!(map, InvalidCall::MapNameTooLarge(256));
        let keep = Operation::expire(b"", b"k", Expiry::Keep).unwrap_err();
        assert_eq!(keep, InvalidCall::Expiry);
    }

    #[test]
    fn a_time_to_live_below_a_millisecond_is_rounded_up_not_away() {
        let operation = Operation::put(
            b"",
            b"k",
            b"",
            PutOptions::expire_after(Duration::from_nanos(1)),
        );
        assert_eq!(operation.unwrap().request().arg, 1);
    }
}
