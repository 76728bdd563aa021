//! What is asked through a door and what comes back, in terms that every door shares.

use std::time::Duration;

use jerboa_wire::Status;
use jerboa_wire::client::{
    ByteSlice, Condition, DeleteOutcome, Digest, Entry, Error, ExpireCondition, ExpireOutcome,
    Expiry, InvalidCall, PutOutcome, Replaced, Swap, Ttl, Versioned,
};

/// One thing to do with the key of a row, in the row's own map.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    Get,
    Entry,
    Put(&'static [u8]),
    PutWith(&'static [u8], Condition, Expiry),
    Replace(&'static [u8], Condition, Expiry),
    GetAndPut(&'static [u8]),
    GetAndDelete,
    PutIfAbsent(&'static [u8], Expiry),
    Swap(&'static [u8], &'static [u8], Expiry),
    SwapVersion(Which, &'static [u8], Expiry),
    PutIf(Wanted, &'static [u8], Expiry),
    ReplaceIf(Wanted, &'static [u8], Expiry),
    DeleteIf(Wanted),
    Digest,
    Append(&'static [u8]),
    Delete,
    Exists,
    Expire(Expiry),
    ExpireIf(Expiry, ExpireCondition),
    GetAndExpire(Expiry),
    GetRange(i64, i64),
    SetRange(u64, &'static [u8]),
    /// Keys are the row's key as a tag with these behind it.
    PutAllIfAbsent(&'static [(&'static str, &'static [u8])], Expiry),
    Persist,
    Ttl,
    Incr(i64),
    Decr(i64),
    IncrFloat(f64),
    Lock {
        wait: Duration,
        lease: Option<Duration>,
    },
    Unlock(Which),
    Lease(Which, Duration),
    /// Keys are the row's key with these behind it.
    MultiPut(&'static [(&'static str, &'static [u8])], Expiry),
    MultiGet(&'static [&'static str]),
    MultiDelete(&'static [&'static str]),
    MultiExists(&'static [&'static str]),
    /// All keys of the map that match, sorted.
    Scan(&'static str),
    Size,
    Destroy,
    RandomKey,
    /// Changes settings of the row's map.
    Settings(&'static str),
    /// Lets the time go by that an expiry takes.
    Pass(Duration),
}

/// A version or token that a row has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    /// The n-th that was given out in the row, from 0.
    Given(usize),
    /// One that was never given out.
    Strange,
}

/// What has to hold of the value that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    Equal(&'static [u8]),
    Other(&'static [u8]),
    /// The digest of these bytes.
    DigestOf(&'static [u8]),
    NoDigestOf(&'static [u8]),
}

/// What came back.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Got {
    Value(Option<Vec<u8>>),
    Entry(Option<Entry>),
    Put(PutOutcome),
    Replaced(Replaced<Vec<u8>>),
    Swap(Swap<Versioned<Vec<u8>>>),
    SwapVersion(Swap<u64>),
    ReplacedIf(Replaced<Vec<u8>, Swap<u64>>),
    Deleted(DeleteOutcome),
    Digest(Option<Digest>),
    Appended { bytes: u64, version: u64 },
    Flag(bool),
    Ttl(Ttl),
    Slice(Option<ByteSlice>),
    Expired(ExpireOutcome),
    Counter(i64),
    Count(u64),
    Float(f64),
    Token(Option<u64>),
    Done,
    Leased { until_ms: u64 },
    Values(Vec<Option<Vec<u8>>>),
    Versions(Vec<u64>),
    Flags(Vec<bool>),
    Keys(Vec<String>),
    Refused(Status),
}

/// A way to a node.
pub(crate) trait Door {
    /// Its name, for messages.
    fn name(&self) -> String;

    /// Does one thing. `version` is what its [`Which`] stands for.
    fn ask(&mut self, map: &str, key: &[u8], what: &Do, version: u64) -> Got;
}

/// The key of an item.
pub(crate) fn item_key(key: &[u8], suffix: &str) -> Vec<u8> {
    [key, suffix.as_bytes()].concat()
}

/// What a client refuses by itself and what the node would have refused are one fault.
pub(crate) fn fault(error: &Error) -> Status {
    match error {
        Error::Refused { status, .. } => *status,
        Error::Invalid(invalid) => match invalid {
            InvalidCall::KeyEmpty => Status::KeyEmpty,
            InvalidCall::KeyTooLarge(_) => Status::KeyTooLarge,
            InvalidCall::MapNameTooLarge(_) => Status::MapNameTooLarge,
            InvalidCall::ValueTooLarge(_) => Status::ValueTooLarge,
            InvalidCall::Expiry | InvalidCall::NotFinite => Status::InvalidArgument,
            InvalidCall::Wait | InvalidCall::PatternTooLong(_) => Status::MalformedPayload,
            InvalidCall::Count(_) => Status::TooManyItems,
            other => panic!("not of the table: {other}"),
        },
        other => panic!("no outcome: {other}"),
    }
}
