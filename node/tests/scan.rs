//! Fear: a scan that misses keys that were there all the time, shows ones that have expired, never
//! ends, or takes the core for itself.

mod common;

use std::collections::BTreeMap;

use common::{Random, Raw, config, eventually, node};
use jerboa_wire::{Opcode, Request, RequestFlags, ScanQuery, Status, multi};

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

/// Puts `count` keys, many at once.
fn fill(raw: &mut Raw, map: &[u8], prefix: &str, count: u32) {
    for first in (0..count).step_by(1000) {
        let mut section = Vec::new();
        let numbers = first..count.min(first + 1000);
        for number in numbers.clone() {
            let key = format!("{prefix}:{number}");
            assert!(multi::push_entry(&mut section, key.as_bytes(), b"v"));
        }
        let reply = raw.call(Request {
            map,
            value: &section,
            count: numbers.len() as u32,
            ..Request::new(Opcode::MultiPut)
        });
        assert_eq!(reply.arg, numbers.len() as u64);
    }
}

/// Entries that one call may look at, and those of the buckets at both of its ends.
const ENTRIES_PER_CALL_MAX: usize = 1024;

/// On one core cursors grow along the walk. So the entries that a call passed over can be counted:
/// they are those that another scan, bucket by bucket, returns between the call's two cursors.
#[test]
fn no_call_passes_over_more_than_its_share_however_large_the_map_and_whatever_matches() {
    const KEYS: u32 = 40_000;
    let node = node(1);
    let mut raw = Raw::connect(node.addresses().any_core);
    fill(&mut raw, b"large", "user", KEYS);
    put(&mut raw, b"small", b"one");

    // From each place to the next: how many keys lie between.
    let mut places: Vec<(u64, usize)> = Vec::new();
    let mut cursor = 0;
    loop {
        let (keys, next) = step(&mut raw, b"large", cursor, 1, b"");
        places.push((cursor, keys.len()));
        if next == 0 {
            break;
        }
        assert!(next > cursor, "cursors grow");
        cursor = next;
    }
    let total: usize = places.iter().map(|(_, keys)| keys).sum();
    assert_eq!(total, KEYS as usize);
    let passed = |from: u64, to: u64| -> usize {
        let begun = places.partition_point(|(place, _)| *place <= from) - 1;
        let within = places[begun..].iter().take_while(|(place, _)| *place < to);
        within.map(|(_, keys)| keys).sum()
    };

    for (map, pattern) in [
        (&b"large"[..], &b"none*"[..]),
        (b"small", b""),
        (b"small", b"none*"),
    ] {
        let (mut cursor, mut calls) = (0, 0);
        loop {
            let (_, next) = step(&mut raw, map, cursor, 16_384, pattern);
            calls += 1;
            let to = if next == 0 { u64::MAX } else { next };
            let passed = passed(cursor, to);
            assert!(
                passed <= ENTRIES_PER_CALL_MAX,
                "call {calls} passed over {passed} entries"
            );
            if next == 0 {
                break;
            }
            cursor = next;
        }
        assert!(calls >= total / ENTRIES_PER_CALL_MAX, "{calls} calls");
    }
}

#[test]
fn no_call_passes_over_more_than_its_share_of_empty_partitions() {
    let config = jerboa::config::Config {
        partitions: 16_384,
        ..config(1)
    };
    let node = jerboa::Node::start(&config).unwrap_or_else(|error| panic!("{error}"));
    let mut raw = Raw::connect(node.addresses().any_core);
    // The harness computes partitions for other numbers of them: a key is all that is needed.
    let mut section = Vec::new();
    assert!(multi::push_entry(&mut section, b"one", b"v"));
    let reply = raw.call(Request {
        value: &section,
        count: 1,
        ..Request::new(Opcode::MultiPut)
    });
    assert_eq!(reply.arg, 1);
    let (found, calls) = scan(&mut raw, b"", 10, b"");
    assert_eq!(found.len(), 1);
    assert!(calls >= 16, "{calls} calls for 16,384 partitions");
}

/// Version of a key; asking is not a use.
fn version(raw: &mut Raw, key: &[u8]) -> Option<u64> {
    let reply = raw.call(Request {
        key,
        ..Request::new(Opcode::Exists)
    });
    (reply.status == Status::Ok).then_some(reply.version)
}

#[test]
fn keys_that_stay_are_found_while_others_are_evicted() {
    let mut config = config(2);
    config.memory = Some(32 << 20);
    let node = jerboa::Node::start(&config).unwrap_or_else(|error| panic!("{error}"));
    let mut raw = Raw::connect(node.addresses().any_core);
    let value = vec![7; 2 << 10];
    for number in 0..4_000 {
        raw.put(format!("early:{number}").as_bytes(), &value);
    }
    let early: Vec<Vec<u8>> = (0..4_000)
        .map(|number| format!("early:{number}").into_bytes())
        .collect();
    // What is used is worth keeping.
    for key in early.iter().step_by(3).chain(early.iter().step_by(3)) {
        raw.get(key);
    }
    let before: Vec<_> = early.iter().map(|key| version(&mut raw, key)).collect();
    let evicted_before = raw.stat("node.evicted");
    let mut found = BTreeMap::new();
    let (mut cursor, mut written) = (0, 0);
    loop {
        let (keys, next) = step(&mut raw, b"", cursor, 20, b"early:*");
        for key in keys {
            *found.entry(key).or_insert(0) += 1;
        }
        if next == 0 {
            break;
        }
        cursor = next;
        for _ in 0..100 {
            raw.put(format!("late:{written}").as_bytes(), &value);
            written += 1;
        }
    }
    eventually("eviction is told", || {
        raw.stat("node.evicted") > evicted_before + 500
    });
    let mut stayed = 0;
    for (key, before) in early.iter().zip(before) {
        let stays = before.is_some() && version(&mut raw, key) == before;
        stayed += usize::from(stays);
        assert!(
            !stays || found.contains_key(key),
            "{}",
            String::from_utf8_lossy(key)
        );
    }
    println!("{stayed} stayed, {written} were written");
    assert!(stayed > 100, "{stayed} stayed: nothing was proved");
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
    // Most of 64 bits are no place; those that are bring keys or none, and no error of another name.
    let mut random = Random::seeded();
    let mut refused = 0;
    for round in 0..5_000 {
        let cursor = random.next() >> (round % 40);
        let reply = raw.call(Request {
            arg: cursor,
            value: &section,
            ..Request::new(Opcode::Scan)
        });
        let known = [Status::Ok, Status::InvalidArgument];
        assert!(
            known.contains(&reply.status),
            "{cursor:#x}: {:?}",
            reply.status
        );
        refused += u32::from(reply.status == Status::InvalidArgument);
    }
    assert!(refused > 1_000, "{refused}");
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
