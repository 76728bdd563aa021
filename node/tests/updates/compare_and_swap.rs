//! Fear: a swap stores over an entry that is not the expected one, or two swaps both count.

use std::net::SocketAddr;

use jerboa_wire::{Comparison, Opcode, Request, RequestFlags, Status};

use super::common::{Raw, key_of_core, node};
use super::{keyed, on_every_port, put_for_a_minute, state, ttl};

#[test]
fn compare_and_swap_by_version_stores_only_over_the_expected_entry() {
    on_every_port(|raw, key| {
        let cas = |version, value, flags| Request {
            version,
            value,
            flags,
            ..keyed(Opcode::Cas, key)
        };
        let none = RequestFlags::NONE;
        assert_eq!(raw.call(cas(7, b"x", none)).status, Status::NotFound);
        assert_eq!(raw.get(key).status, Status::NotFound);
        let made = raw.call(cas(0, b"one", RequestFlags::IF_ABSENT));
        assert_eq!(made.status, Status::Ok);
        let again = raw.call(cas(0, b"two", RequestFlags::IF_ABSENT));
        assert_eq!(
            (again.status, again.version),
            (Status::Exists, made.version)
        );
        let newer = raw.call(cas(made.version, b"two", none));
        assert_eq!(newer.status, Status::Ok);
        assert!(newer.version > made.version);
        let stale = raw.call(cas(made.version, b"three", none));
        assert_eq!(
            (stale.status, stale.version),
            (Status::Mismatch, newer.version)
        );
        assert_eq!(raw.get(key).value, b"two");

        let timed = put_for_a_minute(raw, key, b"timed");
        let expiry = state(raw, key).3;
        let kept = raw.call(cas(timed.version, b"kept", RequestFlags::KEEP_TTL));
        assert_eq!(
            state(raw, key),
            (Status::Ok, b"kept".to_vec(), kept.version, expiry)
        );
        raw.call(cas(kept.version, b"forever", none));
        assert_eq!(ttl(raw, key), 0, "as a put without a TTL form");
    });
}

#[test]
fn compare_and_swap_by_value_tells_what_stood_in_the_way() {
    on_every_port(|raw, key| {
        let cas = |raw: &mut Raw, expected: &[u8], new: &[u8], flags: RequestFlags| {
            let mut section = Vec::new();
            assert!(Comparison { expected, new }.encode(&mut section));
            raw.call(Request {
                value: &section,
                flags,
                ..keyed(Opcode::CasValue, key)
            })
        };
        let none = RequestFlags::NONE;
        assert_eq!(
            cas(raw, b"", b"x", none).status,
            Status::NotFound,
            "absent is not empty"
        );
        let made = cas(raw, b"", b"", RequestFlags::IF_ABSENT);
        assert_eq!(made.status, Status::Ok);
        let swapped = cas(raw, b"", b"one", none);
        assert_eq!(swapped.status, Status::Ok, "an empty value is a value");
        for (expected, flags, status) in [
            (&b"on"[..], none, Status::Mismatch),
            (b"one ", none, Status::Mismatch),
            (b"onf", none, Status::Mismatch),
            (b"", RequestFlags::IF_ABSENT, Status::Exists),
        ] {
            let refused = cas(raw, expected, b"never", flags);
            assert_eq!(
                (refused.status, refused.version, &refused.value[..]),
                (status, swapped.version, &b"one"[..])
            );
        }
        // A value in several blocks is compared to its last byte.
        let mut large = vec![7; 600_000];
        assert_eq!(cas(raw, b"one", &large, none).status, Status::Ok);
        *large.last_mut().unwrap() = 8;
        assert_eq!(cas(raw, &large, b"never", none).status, Status::Mismatch);
        *large.last_mut().unwrap() = 7;
        assert_eq!(cas(raw, &large, b"small", none).status, Status::Ok);
        assert_eq!(raw.get(key).value, b"small");
    });
}

/// Olric's W6: there, counters and get-and-put lock on the member that receives the request.
#[test]
fn w6_updates_through_every_port_at_once_are_never_lost() {
    const ROUNDS: u64 = 200;
    let node = node(2);
    let addresses = node.addresses().clone();
    let ports: Vec<SocketAddr> = [addresses.any_core]
        .into_iter()
        .chain(addresses.cores)
        .collect();
    for core in 0..2 {
        let key = key_of_core(core, 2, 9);
        let text_key = key_of_core(core, 2, 10);
        let cas_key = key_of_core(core, 2, 11);
        Raw::connect(ports[0]).put(&cas_key, b"0");
        std::thread::scope(|scope| {
            for port in &ports {
                let (key, text_key, cas_key) = (&key, &text_key, &cas_key);
                scope.spawn(move || {
                    let mut raw = Raw::connect(*port);
                    for _ in 0..ROUNDS {
                        let added = raw.call(Request {
                            arg: 0.5_f64.to_bits(),
                            ..keyed(Opcode::IncrFloat, key)
                        });
                        assert_eq!(added.status, Status::Ok);
                        raw.call(Request {
                            value: b"x",
                            ..keyed(Opcode::Append, text_key)
                        });
                        increment_by_cas(&mut raw, cas_key);
                    }
                });
            }
        });
        let mut raw = Raw::connect(ports[0]);
        let total = ports.len() as u64 * ROUNDS;
        let halves: f64 = String::from_utf8(raw.get(&key).value)
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(halves, total as f64 / 2.0);
        assert_eq!(raw.get(&text_key).value.len() as u64, total);
        assert_eq!(raw.get(&cas_key).value, total.to_string().into_bytes());
    }
}

/// Adds one to decimal text by compare-and-swap, as often as it takes.
fn increment_by_cas(raw: &mut Raw, key: &[u8]) {
    let mut seen = raw.get(key);
    loop {
        let number: u64 = String::from_utf8(seen.value.clone())
            .unwrap()
            .parse()
            .unwrap();
        let new = (number + 1).to_string();
        let swapped = raw.call(Request {
            version: seen.version,
            value: new.as_bytes(),
            ..keyed(Opcode::Cas, key)
        });
        match swapped.status {
            Status::Ok => return,
            Status::Mismatch => seen = raw.get(key),
            status => panic!("{status:?}"),
        }
    }
}
