//! Fear: of many entries that are to be stored together, some are.

use jerboa_wire::{Opcode, Request, RequestFlags, Status, multi};

use super::common::{Raw, config, key_of_core};
use super::{keyed, on_every_port, ttl};

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
        ..config(1)
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
