//! Fear: a request that concerns a whole map reaches some cores only, is answered before it is
//! done, or overtakes the requests before it. Through every port.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;

use common::{OwnedReply, Raw, key_of_core, node};
use jerboa_wire::{Opcode, Request, Status, lock, multi};

fn whole(opcode: Opcode, map: &[u8]) -> Request<'_> {
    Request {
        map,
        ..Request::new(opcode)
    }
}

fn put(raw: &mut Raw, map: &[u8], key: &[u8]) -> OwnedReply {
    let reply = raw.call(Request {
        map,
        key,
        value: b"value",
        ..Request::new(Opcode::Put)
    });
    assert_eq!(reply.status, Status::Ok);
    reply
}

fn size(raw: &mut Raw, map: &[u8]) -> u64 {
    let reply = raw.call(whole(Opcode::Size, map));
    assert_eq!(reply.status, Status::Ok);
    assert!(reply.flags.is_empty(), "no port is the wrong one");
    reply.arg
}

/// Runs a check on each port of nodes of one and of several cores.
fn on_every_port(check: impl Fn(&mut Raw, u16)) {
    for cores in [1, 2] {
        let node = node(cores);
        let addresses = node.addresses().clone();
        for port in [addresses.any_core].into_iter().chain(addresses.cores) {
            check(&mut Raw::connect(port), cores as u16);
        }
        node.request_stop();
        node.join().unwrap();
    }
}

#[test]
fn a_size_counts_every_core_and_one_map_alone() {
    on_every_port(|raw, cores| {
        let before = size(raw, b"counted");
        for core in 0..cores {
            for number in 0..50_u32 {
                put(raw, b"counted", &key_of_core(core, cores, number));
                put(raw, b"other", &key_of_core(core, cores, number));
            }
        }
        assert_eq!(size(raw, b"counted"), u64::from(cores) * 50);
        assert!(before == 0 || before == u64::from(cores) * 50);
        let key = key_of_core(cores - 1, cores, 0);
        let deleted = raw.call(Request {
            key: &key,
            ..whole(Opcode::Delete, b"counted")
        });
        assert_eq!(deleted.arg, 1);
        assert_eq!(size(raw, b"counted"), u64::from(cores) * 50 - 1);
        assert_eq!(size(raw, b"nobody wrote to it"), 0);
        put(raw, b"counted", &key);
    });
}

#[test]
fn after_a_destroy_no_entry_is_seen_and_a_new_map_begins() {
    on_every_port(|raw, cores| {
        let keys: Vec<_> = (0..cores * 100)
            .map(|number| key_of_core(number % cores, cores, number.into()))
            .collect();
        for key in &keys {
            put(raw, b"doomed", key);
            put(raw, b"", key);
        }
        let destroyed = raw.call(whole(Opcode::Destroy, b"doomed"));
        assert_eq!(
            (destroyed.status, destroyed.arg),
            (Status::Ok, keys.len() as u64)
        );
        for key in &keys {
            let in_map = |map| Request {
                key,
                ..whole(Opcode::Get, map)
            };
            assert_eq!(raw.call(in_map(b"doomed")).status, Status::NotFound);
            assert_eq!(raw.call(in_map(b"")).status, Status::Ok);
        }
        assert_eq!(size(raw, b"doomed"), 0);
        put(raw, b"doomed", &keys[0]);
        assert_eq!(size(raw, b"doomed"), 1);
        let again = raw.call(whole(Opcode::Destroy, b"doomed"));
        assert_eq!((again.status, again.arg), (Status::Ok, 1));
        let unknown = raw.call(whole(Opcode::Destroy, b"nobody wrote to it"));
        assert_eq!((unknown.status, unknown.arg), (Status::Ok, 0));
        assert_eq!(size(raw, b""), keys.len() as u64);
        raw.call(whole(Opcode::Destroy, b""));
        assert_eq!(size(raw, b""), 0, "the default map is one like any other");
    });
}

#[test]
fn the_names_of_destroyed_maps_do_not_run_out() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for number in 0..5_000 {
        let name = format!("map {number}");
        let stored = raw.call(Request {
            key: b"key",
            ..whole(Opcode::Put, name.as_bytes())
        });
        assert_eq!(stored.status, Status::Ok, "map {number}");
        let destroyed = raw.call(whole(Opcode::Destroy, name.as_bytes()));
        assert_eq!(destroyed.arg, 1);
    }
}

#[test]
fn requests_of_a_connection_take_effect_in_their_order_around_one_on_all_cores() {
    on_every_port(|raw, cores| {
        for round in 0..20 {
            let keys: Vec<_> = (0..cores)
                .map(|core| key_of_core(core, cores, round))
                .collect();
            // All of it is under way at once.
            let mut entries = Vec::new();
            for key in &keys {
                assert!(multi::push_entry(&mut entries, key, b"before"));
            }
            raw.send(Request {
                value: &entries,
                count: keys.len() as u32,
                ..whole(Opcode::MultiPut, b"m")
            });
            let read = |key| Request {
                key,
                ..whole(Opcode::Get, b"m")
            };
            keys.iter().for_each(|key| {
                raw.send(read(key));
            });
            raw.send(whole(Opcode::Destroy, b"m"));
            keys.iter().for_each(|key| {
                raw.send(Request {
                    value: b"after",
                    ..Request {
                        opcode: Opcode::Put,
                        ..read(key)
                    }
                });
                raw.send(read(key));
            });
            assert_eq!(raw.receive().arg, u64::from(cores), "stored");
            for _ in &keys {
                assert_eq!(raw.receive().value, b"before");
            }
            assert_eq!(raw.receive().arg, u64::from(cores), "destroyed");
            for _ in &keys {
                assert_eq!(raw.receive().status, Status::Ok);
                assert_eq!(raw.receive().value, b"after");
            }
            raw.call(whole(Opcode::Destroy, b"m"));
        }
    });
}

#[test]
fn whoever_waits_for_a_lock_of_a_destroyed_map_gets_it() {
    on_every_port(|raw, cores| {
        for core in 0..cores {
            let key = key_of_core(core, cores, 0);
            let take = Request {
                key: &key,
                ..whole(Opcode::Lock, b"locks")
            };
            assert_eq!(raw.call(take).status, Status::Ok);
            let wait = lock::encode_wait(60_000);
            let waits = raw.send(Request {
                value: &wait,
                ..take
            });
            let destroyed = raw.send(whole(Opcode::Destroy, b"locks"));
            let replies = [raw.receive(), raw.receive()];
            let by = |id| {
                let found = replies.iter().find(|reply| reply.request_id == id);
                found.unwrap_or_else(|| panic!("no reply to {id}"))
            };
            assert_eq!(by(destroyed).arg, 1);
            assert_eq!(by(waits).status, Status::Ok);
            let held = raw.call(Request {
                version: by(waits).version,
                ..Request {
                    opcode: Opcode::Unlock,
                    ..take
                }
            });
            assert_eq!(held.status, Status::Ok);
        }
    });
}

#[test]
fn a_random_key_is_one_of_the_map_and_every_key_has_a_chance() {
    on_every_port(|raw, cores| {
        let draw = |raw: &mut Raw| raw.call(whole(Opcode::RandomKey, b"drawn"));
        for number in 0..300 {
            put(raw, b"beside", &key_of_core(0, cores, number));
        }
        raw.call(whole(Opcode::Destroy, b"drawn"));
        assert_eq!(draw(raw).status, Status::NotFound);
        let mut missing: Vec<_> = (0..cores * 5)
            .map(|number| key_of_core(number % cores, cores, number.into()))
            .collect();
        for key in &missing {
            put(raw, b"drawn", key);
        }
        let all = missing.clone();
        for _ in 0..100_000 {
            let drawn = draw(raw);
            assert_eq!(drawn.arg, all.len() as u64);
            // Others' keys may be all that the bounded work meets.
            if drawn.status == Status::Busy {
                continue;
            }
            assert_eq!(drawn.status, Status::Ok);
            assert!(all.contains(&drawn.value));
            missing.retain(|key| *key != drawn.value);
            if missing.is_empty() {
                return;
            }
        }
        panic!("never drawn: {missing:?}");
    });
}
