//! The model of leases itself: it accepts what may happen, and finds what was planted.

use super::super::callers::Within;
use super::super::checker::{Call, Verdict, check};
use super::{LeaseCall, LeasedLock, Operation};

/// A token given out when the owner's clock showed this.
fn token(at_ms: u64) -> u64 {
    at_ms << 16 | 3
}

/// A call between two times of the one clock that all have here, in milliseconds.
fn call(from_ms: u64, by_ms: u64, operation: Operation) -> Call<LeaseCall> {
    Call {
        client: 0,
        called: from_ms * 1_000_000,
        returned: Some(by_ms * 1_000_000),
        operation: LeaseCall {
            operation,
            within: Within { from_ms, by_ms },
        },
    }
}

fn open(from_ms: u64, operation: Operation) -> Call<LeaseCall> {
    let mut call = call(from_ms, u64::MAX / 1_000_000, operation);
    call.returned = None;
    call.operation.within.by_ms = u64::MAX;
    call
}

/// Taken at this time of the owner's clock, by a call of twice a millisecond around it.
fn taken(at_ms: u64, lease_ms: Option<u64>) -> Call<LeaseCall> {
    let token = Some(token(at_ms));
    call(at_ms - 1, at_ms + 1, Operation::Taken { token, lease_ms })
}

fn unlock(from_ms: u64, by_ms: u64, of_ms: u64, freed: bool) -> Call<LeaseCall> {
    let (token, freed) = (token(of_ms), Some(freed));
    call(from_ms, by_ms, Operation::Unlock { token, freed })
}

/// An extension of the lock that was taken at a time; until when, if it was done.
fn extend(at_ms: u64, of_ms: u64, lease_ms: u64, until_ms: Option<u64>) -> Call<LeaseCall> {
    let operation = Operation::Extended {
        token: token(of_ms),
        lease_ms,
        until_ms: Some(until_ms),
    };
    call(at_ms - 1, at_ms + 1, operation)
}

fn seen(from_ms: u64, by_ms: u64, held: bool) -> Call<LeaseCall> {
    call(from_ms, by_ms, Operation::Seen { held })
}

#[track_caller]
fn assert_explained(calls: &[Call<LeaseCall>], explained: bool) {
    let verdict = check(&LeasedLock, calls);
    assert_ne!(verdict, Verdict::Undecided);
    assert_eq!(verdict == Verdict::Linearizable, explained, "{calls:#?}");
}

#[test]
fn a_lock_that_is_given_twice_within_its_lease_is_found_to_the_millisecond() {
    let then = |lease_ms, at_ms| [taken(1000, lease_ms), taken(at_ms, Some(10))];
    assert_explained(&then(Some(100), 1050), false);
    assert_explained(&then(Some(100), 1099), false);
    assert_explained(&then(Some(100), 1100), true);
    assert_explained(&then(None, 9_000_000), false);
}

#[test]
fn a_lock_that_is_given_back_after_it_was_lost_is_found() {
    let late = |freed| {
        [
            taken(1000, Some(10)),
            taken(1020, Some(1000)),
            unlock(1030, 1031, 1000, freed),
        ]
    };
    assert_explained(&late(true), false);
    assert_explained(&late(false), true);
    // Before anybody else took it: where the clock is known to have shown its end, and where not.
    let alone = |from_ms, freed| [taken(1000, Some(10)), unlock(from_ms, 1020, 1000, freed)];
    assert_explained(&alone(1010, true), false);
    assert_explained(&alone(1009, true), true);
    assert_explained(&alone(1009, false), true);
}

#[test]
fn a_holder_who_is_told_before_its_time_that_it_holds_nothing_is_found() {
    let told = |by_ms| [taken(1000, Some(10)), unlock(1005, by_ms, 1000, false)];
    assert_explained(&told(1009), false);
    assert_explained(&told(1010), true);
    let refused = |at_ms| [taken(1000, Some(10)), extend(at_ms, 1000, 10, None)];
    assert_explained(&refused(1008), false);
    assert_explained(&refused(1009), true);
    let seen = |by_ms| [taken(1000, Some(10)), seen(1005, by_ms, false)];
    assert_explained(&seen(1009), false);
    assert_explained(&seen(1010), true);
}

#[test]
fn a_token_that_does_not_grow_is_found_though_the_lease_was_over() {
    let mut calls = [taken(1000, Some(1)), taken(1005, Some(1))];
    assert_explained(&calls, true);
    for (at_ms, count) in [(1000, 3), (999, u64::from(u16::MAX)), (1000, 0)] {
        calls[1].operation.operation = Operation::Taken {
            token: Some(at_ms << 16 | count),
            lease_ms: Some(1),
        };
        calls[1].operation.within = Within {
            from_ms: 0,
            by_ms: u64::MAX,
        };
        assert_explained(&calls, false);
    }
}

#[test]
fn an_extended_lease_is_as_long_as_was_asked_and_of_who_held_it() {
    let then = |extended: &Call<LeaseCall>, at_ms| {
        [
            taken(1000, Some(10)),
            extended.clone(),
            taken(at_ms, Some(10)),
        ]
    };
    let longer = extend(1005, 1000, 100, Some(1105));
    assert_explained(&then(&longer, 1050), false);
    assert_explained(&then(&longer, 1104), false);
    assert_explained(&then(&longer, 1105), true);
    let shorter = extend(1002, 1000, 3, Some(1005));
    assert_explained(&then(&shorter, 1007), true);
    let too_long = extend(1005, 1000, 100, Some(1107));
    assert_explained(&then(&too_long, 1200), false);
    let too_short = extend(1005, 1000, 100, Some(1103));
    assert_explained(&then(&too_short, 1200), false);
    // What was lost, and another's, cannot be extended.
    let lost = extend(1011, 1000, 100, Some(1111));
    assert_explained(&[taken(1000, Some(10)), lost], false);
    let others = extend(1025, 1000, 100, Some(1125));
    let calls = [taken(1000, Some(10)), taken(1020, Some(10)), others];
    assert_explained(&calls, false);
    // The token stays, and with it the one who may give the lock back.
    let kept = [
        taken(1000, Some(10)),
        longer,
        unlock(1050, 1051, 1000, true),
    ];
    assert_explained(&kept, true);
}

#[test]
fn an_open_extension_may_have_been_done_late_or_never() {
    let extension = Operation::Extended {
        token: token(1000),
        lease_ms: 100,
        until_ms: None,
    };
    let then = |last: Call<LeaseCall>| [taken(1000, Some(10)), open(1005, extension.clone()), last];
    assert_explained(&then(taken(1010, None)), true);
    assert_explained(&then(taken(1106, None)), true);
    assert_explained(&then(unlock(1050, 1051, 1000, true)), true);
    assert_explained(&then(unlock(1050, 1051, 1000, false)), true);
    assert_explained(&then(taken(1008, None)), false);
    assert_explained(&then(unlock(1005, 1008, 1000, false)), false);
}

#[test]
fn an_open_request_for_a_lock_may_hold_it_for_a_while_and_takes_it_from_nobody() {
    let lost = |from_ms| {
        let lease_ms = Some(50);
        open(
            from_ms,
            Operation::Taken {
                token: None,
                lease_ms,
            },
        )
    };
    let refused = |at_ms| call(at_ms, at_ms + 1, Operation::Refused);
    assert_explained(&[lost(1000), refused(1010), taken(1020, None)], true);
    assert_explained(&[lost(1000), seen(1001, 1002, true)], true);
    // Nobody held it, ever.
    assert_explained(&[refused(1010)], false);
    // It was free again, and whoever asked late could not have held it before.
    let calls = [refused(1000), lost(1010)];
    assert_explained(&calls, false);
    let calls = [
        taken(1000, None),
        lost(1010),
        unlock(1020, 1021, 1000, false),
    ];
    assert_explained(&calls, false);
}

#[test]
fn a_lock_that_is_refused_for_a_lease_that_is_over_is_found() {
    let refused = |from_ms| {
        [
            taken(1000, Some(10)),
            call(from_ms, 1030, Operation::Refused),
        ]
    };
    assert_explained(&refused(1009), true);
    assert_explained(&refused(1010), false);
}
