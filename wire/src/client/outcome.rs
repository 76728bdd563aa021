//! What an answered call says: replies turned into the results of the typed API.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::Error;
use super::options::LockToken;
use crate::frame::Reply;
use crate::multi;
use crate::settings::MapSettings;
use crate::status::Status;
use crate::value::Decode;

/// A reply that owns its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The outcome.
    pub status: Status,
    /// By operation.
    pub arg: u64,
    /// The entry's version.
    pub version: u64,
    /// Items of a multi-key reply.
    pub count: u32,
    /// The value, the items, or an error's explanation.
    pub value: Vec<u8>,
}

/// A value with its metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<V = Vec<u8>> {
    /// The value.
    pub value: V,
    /// Version: greater with every write of the key.
    pub version: u64,
    /// When it expires, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
}

/// A value and its version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versioned<V> {
    /// The value.
    pub value: V,
    /// Version: greater with every write of the key.
    pub version: u64,
}

/// What a put did and what stood there before. `O` is how the kind of put ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaced<V, O = PutOutcome> {
    /// What it did.
    pub outcome: O,
    /// The entry that was replaced, or that kept the put from storing; `None` where there was
    /// none.
    pub old: Option<Versioned<V>>,
}

/// What a removal under a condition did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeleteOutcome {
    /// It removed the entry.
    Deleted,
    /// Nothing: the condition does not hold of the value of the entry, which has this version.
    Mismatch(u64),
    /// Nothing: there is no entry.
    Missing,
}

/// What stands for a value where it is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    /// XXH3-64 of its bytes, with seed 0.
    pub digest: u64,
    /// The entry's version.
    pub version: u64,
}

/// What a compare-and-swap did. `C` is what it tells of the entry that it did not expect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Swap<C> {
    /// It stored the new value under this version.
    Stored {
        /// The entry's version.
        version: u64,
    },
    /// Nothing: the entry is not the expected one, or should not be there.
    Mismatch(C),
    /// Nothing: there is no entry.
    Missing,
}

/// A value after bytes were put behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Bytes of the whole value.
    pub bytes: u64,
    /// The entry's version, which grows even where nothing was appended.
    pub version: u64,
}

/// The settings of a map, or the defaults of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SettingsReport {
    /// What was set for the map itself; the rest is inherited.
    pub own: MapSettings,
    /// What holds, wherever it comes from; nothing is inherited here.
    pub effective: MapSettings,
}

/// Some bytes of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByteSlice {
    /// Those that were asked for, as far as the value has them.
    pub bytes: Vec<u8>,
    /// Bytes of the whole value.
    pub of: u64,
    /// The entry's version.
    pub version: u64,
}

/// What became of an expiry with a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpireOutcome {
    /// It was set; where it has passed, the key was removed.
    Set,
    /// The condition does not hold for the expiry that is there, in Unix milliseconds; `None`:
    /// never.
    Kept(Option<u64>),
    /// The key is absent.
    Missing,
}

/// Some of the keys of a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScanPage {
    /// Keys. None of them is no sign that the scan is over.
    pub keys: Vec<Vec<u8>>,
    /// Where to go on from; `None` where the scan is over.
    pub next: Option<u64>,
}

/// What a put did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutOutcome {
    /// It stored the value under this version.
    Stored {
        /// The entry's version.
        version: u64,
    },
    /// Nothing: the key is present and was to be absent.
    Exists,
    /// Nothing: the key is absent and was to be present.
    Missing,
}

/// The time that a key has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ttl {
    /// The key is absent.
    Missing,
    /// It never expires.
    Never,
    /// So much.
    Left(Duration),
}

impl<V> Entry<V> {
    /// When it was written, by the clock of the node: the upper 48 bits of the version.
    #[must_use]
    pub fn written_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.version >> 16)
    }
}

impl Response {
    /// A copy of a reply.
    #[must_use]
    pub fn from_reply(reply: &Reply<'_>) -> Self {
        Self {
            status: reply.status,
            arg: reply.arg,
            version: reply.version,
            count: reply.count,
            value: reply.value.to_vec(),
        }
    }

    /// The response where its status is an outcome; an error where it is one.
    pub(super) fn outcome(self) -> Result<Self, Error> {
        if self.status.is_error() {
            return Err(self.refusal());
        }
        Ok(self)
    }

    fn refusal(self) -> Error {
        Error::Refused {
            status: self.status,
            text: String::from_utf8_lossy(&self.value).into_owned(),
        }
    }

    /// True for `Ok`, false for `NotFound`.
    pub(super) fn found(self) -> Result<bool, Error> {
        match self.outcome()?.status {
            Status::Ok => Ok(true),
            Status::NotFound => Ok(false),
            _ => Err(Error::UnexpectedReply),
        }
    }

    /// The response for `Ok`, `None` for `NotFound`.
    pub(super) fn optional(self) -> Result<Option<Self>, Error> {
        let response = self.outcome()?;
        match response.status {
            Status::Ok => Ok(Some(response)),
            Status::NotFound => Ok(None),
            _ => Err(Error::UnexpectedReply),
        }
    }

    pub(super) fn done(self) -> Result<Self, Error> {
        self.optional()?.ok_or(Error::UnexpectedReply)
    }

    pub(super) fn value<V: Decode>(self) -> Result<Option<V>, Error> {
        let decoded = self.optional()?.map(|response| V::decode(response.value));
        Ok(decoded.transpose()?)
    }

    pub(super) fn entry<V: Decode>(self) -> Result<Option<Entry<V>>, Error> {
        let Some(response) = self.optional()? else {
            return Ok(None);
        };
        Ok(Some(Entry {
            value: V::decode(response.value)?,
            version: response.version,
            expires_at_ms: (response.arg != 0).then_some(response.arg),
        }))
    }

    pub(super) fn put(self) -> Result<PutOutcome, Error> {
        let response = self.outcome()?;
        match response.status {
            Status::Ok => Ok(PutOutcome::Stored {
                version: response.version,
            }),
            Status::Exists => Ok(PutOutcome::Exists),
            Status::NotFound => Ok(PutOutcome::Missing),
            _ => Err(Error::UnexpectedReply),
        }
    }

    pub(super) fn persisted(self) -> Result<bool, Error> {
        Ok(self.optional()?.is_some_and(|response| response.arg != 0))
    }

    pub(super) fn ttl(self) -> Result<Ttl, Error> {
        Ok(match self.optional()? {
            None => Ttl::Missing,
            Some(response) if response.arg == 0 => Ttl::Never,
            Some(response) => Ttl::Left(Duration::from_millis(response.arg)),
        })
    }

    pub(super) fn number(self) -> Result<u64, Error> {
        Ok(self.done()?.arg)
    }

    pub(super) fn counter(self) -> Result<i64, Error> {
        Ok(self.done()?.arg.cast_signed())
    }

    pub(super) fn text(self) -> Result<String, Error> {
        String::from_utf8(self.done()?.value).map_err(|_| Error::UnexpectedReply)
    }

    pub(super) fn stored(self) -> Result<u64, Error> {
        Ok(self.done()?.version)
    }

    pub(super) fn replaced<V: Decode>(self) -> Result<Replaced<V>, Error> {
        self.telling_old(Self::put)
    }

    pub(super) fn replaced_if<V: Decode>(self) -> Result<Replaced<V, Swap<u64>>, Error> {
        self.telling_old(Self::swapped_version)
    }

    /// The outcome of a put, and the entry that it was told of beside it.
    fn telling_old<V: Decode, O>(
        mut self,
        read: fn(Self) -> Result<O, Error>,
    ) -> Result<Replaced<V, O>, Error> {
        let (version, value) = (self.arg, std::mem::take(&mut self.value));
        // An error's explanation stands where the value would.
        if self.status.is_error() {
            self.value = value;
            return Err(self.refusal());
        }
        let outcome = read(self)?;
        let old = (version != 0).then(|| V::decode(value)).transpose()?;
        Ok(Replaced {
            outcome,
            old: old.map(|value| Versioned { value, version }),
        })
    }

    pub(super) fn deleted_if(self) -> Result<DeleteOutcome, Error> {
        let response = self.outcome()?;
        match response.status {
            Status::Ok => Ok(DeleteOutcome::Deleted),
            Status::Mismatch => Ok(DeleteOutcome::Mismatch(response.version)),
            Status::NotFound => Ok(DeleteOutcome::Missing),
            _ => Err(Error::UnexpectedReply),
        }
    }

    pub(super) fn digest(self) -> Result<Option<Digest>, Error> {
        let digest = |response: Self| Digest {
            digest: response.arg,
            version: response.version,
        };
        Ok(self.optional()?.map(digest))
    }

    /// The value that a put which always stores has replaced.
    pub(super) fn old<V: Decode>(self) -> Result<Option<V>, Error> {
        Ok(self.replaced()?.old.map(|old| old.value))
    }

    pub(super) fn appended(self) -> Result<Appended, Error> {
        let response = self.done()?;
        Ok(Appended {
            bytes: response.arg,
            version: response.version,
        })
    }

    pub(super) fn slice(self) -> Result<Option<ByteSlice>, Error> {
        let slice = |response: Self| ByteSlice {
            bytes: response.value,
            of: response.arg,
            version: response.version,
        };
        Ok(self.optional()?.map(slice))
    }

    pub(super) fn expired(self) -> Result<ExpireOutcome, Error> {
        let response = self.outcome()?;
        let there = (response.arg != 0).then_some(response.arg);
        match response.status {
            Status::Ok => Ok(ExpireOutcome::Set),
            Status::Mismatch => Ok(ExpireOutcome::Kept(there)),
            Status::NotFound => Ok(ExpireOutcome::Missing),
            _ => Err(Error::UnexpectedReply),
        }
    }

    pub(super) fn all_stored(self) -> Result<bool, Error> {
        match self.outcome()?.status {
            Status::Ok => Ok(true),
            Status::Exists => Ok(false),
            _ => Err(Error::UnexpectedReply),
        }
    }

    pub(super) fn settings(self) -> Result<SettingsReport, Error> {
        let text = self.text()?;
        let mut report = SettingsReport {
            own: MapSettings::default(),
            effective: MapSettings::default(),
        };
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(value), Some(origin)) =
                (words.next(), words.next(), words.next())
            else {
                return Err(Error::UnexpectedReply);
            };
            // A setting of a later version is none that this one could tell.
            if report.effective.set(name, value).is_ok() && origin == "own" {
                let own = report.own.set(name, value);
                own.map_err(|_| Error::UnexpectedReply)?;
            }
        }
        Ok(report)
    }

    pub(super) fn float(self) -> Result<f64, Error> {
        Ok(f64::from_bits(self.done()?.arg))
    }

    /// The version of the entry that stood in the way.
    pub(super) fn swapped_version(self) -> Result<Swap<u64>, Error> {
        self.swapped(|response| Ok(response.version))
    }

    /// The entry that stood in the way.
    pub(super) fn swapped_value<V: Decode>(self) -> Result<Swap<Versioned<V>>, Error> {
        self.swapped(|response| {
            let Self { version, value, .. } = response;
            let value = V::decode(value)?;
            Ok(Versioned { value, version })
        })
    }

    fn swapped<C>(self, read: impl FnOnce(Self) -> Result<C, Error>) -> Result<Swap<C>, Error> {
        let response = self.outcome()?;
        Ok(match response.status {
            Status::Ok => Swap::Stored {
                version: response.version,
            },
            Status::Mismatch | Status::Exists => Swap::Mismatch(read(response)?),
            Status::NotFound => Swap::Missing,
            _ => return Err(Error::UnexpectedReply),
        })
    }

    pub(super) fn locked(self) -> Result<Option<LockToken>, Error> {
        let response = self.outcome()?;
        match response.status {
            Status::Ok => Ok(Some(LockToken::new(response.version))),
            Status::LockNotAcquired => Ok(None),
            _ => Err(Error::UnexpectedReply),
        }
    }

    pub(super) fn leased(self) -> Result<SystemTime, Error> {
        let expires_at_ms = self.done()?.arg;
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(expires_at_ms));
        at.ok_or(Error::UnexpectedReply)
    }

    pub(super) fn page(self) -> Result<ScanPage, Error> {
        let response = self.done()?;
        let keys = multi::Keys::new(&response.value, response.count);
        Ok(ScanPage {
            keys: keys.map(<[u8]>::to_vec).collect(),
            next: (response.arg != 0).then_some(response.arg),
        })
    }
}
