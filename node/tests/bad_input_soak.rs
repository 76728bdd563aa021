//! Fear: some mixture of misbehaviours that nobody thought of.
//!
//! Setup: the binary as a process, several clients that each do one random bad thing after another,
//! a bystander. What must hold: the bystander notices nothing, memory stays bounded, and afterwards
//! no connection and no descriptor is left. A short run by default; `scripts/soak.sh` makes it long.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::bystander::Bystander;
use common::process::NodeProcess;
use common::resp::{RespRaw, command};
use common::{Random, Raw, eventually, key_of_core};
use jerboa_wire::frame::MAGIC;
use jerboa_wire::{Hello, Opcode, Request};
use socket2::{Domain, SockRef, Socket, Type};

const CLIENTS: u8 = 4;
/// Beyond what the node had at first: its connection buffers on both cores, and as much again.
const GROWTH_MAX: u64 = 256 << 20;

/// A client that does bad things.
struct Culprit {
    random: Random,
    ports: Vec<SocketAddr>,
    keys: Vec<Vec<u8>>,
    from: u8,
    /// Connections kept open and neglected.
    neglected: Vec<Raw>,
}

impl Culprit {
    fn connect(&mut self) -> Option<Raw> {
        let port = self.ports[self.random.below(self.ports.len())];
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        // Many addresses: so many connections leave their ports taken for a while.
        let from = SocketAddr::from(([127, 0, 2 + self.from, 1 + self.random.below(250) as u8], 0));
        socket.bind(&from.into()).ok()?;
        socket.connect(&port.into()).ok()?;
        let mut raw = Raw::over(socket.into(), 1);
        raw.stream
            .set_write_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        // Reading is never waited for long: much of what is sent here is not answered.
        raw.stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        raw.crc = jerboa_wire::Crc::On;
        Some(raw)
    }

    /// A pipeline of sound requests of all kinds and sizes, as frames.
    fn frames(&mut self, raw: &mut Raw) -> Vec<u8> {
        let mut bytes = Vec::new();
        let large = self.random.below(4) == 0;
        for _ in 0..1 + self.random.below(200) {
            let key = &self.keys[self.random.below(self.keys.len())];
            let value = vec![7; self.random.below(if large { 100_000 } else { 200 })];
            let keyed = |opcode| Request {
                key,
                ..Request::new(opcode)
            };
            let hello = Hello::new(false).encode();
            let request = match self.random.below(8) {
                0 | 1 => Request {
                    value: &value,
                    ..keyed(Opcode::Put)
                },
                2 | 3 => keyed(Opcode::Get),
                4 => keyed(Opcode::Delete),
                5 => Request::new(Opcode::Stats),
                6 => Request {
                    value: &hello,
                    ..Request::new(Opcode::Hello)
                },
                _ => keyed(Opcode::Exists),
            };
            bytes.extend_from_slice(&raw.encode(request).0);
        }
        bytes
    }

    /// The same as commands of RESP.
    fn commands(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let large = self.random.below(4) == 0;
        for _ in 0..1 + self.random.below(200) {
            let key = &self.keys[self.random.below(self.keys.len())];
            let other = &self.keys[self.random.below(self.keys.len())];
            let value = vec![7; self.random.below(if large { 100_000 } else { 200 })];
            let line: &[&[u8]] = match self.random.below(8) {
                0 | 1 => &[b"SET", key, &value],
                2 | 3 => &[b"GET", key],
                4 => &[b"DEL", key, other],
                5 => &[b"INFO"],
                6 => &[b"HELLO", [&b"2"[..], b"3"][self.random.below(2)]],
                _ => &[b"MGET", key, other],
            };
            bytes.extend_from_slice(&command(line));
        }
        bytes
    }

    fn act(&mut self) {
        let Some(mut raw) = self.connect() else {
            return;
        };
        let mut bytes = match self.random.below(3) {
            0 => self.commands(),
            _ => self.frames(&mut raw),
        };
        match self.random.below(6) {
            // Damage one bit or many bytes, or cut it off.
            0 => {
                let at = self.random.below(bytes.len());
                bytes[at] ^= 1 << self.random.below(8);
            }
            1 => {
                let (at, count) = (self.random.below(bytes.len()), self.random.below(5_000));
                bytes.splice(at.., self.random.bytes(count));
            }
            2 => bytes.truncate(self.random.below(bytes.len())),
            _ => {}
        }
        let first = bytes.first().copied();
        // In one write, in pieces, or byte by byte; the node may close meanwhile.
        let piece = [bytes.len(), 1_000, 7, 1][self.random.below(4)].max(bytes.len() / 500);
        for part in bytes.chunks(piece.max(1)) {
            if raw.stream.write_all(part).is_err() {
                break;
            }
        }
        match self.random.below(6) {
            0 => SockRef::from(&raw.stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap(),
            1 => {
                raw.half_close();
                listen(raw, first);
            }
            2 => listen(raw, first),
            3 if self.neglected.len() < 30 => self.neglected.push(raw),
            4 => self.neglected.clear(),
            _ => {}
        }
    }
}

/// Reads one reply, if there is one: in the language of the first byte that was sent.
fn listen(mut raw: Raw, first: Option<u8>) {
    let _ = match first {
        Some(MAGIC) => raw.try_receive().map(drop),
        _ => RespRaw::over(raw.stream).try_receive().map(drop),
    };
}

#[test]
fn a_random_mixture_of_misbehaviours_is_survived() {
    let seconds = std::env::var("JERBOA_SOAK_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(3);
    let mut seeds = Random::seeded();
    let node = NodeProcess::start(
        2,
        &[
            "--memory",
            "128MiB",
            "--value-bytes-max",
            "1MiB",
            "--buffer-bytes-max",
            "32MiB",
            "--slow-client-timeout-ms",
            "500",
            "--idle-timeout-ms",
            "2000",
        ],
    );
    let mut ports = node.cores.clone();
    ports.push(node.any_core);
    let keys: Vec<Vec<u8>> = (0..200)
        .map(|number| key_of_core((number % 2) as u16, 2, number))
        .collect();
    let (descriptors, resident) = (node.descriptors(), node.resident_bytes());
    let bystander = Bystander::watch(node.any_core, 2);
    let until = Instant::now() + Duration::from_secs(seconds);
    let most = std::thread::scope(|scope| {
        for from in 0..CLIENTS {
            let mut culprit = Culprit {
                random: seeds.fork(),
                ports: ports.clone(),
                keys: keys.clone(),
                from,
                neglected: Vec::new(),
            };
            scope.spawn(move || {
                while Instant::now() < until {
                    culprit.act();
                }
            });
        }
        let mut most = resident;
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
            most = most.max(node.resident_bytes());
        }
        most
    });
    bystander.finish("a mixture of misbehaviours");
    let grown = most - resident;
    println!("{seconds} s: {grown} bytes more at most");
    assert!(grown < GROWTH_MAX, "{grown} bytes more at most");
    let mut raw = Raw::connect(node.any_core);
    eventually("one session is left", || raw.stat("node.connections") == 1);
    let text = raw.call(Request::new(Opcode::Stats)).value;
    for line in String::from_utf8(text).unwrap().lines() {
        if line.contains(".closed_") || line.contains(".accepted ") || line.contains(".busy ") {
            println!("{line}");
        }
    }
    drop(raw);
    eventually("descriptors are closed", || {
        node.descriptors() <= descriptors
    });
    assert_eq!(node.terminate(), Some(0));
}
