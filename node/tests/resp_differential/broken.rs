//! Streams of bytes that were commands before something happened to them.
//!
//! Where the node and Redis are allowed to part is not judged by their answers but by the bytes:
//! [`agreed`] walks a stream by Redis' rules and says up to where both have to answer alike.

use jerboa_wire::resp::{Arguments, parse_integer, split_inline};
use jerboa_wire::routing::slot;

use crate::common::Random;
use crate::common::resp::command;

/// Both sides read so much at once.
pub(crate) const STREAM_BYTES_MAX: usize = 12_000;
/// The node looks so far for the end of a length.
const LENGTH_LINE_BYTES_MAX: usize = 64;
/// The node's most arguments.
const ARGUMENTS_MAX: i64 = 1 << 20;

/// What a byte is replaced with more often than others.
const TELLING: &[u8] = b"\r\n*$0123456789-+ \"'\\\0\x0b\x0c\t:x\xff";
/// What numbers are replaced with.
const NUMBERS: &[&str] = &[
    "-1",
    "0",
    "-0",
    "00",
    "01",
    "1",
    "2",
    "3",
    "-10",
    "+1",
    "1 ",
    " 1",
    "",
    "0x1",
    "1e1",
    "abc",
    "64",
    "1000",
    "1048576",
    "1048577",
    "2147483647",
    "2147483648",
    "4294967297",
    "67108864",
    "67108865",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
];
const LINE_ENDS: &[&str] = &[
    "\n", "\r", "\n\r", "\r\r\n", "", "\r\n\r\n", "\0\r\n", " \r\n",
];
/// What is typed, and what is typed wrongly.
const LINES: &[&str] = &[
    "PING\r\n",
    "ping\n",
    "\r\n",
    "  \t \r\n",
    "GET\r\n",
    "SET \"a b\" 'c d'\r\n",
    "GET \"a b\"\r\n",
    "ECHO \"\\x41\\n\\\\\"\r\n",
    "ECHO \"open\r\n",
    "ECHO 'open\r\n",
    "ECHO \"a\"b\r\n",
    "ECHO 'it\\'s'\r\n",
    "ECHO a\"b c\"\r\n",
    "ECHO a\x0bb\r\n",
    "\x0cECHO \x0b a\r\n",
    "ECHO \"\"\r\n",
    "ECHO \\\r\n",
    "ECHO \"\\xg1\\x4\"\r\n",
    "QUIT\r\n",
    "*0\r\n",
    "*-1\r\n",
    "*\r\n",
    "$4\r\nPING\r\n",
    ":1\r\n",
    "+OK\r\n",
    "-ERR x\r\n",
    "NOSUCH a b c\r\n",
    "'GET' k\r\n",
];

/// Draws streams.
pub(crate) struct Broken<'r> {
    pub(crate) random: &'r mut Random,
}

impl Broken<'_> {
    fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        from[self.random.below(from.len())]
    }

    /// A stream, mostly with something wrong, and the pieces in which it is sent.
    pub(crate) fn stream(&mut self) -> Vec<u8> {
        let mut bytes = self.valid();
        for _ in 0..self.random.below(5) {
            self.break_in(&mut bytes);
        }
        bytes.truncate(STREAM_BYTES_MAX);
        bytes
    }

    /// The same bytes cut up.
    pub(crate) fn pieces(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut cuts: Vec<usize> = (0..self.random.below(4))
            .map(|_| self.random.below(bytes.len() + 1))
            .collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pairs = cuts.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec());
        pairs.filter(|piece| !piece.is_empty()).collect()
    }

    fn valid(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..1 + self.random.below(8) {
            if self.random.below(5) == 0 {
                bytes.extend_from_slice(self.pick(LINES).as_bytes());
                continue;
            }
            let words = self.words();
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            bytes.extend_from_slice(&command(&words));
        }
        bytes
    }

    fn key(&mut self) -> Vec<u8> {
        match self.random.below(8) {
            0 => b"\r\n".to_vec(),
            1 => b"\0".to_vec(),
            2 => b"*1\r\n$4\r\nPING\r\n".to_vec(),
            number => format!("k{number}").into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.random.below(6) {
            0 => Vec::new(),
            1 => self.random.below(1000).to_string().into_bytes(),
            2 => command(&[b"SET", b"k3", b"inner"]),
            3 => b"\"quoted' \r\n$5\r\n".to_vec(),
            _ => {
                let length = self.random.below(200);
                self.random.bytes(length)
            }
        }
    }

    fn words(&mut self) -> Vec<Vec<u8>> {
        let number = self.random.below(20).to_string();
        let (key, other, value) = (self.key(), self.key(), self.value());
        let words: &[&[u8]] = match self.random.below(26) {
            0 | 1 => &[b"SET", &key, &value],
            2 => &[b"SET", &key, &value, b"EX", b"1000", b"NX"],
            3 => &[b"SET", &key, &value, b"XX", b"GET"],
            4 | 5 => &[b"GET", &key],
            6 => &[b"MGET", &key, &other],
            7 => &[b"MSET", &key, &value, &other, b"v"],
            8 => &[b"DEL", &key, &other],
            9 => &[b"EXISTS", &key, &key],
            10 => &[b"INCR", &key],
            11 => &[b"INCRBY", &key, number.as_bytes()],
            12 => &[b"APPEND", &key, &value],
            13 => &[b"GETRANGE", &key, b"-3", b"-1"],
            14 => &[b"SETRANGE", &key, number.as_bytes(), &value],
            15 => &[b"STRLEN", &key],
            16 => &[b"TYPE", &key],
            17 => &[b"PING"],
            18 => &[b"ECHO", &value],
            19 => &[b"CLIENT", b"SETNAME", b"name"],
            20 => &[b"CLIENT", b"GETNAME"],
            21 => &[b"NOSUCH", &key, &value],
            22 => &[b"GETSET", &key, &value],
            23 => &[b"SELECT", b"0"],
            24 => &[b"SUBSCRIBE", b"channel"],
            _ => match self.random.below(6) {
                0 => &[b"QUIT"],
                1 => &[b"RESET"],
                2 => &[b"CLIENT", b"REPLY", b"SKIP"],
                3 => &[b"UNSUBSCRIBE", b"channel"],
                4 => &[b"CLIENT", b"REPLY", b"OFF"],
                _ => &[b"GETDEL", &key],
            },
        };
        words.iter().map(|word| word.to_vec()).collect()
    }

    fn break_in(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.random.below(bytes.len());
        let end = (at + 1 + self.random.below(8)).min(bytes.len());
        match self.random.below(14) {
            0 | 1 => bytes[at] ^= 1 << self.random.below(8),
            2 | 3 => bytes[at] = TELLING[self.random.below(TELLING.len())],
            4 => drop(bytes.drain(at..end)),
            5 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            6 => {
                let count = self.random.below(30);
                let noise = self.random.bytes(count);
                bytes.splice(at..at, noise);
            }
            7 => bytes.truncate(at),
            8 => {
                // The rest of another one.
                let other = self.valid();
                let from = self.random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            9..=11 => self.replace_number(bytes, at),
            12 => {
                let Some(found) = bytes[at..].windows(2).position(|pair| pair == b"\r\n") else {
                    return;
                };
                let instead = self.pick(LINE_ENDS).bytes();
                bytes.splice(at + found..at + found + 2, instead);
            }
            _ => {
                let line = self.pick(LINES).bytes();
                bytes.splice(at..at, line);
            }
        }
    }

    /// The number behind the next `*` or `$`.
    fn replace_number(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let is_mark = |byte: &u8| matches!(byte, b'*' | b'$');
        let Some(found) = bytes[at..].iter().position(is_mark) else {
            return;
        };
        let start = at + found + 1;
        let digits = bytes[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let end = start + digits.count();
        let instead = self.pick(NUMBERS).bytes();
        bytes.splice(start..end, instead);
    }
}

/// What stands at the front of the rest of a stream.
enum Step {
    /// A command ends there, its words.
    Command(usize, Vec<Vec<u8>>),
    /// More is needed, or the stream is refused: by both alike.
    End,
    /// Here both may part.
    Parts,
}

/// Up to where both have to answer alike: the beginning of the first command about which they may
/// differ, or the whole stream.
pub(crate) fn agreed(bytes: &[u8]) -> usize {
    let (mut at, mut silent) = (0, false);
    while at < bytes.len() {
        let step = match bytes[at] {
            b'*' => multi(bytes, at),
            _ => inline(bytes, at),
        };
        match step {
            Step::Parts => return at,
            // A client to which nothing may be said Redis does not close either.
            Step::End if silent => return at,
            Step::End => break,
            Step::Command(end, words) => {
                if differs_in_meaning(&words) || silent && is(&words, 0, "quit") {
                    return at;
                }
                if is(&words, 0, "client") && is(&words, 1, "reply") {
                    silent = is(&words, 2, "off") || is(&words, 2, "skip");
                } else if is(&words, 0, "reset") {
                    silent = false;
                }
                at = end;
            }
        }
    }
    bytes.len()
}

fn is(words: &[Vec<u8>], index: usize, wanted: &str) -> bool {
    words
        .get(index)
        .is_some_and(|word| word.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Redis looks for line ends as C does in text: not behind a zero byte. So it waits for 64 KiB of
/// what the node sees to be wrong, or to be a line, at once.
fn inline(bytes: &[u8], at: usize) -> Step {
    let rest = &bytes[at..];
    let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | 0)) else {
        return Step::End;
    };
    if rest[end] == 0 {
        return Step::Parts;
    }
    let line = &rest[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (mut text, mut spans) = (Vec::new(), Vec::new());
    if !split_inline(line, &mut text, &mut spans) {
        return Step::End;
    }
    let words = Arguments::new(&text, &spans);
    Step::Command(at + end + 1, words.iter().map(<[u8]>::to_vec).collect())
}

/// A line with a length: its number, and the offset behind it.
fn length(bytes: &[u8], at: usize) -> Result<(Option<i64>, usize), Step> {
    let rest = &bytes[at..];
    let end = match rest.iter().position(|byte| matches!(byte, b'\r' | 0)) {
        None if rest.len() < LENGTH_LINE_BYTES_MAX => return Err(Step::End),
        None => return Err(Step::Parts),
        Some(end) if rest[end] == 0 || end >= LENGTH_LINE_BYTES_MAX => return Err(Step::Parts),
        Some(end) => end,
    };
    match rest.get(end + 1) {
        None => Err(Step::End),
        Some(b'\n') => Ok((rest.get(1..end).and_then(parse_integer), at + end + 2)),
        // Redis does not look at it.
        Some(_) => Err(Step::Parts),
    }
}

fn multi(bytes: &[u8], at: usize) -> Step {
    let (count, mut at) = match length(bytes, at) {
        Ok(found) => found,
        Err(step) => return step,
    };
    let mut words = Vec::new();
    match count {
        None => return Step::End,
        Some(count) if count > i64::from(i32::MAX) => return Step::End,
        Some(count) if count > ARGUMENTS_MAX => return Step::Parts,
        Some(count) if count <= 0 => return Step::Command(at, words),
        Some(_) => {}
    }
    for _ in 0..count.unwrap_or(0) {
        let (bulk, start) = match bytes.get(at) {
            None => return Step::End,
            Some(_) => match length(bytes, at) {
                Ok(found) => found,
                Err(step) => return step,
            },
        };
        let Some(bulk) = bulk.filter(|bulk| bytes[at] == b'$' && *bulk >= 0) else {
            return Step::End;
        };
        if bulk > 64 << 20 {
            // Beside its value a command of the node may carry a little more.
            return if bulk < 65 << 20 {
                Step::Parts
            } else {
                Step::End
            };
        }
        let end = start + bulk as usize;
        match bytes.get(end..end + 2) {
            None => return Step::End,
            Some(b"\r\n") => {}
            // Redis does not look at them.
            Some(_) => return Step::Parts,
        }
        words.push(bytes[start..end].to_vec());
        at = end + 2;
    }
    Step::Command(at, words)
}

/// Whether a command is one of the few that both have and answer differently, each for a reason that
/// the list in the test's head names.
fn differs_in_meaning(words: &[Vec<u8>]) -> bool {
    let Some(name) = words.first() else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    let keys = |step: usize| words[1..].iter().step_by(step);
    match &name[..] {
        b"set" | b"get" | b"incr" | b"decr" | b"incrby" | b"decrby" | b"append" | b"getrange"
        | b"substr" | b"setrange" | b"strlen" | b"type" | b"getset" | b"getdel" | b"getex"
        | b"setnx" | b"setex" | b"psetex" | b"ttl" | b"pttl" | b"persist" | b"subscribe" => {
            words.get(1).is_some_and(Vec::is_empty)
        }
        b"mget" | b"del" | b"unlink" | b"exists" | b"touch" => keys(1).any(Vec::is_empty),
        b"mset" => keys(2).any(Vec::is_empty),
        b"msetnx" => keys(2).any(|key| key.is_empty() || slot(key) != slot(&words[1])),
        b"ping" | b"echo" | b"select" | b"quit" | b"reset" | b"auth" | b"unsubscribe" => false,
        b"client" => words.get(1).is_some_and(|word| {
            let alike = [&b"setname"[..], b"getname", b"reply"];
            !alike.contains(&&word.to_ascii_lowercase()[..])
        }),
        // What both call unknown, and what this test does not send by itself.
        _ => HAVE_BOTH.contains(&&name[..]),
    }
}

/// Commands that only a mutation can have made.
const HAVE_BOTH: &[&[u8]] = &[
    b"asking",
    b"cluster",
    b"command",
    b"config",
    b"dbsize",
    b"debug",
    b"hello",
    b"info",
    b"keys",
    b"lastsave",
    b"latency",
    b"memory",
    b"object",
    b"post",
    b"host:",
    b"psubscribe",
    b"publish",
    b"pubsub",
    b"randomkey",
    b"role",
    b"scan",
    b"slowlog",
    b"stats",
    b"time",
    b"wait",
];
