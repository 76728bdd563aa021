//! What a caller asks, checked before anything is sent, owned so that it can be sent again.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use super::options::{
    Condition, ExpireCondition, Expiry, LockOptions, LockToken, PutOptions, ScanOptions,
};
use crate::compare::Comparison;
use crate::flags::RequestFlags;
use crate::frame::Request;
use crate::limits;
use crate::lock;
use crate::multi;
use crate::opcode::Opcode;
use crate::range::ByteRange;
use crate::scan::ScanQuery;
use crate::settings;

/// One request to be: its parts lie one after the other in `body`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    opcode: Opcode,
    flags: RequestFlags,
    arg: u64,
    version: u64,
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
    /// A wait for a lock that is longer than a day.
    Wait,
    /// A float counter cannot take what is not a finite number.
    NotFinite,
    /// A pattern of this many bytes is too long.
    PatternTooLong(usize),
    /// A request is about 1 to 16,384 keys, and so is the page of a scan.
    Count(u32),
    /// The name of a channel of this many bytes is too long.
    ChannelTooLarge(usize),
    /// A result is asked of another pipeline than the one that has it.
    AnotherPipeline,
}

impl Operation {
    /// An operation without key: ping, noop, statistics, topology.
    #[must_use]
    pub fn bare(opcode: Opcode, value: &[u8]) -> Self {
        Self {
            opcode,
            flags: RequestFlags::NONE,
            arg: 0,
            version: 0,
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
        Ok(Self::keyed(opcode, map, key)?.with_arg(delta.cast_unsigned()))
    }

    /// Stores a value.
    pub fn put(
        map: &[u8],
        key: &[u8],
        value: &[u8],
        options: PutOptions,
    ) -> Result<Self, InvalidCall> {
        let condition = match options.condition {
            Condition::Always => RequestFlags::NONE,
            Condition::IfAbsent => RequestFlags::IF_ABSENT,
            Condition::IfPresent => RequestFlags::IF_PRESENT,
        };
        let operation = Self::with_value(Opcode::Put, map, key, value)?;
        let mut operation = operation.with_expiry(options.expiry)?;
        operation.flags = operation.flags | condition;
        Ok(operation)
    }

    /// The same put, answered with what stood there before.
    #[must_use]
    pub(super) fn returning_old(mut self) -> Self {
        self.flags = self.flags | RequestFlags::RETURN_OLD;
        self
    }

    /// Sets when a key expires; [`Expiry::Never`] removes its expiry. [`Expiry::Keep`] and
    /// [`Expiry::MapDefault`] are no times.
    pub fn expire(map: &[u8], key: &[u8], when: Expiry) -> Result<Self, InvalidCall> {
        match when {
            Expiry::Never => return Self::keyed(Opcode::Persist, map, key),
            Expiry::Keep | Expiry::MapDefault => return Err(InvalidCall::Expiry),
            Expiry::After(_) | Expiry::At(_) => {}
        }
        let (flags, arg) = expiry(when, 0)?;
        Ok(Self {
            flags,
            arg,
            ..Self::keyed(Opcode::Expire, map, key)?
        })
    }

    /// Adds `delta` to a float counter.
    pub fn count_float(map: &[u8], key: &[u8], delta: f64) -> Result<Self, InvalidCall> {
        if !delta.is_finite() {
            return Err(InvalidCall::NotFinite);
        }
        let keyed = Self::keyed(Opcode::IncrFloat, map, key)?;
        Ok(keyed.with_arg(delta.to_bits()))
    }

    /// Puts `value` behind what an entry holds.
    pub fn append(map: &[u8], key: &[u8], value: &[u8]) -> Result<Self, InvalidCall> {
        Self::with_value(Opcode::Append, map, key, value)
    }

    /// Stores a value if the entry has this version.
    pub fn swap_version(
        map: &[u8],
        key: &[u8],
        expected: u64,
        value: &[u8],
        expires: Expiry,
    ) -> Result<Self, InvalidCall> {
        let operation = Self::with_value(Opcode::Cas, map, key, value)?;
        let operation = operation.with_expiry(expires)?;
        Ok(Self {
            version: expected,
            ..operation
        })
    }

    /// Stores a value if the entry has this one, or with `None` if there is no entry.
    pub fn swap_value(
        map: &[u8],
        key: &[u8],
        expected: Option<&[u8]>,
        value: &[u8],
        expires: Expiry,
    ) -> Result<Self, InvalidCall> {
        let comparison = Comparison {
            expected: expected.unwrap_or_default(),
            new: value,
        };
        let mut section = Vec::new();
        if !comparison.encode(&mut section) {
            let bytes = comparison.expected.len() + value.len();
            return Err(InvalidCall::ValueTooLarge(bytes));
        }
        let operation = Self::with_value(Opcode::CasValue, map, key, &section)?;
        let mut operation = operation.with_expiry(expires)?;
        if expected.is_none() {
            operation.flags = operation.flags | RequestFlags::IF_ABSENT;
        }
        Ok(operation)
    }

    /// Takes a lock.
    pub fn lock(map: &[u8], key: &[u8], options: LockOptions) -> Result<Self, InvalidCall> {
        let wait_ms = u64::try_from(options.wait.as_nanos().div_ceil(1_000_000));
        let wait_ms = wait_ms.map_err(|_| InvalidCall::Wait)?;
        if wait_ms > limits::LOCK_WAIT_MS_MAX {
            return Err(InvalidCall::Wait);
        }
        let wait = lock::encode_wait(wait_ms);
        let section: &[u8] = if wait_ms == 0 { &[] } else { &wait };
        let operation = Self::with_value(Opcode::Lock, map, key, section)?;
        match options.lease {
            Some(lease) => operation.with_expiry(Expiry::After(lease)),
            None => Ok(operation),
        }
    }

    /// Gives a lock back.
    pub fn unlock(map: &[u8], key: &[u8], token: LockToken) -> Result<Self, InvalidCall> {
        Ok(Self {
            version: token.number(),
            ..Self::keyed(Opcode::Unlock, map, key)?
        })
    }

    /// Has a lock expire after `lease`, from now.
    pub fn lease(
        map: &[u8],
        key: &[u8],
        token: LockToken,
        lease: Duration,
    ) -> Result<Self, InvalidCall> {
        let operation = Self::keyed(Opcode::Lease, map, key)?;
        Ok(Self {
            version: token.number(),
            ..operation.with_expiry(Expiry::After(lease))?
        })
    }

    /// The page of a scan that begins at `cursor`.
    pub fn scan(map: &[u8], cursor: u64, options: &ScanOptions) -> Result<Self, InvalidCall> {
        Self::scan_with(Opcode::Scan, map, cursor, options)
    }

    /// The page that begins at `cursor` of what is scanned.
    pub(super) fn scan_with(
        opcode: Opcode,
        map: &[u8],
        cursor: u64,
        options: &ScanOptions,
    ) -> Result<Self, InvalidCall> {
        let (pattern, count) = (&*options.pattern, options.count);
        if pattern.len() > limits::PATTERN_BYTES_MAX {
            return Err(InvalidCall::PatternTooLong(pattern.len()));
        }
        if count == 0 || count > limits::MULTI_ITEMS_MAX {
            return Err(InvalidCall::Count(count));
        }
        let mut operation = Self::of_map(opcode, map)?;
        ScanQuery { count, pattern }.encode(&mut operation.body);
        Ok(operation.with_arg(cursor))
    }

    /// Changes settings of a map.
    pub fn change_settings(map: &[u8], lines: &str) -> Result<Self, InvalidCall> {
        if lines.len() > settings::TEXT_BYTES_MAX {
            return Err(InvalidCall::ValueTooLarge(lines.len()));
        }
        let mut operation = Self::of_map(Opcode::SettingsSet, map)?;
        operation.body.extend_from_slice(lines.as_bytes());
        Ok(operation)
    }

    /// The same operation on the defaults of all maps.
    pub(super) fn of_defaults(self) -> Self {
        self.with_arg(1)
    }

    /// An operation with a key that is none of a map.
    pub(super) fn keyed_with_value(
        opcode: Opcode,
        key: &[u8],
        value: &[u8],
    ) -> Result<Self, InvalidCall> {
        Self::with_value(opcode, b"", key, value)
    }

    /// The same operation, for any core to serve.
    pub(super) fn anywhere(self) -> Self {
        let route = Route::Any;
        Self { route, ..self }
    }

    /// An operation on a map as a whole.
    pub fn of_map(opcode: Opcode, map: &[u8]) -> Result<Self, InvalidCall> {
        let map_bytes =
            u8::try_from(map.len()).map_err(|_| InvalidCall::MapNameTooLarge(map.len()))?;
        Ok(Self {
            map_bytes,
            ..Self::bare(opcode, map)
        })
    }

    pub(super) fn with_arg(self, arg: u64) -> Self {
        Self { arg, ..self }
    }

    /// Sets when a key expires under a condition. Only [`Expiry::After`] and [`Expiry::At`] are
    /// times.
    pub fn expire_if(
        map: &[u8],
        key: &[u8],
        when: Expiry,
        condition: ExpireCondition,
    ) -> Result<Self, InvalidCall> {
        if when == Expiry::Never {
            return Err(InvalidCall::Expiry);
        }
        let mut operation = Self::expire(map, key, when)?;
        operation.flags = operation.flags
            | match condition {
                ExpireCondition::IfNone => RequestFlags::IF_ABSENT,
                ExpireCondition::IfSome => RequestFlags::IF_PRESENT,
                ExpireCondition::IfLater => RequestFlags::IF_LATER,
                ExpireCondition::IfEarlier => RequestFlags::IF_EARLIER,
            };
        Ok(operation)
    }

    /// Reads an entry and sets when it expires. [`Expiry::Keep`] would only read, and
    /// [`Expiry::MapDefault`] is for writes.
    pub fn get_and_expire(map: &[u8], key: &[u8], when: Expiry) -> Result<Self, InvalidCall> {
        if matches!(when, Expiry::Keep | Expiry::MapDefault) {
            return Err(InvalidCall::Expiry);
        }
        Self::keyed(Opcode::GetExpire, map, key)?.with_expiry(when)
    }

    /// Reads some bytes of a value.
    pub fn get_range(map: &[u8], key: &[u8], range: ByteRange) -> Result<Self, InvalidCall> {
        Self::with_value(Opcode::GetRange, map, key, &range.encode())
    }

    /// Writes bytes over those of a value.
    pub fn set_range(
        map: &[u8],
        key: &[u8],
        offset: u64,
        bytes: &[u8],
    ) -> Result<Self, InvalidCall> {
        Ok(Self::with_value(Opcode::SetRange, map, key, bytes)?.with_arg(offset))
    }

    /// Stores all of these entries or none.
    pub fn put_all_if_absent(
        map: &[u8],
        entries: &[(impl AsRef<[u8]>, Vec<u8>)],
        expires: Expiry,
    ) -> Result<Self, InvalidCall> {
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let Some((first, _)) = entries.first() else {
            return Err(InvalidCall::Count(0));
        };
        if count > limits::MULTI_ITEMS_MAX {
            return Err(InvalidCall::Count(count));
        }
        let slot = crate::routing::slot(first.as_ref());
        let mut operation = Self::many(Opcode::MultiPut, map, slot)?.with_expiry(expires)?;
        operation.flags = operation.flags | RequestFlags::IF_ABSENT;
        for (key, value) in entries {
            let key = key.as_ref();
            check_key(key)?;
            operation.add_item(|out| multi::push_entry(out, key, value));
        }
        if operation.count != count || operation.body.len() > FRAME_BYTES_MAX {
            return Err(InvalidCall::ValueTooLarge(operation.body.len()));
        }
        Ok(operation)
    }

    /// Many items of one owner: `section` holds `count` of them, `slot` is the first key's.
    pub(super) fn many(opcode: Opcode, map: &[u8], slot: u16) -> Result<Self, InvalidCall> {
        Ok(Self {
            route: Route::Slot(slot),
            ..Self::of_map(opcode, map)?
        })
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

    /// For how long the node itself may let the answer wait: zero but for a lock that is waited
    /// for. The time limit of a call begins when this is over.
    #[must_use]
    pub fn wait(&self) -> Duration {
        if self.opcode != Opcode::Lock {
            return Duration::ZERO;
        }
        let wait_ms = lock::decode_wait(self.request().value);
        Duration::from_millis(wait_ms.unwrap_or(0))
    }

    /// What gives back the lock that was granted under `token` to this operation when nobody
    /// wants to know any more; `None` where it asked for none.
    #[must_use]
    pub fn give_back(&self, token: LockToken) -> Option<Self> {
        if self.opcode != Opcode::Lock {
            return None;
        }
        let Request { map, key, .. } = self.request();
        Self::unlock(map, key, token).ok()
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
            version: self.version,
            count: self.count,
            map,
            key,
            value,
            ..Request::new(self.opcode)
        }
    }
}

/// Longest section that a frame can have.
const FRAME_BYTES_MAX: usize = limits::VALUE_BYTES_MAX_CEILING as usize;

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
        Expiry::MapDefault => return Ok((RequestFlags::NONE, 0)),
        Expiry::Never => return Ok((RequestFlags::TTL_ABSOLUTE, 0)),
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
            Self::Wait => f.write_str("a lock can be waited for a day at most"),
            Self::NotFinite => f.write_str("a float counter takes finite numbers only"),
            Self::ChannelTooLarge(bytes) => write!(
                f,
                "a channel name of {bytes} bytes, {} are allowed",
                limits::CHANNEL_BYTES_MAX
            ),
            Self::AnotherPipeline => f.write_str("the command is of another pipeline"),
            Self::PatternTooLong(bytes) => {
                write!(
                    f,
                    "a pattern of {bytes} bytes, {} are allowed",
                    limits::PATTERN_BYTES_MAX
                )
            }
            Self::Count(count) => {
                write!(
                    f,
                    "{count} keys at once, 1 to {} are allowed",
                    limits::MULTI_ITEMS_MAX
                )
            }
        }
    }
}

impl std::error::Error for InvalidCall {}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::frame::Crc;

    #[test]
    fn every_built_operation_encodes() {
        let put = |options| Operation::put(b"m", b"k", b"v", options).unwrap();
        let second = Duration::from_secs(1);
        for operation in [
            put(PutOptions::default()),
            put(PutOptions::expire_after(second).if_absent()),
            put(PutOptions::never_expiring()),
            Operation::get_and_expire(b"", b"k", Expiry::Never).unwrap(),
            Operation::lock(b"", b"k", LockOptions::default()).unwrap(),
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
        for no_time in [Expiry::MapDefault, Expiry::Keep] {
            let refused = Operation::expire(b"", b"k", no_time).unwrap_err();
            assert_eq!(refused, InvalidCall::Expiry);
            let refused = Operation::get_and_expire(b"", b"k", no_time).unwrap_err();
            assert_eq!(refused, InvalidCall::Expiry);
        }
        let keep = Operation::get_and_expire(b"", b"k", Expiry::Keep).unwrap_err();
        assert_eq!(keep, InvalidCall::Expiry);
        for no_time in [Expiry::MapDefault, Expiry::Keep] {
            let refused = Operation::expire(b"", b"k", no_time).unwrap_err();
            assert_eq!(refused, InvalidCall::Expiry);
            let refused = Operation::get_and_expire(b"", b"k", no_time).unwrap_err();
            assert_eq!(refused, InvalidCall::Expiry);
        }
        for no_time in [Expiry::Keep, Expiry::Never] {
            let refused = Operation::expire_if(b"", b"k", no_time, ExpireCondition::IfSome);
            assert_eq!(refused.unwrap_err(), InvalidCall::Expiry);
        }
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
