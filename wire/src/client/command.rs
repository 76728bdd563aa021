//! Every operation, described once: the request that it makes and how the answer is read.
//!
//! A command does nothing by itself. A [`super::DMap`] executes one at once, a
//! [`super::Pipeline`] many together, whatever executes them in the end.

use std::time::{Duration, SystemTime};

use super::condition::ValueIs;
use super::error::Error;
use super::operation::Operation;
use super::options::{ExpireCondition, Expiry, LockOptions, LockToken, PutOptions, ScanOptions};
use super::outcome::{
    Appended, ByteSlice, DeleteOutcome, Digest, Entry, ExpireOutcome, PutOutcome, Replaced,
    Response, ScanPage, SettingsReport, Swap, Ttl, Versioned,
};
use super::transport::{BlockingTransport, LocalTransport};
use crate::opcode::Opcode;
use crate::range::ByteRange;
use crate::value::{Decode, Encode};

/// One operation on one map, to be executed; `R` is its result.
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is executed"]
pub struct Command<R> {
    operation: Result<Operation, Error>,
    read: Read<R>,
}

/// How an answer is read.
pub(super) type Read<R> = fn(Response) -> Result<R, Error>;

impl<R> Command<R> {
    pub(super) fn new<E: Into<Error>>(operation: Result<Operation, E>, read: Read<R>) -> Self {
        Self {
            operation: operation.map_err(Into::into),
            read,
        }
    }

    /// Executes it and waits for the result.
    ///
    /// # Errors
    ///
    /// Those of the operation, which stand at the method of [`super::DMap`] of the same name.
    pub async fn call<T: LocalTransport>(self, transport: &T) -> Result<R, Error> {
        let Self { operation, read } = self;
        read(transport.call(operation?).await?)
    }

    /// Executes it and blocks until the result is there.
    ///
    /// # Errors
    ///
    /// Those of the operation, which stand at the method of [`super::DMap`] of the same name.
    pub fn call_blocking<T: BlockingTransport>(self, transport: &T) -> Result<R, Error> {
        let Self { operation, read } = self;
        read(transport.call(operation?)?)
    }

    /// Its request, and how the answer is read.
    pub(super) fn into_parts(self) -> (Result<Operation, Error>, Read<R>) {
        (self.operation, self.read)
    }
}

fn bytes_of(value: &impl Encode) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes)?;
    Ok(bytes)
}

fn put(
    map: &[u8],
    key: impl AsRef<[u8]>,
    value: impl Encode,
    options: PutOptions,
) -> Result<Operation, Error> {
    let value = bytes_of(&value)?;
    Ok(Operation::put(map, key.as_ref(), &value, options)?)
}

fn put_if(
    map: &[u8],
    key: impl AsRef<[u8]>,
    condition: &ValueIs,
    value: impl Encode,
    expiry: Expiry,
) -> Result<Operation, Error> {
    let value = bytes_of(&value)?;
    let condition = condition.wanted()?;
    Ok(Operation::put_if(
        map,
        key.as_ref(),
        condition,
        &value,
        expiry,
    )?)
}

/// Commands of one opcode that need a key and nothing else.
fn keyed<R>(opcode: Opcode, map: &[u8], key: impl AsRef<[u8]>, read: Read<R>) -> Command<R> {
    Command::new(Operation::keyed(opcode, map, key.as_ref()), read)
}

impl<V: Decode> Command<Option<V>> {
    /// See [`super::DMap::get`].
    pub fn get(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::Get, map, key, Response::value)
    }

    /// See [`super::DMap::get_and_delete`].
    pub fn get_and_delete(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::GetDelete, map, key, Response::value)
    }

    /// See [`super::DMap::get_and_put`].
    pub fn get_and_put(map: &[u8], key: impl AsRef<[u8]>, value: impl Encode) -> Self {
        let operation = put(map, key, value, PutOptions::default());
        Self::new(operation.map(Operation::returning_old), Response::old)
    }
}

impl<V: Decode> Command<Option<Entry<V>>> {
    /// See [`super::DMap::get_entry`].
    pub fn get_entry(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::GetMeta, map, key, Response::entry)
    }

    /// See [`super::DMap::get_and_expire`].
    pub fn get_and_expire(map: &[u8], key: impl AsRef<[u8]>, when: Expiry) -> Self {
        let operation = Operation::get_and_expire(map, key.as_ref(), when);
        Self::new(operation, Response::entry)
    }
}

impl<V: Decode> Command<Replaced<V>> {
    /// See [`super::DMap::replace`].
    pub fn replace(
        map: &[u8],
        key: impl AsRef<[u8]>,
        value: impl Encode,
        options: PutOptions,
    ) -> Self {
        let operation = put(map, key, value, options);
        Self::new(operation.map(Operation::returning_old), Response::replaced)
    }
}

impl Command<Option<Vec<u8>>> {
    /// See [`super::DMap::random_key`].
    pub fn random_key(map: &[u8]) -> Self {
        Self::new(Operation::of_map(Opcode::RandomKey, map), Response::value)
    }
}

impl Command<u64> {
    /// See [`super::DMap::size`].
    pub fn size(map: &[u8]) -> Self {
        Self::new(Operation::of_map(Opcode::Size, map), Response::number)
    }

    /// See [`super::DMap::destroy`].
    pub fn destroy(map: &[u8]) -> Self {
        Self::new(Operation::of_map(Opcode::Destroy, map), Response::number)
    }

    /// See [`super::DMap::put`].
    pub fn put(map: &[u8], key: impl AsRef<[u8]>, value: impl Encode) -> Self {
        let operation = put(map, key, value, PutOptions::default());
        Self::new(operation, Response::stored)
    }
}

impl Command<PutOutcome> {
    /// See [`super::DMap::put_with`].
    pub fn put_with(
        map: &[u8],
        key: impl AsRef<[u8]>,
        value: impl Encode,
        options: PutOptions,
    ) -> Self {
        Self::new(put(map, key, value, options), Response::put)
    }
}

impl<V: Decode> Command<Swap<Versioned<V>>> {
    /// See [`super::DMap::put_if_absent`].
    pub fn put_if_absent(
        map: &[u8],
        key: impl AsRef<[u8]>,
        value: impl Encode,
        expiry: Expiry,
    ) -> Self {
        let operation = || {
            let value = bytes_of(&value)?;
            let operation = Operation::swap_value(map, key.as_ref(), None, &value, expiry)?;
            Ok::<_, Error>(operation)
        };
        Self::new(operation(), Response::swapped_value)
    }

    /// See [`super::DMap::compare_and_swap`].
    pub fn compare_and_swap(
        map: &[u8],
        key: impl AsRef<[u8]>,
        expected: impl Encode,
        value: impl Encode,
        expiry: Expiry,
    ) -> Self {
        let operation = || {
            let (expected, value) = (bytes_of(&expected)?, bytes_of(&value)?);
            let key = key.as_ref();
            let operation = Operation::swap_value(map, key, Some(&expected), &value, expiry)?;
            Ok::<_, Error>(operation)
        };
        Self::new(operation(), Response::swapped_value)
    }
}

impl Command<Swap<u64>> {
    /// See [`super::DMap::compare_and_swap_version`].
    pub fn compare_and_swap_version(
        map: &[u8],
        key: impl AsRef<[u8]>,
        expected: u64,
        value: impl Encode,
        expiry: Expiry,
    ) -> Self {
        let operation = || {
            let value = bytes_of(&value)?;
            let key = key.as_ref();
            let operation = Operation::swap_version(map, key, expected, &value, expiry)?;
            Ok::<_, Error>(operation)
        };
        Self::new(operation(), Response::swapped_version)
    }

    /// See [`super::DMap::put_if`].
    pub fn put_if(
        map: &[u8],
        key: impl AsRef<[u8]>,
        condition: ValueIs,
        value: impl Encode,
        expiry: Expiry,
    ) -> Self {
        let operation = put_if(map, key, &condition, value, expiry);
        Self::new(operation, Response::swapped_version)
    }
}

impl<V: Decode> Command<Replaced<V, Swap<u64>>> {
    /// See [`super::DMap::replace_if`].
    pub fn replace_if(
        map: &[u8],
        key: impl AsRef<[u8]>,
        condition: ValueIs,
        value: impl Encode,
        expiry: Expiry,
    ) -> Self {
        let operation = put_if(map, key, &condition, value, expiry);
        Self::new(
            operation.map(Operation::returning_old),
            Response::replaced_if,
        )
    }
}

impl Command<DeleteOutcome> {
    /// See [`super::DMap::delete_if`].
    pub fn delete_if(map: &[u8], key: impl AsRef<[u8]>, condition: ValueIs) -> Self {
        let operation = || {
            let operation = Operation::delete_if(map, key.as_ref(), condition.wanted()?)?;
            Ok::<_, Error>(operation)
        };
        Self::new(operation(), Response::deleted_if)
    }
}

impl Command<Option<Digest>> {
    /// See [`super::DMap::digest`].
    pub fn digest(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::Digest, map, key, Response::digest)
    }
}

impl Command<bool> {
    /// See [`super::DMap::delete`].
    pub fn delete(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::Delete, map, key, Response::found)
    }

    /// See [`super::DMap::exists`].
    pub fn exists(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::Exists, map, key, Response::found)
    }

    /// See [`super::DMap::expire`].
    pub fn expire(map: &[u8], key: impl AsRef<[u8]>, when: Expiry) -> Self {
        Self::new(Operation::expire(map, key.as_ref(), when), Response::found)
    }

    /// See [`super::DMap::persist`].
    pub fn persist(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::Persist, map, key, Response::persisted)
    }
}

impl Command<bool> {
    /// See [`super::DMap::put_all_if_absent`].
    pub fn put_all_if_absent(
        map: &[u8],
        entries: &[(impl AsRef<[u8]>, impl Encode)],
        expiry: Expiry,
    ) -> Self {
        let operation = || {
            let encoded = entries
                .iter()
                .map(|(key, value)| Ok((key, bytes_of(value)?)))
                .collect::<Result<Vec<_>, Error>>()?;
            let operation = Operation::put_all_if_absent(map, &encoded, expiry)?;
            Ok::<_, Error>(operation)
        };
        Self::new(operation(), Response::all_stored)
    }
}

impl Command<ExpireOutcome> {
    /// See [`super::DMap::expire_if`].
    pub fn expire_if(
        map: &[u8],
        key: impl AsRef<[u8]>,
        when: Expiry,
        condition: ExpireCondition,
    ) -> Self {
        let operation = Operation::expire_if(map, key.as_ref(), when, condition);
        Self::new(operation, Response::expired)
    }
}

impl Command<Option<ByteSlice>> {
    /// See [`super::DMap::get_range`].
    pub fn get_range(map: &[u8], key: impl AsRef<[u8]>, start: i64, end: i64) -> Self {
        let range = ByteRange { start, end };
        let operation = Operation::get_range(map, key.as_ref(), range);
        Self::new(operation, Response::slice)
    }
}

impl Command<Ttl> {
    /// See [`super::DMap::ttl`].
    pub fn ttl(map: &[u8], key: impl AsRef<[u8]>) -> Self {
        keyed(Opcode::Ttl, map, key, Response::ttl)
    }
}

impl Command<i64> {
    /// See [`super::DMap::incr`].
    pub fn incr(map: &[u8], key: impl AsRef<[u8]>, delta: i64) -> Self {
        let operation = Operation::count(Opcode::Incr, map, key.as_ref(), delta);
        Self::new(operation, Response::counter)
    }

    /// See [`super::DMap::decr`].
    pub fn decr(map: &[u8], key: impl AsRef<[u8]>, delta: i64) -> Self {
        let operation = Operation::count(Opcode::Decr, map, key.as_ref(), delta);
        Self::new(operation, Response::counter)
    }
}

impl Command<f64> {
    /// See [`super::DMap::incr_float`].
    pub fn incr_float(map: &[u8], key: impl AsRef<[u8]>, delta: f64) -> Self {
        let operation = Operation::count_float(map, key.as_ref(), delta);
        Self::new(operation, Response::float)
    }
}

impl Command<Appended> {
    /// See [`super::DMap::append`].
    pub fn append(map: &[u8], key: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Self {
        let operation = Operation::append(map, key.as_ref(), bytes.as_ref());
        Self::new(operation, Response::appended)
    }

    /// See [`super::DMap::set_range`].
    pub fn set_range(
        map: &[u8],
        key: impl AsRef<[u8]>,
        offset: u64,
        bytes: impl AsRef<[u8]>,
    ) -> Self {
        let operation = Operation::set_range(map, key.as_ref(), offset, bytes.as_ref());
        Self::new(operation, Response::appended)
    }
}

impl Command<Option<LockToken>> {
    /// See [`super::DMap::lock`].
    pub fn lock(map: &[u8], key: impl AsRef<[u8]>, options: LockOptions) -> Self {
        let operation = Operation::lock(map, key.as_ref(), options);
        Self::new(operation, Response::locked)
    }
}

impl Command<()> {
    /// See [`super::DMap::unlock`].
    pub fn unlock(map: &[u8], key: impl AsRef<[u8]>, token: LockToken) -> Self {
        let operation = Operation::unlock(map, key.as_ref(), token);
        Self::new(operation, |response| response.done().map(drop))
    }
}

impl Command<SystemTime> {
    /// See [`super::DMap::lease`].
    pub fn lease(map: &[u8], key: impl AsRef<[u8]>, token: LockToken, lease: Duration) -> Self {
        let operation = Operation::lease(map, key.as_ref(), token, lease);
        Self::new(operation, Response::leased)
    }
}

impl Command<SettingsReport> {
    /// See [`super::DMap::settings`].
    pub fn settings(map: &[u8]) -> Self {
        let operation = Operation::of_map(Opcode::SettingsGet, map);
        Self::new(operation, Response::settings)
    }

    /// See [`super::DMap::change_settings`].
    pub fn change_settings(map: &[u8], lines: impl AsRef<str>) -> Self {
        let operation = Operation::change_settings(map, lines.as_ref());
        Self::new(operation, Response::settings)
    }

    /// The settings that maps inherit which have none of their own.
    pub fn default_settings() -> Self {
        let operation = Operation::of_map(Opcode::SettingsGet, b"");
        Self::new(operation.map(Operation::of_defaults), Response::settings)
    }

    /// Changes the settings that maps inherit, as [`super::DMap::change_settings`] does a map's.
    pub fn change_default_settings(lines: impl AsRef<str>) -> Self {
        let operation = Operation::change_settings(b"", lines.as_ref());
        Self::new(operation.map(Operation::of_defaults), Response::settings)
    }
}

impl Command<ScanPage> {
    /// See [`super::DMap::scan_page`].
    pub fn scan_page(map: &[u8], cursor: u64, options: &ScanOptions) -> Self {
        Self::new(Operation::scan(map, cursor, options), Response::page)
    }
}
