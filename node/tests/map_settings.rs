//! Fear: a setting that holds on some cores only, for old entries or new ones only, cannot be read
//! back, or is half taken although it was refused.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;
#[path = "map_settings/room.rs"]
mod room;

use common::{OwnedReply, Raw, config, eventually, key_of_core, node};
use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::{Opcode, Request, RequestFlags, Status};

const DEFAULTS: u64 = 1;

fn set(raw: &mut Raw, map: &[u8], arg: u64, lines: &str) -> OwnedReply {
    raw.call(Request {
        map,
        arg,
        value: lines.as_bytes(),
        ..Request::new(Opcode::SettingsSet)
    })
}

fn get(raw: &mut Raw, map: &[u8], arg: u64) -> String {
    let reply = raw.call(Request {
        map,
        arg,
        ..Request::new(Opcode::SettingsGet)
    });
    assert_eq!(reply.status, Status::Ok);
    String::from_utf8(reply.value).unwrap()
}

fn put(raw: &mut Raw, map: &[u8], key: &[u8]) -> OwnedReply {
    raw.call(Request {
        map,
        key,
        value: b"some value",
        ..Request::new(Opcode::Put)
    })
}

fn call(raw: &mut Raw, opcode: Opcode, map: &[u8], key: &[u8]) -> OwnedReply {
    raw.call(Request {
        map,
        key,
        ..Request::new(opcode)
    })
}

fn size(raw: &mut Raw, map: &[u8]) -> u64 {
    call(raw, Opcode::Size, map, b"").arg
}

/// Settings from a file, on two cores.
fn configured(tables: &str) -> Node {
    let file = Config::from_toml(tables, std::path::Path::new("jerboa.toml")).unwrap();
    let config = Config {
        maps: file.maps,
        ..config(2)
    };
    Node::start(&config).unwrap()
}

#[test]
fn settings_are_inherited_one_by_one_and_read_back_on_every_port() {
    let node = configured(
        "[maps.defaults]\nttl_ms = 90_000\nkeys_max = 500\n[maps.orders]\nkeys_max = \"none\"\n\
         bytes_max = \"1MiB\"\n",
    );
    let addresses = node.addresses().clone();
    for port in [addresses.any_core].into_iter().chain(addresses.cores) {
        let mut raw = Raw::connect(port);
        assert_eq!(
            get(&mut raw, b"orders", 0),
            "ttl_ms 90000 defaults\nidle_ms_max none node\nkeys_max none own\n\
             bytes_max 1048576 own\nwhen_full evict node\ncopies 1 node\n"
        );
        assert!(get(&mut raw, b"other", 0).contains("keys_max 500 defaults\n"));
        assert!(get(&mut raw, b"", DEFAULTS).contains("keys_max 500 own\n"));
        let answer = set(&mut raw, b"other", 0, "keys_max 7\ncopies 2\n");
        assert_eq!(
            String::from_utf8(answer.value).unwrap(),
            get(&mut raw, b"other", 0)
        );
        assert!(get(&mut raw, b"other", 0).contains("keys_max 7 own\n"));
        set(&mut raw, b"other", 0, "keys_max inherit\ncopies inherit\n");
        assert!(get(&mut raw, b"other", 0).contains("keys_max 500 defaults\n"));
    }
}

#[test]
fn a_wrong_line_is_explained_and_nothing_of_the_request_is_taken() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let before = get(&mut raw, b"orders", 0);
    for (lines, status, text) in [
        (
            "keys_max 5\nkeys_mx 5",
            Status::InvalidArgument,
            "unknown setting; did you mean `keys_max`?",
        ),
        (
            "keys_max 5\nttl_ms 0",
            Status::InvalidArgument,
            "ttl_ms: expected milliseconds from 1 to 281474976710655, none or inherit",
        ),
        (
            "keys_max 5\nkeys_max",
            Status::MalformedPayload,
            "expected lines of a name and a value",
        ),
    ] {
        let refused = set(&mut raw, b"orders", 0, lines);
        assert_eq!(refused.status, status);
        assert_eq!(String::from_utf8(refused.value).unwrap(), text);
        assert_eq!(get(&mut raw, b"orders", 0), before);
    }
    let named = set(&mut raw, b"orders", DEFAULTS, "keys_max 5");
    assert_eq!(named.status, Status::InvalidArgument);
    // More maps with limits than the memory can keep apart.
    let mut taken = 0;
    let refused = loop {
        let name = format!("limited {taken}");
        let answer = set(&mut raw, name.as_bytes(), 0, "keys_max 5");
        if answer.status != Status::Ok {
            assert!(get(&mut raw, name.as_bytes(), 0).contains("keys_max none node\n"));
            break answer.status;
        }
        taken += 1;
    };
    assert_eq!(refused, Status::TooManyMaps);
    assert!(taken > 0);
}

/// Runs a check with keys of both cores, on every port, of a map whose entries live a minute.
fn on_a_timed_map(check: impl Fn(&mut Raw, &[u8])) {
    let node = configured("[maps.timed]\nttl_ms = 60_000\n");
    let addresses = node.addresses().clone();
    let ports = [addresses.any_core].into_iter().chain(addresses.cores);
    for (number, port) in (0..).zip(ports) {
        for core in 0..2 {
            check(&mut Raw::connect(port), &key_of_core(core, 2, number));
        }
    }
}

fn timed(opcode: Opcode, key: &[u8]) -> Request<'_> {
    Request {
        map: b"timed",
        key,
        ..Request::new(opcode)
    }
}

/// How long a new entry lives that a request makes.
fn ttl_after(raw: &mut Raw, request: Request<'_>) -> u64 {
    raw.call(timed(Opcode::Delete, request.key));
    assert_eq!(raw.call(request).status, Status::Ok, "{request:?}");
    raw.call(timed(Opcode::Ttl, request.key)).arg
}

#[test]
fn writes_that_do_not_say_get_the_ttl_of_their_map() {
    on_a_timed_map(|raw, key| {
        let value = |opcode| Request {
            value: b"1",
            ..timed(opcode, key)
        };
        let absent = Request {
            flags: RequestFlags::IF_ABSENT,
            ..value(Opcode::Cas)
        };
        for request in [
            value(Opcode::Put),
            timed(Opcode::Incr, key),
            timed(Opcode::IncrFloat, key),
            value(Opcode::Append),
            value(Opcode::SetRange),
            absent,
        ] {
            let ttl_ms = ttl_after(raw, request);
            assert!((50_000..=60_000).contains(&ttl_ms), "{request:?}: {ttl_ms}");
        }
    });
}

#[test]
fn writes_that_say_and_locks_and_what_is_kept_do_not_get_the_ttl_of_their_map() {
    on_a_timed_map(|raw, key| {
        let value = Request {
            value: b"1",
            ..timed(Opcode::Put, key)
        };
        let own = Request {
            flags: RequestFlags::TTL_RELATIVE,
            arg: 5_000,
            ..value
        };
        assert!((1..=5_000).contains(&ttl_after(raw, own)));
        let keeping = Request {
            flags: RequestFlags::KEEP_TTL,
            ..value
        };
        assert_eq!(
            ttl_after(raw, keeping),
            0,
            "a new entry has none to be kept"
        );
        let lock = timed(Opcode::Lock, key);
        assert_eq!(
            ttl_after(raw, lock),
            0,
            "a lock stays until it is given back"
        );
        assert!(ttl_after(raw, value) > 0);
        raw.call(timed(Opcode::Persist, key));
        raw.call(timed(Opcode::Incr, key));
        assert_eq!(
            raw.call(timed(Opcode::Ttl, key)).arg,
            0,
            "persisted, and kept so"
        );
        let plain = Request {
            map: b"plain",
            ..timed(Opcode::Ttl, key)
        };
        put(raw, b"plain", key);
        assert_eq!(raw.call(plain).arg, 0, "another map");
    });
}

#[test]
fn a_change_holds_for_the_next_request_on_every_core() {
    let node = node(2);
    let addresses = node.addresses().clone();
    let mut raw = Raw::connect(addresses.cores[0]);
    let mut other = Raw::connect(addresses.cores[1]);
    for round in 0..200_u32 {
        let ttl_ms = 100_000 + u64::from(round) * 10_000;
        // In one write: the put follows at once, on this core or the other.
        let map = format!("map {}", round % 3);
        raw.send(Request {
            map: map.as_bytes(),
            value: format!("ttl_ms {ttl_ms}").as_bytes(),
            ..Request::new(Opcode::SettingsSet)
        });
        let key = key_of_core((round % 2) as u16, 2, round);
        let put_it = Request {
            map: map.as_bytes(),
            key: &key,
            value: b"v",
            ..Request::new(Opcode::Put)
        };
        raw.send(put_it);
        assert_eq!(raw.receive().status, Status::Ok);
        assert_eq!(raw.receive().status, Status::Ok);
        let ttl = call(&mut other, Opcode::Ttl, map.as_bytes(), &key).arg;
        assert!(
            ttl > ttl_ms - 9_000 && ttl <= ttl_ms,
            "{round}: {ttl} of {ttl_ms}"
        );
        let again = other.call(put_it);
        assert_eq!(again.status, Status::Ok);
        let ttl = call(&mut raw, Opcode::Ttl, map.as_bytes(), &key).arg;
        assert!(
            ttl > ttl_ms - 9_000 && ttl <= ttl_ms,
            "{round}: {ttl} of {ttl_ms}"
        );
    }
}

#[test]
fn a_limit_that_is_lowered_is_reached_and_one_that_refuses_does() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..2_000_u32 {
        put(&mut raw, b"shrinking", &number.to_le_bytes());
        put(&mut raw, b"beside", &number.to_le_bytes());
    }
    set(&mut raw, b"shrinking", 0, "keys_max 101");
    // Each of two cores has 51.
    eventually("the map shrinks", || size(&mut raw, b"shrinking") <= 102);
    assert!(size(&mut raw, b"shrinking") >= 90, "and no further");
    assert_eq!(size(&mut raw, b"beside"), 2_000);
    set(&mut raw, b"shrinking", 0, "when_full refuse");
    let refused = (0..500_u32)
        .filter(|number| {
            let key = (10_000 + number).to_le_bytes();
            put(&mut raw, b"shrinking", &key).status == Status::OutOfMemory
        })
        .count();
    assert!(refused >= 490, "{refused} refused");
    assert!(size(&mut raw, b"shrinking") <= 102);
    set(&mut raw, b"shrinking", 0, "keys_max none");
    assert_eq!(put(&mut raw, b"shrinking", b"again").status, Status::Ok);
}

#[test]
fn defaults_hold_for_maps_that_are_there_and_for_those_to_come() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    put(&mut raw, b"old", b"key");
    set(&mut raw, b"", DEFAULTS, "ttl_ms 60000");
    for map in [&b"old"[..], b"new", b""] {
        put(&mut raw, map, b"key");
        assert!(call(&mut raw, Opcode::Ttl, map, b"key").arg > 0);
    }
    set(&mut raw, b"old", 0, "ttl_ms none");
    put(&mut raw, b"old", b"key");
    assert_eq!(call(&mut raw, Opcode::Ttl, b"old", b"key").arg, 0);
    // A map that was destroyed and begins anew has its settings still.
    set(&mut raw, b"new", 0, "ttl_ms 5000");
    call(&mut raw, Opcode::Destroy, b"new", b"");
    eventually("its memory is back", || {
        put(&mut raw, b"new", b"key");
        let ttl = call(&mut raw, Opcode::Ttl, b"new", b"key").arg;
        assert!((1..=5_000).contains(&ttl), "{ttl}");
        call(&mut raw, Opcode::Destroy, b"new", b"").status == Status::Ok
    });
}

#[test]
fn an_entry_that_nobody_uses_is_gone_and_one_that_is_read_stays() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    set(&mut raw, b"idle", 0, "idle_ms_max 1500");
    for core in 0..2 {
        put(&mut raw, b"idle", &key_of_core(core, 2, 0));
        put(&mut raw, b"idle", &key_of_core(core, 2, 1));
    }
    let used = key_of_core(0, 2, 0);
    eventually("what is not used goes", || {
        assert_eq!(
            call(&mut raw, Opcode::Get, b"idle", &used).status,
            Status::Ok
        );
        size(&mut raw, b"idle") == 1
    });
}

#[test]
fn a_node_whose_memory_cannot_keep_its_maps_apart_does_not_start() {
    use std::fmt::Write;
    let mut tables = String::new();
    for number in 0..100 {
        let _ = writeln!(tables, "[maps.m{number}]\nkeys_max = 5");
    }
    let file = Config::from_toml(&tables, std::path::Path::new("jerboa.toml")).unwrap();
    let config = Config {
        maps: file.maps,
        ..config(2)
    };
    let error = Node::start(&config).unwrap_err().to_string();
    assert!(error.contains("limit fewer maps"), "{error}");
}
