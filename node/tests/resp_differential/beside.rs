//! The same bytes to Redis and to a node, piece by piece: after each both have answered the same,
//! and both connections are open or both are closed.
//!
//! No clock decides what Redis has answered: it executes what has arrived before it answers a
//! command that was sent later on another connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::common::PATIENCE;
use crate::common::resp::RespRaw;

/// One connection, and what came from it.
pub(crate) struct Side {
    stream: TcpStream,
    pub(crate) got: Vec<u8>,
    pub(crate) closed: bool,
}

impl Side {
    pub(crate) fn open(address: SocketAddr, version: &str) -> Self {
        let mut raw = RespRaw::connect(address);
        raw.call(&["HELLO", version]);
        raw.stream.set_nonblocking(true).unwrap();
        Self {
            stream: raw.stream,
            got: Vec::new(),
            closed: false,
        }
    }

    /// What is sent is small enough for the socket to take it at once, unless it is closed.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn take(&mut self) {
        let mut bytes = [0; 1 << 14];
        while !self.closed {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.closed = true,
                Ok(count) => self.got.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A reset behind the last reply is an end too.
                Err(_) => self.closed = true,
            }
        }
    }

    fn end(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub(crate) fn shown(&self) -> String {
        let state = if self.closed { "closed" } else { "open" };
        format!("{} ({state})", self.got.escape_ascii())
    }
}

/// Redis and the node.
pub(crate) struct Beside {
    redis: SocketAddr,
    node: SocketAddr,
    /// Connections that only ask whether what was sent before is done: to Redis, and to each core.
    redis_control: RespRaw,
    node_controls: Vec<RespRaw>,
}

impl Beside {
    pub(crate) fn new(redis: SocketAddr, node: SocketAddr, cores: &[SocketAddr]) -> Self {
        Self {
            redis,
            node,
            redis_control: RespRaw::connect(redis),
            node_controls: cores.iter().map(|core| RespRaw::connect(*core)).collect(),
        }
    }

    /// Nothing is stored on either side.
    pub(crate) fn empty(&mut self) {
        for control in [&mut self.redis_control, &mut self.node_controls[0]] {
            assert_eq!(control.call(&["FLUSHALL"]), "+OK\r\n");
        }
    }

    /// Sends the pieces; says how the two differ, if they do.
    pub(crate) fn exchange(&mut self, version: &str, pieces: &[Vec<u8>]) -> Option<String> {
        let mut theirs = Side::open(self.redis, version);
        let mut ours = Side::open(self.node, version);
        let mut sent = 0;
        for piece in pieces {
            sent += piece.len();
            theirs.send(piece);
            self.settle_redis(&mut theirs);
            ours.send(piece);
            if let Some(difference) = self.await_same(&mut ours, &theirs) {
                return Some(format!("after {sent} bytes: {difference}"));
            }
        }
        // Neither has anything to add.
        for control in &mut self.node_controls {
            control.call(&["PING"]);
        }
        for side in [&mut ours, &mut theirs] {
            side.take();
            side.end();
        }
        theirs.stream.set_nonblocking(false).unwrap();
        theirs.take();
        let difference = self.await_same(&mut ours, &theirs);
        difference.map(|difference| format!("at the end: {difference}"))
    }

    /// What comes behind what both understand alike, and what the node does with it: anything but
    /// fall.
    pub(crate) fn node_survives(&mut self, version: &str, bytes: &[u8]) {
        let mut ours = Side::open(self.node, version);
        ours.send(bytes);
        ours.end();
        let started = Instant::now();
        while !ours.closed {
            ours.take();
            assert!(started.elapsed() < PATIENCE, "{}", bytes.escape_ascii());
        }
    }

    /// Once for what was accepted, and once for what was read and closed.
    fn settle_redis(&mut self, theirs: &mut Side) {
        for _ in 0..2 {
            assert_eq!(self.redis_control.call(&["PING"]), "+PONG\r\n");
        }
        theirs.take();
    }

    fn await_same(&mut self, ours: &mut Side, theirs: &Side) -> Option<String> {
        let started = Instant::now();
        loop {
            ours.take();
            if ours.got == theirs.got && ours.closed == theirs.closed {
                return None;
            }
            let agrees = theirs.got.starts_with(&ours.got) && (!ours.closed || theirs.closed);
            if !agrees || started.elapsed() > PATIENCE / 4 {
                let (ours, theirs) = (ours.shown(), theirs.shown());
                return Some(format!("\n  node:  {ours}\n  redis: {theirs}"));
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }
}
