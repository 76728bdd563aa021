//! Several clients that subscribe, publish and ask, in random order: after each command everybody
//! has got the same from the node as from Redis.
//!
//! Not compared is an order that neither promises: in which channels are left that are left all at
//! once, listed, or a message comes by several patterns.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::beside::Side;
use crate::common::resp::{RespRaw, command};
use crate::common::{PATIENCE, Random};
use crate::stream::{Args, sorted};

const CLIENTS: usize = 3;
const CHANNELS: &[&str] = &["news", "news.a", "other", "a b", "\r\n", "[x]", "NEWS"];
const PATTERNS: &[&str] = &[
    "news*",
    "*",
    "n?ws",
    "[no]*",
    "other",
    "\\[x\\]",
    "n[^a]ws.?",
    "none*",
];

/// The same clients at both servers.
pub(crate) struct Channels<'r> {
    random: &'r mut Random,
    ours: Vec<Side>,
    theirs: Vec<Side>,
    control: RespRaw,
    addresses: [SocketAddr; 2],
}

impl<'r> Channels<'r> {
    pub(crate) fn new(random: &'r mut Random, node: SocketAddr, redis: SocketAddr) -> Self {
        let mut channels = Self {
            random,
            ours: Vec::new(),
            theirs: Vec::new(),
            control: RespRaw::connect(redis),
            addresses: [node, redis],
        };
        for _ in 0..CLIENTS {
            channels.connect();
        }
        channels
    }

    fn connect(&mut self) {
        let version = ["2", "3"][self.random.below(2)];
        self.ours.push(Side::open(self.addresses[0], version));
        self.theirs.push(Side::open(self.addresses[1], version));
    }

    fn names(&mut self, from: &[&str], least: usize) -> Args {
        let count = least + self.random.below(3);
        let names = (0..count).map(|_| from[self.random.below(from.len())].into());
        names.collect()
    }

    fn words(&mut self) -> Args {
        let (name, names): (&str, Args) = match self.random.below(30) {
            0..=3 => ("SUBSCRIBE", self.names(CHANNELS, 1)),
            4..=6 => ("PSUBSCRIBE", self.names(PATTERNS, 1)),
            7 => ("SSUBSCRIBE", self.names(CHANNELS, 1)),
            8 | 9 => ("UNSUBSCRIBE", self.names(CHANNELS, 0)),
            10 | 11 => ("PUNSUBSCRIBE", self.names(PATTERNS, 0)),
            12 => ("SUNSUBSCRIBE", self.names(CHANNELS, 0)),
            13..=17 => {
                let mut names = self.names(CHANNELS, 1);
                names.truncate(1);
                let length = self.random.below(60);
                names.push(self.random.bytes(length));
                ("PUBLISH", names)
            }
            18 => {
                let mut names = self.names(CHANNELS, 1);
                names.truncate(1);
                names.push(b"to the shard".to_vec());
                ("SPUBLISH", names)
            }
            19 => (
                "PUBSUB",
                [
                    vec![b"CHANNELS".to_vec()],
                    self.names(PATTERNS, 1)[..1].to_vec(),
                ]
                .concat(),
            ),
            20 => ("PUBSUB", vec![b"channels".to_vec()]),
            21 => (
                "PUBSUB",
                [vec![b"NUMSUB".to_vec()], self.names(CHANNELS, 0)].concat(),
            ),
            22 => ("PUBSUB", vec![b"NUMPAT".to_vec()]),
            23 => ("PUBSUB", vec![b"SHARDCHANNELS".to_vec()]),
            24 => (
                "PUBSUB",
                [vec![b"SHARDNUMSUB".to_vec()], self.names(CHANNELS, 0)].concat(),
            ),
            25 => ("PING", self.names(CHANNELS, 0)),
            26 => ("GET", vec![b"key".to_vec()]),
            27 => ("ECHO", vec![b"still here".to_vec()]),
            28 => ("RESET", Vec::new()),
            _ if self.random.below(3) == 0 => ("QUIT", Vec::new()),
            _ => ("NOSUCH", Vec::new()),
        };
        [vec![name.as_bytes().to_vec()], names].concat()
    }

    /// One command of one client; says what it was and how the two differ, if they do.
    pub(crate) fn step(&mut self) -> (String, Option<String>) {
        let client = self.random.below(CLIENTS);
        let words = self.words();
        let bytes: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let bytes = command(&bytes);
        self.theirs[client].send(&bytes);
        for _ in 0..2 {
            assert_eq!(self.control.call(&["PING"]), "+PONG\r\n");
        }
        self.theirs.iter_mut().for_each(Side::take);
        self.ours[client].send(&bytes);
        let shown: Vec<_> = words
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        let shown = format!("client {client}: {}", shown.join(" "));
        let difference = self.await_same();
        for side in self.ours.iter_mut().chain(&mut self.theirs) {
            side.got.clear();
        }
        if self.theirs[client].closed {
            let last = self.connect_in_place_of(client);
            debug_assert_eq!(last, CLIENTS);
        }
        (shown, difference)
    }

    fn connect_in_place_of(&mut self, client: usize) -> usize {
        self.connect();
        self.ours.swap_remove(client);
        self.theirs.swap_remove(client);
        self.ours.len()
    }

    fn await_same(&mut self) -> Option<String> {
        let started = Instant::now();
        loop {
            self.ours.iter_mut().for_each(Side::take);
            let mut both = self.ours.iter().zip(&self.theirs);
            let is_same = both.all(|(ours, theirs)| {
                ours.closed == theirs.closed && sorted(&ours.got) == sorted(&theirs.got)
            });
            if is_same {
                return None;
            }
            if started.elapsed() > PATIENCE / 4 {
                let both = self.ours.iter().zip(&self.theirs).enumerate();
                let lines = both.map(|(client, (ours, theirs))| {
                    let (ours, theirs) = (ours.shown(), theirs.shown());
                    format!("  client {client} of the node:  {ours}\n  client {client} of redis: {theirs}\n")
                });
                return Some(lines.collect());
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}
