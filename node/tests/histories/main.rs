//! Concurrent clients: what they saw of each key must be explainable by one call after another.
//!
//! Each client has a door of its own: frames to the port that all cores share or to that of a core,
//! right and wrong ones, so that some requests are forwarded and some are not; the embedding
//! process; the network client, blocking and awaited.
#![expect(clippy::unwrap_used, reason = "tests")]

mod callers;
mod checker;
#[path = "../common/mod.rs"]
mod common;
mod destroy;
mod doors;
mod leases;
mod models;
mod recorder;
mod selftest;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Mutex;

use callers::{Caller, record};
use checker::{Call, Model, Verdict, check};
use common::{Random, key_of_core, node};
use doors::{Do, Got};
use models::{
    Counter, CounterCall, Lock, LockCall, Register, RegisterCall, SwapOutcome, Versioned,
    VersionedCall,
};

const CORES: u16 = 2;
const CALLS: usize = 170;

/// One key of each core.
fn keys(number: u32) -> Vec<Vec<u8>> {
    (0..CORES)
        .map(|core| key_of_core(core, CORES, number))
        .collect()
}

fn assert_linearizable<M: Model>(model: &M, what: &str, calls: &[Call<M::Operation>])
where
    M::Operation: Debug,
{
    let open = calls.iter().filter(|call| call.returned.is_none()).count();
    println!("{what}: {} calls, {open} never answered", calls.len());
    let verdict = check(model, calls);
    assert_eq!(verdict, Verdict::Linearizable, "{what}: {calls:#?}");
}

/// Runs a script of calls on the key of one core at a time, and returns the history of each.
fn histories<O: Send>(
    number: u32,
    calls: usize,
    one: impl Fn(&mut Caller<'_>, usize, &[u8]) -> Vec<Call<O>> + Sync,
) -> Vec<Vec<Call<O>>> {
    let node = node(usize::from(CORES));
    let keys = keys(number);
    let histories: Vec<Mutex<Vec<Call<O>>>> = keys.iter().map(|_| Mutex::default()).collect();
    record::<()>(&node, &mut Random::seeded(), |caller| {
        for _ in 0..calls {
            let core = caller.random.below(keys.len());
            let calls = one(caller, core, &keys[core]);
            histories[core].lock().unwrap().extend(calls);
        }
        Vec::new()
    });
    let histories = histories.into_iter();
    histories.map(|calls| calls.into_inner().unwrap()).collect()
}

/// Runs a script and checks the history of each key.
fn run<M: Model>(
    model: &M,
    what: &str,
    number: u32,
    one: impl Fn(&mut Caller<'_>, usize, &[u8]) -> Vec<Call<M::Operation>> + Sync,
) where
    M::Operation: Send,
{
    for (core, history) in histories(number, CALLS, one).into_iter().enumerate() {
        assert_linearizable(model, &format!("{what} of core {core}"), &history);
    }
}

fn unexpected(got: Got) -> ! {
    panic!("answered {got:?}")
}

fn register_call(
    caller: &mut Caller<'_>,
    core: usize,
    key: &[u8],
    last: Option<u64>,
) -> Vec<Call<RegisterCall>> {
    let client = caller.client;
    let fresh = caller.value();
    let what = match caller.random.below(8) {
        0..=2 => Do::Get,
        3 | 4 => Do::Put(fresh),
        5 => Do::Delete,
        _ => Do::Swap(last, fresh),
    };
    let asked = caller.ask(core, key, what);
    let operation = match (what, asked.got) {
        (Do::Get, None) => return Vec::new(),
        (Do::Get, Some(Got::Entry(entry))) => RegisterCall::Get {
            value: entry.map(|(value, _)| value),
        },
        (Do::Put(value), None | Some(Got::Version(Some(_)))) => RegisterCall::Put { value },
        (Do::Delete, None) => RegisterCall::Delete { found: None },
        (Do::Delete, Some(Got::Flag(found))) => RegisterCall::Delete { found: Some(found) },
        (Do::Swap(expected, new), None) => RegisterCall::Swap {
            expected,
            new,
            swapped: None,
        },
        (Do::Swap(expected, new), Some(Got::Version(stored))) => RegisterCall::Swap {
            expected,
            new,
            swapped: Some(stored.is_some()),
        },
        (_, Some(got)) => unexpected(got),
        (what, None) => panic!("{what:?} was not asked"),
    };
    vec![asked.call(client, operation)]
}

thread_local! {
    /// What this client last read of each key: what it expects where it compares.
    static SEEN: RefCell<HashMap<Vec<u8>, (u64, u64)>> = RefCell::default();
}

fn seen(key: &[u8]) -> Option<(u64, u64)> {
    SEEN.with_borrow(|seen| seen.get(key).copied())
}

fn see(key: &[u8], entry: Option<(u64, u64)>) {
    SEEN.with_borrow_mut(|seen| match entry {
        Some(entry) => seen.insert(key.to_vec(), entry),
        None => seen.remove(key),
    });
}

#[test]
fn no_read_is_stale_and_no_write_is_lost() {
    run(&Register, "register", 1, |caller, core, key| {
        let calls = register_call(caller, core, key, seen(key).map(|(value, _)| value));
        for call in &calls {
            if let RegisterCall::Get { value } = call.operation {
                see(key, value.map(|value| (value, 0)));
            }
        }
        calls
    });
}

/// The checker must notice a real mistake in a real history, whoever of the clients makes it.
#[test]
fn a_client_that_answers_itself_from_what_it_read_before_is_caught() {
    for liar in [0, 1, 4] {
        let node = node(usize::from(CORES));
        let key = key_of_core(0, CORES, 9);
        let calls = record(&node, &mut Random::seeded(), |caller| {
            let mut calls: Vec<Call<RegisterCall>> = Vec::new();
            let mut first_read = None;
            for turn in 0..40 {
                let mut now = register_call(caller, 0, &key, None);
                for call in &mut now {
                    if let RegisterCall::Get { value } = &mut call.operation {
                        match first_read {
                            None => first_read = *value,
                            Some(old) if caller.client == liar && turn > 15 => *value = Some(old),
                            Some(_) => {}
                        }
                    }
                }
                calls.extend(now);
            }
            calls
        });
        let verdict = check(&Register, &calls);
        assert!(matches!(verdict, Verdict::Violation { .. }), "{verdict:?}");
    }
}

#[test]
fn no_increment_is_lost_or_done_twice() {
    run(&Counter, "counter", 2, |caller, core, key| {
        let client = caller.client;
        if caller.random.below(4) == 0 {
            let asked = caller.ask(core, key, Do::Get);
            let value = match asked.got {
                None => return Vec::new(),
                Some(Got::Entry(entry)) => entry.map(|(value, _)| value.cast_signed()),
                Some(got) => unexpected(got),
            };
            return vec![asked.call(client, CounterCall::Get { value })];
        }
        let delta = 1 + caller.random.below(9) as i64;
        let asked = caller.ask(core, key, Do::Add(delta));
        let sum = asked.got.map(|got| match got {
            Got::Sum(sum) => sum,
            got => unexpected(got),
        });
        vec![asked.call(client, CounterCall::Add { delta, sum })]
    });
}

#[test]
fn a_swap_wins_only_against_the_version_that_it_saw_and_versions_grow() {
    run(&Versioned, "versioned", 3, |caller, core, key| {
        let client = caller.client;
        let fresh = caller.value();
        let what = match (caller.random.below(6), seen(key)) {
            (0, _) => Do::Put(fresh),
            (1..=3, Some((_, expected))) => Do::SwapVersion(expected, fresh),
            _ => Do::Get,
        };
        let asked = caller.ask(core, key, what);
        let operation = match (what, asked.got) {
            (Do::Get, None) => return Vec::new(),
            (Do::Get, Some(Got::Entry(entry))) => {
                see(key, entry);
                VersionedCall::Get { entry }
            }
            (Do::Put(value), None) => VersionedCall::Put {
                value,
                version: None,
            },
            (Do::Put(value), Some(Got::Version(version))) => VersionedCall::Put { value, version },
            (Do::SwapVersion(expected, new), got) => VersionedCall::Swap {
                expected,
                new,
                outcome: match got {
                    None => SwapOutcome::Unknown,
                    Some(Got::Version(Some(version))) => SwapOutcome::Stored { version },
                    Some(Got::Version(None)) => SwapOutcome::Refused,
                    Some(got) => unexpected(got),
                },
            },
            (_, Some(got)) => unexpected(got),
            (what, None) => panic!("{what:?} was not asked"),
        };
        vec![asked.call(client, operation)]
    });
}

#[test]
fn a_lock_has_one_holder_at_a_time_and_its_tokens_grow() {
    run(&Lock, "lock", 4, |caller, core, key| {
        let client = caller.client;
        let wait_ms = caller.random.below(3) as u64 * 20;
        let asked = caller.ask(core, key, Do::Lock(wait_ms, None));
        let token = match asked.got {
            None => return vec![asked.call(client, LockCall::Taken { token: None })],
            Some(Got::Version(None)) => return vec![asked.call(client, LockCall::Refused)],
            Some(Got::Version(Some(token))) => token,
            Some(got) => unexpected(got),
        };
        let taken = LockCall::Taken { token: Some(token) };
        let mut calls = vec![asked.call(client, taken)];
        // Whoever does not hear that the lock was given back asks again.
        while calls.last().is_none_or(|call| {
            call.returned.is_none() || matches!(call.operation, LockCall::Taken { .. })
        }) {
            let asked = caller.ask(core, key, Do::Unlock(token));
            let freed = asked.got.map(|got| match got {
                Got::Flag(freed) => freed,
                got => unexpected(got),
            });
            calls.push(asked.call(client, LockCall::Unlock { token, freed }));
        }
        calls
    });
}
