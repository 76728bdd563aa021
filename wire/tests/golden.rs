//! Frozen frames: `golden/frames.txt` holds the bytes of one frame of every kind. A change to
//! any of them is a new protocol version, not an edit.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test harness")]

use std::collections::BTreeMap;
use std::fmt::Write;

use jerboa_wire::opcode::Kind;
use jerboa_wire::routing::{Member, Migration, Topology};
use jerboa_wire::{
    Comparison, Conditional, Crc, CrcMode, DecodeOptions, Decoded, Hello, HelloReply, Opcode,
    Reply, ReplyFlags, Request, RequestFlags, ScanQuery, Status, ValueCondition, decode_reply,
    decode_request, hello, lock, multi, stats,
};

#[path = "golden/channels.rs"]
mod channels;
#[path = "golden/maps.rs"]
mod maps;

const FROZEN: &str = include_str!("golden/frames.txt");

const DECODE: DecodeOptions = DecodeOptions {
    crc: CrcMode::Optional,
    value_bytes_max: 1 << 20,
};

/// Names and bytes of the frozen frames: `name: hex`, spaces free, `#` comments.
fn frozen() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = FROZEN
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let frame = |line: &'static str| {
        let (name, hex) = line.split_once(": ").expect("name: hex");
        let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        (
            name,
            digits
                .chunks(2)
                .map(|pair| byte(pair).expect("hex"))
                .collect(),
        )
    };
    lines.map(frame).collect()
}

/// Eight bytes a group, the six groups of the header and then the payload.
fn line(name: &str, frame: &[u8]) -> String {
    let mut line = format!("{name}:");
    for (index, byte) in frame.iter().enumerate() {
        let gap = if index % 8 == 0 && index <= 48 {
            " "
        } else {
            ""
        };
        write!(line, "{gap}{byte:02x}").unwrap();
    }
    line
}

struct Found {
    frames: BTreeMap<String, Vec<u8>>,
}

impl Found {
    fn request(&mut self, name: &str, request: Request<'_>, crc: Crc) {
        let mut frame = Vec::new();
        request.encode(&mut frame, crc).expect("valid");
        let decoded = Decoded::Frame {
            frame: request,
            consumed: frame.len(),
        };
        assert_eq!(decode_request(&frame, &DECODE), Ok(decoded), "{name}");
        assert_eq!(self.frames.insert(format!("request {name}"), frame), None);
    }

    fn reply(&mut self, name: &str, reply: Reply<'_>, crc: Crc) {
        let mut frame = Vec::new();
        reply.encode(&mut frame, crc).expect("valid");
        let decoded = Decoded::Frame {
            frame: reply,
            consumed: frame.len(),
        };
        assert_eq!(decode_reply(&frame, &DECODE), Ok(decoded), "{name}");
        assert_eq!(self.frames.insert(format!("reply {name}"), frame), None);
    }
}

fn keyed(opcode: Opcode) -> Request<'static> {
    Request {
        partition: 3045,
        request_id: 0x0102_0304,
        epoch: 7,
        map: b"orders",
        key: b"foo",
        ..Request::new(opcode)
    }
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn requests(found: &mut Found) {
    for opcode in [
        Opcode::Get,
        Opcode::GetMeta,
        Opcode::Delete,
        Opcode::Exists,
        Opcode::Persist,
        Opcode::Ttl,
    ] {
        found.request(opcode.name(), keyed(opcode), Crc::On);
    }
    let memory = Request {
        arg: 1,
        ..keyed(Opcode::Exists)
    };
    found.request("Exists of memory", memory, Crc::On);
    found.request("Get without checksum", keyed(Opcode::Get), Crc::Off);
    found.request(
        "Get forwarded",
        Request {
            hops: 1,
            ..keyed(Opcode::Get)
        },
        Crc::On,
    );
    let put = Request {
        value: b"bar",
        ..keyed(Opcode::Put)
    };
    found.request("Put", put, Crc::On);
    let flags = RequestFlags::IF_ABSENT | RequestFlags::TTL_RELATIVE;
    found.request(
        "Put if absent for 1.5 s",
        Request {
            flags,
            arg: 1500,
            ..put
        },
        Crc::On,
    );
    let flags = RequestFlags::IF_PRESENT | RequestFlags::KEEP_TTL;
    found.request(
        "Put if present keeping its expiry",
        Request { flags, ..put },
        Crc::On,
    );
    let flags = RequestFlags::TTL_ABSOLUTE;
    let arg = 1_767_225_600_000;
    found.request("Put until 2026", Request { flags, arg, ..put }, Crc::On);
    let never = Request {
        flags,
        arg: 0,
        ..put
    };
    found.request("Put never to expire", never, Crc::On);
    found.request(
        "Expire",
        Request {
            flags,
            arg,
            ..keyed(Opcode::Expire)
        },
        Crc::On,
    );
    found.request(
        "Incr",
        Request {
            arg: 5,
            ..keyed(Opcode::Incr)
        },
        Crc::On,
    );
    let arg = u64::from_le_bytes((-5_i64).to_le_bytes());
    found.request(
        "Decr by -5",
        Request {
            arg,
            ..keyed(Opcode::Decr)
        },
        Crc::On,
    );
    updates(found);
    conditions(found);
    locks(found);
    scans(found);
    maps::frames(found);
    channels::frames(found);
    let bare = |opcode| Request {
        request_id: 9,
        ..Request::new(opcode)
    };
    for opcode in [Opcode::Noop, Opcode::Topology, Opcode::Stats] {
        found.request(opcode.name(), bare(opcode), Crc::On);
    }
    found.request(
        "Verify",
        Request {
            arg: 1,
            ..bare(Opcode::Verify)
        },
        Crc::On,
    );
    found.request(
        "HotKeys",
        Request {
            arg: 16,
            ..bare(Opcode::HotKeys)
        },
        Crc::On,
    );
    found.request(
        "MapStats",
        Request {
            arg: stats::MAP_STATS_AFTER,
            map: b"orders",
            ..bare(Opcode::MapStats)
        },
        Crc::On,
    );
    found.request(
        "Stats of latencies",
        Request {
            arg: 2,
            ..bare(Opcode::Stats)
        },
        Crc::On,
    );
    found.request(
        "Ping",
        Request {
            value: b"jump",
            ..bare(Opcode::Ping)
        },
        Crc::On,
    );
    let hello = Hello::new(true).encode();
    found.request(
        "Hello",
        Request {
            value: &hello,
            ..bare(Opcode::Hello)
        },
        Crc::On,
    );
    let mut keys = Vec::new();
    assert!(multi::push_key(&mut keys, b"foo") && multi::push_key(&mut keys, b"quux"));
    let many = |opcode| Request {
        count: 2,
        ..bare(opcode)
    };
    found.request(
        "MultiGet",
        Request {
            value: &keys,
            ..many(Opcode::MultiGet)
        },
        Crc::On,
    );
    found.request(
        "MultiDelete",
        Request {
            value: &keys,
            ..many(Opcode::MultiDelete)
        },
        Crc::On,
    );
    found.request(
        "MultiExists",
        Request {
            value: &keys,
            ..many(Opcode::MultiExists)
        },
        Crc::On,
    );
    let mut entries = Vec::new();
    assert!(multi::push_entry(&mut entries, b"foo", b"bar"));
    assert!(multi::push_entry(&mut entries, b"quux", b""));
    found.request(
        "MultiPut",
        Request {
            value: &entries,
            ..many(Opcode::MultiPut)
        },
        Crc::On,
    );
}

/// Requests that read an entry before they change it, and their replies.
fn updates(found: &mut Found) {
    let with_value = |opcode| Request {
        value: b"bar",
        ..keyed(opcode)
    };
    found.request("GetDelete", keyed(Opcode::GetDelete), Crc::On);
    found.request("Append", with_value(Opcode::Append), Crc::On);
    let old = Request {
        flags: RequestFlags::RETURN_OLD,
        ..with_value(Opcode::Put)
    };
    found.request("Put returning the old value", old, Crc::On);
    let float = Request {
        arg: 10.5_f64.to_bits(),
        ..keyed(Opcode::IncrFloat)
    };
    found.request("IncrFloat by 10.5", float, Crc::On);
    let version = 0x0190_0000_0000_0001;
    let cas = Request {
        version,
        flags: RequestFlags::KEEP_TTL,
        ..with_value(Opcode::Cas)
    };
    found.request("Cas", cas, Crc::On);
    let mut section = Vec::new();
    let comparison = Comparison {
        expected: b"bar",
        new: b"quux",
    };
    assert!(comparison.encode(&mut section));
    let cas = Request {
        value: &section,
        ..keyed(Opcode::CasValue)
    };
    found.request("CasValue", cas, Crc::On);
    let mismatch = Reply {
        version,
        value: b"other",
        ..Reply::new(Opcode::CasValue, Status::Mismatch, 8)
    };
    found.reply("CasValue of another value", mismatch, Crc::On);
}

fn conditions(found: &mut Found) {
    let version = 0x0190_0000_0000_0001;
    let conditional = |condition, new| {
        let mut section = Vec::new();
        assert!(Conditional { condition, new }.encode(&mut section));
        section
    };
    let section = conditional(ValueCondition::Differs(b"bar"), b"quux");
    let put = Request {
        value: &section,
        flags: RequestFlags::KEEP_TTL | RequestFlags::RETURN_OLD,
        ..keyed(Opcode::PutIf)
    };
    found.request("PutIf", put, Crc::On);
    let mismatch = Reply {
        version,
        arg: version,
        value: b"bar",
        ..Reply::new(Opcode::PutIf, Status::Mismatch, 8)
    };
    found.reply("PutIf of the same value", mismatch, Crc::On);
    let section = conditional(ValueCondition::DigestEquals(0x9555_E855_5C62_DCFD), b"");
    let delete = Request {
        value: &section,
        ..keyed(Opcode::DeleteIf)
    };
    found.request("DeleteIf", delete, Crc::On);
    found.request("Digest", keyed(Opcode::Digest), Crc::On);
    let digest = Reply {
        version,
        arg: 0x9555_E855_5C62_DCFD,
        ..Reply::new(Opcode::Digest, Status::Ok, 8)
    };
    found.reply("Digest", digest, Crc::On);
}

fn scans(found: &mut Found) {
    let mut section = Vec::new();
    let pattern = b"user:*";
    ScanQuery { count: 10, pattern }.encode(&mut section);
    let scan = Request {
        request_id: 9,
        map: b"orders",
        arg: 0x0102_0304_0506_0708,
        value: &section,
        ..Request::new(Opcode::Scan)
    };
    found.request("Scan", scan, Crc::On);
    let mut keys = Vec::new();
    assert!(multi::push_key(&mut keys, b"user:1") && multi::push_key(&mut keys, b"user:22"));
    let reply = Reply {
        count: 2,
        arg: 0x0102_0304_0506_0999,
        value: &keys,
        ..Reply::new(Opcode::Scan, Status::Ok, 9)
    };
    found.reply("Scan", reply, Crc::On);
    let over = Reply::new(Opcode::Scan, Status::Ok, 9);
    found.reply("Scan that is over", over, Crc::On);
    let of_slot = Request {
        arg: 866,
        ..Request {
            opcode: Opcode::SlotKeys,
            ..scan
        }
    };
    found.request("SlotKeys", of_slot, Crc::On);
    let in_slot = Reply {
        opcode: Opcode::SlotKeys,
        arg: 12,
        ..reply
    };
    found.reply("SlotKeys", in_slot, Crc::On);
    let here = Request {
        flags: RequestFlags::THIS_CORE,
        ..scan
    };
    found.request("Scan of one core", here, Crc::On);
}

fn locks(found: &mut Found) {
    found.request("Lock at once", keyed(Opcode::Lock), Crc::On);
    let wait = lock::encode_wait(2500);
    let leased = Request {
        value: &wait,
        flags: RequestFlags::TTL_RELATIVE,
        arg: 30_000,
        ..keyed(Opcode::Lock)
    };
    found.request("Lock for 30 s, waiting 2.5 s", leased, Crc::On);
    let version = 0x0190_0000_0000_0001;
    let unlock = Request {
        version,
        ..keyed(Opcode::Unlock)
    };
    found.request("Unlock", unlock, Crc::On);
    let lease = Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg: 30_000,
        version,
        ..keyed(Opcode::Lease)
    };
    found.request("Lease", lease, Crc::On);
    let refused = Reply::new(Opcode::Lock, Status::LockNotAcquired, 8);
    found.reply("Lock not acquired", refused, Crc::On);
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn replies(found: &mut Found) {
    let ok = |opcode| Reply {
        epoch: 7,
        ..Reply::new(opcode, Status::Ok, 0x0102_0304)
    };
    let version = 0x0190_0000_0000_0001;
    found.reply(
        "Get",
        Reply {
            version,
            value: b"bar",
            ..ok(Opcode::Get)
        },
        Crc::On,
    );
    let bare = Reply {
        version,
        value: b"bar",
        ..ok(Opcode::Get)
    };
    found.reply("Get without checksum", bare, Crc::Off);
    let missing = Reply {
        status: Status::NotFound,
        ..ok(Opcode::Get)
    };
    found.reply("Get of nothing", missing, Crc::On);
    let stale = Reply {
        flags: ReplyFlags::STALE_TOPOLOGY,
        version,
        ..ok(Opcode::Put)
    };
    found.reply("Put forwarded", stale, Crc::On);
    let arg = u64::from_le_bytes((-42_i64).to_le_bytes());
    found.reply(
        "Incr to -42",
        Reply {
            arg,
            version,
            ..ok(Opcode::Incr)
        },
        Crc::On,
    );
    let busy = Reply {
        value: b"mailbox full",
        ..Reply::new(Opcode::Put, Status::Busy, 8)
    };
    found.reply("Busy", busy, Crc::On);
    found.reply(
        "Unknown",
        Reply::new(Opcode::Unknown, Status::UnknownOpcode, 8),
        Crc::On,
    );
    let hello = HelloReply {
        protocol: 1,
        crc_on: true,
        epoch: 7,
        core: hello::ANY_CORE,
        cores: 2,
        partition_count: 4096,
        value_bytes_max: 64 << 20,
        member: 0x1122_3344_5566_7788,
    };
    found.reply(
        "Hello",
        Reply {
            value: &hello.encode(),
            ..ok(Opcode::Hello)
        },
        Crc::On,
    );
    let member = |id, alive| Member {
        id,
        alive,
        cores: 2,
        host: "127.0.0.1".to_owned(),
        any_core_port: 7400,
        first_core_port: 7401,
    };
    let moving = vec![Migration {
        partition: 3,
        owner: 0,
    }];
    let topology = Topology::new(7, 1024, vec![member(1, true), member(2, false)], moving).unwrap();
    let mut value = Vec::new();
    topology.encode(&mut value);
    found.reply(
        "Topology",
        Reply {
            value: &value,
            ..ok(Opcode::Topology)
        },
        Crc::On,
    );
    let stats = Reply {
        value: b"core.0.gets 12\n",
        ..ok(Opcode::Stats)
    };
    found.reply("Stats", stats, Crc::On);
    let verify = Reply {
        arg: 2,
        value: b"core 0\n",
        ..ok(Opcode::Verify)
    };
    found.reply("Verify", verify, Crc::On);
    let mut value = Vec::new();
    let hot = stats::HotKey {
        map: b"orders".to_vec(),
        key: b"foo".to_vec(),
        key_bytes: 3,
        uses_per_s: 1200.5,
        error_per_s: 0.5,
    };
    hot.encode(&mut value);
    let reply = Reply {
        value: &value,
        ..ok(Opcode::HotKeys)
    };
    found.reply("HotKeys", reply, Crc::On);
    value.clear();
    stats::push_map(&mut value, b"orders", "keys 12\n");
    let reply = Reply {
        value: &value,
        arg: 1,
        ..ok(Opcode::MapStats)
    };
    found.reply("MapStats", reply, Crc::On);
    value.clear();
    multi::push_fetched(&mut value, Status::Ok, version, [&b"bar"[..]].into_iter());
    multi::push_fetched(&mut value, Status::NotFound, 0, std::iter::empty());
    let items = |opcode| Reply {
        count: 2,
        arg: 1,
        ..ok(opcode)
    };
    found.reply(
        "MultiGet",
        Reply {
            value: &value,
            ..items(Opcode::MultiGet)
        },
        Crc::On,
    );
    value.clear();
    multi::push_stored(&mut value, Status::Ok, version);
    multi::push_stored(&mut value, Status::OutOfMemory, 0);
    found.reply(
        "MultiPut",
        Reply {
            value: &value,
            ..items(Opcode::MultiPut)
        },
        Crc::On,
    );
    let value = [Status::Ok.as_u8(), Status::NotFound.as_u8()];
    found.reply(
        "MultiDelete",
        Reply {
            value: &value,
            ..items(Opcode::MultiDelete)
        },
        Crc::On,
    );
    found.reply(
        "MultiExists",
        Reply {
            value: &value,
            ..items(Opcode::MultiExists)
        },
        Crc::On,
    );
}

#[test]
fn every_frame_has_the_frozen_bytes() {
    let mut found = Found {
        frames: BTreeMap::new(),
    };
    requests(&mut found);
    replies(&mut found);
    let frozen = frozen();
    let differs = |(name, frame): (&String, &Vec<u8>)| {
        (frozen.get(name.as_str()) != Some(frame)).then(|| line(name, frame))
    };
    let changed: Vec<_> = found.frames.iter().filter_map(differs).collect();
    assert!(changed.is_empty(), "not as frozen:\n{}", changed.join("\n"));
    assert_eq!(
        frozen.len(),
        found.frames.len(),
        "a frozen frame is not built any more"
    );
}

#[test]
fn every_operation_is_frozen() {
    let frozen = frozen();
    let named = |number: u8, reply: bool| {
        frozen
            .values()
            .any(|frame| frame[2] == number && (frame[5] & 0x80 != 0) == reply)
    };
    for opcode in Opcode::ALL {
        // What is pushed is never asked for.
        let pushed = opcode.shape().kind == Kind::Pushed;
        assert!(
            named(opcode.as_u8(), pushed),
            "{opcode:?} has no golden frame"
        );
    }
}
