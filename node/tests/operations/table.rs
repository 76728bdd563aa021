//! The table: operations in a row, and what each of them must come to, through every door alike.

use std::time::{Duration, SystemTime};

use jerboa_wire::Status;
use jerboa_wire::client::{Condition, ExpireCondition, Expiry};

use super::door::{Do, Which};
use super::expect::Is;

/// What happens to one fresh key, and what has to come of it.
pub(crate) struct Row {
    /// What goes wrong where the row does not hold.
    pub(crate) fear: &'static str,
    pub(crate) steps: Vec<(Do, Is)>,
}

const ALWAYS: Condition = Condition::Always;
const ABSENT: Condition = Condition::IfAbsent;
const PRESENT: Condition = Condition::IfPresent;
const NEVER: Expiry = Expiry::Never;
const AS_MAP: Expiry = Expiry::MapDefault;
const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(20);
const FOR_AN_HOUR: Expiry = Expiry::After(HOUR);
const FOR_NOW: Expiry = Expiry::After(SOON);
const FIRST: Which = Which::Given(0);
const SECOND: Which = Which::Given(1);
const NO_WAIT: Duration = Duration::ZERO;

/// Longer than `FOR_NOW`.
fn pass() -> (Do, Is) {
    (Do::Pass(SOON * 2), Is::Done)
}

fn an_hour_ago() -> Expiry {
    Expiry::At(SystemTime::now() - HOUR)
}

fn in_an_hour() -> Expiry {
    Expiry::At(SystemTime::now() + HOUR)
}

const fn lock(wait: Duration, lease: Option<Duration>) -> Do {
    Do::Lock { wait, lease }
}

pub(crate) fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |fear, steps| rows.push(Row { fear, steps });
    values(&mut row);
    conditions(&mut row);
    expiries(&mut row);
    map_defaults(&mut row);
    conditional_expiries(&mut row);
    ranges(&mut row);
    counters(&mut row);
    swaps(&mut row);
    many(&mut row);
    locks(&mut row);
    scans(&mut row);
    maps(&mut row);
    rows
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Vec<(Do, Is)>);

fn values(row: Add<'_>) {
    row(
        "an absent key is mistaken for an empty one",
        vec![
            (Do::Get, Is::Nothing),
            (Do::Entry, Is::Nothing),
            (Do::Exists, Is::No),
            (Do::Delete, Is::No),
            (Do::GetAndDelete, Is::Nothing),
            (Do::Put(b""), Is::Stored),
            (Do::Get, Is::Value(b"")),
            (Do::Exists, Is::Yes),
            (Do::GetAndPut(b"x"), Is::Value(b"")),
            (Do::GetAndDelete, Is::Value(b"x")),
            (Do::Exists, Is::No),
        ],
    );
    row(
        "an overwritten value comes back, or a deleted one (Olric's W2)",
        vec![
            (Do::Put(b"one"), Is::Stored),
            (Do::Put(b"two"), Is::Stored),
            (Do::Entry, Is::Entry(b"two", SECOND, None)),
            (Do::Delete, Is::Yes),
            (Do::Get, Is::Nothing),
            (Do::Delete, Is::No),
        ],
    );
    row(
        "what was replaced is not told, or told wrong",
        vec![
            (Do::GetAndPut(b"one"), Is::Nothing),
            (Do::Get, Is::Value(b"one")),
            (Do::GetAndPut(b"two"), Is::Value(b"one")),
            (Do::Delete, Is::Yes),
            (Do::Replace(b"a", ALWAYS, NEVER), Is::Replaced(None)),
            (
                Do::Replace(b"b", ALWAYS, NEVER),
                Is::Replaced(Some((b"a", FIRST))),
            ),
            (Do::Replace(b"c", ABSENT, NEVER), Is::KeptBy(b"b", SECOND)),
            (Do::Get, Is::Value(b"b")),
            (Do::Delete, Is::Yes),
            (Do::Replace(b"d", PRESENT, NEVER), Is::Missing),
            (Do::Get, Is::Nothing),
        ],
    );
    row(
        "append forgets the expiry, or grows a value that it should create",
        vec![
            (Do::Append(b"ab"), Is::Bytes(2)),
            (Do::Append(b""), Is::Bytes(2)),
            (Do::Append(b"cd"), Is::Bytes(4)),
            (Do::Get, Is::Value(b"abcd")),
            (Do::Expire(FOR_AN_HOUR), Is::Yes),
            (Do::Append(b"e"), Is::Bytes(5)),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Get, Is::Value(b"abcde")),
        ],
    );
}

fn conditions(row: Add<'_>) {
    row(
        "a condition lets through what it should stop",
        vec![
            (Do::PutWith(b"0", PRESENT, NEVER), Is::Missing),
            (Do::Get, Is::Nothing),
            (Do::PutWith(b"1", ABSENT, NEVER), Is::Stored),
            (Do::PutWith(b"2", ABSENT, NEVER), Is::Exists),
            (Do::Get, Is::Value(b"1")),
            (Do::PutWith(b"3", PRESENT, NEVER), Is::Stored),
            (Do::Get, Is::Value(b"3")),
        ],
    );
    row(
        "a condition takes an expired entry for one that is there",
        vec![
            (Do::PutWith(b"1", ALWAYS, FOR_NOW), Is::Stored),
            pass(),
            (Do::PutWith(b"2", PRESENT, NEVER), Is::Missing),
            (Do::PutWith(b"3", ABSENT, FOR_NOW), Is::Stored),
            pass(),
            (Do::PutWith(b"4", ABSENT, FOR_AN_HOUR), Is::Stored),
            (Do::Get, Is::Value(b"4")),
            (Do::Ttl, Is::Left(HOUR)),
        ],
    );
    row(
        "a refused put changes the expiry all the same",
        vec![
            (Do::PutWith(b"1", ABSENT, FOR_AN_HOUR), Is::Stored),
            (Do::PutWith(b"2", ABSENT, FOR_NOW), Is::Exists),
            pass(),
            (Do::Get, Is::Value(b"1")),
            (Do::Ttl, Is::Left(HOUR)),
        ],
    );
}

fn expiries(row: Add<'_>) {
    row(
        "an entry outlives its time, in whichever form it was given",
        vec![
            (Do::PutWith(b"1", ALWAYS, FOR_NOW), Is::Stored),
            pass(),
            (Do::Get, Is::Nothing),
            (Do::Ttl, Is::NoKey),
            (Do::Put(b"2"), Is::Stored),
            (Do::PutWith(b"3", ALWAYS, an_hour_ago()), Is::Stored),
            (Do::Get, Is::Nothing),
            (Do::PutWith(b"4", ALWAYS, in_an_hour()), Is::Stored),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Entry, Is::Entry(b"4", Which::Given(3), Some(HOUR))),
        ],
    );
    row(
        "a put keeps an expiry that it should clear, or clears one that it should keep",
        vec![
            (Do::PutWith(b"1", ALWAYS, FOR_AN_HOUR), Is::Stored),
            (Do::PutWith(b"2", ALWAYS, Expiry::Keep), Is::Stored),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Put(b"3"), Is::Stored),
            (Do::Ttl, Is::Endless),
            (Do::PutWith(b"4", ALWAYS, Expiry::Keep), Is::Stored),
            (Do::Ttl, Is::Endless),
            (Do::Expire(FOR_AN_HOUR), Is::Yes),
            (Do::GetAndPut(b"5"), Is::Value(b"4")),
            (Do::Ttl, Is::Endless),
        ],
    );
    row(
        "expire destroys the value, or makes a key (Olric's W4 and W5)",
        vec![
            (Do::Expire(FOR_AN_HOUR), Is::No),
            (Do::Persist, Is::No),
            (Do::Get, Is::Nothing),
            (Do::Put(b"precious"), Is::Stored),
            (Do::Expire(FOR_AN_HOUR), Is::Yes),
            (Do::Get, Is::Value(b"precious")),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Persist, Is::Yes),
            (Do::Persist, Is::No),
            (Do::Ttl, Is::Endless),
            (Do::Get, Is::Value(b"precious")),
            (Do::Expire(in_an_hour()), Is::Yes),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Expire(Expiry::After(Duration::ZERO)), Is::Yes),
            (Do::Get, Is::Nothing),
            (Do::Expire(an_hour_ago()), Is::No),
        ],
    );
    row(
        "a time to live that means nothing is taken for one",
        vec![
            (
                Do::PutWith(b"1", ALWAYS, Expiry::After(Duration::ZERO)),
                Is::Refused(Status::InvalidArgument),
            ),
            (Do::Get, Is::Nothing),
            (Do::Put(b"2"), Is::Stored),
            (
                Do::Expire(Expiry::After(Duration::from_secs(1 << 40))),
                Is::Refused(Status::InvalidArgument),
            ),
            (Do::Ttl, Is::Endless),
        ],
    );
}

fn map_defaults(row: Add<'_>) {
    row(
        "a map's time to live is given where the caller said never, or not where it said nothing",
        vec![
            (Do::Settings("ttl_ms 3600000"), Is::Done),
            (Do::Put(b"1"), Is::Stored),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::PutWith(b"2", ALWAYS, NEVER), Is::Stored),
            (Do::Ttl, Is::Endless),
            (Do::PutWith(b"3", ALWAYS, Expiry::Keep), Is::Stored),
            (Do::Ttl, Is::Endless),
            (Do::PutWith(b"4", PRESENT, AS_MAP), Is::Stored),
            (Do::Ttl, Is::Left(HOUR)),
            (
                Do::Replace(b"5", ALWAYS, NEVER),
                Is::Replaced(Some((b"4", Which::Given(3)))),
            ),
            (Do::Ttl, Is::Endless),
            (Do::Swap(b"5", b"6", AS_MAP), Is::Stored),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Swap(b"6", b"7", NEVER), Is::Stored),
            (Do::Ttl, Is::Endless),
            (Do::MultiPut(&[("", b"8")], AS_MAP), Is::StoredAll(1)),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::MultiPut(&[("", b"9")], NEVER), Is::StoredAll(1)),
            (Do::Ttl, Is::Endless),
            (Do::GetAndPut(b"10"), Is::Value(b"9")),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::GetAndExpire(NEVER), Is::Content(b"10", None)),
            (Do::Ttl, Is::Endless),
            (Do::Delete, Is::Yes),
            (Do::PutIfAbsent(b"11", NEVER), Is::Stored),
            (Do::Ttl, Is::Endless),
            (Do::Delete, Is::Yes),
            (Do::PutAllIfAbsent(&[("", b"12")], NEVER), Is::Yes),
            (Do::Persist, Is::No),
            (Do::Ttl, Is::Endless),
        ],
    );
}

fn conditional_expiries(row: Add<'_>) {
    let (later, earlier) = (ExpireCondition::IfLater, ExpireCondition::IfEarlier);
    let (some, none) = (ExpireCondition::IfSome, ExpireCondition::IfNone);
    let two_hours = Expiry::After(HOUR * 2);
    row(
        "a condition on the expiry lets through what it should stop",
        vec![
            (Do::ExpireIf(FOR_AN_HOUR, none), Is::Missing),
            (Do::Put(b"v"), Is::Stored),
            (Do::ExpireIf(FOR_NOW, some), Is::ExpiryKept(None)),
            (Do::ExpireIf(FOR_NOW, later), Is::ExpiryKept(None)),
            (Do::ExpireIf(FOR_AN_HOUR, none), Is::ExpirySet),
            (Do::ExpireIf(FOR_NOW, none), Is::ExpiryKept(Some(HOUR))),
            (Do::ExpireIf(FOR_NOW, later), Is::ExpiryKept(Some(HOUR))),
            (Do::ExpireIf(two_hours, earlier), Is::ExpiryKept(Some(HOUR))),
            (Do::ExpireIf(two_hours, later), Is::ExpirySet),
            (Do::Ttl, Is::Left(HOUR * 2)),
            (Do::ExpireIf(FOR_AN_HOUR, earlier), Is::ExpirySet),
            (Do::ExpireIf(two_hours, some), Is::ExpirySet),
            (
                Do::ExpireIf(an_hour_ago(), later),
                Is::ExpiryKept(Some(HOUR * 2)),
            ),
            (Do::Get, Is::Value(b"v")),
            (Do::ExpireIf(an_hour_ago(), earlier), Is::ExpirySet),
            (Do::Get, Is::Nothing),
        ],
    );
    row(
        "reading with a new expiry destroys the value, or keeps the old expiry",
        vec![
            (Do::GetAndExpire(FOR_AN_HOUR), Is::Nothing),
            (Do::Append(b"v"), Is::Bytes(1)),
            (Do::GetAndExpire(NEVER), Is::Entry(b"v", FIRST, None)),
            (Do::GetAndExpire(FOR_AN_HOUR), Is::Content(b"v", Some(HOUR))),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::GetAndExpire(NEVER), Is::Content(b"v", None)),
            (Do::Ttl, Is::Endless),
            (Do::GetAndExpire(FOR_NOW), Is::Content(b"v", Some(SOON))),
            pass(),
            (Do::Get, Is::Nothing),
        ],
    );
}

fn ranges(row: Add<'_>) {
    row(
        "a range reads or writes other bytes than those that were meant",
        vec![
            (Do::GetRange(0, -1), Is::Nothing),
            (Do::SetRange(3, b""), Is::NoBytes),
            (Do::Exists, Is::No),
            (Do::SetRange(2, b"cd"), Is::Bytes(4)),
            (Do::Get, Is::Value(b"\0\0cd")),
            (Do::SetRange(0, b"ab"), Is::Bytes(4)),
            (Do::GetRange(0, -1), Is::Slice(b"abcd", 4)),
            (Do::GetRange(1, 2), Is::Slice(b"bc", 4)),
            (Do::GetRange(-2, 100), Is::Slice(b"cd", 4)),
            (Do::GetRange(2, 1), Is::Slice(b"", 4)),
            (Do::GetRange(4, 9), Is::Slice(b"", 4)),
            (Do::GetRange(i64::MIN, i64::MAX), Is::Slice(b"abcd", 4)),
            (Do::Expire(FOR_AN_HOUR), Is::Yes),
            (Do::SetRange(4, b"ef"), Is::Bytes(6)),
            (Do::Ttl, Is::Left(HOUR)),
            (
                Do::SetRange(u64::MAX, b"x"),
                Is::Refused(Status::ValueTooLarge),
            ),
            (Do::Get, Is::Value(b"abcdef")),
        ],
    );
}

fn counters(row: Add<'_>) {
    row(
        "a counter wraps, or a refused count changes it",
        vec![
            (Do::Incr(40), Is::Number(40)),
            (Do::Decr(50), Is::Number(-10)),
            (Do::Get, Is::Value(b"-10")),
            (Do::Incr(i64::MAX), Is::Number(i64::MAX - 10)),
            (Do::Incr(11), Is::Refused(Status::Overflow)),
            (Do::Decr(i64::MIN), Is::Refused(Status::Overflow)),
            (Do::Incr(10), Is::Number(i64::MAX)),
            (Do::Incr(0), Is::Number(i64::MAX)),
            (Do::Put(b"-9223372036854775808"), Is::Stored),
            (Do::Decr(1), Is::Refused(Status::Overflow)),
            (Do::Incr(i64::MAX), Is::Number(-1)),
        ],
    );
    // Olric takes what is no number for 0 and overwrites it.
    row(
        "what is no number is counted with",
        ["seven", "", " 7", "7 ", "+7", "1.5", "9223372036854775808"]
            .into_iter()
            .flat_map(|text| {
                let value = text.as_bytes();
                [
                    (Do::Put(value), Is::Stored),
                    (Do::Incr(1), Is::Refused(Status::NotANumber)),
                    (Do::Decr(1), Is::Refused(Status::NotANumber)),
                    (Do::Get, Is::Value(value)),
                ]
            })
            .collect(),
    );
    row(
        "counting forgets the expiry (as Olric's float counters do)",
        vec![
            (Do::PutWith(b"1", ALWAYS, FOR_AN_HOUR), Is::Stored),
            (Do::Incr(1), Is::Number(2)),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::IncrFloat(0.5), Is::Float(2.5)),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Expire(FOR_NOW), Is::Yes),
            pass(),
            (Do::Incr(1), Is::Number(1)),
            (Do::Ttl, Is::Endless),
        ],
    );
    row(
        "a float counter loses what it cannot add",
        vec![
            (Do::IncrFloat(0.1), Is::Float(0.1)),
            (Do::IncrFloat(0.2), Is::Float(0.1 + 0.2)),
            (Do::Get, Is::Value(b"0.30000000000000004")),
            (Do::Incr(1), Is::Refused(Status::NotANumber)),
            (Do::Put(b"3"), Is::Stored),
            (Do::IncrFloat(-1.0), Is::Float(2.0)),
            (Do::Incr(1), Is::Number(3)),
            (
                Do::IncrFloat(f64::NAN),
                Is::Refused(Status::InvalidArgument),
            ),
            (
                Do::IncrFloat(f64::INFINITY),
                Is::Refused(Status::InvalidArgument),
            ),
            (Do::IncrFloat(f64::MAX), Is::Float(f64::MAX)),
            (Do::IncrFloat(f64::MAX), Is::Refused(Status::Overflow)),
            (Do::Put(b"three"), Is::Stored),
            (Do::IncrFloat(1.0), Is::Refused(Status::NotANumber)),
            (Do::Get, Is::Value(b"three")),
        ],
    );
}

fn swaps(row: Add<'_>) {
    row(
        "a swap by value takes the wrong value for the right one",
        vec![
            (Do::Swap(b"old", b"new", NEVER), Is::Missing),
            (Do::Get, Is::Nothing),
            (Do::PutIfAbsent(b"old", NEVER), Is::Stored),
            (
                Do::PutIfAbsent(b"other", NEVER),
                Is::Mismatch(b"old", FIRST),
            ),
            (Do::Swap(b"ol", b"new", NEVER), Is::Mismatch(b"old", FIRST)),
            (Do::Swap(b"old", b"new", NEVER), Is::Stored),
            (Do::Get, Is::Value(b"new")),
            (Do::Swap(b"new", b"", NEVER), Is::Stored),
            (Do::Swap(b"", b"full", NEVER), Is::Stored),
            (Do::Get, Is::Value(b"full")),
        ],
    );
    row(
        "an empty value is taken for an absent key, as in Olric",
        vec![
            (Do::Swap(b"", b"x", NEVER), Is::Missing),
            (Do::Put(b""), Is::Stored),
            (Do::PutIfAbsent(b"x", NEVER), Is::Mismatch(b"", FIRST)),
        ],
    );
    row(
        "a swap by version misses that the entry was changed and changed back",
        vec![
            (Do::SwapVersion(Which::Strange, b"x", NEVER), Is::Missing),
            (Do::Put(b"a"), Is::Stored),
            (Do::Put(b"b"), Is::Stored),
            (Do::Put(b"a"), Is::Stored),
            (
                Do::SwapVersion(FIRST, b"x", NEVER),
                Is::NotVersion(Which::Given(2)),
            ),
            (Do::Get, Is::Value(b"a")),
            (Do::SwapVersion(Which::Given(2), b"x", NEVER), Is::Stored),
            (Do::Get, Is::Value(b"x")),
        ],
    );
    row(
        "a swap keeps an expiry that it should set, or sets one that it should keep",
        vec![
            (Do::PutIfAbsent(b"1", FOR_AN_HOUR), Is::Stored),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Swap(b"1", b"2", Expiry::Keep), Is::Stored),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::SwapVersion(SECOND, b"3", NEVER), Is::Stored),
            (Do::Ttl, Is::Endless),
            (Do::Swap(b"3", b"4", FOR_NOW), Is::Stored),
            (
                Do::Swap(b"x", b"5", NEVER),
                Is::Mismatch(b"4", Which::Given(3)),
            ),
            pass(),
            (Do::Swap(b"4", b"5", NEVER), Is::Missing),
            (Do::PutIfAbsent(b"6", NEVER), Is::Stored),
        ],
    );
}

fn many(row: Add<'_>) {
    row(
        "one of many keys decides for the others, or many stop half-way (Olric's W3)",
        vec![
            (
                Do::MultiPut(&[("a", b"1"), ("b", b"2"), ("c", b"")], FOR_AN_HOUR),
                Is::StoredAll(3),
            ),
            (
                Do::MultiGet(&["a", "x", "c", "b", "a"]),
                Is::Values(&[Some(b"1"), None, Some(b""), Some(b"2"), Some(b"1")]),
            ),
            (
                Do::MultiDelete(&["x", "a", "a", "c"]),
                Is::Flags(&[false, true, false, true]),
            ),
            (
                Do::MultiGet(&["a", "b", "c"]),
                Is::Values(&[None, Some(b"2"), None]),
            ),
        ],
    );
    row(
        "all or none stores some",
        vec![
            (Do::PutAllIfAbsent(&[("", b"1")], FOR_AN_HOUR), Is::Yes),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::PutAllIfAbsent(&[("", b"2")], NEVER), Is::No),
            (Do::Get, Is::Value(b"1")),
            (
                Do::PutAllIfAbsent(&[], NEVER),
                Is::Refused(Status::TooManyItems),
            ),
        ],
    );
    row(
        "an expiry for many is not that of each",
        vec![
            (
                Do::MultiPut(&[("", b"1"), ("x", b"2")], FOR_NOW),
                Is::StoredAll(2),
            ),
            pass(),
            (Do::MultiGet(&["", "x"]), Is::Values(&[None, None])),
            (Do::MultiDelete(&["", "x"]), Is::Flags(&[false, false])),
            (Do::MultiPut(&[("", b"1")], FOR_AN_HOUR), Is::StoredAll(1)),
            (Do::MultiPut(&[("", b"2")], Expiry::Keep), Is::StoredAll(1)),
            (Do::Ttl, Is::Left(HOUR)),
        ],
    );
}

fn locks(row: Add<'_>) {
    row(
        "two hold one lock, or a stranger opens it",
        vec![
            (lock(NO_WAIT, None), Is::Granted),
            (lock(NO_WAIT, None), Is::NotGranted),
            (lock(SOON, None), Is::NotGranted),
            (Do::Ttl, Is::Endless),
            (Do::Unlock(Which::Strange), Is::Refused(Status::NoSuchLock)),
            (
                Do::Lease(Which::Strange, HOUR),
                Is::Refused(Status::NoSuchLock),
            ),
            (lock(NO_WAIT, None), Is::NotGranted),
            (Do::Unlock(FIRST), Is::Done),
            (Do::Unlock(FIRST), Is::Refused(Status::NoSuchLock)),
            (lock(NO_WAIT, None), Is::Granted),
            (Do::Unlock(FIRST), Is::Refused(Status::NoSuchLock)),
            (Do::Unlock(SECOND), Is::Done),
        ],
    );
    row(
        "a lock outlives its lease, or loses it with the lease (Olric's W5)",
        vec![
            (lock(NO_WAIT, Some(SOON)), Is::Granted),
            (lock(HOUR, Some(HOUR)), Is::Granted),
            (Do::Unlock(FIRST), Is::Refused(Status::NoSuchLock)),
            (Do::Lease(FIRST, HOUR), Is::Refused(Status::NoSuchLock)),
            (Do::Ttl, Is::Left(HOUR)),
            (Do::Lease(SECOND, HOUR * 2), Is::LeasedFor(HOUR * 2)),
            (Do::Lease(SECOND, SOON), Is::LeasedFor(SOON)),
            pass(),
            (Do::Unlock(SECOND), Is::Refused(Status::NoSuchLock)),
            (lock(NO_WAIT, None), Is::Granted),
            (Do::Lease(Which::Given(2), HOUR), Is::LeasedFor(HOUR)),
            (Do::Unlock(Which::Given(2)), Is::Done),
            (Do::Exists, Is::No),
        ],
    );
    row(
        "a lock is got although something stands there, or kept although nothing does",
        vec![
            (Do::Put(b"not a lock"), Is::Stored),
            (lock(NO_WAIT, None), Is::NotGranted),
            (Do::Delete, Is::Yes),
            (lock(NO_WAIT, None), Is::Granted),
            (Do::Delete, Is::Yes),
            (Do::Unlock(SECOND), Is::Refused(Status::NoSuchLock)),
            (lock(NO_WAIT, None), Is::Granted),
        ],
    );
    row(
        "a wait or lease that means nothing is taken for one",
        vec![
            (
                lock(Duration::from_secs(86_401), None),
                Is::Refused(Status::MalformedPayload),
            ),
            (
                lock(NO_WAIT, Some(Duration::ZERO)),
                Is::Refused(Status::InvalidArgument),
            ),
            (Do::Exists, Is::No),
        ],
    );
}

fn scans(row: Add<'_>) {
    row(
        "a scan misses a key, shows an expired one, or takes a glob for another pattern",
        vec![
            (Do::Scan(""), Is::Keys(&[])),
            (
                Do::MultiPut(
                    &[
                        (":a", b""),
                        (":b", b""),
                        (":c", b""),
                        (":d", b""),
                        (":e", b""),
                        (":[x]", b""),
                        (":*", b""),
                        (":a/b", b""),
                    ],
                    NEVER,
                ),
                Is::StoredAll(8),
            ),
            (Do::PutWith(b"", ALWAYS, FOR_NOW), Is::Stored),
            pass(),
            (
                Do::Scan(""),
                Is::Keys(&[":*", ":[x]", ":a", ":a/b", ":b", ":c", ":d", ":e"]),
            ),
            (
                Do::Scan("*:?"),
                Is::Keys(&[":*", ":a", ":b", ":c", ":d", ":e"]),
            ),
            (Do::Scan("*:[a-c]"), Is::Keys(&[":a", ":b", ":c"])),
            (Do::Scan("*:[^a-c]"), Is::Keys(&[":*", ":d", ":e"])),
            (Do::Scan(r"*:\*"), Is::Keys(&[":*"])),
            (Do::Scan("*:.*"), Is::Keys(&[])),
            (Do::MultiDelete(&[":a", ":*"]), Is::Flags(&[true, true])),
            (Do::Scan("*:[a*]"), Is::Keys(&[])),
        ],
    );
}

fn maps(row: Add<'_>) {
    row(
        "a destroyed map has entries, or keeps a lock; a size counts what is not there",
        vec![
            (Do::Size, Is::Count(0)),
            (Do::RandomKey, Is::Nothing),
            (Do::Destroy, Is::Count(0)),
            (Do::Put(b"1"), Is::Stored),
            (Do::Size, Is::Count(1)),
            (Do::RandomKey, Is::TheKey),
            (
                Do::MultiPut(&[("a", b"1"), ("b", b"2"), ("c", b"3")], FOR_AN_HOUR),
                Is::StoredAll(3),
            ),
            (Do::Delete, Is::Yes),
            (lock(NO_WAIT, None), Is::Granted),
            (Do::Size, Is::Count(4)),
            (Do::Destroy, Is::Count(4)),
            (Do::Size, Is::Count(0)),
            (Do::Get, Is::Nothing),
            (
                Do::MultiGet(&["a", "b", "c"]),
                Is::Values(&[None, None, None]),
            ),
            (Do::Scan(""), Is::Keys(&[])),
            (Do::RandomKey, Is::Nothing),
            (Do::Unlock(SECOND), Is::Refused(Status::NoSuchLock)),
            (lock(NO_WAIT, None), Is::Granted),
            (Do::Size, Is::Count(1)),
        ],
    );
}
