//! Fear: what is just within a limit does not work, or what is just beyond is half done.
//!
//! Setup: a node with two cores and a bystander working beside. What must hold: the largest of
//! everything works through its own and through another core; one more is refused by its own name
//! and changes nothing.

mod common;

use common::bystander::Bystander;
use common::{PARTITIONS, Raw, config, key_of_core, node};
use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::routing::{core_table, partition_of};
use jerboa_wire::{Decoded, Opcode, Request, Status, limits, multi};

fn keyed(opcode: Opcode, key: &[u8]) -> Request<'_> {
    Request {
        key,
        ..Request::new(opcode)
    }
}

/// Offset of the value's length in the header, see `PROTOCOL.md`.
const VALUE_LEN: usize = 20;

/// Bytes that differ from place to place, so that a piece in the wrong place is seen.
fn pattern(count: usize, seed: u8) -> Vec<u8> {
    (0..count)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8 ^ seed)
        .collect()
}

#[test]
fn the_largest_value_goes_through_every_core_and_one_byte_more_is_refused() {
    const LIMIT: usize = limits::VALUE_BYTES_MAX_DEFAULT as usize;
    let node = Node::start(&Config {
        memory: Some(512 << 20),
        ..config(2)
    })
    .unwrap();
    let bystander = Bystander::watch(node.addresses().any_core, 2);
    for (core, port) in node.addresses().cores.iter().enumerate() {
        let mut raw = Raw::connect(*port);
        for owner in 0..2 {
            let key = key_of_core(owner, 2, core as u32);
            let value = pattern(LIMIT, owner as u8);
            assert_eq!(
                raw.put(&key, &value).status,
                Status::Ok,
                "{core} to {owner}"
            );
            let reply = raw.get(&key);
            assert!(reply.value == value, "{core} to {owner}: another value");
            raw.call(keyed(Opcode::Delete, &key));
        }
    }
    // From the header alone, and with every byte of it: the answer is not lost on the way.
    for send_all in [false, true] {
        let mut raw = Raw::connect(node.addresses().any_core);
        let (mut frame, id) = raw.encode(Request {
            value: b"",
            ..keyed(Opcode::Put, b"too large")
        });
        frame[VALUE_LEN..VALUE_LEN + 4].copy_from_slice(&(LIMIT as u32 + 1).to_le_bytes());
        if send_all {
            frame.resize(frame.len() + LIMIT + 1, 0);
        }
        raw.send_bytes(&frame).unwrap();
        let reply = raw.receive();
        assert_eq!(
            (reply.status, reply.request_id),
            (Status::FrameTooLarge, id)
        );
        assert!(raw.try_receive().is_err(), "the connection closes");
    }
    let mut raw = Raw::connect(node.addresses().any_core);
    assert_eq!(raw.get(b"too large").status, Status::NotFound);
    bystander.finish("64 MiB values");
    node.request_stop();
    node.join().unwrap();
}

#[test]
fn a_lower_value_limit_is_refused_in_step() {
    const LIMIT: usize = 100_000;
    let node = Node::start(&Config {
        value_bytes_max: LIMIT as u32,
        ..config(2)
    })
    .unwrap();
    let mut raw = Raw::connect(node.addresses().cores[0]);
    for owner in 0..2 {
        let key = key_of_core(owner, 2, 1);
        let value = pattern(LIMIT + 1, 0);
        assert_eq!(raw.put(&key, &value[..LIMIT]).status, Status::Ok);
        assert_eq!(raw.put(&key, &value).status, Status::ValueTooLarge);
        assert_eq!(raw.get(&key).value, &value[..LIMIT], "the old value stays");
        let mut section = Vec::new();
        assert!(multi::push_entry(&mut section, b"small", b"v"));
        assert!(multi::push_entry(&mut section, &key, &value));
        let reply = raw.call(Request {
            value: &section,
            count: 2,
            ..Request::new(Opcode::MultiPut)
        });
        assert_eq!(reply.status, Status::ValueTooLarge);
        assert_eq!(raw.get(b"small").status, Status::NotFound);
    }
    node.request_stop();
    node.join().unwrap();
}

#[test]
fn the_longest_keys_and_map_names_work_on_every_core() {
    let node = node(2);
    let table = core_table(PARTITIONS, 2);
    let map = vec![b'm'; limits::MAP_NAME_BYTES_MAX];
    let mut raw = Raw::connect(node.addresses().cores[0]);
    for owner in 0..2 {
        let key = (0u32..)
            .map(|number| {
                let mut key = vec![b'k'; limits::KEY_BYTES_MAX];
                key[..4].copy_from_slice(&number.to_le_bytes());
                key
            })
            .find(|key| table[usize::from(partition_of(key, PARTITIONS))] == owner)
            .unwrap();
        for map in [&map[..], b""] {
            let put = Request {
                map,
                value: map,
                ..keyed(Opcode::Put, &key)
            };
            assert_eq!(raw.call(put).status, Status::Ok);
        }
        let get = Request {
            map: &map,
            ..keyed(Opcode::Get, &key)
        };
        assert_eq!(raw.call(get).value, map);
        assert_eq!(raw.get(&key).value, b"");
    }
    node.request_stop();
    node.join().unwrap();
}

#[test]
fn the_most_items_work_and_one_more_is_refused() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let count = limits::MULTI_ITEMS_MAX;
    let mut section = Vec::new();
    for number in 0..count {
        assert!(multi::push_entry(&mut section, &number.to_le_bytes(), b"v"));
    }
    let put = Request {
        value: &section,
        count,
        ..Request::new(Opcode::MultiPut)
    };
    let reply = raw.call(put);
    assert_eq!((reply.status, reply.count), (Status::Ok, count));
    let mut keys = Vec::new();
    for number in 0..count {
        assert!(multi::push_key(&mut keys, &number.to_le_bytes()));
    }
    let get = Request {
        value: &keys,
        count,
        ..Request::new(Opcode::MultiGet)
    };
    let reply = raw.call(get);
    let options = jerboa_wire::DecodeOptions::default();
    let Ok(Decoded::Frame { frame, .. }) = jerboa_wire::decode_reply(&reply.frame, &options) else {
        panic!("not a reply");
    };
    let found = frame.fetched().filter(|item| item.value == b"v").count();
    assert_eq!(found, count as usize);
    // One more: the encoder refuses to build it, so the frame is forged from its bytes.
    let (mut frame, _) = raw.encode(get);
    frame[40..44].copy_from_slice(&(count + 1).to_le_bytes());
    common::seal(&mut frame);
    raw.send_bytes(&frame).unwrap();
    assert_eq!(raw.receive().status, Status::TooManyItems);
    assert_eq!(raw.call(Request::new(Opcode::Noop)).status, Status::Ok);
    node.request_stop();
    node.join().unwrap();
}
