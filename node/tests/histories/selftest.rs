//! The checker itself: it accepts what happened, and finds what was planted.

use super::checker::{Call, Model, Verdict, check};
use super::common::Random;
use super::models::{
    Counter, CounterCall, Lock, LockCall, Register, RegisterCall, SwapOutcome, Versioned,
    VersionedCall,
};

fn call<O>(client: usize, called: u64, returned: u64, operation: O) -> Call<O> {
    Call {
        client,
        called,
        returned: Some(returned),
        operation,
    }
}

fn open<O>(client: usize, called: u64, operation: O) -> Call<O> {
    Call {
        client,
        called,
        returned: None,
        operation,
    }
}

fn is_explained<M: Model>(model: &M, calls: &[Call<M::Operation>]) -> bool {
    let verdict = check(model, calls);
    assert_ne!(verdict, Verdict::Undecided);
    verdict == Verdict::Linearizable
}

const PUT_1: RegisterCall = RegisterCall::Put { value: 1 };
const PUT_2: RegisterCall = RegisterCall::Put { value: 2 };

fn got(value: u64) -> RegisterCall {
    RegisterCall::Get { value: Some(value) }
}

#[test]
fn a_read_of_an_overwritten_value_is_found() {
    let stale = [
        call(0, 0, 1, PUT_1),
        call(0, 2, 3, PUT_2),
        call(1, 4, 5, got(1)),
    ];
    assert_eq!(
        check(&Register, &stale),
        Verdict::Violation { explained: 2 }
    );
    let overlapping = [
        call(0, 0, 1, PUT_1),
        call(0, 2, 5, PUT_2),
        call(1, 4, 6, got(1)),
    ];
    assert!(is_explained(&Register, &overlapping));
}

#[test]
fn two_readers_who_disagree_on_the_order_of_two_writes_are_found() {
    let calls = [
        call(0, 0, 10, PUT_1),
        call(1, 0, 10, PUT_2),
        call(2, 11, 12, got(1)),
        call(3, 13, 14, got(2)),
    ];
    assert!(!is_explained(&Register, &calls));
}

#[test]
fn a_lost_write_and_a_value_out_of_thin_air_are_found() {
    let lost = [
        call(0, 0, 1, PUT_1),
        call(1, 2, 3, RegisterCall::Get { value: None }),
    ];
    assert!(!is_explained(&Register, &lost));
    assert!(!is_explained(&Register, &[call(0, 0, 1, got(9))]));
}

#[test]
fn a_deleted_value_that_comes_back_is_found() {
    let delete = RegisterCall::Delete { found: Some(true) };
    let calls = [
        call(0, 0, 1, PUT_1),
        call(0, 2, 3, delete),
        call(1, 4, 5, got(1)),
    ];
    assert!(!is_explained(&Register, &calls));
}

#[test]
fn two_winners_of_one_compare_and_swap_are_found() {
    let swap = |new| RegisterCall::Swap {
        expected: Some(1),
        new,
        swapped: Some(true),
    };
    let calls = [
        call(0, 0, 1, PUT_1),
        call(1, 2, 9, swap(2)),
        call(2, 2, 9, swap(3)),
    ];
    assert!(!is_explained(&Register, &calls));
}

#[test]
fn an_open_write_may_show_late_or_never_but_not_come_and_go() {
    let written = [call(0, 0, 1, PUT_1), open(1, 2, PUT_2)];
    let later = |reads: &[u64]| {
        let mut calls = written.to_vec();
        for (at, value) in (10u64..).step_by(2).zip(reads) {
            calls.push(call(2, at, at + 1, got(*value)));
        }
        is_explained(&Register, &calls)
    };
    assert!(later(&[1, 1, 2, 2]));
    assert!(later(&[1, 1]));
    assert!(!later(&[2, 1]));
}

#[test]
fn an_open_write_is_not_done_before_it_was_called() {
    let calls = [call(0, 0, 1, got(2)), open(1, 2, PUT_2)];
    assert!(!is_explained(&Register, &calls));
}

#[test]
fn a_lost_increment_is_found() {
    let add = |sum| CounterCall::Add {
        delta: 1,
        sum: Some(sum),
    };
    let twice = [call(0, 0, 5, add(1)), call(1, 0, 5, add(1))];
    assert!(!is_explained(&Counter, &twice));
    let fine = [call(0, 0, 5, add(2)), call(1, 0, 5, add(1))];
    assert!(is_explained(&Counter, &fine));
    let skipped = [call(0, 0, 1, add(1)), call(1, 2, 3, add(3))];
    assert!(!is_explained(&Counter, &skipped));
    let explained_by_open = [
        call(0, 0, 1, add(1)),
        open(
            2,
            1,
            CounterCall::Add {
                delta: 1,
                sum: None,
            },
        ),
        call(1, 2, 3, add(3)),
    ];
    assert!(is_explained(&Counter, &explained_by_open));
}

#[test]
fn versions_that_stand_still_or_a_swap_on_an_old_one_are_found() {
    let put = |value, version| VersionedCall::Put {
        value,
        version: Some(version),
    };
    let swap = |expected, new, version| VersionedCall::Swap {
        expected,
        new,
        outcome: SwapOutcome::Stored { version },
    };
    assert!(!is_explained(
        &Versioned,
        &[call(0, 0, 1, put(1, 5)), call(1, 2, 3, put(2, 5))]
    ));
    assert!(!is_explained(
        &Versioned,
        &[
            call(0, 0, 1, put(1, 5)),
            call(1, 2, 3, put(2, 6)),
            call(0, 4, 5, swap(5, 3, 7))
        ]
    ));
    // The version of a write that was never answered is learned from a read.
    let lost = VersionedCall::Put {
        value: 2,
        version: None,
    };
    let read = |version| VersionedCall::Get {
        entry: Some((2, version)),
    };
    let learned = |first, second| {
        is_explained(
            &Versioned,
            &[
                call(0, 0, 1, put(1, 5)),
                open(1, 2, lost.clone()),
                call(0, 3, 4, read(first)),
                call(0, 5, 6, read(second)),
            ],
        )
    };
    assert!(learned(8, 8));
    assert!(!learned(8, 9));
    assert!(!learned(4, 4));
}

#[test]
fn two_holders_of_a_lock_and_a_token_that_falls_are_found() {
    let take = |token| LockCall::Taken { token: Some(token) };
    let free = |token| LockCall::Unlock {
        token,
        freed: Some(true),
    };
    let both = [call(0, 0, 1, take(1)), call(1, 2, 3, take(2))];
    assert!(!is_explained(&Lock, &both));
    let falls = [
        call(0, 0, 1, take(5)),
        call(0, 2, 3, free(5)),
        call(1, 4, 5, take(4)),
    ];
    assert!(!is_explained(&Lock, &falls));
    let refused_though_free = [
        call(0, 0, 1, take(5)),
        call(0, 2, 3, free(5)),
        call(1, 4, 5, LockCall::Refused),
    ];
    assert!(!is_explained(&Lock, &refused_though_free));
    let orphan_returned = [
        open(0, 0, LockCall::Taken { token: None }),
        call(1, 1, 2, LockCall::Refused),
        call(1, 3, 4, take(9)),
    ];
    assert!(is_explained(&Lock, &orphan_returned));
}

/// Runs random calls of several clients, each taking effect at a random point of its interval; one
/// in `open_one_in` is never answered.
fn simulate(
    random: &mut Random,
    clients: usize,
    per_client: usize,
    open_one_in: usize,
) -> Vec<Call<RegisterCall>> {
    let mut plan = Vec::new();
    for client in 0..clients {
        let mut at = 0;
        for _ in 0..per_client {
            let called = at + random.below(6) as u64;
            let effect = called + 1 + random.below(6) as u64;
            let returned = effect + 1 + random.below(6) as u64;
            at = returned + 1;
            plan.push((effect, client, called, returned));
        }
    }
    plan.sort_unstable();
    let mut state: Option<u64> = None;
    let mut calls = Vec::new();
    for (number, (_, client, called, returned)) in (1u64..).zip(plan) {
        let is_open = random.below(open_one_in) == 0;
        let is_done = !is_open || random.below(2) == 0;
        let before = state;
        let (operation, after) = match random.below(4) {
            0 => (RegisterCall::Get { value: before }, before),
            1 => (RegisterCall::Put { value: number }, Some(number)),
            2 => {
                let found = (!is_open).then_some(before.is_some());
                (RegisterCall::Delete { found }, None)
            }
            _ => {
                let guess = random.below(2) == 0;
                let expected = if guess { before } else { Some(0) };
                let swapped = (!is_open).then_some(expected == before);
                let after = if expected == before {
                    Some(number)
                } else {
                    before
                };
                let new = number;
                (
                    RegisterCall::Swap {
                        expected,
                        new,
                        swapped,
                    },
                    after,
                )
            }
        };
        if is_open && matches!(operation, RegisterCall::Get { .. }) {
            continue;
        }
        if is_done {
            state = after;
        }
        calls.push(Call {
            client,
            called,
            returned: (!is_open).then_some(returned),
            operation,
        });
    }
    calls
}

/// Every order of the calls, tried one by one: slow and plainly right.
fn by_force<M: Model>(model: &M, state: &M::State, left: &[Call<M::Operation>]) -> bool {
    if left.iter().all(|call| call.returned.is_none()) {
        return true;
    }
    let first_return = left.iter().filter_map(|call| call.returned).min();
    left.iter().enumerate().any(|(index, next)| {
        if first_return.is_some_and(|first| next.called > first) {
            return false;
        }
        let mut rest = left.to_vec();
        rest.remove(index);
        let states = model.step(state, &next.operation);
        states.iter().any(|state| by_force(model, state, &rest))
    })
}

#[test]
fn the_search_agrees_with_trying_every_order() {
    let (mut explained, mut refused) = (0, 0);
    for seed in 0..2000 {
        let mut random = Random::from_seed(seed);
        let mut calls = simulate(&mut random, 3, 2, 8);
        // Half of the histories get one answer changed, which may or may not be noticeable.
        if seed % 2 == 0 && !calls.is_empty() {
            let index = random.below(calls.len());
            let other = 1 + random.below(6) as u64;
            match &mut calls[index].operation {
                RegisterCall::Get { value } => *value = Some(other),
                RegisterCall::Delete { found } => *found = found.map(|found| !found),
                RegisterCall::Swap { swapped, .. } => *swapped = swapped.map(|swapped| !swapped),
                RegisterCall::Put { value } => *value = other,
            }
        }
        let forced = by_force(&Register, &Register.initial(), &calls);
        assert_eq!(
            is_explained(&Register, &calls),
            forced,
            "seed {seed}: {calls:#?}"
        );
        explained += u32::from(forced);
        refused += u32::from(!forced);
    }
    assert!(explained > 500 && refused > 200, "{explained} {refused}");
}

#[test]
fn long_histories_that_happened_are_accepted_and_one_stale_read_in_them_is_found() {
    for seed in 0..5 {
        let mut random = Random::from_seed(seed);
        let mut calls = simulate(&mut random, 6, 100, 200);
        assert!(is_explained(&Register, &calls), "seed {seed}");
        let Some(last) = calls.iter().filter_map(|call| call.returned).max() else {
            panic!("seed {seed}: nothing was answered");
        };
        calls.push(call(0, last + 1, last + 2, PUT_1));
        calls.push(call(1, last + 3, last + 4, got(u64::MAX)));
        assert!(!is_explained(&Register, &calls), "seed {seed}");
    }
}
