//! Fear: an update that reads before it writes loses another's write, forgets the expiry, or
//! changes something although it says that it did not. Through every port: the key's own core, a
//! foreign core, and the port that all cores share.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;

use std::net::SocketAddr;

use common::{OwnedReply, Raw, key_of_core, node};
use jerboa_wire::{ByteRange, Comparison, Opcode, Request, RequestFlags, Status, multi};

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
fn float_counters_keep_the_expiry_and_print_the_shortest_text() {
    on_every_port(|raw, key| {
        let add = |raw: &mut Raw, delta: f64| {
            raw.call(Request {
                arg: delta.to_bits(),
                ..keyed(Opcode::IncrFloat, key)
            })
        };
        assert_eq!(f64::from_bits(add(raw, 0.1).arg), 0.1);
        add(raw, 0.2);
        assert_eq!(
            raw.get(key).value,
            b"0.30000000000000004",
            "every digit that is needed"
        );
        put_for_a_minute(raw, key, b"3.0e3");
        let expiry = state(raw, key).3;
        assert_eq!(f64::from_bits(add(raw, 200.0).arg), 3200.0);
        assert_eq!(raw.get(key).value, b"3200");
        assert_eq!(state(raw, key).3, expiry);
        let counted = raw.call(Request {
            arg: 1,
            ..keyed(Opcode::Incr, key)
        });
        assert_eq!(counted.arg, 3201, "an integral float is an integer");
        add(raw, -3201.0);
        add(raw, -0.0);
        assert_eq!(raw.get(key).value, b"0", "zero has no sign");
    });
}

#[test]
fn float_counters_refuse_what_is_no_number_and_change_nothing() {
    on_every_port(|raw, key| {
        let add = |raw: &mut Raw, delta: f64| {
            raw.call(Request {
                arg: delta.to_bits(),
                ..keyed(Opcode::IncrFloat, key)
            })
            .status
        };
        for text in [
            "",
            "x",
            "1 ",
            " 1",
            "+1",
            "nan",
            "inf",
            "-infinity",
            "1e999",
            "0x1p3",
        ] {
            put_for_a_minute(raw, key, text.as_bytes());
            let before = state(raw, key);
            assert_eq!(add(raw, 1.0), Status::NotANumber, "{text:?}");
            assert_eq!(state(raw, key), before, "{text:?}");
        }
        put_for_a_minute(raw, key, format!("{}", f64::MAX).as_bytes());
        let before = state(raw, key);
        assert_eq!(add(raw, f64::MAX), Status::Overflow);
        assert_eq!(state(raw, key), before);
        // A frame that the encoder refuses to build.
        for bits in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(f64::to_bits) {
            let (mut frame, id) = raw.encode(Request {
                arg: 1,
                ..keyed(Opcode::IncrFloat, key)
            });
            frame[24..32].copy_from_slice(&bits.to_le_bytes());
            reseal(&mut frame);
            raw.send_bytes(&frame).unwrap();
            let reply = raw.receive();
            assert_eq!(
                (reply.request_id, reply.status),
                (id, Status::InvalidArgument)
            );
        }
        assert_eq!(state(raw, key), before);
    });
}

fn reseal(frame: &mut [u8]) {
    let sum = crc32fast::hash(&[&frame[..44], &frame[48..]].concat());
    frame[44..48].copy_from_slice(&sum.to_le_bytes());
}

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

#[test]
fn an_expiry_changes_only_where_its_condition_holds() {
    let (absent, present) = (RequestFlags::IF_ABSENT, RequestFlags::IF_PRESENT);
    let (later, earlier) = (RequestFlags::IF_LATER, RequestFlags::IF_EARLIER);
    on_every_port(|raw, key| {
        let expire = |flags, arg| Request {
            flags: RequestFlags::TTL_ABSOLUTE | flags,
            arg,
            ..keyed(Opcode::Expire, key)
        };
        assert_eq!(raw.call(expire(absent, 1)).status, Status::NotFound);
        assert_eq!(raw.call(expire(later, 1)).status, Status::NotFound);
        raw.put(key, b"value");
        let day_ms = 86_400_000;
        let soon = now_ms() + day_ms;
        let never = state(raw, key);
        for (flags, at_ms) in [(present, soon), (later, soon), (present | earlier, soon)] {
            let refused = raw.call(expire(flags, at_ms));
            assert_eq!(
                (refused.status, refused.arg, refused.version),
                (Status::Mismatch, 0, never.2),
                "{flags:?} while it never expires"
            );
        }
        assert_eq!(state(raw, key), never, "nothing changed");
        assert_eq!(raw.call(expire(earlier, soon)).arg, soon);
        let timed = state(raw, key);
        for (flags, at_ms) in [
            (absent, soon + 1),
            (later, soon),
            (later, soon - 1),
            (present | later, soon),
            (earlier, soon),
            (earlier, soon + 1),
            (present | earlier, soon + 1),
            // One that has passed removes nothing where the condition fails.
            (later, 1),
            (absent, 1),
        ] {
            let refused = raw.call(expire(flags, at_ms));
            assert_eq!(
                (refused.status, refused.arg, refused.version),
                (Status::Mismatch, soon, timed.2),
                "{flags:?} {at_ms}"
            );
        }
        assert_eq!(state(raw, key), timed);
        for (flags, at_ms) in [
            (present, soon + 5),
            (later, soon + 6),
            (present | later, soon + 7),
            (earlier, soon + 6),
            (present | earlier, soon),
        ] {
            assert_eq!(raw.call(expire(flags, at_ms)).arg, at_ms, "{flags:?}");
            assert_eq!(state(raw, key).3, at_ms);
        }
        assert_eq!(raw.call(expire(earlier, 1)).arg, 0, "removed");
        assert_eq!(raw.get(key).status, Status::NotFound);
    });
}

#[test]
fn conditions_of_an_expiry_that_exclude_each_other_are_refused_by_name() {
    let (absent, present) = (RequestFlags::IF_ABSENT, RequestFlags::IF_PRESENT);
    let (later, earlier) = (RequestFlags::IF_LATER, RequestFlags::IF_EARLIER);
    on_every_port(|raw, key| {
        raw.put(key, b"value");
        let before = state(raw, key);
        let expire = Request {
            flags: RequestFlags::TTL_RELATIVE,
            arg: 1000,
            ..keyed(Opcode::Expire, key)
        };
        let conflicts = [
            absent | present,
            absent | later,
            absent | earlier,
            later | earlier,
        ];
        for flags in conflicts {
            let (mut frame, _) = raw.encode(expire);
            // The encoder refuses them: set the bits by hand.
            let bits = (RequestFlags::TTL_RELATIVE | flags).bits().to_le_bytes();
            frame[4..6].copy_from_slice(&bits);
            seal(&mut frame);
            raw.send_bytes(&frame).unwrap();
            assert_eq!(raw.receive().status, Status::InvalidOptions, "{flags:?}");
        }
        assert_eq!(state(raw, key), before);
    });
}

/// Makes the checksum of a frame right again.
fn seal(frame: &mut [u8]) {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..44]);
    hasher.update(&frame[48..]);
    frame[44..48].copy_from_slice(&hasher.finalize().to_le_bytes());
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

#[test]
fn reading_with_a_new_expiry_changes_that_alone() {
    on_every_port(|raw, key| {
        let take = |flags, arg| Request {
            flags,
            arg,
            ..keyed(Opcode::GetExpire, key)
        };
        let none = RequestFlags::NONE;
        assert_eq!(raw.call(take(none, 0)).status, Status::NotFound);
        let put = raw.put(key, b"value");
        let kept = raw.call(take(none, 0));
        assert_eq!(
            (kept.status, &kept.value[..], kept.version, kept.arg),
            (Status::Ok, &b"value"[..], put.version, 0)
        );
        let timed = raw.call(take(RequestFlags::TTL_RELATIVE, 60_000));
        assert_eq!(&timed.value[..], b"value");
        assert!(timed.version > put.version);
        assert_eq!(
            state(raw, key),
            (Status::Ok, b"value".to_vec(), timed.version, timed.arg)
        );
        assert!((1..=60_000).contains(&ttl(raw, key)));
        let at_ms = timed.arg + 5_000;
        let moved = raw.call(take(RequestFlags::TTL_ABSOLUTE, at_ms));
        assert_eq!((moved.arg, state(raw, key).3), (at_ms, at_ms));
        let persisted = raw.call(take(none, 0));
        assert_eq!((persisted.arg, ttl(raw, key)), (0, 0));
        assert!(persisted.version > moved.version);
        let last = raw.call(take(RequestFlags::TTL_ABSOLUTE, 1));
        assert_eq!(
            (last.status, &last.value[..], last.arg),
            (Status::Ok, &b"value"[..], 1)
        );
        assert_eq!(raw.get(key).status, Status::NotFound, "it had passed");
    });
}

#[test]
fn a_range_is_read_from_values_of_every_size() {
    on_every_port(|raw, key| {
        let read = |raw: &mut Raw, start, end| {
            let section = ByteRange { start, end }.encode();
            raw.call(Request {
                value: &section,
                ..keyed(Opcode::GetRange, key)
            })
        };
        assert_eq!(read(raw, 0, -1).status, Status::NotFound);
        // The last of them lies in many blocks.
        for bytes in [0_usize, 1, 1000, 3 << 20] {
            let value: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            let put = raw.put(key, &value);
            let length = bytes as i64;
            for (start, end) in [
                (0, -1),
                (0, 0),
                (-1, -1),
                (length / 2 - 100, length / 2 + 100_000),
                (length - 3, length + 3),
                (length, length),
                (1, 0),
            ] {
                let reply = read(raw, start, end);
                let (first, count) = ByteRange { start, end }.within(bytes);
                assert_eq!(
                    (reply.status, reply.arg, reply.version),
                    (Status::Ok, bytes as u64, put.version)
                );
                assert!(
                    reply.value == value[first..first + count],
                    "{start}..={end}"
                );
            }
        }
        let exists = raw.call(keyed(Opcode::Exists, key));
        assert_eq!(exists.arg, 3 << 20, "the length without the value");
    });
}

#[test]
fn a_range_is_written_with_zeroes_before_it_and_within_the_limit() {
    on_every_port(|raw, key| {
        let write = |raw: &mut Raw, offset, value: &[u8]| {
            raw.call(Request {
                arg: offset,
                value,
                ..keyed(Opcode::SetRange, key)
            })
        };
        let nothing = write(raw, 100, b"");
        assert_eq!(
            (nothing.status, nothing.arg, nothing.version),
            (Status::Ok, 0, 0)
        );
        assert_eq!(raw.get(key).status, Status::NotFound, "it created nothing");
        let first = write(raw, 3, b"abc");
        assert_eq!((first.status, first.arg), (Status::Ok, 6));
        assert_eq!(raw.get(key).value, b"\0\0\0abc");
        put_for_a_minute(raw, key, b"0123456789");
        let before = state(raw, key);
        assert_eq!(write(raw, 2, b"xy").arg, 10);
        let after = state(raw, key);
        assert_eq!((&after.1[..], after.3), (&b"01xy456789"[..], before.3));
        assert!(after.2 > before.2);
        assert_eq!(write(raw, 9, b"end").arg, 12);
        assert_eq!(raw.get(key).value, b"01xy45678end");
        let whole = state(raw, key);
        for offset in [64 << 20, (64 << 20) - 2, 900 << 20] {
            assert_eq!(write(raw, offset, b"abc").status, Status::ValueTooLarge);
        }
        let (mut frame, _) = raw.encode(Request {
            value: b"abc",
            ..keyed(Opcode::SetRange, key)
        });
        // The encoder refuses what no node takes: set the offset by hand.
        frame[24..32].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
        seal(&mut frame);
        raw.send_bytes(&frame).unwrap();
        assert_eq!(raw.receive().status, Status::ValueTooLarge);
        assert_eq!(write(raw, u64::MAX, b"").arg, 12, "nothing is written");
        assert_eq!(state(raw, key), whole, "nothing changed");
    });
}

#[test]
fn many_are_stored_if_all_are_absent_and_one_core_owns_them_or_none_is() {
    on_every_port(|raw, key| {
        let tagged = |name: &str| [b"{", key, b"}", name.as_bytes()].concat();
        let (one, two) = (tagged("one"), tagged("two"));
        let put = |raw: &mut Raw, keys: &[&[u8]]| {
            let mut section = Vec::new();
            for (number, key) in (0_u8..).zip(keys) {
                assert!(multi::push_entry(&mut section, key, &[number]));
            }
            raw.call(Request {
                flags: RequestFlags::IF_ABSENT | RequestFlags::TTL_RELATIVE,
                arg: 60_000,
                count: keys.len() as u32,
                value: &section,
                ..Request::new(Opcode::MultiPut)
            })
        };
        raw.put(&two, b"there");
        let refused = put(raw, &[&one, &two]);
        assert_eq!((refused.status, refused.count), (Status::Exists, 0));
        assert_eq!(raw.get(&one).status, Status::NotFound);
        assert_eq!(raw.get(&two).value, b"there");
        raw.call(keyed(Opcode::Delete, &two));
        let stored = put(raw, &[&one, &two, &one]);
        assert_eq!(
            (stored.status, stored.count, stored.arg),
            (Status::Ok, 3, 3)
        );
        assert_eq!(raw.get(&one).value, [2], "the last of two stays");
        assert!(ttl(raw, &two) > 0);
        let elsewhere = [key_of_core(0, 2, 1000), key_of_core(1, 2, 1000)];
        let apart = put(raw, &[&elsewhere[0], &elsewhere[1]]);
        assert_eq!(apart.status, Status::ManyOwners);
        assert_eq!(raw.get(&elsewhere[0]).status, Status::NotFound);
        assert_eq!(raw.get(&elsewhere[1]).status, Status::NotFound);
    });
}

#[test]
fn all_or_nothing_is_nothing_where_there_is_no_room_for_all() {
    let node = jerboa::Node::start(&jerboa::config::Config {
        when_full: jerboa::config::WhenFull::Refuse,
        ..common::config(1)
    })
    .unwrap();
    let mut raw = Raw::connect(node.addresses().any_core);
    let mut large = Vec::new();
    let value = vec![7; 4 << 20];
    for number in 0..12_u8 {
        assert!(multi::push_entry(&mut large, &[b'k', number], &value));
    }
    let mut refused = false;
    for round in 0..3_u8 {
        let mut section = large.clone();
        // Other keys each time.
        for entry in 0..12 {
            section[entry * (8 + value.len()) + 6] = b'a' + round;
        }
        let reply = raw.call(Request {
            flags: RequestFlags::IF_ABSENT,
            count: 12,
            value: &section,
            ..Request::new(Opcode::MultiPut)
        });
        let present = (0..12)
            .filter(|number| raw.get(&[b'a' + round, *number]).status == Status::Ok)
            .count();
        match reply.status {
            Status::Ok => assert_eq!(present, 12),
            status => {
                assert_eq!((status, present), (Status::OutOfMemory, 0));
                refused = true;
            }
        }
    }
    assert!(refused, "64 MiB held 144 MiB");
}
