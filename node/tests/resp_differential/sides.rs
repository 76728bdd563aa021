//! One connection to a node and one to Redis: the same commands go to both, and what comes
//! differently is kept, with what was sent about the same key before.

use std::net::SocketAddr;

use crate::common::resp::{RespRaw, command};
use crate::shown;
use crate::stream::{Args, Compare};

/// After the first difference, what is stored may differ: a few are enough.
const DIFFERENCES_MAX: usize = 5;

pub(crate) struct Sides {
    ours: RespRaw,
    theirs: RespRaw,
    /// What the node calls an address, and what Redis calls the one that stands for it.
    renamed: Vec<(String, String)>,
    history: Vec<String>,
    pub(crate) differences: Vec<String>,
}

impl Sides {
    pub(crate) fn connect(node: SocketAddr, redis: SocketAddr, version: &str) -> Self {
        let mut sides = Self {
            ours: RespRaw::connect(node),
            theirs: RespRaw::connect(redis),
            renamed: Vec::new(),
            history: Vec::new(),
            differences: Vec::new(),
        };
        sides.both(&["HELLO", version]);
        sides
    }

    /// A redirection of the node's to `ours` is Redis' to `theirs`.
    pub(crate) fn rename(&mut self, ours: SocketAddr, theirs: SocketAddr) {
        self.renamed.push((ours.to_string(), theirs.to_string()));
    }

    /// Whether enough differs for it to be told.
    pub(crate) fn differs(&self) -> bool {
        self.differences.len() >= DIFFERENCES_MAX
    }

    /// Sends all of them at once, and compares the replies one by one.
    pub(crate) fn batch(&mut self, batch: &[(Args, Compare)]) {
        let mut bytes = Vec::new();
        for (arguments, _) in batch {
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            bytes.extend_from_slice(&command(&arguments));
        }
        self.ours.send(&bytes).unwrap();
        self.theirs.send(&bytes).unwrap();
        for (arguments, compare) in batch {
            let (ours, theirs) = (self.ours.receive(), self.theirs.receive());
            let ours = self.redirected(ours);
            self.history.push(shown(arguments));
            if !compare.holds(&ours, &theirs) {
                self.tell(arguments, &ours, &theirs);
            }
        }
    }

    /// What both answer to a command whose replies are compared by who asks: the node first.
    pub(crate) fn both(&mut self, words: &[&str]) -> [Vec<u8>; 2] {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let bytes = command(&words);
        [&mut self.ours, &mut self.theirs].map(|side| {
            side.send(&bytes).unwrap();
            side.receive()
        })
    }

    /// One side alone: the node is 0, Redis 1.
    pub(crate) fn one(&mut self, side: usize, words: &[&[u8]]) -> Vec<u8> {
        let side = if side == 0 {
            &mut self.ours
        } else {
            &mut self.theirs
        };
        side.send(&command(words)).unwrap();
        side.receive()
    }

    /// A line of what was done between the commands of the stream.
    pub(crate) fn note(&mut self, line: &str) {
        self.history.push(line.to_owned());
    }

    /// Keeps a difference and what led to it.
    pub(crate) fn tell(&mut self, arguments: &Args, ours: &[u8], theirs: &[u8]) {
        let key = arguments.get(1).map(|key| key.escape_ascii().to_string());
        let key = format!("{:?}", key.unwrap_or_default());
        let all = |line: &&String| line.contains(&key) || line.to_lowercase().contains("flush");
        let before: Vec<_> = self.history.iter().filter(all).rev().take(12).collect();
        self.differences.push(format!(
            "{}\n  node:  {}\n  redis: {}\nbefore, the last first: {before:#?}",
            shown(arguments),
            ours.escape_ascii(),
            theirs.escape_ascii()
        ));
    }

    fn redirected(&self, reply: Vec<u8>) -> Vec<u8> {
        if !reply.starts_with(b"-MOVED ") {
            return reply;
        }
        let mut text = String::from_utf8(reply).unwrap();
        for (ours, theirs) in &self.renamed {
            text = text.replace(&format!(" {ours}\r\n"), &format!(" {theirs}\r\n"));
        }
        text.into_bytes()
    }
}
