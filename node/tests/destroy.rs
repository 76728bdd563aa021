//! Fear: a map that is destroyed on one core and still there on another, a destroy that is done half
//! or overtakes what was asked before it, and one that stops everybody else while it frees memory.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use common::resp::{RespRaw, command};
use common::{Random, Raw, crowded_config, eventually, key_of_core};
use jerboa::client::Error;
use jerboa::{BlockingDMap, Node};
use jerboa_wire::{Opcode, Request, Status, multi};

const CORES: u16 = 4;
const KEYS_PER_CORE: u32 = 8;

fn node() -> Node {
    Node::start(&crowded_config(usize::from(CORES))).unwrap()
}

fn keys() -> Vec<Vec<u8>> {
    (0..CORES * KEYS_PER_CORE as u16)
        .map(|number| key_of_core(number % CORES, CORES, number.into()))
        .collect()
}

/// Every port, that of any core first.
fn ports(node: &Node) -> Vec<SocketAddr> {
    let addresses = node.addresses();
    let mut ports = vec![addresses.any_core];
    ports.extend(&addresses.cores);
    ports
}

fn destroy(raw: &mut Raw, map: &[u8]) -> Result<u64, Status> {
    let reply = raw.call(Request {
        map,
        ..Request::new(Opcode::Destroy)
    });
    match reply.status {
        Status::Ok => Ok(reply.arg),
        status => Err(status),
    }
}

fn is_busy(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused {
            status: Status::Busy,
            ..
        }
    )
}

/// Whoever destroys the default map, through one door or another.
enum Destroyer {
    Binary(Raw),
    Resp(RespRaw),
    Embedded(BlockingDMap),
}

impl Destroyer {
    fn destroy(&mut self) {
        match self {
            Self::Binary(raw) => assert!(destroy(raw, b"").is_ok()),
            Self::Resp(client) => assert_eq!(client.call(&["FLUSHALL"]), "+OK\r\n"),
            Self::Embedded(map) => assert!(map.destroy().is_ok()),
        }
    }
}

#[test]
fn who_saw_one_key_of_a_destroyed_map_gone_sees_no_other() {
    const OBSERVERS: usize = 4;
    const ROUNDS: usize = 150;
    let node = node();
    let (ports, keys) = (ports(&node), keys());
    let mut destroyers: Vec<_> = ports
        .iter()
        .flat_map(|port| {
            let raw = Destroyer::Binary(Raw::connect(*port));
            [raw, Destroyer::Resp(RespRaw::connect(*port))]
        })
        .collect();
    destroyers.push(Destroyer::Embedded(node.dmap("").blocking()));
    let mut writer = Raw::connect(ports[0]);
    let mut random = Random::seeded();
    // Somebody was told that a key is gone; and what was seen by those who asked before that.
    let (gone, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let (seen, unseen) = (AtomicU64::new(0), AtomicU64::new(0));
    let violations = AtomicU64::new(0);
    let together = Barrier::new(OBSERVERS + 1);
    thread::scope(|scope| {
        for observer in 0..OBSERVERS {
            let mut raw = Raw::connect(ports[observer % ports.len()]);
            let mut random = random.fork();
            let (keys, gone, done, together) = (&keys, &gone, &done, &together);
            let (seen, unseen, violations) = (&seen, &unseen, &violations);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    together.wait();
                    let mut looks_left = 40;
                    while looks_left > 0 {
                        // A while longer than until it is gone everywhere.
                        looks_left -= usize::from(done.load(Ordering::SeqCst));
                        let key = &keys[random.below(keys.len())];
                        let was_gone = gone.load(Ordering::SeqCst);
                        let found = raw.get(key).status == Status::Ok;
                        if !found {
                            gone.store(true, Ordering::SeqCst);
                            unseen.fetch_add(1, Ordering::Relaxed);
                        } else {
                            seen.fetch_add(1, Ordering::Relaxed);
                            // Who panicked here would leave the others waiting.
                            violations.fetch_add(u64::from(was_gone), Ordering::Relaxed);
                        }
                    }
                    together.wait();
                }
            });
        }
        for round in 0..ROUNDS {
            for key in &keys {
                assert_eq!(writer.put(key, b"value").status, Status::Ok);
            }
            gone.store(false, Ordering::SeqCst);
            done.store(false, Ordering::SeqCst);
            together.wait();
            thread::sleep(std::time::Duration::from_micros(random.below(500) as u64));
            let count = destroyers.len();
            destroyers[round % count].destroy();
            // It is not only begun: nobody sees a key after the reply.
            gone.store(true, Ordering::SeqCst);
            done.store(true, Ordering::SeqCst);
            together.wait();
        }
    });
    let (seen, unseen) = (seen.into_inner(), unseen.into_inner());
    println!("{seen} reads before, {unseen} after");
    assert!(seen > 0 && unseen > 0, "the observers saw one side alone");
    let violations = violations.into_inner();
    assert_eq!(violations, 0, "keys were seen when others were gone before");
}

/// What came of the writes and destroys of one map.
#[derive(Default)]
struct Tally {
    stored: AtomicU64,
    removed: AtomicU64,
    writes_refused: AtomicU64,
    destroys_refused: AtomicU64,
}

impl Tally {
    fn destroyed(&self, outcome: Result<u64, Status>) {
        match outcome {
            Ok(count) => self.removed.fetch_add(count, Ordering::Relaxed),
            Err(Status::Busy) => self.destroys_refused.fetch_add(1, Ordering::Relaxed),
            Err(status) => panic!("{status:?}"),
        };
    }

    fn wrote(&self, stored: u64, of: u64) {
        self.stored.fetch_add(stored, Ordering::Relaxed);
        self.writes_refused
            .fetch_add(of - stored, Ordering::Relaxed);
    }
}

const WRITES: u32 = 600;

fn write_frames(raw: &mut Raw, writer: u32, tally: &Tally) {
    for number in 0..WRITES {
        let mut entries = Vec::new();
        for item in 0..4 {
            let key = format!("frames {writer} {number} {item}");
            assert!(multi::push_entry(&mut entries, key.as_bytes(), b"value"));
        }
        let reply = raw.call(Request {
            map: b"m",
            value: &entries,
            count: 4,
            ..Request::new(Opcode::MultiPut)
        });
        assert_eq!(reply.status, Status::Ok);
        tally.wrote(reply.arg, 4);
    }
}

fn write_commands(client: &mut RespRaw, writer: u32, tally: &Tally) {
    for number in 0..WRITES {
        let key = format!("resp {writer} {number}");
        let reply = client.call(&["DM.PUT", "m", &key, "value"]);
        assert!(reply == "+OK\r\n" || reply.starts_with('-'), "{reply}");
        tally.wrote(u64::from(reply.starts_with('+')), 1);
    }
}

fn write_embedded(map: &BlockingDMap, writer: u32, tally: &Tally) {
    for number in 0..WRITES {
        let put = map.put(format!("embedded {writer} {number}"), "value");
        if let Err(error) = &put {
            assert!(is_busy(error), "{error}");
        }
        tally.wrote(u64::from(put.is_ok()), 1);
    }
}

#[test]
fn every_entry_is_destroyed_once_or_still_there_whoever_writes_and_destroys() {
    let mut config = crowded_config(usize::from(CORES));
    // Little room between the cores: many requests are refused.
    config.mailbox_capacity = 1;
    let node = Node::start(&config).unwrap();
    let ports = ports(&node);
    let tally = Tally::default();
    let together = Barrier::new(9);
    thread::scope(|scope| {
        let (tally, together, ports, node) = (&tally, &together, &ports, &node);
        // Writers of keys that nobody writes twice.
        for writer in 0..2 {
            scope.spawn(move || {
                let mut raw = Raw::connect(ports[0]);
                together.wait();
                write_frames(&mut raw, writer, tally);
            });
            scope.spawn(move || {
                let mut client = RespRaw::connect(ports[0]);
                together.wait();
                write_commands(&mut client, writer, tally);
            });
            scope.spawn(move || {
                let map = node.dmap("m").blocking();
                together.wait();
                write_embedded(&map, writer, tally);
            });
        }
        for port in [ports[1], ports[0]] {
            scope.spawn(move || {
                let mut raw = Raw::connect(port);
                together.wait();
                for _ in 0..WRITES / 2 {
                    tally.destroyed(destroy(&mut raw, b"m"));
                }
            });
        }
        scope.spawn(move || {
            let map = node.dmap("m").blocking();
            together.wait();
            for _ in 0..WRITES / 2 {
                let outcome = map.destroy();
                tally.destroyed(outcome.map_err(|error| {
                    assert!(is_busy(&error), "{error}");
                    Status::Busy
                }));
            }
        });
    });
    let left = node.dmap("m").blocking().size().unwrap();
    let (stored, removed) = (tally.stored.into_inner(), tally.removed.into_inner());
    println!(
        "{stored} stored, {removed} destroyed, {left} left; {} writes and {} destroys refused",
        tally.writes_refused.into_inner(),
        tally.destroys_refused.into_inner()
    );
    assert_eq!(stored, removed + left);
}

#[test]
fn requests_of_a_connection_and_of_a_pipeline_keep_their_order_around_a_destroy() {
    let node = node();
    let keys = keys();
    for port in ports(&node).into_iter().take(1) {
        let mut client = RespRaw::connect(port);
        for round in 0..30 {
            let mut bytes = Vec::new();
            for key in &keys {
                bytes.extend(command(&[b"SET", key, b"before"]));
            }
            bytes.extend(command(&[if round % 2 == 0 {
                b"FLUSHDB"
            } else {
                b"FLUSHALL"
            }]));
            for key in &keys {
                bytes.extend(command(&[b"GET", key]));
                bytes.extend(command(&[b"SET", key, b"after"]));
            }
            bytes.extend(command(&[b"DBSIZE"]));
            client.send(&bytes).unwrap();
            for _ in 0..=keys.len() {
                assert_eq!(client.receive(), b"+OK\r\n");
            }
            for _ in &keys {
                assert_eq!(client.receive(), b"$-1\r\n", "round {round}");
                assert_eq!(client.receive(), b"+OK\r\n");
            }
            assert_eq!(
                client.receive(),
                format!(":{}\r\n", keys.len()).into_bytes()
            );
        }
    }
    let map = node.dmap("pipelined");
    for _ in 0..30 {
        let mut pipeline = map.pipeline();
        for key in &keys {
            pipeline.put(key, "before");
        }
        let destroyed = pipeline.destroy();
        let read: Vec<_> = keys.iter().map(|key| pipeline.get::<String>(key)).collect();
        for key in &keys {
            pipeline.put(key, "after");
        }
        let size = pipeline.size();
        let mut answers = map.blocking().execute(pipeline);
        assert_eq!(answers.take(destroyed).unwrap(), keys.len() as u64);
        for read in read {
            assert!(answers.take(read).unwrap().is_none());
        }
        assert_eq!(answers.take(size).unwrap(), keys.len() as u64);
        assert_eq!(map.blocking().destroy().unwrap(), keys.len() as u64);
    }
}

/// Puts so many thousands of entries into the map `large`.
fn fill(raw: &mut Raw, entries: u64) {
    let mut number = 0_u64;
    while number < entries {
        let mut section = Vec::new();
        for _ in 0..1000 {
            number += 1;
            assert!(multi::push_entry(
                &mut section,
                &number.to_le_bytes(),
                &[7; 64]
            ));
        }
        let reply = raw.call(Request {
            map: b"large",
            value: &section,
            count: 1000,
            ..Request::new(Opcode::MultiPut)
        });
        assert_eq!((reply.status, reply.arg), (Status::Ok, 1000));
    }
}

#[test]
fn memory_comes_back_in_slices_while_others_are_served() {
    const ENTRIES: u64 = 200_000;
    /// More than one turn may free.
    const PER_TURN: u64 = 256;
    let mut config = crowded_config(usize::from(CORES));
    config.memory = Some(256 << 20);
    let node = Node::start(&config).unwrap();
    let mut raw = Raw::connect(node.addresses().any_core);
    fill(&mut raw, ENTRIES);
    let entries = |node: &Node| {
        node.stats()
            .cores
            .iter()
            .map(|core| core.entries)
            .sum::<u64>()
    };
    let turns = |node: &Node| {
        node.stats()
            .cores
            .iter()
            .map(|core| core.turns)
            .sum::<u64>()
    };
    eventually("the counts are published", || entries(&node) == ENTRIES);
    let watcher = common::bystander::Bystander::watch(node.addresses().any_core, CORES);
    let before = turns(&node);
    assert_eq!(destroy(&mut raw, b"large"), Ok(ENTRIES));
    // Nothing is seen of it, although next to nothing is freed.
    let size = raw.call(Request {
        map: b"large",
        ..Request::new(Opcode::Size)
    });
    assert_eq!((size.status, size.arg), (Status::Ok, 0));
    let mut samples = HashSet::new();
    eventually("all of it is freed", || {
        let left = entries(&node);
        samples.insert(left);
        left < 1000
    });
    let taken = turns(&node) - before;
    println!("{taken} turns, {} different counts seen", samples.len());
    assert!(
        taken >= (ENTRIES - 1000) / PER_TURN,
        "{taken} turns freed {ENTRIES} entries: some did too much at once"
    );
    watcher.finish("a large map that is destroyed");
    let verdicts = Mutex::new(Vec::new());
    for port in &node.addresses().cores {
        let mut raw = Raw::connect(*port);
        let ask = |arg| Request {
            arg,
            ..Request::new(Opcode::Verify)
        };
        raw.call(ask(1));
        eventually("a recount", || raw.call(ask(0)).arg >= 2);
        verdicts.lock().unwrap().push(raw.call(ask(0)).arg);
    }
    assert_eq!(verdicts.into_inner().unwrap(), [2; CORES as usize]);
}

#[test]
fn whoever_destroys_while_the_node_stops_is_answered_or_told_so() {
    for _ in 0..5 {
        let node = node();
        let begun = Barrier::new(5);
        let port = node.addresses().any_core;
        thread::scope(|scope| {
            for number in 0..4 {
                let (map, begun) = (node.dmap(format!("{number}")).blocking(), &begun);
                scope.spawn(move || {
                    begun.wait();
                    let ended = loop {
                        match map.put("key", "value").and_then(|_| map.destroy()) {
                            Ok(removed) => assert_eq!(removed, 1),
                            Err(error) => break error,
                        }
                    };
                    assert!(matches!(ended, Error::Closed { .. }), "{ended}");
                });
            }
            let mut raw = Raw::connect(port);
            begun.wait();
            for _ in 0..20 {
                assert!(destroy(&mut raw, b"").is_ok());
            }
            raw.send(Request::new(Opcode::Destroy));
            node.request_stop();
            // Answered before the end, or not begun.
            let (replies, _) = raw.drain();
            assert!(replies.iter().all(|reply| reply.status == Status::Ok));
        });
        node.join().unwrap();
    }
}
