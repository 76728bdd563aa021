//! Fear: limits that are answered as taken and held by nobody, because maps that had some before
//! never gave up what keeps them apart, or because there are more maps than can be kept apart.

use jerboa_wire::{Opcode, Request, Status};

use super::common::{OwnedReply, Raw, eventually, node};
use super::{DEFAULTS, call, get, put, set, size};

/// More than any core of these tests can keep apart.
const MANY: u32 = 100;

fn name(number: u32) -> Vec<u8> {
    format!("map {number}").into_bytes()
}

fn key(number: u32) -> Vec<u8> {
    format!("key {number}").into_bytes()
}

/// A limit is set and read back, and it holds.
fn check_that_a_limit_holds(raw: &mut Raw, map: &[u8]) {
    eventually("it can be limited", || {
        set(raw, map, 0, "keys_max 10").status == Status::Ok
    });
    assert!(get(raw, map, 0).contains("keys_max 10 own\n"));
    eventually("it is within its limit", || {
        for number in 0..200 {
            put(raw, map, &key(number));
        }
        size(raw, map) <= 10
    });
}

#[test]
fn limits_that_come_and_go_leave_room_for_those_of_other_maps() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..MANY {
        let map = name(number);
        for number in 0..20 {
            put(&mut raw, &map, &key(number));
        }
        eventually("it can be limited", || {
            set(&mut raw, &map, 0, "keys_max 1000").status == Status::Ok
        });
        let lifted = set(&mut raw, &map, 0, "keys_max inherit");
        assert_eq!(lifted.status, Status::Ok);
    }
    check_that_a_limit_holds(&mut raw, b"the last");
    for number in 0..MANY {
        assert_eq!(size(&mut raw, &name(number)), 20, "map {number}");
    }
}

#[test]
fn maps_that_are_limited_by_the_defaults_and_destroyed_leave_room_for_others() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let set_all = set(&mut raw, b"", DEFAULTS, "keys_max 1000");
    assert_eq!(set_all.status, Status::Ok);
    for number in 0..MANY {
        let map = name(number);
        eventually("there is room for another map", || {
            let first = put(&mut raw, &map, b"key");
            assert!(matches!(first.status, Status::Ok | Status::TooManyMaps));
            first.status == Status::Ok
        });
        call(&mut raw, Opcode::Destroy, &map, b"");
    }
    check_that_a_limit_holds(&mut raw, b"the last");
}

/// A refused change of the defaults left everything as it was.
fn check_refused(raw: &mut Raw, refused: &OwnedReply) {
    assert_eq!(refused.status, Status::TooManyMaps, "{refused:?}");
    assert!(!refused.value.is_empty(), "it says why");
    assert!(get(raw, b"", DEFAULTS).contains("keys_max none node\n"));
    for number in 0..MANY {
        assert!(get(raw, &name(number), 0).contains("keys_max none node\n"));
        assert_eq!(size(raw, &name(number)), 1);
    }
    check_that_a_limit_holds(raw, b"one of its own");
}

#[test]
fn defaults_that_would_limit_more_maps_than_can_be_kept_apart_are_refused() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..MANY {
        put(&mut raw, &name(number), b"key");
    }
    let refused = set(&mut raw, b"", DEFAULTS, "keys_max 5");
    check_refused(&mut raw, &refused);
}

/// What a core counted a moment ago does not count maps that come to be in the same moment.
#[test]
fn defaults_for_which_a_core_finds_no_room_are_set_back() {
    let node = node(1);
    let mut raw = Raw::connect(node.addresses().any_core);
    let mut bytes = Vec::new();
    let names: Vec<Vec<u8>> = (0..MANY).map(name).collect();
    for map in &names {
        let first = Request {
            map,
            key: b"key",
            value: b"some value",
            ..Request::new(Opcode::Put)
        };
        bytes.extend_from_slice(&raw.encode(first).0);
    }
    let limit = Request {
        arg: DEFAULTS,
        value: b"keys_max 5",
        ..Request::new(Opcode::SettingsSet)
    };
    bytes.extend_from_slice(&raw.encode(limit).0);
    raw.send_bytes(&bytes).unwrap();
    for map in &names {
        assert_eq!(raw.receive().status, Status::Ok, "{}", map.escape_ascii());
    }
    let refused = raw.receive();
    check_refused(&mut raw, &refused);
}
