//! The tables of `PROTOCOL.md` say what the code does: a number, flag, status or limit that is
//! changed in one of them alone fails here.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test harness")]

#[path = "protocol_doc/client.rs"]
mod client;

use jerboa_wire::event::{EventKind, EventKinds, Happening};
use jerboa_wire::flags::{NO_CRC_BIT, REPLY_BIT};
use jerboa_wire::opcode::{Kind, Parts};
use jerboa_wire::{Crc, Opcode, Reply, ReplyFlags, Request, RequestFlags, Retry, Status, limits};

const DOCUMENT: &str = include_str!("../PROTOCOL.md");

/// The rows of the first table whose header line is `header`, cells joined as in the document.
fn table(header: &str) -> Vec<String> {
    let mut lines = DOCUMENT.lines().skip_while(|line| *line != header);
    assert!(lines.next().is_some(), "no table {header}");
    assert!(
        lines.next().expect("rule").starts_with("|---"),
        "no rule under {header}"
    );
    lines
        .take_while(|line| line.starts_with('|'))
        .map(str::to_owned)
        .collect()
}

fn assert_table(header: &str, expected: &[String]) {
    let found = table(header);
    assert_eq!(
        found,
        expected,
        "it should read:\n{}\n",
        expected.join("\n")
    );
}

#[test]
fn the_opcode_table_is_the_code() {
    let row = |opcode: &Opcode| {
        let shape = opcode.shape();
        let served = match shape.kind {
            Kind::Connection => "any core",
            Kind::Key => "the key's core",
            Kind::Multi => "the keys' cores",
            Kind::Scan => "the cursor's core",
            Kind::Slot => "the slot's core",
            Kind::Everywhere => "every core",
            Kind::Channel => "any core",
            Kind::Pushed => "the node sends it",
        };
        let parts = Parts::NAMES
            .iter()
            .filter(|(part, _)| shape.parts.contains(*part));
        let parts = parts.map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let flags = RequestFlags::NAMES
            .iter()
            .filter(|(flag, _)| shape.flags.contains(*flag));
        let flags = flags.map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        format!(
            "| {:#04x} | {} | {served} | {parts} | {flags} |",
            opcode.as_u8(),
            opcode.name()
        )
        .replace("|  |", "| |")
        .replace("|  |", "| |")
    };
    let expected: Vec<_> = Opcode::ALL.iter().map(row).collect();
    assert_table("| number | name | served by | carries | flags |", &expected);
}

#[test]
fn the_status_table_is_the_code() {
    let row = |status: &Status| {
        let retry = match status.retry() {
            Retry::No => "no",
            Retry::Later => "later",
            Retry::Elsewhere => "elsewhere",
        };
        let fault = format!("{:?}", status.fault()).to_lowercase();
        let (name, text) = (status.name(), status.text());
        format!(
            "| 0x{:02X} | {name} | {fault} | {retry} | {text} |",
            status.as_u8()
        )
    };
    let expected: Vec<_> = Status::ALL.iter().map(row).collect();
    assert_table("| number | name | fault | retry | meaning |", &expected);
}

#[test]
fn the_event_tables_are_the_code() {
    let row = |kind: &EventKind| {
        let bit = EventKinds::only(*kind).bits();
        format!("| {bit:#04x} | {} | {} |", kind.name(), kind.channel())
    };
    let expected: Vec<_> = EventKind::ALL.iter().map(row).collect();
    assert_table("| bit | kind | channel |", &expected);
    let found = table("| number | happening | kind | what the fields say |");
    assert_eq!(found.len(), Happening::ALL.len());
    for (line, happening) in found.iter().zip(Happening::ALL) {
        let (number, kind) = (*happening as u8, happening.kind().name());
        let row = format!("| {number} | {} | {kind} | ", happening.name());
        assert!(line.starts_with(&row), "{line}: {row}");
    }
}

#[test]
fn the_flag_tables_are_the_code() {
    let section = |title: &str| {
        let rest = DOCUMENT.split_once(title).expect("section").1;
        let rows = rest.lines().skip_while(|line| !line.starts_with("| 0x"));
        rows.take_while(|line| line.starts_with('|'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let row = |bits: u16, name: &str| format!("| {bits:#06x} | {name} |");
    let request: Vec<_> = RequestFlags::NAMES
        .iter()
        .map(|(flag, name)| row(flag.bits(), name))
        .collect();
    assert_eq!(section("\n## Request flags\n"), request);
    let reply: Vec<_> = ReplyFlags::NAMES
        .iter()
        .map(|(flag, name)| row(flag.bits(), name))
        .collect();
    assert_eq!(section("\n## Reply flags\n"), reply);
    let frame = section("**Frame bits**");
    assert!(frame[0].starts_with(&format!("| {REPLY_BIT:#06x} | REPLY |")));
    assert!(frame[1].starts_with(&format!("| {NO_CRC_BIT:#06x} | NO_CRC |")));
    assert_eq!(frame.len(), 2);
}

#[test]
fn the_limits_table_is_the_code() {
    let expected = [
        ("HEADER_BYTES", limits::HEADER_BYTES as u64),
        ("KEY_BYTES_MAX", limits::KEY_BYTES_MAX as u64),
        ("MAP_NAME_BYTES_MAX", limits::MAP_NAME_BYTES_MAX as u64),
        (
            "VALUE_BYTES_MAX_DEFAULT",
            limits::VALUE_BYTES_MAX_DEFAULT.into(),
        ),
        (
            "VALUE_BYTES_MAX_CEILING",
            limits::VALUE_BYTES_MAX_CEILING.into(),
        ),
        ("SECTION_BYTES_MIN", limits::SECTION_BYTES_MIN.into()),
        ("MULTI_ITEMS_MAX", limits::MULTI_ITEMS_MAX.into()),
        ("PING_BYTES_MAX", limits::PING_BYTES_MAX as u64),
        ("ERROR_TEXT_BYTES_MAX", limits::ERROR_TEXT_BYTES_MAX as u64),
        ("PARTITION_COUNT_MIN", limits::PARTITION_COUNT_MIN.into()),
        ("PARTITION_COUNT_MAX", limits::PARTITION_COUNT_MAX.into()),
        ("MEMBERS_MAX", limits::MEMBERS_MAX as u64),
        ("CORES_MAX", limits::CORES_MAX.into()),
        ("EXPIRY_MS_MAX", limits::EXPIRY_MS_MAX),
        ("LOCK_WAIT_MS_MAX", limits::LOCK_WAIT_MS_MAX),
        ("PATTERN_BYTES_MAX", limits::PATTERN_BYTES_MAX as u64),
        ("CHANNEL_BYTES_MAX", limits::CHANNEL_BYTES_MAX as u64),
        ("HOPS_MAX", limits::HOPS_MAX.into()),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, value)| format!("| {name} | {value} |"))
        .collect();
    assert_table("| name | value |", &expected);
}

/// The bytes of a header field as (offset, size), by its name in the document.
fn field(name: &str) -> (usize, usize) {
    let rows = table("| offset | size | field | request | reply |");
    let cells = |row: &String| {
        row.split('|')
            .map(|c| c.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let row = rows
        .iter()
        .map(cells)
        .find(|cells| cells[3] == name)
        .expect("field");
    (row[1].parse().unwrap(), row[2].parse().unwrap())
}

#[test]
fn the_header_table_gives_each_field_its_place() {
    let request = Request {
        hops: 1,
        flags: RequestFlags::TTL_ABSOLUTE,
        partition: 0x1112,
        request_id: 0x2122_2324,
        epoch: 0x3132_3334,
        arg: 0x4142_4344_4546,
        map: b"map",
        key: b"twelve bytes",
        value: b"value",
        ..Request::new(Opcode::Put)
    };
    let mut frame = Vec::new();
    request.encode(&mut frame, Crc::On).unwrap();
    let crc = crc32fast::hash(&[&frame[..44], &frame[48..]].concat());
    let number = |name| {
        let (offset, size) = field(name);
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&frame[offset..offset + size]);
        u64::from_le_bytes(bytes)
    };
    for (name, expected) in [
        ("magic", 0xB7),
        ("frame version", 1),
        ("opcode", 0x12),
        ("hops or status", 1),
        ("flags", 8),
        ("partition", 0x1112),
        ("request id", 0x2122_2324),
        ("epoch", 0x3132_3334),
        ("map_len", 3),
        ("reserved", 0),
        ("key_len", 12),
        ("value_len", 5),
        ("arg", 0x4142_4344_4546),
        ("version", 0),
        ("count", 0),
        ("crc32", u64::from(crc)),
    ] {
        assert_eq!(number(name), expected, "{name}");
    }
    assert_eq!(&frame[48..], b"maptwelve bytesvalue");

    let reply = Reply {
        version: 0x5152_5354_5556_5758,
        count: 2,
        value: &[0, 1],
        ..Reply::new(Opcode::MultiDelete, Status::Ok, 7)
    };
    let mut frame = Vec::new();
    reply.encode(&mut frame, Crc::Off).unwrap();
    let bytes = |name| {
        let (offset, size) = field(name);
        frame[offset..offset + size].to_vec()
    };
    assert_eq!(bytes("version"), reply.version.to_le_bytes());
    assert_eq!(bytes("count"), 2_u32.to_le_bytes());
    assert_eq!(bytes("flags"), (REPLY_BIT | NO_CRC_BIT).to_le_bytes());
    assert_eq!(
        bytes("crc32"),
        [0; 4],
        "nothing stands in for a checksum that is off"
    );
}

#[test]
fn the_header_table_has_no_gap() {
    let mut next = 0;
    for row in table("| offset | size | field | request | reply |") {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[1].parse(), Ok(next), "{row}");
        next += cells[2].parse::<usize>().unwrap();
    }
    assert_eq!(next, limits::HEADER_BYTES);
}
