//! What a caller asks, checked before anything is sent, owned so that it can be sent again.

mod expiry;
mod invalid;
mod locks;
mod swaps;

use super::options::{Condition, Expiry, PutOptions, ScanOptions};
use crate::flags::RequestFlags;
use crate::frame::Request;
use crate::limits;
use crate::multi;
use crate::opcode::Opcode;
use crate::range::ByteRange;
use crate::scan::ScanQuery;
use crate::settings;

pub use invalid::InvalidCall;

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
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one.
    pub fn keyed(opcode: Opcode, map: &[u8], key: &[u8]) -> Result<Self, InvalidCall> {
        Self::with_value(opcode, map, key, &[])
    }

    /// Adds `delta` to a counter.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one.
    pub fn count(opcode: Opcode, map: &[u8], key: &[u8], delta: i64) -> Result<Self, InvalidCall> {
        Ok(Self::keyed(opcode, map, key)?.with_arg(delta.cast_unsigned()))
    }

    /// Stores a value.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, a value that does not fit a frame,
    /// or an expiry that is none.
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

    /// Adds `delta` to a float counter.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or a number that is not finite.
    pub fn count_float(map: &[u8], key: &[u8], delta: f64) -> Result<Self, InvalidCall> {
        if !delta.is_finite() {
            return Err(InvalidCall::NotFinite);
        }
        let keyed = Self::keyed(Opcode::IncrFloat, map, key)?;
        Ok(keyed.with_arg(delta.to_bits()))
    }

    /// Puts `value` behind what an entry holds.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or a value that does not fit a
    /// frame.
    pub fn append(map: &[u8], key: &[u8], value: &[u8]) -> Result<Self, InvalidCall> {
        Self::with_value(Opcode::Append, map, key, value)
    }

    /// The page of a scan that begins at `cursor`.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name that cannot be one, a pattern that is too long, or a count
    /// that is 0 or too large.
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
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name that cannot be one, or a text that is too long.
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
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name that cannot be one.
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

    /// Reads some bytes of a value.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one.
    pub fn get_range(map: &[u8], key: &[u8], range: ByteRange) -> Result<Self, InvalidCall> {
        Self::with_value(Opcode::GetRange, map, key, &range.encode())
    }

    /// Writes bytes over those of a value.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, or a value that does not fit a
    /// frame.
    pub fn set_range(
        map: &[u8],
        key: &[u8],
        offset: u64,
        bytes: &[u8],
    ) -> Result<Self, InvalidCall> {
        Ok(Self::with_value(Opcode::SetRange, map, key, bytes)?.with_arg(offset))
    }

    /// Stores all of these entries or none.
    ///
    /// # Errors
    ///
    /// [`InvalidCall`] for a map name or key that cannot be one, no entry or too many, or more
    /// bytes than a frame has.
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

#[cfg(test)]
mod tests;
