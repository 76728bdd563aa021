//! A node in this process and raw frames to talk to it, for the tests over real sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test harness")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its own part of this"
)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use jerboa::Node;
use jerboa::config::{Config, Cores};
use jerboa_wire::routing::{core_table, partition_of};
use jerboa_wire::{
    Crc, DecodeOptions, Decoded, Opcode, Reply, ReplyFlags, Request, Status, decode_reply,
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

/// One connection, frame by frame.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
    next_id: u32,
    pub(crate) crc: Crc,
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self {
            stream,
            input: Vec::new(),
            next_id: 1,
            crc: Crc::On,
        }
    }

    /// The request with the next request id, encoded; and that id.
    pub(crate) fn encode(&mut self, request: Request<'_>) -> (Vec<u8>, u32) {
        let id = self.next_id;
        self.next_id += 1;
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
            match decode_reply(&self.input, &options).expect("the node sends frames") {
                Decoded::Frame { frame, consumed } => {
                    let reply = own(&frame, &self.input[..consumed]);
                    self.input.drain(..consumed);
                    return Ok(reply);
                }
                Decoded::Incomplete { .. } => {
                    let mut bytes = [0; 65536];
                    let count = self.stream.read(&mut bytes)?;
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

    /// Sends a request and waits for its reply.
    pub(crate) fn call(&mut self, request: Request<'_>) -> OwnedReply {
        let id = self.send(request);
        let reply = self.receive();
        assert_eq!(
            reply.request_id, id,
            "replies of one connection come in order"
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
