//! A small RESP server for tests, honest or lying: bytes in, bytes out, no sockets.
//!
//! Shared by the loader's unit tests and the smoke test, which puts sockets around it.

use std::collections::HashMap;

/// What a fake server does wrong, and to every how-manieth request that it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// Answers a read with the value before the last.
    Stale(u64),
    /// Acknowledges a store and forgets it.
    Forget(u64),
    /// Answers a read with the value of another key.
    Foreign(u64),
    /// Flips a bit of a value.
    Flip(u64),
    /// Answers an increment without doing it.
    SkipIncrement(u64),
    /// Refuses a store for want of memory.
    Refuse(u64),
}

/// Present and previous value.
type Entry = (Vec<u8>, Option<Vec<u8>>);

/// The server; one for all its connections.
#[derive(Debug)]
pub(crate) struct Fake {
    lie: Lie,
    occasions: u64,
    entries: HashMap<Vec<u8>, Entry>,
    latest_key: Vec<u8>,
    /// Commands served.
    pub(crate) served: u64,
}

impl Fake {
    pub(crate) fn new(lie: Lie) -> Self {
        let entries = HashMap::new();
        Self {
            lie,
            occasions: 0,
            entries,
            latest_key: Vec::new(),
            served: 0,
        }
    }

    /// Serves the whole commands at the front of `input`, takes them out and returns the answers.
    pub(crate) fn serve(&mut self, input: &mut Vec<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some((words, consumed)) = command(&input[at..]) {
            at += consumed;
            self.served += 1;
            self.execute(&words, &mut out);
        }
        input.drain(..at);
        out
    }

    fn execute(&mut self, words: &[Vec<u8>], out: &mut Vec<u8>) {
        match (words[0].as_slice(), &words[1..]) {
            (b"PING", _) => out.extend_from_slice(b"+PONG\r\n"),
            (b"GET", [key]) => self.get(key, out),
            (b"MGET", keys) => {
                out.extend_from_slice(format!("*{}\r\n", keys.len()).as_bytes());
                for key in keys {
                    self.get(key, out);
                }
            }
            (b"SET", [key, value, ..]) => {
                if self.lies(|lie| matches!(lie, Lie::Refuse(_))) {
                    out.extend_from_slice(b"-OOM command not allowed\r\n");
                } else {
                    self.set(key, value);
                    out.extend_from_slice(b"+OK\r\n");
                }
            }
            (b"MSET", pairs) => {
                for pair in pairs.chunks(2) {
                    self.set(&pair[0], &pair[1]);
                }
                out.extend_from_slice(b"+OK\r\n");
            }
            (b"DEL", [key]) => {
                let removed = i32::from(self.entries.remove(key).is_some());
                out.extend_from_slice(format!(":{removed}\r\n").as_bytes());
            }
            (b"INCR", [key]) => {
                let skip = self.lies(|lie| matches!(lie, Lie::SkipIncrement(_)));
                let value = self
                    .entries
                    .entry(key.clone())
                    .or_insert_with(|| (b"0".to_vec(), None));
                let text = String::from_utf8_lossy(&value.0).into_owned();
                let number = text.parse::<i64>().map_or(0, |n| n) + i64::from(!skip);
                value.0 = number.to_string().into_bytes();
                out.extend_from_slice(format!(":{number}\r\n").as_bytes());
            }
            (b"INFO", _) => {
                let text = "# CPU\r\nused_cpu_sys:1.500000\r\nused_cpu_user:2.250000\r\n";
                out.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
            }
            _ => out.extend_from_slice(b"-ERR unknown command\r\n"),
        }
    }

    /// Whether this is an occasion to tell the lie, if it is one of this kind.
    fn lies(&mut self, concerned: impl Fn(Lie) -> bool) -> bool {
        let every = match self.lie {
            lie if !concerned(lie) => return false,
            Lie::Stale(n) | Lie::Forget(n) | Lie::Foreign(n) => n,
            Lie::Flip(n) | Lie::SkipIncrement(n) | Lie::Refuse(n) => n,
            Lie::None => return false,
        };
        self.occasions += 1;
        self.occasions.is_multiple_of(every)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        let known = self.entries.contains_key(key);
        if known && self.lies(|lie| matches!(lie, Lie::Forget(_))) {
            self.entries.remove(key);
            return;
        }
        let previous = self.entries.remove(key).map(|(value, _)| value);
        self.entries
            .insert(key.to_vec(), (value.to_vec(), previous));
        self.latest_key = key.to_vec();
    }

    fn get(&mut self, key: &[u8], out: &mut Vec<u8>) {
        let Some((value, previous)) = self.entries.get(key).cloned() else {
            out.extend_from_slice(b"$-1\r\n");
            return;
        };
        let mut answer = value;
        if let Some(previous) = previous
            && self.lies(|lie| matches!(lie, Lie::Stale(_)))
        {
            answer = previous;
        }
        if self.latest_key != key && self.lies(|lie| matches!(lie, Lie::Foreign(_))) {
            answer = self.entries[&self.latest_key].0.clone();
        }
        if self.lies(|lie| matches!(lie, Lie::Flip(_))) {
            let last = answer.len() - 1;
            answer[last] ^= 1;
        }
        out.extend_from_slice(format!("${}\r\n", answer.len()).as_bytes());
        out.extend_from_slice(&answer);
        out.extend_from_slice(b"\r\n");
    }
}

/// The whole command at the front of `input` and its bytes.
fn command(input: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut at = 0;
    let mut number = |mark: u8| -> Option<(usize, usize)> {
        let end = at + input.get(at..)?.iter().position(|byte| *byte == b'\n')?;
        assert_eq!(input[at], mark, "the loader sent bytes that are no command");
        let text = std::str::from_utf8(&input[at + 1..end - 1]).ok()?;
        at = end + 1;
        let value: usize = text.parse().ok()?;
        if mark == b'$' {
            let start = at;
            at += value + 2;
            return (input.len() >= at).then_some((start, value));
        }
        Some((at, value))
    };
    let (_, count) = number(b'*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (start, length) = number(b'$')?;
        words.push(input[start..start + length].to_vec());
    }
    Some((words, at))
}
