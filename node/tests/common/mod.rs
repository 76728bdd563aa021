//! A node in this process and raw frames to talk to it, for the tests over real sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test harness")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its own part of this"
)]

pub(crate) mod bystander;
pub(crate) mod process;
pub(crate) mod resp;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use jerboa::Node;
use jerboa::config::{Config, Cores};
use jerboa_wire::routing::{core_table, partition_of};
use jerboa_wire::{
    Crc, DecodeOptions, Decoded, Opcode, Reply, ReplyFlags, Request, Status, decode_reply, stats,
};

/// Partitions of the nodes under test.
pub(crate) const PARTITIONS: u16 = 1024;

/// A configuration that starts quickly on any machine: free ports, little memory.
pub(crate) fn config(cores: usize) -> Config {
    Config {
        port: 0,
        cores: Some(Cores::Count(cores)),
        memory: Some(64 << 20),
        partitions: PARTITIONS,
        prefault: false,
        ..Config::default()
    }
}

/// Starts a node with `cores` cores.
pub(crate) fn node(cores: usize) -> Node {
    Node::start(&config(cores)).unwrap_or_else(|error| panic!("{error}"))
}

/// A node with `cores` cores even where the machine has fewer: they take turns on its CPUs then,
/// and run each for as long as the kernel lets them.
pub(crate) fn crowded_config(cores: usize) -> Config {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let allowed: Vec<usize> = list
        .unwrap()
        .trim()
        .split(',')
        .flat_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            first.parse::<usize>().unwrap()..=last.parse().unwrap()
        })
        .collect();
    Config {
        cores: Some(Cores::List(
            allowed.into_iter().cycle().take(cores).collect(),
        )),
        ..config(cores)
    }
}

/// A reply that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedReply {
    pub(crate) opcode: Opcode,
    pub(crate) status: Status,
    pub(crate) flags: ReplyFlags,
    pub(crate) request_id: u32,
    pub(crate) epoch: u32,
    pub(crate) arg: u64,
    pub(crate) version: u64,
    pub(crate) count: u32,
    pub(crate) value: Vec<u8>,
    /// The frame as it came.
    pub(crate) frame: Vec<u8>,
}

/// Writes the checksum that a forged frame's bytes have; the offset is in `PROTOCOL.md`.
pub(crate) fn seal(frame: &mut [u8]) {
    let sum = crc32fast::hash(&[&frame[..44], &frame[48..]].concat());
    frame[44..48].copy_from_slice(&sum.to_le_bytes());
}

/// One connection, frame by frame.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
    /// Bytes of `input` that were returned as replies.
    taken: usize,
    next_id: u32,
    pub(crate) crc: Crc,
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), 1)
    }

    /// On a connection that exists, with the first request id to use.
    pub(crate) fn over(stream: TcpStream, next_id: u32) -> Self {
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self {
            stream,
            input: Vec::new(),
            taken: 0,
            next_id,
            crc: Crc::On,
        }
    }

    /// The request with the next request id, encoded; and that id.
    pub(crate) fn encode(&mut self, request: Request<'_>) -> (Vec<u8>, u32) {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let partition = match request.key {
            [] => 0,
            key => partition_of(key, PARTITIONS),
        };
        let mut frame = Vec::new();
        Request {
            request_id: id,
            partition,
            ..request
        }
        .encode(&mut frame, self.crc)
        .unwrap();
        (frame, id)
    }

    pub(crate) fn send(&mut self, request: Request<'_>) -> u32 {
        let (frame, id) = self.encode(request);
        self.stream.write_all(&frame).unwrap();
        id
    }

    /// The next reply, or what ended the connection.
    pub(crate) fn try_receive(&mut self) -> io::Result<OwnedReply> {
        let options = DecodeOptions {
            crc: jerboa_wire::CrcMode::Optional,
            ..DecodeOptions::default()
        };
        loop {
            let rest = &self.input[self.taken..];
            match decode_reply(rest, &options).expect("the node sends frames") {
                Decoded::Frame { frame, consumed } => {
                    let reply = own(&frame, &rest[..consumed]);
                    self.taken += consumed;
                    return Ok(reply);
                }
                Decoded::Incomplete { .. } => {
                    self.input.drain(..self.taken);
                    self.taken = 0;
                    let mut bytes = [0; 65536];
                    let count = match self.stream.read(&mut bytes) {
                        // A ring of this thread's has something to say.
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        read => read?,
                    };
                    if count == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.input.extend_from_slice(&bytes[..count]);
                }
            }
        }
    }

    pub(crate) fn receive(&mut self) -> OwnedReply {
        self.try_receive().expect("a reply")
    }

    /// Sends bytes that need not be frames. The node may close while they are written.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Ends the sending side only.
    pub(crate) fn half_close(&self) {
        // The node may have closed already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Whether a part of a reply is all that is left.
    pub(crate) fn has_torn_reply(&self) -> bool {
        self.taken < self.input.len()
    }

    /// Every reply until the connection ends, and how it ended.
    pub(crate) fn drain(&mut self) -> (Vec<OwnedReply>, io::ErrorKind) {
        let mut replies = Vec::new();
        loop {
            match self.try_receive() {
                Ok(reply) => replies.push(reply),
                Err(error) => return (replies, error.kind()),
            }
        }
    }

    /// The node's statistics, no older than its tick.
    pub(crate) fn stat(&mut self, name: &str) -> u64 {
        let text = self.call(Request::new(Opcode::Stats)).value;
        let text = String::from_utf8(text).unwrap();
        stats::number(&text, name).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Sends a request and waits for its reply.
    pub(crate) fn call(&mut self, request: Request<'_>) -> OwnedReply {
        let id = self.send(request);
        let reply = self.receive();
        assert_eq!(
            reply.request_id, id,
            "replies of one connection come in order: {:?}",
            reply.status
        );
        reply
    }

    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> OwnedReply {
        self.call(Request {
            key,
            value,
            ..Request::new(Opcode::Put)
        })
    }

    pub(crate) fn get(&mut self, key: &[u8]) -> OwnedReply {
        self.call(Request {
            key,
            ..Request::new(Opcode::Get)
        })
    }
}

fn own(reply: &Reply<'_>, frame: &[u8]) -> OwnedReply {
    OwnedReply {
        opcode: reply.opcode,
        status: reply.status,
        flags: reply.flags,
        request_id: reply.request_id,
        epoch: reply.epoch,
        arg: reply.arg,
        version: reply.version,
        count: reply.count,
        value: reply.value.to_vec(),
        frame: frame.to_vec(),
    }
}

/// A key that `core` of `cores` owns, different for each `number`.
pub(crate) fn key_of_core(core: u16, cores: u16, number: u32) -> Vec<u8> {
    let table = core_table(PARTITIONS, cores);
    (0u32..)
        .map(|attempt| format!("key:{core}:{number}:{attempt}").into_bytes())
        .find(|key| table[usize::from(partition_of(key, PARTITIONS))] == core)
        .expect("every core owns keys")
}

/// Looks until `holds`, or fails after the longest that anything here may take.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A bound on liveness, not on speed: what takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Numbers that look random and repeat from their seed.
pub(crate) struct Random(u64);

impl Random {
    /// From `JERBOA_TEST_SEED`, else from the clock; printed, so that a failure can be repeated.
    pub(crate) fn seeded() -> Self {
        let given = std::env::var("JERBOA_TEST_SEED").ok();
        let seed = given.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            let now = std::time::SystemTime::now();
            let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
            since.as_nanos() as u64
        });
        println!("JERBOA_TEST_SEED={seed}");
        Self(seed)
    }

    /// The numbers of one seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream of numbers, for another thread.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}
