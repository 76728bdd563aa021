//! Fear: a scan that misses keys that were there all the time, shows ones that have expired, never
//! ends, or takes the core for itself.

mod common;

use std::collections::BTreeMap;

use common::{Raw, config, eventually, node};
use jerboa_wire::{Opcode, Request, RequestFlags, ScanQuery, Status};

/// One call; its keys and the next cursor.
fn step(raw: &mut Raw, map: &[u8], cursor: u64, count: u32, pattern: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let mut section = Vec::new();
    ScanQuery { count, pattern }.encode(&mut section);
    let reply = raw.call(Request {
        map,
        arg: cursor,
        value: &section,
        ..Request::new(Opcode::Scan)
    });
    assert_eq!(reply.status, Status::Ok);
    assert!(reply.flags.is_empty(), "no port is the wrong one");
    let options = jerboa_wire::DecodeOptions::default();
    let decoded = jerboa_wire::decode_reply(&reply.frame, &options);
    let Ok(jerboa_wire::Decoded::Frame { frame, .. }) = decoded else {
        panic!("a reply that does not decode")
    };
    (frame.scanned().map(<[u8]>::to_vec).collect(), reply.arg)
}

/// A whole scan: how often each key was returned, and how many calls it took.
fn scan(raw: &mut Raw, map: &[u8], count: u32, pattern: &[u8]) -> (BTreeMap<Vec<u8>, u32>, usize) {
    let mut found = BTreeMap::new();
    let (mut cursor, mut calls) = (0, 0);
    loop {
        let (keys, next) = step(raw, map, cursor, count, pattern);
        for key in keys {
            *found.entry(key).or_default() += 1;
        }
        calls += 1;
        assert!(calls < 100_000, "it never ends");
        if next == 0 {
            return (found, calls);
        }
        cursor = next;
    }
}

fn put(raw: &mut Raw, map: &[u8], key: &[u8]) {
    let reply = raw.call(Request {
        map,
        key,
        value: b"v",
        ..Request::new(Opcode::Put)
    });
    assert_eq!(reply.status, Status::Ok);
}

#[test]
fn every_key_of_every_core_is_found_once_through_every_port() {
    let node = node(2);
    let addresses = node.addresses().clone();
    let mut raw = Raw::connect(addresses.any_core);
    for number in 0..5_000 {
        put(&mut raw, b"", format!("user:{number}").as_bytes());
        put(&mut raw, b"other", format!("other:{number}").as_bytes());
    }
    for port in [addresses.any_core].into_iter().chain(addresses.cores) {
        let mut raw = Raw::connect(port);
        for count in [1, 10, 1000] {
            let (found, _) = scan(&mut raw, b"", count, b"");
            assert_eq!(found.len(), 5_000);
            assert!(
                found.keys().all(|key| key.starts_with(b"user:")),
                "of this map alone"
            );
            assert!(found.values().all(|times| *times == 1));
        }
        let (found, _) = scan(&mut raw, b"", 100, b"user:*[0-4]");
        assert_eq!(found.len(), 2_500);
        assert!(
            found
                .keys()
                .all(|key| matches!(key.last(), Some(b'0'..=b'4')))
        );
    }
}

#[test]
fn a_call_ends_although_nothing_matches_and_the_scan_does_too() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let (found, calls) = scan(&mut raw, b"", 10, b"");
    assert!(
        found.is_empty() && calls <= 4,
        "an empty node takes {calls} calls"
    );
    let (found, _) = scan(&mut raw, b"nobody wrote to it", 10, b"");
    assert!(found.is_empty());
    for number in 0..20_000 {
        put(&mut raw, b"", format!("user:{number}").as_bytes());
    }
    let (found, calls) = scan(&mut raw, b"", 16_384, b"no such key");
    assert!(found.is_empty());
    assert!(calls > 10, "{calls} calls: one of them did too much");
}

#[test]
fn keys_that_stay_are_found_while_others_come_and_go_and_the_index_grows() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..2_000 {
        put(&mut raw, b"", format!("stays:{number}").as_bytes());
    }
    let mut found = BTreeMap::new();
    let (mut cursor, mut written) = (0, 0);
    loop {
        let (keys, next) = step(&mut raw, b"", cursor, 50, b"stays:*");
        for key in keys {
            *found.entry(key).or_insert(0) += 1;
        }
        if next == 0 {
            break;
        }
        cursor = next;
        for _ in 0..300 {
            let key = format!("goes:{written}");
            put(&mut raw, b"", key.as_bytes());
            if written % 3 == 0 {
                raw.call(Request {
                    key: key.as_bytes(),
                    ..Request::new(Opcode::Delete)
                });
            }
            written += 1;
        }
    }
    assert!(written > 10_000, "the index had to grow: {written}");
    assert_eq!(found.len(), 2_000);
}

#[test]
fn keys_that_have_expired_are_not_shown() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..500 {
        put(&mut raw, b"", format!("stays:{number}").as_bytes());
        let reply = raw.call(Request {
            key: format!("goes:{number}").as_bytes(),
            value: b"v",
            flags: RequestFlags::TTL_RELATIVE,
            arg: 1,
            ..Request::new(Opcode::Put)
        });
        assert_eq!(reply.status, Status::Ok);
    }
    eventually("the last one expires", || {
        raw.get(b"goes:499").status == Status::NotFound
    });
    let (found, _) = scan(&mut raw, b"", 100, b"");
    assert_eq!(found.len(), 500);
    assert!(found.keys().all(|key| key.starts_with(b"stays:")));
}

#[test]
fn a_scan_ends_while_memory_is_full_and_entries_are_evicted() {
    let mut config = config(2);
    config.memory = Some(32 << 20);
    let node = jerboa::Node::start(&config).unwrap_or_else(|error| panic!("{error}"));
    let mut raw = Raw::connect(node.addresses().any_core);
    let value = vec![7; 16 << 10];
    let mut cursor = 0;
    for number in 0..4_000 {
        raw.put(format!("key:{number}").as_bytes(), &value);
        if number % 10 == 0 {
            cursor = step(&mut raw, b"", cursor, 100, b"").1;
        }
    }
    let (found, _) = scan(&mut raw, b"", 100, b"");
    assert!(!found.is_empty());
    assert!(found.values().all(|times| *times == 1));
}

/// Olric's W11: there, a bad scan panics or never returns.
#[test]
fn w11_bad_cursors_and_patterns_are_refused_by_name() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let mut section = Vec::new();
    ScanQuery {
        count: 1,
        pattern: b"",
    }
    .encode(&mut section);
    let nonsense = [u64::MAX, 1 << 63, 1 + (1024 << 33), 1 + (1 << 33) - 1];
    for cursor in nonsense {
        let reply = raw.call(Request {
            arg: cursor,
            value: &section,
            ..Request::new(Opcode::Scan)
        });
        assert_eq!(reply.status, Status::InvalidArgument, "{cursor:#x}");
    }
    for pattern in [&b"["[..], b"[^", b"[a-", b"\\", b"[\\", b"***", b"[z-a]"] {
        scan(&mut raw, b"", 10, pattern);
    }
    put(&mut raw, b"", b"still alive");
}

#[test]
fn a_small_map_beside_a_large_one_is_found_whole_in_bounded_calls() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..20_000 {
        put(&mut raw, b"large", format!("beside:{number}").as_bytes());
    }
    for number in 0..5 {
        put(&mut raw, b"small", format!("key:{number}").as_bytes());
    }
    let (found, calls) = scan(&mut raw, b"small", 16_384, b"");
    assert_eq!(found.len(), 5);
    assert!(calls > 10, "{calls} calls: one of them did too much");
}

#[test]
fn a_scan_that_a_destruction_overtakes_ends_and_shows_nothing_of_before() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..5_000 {
        put(&mut raw, b"doomed", format!("old:{number}").as_bytes());
    }
    let (keys, mut cursor) = step(&mut raw, b"doomed", 0, 100, b"");
    assert!(!keys.is_empty() && cursor != 0);
    raw.call(Request {
        map: b"doomed",
        ..Request::new(Opcode::Destroy)
    });
    for number in 0..50 {
        put(&mut raw, b"doomed", format!("new:{number}").as_bytes());
    }
    let mut calls = 0;
    while cursor != 0 {
        let (keys, next) = step(&mut raw, b"doomed", cursor, 100, b"");
        assert!(keys.iter().all(|key| key.starts_with(b"new:")));
        cursor = next;
        calls += 1;
        assert!(calls < 100_000, "it never ends");
    }
    let (found, _) = scan(&mut raw, b"doomed", 100, b"");
    assert_eq!(found.len(), 50);
}
