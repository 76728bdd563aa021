//! Concurrent clients: what they saw of each key must be explainable by one call after another.
//!
//! The clients ask on the port that all cores share and on the ports of the cores, right and wrong
//! ones, so that some requests are forwarded and some are not.
#![expect(clippy::unwrap_used, reason = "tests")]

mod checker;
#[path = "../common/mod.rs"]
mod common;
mod destroy;
mod models;
mod recorder;
mod selftest;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Mutex;

use checker::{Call, Model, Verdict, check};
use common::{OwnedReply, Random, key_of_core, node};
use jerboa_wire::{Opcode, Request, RequestFlags, Status, compare::Comparison, lock};
use models::{
    Counter, CounterCall, Lock, LockCall, Register, RegisterCall, SwapOutcome, Versioned,
    VersionedCall,
};
use recorder::{Asked, Recorder, record};

const CORES: u16 = 2;
const CLIENTS: usize = 6;
const CALLS: usize = 200;

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

/// Runs a script of calls on one of `keys` at a time and checks each key's history.
fn run<M: Model>(
    model: &M,
    what: &str,
    number: u32,
    one: impl Fn(&mut Recorder, &[u8]) -> Vec<Call<M::Operation>> + Sync,
) where
    M::Operation: Send,
{
    let node = node(usize::from(CORES));
    let keys = keys(number);
    let histories: Vec<Mutex<Vec<Call<M::Operation>>>> =
        keys.iter().map(|_| Mutex::default()).collect();
    record::<()>(&node, &mut Random::seeded(), CLIENTS, |recorder| {
        for _ in 0..CALLS {
            let key = recorder.random.below(keys.len());
            let calls = one(recorder, &keys[key]);
            histories[key].lock().unwrap().extend(calls);
        }
        Vec::new()
    });
    for (key, history) in keys.iter().zip(histories) {
        let what = format!("{what} {}", String::from_utf8_lossy(key));
        assert_linearizable(model, &what, &history.into_inner().unwrap());
    }
}

fn number(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

fn unexpected(reply: &OwnedReply) -> ! {
    panic!("{:?} answered {:?}", reply.opcode, reply.status)
}

fn register_call(
    recorder: &mut Recorder,
    key: &[u8],
    last: Option<u64>,
) -> Vec<Call<RegisterCall>> {
    let client = recorder.client;
    let fresh = recorder.value();
    match recorder.random.below(8) {
        0..=2 => {
            let asked = recorder.ask(Request {
                key,
                ..Request::new(Opcode::Get)
            });
            let value = match asked.reply() {
                None => return Vec::new(),
                Some(reply) if reply.status == Status::Ok => Some(number(&reply.value)),
                Some(reply) if reply.status == Status::NotFound => None,
                Some(reply) => unexpected(reply),
            };
            vec![asked.call(client, RegisterCall::Get { value })]
        }
        3 | 4 => {
            let value = fresh.to_string();
            let asked = recorder.ask(Request {
                key,
                value: value.as_bytes(),
                ..Request::new(Opcode::Put)
            });
            assert!(asked.reply().is_none_or(|reply| reply.status == Status::Ok));
            vec![asked.call(client, RegisterCall::Put { value: fresh })]
        }
        5 => {
            let asked = recorder.ask(Request {
                key,
                ..Request::new(Opcode::Delete)
            });
            let found = asked.reply().map(|reply| match reply.status {
                Status::Ok => true,
                Status::NotFound => false,
                _ => unexpected(reply),
            });
            vec![asked.call(client, RegisterCall::Delete { found })]
        }
        _ => {
            let (swap, asked) = swap_value(recorder, key, last, fresh);
            vec![asked.call(client, swap)]
        }
    }
}

fn swap_value(
    recorder: &mut Recorder,
    key: &[u8],
    expected: Option<u64>,
    fresh: u64,
) -> (RegisterCall, Asked) {
    let old = expected.map(|value| value.to_string());
    let mut value = Vec::new();
    let new = fresh.to_string();
    let comparison = Comparison {
        expected: old.as_deref().unwrap_or_default().as_bytes(),
        new: new.as_bytes(),
    };
    assert!(comparison.encode(&mut value));
    let flags = match expected {
        None => RequestFlags::IF_ABSENT,
        Some(_) => RequestFlags::NONE,
    };
    let asked = recorder.ask(Request {
        key,
        flags,
        value: &value,
        ..Request::new(Opcode::CasValue)
    });
    let swapped = asked.reply().map(|reply| match reply.status {
        Status::Ok => true,
        Status::NotFound | Status::Exists | Status::Mismatch => false,
        _ => unexpected(reply),
    });
    let swap = RegisterCall::Swap {
        expected,
        new: fresh,
        swapped,
    };
    (swap, asked)
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
    run(&Register, "register", 1, |recorder, key| {
        let calls = register_call(recorder, key, seen(key).map(|(value, _)| value));
        for call in &calls {
            if let RegisterCall::Get { value } = call.operation {
                see(key, value.map(|value| (value, 0)));
            }
        }
        calls
    });
}

/// The checker must notice a real mistake in a real history.
#[test]
fn a_client_that_answers_itself_from_what_it_read_before_is_caught() {
    let node = node(usize::from(CORES));
    let key = key_of_core(0, CORES, 9);
    let calls = record(&node, &mut Random::seeded(), 3, |recorder| {
        let mut calls: Vec<Call<RegisterCall>> = Vec::new();
        let mut first_read = None;
        for turn in 0..60 {
            let mut now = register_call(recorder, &key, None);
            for call in &mut now {
                if let RegisterCall::Get { value } = &mut call.operation {
                    match first_read {
                        None => first_read = *value,
                        Some(old) if recorder.client == 0 && turn > 20 => *value = Some(old),
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

#[test]
fn no_increment_is_lost_or_done_twice() {
    run(&Counter, "counter", 2, |recorder, key| {
        let client = recorder.client;
        if recorder.random.below(4) == 0 {
            let asked = recorder.ask(Request {
                key,
                ..Request::new(Opcode::Get)
            });
            let value = match asked.reply() {
                None => return Vec::new(),
                Some(reply) if reply.status == Status::NotFound => None,
                Some(reply) => Some(number(&reply.value).cast_signed()),
            };
            return vec![asked.call(client, CounterCall::Get { value })];
        }
        let delta = 1 + recorder.random.below(9) as i64;
        let asked = recorder.ask(Request {
            key,
            arg: delta.cast_unsigned(),
            ..Request::new(Opcode::Incr)
        });
        let sum = asked.reply().map(|reply| match reply.status {
            Status::Ok => reply.arg.cast_signed(),
            _ => unexpected(reply),
        });
        vec![asked.call(client, CounterCall::Add { delta, sum })]
    });
}

#[test]
fn a_swap_wins_only_against_the_version_that_it_saw_and_versions_grow() {
    run(&Versioned, "versioned", 3, |recorder, key| {
        let client = recorder.client;
        let fresh = recorder.value();
        let value = fresh.to_string();
        let known = seen(key);
        match (recorder.random.below(6), known) {
            (0, _) => {
                let asked = recorder.ask(Request {
                    key,
                    value: value.as_bytes(),
                    ..Request::new(Opcode::Put)
                });
                let version = asked.reply().map(|reply| reply.version);
                let put = VersionedCall::Put {
                    value: fresh,
                    version,
                };
                vec![asked.call(client, put)]
            }
            (1..=3, Some((_, expected))) => {
                let asked = recorder.ask(Request {
                    key,
                    version: expected,
                    value: value.as_bytes(),
                    ..Request::new(Opcode::Cas)
                });
                let outcome = match asked.reply() {
                    None => SwapOutcome::Unknown,
                    Some(reply) => match reply.status {
                        Status::Ok => SwapOutcome::Stored {
                            version: reply.version,
                        },
                        Status::Mismatch | Status::NotFound => SwapOutcome::Refused,
                        _ => unexpected(reply),
                    },
                };
                let swap = VersionedCall::Swap {
                    expected,
                    new: fresh,
                    outcome,
                };
                vec![asked.call(client, swap)]
            }
            _ => {
                let asked = recorder.ask(Request {
                    key,
                    ..Request::new(Opcode::Get)
                });
                let entry = match asked.reply() {
                    None => return Vec::new(),
                    Some(reply) if reply.status == Status::NotFound => None,
                    Some(reply) => Some((number(&reply.value), reply.version)),
                };
                see(key, entry);
                vec![asked.call(client, VersionedCall::Get { entry })]
            }
        }
    });
}

#[test]
fn a_lock_has_one_holder_at_a_time_and_its_tokens_grow() {
    run(&Lock, "lock", 4, |recorder, key| {
        let client = recorder.client;
        let wait = lock::encode_wait(recorder.random.below(3) as u64 * 20);
        let asked = recorder.ask(Request {
            key,
            value: &wait,
            ..Request::new(Opcode::Lock)
        });
        let Some(reply) = asked.reply() else {
            return vec![asked.call(client, LockCall::Taken { token: None })];
        };
        let token = match reply.status {
            Status::Ok => reply.version,
            Status::LockNotAcquired => return vec![asked.call(client, LockCall::Refused)],
            _ => unexpected(reply),
        };
        let taken = LockCall::Taken { token: Some(token) };
        let mut calls = vec![asked.call(client, taken)];
        // Whoever does not hear that the lock was given back asks again.
        while calls.last().is_none_or(|call| {
            call.returned.is_none() || matches!(call.operation, LockCall::Taken { .. })
        }) {
            let asked = recorder.ask(Request {
                key,
                version: token,
                ..Request::new(Opcode::Unlock)
            });
            let freed = asked.reply().map(|reply| match reply.status {
                Status::Ok => true,
                Status::NoSuchLock => false,
                _ => unexpected(reply),
            });
            calls.push(asked.call(client, LockCall::Unlock { token, freed }));
        }
        calls
    });
}
