//! A map that is destroyed while others use it: what its clients saw of all its keys together must
//! be explainable by one call after another, the destruction being one of them.
//!
//! Keys are not independent here, so the whole map is one object of the checker, and its histories
//! are many and short.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jerboa::Node;
use jerboa_wire::{Opcode, Request, Status, lock};

use super::assert_linearizable;
use super::checker::{Call, Model, Verdict, check};
use super::common::{OwnedReply, Random, crowded_config, key_of_core};
use super::models::{Lock, LockCall};
use super::recorder::{Recorder, record};

const CORES: u16 = 4;
const CLIENTS: usize = 5;

/// A map of few keys, which are put, read, deleted and counted, and destroyed together.
struct Map;

#[derive(Clone, Debug)]
enum MapCall {
    Get { key: usize, value: Option<i64> },
    Put { key: usize, value: i64 },
    Delete { key: usize, found: bool },
    Add { key: usize, sum: i64 },
    Destroy { removed: u64 },
}

impl Model for Map {
    type Operation = MapCall;
    type State = [Option<i64>; CORES as usize];

    fn initial(&self) -> Self::State {
        Self::State::default()
    }

    fn step(&self, state: &Self::State, call: &MapCall) -> Vec<Self::State> {
        let mut next = *state;
        let possible = match *call {
            MapCall::Get { key, value } => state[key] == value,
            MapCall::Put { key, value } => {
                next[key] = Some(value);
                true
            }
            MapCall::Delete { key, found } => {
                next[key] = None;
                state[key].is_some() == found
            }
            MapCall::Add { key, sum } => {
                next[key] = Some(state[key].unwrap_or(0) + 1);
                next[key] == Some(sum)
            }
            MapCall::Destroy { removed } => {
                next = self.initial();
                state.iter().flatten().count() as u64 == removed
            }
        };
        possible.then_some(next).into_iter().collect()
    }
}

fn number(bytes: &[u8]) -> i64 {
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

fn unexpected(reply: &OwnedReply) -> ! {
    panic!("{:?} answered {:?}", reply.opcode, reply.status)
}

fn map_call(recorder: &mut Recorder, map: &[u8], keys: &[Vec<u8>]) -> Call<MapCall> {
    let client = recorder.client;
    let key = recorder.random.below(keys.len());
    let fresh = recorder.value();
    let text = fresh.to_string();
    let on_key = |opcode| Request {
        map,
        key: &keys[key],
        ..Request::new(opcode)
    };
    let ask = |recorder: &mut Recorder, request| {
        let asked = recorder.ask(request);
        let reply = asked.reply.clone();
        let is_answer = matches!(reply.status, Status::Ok | Status::NotFound);
        assert!(is_answer, "{:?}", reply.status);
        (asked, reply)
    };
    let (asked, call) = match recorder.random.below(10) {
        0..=3 => {
            let (asked, reply) = ask(recorder, on_key(Opcode::Get));
            let found = reply.status == Status::Ok;
            let value = found.then(|| number(&reply.value));
            (asked, MapCall::Get { key, value })
        }
        4..=6 => {
            let (asked, _) = ask(
                recorder,
                Request {
                    value: text.as_bytes(),
                    ..on_key(Opcode::Put)
                },
            );
            let value = fresh.cast_signed();
            (asked, MapCall::Put { key, value })
        }
        7 => {
            let (asked, reply) = ask(recorder, on_key(Opcode::Delete));
            let found = reply.status == Status::Ok;
            (asked, MapCall::Delete { key, found })
        }
        8 => {
            let (asked, reply) = ask(
                recorder,
                Request {
                    arg: 1,
                    ..on_key(Opcode::Incr)
                },
            );
            let sum = reply.arg.cast_signed();
            (asked, MapCall::Add { key, sum })
        }
        _ => {
            let (asked, reply) = ask(
                recorder,
                Request {
                    map,
                    ..Request::new(Opcode::Destroy)
                },
            );
            let removed = reply.arg;
            (asked, MapCall::Destroy { removed })
        }
    };
    asked.call(client, call)
}

fn crowded_node() -> Node {
    Node::start(&crowded_config(usize::from(CORES))).unwrap()
}

fn keys(number: u32) -> Vec<Vec<u8>> {
    (0..CORES)
        .map(|core| key_of_core(core, CORES, number))
        .collect()
}

#[test]
fn a_map_is_destroyed_at_one_moment_for_all_who_use_it() {
    const MAPS: u32 = 60;
    const CALLS_PER_MAP: usize = 12;
    let node = crowded_node();
    let keys = keys(5);
    let histories = Mutex::new(BTreeMap::<u32, Vec<Call<MapCall>>>::new());
    record::<()>(&node, &mut Random::seeded(), CLIENTS, |recorder| {
        for map in 0..MAPS {
            let name = map.to_le_bytes();
            for _ in 0..CALLS_PER_MAP {
                let call = map_call(recorder, &name, &keys);
                histories.lock().unwrap().entry(map).or_default().push(call);
            }
        }
        Vec::new()
    });
    for (map, history) in histories.into_inner().unwrap() {
        assert_linearizable(&Map, &format!("map {map}"), &history);
    }
}

/// The checker must notice what each core's doing it in its own time would look like.
#[test]
fn a_map_that_is_destroyed_half_is_found() {
    let call = |client, called, returned, operation| Call {
        client,
        called,
        returned: Some(returned),
        operation,
    };
    let put = |key, called| {
        let value = 7;
        call(0, called, called + 1, MapCall::Put { key, value })
    };
    let get = |key, called, value| call(1, called, called + 1, MapCall::Get { key, value });
    let destroy = |removed| call(2, 10, 100, MapCall::Destroy { removed });
    let seen = |second, removed| {
        let history = [
            put(0, 0),
            put(1, 2),
            destroy(removed),
            get(0, 20, None),
            get(1, 30, second),
        ];
        check(&Map, &history)
    };
    assert_eq!(seen(None, 2), Verdict::Linearizable);
    assert!(matches!(seen(Some(7), 2), Verdict::Violation { .. }));
    assert!(matches!(seen(None, 1), Verdict::Violation { .. }));
}

/// A lock of a map that goes with it.
#[test]
fn a_lock_that_is_destroyed_is_free_for_all_and_its_token_is_worth_nothing() {
    const CALLS: usize = 120;
    let node = crowded_node();
    let keys = keys(6);
    let histories: Vec<Mutex<Vec<Call<LockCall>>>> =
        keys.iter().map(|_| Mutex::default()).collect();
    record::<()>(&node, &mut Random::seeded(), CLIENTS, |recorder| {
        for _ in 0..CALLS {
            let client = recorder.client;
            if recorder.random.below(4) == 0 {
                let asked = recorder.ask(Request {
                    map: b"locks",
                    ..Request::new(Opcode::Destroy)
                });
                assert_eq!(asked.reply.status, Status::Ok);
                for history in &histories {
                    let call = asked.call(client, LockCall::Destroyed);
                    history.lock().unwrap().push(call);
                }
                continue;
            }
            let key = recorder.random.below(keys.len());
            let calls = lock_and_unlock(recorder, &keys[key]);
            histories[key].lock().unwrap().extend(calls);
        }
        Vec::new()
    });
    for history in histories {
        assert_linearizable(&Lock, "lock", &history.into_inner().unwrap());
    }
}

fn lock_and_unlock(recorder: &mut Recorder, key: &[u8]) -> Vec<Call<LockCall>> {
    let client = recorder.client;
    let wait = lock::encode_wait(recorder.random.below(3) as u64 * 20);
    let on_key = |opcode| Request {
        map: b"locks",
        key,
        ..Request::new(opcode)
    };
    let asked = recorder.ask(Request {
        value: &wait,
        ..on_key(Opcode::Lock)
    });
    let reply = &asked.reply;
    let token = match reply.status {
        Status::Ok => reply.version,
        Status::LockNotAcquired => return vec![asked.call(client, LockCall::Refused)],
        _ => unexpected(reply),
    };
    let taken = asked.call(client, LockCall::Taken { token: Some(token) });
    let asked = recorder.ask(Request {
        version: token,
        ..on_key(Opcode::Unlock)
    });
    let freed = match asked.reply.status {
        Status::Ok => true,
        Status::NoSuchLock => false,
        _ => unexpected(&asked.reply),
    };
    let freed = Some(freed);
    vec![taken, asked.call(client, LockCall::Unlock { token, freed })]
}
