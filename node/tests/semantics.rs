//! Fear: what the protocol's document says that an operation does to an entry is not what it does.
//! The table is read from the document, and every operation in it is tried on every port.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;
#[path = "semantics/idle.rs"]
mod idle;
#[path = "semantics/options.rs"]
mod options;
#[path = "semantics/resp_counters.rs"]
mod resp_counters;
#[path = "semantics/resp_options.rs"]
mod resp_options;

use std::collections::BTreeMap;

use common::{OwnedReply, Raw, key_of_core, node};
use jerboa_wire::opcode::Kind;
use jerboa_wire::{
    ByteRange, Comparison, Conditional, Opcode, Request, RequestFlags, ScanQuery, Status,
    ValueCondition, multi,
};

const DOCUMENT: &str = include_str!("../../wire/PROTOCOL.md");
const HEADER: &str = "| operation | value | expiry | version | use |";

/// Operation by operation what becomes of value, expiry and version, and whether it is a use.
fn table() -> BTreeMap<String, [String; 4]> {
    let rows = DOCUMENT
        .lines()
        .skip_while(|line| *line != HEADER)
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        for name in cells[0].split(", ") {
            let fates = [cells[1], cells[2], cells[3], cells[4]].map(str::to_owned);
            assert!(table.insert(name.to_owned(), fates).is_none(), "{name}");
        }
    }
    table
}

/// Value, expiry and version; nothing where the entry is gone.
type State = Option<(Vec<u8>, u64, u64)>;

fn state(raw: &mut Raw, key: &[u8]) -> State {
    let reply = raw.call(Request {
        map: b"m",
        key,
        ..Request::new(Opcode::GetMeta)
    });
    (reply.status == Status::Ok).then_some((reply.value, reply.arg, reply.version))
}

/// The value section that an operation needs to act on a key that holds `5`.
fn section(opcode: Opcode, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match opcode {
        Opcode::MultiGet | Opcode::MultiDelete | Opcode::MultiExists => {
            assert!(multi::push_key(&mut out, key));
        }
        Opcode::MultiPut => assert!(multi::push_entry(&mut out, key, b"7")),
        Opcode::GetRange => out.extend(ByteRange { start: 0, end: 0 }.encode()),
        Opcode::Scan | Opcode::SlotKeys => ScanQuery {
            count: 100,
            pattern: b"",
        }
        .encode(&mut out),
        Opcode::CasValue => {
            let (expected, new) = (&b"5"[..], &b"7"[..]);
            assert!(Comparison { expected, new }.encode(&mut out));
        }
        Opcode::PutIf => {
            let condition = ValueCondition::Differs(b"7");
            assert!(
                Conditional {
                    condition,
                    new: b"7"
                }
                .encode(&mut out)
            );
        }
        Opcode::DeleteIf => {
            let condition = ValueCondition::Equals(b"5");
            assert!(
                Conditional {
                    condition,
                    new: b""
                }
                .encode(&mut out)
            );
        }
        Opcode::Put | Opcode::Cas | Opcode::Append | Opcode::SetRange => out.push(b'7'),
        _ => {}
    }
    out
}

fn perform(raw: &mut Raw, opcode: Opcode, key: &[u8], version: u64) -> OwnedReply {
    perform_in(raw, b"m", opcode, key, version, 0)
}

/// Performs an operation on a key of a map; `cursor` is where a scan goes on from, to its end.
fn perform_in(
    raw: &mut Raw,
    map: &[u8],
    opcode: Opcode,
    key: &[u8],
    version: u64,
    cursor: u64,
) -> OwnedReply {
    let value = section(opcode, key);
    let kind = opcode.shape().kind;
    let reply = raw.call(Request {
        map,
        key: if kind == Kind::Key { key } else { b"" },
        value: &value,
        count: u32::from(kind == Kind::Multi),
        version: if opcode == Opcode::Cas { version } else { 0 },
        flags: match opcode {
            Opcode::Expire => RequestFlags::TTL_RELATIVE,
            _ => RequestFlags::NONE,
        },
        arg: match opcode {
            Opcode::Expire => 500_000,
            Opcode::Incr | Opcode::Decr => 1,
            Opcode::IncrFloat => 1.5_f64.to_bits(),
            Opcode::SlotKeys => jerboa_wire::routing::slot(key).into(),
            Opcode::Scan => cursor,
            _ => 0,
        },
        ..Request::new(opcode)
    });
    match opcode {
        Opcode::Scan if reply.arg != 0 => perform_in(raw, map, opcode, key, version, reply.arg),
        _ => reply,
    }
}

#[test]
fn operations_do_to_an_entry_what_the_document_says() {
    let table = table();
    assert!(table.len() > 20, "the table was not found");
    let node = node(2);
    let addresses = node.addresses().clone();
    let ports = [addresses.any_core].into_iter().chain(addresses.cores);
    for (number, port) in (0..).zip(ports) {
        let mut raw = Raw::connect(port);
        for (name, [value, expiry, version, _]) in &table {
            let opcode = Opcode::ALL.iter().find(|opcode| opcode.name() == name);
            let opcode = *opcode.unwrap_or_else(|| panic!("no operation {name}"));
            for core in 0..2 {
                let key = key_of_core(core, 2, number);
                raw.call(Request {
                    map: b"m",
                    key: &key,
                    value: b"5",
                    flags: RequestFlags::TTL_RELATIVE,
                    arg: 1_000_000,
                    ..Request::new(Opcode::Put)
                });
                let before = state(&mut raw, &key).unwrap();
                let reply = perform(&mut raw, opcode, &key, before.2);
                assert_eq!(reply.status, Status::Ok, "{name}");
                let after = state(&mut raw, &key);
                let Some(after) = after else {
                    assert_eq!([value, expiry, version], ["gone"; 3], "{name}");
                    continue;
                };
                let fate = |changed, word| if changed { word } else { "kept" };
                let found = [
                    fate(after.0 != before.0, "set"),
                    fate(after.1 != before.1, "set"),
                    fate(after.2 != before.2, "new"),
                ];
                assert_eq!([value, expiry, version], found, "{name}");
                assert!(after.2 >= before.2, "{name}: a version that shrinks");
            }
        }
    }
}

#[test]
fn every_operation_on_entries_is_in_the_table() {
    let table = table();
    let locks = [Opcode::Lock, Opcode::Unlock, Opcode::Lease];
    for opcode in Opcode::ALL {
        let on_entries = opcode
            .shape()
            .parts
            .contains(jerboa_wire::opcode::Parts::MAP)
            && opcode.shape().kind != Kind::Connection
            && !locks.contains(opcode);
        assert!(
            !on_entries || table.contains_key(opcode.name()),
            "{opcode:?} is not described"
        );
    }
}

#[test]
fn versions_grow_across_deletion_and_destruction() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let mut last = 0;
        for round in 0..50 {
            let put = raw.call(Request {
                map: b"m",
                key: &key,
                value: b"5",
                ..Request::new(Opcode::Put)
            });
            assert!(put.version > last, "{} after {last}", put.version);
            last = put.version;
            let removal = [Opcode::Delete, Opcode::Destroy][round % 2];
            assert_eq!(perform(&mut raw, removal, &key, 0).arg, 1);
        }
    }
}
