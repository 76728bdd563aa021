//! Rows for every pair of a condition and an expiry that the clients can say, over a key that is
//! absent, one that never expires and one that does. What they cannot say has no row: conditions
//! that exclude each other are one type, and so are expiries.

use std::time::{Duration, SystemTime};

use jerboa_wire::client::{Condition, ExpireCondition, Expiry};

use super::door::{Do, Which};
use super::expect::Is;
use super::table::Row;

const HOUR: Duration = Duration::from_secs(3600);
/// So far apart that what is left tells which one holds.
const TEN_HOURS: Duration = Duration::from_secs(36_000);
const HUNDRED_HOURS: Duration = Duration::from_secs(360_000);
const FIRST: Which = Which::Given(0);
const OLD: &[u8] = b"old";
const NEW: &[u8] = b"new";

/// What stands at the key before.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Before {
    Absent,
    Endless,
    ForAnHour,
}

impl Before {
    const ALL: [Self; 3] = [Self::Absent, Self::Endless, Self::ForAnHour];

    fn steps(self) -> Vec<(Do, Is)> {
        let put = |expiry| Do::PutWith(OLD, Condition::Always, expiry);
        match self {
            Self::Absent => Vec::new(),
            Self::Endless => vec![(put(Expiry::Never), Is::Stored)],
            Self::ForAnHour => vec![(put(Expiry::After(HOUR)), Is::Stored)],
        }
    }

    fn left(self) -> Option<Duration> {
        (self == Self::ForAnHour).then_some(HOUR)
    }

    /// What a refusal has to leave behind.
    fn untouched(self) -> Vec<(Do, Is)> {
        match self {
            Self::Absent => vec![(Do::Get, Is::Nothing)],
            _ => vec![(Do::Entry, Is::Entry(OLD, FIRST, self.left()))],
        }
    }
}

fn expiries() -> [Expiry; 5] {
    [
        Expiry::MapDefault,
        Expiry::Never,
        Expiry::After(TEN_HOURS),
        Expiry::At(SystemTime::now() + HUNDRED_HOURS),
        Expiry::Keep,
    ]
}

/// What a write with this expiry leaves an entry.
fn left(expiry: Expiry, before: Before) -> Option<Duration> {
    match expiry {
        // These maps have no settings of their own.
        Expiry::MapDefault | Expiry::Never => None,
        Expiry::After(_) => Some(TEN_HOURS),
        Expiry::At(_) => Some(HUNDRED_HOURS),
        Expiry::Keep => before.left(),
    }
}

/// The rows: one for each pair and what stood there before.
pub(crate) fn pairs() -> Vec<Row> {
    let mut rows = Vec::new();
    for before in Before::ALL {
        for expiry in expiries() {
            puts(before, expiry, &mut rows);
            swaps(before, expiry, &mut rows);
            several(before, expiry, &mut rows);
            changes(before, expiry, &mut rows);
        }
    }
    rows
}

/// What is done, what it must come to, and, where something is stored, the value and the time that
/// it has then.
fn row(
    before: Before,
    (what, is): (Do, Is),
    stored: Option<(&'static [u8], Option<Duration>)>,
    rows: &mut Vec<Row>,
) {
    let fear = format!("half of {what:?} is dropped, over an entry that is {before:?}");
    let mut steps = before.steps();
    steps.push((what, is));
    match stored {
        Some((value, left)) => steps.push((Do::Entry, Is::Content(value, left))),
        None => steps.extend(before.untouched()),
    }
    rows.push(Row {
        fear: fear.leak(),
        steps,
    });
}

fn puts(before: Before, expiry: Expiry, rows: &mut Vec<Row>) {
    for condition in [Condition::Always, Condition::IfAbsent, Condition::IfPresent] {
        let is_there = before != Before::Absent;
        let is_stored = match condition {
            Condition::Always => true,
            Condition::IfAbsent => !is_there,
            Condition::IfPresent => is_there,
        };
        let stored = is_stored.then_some((NEW, left(expiry, before)));
        let (put, replaced) = match (is_stored, is_there) {
            (true, true) => (Is::Stored, Is::Replaced(Some((OLD, FIRST)))),
            (true, false) => (Is::Stored, Is::Replaced(None)),
            (false, true) => (Is::Exists, Is::KeptBy(OLD, FIRST)),
            (false, false) => (Is::Missing, Is::Missing),
        };
        row(
            before,
            (Do::PutWith(NEW, condition, expiry), put),
            stored,
            rows,
        );
        row(
            before,
            (Do::Replace(NEW, condition, expiry), replaced),
            stored,
            rows,
        );
    }
}

fn swaps(before: Before, expiry: Expiry, rows: &mut Vec<Row>) {
    let stored = Some((NEW, left(expiry, before)));
    let (absent, swap, wrong) = (
        Do::PutIfAbsent(NEW, expiry),
        Do::Swap(OLD, NEW, expiry),
        Do::Swap(b"other", NEW, expiry),
    );
    if before == Before::Absent {
        row(before, (absent, Is::Stored), stored, rows);
        row(before, (swap, Is::Missing), None, rows);
        let version = Do::SwapVersion(Which::Strange, NEW, expiry);
        row(before, (version, Is::Missing), None, rows);
        return;
    }
    row(before, (absent, Is::Mismatch(OLD, FIRST)), None, rows);
    row(before, (swap, Is::Stored), stored, rows);
    row(before, (wrong, Is::Mismatch(OLD, FIRST)), None, rows);
    let version = Do::SwapVersion(FIRST, NEW, expiry);
    row(before, (version, Is::Stored), stored, rows);
    let strange = Do::SwapVersion(Which::Strange, NEW, expiry);
    row(before, (strange, Is::NotVersion(FIRST)), None, rows);
}

fn several(before: Before, expiry: Expiry, rows: &mut Vec<Row>) {
    let stored = Some((NEW, left(expiry, before)));
    let all = Do::MultiPut(&[("", NEW)], expiry);
    row(before, (all, Is::StoredAll(1)), stored, rows);
    let all = Do::PutAllIfAbsent(&[("", NEW)], expiry);
    if before == Before::Absent {
        row(before, (all, Is::Yes), stored, rows);
    } else {
        row(before, (all, Is::No), None, rows);
    }
}

/// Changes of the expiry alone. To keep it is none, a map's default is for writes, and to set none
/// under a condition is no time: neither is sent.
fn changes(before: Before, expiry: Expiry, rows: &mut Vec<Row>) {
    if matches!(expiry, Expiry::Keep | Expiry::MapDefault) {
        return;
    }
    let is_there = before != Before::Absent;
    let kept = is_there.then_some((OLD, left(expiry, before)));
    let read = match kept {
        Some((value, left)) => Is::Content(value, left),
        None => Is::Nothing,
    };
    row(before, (Do::GetAndExpire(expiry), read), kept, rows);
    let flag = if is_there { Is::Yes } else { Is::No };
    row(before, (Do::Expire(expiry), flag), kept, rows);
    if expiry == Expiry::Never {
        return;
    }
    // Both new ones are later than the one that may be there, and earlier than never.
    for (condition, holds) in [
        (ExpireCondition::IfNone, before == Before::Endless),
        (ExpireCondition::IfSome, before == Before::ForAnHour),
        (ExpireCondition::IfLater, before == Before::ForAnHour),
        (ExpireCondition::IfEarlier, before == Before::Endless),
    ] {
        let is = match (is_there, holds) {
            (false, _) => Is::Missing,
            (true, true) => Is::ExpirySet,
            (true, false) => Is::ExpiryKept(before.left()),
        };
        let stored = kept.filter(|_| holds);
        row(before, (Do::ExpireIf(expiry, condition), is), stored, rows);
    }
}
