//! What a frame costs: nanoseconds and instructions to encode, decode and route.
//!
//! `cargo bench -p jerboa-wire` prints a table. The instructions are counted by valgrind, which
//! runs this program again with one case at a time; without valgrind that column stays empty.
//! They are the steadier of the two: compare those between versions.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot run has nothing to say"
)]

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use jerboa_wire::routing::{Member, Topology, slot};
use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, Opcode, Reply, Request, Status, decode_reply,
    decode_request, encode_reply_parts, limits,
};

const KEY: &[u8] = b"user:00000012345";
const VALUE: [u8; 64] = [b'v'; 64];

const OPTIONS: DecodeOptions = DecodeOptions {
    crc: CrcMode::Optional,
    value_bytes_max: limits::VALUE_BYTES_MAX_DEFAULT,
};

type Case = (&'static str, fn(u64));

const CASES: &[Case] = &[
    ("encode get request, 16 B key", |n| {
        encode_request(n, get(), Crc::On)
    }),
    ("encode get request, no checksum", |n| {
        encode_request(n, get(), Crc::Off)
    }),
    ("decode get request, 16 B key", |n| {
        decode_requests(n, get(), Crc::On)
    }),
    ("decode get request, no checksum", |n| {
        decode_requests(n, get(), Crc::Off)
    }),
    ("decode put request, 16 B key, 64 B value", |n| {
        decode_requests(n, put(), Crc::On)
    }),
    ("decode put request, no checksum", |n| {
        decode_requests(n, put(), Crc::Off)
    }),
    ("encode get reply, 64 B value", |n| encode_reply(n, Crc::On)),
    ("encode get reply, no checksum", |n| {
        encode_reply(n, Crc::Off)
    }),
    ("encode get reply from two parts", encode_parts),
    ("decode get reply, 64 B value", |n| {
        decode_replies(n, Crc::On)
    }),
    ("decode get reply, no checksum", |n| {
        decode_replies(n, Crc::Off)
    }),
    ("slot of a 16 B key", slots),
    ("route of a 16 B key", routes),
];

fn get() -> Request<'static> {
    Request {
        partition: 77,
        request_id: 9,
        epoch: 3,
        key: KEY,
        ..Request::new(Opcode::Get)
    }
}

fn put() -> Request<'static> {
    Request {
        value: &VALUE,
        ..Request {
            opcode: Opcode::Put,
            ..get()
        }
    }
}

fn reply() -> Reply<'static> {
    Reply {
        epoch: 3,
        version: 1 << 50,
        value: &VALUE,
        ..Reply::new(Opcode::Get, Status::Ok, 9)
    }
}

fn encode_request(count: u64, request: Request<'_>, crc: Crc) {
    let mut out = Vec::with_capacity(1 << 12);
    for _ in 0..count {
        out.clear();
        black_box(request).encode(&mut out, crc).expect("valid");
        black_box(&out);
    }
}

fn decode_requests(count: u64, request: Request<'_>, crc: Crc) {
    let mut frame = Vec::new();
    request.encode(&mut frame, crc).expect("valid");
    for _ in 0..count {
        let decoded = decode_request(black_box(&frame), &OPTIONS);
        let Ok(Decoded::Frame { frame, consumed }) = decoded else {
            return;
        };
        black_box((
            frame.key,
            frame.value,
            frame.request_id,
            frame.opcode,
            consumed,
        ));
    }
}

fn encode_reply(count: u64, crc: Crc) {
    let mut out = Vec::with_capacity(1 << 12);
    for _ in 0..count {
        out.clear();
        black_box(reply()).encode(&mut out, crc).expect("valid");
        black_box(&out);
    }
}

fn encode_parts(count: u64) {
    let mut out = Vec::with_capacity(1 << 12);
    for _ in 0..count {
        out.clear();
        let (first, second) = black_box(&VALUE).split_at(40);
        let parts = [first, second].into_iter();
        encode_reply_parts(&black_box(reply()), parts, 64, &mut out, Crc::On).expect("valid");
        black_box(&out);
    }
}

fn decode_replies(count: u64, crc: Crc) {
    let mut frame = Vec::new();
    reply().encode(&mut frame, crc).expect("valid");
    for _ in 0..count {
        let Ok(Decoded::Frame { frame, consumed }) = decode_reply(black_box(&frame), &OPTIONS)
        else {
            return;
        };
        black_box((
            frame.value,
            frame.version,
            frame.request_id,
            frame.status,
            consumed,
        ));
    }
}

fn slots(count: u64) {
    for _ in 0..count {
        black_box(slot(black_box(KEY)));
    }
}

fn routes(count: u64) {
    let member = Member {
        id: 1,
        alive: true,
        cores: 16,
        host: "127.0.0.1".to_owned(),
        any_core_port: 7400,
        first_core_port: 7401,
    };
    let table = Topology::single(1, 4096, member).expect("valid").table();
    for _ in 0..count {
        black_box(table.route(black_box(KEY)));
    }
}

/// Best of several rounds: what else runs on the machine can only add.
fn nanoseconds((_, run): &Case) -> f64 {
    const COUNT: u64 = 200_000;
    run(COUNT);
    let round = |_| {
        let began = Instant::now();
        run(COUNT);
        began.elapsed().as_nanos() as f64 / COUNT as f64
    };
    (0..15).map(round).fold(f64::INFINITY, f64::min)
}

/// The difference between a long and a short run, so that starting up does not count.
fn instructions(index: usize) -> Option<f64> {
    let collected = |count: u64| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().ok()?)
            .args(["--case", &index.to_string(), &count.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    Some((collected(11_000)? - collected(1_000)?) / 10_000.0)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--case") {
        let number = |offset: usize| {
            arguments
                .get(at + offset)
                .and_then(|n| n.parse::<u64>().ok())
        };
        let index = number(1).and_then(|index| usize::try_from(index).ok());
        if let (Some((_, run)), Some(count)) = (index.and_then(|i| CASES.get(i)), number(2)) {
            run(count);
        }
        return;
    }
    println!("{:<42} {:>8} {:>13}", "", "ns", "instructions");
    for (index, case) in CASES.iter().enumerate() {
        let counted = instructions(index).map_or_else(String::new, |count| format!("{count:.0}"));
        println!("{:<42} {:>8.1} {counted:>13}", case.0, nanoseconds(case));
    }
}
