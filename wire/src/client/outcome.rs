//! What an answered call says: replies turned into the results of the typed API.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::Error;
use crate::frame::Reply;
use crate::status::Status;

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
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Version: greater with every write of the key.
    pub version: u64,
    /// When it expires, in Unix milliseconds.
    pub expires_at_ms: Option<u64>,
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

impl Entry {
    /// When it was written, by the clock of the node: the upper 48 bits of the version.
    #[must_use]
    pub fn written_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.version >> 16)
    }
}

impl Response {
    pub(super) fn from_reply(reply: &Reply<'_>) -> Self {
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
        if !self.status.is_error() {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(&self.value).into_owned();
        Err(Error::Refused {
            status: self.status,
            text,
        })
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
    fn optional(self) -> Result<Option<Self>, Error> {
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

    pub(super) fn value(self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.optional()?.map(|response| response.value))
    }

    pub(super) fn entry(self) -> Result<Option<Entry>, Error> {
        let entry = |response: Self| Entry {
            value: response.value,
            version: response.version,
            expires_at_ms: (response.arg != 0).then_some(response.arg),
        };
        Ok(self.optional()?.map(entry))
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

    pub(super) fn counter(self) -> Result<i64, Error> {
        Ok(self.done()?.arg.cast_signed())
    }

    pub(super) fn text(self) -> Result<String, Error> {
        String::from_utf8(self.done()?.value).map_err(|_| Error::UnexpectedReply)
    }
}
