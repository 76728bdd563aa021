//! Fear: bytes that are not what they should be bring the node, or another connection, down.
//!
//! Setup: a node with two cores, a bystander working beside, a few entries that must survive.
//! What must hold: a named error in step, or a named error and the close; never a wrong reply,
//! never a change, and everybody else is served as before.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;

use std::io::{self, Read};
use std::net::SocketAddr;

use common::bystander::Bystander;
use common::{OwnedReply, Random, Raw, key_of_core, node, seal};
use jerboa::Node;
use jerboa_wire::{
    Crc, Decoded, Fault, Hello, HelloReply, Opcode, Request, RequestFlags, Status, limits, multi,
};

/// Offsets in the header, see `PROTOCOL.md`.
const OPCODE: usize = 2;
const FLAGS: usize = 4;
const RESERVED: usize = 17;
const VALUE_LEN: usize = 20;

struct Scene {
    node: Node,
    bystander: Bystander,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Scene {
    fn set() -> Self {
        let node = node(2);
        let any_core = node.addresses().any_core;
        let mut raw = Raw::connect(any_core);
        let entries: Vec<_> = (0..100)
            .map(|number| {
                let key = key_of_core((number % 2) as u16, 2, number);
                (key, format!("kept {number}").into_bytes())
            })
            .collect();
        for (key, value) in &entries {
            assert_eq!(raw.put(key, value).status, Status::Ok);
        }
        Self {
            bystander: Bystander::watch(any_core, 2),
            node,
            entries,
        }
    }

    fn ports(&self) -> Vec<SocketAddr> {
        let addresses = self.node.addresses();
        let mut ports = addresses.cores.clone();
        ports.push(addresses.any_core);
        ports
    }

    fn connect(&self) -> Raw {
        Raw::connect(self.node.addresses().any_core)
    }

    /// Nobody noticed, nothing changed, no connection is left behind.
    fn strike(self, label: &str) {
        self.bystander.finish(label);
        for port in self.node.addresses().cores.clone() {
            let mut raw = Raw::connect(port);
            for (key, value) in &self.entries {
                assert_eq!(&raw.get(key).value, value, "{label}");
            }
        }
        let mut raw = Raw::connect(self.node.addresses().any_core);
        common::eventually("one connection is left", || {
            raw.stat("node.connections") == 1
        });
        self.node.request_stop();
        self.node.join().unwrap();
    }
}

fn put<'a>(key: &'a [u8], value: &'a [u8]) -> Request<'a> {
    Request {
        key,
        value,
        ..Request::new(Opcode::Put)
    }
}

/// The replies after which the node closed the connection in order.
fn until_closed(raw: &mut Raw) -> Vec<OwnedReply> {
    let (replies, end) = raw.drain();
    let closed = matches!(
        end,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    );
    assert!(closed, "still open: {end:?}");
    replies
}

#[test]
fn a_frame_cut_at_any_byte_is_forgotten_when_its_client_leaves() {
    let scene = Scene::set();
    let (frame, _) = scene.connect().encode(put(b"cut", b"never stored"));
    for (cut, port) in (0..frame.len()).zip(scene.ports().into_iter().cycle()) {
        let mut raw = Raw::connect(port);
        raw.send_bytes(&frame[..cut]).unwrap();
        raw.half_close();
        assert_eq!(until_closed(&mut raw), [], "cut at {cut}");
    }
    let mut raw = scene.connect();
    assert_eq!(raw.get(b"cut").status, Status::NotFound);
    drop(raw);
    scene.strike("truncated frames");
}

#[test]
fn a_flipped_bit_is_named_or_closes_and_never_becomes_another_command() {
    let scene = Scene::set();
    let (key, kept) = scene.entries[0].clone();
    let request = Request {
        map: b"",
        flags: RequestFlags::TTL_RELATIVE,
        arg: 1,
        ..put(&key, b"damaged")
    };
    let (frame, _) = scene.connect().encode(request);
    for bit in 0..frame.len() * 8 {
        let mut flipped = frame.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut raw = scene.connect();
        raw.send_bytes(&flipped).unwrap();
        raw.half_close();
        if flipped[0] < 0x80 {
            // The first byte decides that this is RESP, whose errors are lines.
            let mut answer = Vec::new();
            let _ = raw.stream.read_to_end(&mut answer);
            let is_error = answer.is_empty() || answer.starts_with(b"-ERR unknown command");
            assert!(is_error, "bit {bit}: {}", answer.escape_ascii());
            continue;
        }
        for reply in until_closed(&mut raw) {
            assert!(reply.status.is_error(), "bit {bit}: {reply:?}");
        }
    }
    assert_eq!(scene.connect().get(&key).value, kept);
    scene.strike("flipped bits");
}

#[test]
fn random_bytes_close_the_connection_after_saying_why() {
    let scene = Scene::set();
    let mut random = Random::seeded();
    for round in 0..300 {
        let mut raw = scene.connect();
        let (before, _) = raw.encode(Request::new(Opcode::Noop));
        let count = 1 + random.below(20_000);
        let mut noise = random.bytes(count);
        if round % 2 == 0 {
            // Half of them look like a frame at first.
            let head = noise.len().min(2);
            noise[..head].copy_from_slice(&[0xB7, 1][..head]);
        } else if noise[0] == 0xB7 {
            noise[0] = 0;
        }
        // The node may close while this is written.
        let _ = raw.send_bytes(&[before, noise].concat());
        raw.half_close();
        let replies = until_closed(&mut raw);
        let (first, rest) = replies
            .split_first()
            .expect("the frame before the noise is answered");
        assert_eq!(first.status, Status::Ok);
        assert!(rest.len() <= 1, "{rest:?}");
        for reply in rest {
            assert!(
                matches!(reply.status.fault(), Fault::Bytes | Fault::Client),
                "{reply:?}"
            );
        }
        assert!(
            round % 2 == 0 || rest[0].status == Status::BadMagic,
            "{rest:?}"
        );
    }
    scene.strike("random bytes");
}

#[test]
fn ten_gigabytes_are_refused_from_the_header_alone() {
    let scene = Scene::set();
    // Items of a multi-key frame, its section and its count: whatever can declare a size.
    for declared in [u32::MAX, 3_000_000_000, limits::VALUE_BYTES_MAX_DEFAULT + 1] {
        for opcode in [Opcode::Put, Opcode::MultiPut, Opcode::Ping] {
            let mut raw = scene.connect();
            let (mut frame, id) = raw.encode(put(b"huge", b""));
            frame[OPCODE] = opcode.as_u8();
            frame[VALUE_LEN..VALUE_LEN + 4].copy_from_slice(&declared.to_le_bytes());
            raw.send_bytes(&frame).unwrap();
            let replies = until_closed(&mut raw);
            assert_eq!(replies.len(), 1);
            assert_eq!(replies[0].status, Status::FrameTooLarge);
            assert_eq!(replies[0].request_id, id);
        }
    }
    // Ten items that claim a gigabyte each, in a frame that is as long as it says.
    let mut raw = scene.connect();
    let mut section = Vec::new();
    for _ in 0..10 {
        section.extend_from_slice(&1u16.to_le_bytes());
        section.extend_from_slice(&(1u32 << 30).to_le_bytes());
        section.extend_from_slice(b"k");
    }
    let (mut frame, id) = raw.encode(put(b"k", &section));
    frame[OPCODE] = Opcode::MultiPut.as_u8();
    frame[18..20].fill(0);
    frame.remove(limits::HEADER_BYTES);
    frame[6..8].fill(0);
    frame[40..44].copy_from_slice(&10u32.to_le_bytes());
    seal(&mut frame);
    raw.send_bytes(&frame).unwrap();
    let reply = raw.receive();
    assert_eq!(
        (reply.status, reply.request_id),
        (Status::MalformedPayload, id)
    );
    assert_eq!(
        raw.call(Request::new(Opcode::Noop)).status,
        Status::Ok,
        "still in step"
    );
    drop(raw);
    scene.strike("declared gigabytes");
}

#[test]
fn what_is_wrong_inside_a_sound_frame_is_named_and_the_stream_goes_on() {
    let scene = Scene::set();
    let mut raw = scene.connect();
    let (frame, _) = raw.encode(put(b"key", b"value"));
    let spoil = |at: usize, bytes: &[u8]| {
        let mut frame = frame.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        seal(&mut frame);
        frame
    };
    let ttl = |flags: u16, arg: u64| {
        let mut frame = spoil(FLAGS, &flags.to_le_bytes());
        frame[24..32].copy_from_slice(&arg.to_le_bytes());
        seal(&mut frame);
        frame
    };
    let mut no_key = frame.clone();
    no_key[18..20].fill(0);
    no_key.drain(limits::HEADER_BYTES..limits::HEADER_BYTES + 3);
    seal(&mut no_key);
    let cases = [
        (spoil(OPCODE, &[0xFF]), Status::UnknownOpcode),
        (spoil(OPCODE, &[0x00]), Status::UnknownOpcode),
        (spoil(FLAGS, &0x0400u16.to_le_bytes()), Status::UnknownFlags),
        (ttl(1 | 2, 0), Status::InvalidOptions),
        (ttl(4 | 8, 1), Status::InvalidOptions),
        (ttl(4, 0), Status::InvalidArgument),
        (ttl(4, u64::MAX), Status::InvalidArgument),
        (spoil(RESERVED, &[1]), Status::ReservedNotZero),
        (spoil(3, &[2]), Status::TooManyHops),
        (spoil(32, &[1]), Status::UnexpectedField),
        (no_key, Status::KeyEmpty),
        (spoil(6, &u16::MAX.to_le_bytes()), Status::WrongPartition),
    ];
    // One by one, then all in one write between good requests.
    let mut all = Vec::new();
    for (bytes, status) in &cases {
        raw.send_bytes(bytes).unwrap();
        assert_eq!(raw.receive().status, *status);
        all.extend_from_slice(bytes);
        all.extend_from_slice(&raw.encode(Request::new(Opcode::Noop)).0);
    }
    raw.send_bytes(&all).unwrap();
    for (_, status) in &cases {
        assert_eq!(raw.receive().status, *status);
        assert_eq!(raw.receive().status, Status::Ok);
    }
    assert_eq!(
        raw.get(b"key").status,
        Status::NotFound,
        "nothing was changed"
    );
    drop(raw);
    scene.strike("unknown opcodes and flags");
}

#[test]
fn the_stream_that_broke_still_gets_every_reply_before_the_break() {
    let scene = Scene::set();
    for port in scene.ports() {
        let mut raw = Raw::connect(port);
        let mut bytes = Vec::new();
        for (key, _) in scene.entries.iter().cycle().take(2_000) {
            let get = Request {
                key,
                ..Request::new(Opcode::Get)
            };
            bytes.extend_from_slice(&raw.encode(get).0);
        }
        bytes.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
        // More that is never read: it must not destroy the replies on their way.
        bytes.extend_from_slice(&vec![0x55; 300_000]);
        let _ = raw.send_bytes(&bytes);
        let replies = until_closed(&mut raw);
        assert_eq!(replies.len(), 2_001);
        for (reply, (_, value)) in replies.iter().zip(scene.entries.iter().cycle()).take(2_000) {
            assert_eq!(&reply.value, value);
        }
        assert_eq!(replies[2_000].status, Status::BadMagic);
    }
    scene.strike("a broken stream");
}

#[test]
fn replies_that_fill_every_socket_buffer_survive_the_break_behind_them() {
    let scene = Scene::set();
    let value = vec![0xA5; 64 << 10];
    let key = key_of_core(0, 2, 7000);
    scene.connect().put(&key, &value);
    let mut raw = scene.connect();
    let mut bytes = Vec::new();
    for _ in 0..200 {
        let get = Request {
            key: &key,
            ..Request::new(Opcode::Get)
        };
        bytes.extend_from_slice(&raw.encode(get).0);
    }
    bytes.extend_from_slice(&vec![0x55; 1 << 20]);
    raw.send_bytes(&bytes).unwrap();
    // Long after the node executed all of it, and has nothing more to do than to close.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let replies = until_closed(&mut raw);
    assert_eq!(replies.len(), 201);
    for reply in &replies[..200] {
        assert_eq!(reply.value, value);
    }
    assert_eq!(replies[200].status, Status::BadMagic);
    scene.connect().call(Request {
        key: &key,
        ..Request::new(Opcode::Delete)
    });
    scene.strike("a break behind large replies");
}

#[test]
fn frames_without_checksum_are_accepted_from_the_very_frame_after_hello() {
    let scene = Scene::set();
    let mut raw = scene.connect();
    raw.crc = Crc::Off;
    let (frame, _) = raw.encode(Request::new(Opcode::Noop));
    raw.send_bytes(&frame).unwrap();
    let replies = until_closed(&mut raw);
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].status, Status::NotNegotiated);

    // Hello and what relies on it in one write: the order of the stream decides, not its pieces.
    let (key, value) = &scene.entries[1];
    let hello = |without_crc| Hello::new(without_crc).encode();
    let get = Request {
        key,
        ..Request::new(Opcode::Get)
    };
    let mut raw = scene.connect();
    let (off, on) = (hello(true), hello(false));
    let hello = |value| Request {
        value,
        ..Request::new(Opcode::Hello)
    };
    let mut bytes = raw.encode(hello(&off)).0;
    raw.crc = Crc::Off;
    for _ in 0..3 {
        bytes.extend_from_slice(&raw.encode(get).0);
    }
    bytes.extend_from_slice(&raw.encode(hello(&on)).0);
    raw.crc = Crc::On;
    bytes.extend_from_slice(&raw.encode(get).0);
    raw.crc = Crc::Off;
    bytes.extend_from_slice(&raw.encode(get).0);
    raw.send_bytes(&bytes).unwrap();
    let replies = until_closed(&mut raw);
    assert_eq!(replies.len(), 7, "{replies:?}");
    assert!(!HelloReply::decode(&replies[0].value).unwrap().crc_on);
    for reply in [1, 2, 3, 5].map(|index| &replies[index]) {
        assert_eq!(&reply.value, value);
    }
    assert_eq!(
        replies[6].status,
        Status::NotNegotiated,
        "checksums are on again"
    );
    scene.strike("hello without checksums");
}

#[test]
fn a_multi_key_frame_that_lies_about_its_items_changes_nothing() {
    let scene = Scene::set();
    let mut raw = scene.connect();
    let mut section = Vec::new();
    for number in 0..4 {
        assert!(multi::push_entry(
            &mut section,
            &key_of_core(number % 2, 2, 5000),
            b"new"
        ));
    }
    let (sound, _) = raw.encode(Request {
        value: &section,
        count: 4,
        ..Request::new(Opcode::MultiPut)
    });
    for (at, value) in [
        (40, 3u32),
        (40, 5),
        (40, 0),
        (40, u32::MAX),
        (40, limits::MULTI_ITEMS_MAX + 1),
    ] {
        let mut frame = sound.clone();
        frame[at..at + 4].copy_from_slice(&value.to_le_bytes());
        seal(&mut frame);
        raw.send_bytes(&frame).unwrap();
        let status = raw.receive().status;
        let named = matches!(status, Status::MalformedPayload | Status::TooManyItems);
        assert!(named, "{value} items: {status:?}");
    }
    for number in 0..2 {
        assert_eq!(
            raw.get(&key_of_core(number, 2, 5000)).status,
            Status::NotFound
        );
    }
    assert!(matches!(
        jerboa_wire::decode_request(&sound, &jerboa_wire::DecodeOptions::default()),
        Ok(Decoded::Frame { .. })
    ));
    drop(raw);
    scene.strike("lying multi-key frames");
}
