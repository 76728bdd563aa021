//! A hundred thousand at once: in few long lines, and each in a line of its own.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use jerboa::Node;
use jerboa_wire::{Opcode, Request, Status, lock};

use super::common::{Raw, eventually, key_of_core, node};
use super::{LONG_MS, keyed, waiting};

const WAITERS: usize = 100_000;
/// Requests sent in one go before their answers are read.
const AT_ONCE: usize = 1000;
/// What one who waits may hold on its core beside the key: a place in the line, one among those of
/// its connection and one among the deadlines, and where the line is its own, that too.
const WAITER_BYTES_MAX: u64 = 400;

/// Connections to the core that owns all keys, and one that looks on.
struct Crowd {
    node: Node,
    stats: Raw,
    /// Who took the locks first: one connection alone is given so many in a tenth of a second.
    takers: Vec<Raw>,
    holder: Raw,
    waiter: Raw,
    keys: Vec<Vec<u8>>,
    /// By key: under which it is held.
    tokens: Vec<u64>,
    /// By request id: the key that is waited for.
    asked: HashMap<u32, usize>,
    /// By key: the request that got its lock last.
    served: HashMap<usize, u32>,
}

impl Crowd {
    /// Takes the lock of every key, and has as many wait as may be, all keys in turn.
    fn gather(keys: Vec<Vec<u8>>) -> Self {
        let node = node(2);
        let address = node.addresses().cores[0];
        let mut crowd = Self {
            stats: Raw::connect(node.addresses().any_core),
            takers: (0..10).map(|_| Raw::connect(address)).collect(),
            holder: Raw::connect(address),
            waiter: Raw::connect(address),
            node,
            keys,
            tokens: Vec::new(),
            asked: HashMap::new(),
            served: HashMap::new(),
        };
        let takers = &mut crowd.takers;
        for group in crowd.keys.chunks(AT_ONCE * takers.len()) {
            for (taker, keys) in takers.iter_mut().zip(group.chunks(AT_ONCE)) {
                let mut pipeline = Vec::new();
                for key in keys {
                    pipeline.extend(taker.encode(keyed(Opcode::Lock, key)).0);
                }
                taker.send_bytes(&pipeline).unwrap();
            }
            for (taker, keys) in takers.iter_mut().zip(group.chunks(AT_ONCE)) {
                for _ in keys {
                    let taken = taker.receive();
                    assert_eq!(taken.status, Status::Ok);
                    crowd.tokens.push(taken.version);
                }
            }
        }
        let wait = lock::encode_wait(LONG_MS);
        let mut pipeline = Vec::new();
        for number in 0..WAITERS {
            let key = number % crowd.keys.len();
            let (frame, id) = crowd.waiter.encode(Request {
                value: &wait,
                ..keyed(Opcode::Lock, &crowd.keys[key])
            });
            pipeline.extend_from_slice(&frame);
            crowd.asked.insert(id, key);
        }
        crowd.waiter.send_bytes(&pipeline).unwrap();
        eventually("all stand in line", || {
            waiting(&mut crowd.stats) == WAITERS as u64
        });
        crowd
    }

    /// They cost memory within bounds, and no turn of the core.
    fn costs_nothing(&mut self) {
        let held = self.bytes();
        let keys: usize = self.keys.iter().map(Vec::len).sum();
        println!("{held} bytes for {WAITERS} on {} keys", self.keys.len());
        assert!(held >= keys as u64, "{held} bytes and the keys not in them");
        let most = keys as u64 + WAITERS as u64 * WAITER_BYTES_MAX;
        assert!(held <= most, "{held} bytes, {most} at most");
        let stats = &mut self.stats;
        let mut turns_within = |time_ms| {
            let before = stats.stat("core.0.turns");
            std::thread::sleep(Duration::from_millis(time_ms));
            stats.stat("core.0.turns") - before
        };
        eventually("each line was looked at once", || turns_within(50) < 10);
        let turns = turns_within(500);
        assert!(turns < 100, "{turns} turns for nothing");
        assert_eq!(waiting(&mut self.stats), WAITERS as u64, "all wait on");
    }

    /// What those who wait hold on the core.
    fn bytes(&mut self) -> u64 {
        self.stats.stat("core.0.lock_waiter_bytes")
    }

    /// Gives some locks back: one more gets each of them, the first in its line.
    fn pass_on(&mut self, keys: Range<usize>) {
        for from in keys.clone().step_by(AT_ONCE) {
            let keys = from..keys.end.min(from + AT_ONCE);
            self.release(keys.clone());
            let mut granted = HashSet::new();
            for _ in keys.clone() {
                let grant = self.waiter.receive();
                assert_eq!((grant.opcode, grant.status), (Opcode::Lock, Status::Ok));
                let key = self.asked.remove(&grant.request_id).unwrap();
                assert!(keys.contains(&key) && granted.insert(key), "not its turn");
                assert!(grant.version > self.tokens[key], "tokens grow");
                self.tokens[key] = grant.version;
                let before = self.served.insert(key, grant.request_id);
                assert!(before < Some(grant.request_id), "out of line");
            }
        }
    }

    /// Gives some locks back, whoever gets them.
    fn release(&mut self, keys: Range<usize>) {
        let mut pipeline = Vec::new();
        for key in keys.clone() {
            let (frame, _) = self.holder.encode(Request {
                version: self.tokens[key],
                ..keyed(Opcode::Unlock, &self.keys[key])
            });
            pipeline.extend_from_slice(&frame);
        }
        self.holder.send_bytes(&pipeline).unwrap();
        for _ in keys {
            assert_eq!(self.holder.receive().status, Status::Ok);
        }
    }

    /// Those who wait go away: nothing is left of them, and no lock is with anybody.
    fn disperse(mut self) {
        drop(self.waiter);
        eventually("all left", || waiting(&mut self.stats) == 0);
        assert_eq!(self.stats.stat("core.0.lock_waiter_bytes"), 0);
        for from in (0..self.keys.len()).step_by(AT_ONCE) {
            let keys = from..self.keys.len().min(from + AT_ONCE);
            let mut pipeline = Vec::new();
            for key in keys.clone() {
                let (unlock, _) = self.holder.encode(Request {
                    version: self.tokens[key],
                    ..keyed(Opcode::Unlock, &self.keys[key])
                });
                let (look, _) = self.holder.encode(keyed(Opcode::Get, &self.keys[key]));
                pipeline.extend(unlock.into_iter().chain(look));
            }
            self.holder.send_bytes(&pipeline).unwrap();
            for key in keys {
                let unlocked = self.holder.receive().status;
                // What was granted last went back if the node could not tell that it arrived.
                let returned = unlocked == Status::NoSuchLock && self.served.contains_key(&key);
                assert!(unlocked == Status::Ok || returned, "{key}: {unlocked:?}");
                assert_eq!(self.holder.receive().status, Status::NotFound);
            }
        }
        drop((self.stats, self.holder, self.takers));
        self.node.request_stop();
        self.node.join().unwrap();
    }
}

fn keys(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|number| key_of_core(0, 2, number)).collect()
}

#[test]
fn a_hundred_thousand_in_few_lines_wait_without_work_and_are_served_in_order() {
    let mut crowd = Crowd::gather(keys(10));
    crowd.costs_nothing();
    for _ in 0..50 {
        crowd.pass_on(0..10);
    }
    eventually("those who were served have left", || {
        waiting(&mut crowd.stats) == WAITERS as u64 - 500
    });
    crowd.disperse();
}

#[test]
fn a_hundred_thousand_in_lines_of_their_own_wait_without_work_and_are_served_each() {
    let mut crowd = Crowd::gather(keys(WAITERS as u32));
    crowd.costs_nothing();
    let held = crowd.bytes();
    crowd.pass_on(0..WAITERS / 2);
    eventually("half of them have left", || {
        waiting(&mut crowd.stats) == WAITERS as u64 / 2
    });
    assert!(crowd.bytes() <= held / 2 + held / 10, "their memory too");
    crowd.disperse();
}
