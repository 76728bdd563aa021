//! What a client sees of a node: every operation over real sockets, through every port.

mod common;

use common::{OwnedReply, Raw, config, key_of_core, node};
use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::frame::Crc;
use jerboa_wire::routing::Topology;
use jerboa_wire::{
    Decoded, Hello, HelloReply, Opcode, ReplyFlags, Request, RequestFlags, Status, multi, stats,
};

fn keyed(opcode: Opcode, key: &[u8]) -> Request<'_> {
    Request {
        key,
        ..Request::new(opcode)
    }
}

#[test]
fn every_single_key_operation_does_what_it_says_on_every_port() {
    let node = node(2);
    let addresses = node.addresses().clone();
    for (number, port) in (0u32..).zip([addresses.any_core].into_iter().chain(addresses.cores)) {
        for core in 0..2 {
            single_key_operations(&mut Raw::connect(port), &key_of_core(core, 2, number));
        }
    }
    node.request_stop();
    node.join().unwrap();
}

fn single_key_operations(raw: &mut Raw, key: &[u8]) {
    assert_eq!(raw.get(key).status, Status::NotFound);
    let put = raw.put(key, b"one");
    assert_eq!(put.status, Status::Ok);
    assert!(put.version > 0);
    let got = raw.get(key);
    assert_eq!(
        (got.status, got.value.as_slice(), got.version),
        (Status::Ok, &b"one"[..], put.version)
    );

    let absent = Request {
        flags: RequestFlags::IF_ABSENT,
        value: b"x",
        ..keyed(Opcode::Put, key)
    };
    assert_eq!(raw.call(absent).status, Status::Exists);
    assert_eq!(raw.get(key).value, b"one");
    let present = Request {
        flags: RequestFlags::IF_PRESENT,
        value: b"two",
        ..keyed(Opcode::Put, key)
    };
    let newer = raw.call(present);
    assert_eq!(newer.status, Status::Ok);
    assert!(newer.version > put.version);
    let exists = raw.call(keyed(Opcode::Exists, key));
    assert_eq!((exists.status, exists.version), (Status::Ok, newer.version));

    let ttl = |raw: &mut Raw| raw.call(keyed(Opcode::Ttl, key)).arg;
    assert_eq!(ttl(raw), 0, "no TTL was given");
    let expire = Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg: 60_000,
        ..keyed(Opcode::Expire, key)
    };
    let expiry = raw.call(expire);
    assert_eq!(expiry.status, Status::Ok);
    assert!((1..=60_000).contains(&ttl(raw)));
    let meta = raw.call(keyed(Opcode::GetMeta, key));
    assert_eq!(meta.arg, expiry.arg);
    assert!(
        meta.arg > 1_700_000_000_000,
        "expiry in Unix milliseconds, not {}",
        meta.arg
    );
    let keep = Request {
        flags: RequestFlags::KEEP_TTL,
        value: b"3",
        ..keyed(Opcode::Put, key)
    };
    assert_eq!(raw.call(keep).status, Status::Ok);
    assert!(ttl(raw) > 0, "the TTL was to be kept");
    let persist = |raw: &mut Raw| raw.call(keyed(Opcode::Persist, key)).arg;
    assert_eq!(persist(raw), 1);
    assert_eq!(ttl(raw), 0);
    assert_eq!(persist(raw), 0, "there was no expiry any more");

    counting(raw, key);

    assert_eq!(raw.call(keyed(Opcode::Delete, key)).arg, 1);
    assert_eq!(
        raw.call(keyed(Opcode::Delete, key)).status,
        Status::NotFound
    );
    assert_eq!(
        raw.call(keyed(Opcode::Exists, key)).status,
        Status::NotFound
    );
    assert_eq!(raw.call(expire).status, Status::NotFound);
}

/// On a key whose value is `3`.
fn counting(raw: &mut Raw, key: &[u8]) {
    let add = |raw: &mut Raw, opcode, arg: i64| {
        raw.call(Request {
            arg: arg.cast_unsigned(),
            ..keyed(opcode, key)
        })
    };
    assert_eq!(add(raw, Opcode::Incr, 4).arg, 7);
    assert_eq!(add(raw, Opcode::Decr, 10).arg.cast_signed(), -3);
    assert_eq!(raw.get(key).value, b"-3");
    assert_eq!(add(raw, Opcode::Incr, i64::MIN).status, Status::Overflow);
    raw.put(key, b"not a number");
    assert_eq!(add(raw, Opcode::Incr, 1).status, Status::NotANumber);
    assert_eq!(raw.get(key).value, b"not a number");
}

#[test]
fn maps_do_not_see_each_others_keys() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let put = |map, value| Request {
        map,
        value,
        ..keyed(Opcode::Put, b"key")
    };
    let get = |map| Request {
        map,
        ..keyed(Opcode::Get, b"key")
    };
    assert_eq!(raw.call(get(b"orders")).status, Status::NotFound);
    raw.call(put(b"orders", b"o"));
    raw.call(put(b"users", b"u"));
    raw.call(put(b"", b"default"));
    assert_eq!(raw.call(get(b"orders")).value, b"o");
    assert_eq!(raw.call(get(b"users")).value, b"u");
    assert_eq!(raw.call(get(b"")).value, b"default");
    assert_eq!(
        raw.call(Request {
            map: b"users",
            ..keyed(Opcode::Delete, b"key")
        })
        .status,
        Status::Ok
    );
    assert_eq!(raw.call(get(b"orders")).value, b"o");
    assert_eq!(raw.call(get(b"users")).status, Status::NotFound);
}

#[test]
fn a_request_on_the_wrong_cores_port_is_forwarded_and_says_so() {
    let node = node(2);
    let mut wrong = Raw::connect(node.addresses().cores[0]);
    let mut any = Raw::connect(node.addresses().any_core);
    let elsewhere = key_of_core(1, 2, 0);
    let reply = wrong.put(&elsewhere, b"v");
    assert_eq!(reply.status, Status::Ok);
    assert!(reply.flags.contains(ReplyFlags::STALE_TOPOLOGY));
    assert_ne!(reply.epoch, 0);
    let own = wrong.put(&key_of_core(0, 2, 0), b"v");
    assert!(!own.flags.contains(ReplyFlags::STALE_TOPOLOGY));
    let reply = any.get(&elsewhere);
    assert_eq!(reply.value, b"v");
    assert!(
        !reply.flags.contains(ReplyFlags::STALE_TOPOLOGY),
        "any port may ask any core"
    );
}

#[test]
fn replies_come_in_order_although_other_cores_answer_some() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let keys: Vec<Vec<u8>> = (0..400)
        .map(|i| key_of_core((i % 2) as u16, 2, i))
        .collect();
    let mut pipeline = Vec::new();
    let mut ids = Vec::new();
    for key in &keys {
        for request in [
            Request {
                value: key,
                ..keyed(Opcode::Put, key)
            },
            keyed(Opcode::Get, key),
        ] {
            let (frame, id) = raw.encode(request);
            pipeline.extend_from_slice(&frame);
            ids.push(id);
        }
    }
    std::io::Write::write_all(&mut raw.stream, &pipeline).unwrap();
    let replies: Vec<OwnedReply> = ids.iter().map(|_| raw.receive()).collect();
    for (reply, id) in replies.iter().zip(&ids) {
        assert_eq!(reply.request_id, *id);
        assert_eq!(reply.status, Status::Ok);
    }
    for (pair, key) in replies.chunks(2).zip(&keys) {
        assert_eq!(&pair[1].value, key, "a read sees the write before it");
    }
}

#[test]
fn multi_key_requests_over_several_cores_answer_per_key_in_request_order() {
    let node = node(2);
    for port in [node.addresses().any_core, node.addresses().cores[1]] {
        let mut raw = Raw::connect(port);
        let keys: Vec<Vec<u8>> = (0..300)
            .map(|i| key_of_core((i % 2) as u16, 2, 1000 + i))
            .collect();
        let mut entries = Vec::new();
        for key in &keys {
            assert!(multi::push_entry(&mut entries, key, &key[4..]));
        }
        let count = keys.len() as u32;
        let put = Request {
            value: &entries,
            count,
            ..Request::new(Opcode::MultiPut)
        };
        let reply = raw.call(put);
        assert_eq!((reply.status, reply.count), (Status::Ok, count));
        with_reply(&reply, |decoded| {
            assert!(
                decoded
                    .stored()
                    .all(|item| item.status == Status::Ok && item.version > 0)
            );
        });

        // Two absent keys and a doubled one among those that are there.
        let mut asked: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        asked.insert(7, b"absent");
        asked.insert(100, b"also absent");
        asked.push(&keys[0]);
        let section = keys_section(&asked);
        let get = Request {
            value: &section,
            count: asked.len() as u32,
            ..Request::new(Opcode::MultiGet)
        };
        with_reply(&raw.call(get), |decoded| {
            assert_eq!(
                decoded.arg,
                u64::from(count) + 1,
                "found, the doubled key twice"
            );
            let items: Vec<_> = decoded.fetched().collect();
            assert_eq!(items.len(), asked.len());
            for (item, key) in items.iter().zip(&asked) {
                if key.ends_with(b"absent") {
                    assert_eq!(item.status, Status::NotFound);
                } else {
                    assert_eq!((item.status, item.value), (Status::Ok, &key[4..]));
                }
            }
        });

        let delete = Request {
            opcode: Opcode::MultiDelete,
            ..get
        };
        let reply = raw.call(delete);
        assert_eq!(
            reply.arg,
            u64::from(count),
            "absent and doubled keys are not counted"
        );
        with_reply(&reply, |decoded| {
            let removed = decoded
                .deleted()
                .filter(|status| *status == Status::Ok)
                .count();
            assert_eq!(removed, keys.len());
        });
        assert_eq!(raw.get(&keys[5]).status, Status::NotFound);
    }
}

fn keys_section(keys: &[&[u8]]) -> Vec<u8> {
    let mut section = Vec::new();
    for key in keys {
        assert!(multi::push_key(&mut section, key));
    }
    section
}

fn with_reply(reply: &OwnedReply, check: impl FnOnce(jerboa_wire::Reply<'_>)) {
    match jerboa_wire::decode_reply(&reply.frame, &jerboa_wire::DecodeOptions::default()) {
        Ok(Decoded::Frame { frame, .. }) => check(frame),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hello_topology_stats_ping_and_noop_tell_the_truth() {
    let node = node(2);
    let addresses = node.addresses().clone();
    let mut raw = Raw::connect(addresses.cores[1]);
    assert_eq!(
        raw.call(Request {
            value: b"echo",
            ..Request::new(Opcode::Ping)
        })
        .value,
        b"echo"
    );
    assert_eq!(raw.call(Request::new(Opcode::Noop)).status, Status::Ok);

    let hello = Hello::new(true).encode();
    let reply = raw.call(Request {
        value: &hello,
        ..Request::new(Opcode::Hello)
    });
    let reply = HelloReply::decode(&reply.value).unwrap();
    assert_eq!((reply.core, reply.cores, reply.crc_on), (1, 2, false));
    assert_eq!(reply.partition_count, common::PARTITIONS);
    raw.crc = Crc::Off;
    assert_eq!(raw.put(b"without", b"checksum").status, Status::Ok);
    assert_eq!(raw.get(b"without").value, b"checksum");

    let topology = Topology::decode(&raw.call(Request::new(Opcode::Topology)).value).unwrap();
    let member = &topology.members()[0];
    assert_eq!(member.any_core_port, addresses.any_core.port());
    assert_eq!(member.core_port(1), addresses.cores[1].port());

    std::thread::sleep(std::time::Duration::from_millis(250));
    let text = String::from_utf8(raw.call(Request::new(Opcode::Stats)).value).unwrap();
    assert_eq!(stats::number(&text, "node.cores"), Some(2));
    assert!(stats::number(&text, "node.ops").unwrap() >= 6, "{text}");
    assert_eq!(stats::number(&text, "node.connections"), Some(1));
    assert_eq!(stats::number(&text, "node.entries"), Some(1));
}

#[test]
fn a_recount_of_a_running_core_ends_and_finds_everything_in_order() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().cores[1]);
    let ask = |raw: &mut Raw, arg| {
        raw.call(Request {
            arg,
            ..Request::new(Opcode::Verify)
        })
    };
    assert_eq!(ask(&mut raw, 0).arg, 0, "none was asked for");
    for number in 0..500 {
        raw.put(&key_of_core(1, 2, number), b"value");
    }
    assert_eq!(ask(&mut raw, 1).arg, 1);
    let mut state = ask(&mut raw, 0);
    while state.arg == 1 {
        // Other requests go on meanwhile.
        raw.put(b"key", b"value");
        state = ask(&mut raw, 0);
    }
    let text = String::from_utf8(state.value).unwrap();
    assert_eq!(state.arg, 2, "{text}");
    assert!(text.starts_with("core 1\n"), "{text}");
    let entries = stats::number(&text, "entries").unwrap();
    assert!((500..=501).contains(&entries), "{text}");
}

#[test]
fn a_wrong_partition_is_refused_and_changes_nothing() {
    let node = node(1);
    let mut raw = Raw::connect(node.addresses().any_core);
    let (mut frame, _) = raw.encode(Request {
        value: b"v",
        ..keyed(Opcode::Put, b"key")
    });
    let right = jerboa_wire::routing::partition_of(b"key", common::PARTITIONS);
    let Ok(Decoded::Frame { frame: request, .. }) =
        jerboa_wire::decode_request(&frame, &jerboa_wire::DecodeOptions::default())
    else {
        panic!("not a request");
    };
    let mut wrong = Vec::new();
    Request {
        partition: right ^ 1,
        ..request
    }
    .encode(&mut wrong, Crc::On)
    .unwrap();
    std::mem::swap(&mut frame, &mut wrong);
    std::io::Write::write_all(&mut raw.stream, &frame).unwrap();
    assert_eq!(raw.receive().status, Status::WrongPartition);
    assert_eq!(raw.get(b"key").status, Status::NotFound);
}

#[test]
fn a_stop_sends_what_is_owed_and_the_node_ends() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    raw.put(b"key", b"value");
    for _ in 0..100 {
        raw.send(keyed(Opcode::Get, b"key"));
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    node.request_stop();
    let mut replies = 0;
    while let Ok(reply) = raw.try_receive() {
        assert_eq!(reply.value, b"value");
        replies += 1;
    }
    assert_eq!(replies, 100, "every request had arrived before the stop");
    node.join().unwrap();
}

#[test]
fn a_node_that_gathers_requests_answers_the_only_one_of_many_connections_that_asks() {
    let gathering = Config {
        gather_us: 1000,
        spin_us: 0,
        ..config(2)
    };
    let node = Node::start(&gathering).unwrap();
    let inside = node.dmap("").blocking();
    let ports = node.addresses().clone();
    // Half on the port of all cores, so that cores ask each other too.
    let mut clients: Vec<Raw> = (0..48)
        .map(|number| match number % 4 {
            0 | 1 => Raw::connect(ports.any_core),
            core => Raw::connect(ports.cores[core - 2]),
        })
        .collect();
    for (number, client) in (0u32..).zip(&mut clients) {
        for core in 0..2 {
            single_key_operations(client, &key_of_core(core, 2, number));
        }
        inside.put(format!("inside {number}"), "here").unwrap();
    }
    drop(clients);
    node.request_stop();
    node.join().unwrap();
}
