//! Frozen frames of the operations that every core executes and of those that came with map
//! settings.

use jerboa_wire::{ByteRange, Crc, Opcode, Reply, Request, RequestFlags, Status, multi};

use super::Found;

pub(super) fn frames(found: &mut Found) {
    let whole = |opcode| Request {
        request_id: 9,
        epoch: 7,
        map: b"orders",
        ..Request::new(opcode)
    };
    let get = whole(Opcode::SettingsGet);
    found.request("SettingsGet", get, Crc::On);
    let set = Request {
        map: b"",
        arg: 1,
        value: b"ttl_ms 60000\nkeys_max none\n",
        ..whole(Opcode::SettingsSet)
    };
    found.request("SettingsSet of the defaults", set, Crc::On);
    let settings = Reply {
        value: b"ttl_ms 60000 own\nidle_ms_max none node\nkeys_max none own\n",
        ..Reply::new(Opcode::SettingsSet, Status::Ok, 9)
    };
    found.reply("SettingsSet", settings, Crc::On);
    for opcode in [Opcode::Destroy, Opcode::Size, Opcode::RandomKey] {
        found.request(opcode.name(), whole(opcode), Crc::On);
    }
    let ok = |opcode| Reply {
        arg: 70_000,
        ..Reply::new(opcode, Status::Ok, 9)
    };
    found.reply("Destroy", ok(Opcode::Destroy), Crc::On);
    keyed(found);
    let key = Reply {
        value: b"foo",
        ..ok(Opcode::RandomKey)
    };
    found.reply("RandomKey", key, Crc::On);
}

fn keyed(found: &mut Found) {
    let expire = Request {
        flags: RequestFlags::TTL_RELATIVE | RequestFlags::IF_PRESENT | RequestFlags::IF_LATER,
        arg: 1500,
        ..super::keyed(Opcode::Expire)
    };
    found.request("Expire later than before", expire, Crc::On);
    let refused = Reply {
        arg: 1_767_225_600_000,
        version: 0x0190_0000_0000_0001,
        ..Reply::new(Opcode::Expire, Status::Mismatch, 9)
    };
    found.reply("Expire refused", refused, Crc::On);
    let range = ByteRange { start: 2, end: -1 }.encode();
    let get_range = Request {
        value: &range,
        ..super::keyed(Opcode::GetRange)
    };
    found.request("GetRange", get_range, Crc::On);
    let set_range = Request {
        arg: 5,
        value: b"bar",
        ..super::keyed(Opcode::SetRange)
    };
    found.request("SetRange", set_range, Crc::On);
    let get_expire = Request {
        flags: RequestFlags::TTL_ABSOLUTE,
        arg: 1_767_225_600_000,
        ..super::keyed(Opcode::GetExpire)
    };
    found.request("GetExpire", get_expire, Crc::On);
    let mut entries = Vec::new();
    assert!(multi::push_entry(&mut entries, b"{a}1", b"bar"));
    assert!(multi::push_entry(&mut entries, b"{a}2", b""));
    let all = Request {
        request_id: 9,
        flags: RequestFlags::IF_ABSENT,
        count: 2,
        value: &entries,
        ..Request::new(Opcode::MultiPut)
    };
    found.request("MultiPut of all or nothing", all, Crc::On);
}
