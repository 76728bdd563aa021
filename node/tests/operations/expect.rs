//! What a step must come to, and how that is compared with what came.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jerboa_wire::Status;
use jerboa_wire::client::{
    DeleteOutcome, Digest, ExpireOutcome, PutOutcome, Replaced, Swap, Ttl, Versioned,
};
use xxhash_rust::xxh3::xxh3_64;

use super::door::{Got, Which};

/// What a step must come to.
#[derive(Clone, Debug)]
pub(crate) enum Is {
    /// No entry.
    Nothing,
    Value(&'static [u8]),
    /// Value, version, and at most so much time left.
    Entry(&'static [u8], Which, Option<Duration>),
    /// Value, and at most so much time left.
    Content(&'static [u8], Option<Duration>),
    /// Nothing was written, and nothing is there.
    NoBytes,
    /// Stored under a version that is greater than all before.
    Stored,
    /// Not stored: the key is there.
    Exists,
    /// Not stored: the key is not there.
    Missing,
    /// Stored, and this stood there before.
    Replaced(Option<(&'static [u8], Which)>),
    /// Not stored, because this stands there.
    KeptBy(&'static [u8], Which),
    /// Not swapped, because this stands there.
    Mismatch(&'static [u8], Which),
    /// Not swapped, because this is the version.
    NotVersion(Which),
    /// The digest of these bytes, and the version.
    DigestOf(&'static [u8], Which),
    /// So many bytes, under a version that is greater than all before.
    Bytes(u64),
    /// These bytes of a value of so many.
    Slice(&'static [u8], u64),
    ExpirySet,
    /// Not set: the condition does not hold for an expiry with at most so much time left.
    ExpiryKept(Option<Duration>),
    Yes,
    No,
    /// The time to live of an absent key, and of one that never expires.
    NoKey,
    Endless,
    /// More than half of this, not more than all.
    Left(Duration),
    Number(i64),
    Count(u64),
    /// The row's key.
    TheKey,
    Float(f64),
    /// A lock, with a token that is greater than all before.
    Granted,
    NotGranted,
    /// Leased from now for about so long.
    LeasedFor(Duration),
    Done,
    StoredAll(usize),
    Values(&'static [Option<&'static [u8]>]),
    Flags(&'static [bool]),
    /// The row's key with each of these behind it.
    Keys(&'static [&'static str]),
    Refused(Status),
}

/// The versions and tokens of a row, in the order they were given out.
#[derive(Default)]
pub(crate) struct Given(Vec<u64>);

impl Given {
    pub(crate) fn number(&self, which: Which) -> u64 {
        match which {
            Which::Given(place) => self.0[place],
            Which::Strange => 12345,
        }
    }

    fn give(&mut self, version: u64) -> bool {
        let grows = self.0.last().is_none_or(|last| version > *last);
        self.0.push(version);
        grows
    }
}

impl Is {
    /// Whether that is what came.
    #[expect(clippy::too_many_lines, reason = "one line or two for each outcome")]
    pub(crate) fn holds(&self, got: &Got, key: &[u8], given: &mut Given) -> bool {
        match (self, got) {
            (Self::Nothing, Got::Value(None) | Got::Entry(None)) => true,
            (Self::Value(expected), Got::Value(Some(value))) => value == expected,
            (Self::Entry(value, version, left), Got::Entry(Some(entry))) => {
                entry.value == *value
                    && entry.version == given.number(*version)
                    && in_time(*left, entry.expires_at_ms)
            }
            (
                Self::Stored,
                Got::Put(PutOutcome::Stored { version })
                | Got::Swap(Swap::Stored { version })
                | Got::SwapVersion(Swap::Stored { version }),
            )
            | (Self::Granted, Got::Token(Some(version))) => given.give(*version),
            (Self::Exists, Got::Put(PutOutcome::Exists)) => true,
            (
                Self::Missing,
                Got::Put(PutOutcome::Missing)
                | Got::Swap(Swap::Missing)
                | Got::SwapVersion(Swap::Missing)
                | Got::Replaced(Replaced {
                    outcome: PutOutcome::Missing,
                    old: None,
                }),
            ) => true,
            (
                Self::Replaced(expected),
                Got::Replaced(Replaced {
                    outcome: PutOutcome::Stored { version },
                    old,
                }),
            )
            | (
                Self::Replaced(expected),
                Got::ReplacedIf(Replaced {
                    outcome: Swap::Stored { version },
                    old,
                }),
            ) => is_entry(*expected, old.as_ref(), given) && given.give(*version),
            (
                Self::KeptBy(value, version),
                Got::ReplacedIf(Replaced {
                    outcome: Swap::Mismatch(there),
                    old,
                }),
            ) => {
                *there == given.number(*version)
                    && is_entry(Some((value, *version)), old.as_ref(), given)
            }
            (
                Self::Missing,
                Got::ReplacedIf(Replaced {
                    outcome: Swap::Missing,
                    old: None,
                })
                | Got::Deleted(DeleteOutcome::Missing),
            )
            | (Self::Yes, Got::Deleted(DeleteOutcome::Deleted))
            | (Self::Nothing, Got::Digest(None)) => true,
            (Self::NotVersion(version), Got::Deleted(DeleteOutcome::Mismatch(there))) => {
                given.number(*version) == *there
            }
            (Self::DigestOf(value, of), Got::Digest(Some(Digest { digest, version }))) => {
                xxh3_64(value) == *digest && given.number(*of) == *version
            }
            (
                Self::KeptBy(value, version),
                Got::Replaced(Replaced {
                    outcome: PutOutcome::Exists,
                    old,
                }),
            ) => is_entry(Some((value, *version)), old.as_ref(), given),
            (Self::Mismatch(value, version), Got::Swap(Swap::Mismatch(there))) => {
                is_entry(Some((value, *version)), Some(there), given)
            }
            (Self::NotVersion(version), Got::SwapVersion(Swap::Mismatch(there))) => {
                given.number(*version) == *there
            }
            (Self::Bytes(expected), Got::Appended { bytes, version }) => {
                expected == bytes && given.give(*version)
            }
            (Self::Content(value, left), Got::Entry(Some(entry))) => {
                entry.value == *value && in_time(*left, entry.expires_at_ms)
            }
            (
                Self::NoBytes,
                Got::Appended {
                    bytes: 0,
                    version: 0,
                },
            ) => true,
            (Self::Slice(bytes, of), Got::Slice(Some(slice))) => {
                slice.bytes == *bytes && slice.of == *of
            }
            (Self::Nothing, Got::Slice(None))
            | (Self::ExpirySet, Got::Expired(ExpireOutcome::Set)) => true,
            (Self::Missing, Got::Expired(ExpireOutcome::Missing)) => true,
            (Self::ExpiryKept(left), Got::Expired(ExpireOutcome::Kept(at_ms))) => {
                in_time(*left, *at_ms)
            }
            (Self::Yes, Got::Flag(true)) | (Self::No, Got::Flag(false)) => true,
            (Self::NoKey, Got::Ttl(Ttl::Missing)) | (Self::Endless, Got::Ttl(Ttl::Never)) => true,
            (Self::Left(most), Got::Ttl(Ttl::Left(left))) => left <= most && *left > *most / 2,
            (Self::Number(expected), Got::Counter(number)) => expected == number,
            (Self::Count(expected), Got::Count(number)) => expected == number,
            (Self::TheKey, Got::Value(Some(value))) => value == key,
            (Self::Float(expected), Got::Float(number)) => expected == number,
            (Self::NotGranted, Got::Token(None)) | (Self::Done, Got::Done) => true,
            (Self::LeasedFor(lease), Got::Leased { until_ms }) => {
                // The reply may have been under way for a while.
                left_of(*until_ms) <= lease.as_millis() && *until_ms > 0
            }
            (Self::StoredAll(count), Got::Versions(versions)) => {
                versions.len() == *count && versions.iter().all(|version| *version > 0)
            }
            (Self::Values(expected), Got::Values(values)) => {
                let values = values.iter().map(Option::as_deref);
                values.eq(expected.iter().copied())
            }
            (Self::Flags(expected), Got::Flags(flags)) => flags == expected,
            (Self::Keys(suffixes), Got::Keys(keys)) => {
                let key = String::from_utf8_lossy(key);
                let expected = suffixes.iter().map(|suffix| format!("{key}{suffix}"));
                keys.iter().cloned().eq(expected)
            }
            (Self::Refused(expected), Got::Refused(status)) => expected == status,
            _ => false,
        }
    }
}

fn is_entry(
    expected: Option<(&[u8], Which)>,
    there: Option<&Versioned<Vec<u8>>>,
    given: &Given,
) -> bool {
    match (expected, there) {
        (None, None) => true,
        (Some((value, version)), Some(there)) => {
            there.value == value && there.version == given.number(version)
        }
        _ => false,
    }
}

/// Whether more than half of the time is left, and not more than all.
fn in_time(left: Option<Duration>, expires_at_ms: Option<u64>) -> bool {
    match (
        left.map(|left| left.as_millis()),
        expires_at_ms.map(left_of),
    ) {
        (None, None) => true,
        (Some(most), Some(left)) => left <= most && left > most / 2,
        _ => false,
    }
}

/// Milliseconds until then; 0 where it has passed.
fn left_of(at_ms: u64) -> u128 {
    let at = UNIX_EPOCH + Duration::from_millis(at_ms);
    let left = at.duration_since(SystemTime::now());
    // A millisecond may have been rounded up.
    left.map_or(0, |left| left.as_millis().saturating_sub(1))
}
