//! Fear: whoever asks more than he takes fills the node's memory, or makes others wait.
//!
//! Setup: a node with two cores and a bystander working beside. What must hold: a client that does
//! not read costs a bounded amount, is cut off in the end, and was the only one to notice; a client
//! that reads slowly gets every reply in order; a full mailbox refuses by name and loses nothing.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::bystander::Bystander;
use common::process::NodeProcess;
use common::{Raw, config, eventually, key_of_core, node};
use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::{Opcode, Request, Status, multi};

fn keyed(opcode: Opcode, key: &[u8]) -> Request<'_> {
    Request {
        key,
        ..Request::new(opcode)
    }
}

/// Bytes of the values that nobody reads.
const VALUE_BYTES: usize = 1 << 20;
/// Of the node below: what the connections of each of its two cores may hold.
const BUFFERS: u64 = 64 << 20;
/// What is copied at the moment, and what the allocator keeps: little beside the gigabytes asked.
const SLACK: u64 = 128 << 20;

/// Asks on 20 connections for gigabytes that are never read, by `request` over and over.
fn never_reads(label: &str, port: fn(&NodeProcess) -> SocketAddr, request: &Request<'_>) {
    let buffers = BUFFERS.to_string();
    let node = NodeProcess::start(
        2,
        &[
            "--memory",
            "128MiB",
            "--value-bytes-max",
            "1MiB",
            "--buffer-bytes-max",
            &buffers,
            "--slow-client-timeout-ms",
            "1500",
        ],
    );
    let mut raw = Raw::connect(node.any_core);
    for core in 0..2 {
        let value = vec![core as u8; VALUE_BYTES];
        for number in 0..4 {
            let key = key_of_core(core, 2, number);
            assert_eq!(raw.put(&key, &value).status, Status::Ok);
            assert_eq!(raw.get(&key).value.len(), VALUE_BYTES);
        }
    }
    let before = node.resident_bytes();
    let bystander = Bystander::watch(node.any_core, 2);
    let mut deaf: Vec<Raw> = (0..20).map(|_| Raw::connect(port(&node))).collect();
    for raw in &mut deaf {
        raw.stream.set_nonblocking(true).unwrap();
        let mut pipeline = Vec::new();
        for _ in 0..2_000 {
            pipeline.extend_from_slice(&raw.encode(*request).0);
        }
        // As much as the node takes; a part of a frame at the end does not matter.
        let _ = raw.stream.write(&pipeline);
    }
    let closed = |raw: &mut Raw| -> u64 {
        (0..2)
            .map(|core| raw.stat(&format!("core.{core}.closed_slow")))
            .sum()
    };
    let mut most = 0;
    let begun = Instant::now();
    eventually("every deaf client is cut off", || {
        most = most.max(node.resident_bytes());
        closed(&mut raw) == 20
    });
    let grown = most.saturating_sub(before);
    println!(
        "{label}: {grown} bytes at most, closed after {:?}",
        begun.elapsed()
    );
    bystander.finish(label);
    assert!(grown < 2 * BUFFERS + SLACK, "{label}: {grown} bytes more");
    eventually("their places are free", || {
        raw.stat("node.connections") == 1
    });
    assert_eq!(raw.get(&key_of_core(1, 2, 0)).value, vec![1; VALUE_BYTES]);
    drop(deaf);
    assert_eq!(node.terminate(), Some(0));
}

#[test]
fn gigabytes_asked_of_the_own_core_and_never_read_are_never_held() {
    let key = key_of_core(0, 2, 0);
    never_reads("own core", |node| node.cores[0], &keyed(Opcode::Get, &key));
}

#[test]
fn gigabytes_asked_of_another_core_and_never_read_are_never_held() {
    let key = key_of_core(1, 2, 0);
    never_reads(
        "another core",
        |node| node.cores[0],
        &keyed(Opcode::Get, &key),
    );
}

#[test]
fn gigabytes_asked_in_multi_key_requests_and_never_read_are_never_held() {
    let mut section = Vec::new();
    for number in 0..8 {
        let key = key_of_core((number % 2) as u16, 2, number / 2);
        assert!(multi::push_key(&mut section, &key));
    }
    let request = Request {
        value: &section,
        count: 8,
        ..Request::new(Opcode::MultiGet)
    };
    never_reads("multi-key requests", |node| node.any_core, &request);
}

#[test]
fn a_million_commands_read_slowly_are_answered_in_order() {
    const COMMANDS: u32 = 1_000_000;
    let node = node(2);
    let addresses = node.addresses().clone();
    let bystander = Bystander::watch(addresses.any_core, 2);
    let keys = [key_of_core(0, 2, 0), key_of_core(1, 2, 0)];
    let mut raw = Raw::connect(addresses.any_core);
    for key in &keys {
        raw.put(key, key);
    }
    let mut writer = Raw::over(raw.stream.try_clone().unwrap(), 1_000);
    let asked = keys.clone();
    let writing = std::thread::spawn(move || {
        let mut pipeline = Vec::new();
        for number in 0..COMMANDS {
            // Runs of each core, so that replies of both interleave in long and short stretches.
            let key = &asked[(number / (1 + number % 97) % 2) as usize];
            pipeline.extend_from_slice(&writer.encode(keyed(Opcode::Get, key)).0);
            if pipeline.len() > 256 << 10 {
                writer.send_bytes(&pipeline).unwrap();
                pipeline.clear();
            }
        }
        writer.send_bytes(&pipeline).unwrap();
    });
    for number in 0..COMMANDS {
        if number % 100_000 == 0 {
            std::thread::sleep(Duration::from_millis(100));
        }
        let reply = raw.receive();
        let key = &keys[(number / (1 + number % 97) % 2) as usize];
        assert_eq!(reply.request_id, 1_000 + number);
        assert_eq!((reply.status, &reply.value), (Status::Ok, key));
    }
    writing.join().unwrap();
    assert_eq!(raw.call(Request::new(Opcode::Noop)).status, Status::Ok);
    bystander.finish("a million commands");
    node.request_stop();
    node.join().unwrap();
}

/// Of the `keys`, only those `stored` are there.
fn nothing_was_done(node: &Node, keys: &[Vec<u8>], stored: &[&Vec<u8>]) {
    let mut owner = Raw::connect(node.addresses().cores[1]);
    for key in keys {
        let expected = if stored.contains(&key) {
            Status::Ok
        } else {
            Status::NotFound
        };
        let status = owner.get(key).status;
        assert_eq!(status, expected, "refused means nothing was done");
    }
}

#[test]
fn a_full_mailbox_says_busy_and_neither_loses_nor_reorders() {
    const COUNT: usize = 3_000;
    let node = Node::start(&Config {
        mailbox_capacity: 16,
        ..config(2)
    })
    .unwrap();
    let mut raw = Raw::connect(node.addresses().cores[0]);
    let counter = key_of_core(1, 2, 0);
    let keys: Vec<Vec<u8>> = (1..=COUNT as u32).map(|n| key_of_core(1, 2, n)).collect();
    let own = key_of_core(0, 2, 0);
    let mut pipeline = Vec::new();
    for key in &keys {
        let count = Request {
            arg: 1,
            ..keyed(Opcode::Incr, &counter)
        };
        let put = Request {
            value: key,
            ..keyed(Opcode::Put, key)
        };
        for request in [count, put, keyed(Opcode::Exists, &own)] {
            pipeline.extend_from_slice(&raw.encode(request).0);
        }
    }
    let mut writer = raw.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&pipeline).unwrap());
    let (mut counted, mut busy, mut stored) = (0, 0, Vec::new());
    for (key, id) in keys.iter().zip((1u32..).step_by(3)) {
        let [count, put, exists] = [0, 1, 2].map(|offset| {
            let reply = raw.receive();
            assert_eq!(reply.request_id, id + offset, "in order");
            reply
        });
        match count.status {
            Status::Ok => counted += 1,
            other => assert_eq!(other, Status::Busy),
        }
        if count.status == Status::Ok {
            assert_eq!(
                count.arg, counted,
                "each accepted request once and in order"
            );
        }
        if put.status == Status::Ok {
            stored.push(key);
        } else {
            assert_eq!(put.status, Status::Busy);
        }
        let refusals = [&count, &put].into_iter();
        busy += refusals
            .filter(|reply| reply.status == Status::Busy)
            .count() as u64;
        assert_eq!(exists.status, Status::NotFound, "the own core is not busy");
    }
    writing.join().unwrap();
    println!("{busy} of {} refused", 2 * COUNT);
    assert!(busy > 0, "the mailbox was never full");
    assert!(
        counted > 0 && !stored.is_empty(),
        "the mailbox was always full"
    );
    nothing_was_done(&node, &keys, &stored);
    let mut owner = Raw::connect(node.addresses().cores[1]);
    assert_eq!(owner.get(&counter).value, counted.to_string().as_bytes());
    eventually("every refusal is counted", || {
        owner.stat("core.0.busy") == busy
    });
    node.request_stop();
    node.join().unwrap();
}

#[test]
fn a_stop_under_load_ends_every_stream_of_replies_at_a_whole_reply() {
    let node = node(2);
    let addresses = node.addresses().clone();
    let value = vec![3; 3_000];
    let clients: Vec<_> = (0..8)
        .map(|client: u32| {
            let ports = [addresses.any_core, addresses.cores[0], addresses.cores[1]];
            let port = ports[client as usize % 3];
            let value = value.clone();
            std::thread::spawn(move || {
                let mut raw = Raw::connect(port);
                let mut writer = Raw::over(raw.stream.try_clone().unwrap(), 1);
                let written = value.clone();
                let writing = std::thread::spawn(move || {
                    for number in 0u32.. {
                        let key = key_of_core((number % 2) as u16, 2, number % 20);
                        let put = Request {
                            value: &written,
                            ..keyed(Opcode::Put, &key)
                        };
                        let mut bytes = writer.encode(put).0;
                        bytes.extend_from_slice(&writer.encode(keyed(Opcode::Get, &key)).0);
                        if writer.send_bytes(&bytes).is_err() {
                            return;
                        }
                    }
                });
                let (replies, end) = raw.drain();
                assert_eq!(end, io::ErrorKind::UnexpectedEof, "an orderly end");
                assert!(!raw.has_torn_reply(), "a part of a reply");
                for (reply, id) in replies.iter().zip(1..) {
                    assert_eq!(reply.request_id, id, "no reply is missing");
                    let refused = reply.status == Status::ShuttingDown;
                    assert!(reply.status == Status::Ok || refused, "{:?}", reply.status);
                    assert!(reply.opcode != Opcode::Get || refused || reply.value == value);
                }
                drop(raw);
                writing.join().unwrap();
                replies.len()
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    node.request_stop();
    node.join().unwrap();
    for client in clients {
        assert!(client.join().unwrap() > 0, "a client that was never served");
    }
}
