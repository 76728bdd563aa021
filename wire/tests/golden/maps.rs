//! Frozen frames of the operations that every core executes and of those that came with map
//! settings.

use jerboa_wire::{Crc, Opcode, Reply, Request, Status};

use super::Found;

pub(super) fn frames(found: &mut Found) {
    let whole = |opcode| Request {
        request_id: 9,
        epoch: 7,
        map: b"orders",
        ..Request::new(opcode)
    };
    for opcode in [Opcode::Destroy, Opcode::Size, Opcode::RandomKey] {
        found.request(opcode.name(), whole(opcode), Crc::On);
    }
    let ok = |opcode| Reply {
        arg: 70_000,
        ..Reply::new(opcode, Status::Ok, 9)
    };
    found.reply("Destroy", ok(Opcode::Destroy), Crc::On);
    let key = Reply {
        value: b"foo",
        ..ok(Opcode::RandomKey)
    };
    found.reply("RandomKey", key, Crc::On);
}
