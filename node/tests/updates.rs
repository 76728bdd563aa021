//! Fear: an update that reads before it writes loses another's write, forgets the expiry, or
//! changes something although it says that it did not. Through every port: the key's own core, a
//! foreign core, and the port that all cores share.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;
#[path = "updates/compare_and_swap.rs"]
mod compare_and_swap;
#[path = "updates/expiry.rs"]
mod expiry;
#[path = "updates/float_counters.rs"]
mod float_counters;
#[path = "updates/ranges.rs"]
mod ranges;
#[path = "updates/together.rs"]
mod together;

use common::{OwnedReply, Raw, key_of_core, node};
use jerboa_wire::{Opcode, Request, RequestFlags, Status};

fn keyed(opcode: Opcode, key: &[u8]) -> Request<'_> {
    Request {
        key,
        ..Request::new(opcode)
    }
}

/// Runs a check with a fresh key of each core on each port.
fn on_every_port(check: impl Fn(&mut Raw, &[u8])) {
    let node = node(2);
    let addresses = node.addresses().clone();
    let ports = [addresses.any_core].into_iter().chain(addresses.cores);
    for (number, port) in (0u32..).zip(ports) {
        for core in 0..2 {
            check(&mut Raw::connect(port), &key_of_core(core, 2, number));
        }
    }
    node.request_stop();
    node.join().unwrap();
}

fn put_for_a_minute(raw: &mut Raw, key: &[u8], value: &[u8]) -> OwnedReply {
    raw.call(Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg: 60_000,
        value,
        ..keyed(Opcode::Put, key)
    })
}

fn ttl(raw: &mut Raw, key: &[u8]) -> u64 {
    raw.call(keyed(Opcode::Ttl, key)).arg
}

/// What is there: value, version and expiry.
fn state(raw: &mut Raw, key: &[u8]) -> (Status, Vec<u8>, u64, u64) {
    let reply = raw.call(keyed(Opcode::GetMeta, key));
    (reply.status, reply.value, reply.version, reply.arg)
}

#[test]
fn get_and_put_returns_exactly_what_it_replaced() {
    on_every_port(|raw, key| {
        let put = |value, flags| Request {
            flags: RequestFlags::RETURN_OLD | flags,
            value,
            ..keyed(Opcode::Put, key)
        };
        let none = RequestFlags::NONE;
        let missed = raw.call(put(b"x", RequestFlags::IF_PRESENT));
        assert_eq!((missed.status, missed.arg), (Status::NotFound, 0));
        let first = raw.call(put(b"", none));
        assert_eq!(
            (first.status, first.arg, &first.value[..]),
            (Status::Ok, 0, &b""[..])
        );
        let second = raw.call(put(b"two", none));
        assert_eq!(
            (second.status, second.arg, &second.value[..]),
            (Status::Ok, first.version, &b""[..]),
            "an empty value is told from none by its version"
        );
        let refused = raw.call(put(b"three", RequestFlags::IF_ABSENT));
        assert_eq!(
            (refused.status, refused.arg, &refused.value[..]),
            (Status::Exists, second.version, &b"two"[..])
        );
        let third = raw.call(put(b"three", RequestFlags::IF_PRESENT));
        assert_eq!((third.arg, &third.value[..]), (second.version, &b"two"[..]));
        assert_eq!(raw.get(key).value, b"three");
    });
}

#[test]
fn get_and_delete_takes_the_entry_once() {
    on_every_port(|raw, key| {
        let take = keyed(Opcode::GetDelete, key);
        assert_eq!(raw.call(take).status, Status::NotFound);
        let put = raw.put(key, b"ticket");
        let taken = raw.call(take);
        assert_eq!(
            (taken.status, taken.version, &taken.value[..]),
            (Status::Ok, put.version, &b"ticket"[..])
        );
        assert_eq!(raw.call(take).status, Status::NotFound);
        assert_eq!(raw.get(key).status, Status::NotFound);
    });
}

#[test]
fn append_creates_keeps_the_expiry_and_stops_at_the_limit() {
    on_every_port(|raw, key| {
        let append = |value| Request {
            value,
            ..keyed(Opcode::Append, key)
        };
        let first = raw.call(append(b"ab"));
        assert_eq!((first.status, first.arg), (Status::Ok, 2));
        put_for_a_minute(raw, key, b"ab");
        let before = state(raw, key);
        let longer = raw.call(append(b"cde"));
        assert_eq!((longer.status, longer.arg), (Status::Ok, 5));
        assert!(longer.version > before.2);
        let after = state(raw, key);
        assert_eq!(
            (&after.1[..], after.3),
            (&b"abcde"[..], before.3),
            "the expiry is kept"
        );
    });
}

#[test]
fn append_past_the_value_limit_changes_nothing() {
    let mut config = common::config(2);
    config.value_bytes_max = 1000;
    let node = jerboa::Node::start(&config).unwrap();
    let mut raw = Raw::connect(node.addresses().any_core);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let append = |value| Request {
            value,
            ..keyed(Opcode::Append, &key)
        };
        put_for_a_minute(&mut raw, &key, &[b'x'; 990]);
        let before = state(&mut raw, &key);
        assert_eq!(raw.call(append(&[b'y'; 11])).status, Status::ValueTooLarge);
        assert_eq!(state(&mut raw, &key), before);
        assert_eq!(
            raw.call(append(&[b'y'; 10])).arg,
            1000,
            "up to the limit it fits"
        );
    }
}

#[test]
fn updates_of_a_map_that_nobody_wrote_to_find_nothing_or_create() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let in_map = |map, request| Request { map, ..request };
        let cas = Request {
            version: 5,
            value: b"x",
            ..keyed(Opcode::Cas, &key)
        };
        assert_eq!(raw.call(in_map(b"new", cas)).status, Status::NotFound);
        let take = keyed(Opcode::GetDelete, &key);
        assert_eq!(raw.call(in_map(b"new", take)).status, Status::NotFound);
        let made = Request {
            flags: RequestFlags::IF_ABSENT,
            value: b"x",
            ..keyed(Opcode::Cas, &key)
        };
        assert_eq!(raw.call(in_map(b"made", made)).status, Status::Ok);
        let append = Request {
            value: b"x",
            ..keyed(Opcode::Append, &key)
        };
        assert_eq!(raw.call(in_map(b"appended", append)).arg, 1);
    }
}
