//! The rows of what is done only where the value that is there is, or is not, a certain one: each
//! condition over an absent key, the value itself and another one, with each kind of expiry.

use std::time::Duration;

use jerboa_wire::client::Expiry;

use super::door::{Do, Wanted, Which};
use super::expect::Is;
use super::table::Row;

const HOUR: Duration = Duration::from_secs(3600);
/// So far apart that what is left tells which one holds.
const TEN_HOURS: Duration = Duration::from_secs(36_000);
const FIRST: Which = Which::Given(0);
const SECOND: Which = Which::Given(1);
const OLD: &[u8] = b"old";
const NEW: &[u8] = b"new";

/// Each condition, and whether it holds without an entry, of `OLD` and of another value.
const CONDITIONS: [(Wanted, [bool; 3]); 4] = [
    (Wanted::Equal(OLD), [false, true, false]),
    (Wanted::Other(OLD), [true, false, true]),
    (Wanted::DigestOf(OLD), [false, true, false]),
    (Wanted::NoDigestOf(OLD), [true, false, true]),
];

/// What stands at the key before.
const BEFORE: [Option<&[u8]>; 3] = [None, Some(OLD), Some(b"ol")];

/// Each expiry, and what it leaves an entry that had an hour.
const EXPIRIES: [(Expiry, Option<Duration>); 4] = [
    (Expiry::MapDefault, None),
    (Expiry::Never, None),
    (Expiry::After(TEN_HOURS), Some(TEN_HOURS)),
    (Expiry::Keep, Some(HOUR)),
];

pub(crate) fn conditional() -> Vec<Row> {
    let mut rows = vec![digests(), empty(), present()];
    for (wanted, holds) in CONDITIONS {
        for (before, holds) in BEFORE.into_iter().zip(holds) {
            rows.push(removal(wanted, before, holds));
            for (expiry, left) in EXPIRIES {
                let left = match before {
                    None if expiry == Expiry::Keep => None,
                    _ => left,
                };
                rows.push(put(wanted, before, holds, (expiry, left)));
                rows.push(replacement(wanted, before, holds, (expiry, left)));
            }
        }
    }
    rows
}

fn begin(before: Option<&'static [u8]>) -> Vec<(Do, Is)> {
    let put = |value| Do::PutWith(value, Default::default(), Expiry::After(HOUR));
    before
        .map(|value| (put(value), Is::Stored))
        .into_iter()
        .collect()
}

/// That a refusal has left everything as it was.
fn untouched(before: Option<&'static [u8]>) -> (Do, Is) {
    match before {
        None => (Do::Get, Is::Nothing),
        Some(value) => (Do::Entry, Is::Entry(value, FIRST, Some(HOUR))),
    }
}

fn put(
    wanted: Wanted,
    before: Option<&'static [u8]>,
    holds: bool,
    (expiry, left): (Expiry, Option<Duration>),
) -> Row {
    let mut steps = begin(before);
    let outcome = match (holds, before) {
        (true, _) => Is::Stored,
        (false, Some(_)) => Is::NotVersion(FIRST),
        (false, None) => Is::Missing,
    };
    steps.push((Do::PutIf(wanted, NEW, expiry), outcome));
    steps.push(if holds {
        (Do::Entry, Is::Content(NEW, left))
    } else {
        untouched(before)
    });
    Row {
        fear: "a put under a condition on the value stores, or keeps, what it should not",
        steps,
    }
}

fn replacement(
    wanted: Wanted,
    before: Option<&'static [u8]>,
    holds: bool,
    (expiry, left): (Expiry, Option<Duration>),
) -> Row {
    let mut steps = begin(before);
    let outcome = match (holds, before) {
        (true, before) => Is::Replaced(before.map(|value| (value, FIRST))),
        (false, Some(value)) => Is::KeptBy(value, FIRST),
        (false, None) => Is::Missing,
    };
    steps.push((Do::ReplaceIf(wanted, NEW, expiry), outcome));
    steps.push(if holds {
        (Do::Entry, Is::Content(NEW, left))
    } else {
        untouched(before)
    });
    Row {
        fear: "a put under a condition on the value tells wrongly of what stood there",
        steps,
    }
}

fn removal(wanted: Wanted, before: Option<&'static [u8]>, holds: bool) -> Row {
    let mut steps = begin(before);
    let outcome = match (before, holds) {
        (None, _) => Is::Missing,
        (Some(_), true) => Is::Yes,
        (Some(_), false) => Is::NotVersion(FIRST),
    };
    steps.push((Do::DeleteIf(wanted), outcome));
    steps.push(if holds {
        (Do::Get, Is::Nothing)
    } else {
        untouched(before)
    });
    Row {
        fear: "a removal under a condition removes what it should not, or nothing",
        steps,
    }
}

fn digests() -> Row {
    Row {
        fear: "a digest is not that of the value, or belongs to another version",
        steps: vec![
            (Do::Digest, Is::Nothing),
            (Do::Put(b"one"), Is::Stored),
            (Do::Digest, Is::DigestOf(b"one", FIRST)),
            (Do::Put(b""), Is::Stored),
            (Do::Digest, Is::DigestOf(b"", SECOND)),
            (Do::Append(b"two"), Is::Bytes(3)),
            (Do::Digest, Is::DigestOf(b"two", Which::Given(2))),
            (Do::Delete, Is::Yes),
            (Do::Digest, Is::Nothing),
        ],
    }
}

fn empty() -> Row {
    Row {
        fear: "an empty value is taken for an absent key",
        steps: vec![
            (
                Do::PutIf(Wanted::Equal(b""), NEW, Expiry::Never),
                Is::Missing,
            ),
            (Do::DeleteIf(Wanted::Other(b"")), Is::Missing),
            (Do::Put(b""), Is::Stored),
            (Do::DeleteIf(Wanted::Other(b"")), Is::NotVersion(FIRST)),
            (
                Do::PutIf(Wanted::Equal(b""), b"", Expiry::Never),
                Is::Stored,
            ),
            (Do::Entry, Is::Entry(b"", SECOND, None)),
            (Do::DeleteIf(Wanted::DigestOf(b"")), Is::Yes),
            (Do::Exists, Is::No),
        ],
    }
}

fn present() -> Row {
    Row {
        fear: "a look at many keys removes some, or answers out of their order",
        steps: vec![
            (Do::MultiExists(&["", "a"]), Is::Flags(&[false, false])),
            (
                Do::MultiPut(&[("a", b""), ("c", b"3")], Expiry::Never),
                Is::StoredAll(2),
            ),
            (
                Do::MultiExists(&["c", "b", "a", "c"]),
                Is::Flags(&[true, false, true, true]),
            ),
            (Do::MultiDelete(&["c"]), Is::Flags(&[true])),
            (Do::MultiExists(&["a", "c"]), Is::Flags(&[true, false])),
        ],
    }
}
