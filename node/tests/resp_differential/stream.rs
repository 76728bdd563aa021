//! Random commands: right ones over few keys, so that they meet, and ones with something wrong.

use crate::administration::{any_case, question};
use crate::common::Random;
use crate::numbers;

/// Commands that are sent with other arguments than they take.
const NAMES: &[&str] = &[
    "GET",
    "SET",
    "SETNX",
    "SETEX",
    "PSETEX",
    "GETSET",
    "GETDEL",
    "GETEX",
    "MGET",
    "MSET",
    "MSETNX",
    "APPEND",
    "STRLEN",
    "GETRANGE",
    "SETRANGE",
    "INCR",
    "DECR",
    "INCRBY",
    "DECRBY",
    "DEL",
    "UNLINK",
    "EXISTS",
    "TOUCH",
    "TYPE",
    "TTL",
    "PTTL",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "PERSIST",
    "KEYS",
    "SCAN",
    "ECHO",
    "SELECT",
    "DBSIZE",
    "RANDOMKEY",
    "FLUSHDB",
    "FLUSHALL",
    "SCAN",
];

const BINARY_KEYS: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\xff\xfe",
    b"a b",
    b"{\0}x",
    b"$3\r\nGET\r\n",
];

/// How two replies are held against each other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Compare {
    /// Byte by byte.
    Exact,
    /// Integers that count from now: so far apart at most.
    Near(i64),
    /// The same, but that what is beyond the node's last expiry may never expire there.
    NearOrNever(i64),
    /// Lists without order.
    Sorted,
    /// The kind of reply, and an error's first word.
    Kind,
    /// The kinds of everything in it, lists of one kind being alike whatever their length.
    Shape,
}

/// A command, its name first.
pub(crate) type Args = Vec<Vec<u8>>;

/// Draws commands over few keys, so that they meet.
pub(crate) struct Stream<'r> {
    random: &'r mut Random,
}

impl<'r> Stream<'r> {
    pub(crate) fn new(random: &'r mut Random) -> Self {
        Self { random }
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound)
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.random.below(from.len())]
    }

    fn key(&mut self) -> String {
        let number = self.random.below(8);
        if self.random.below(2) == 0 {
            format!("{{t}}{number}")
        } else {
            format!("key:{number}")
        }
    }

    fn tagged(&mut self) -> String {
        format!("{{t}}{}", self.random.below(8))
    }

    fn value(&mut self) -> String {
        match self.random.below(6) {
            0 => String::new(),
            1 => self.integer(),
            2 => self
                .pick(&["0.5", "3.25", "-2", "1e3", " 1", "1 ", "+1", "01", "abc"])
                .into(),
            3 => "x".repeat(self.random.below(300)),
            4 => "line\r\nend\0and zero".into(),
            _ => self.random.below(100).to_string(),
        }
    }

    fn integer(&mut self) -> String {
        match self.random.below(8) {
            0 => self
                .pick(&[
                    "9223372036854775807",
                    "-9223372036854775808",
                    "9223372036854775806",
                    "-9223372036854775807",
                    "4294967296",
                    "-2147483649",
                ])
                .into(),
            1 => self
                .pick(&[
                    "abc",
                    "",
                    "1.5",
                    "99999999999999999999",
                    "9223372036854775808",
                    "-9223372036854775809",
                    "-",
                    "0x1",
                    "+5",
                    "05",
                    "-0",
                    " 5",
                    "5 ",
                    "1e3",
                ])
                .into(),
            2 => format!("-{}", self.random.below(50)),
            3 => "0".into(),
            _ => self.random.below(50).to_string(),
        }
    }

    /// A time to live, or something that is none.
    fn seconds(&mut self) -> String {
        match self.random.below(10) {
            0 => "0".into(),
            1 => "-1".into(),
            2 => self
                .pick(&["abc", "1.5", "", "9223372036854775807", "9223372036854775"])
                .into(),
            _ => (100 + self.random.below(10_000)).to_string(),
        }
    }

    fn milliseconds(&mut self) -> String {
        match self.random.below(10) {
            0 => "0".into(),
            1 => "-5".into(),
            2 => self.pick(&["abc", "9223372036854775807"]).into(),
            _ => (100_000 + self.random.below(10_000_000)).to_string(),
        }
    }

    fn at(&mut self, scale: u64) -> String {
        match self.random.below(8) {
            0 => "1".into(),
            1 => self.pick(&["abc", "0", "-7"]).into(),
            _ => ((4_000_000_000 + self.random.below(1000) as u64) * scale).to_string(),
        }
    }

    fn expiry(&mut self) -> Vec<String> {
        match self.random.below(5) {
            0 => vec![self.pick(&["EX", "ex"]).into(), self.seconds()],
            1 => vec!["PX".into(), self.milliseconds()],
            2 => vec!["EXAT".into(), self.at(1)],
            3 => vec!["PXAT".into(), self.at(1000)],
            _ => vec![
                self.pick(&["KEEPTTL", "PERSIST", "EX", "PXAT", "bogus"])
                    .into(),
            ],
        }
    }

    fn set(&mut self) -> Vec<String> {
        let mut words = vec!["SET".to_owned(), self.key(), self.value()];
        for _ in 0..self.random.below(4) {
            if self.random.below(2) == 0 {
                words.extend(self.expiry());
            } else {
                words.push(self.pick(&["NX", "XX", "GET", "nx", "xx", "Get"]).into());
            }
        }
        words
    }

    fn expire(&mut self) -> Vec<String> {
        let name = self.pick(&["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"]);
        let time = match name {
            "EXPIRE" => self.seconds(),
            "PEXPIRE" => self.milliseconds(),
            "EXPIREAT" => self.at(1),
            _ => self.at(1000),
        };
        let mut words = vec![name.to_owned(), self.key(), time];
        for _ in 0..self.random.below(3) {
            words.push(self.pick(&["NX", "XX", "GT", "LT", "gt", "bogus"]).into());
        }
        words
    }

    /// On keys of their own, whose sums 64 bits hold as well as 80.
    fn float(&mut self) -> Vec<String> {
        let key = format!("float:{}", self.random.below(3));
        match self.random.below(6) {
            0 => {
                let values = [
                    "0.5", "-2", "1e3", "abc", " 1", "1 ", "", "10.125", "-0", "0x", "1e-3x",
                ];
                vec!["SET".into(), key, self.pick(&values).into()]
            }
            1 => vec!["GET".into(), key],
            // What both hold exactly, and write with as few digits.
            2 | 3 => {
                let number = self.random.below(1 << 20) as f64 - f64::from(1 << 19);
                let by = number / f64::from(1 << self.random.below(7));
                vec!["INCRBYFLOAT".into(), key, by.to_string()]
            }
            _ => {
                let by = [
                    "0.5", "-0.25", "3", "1e2", "abc", "", "inf", "-inf", " 1", "nan", "1e",
                ];
                vec!["INCRBYFLOAT".into(), key, self.pick(&by).into()]
            }
        }
    }

    fn flush(&mut self) -> Vec<String> {
        let name = self.pick(&["FLUSHALL", "FLUSHDB"]);
        let mode = self.pick(&["", "ASYNC", "SYNC", "async", "Sync"]);
        let mode = Some(mode.to_owned()).filter(|mode| !mode.is_empty());
        [name.to_owned()].into_iter().chain(mode).collect()
    }

    fn many(&mut self, name: &str) -> Vec<String> {
        let mut words = vec![name.to_owned()];
        for _ in 0..1 + self.random.below(5) {
            words.push(self.key());
        }
        words
    }

    /// One command and how its replies are compared.
    pub(crate) fn next(&mut self) -> (Args, Compare) {
        let (mut words, compare) = self.any();
        if self.random.below(8) == 0 {
            any_case(self.random, &mut words[0]);
        }
        (words, compare)
    }

    fn any(&mut self) -> (Args, Compare) {
        // Seldom, so that there is something to be removed.
        if self.random.below(300) == 0 {
            return (bytes(self.flush()), Compare::Exact);
        }
        match self.random.below(46) {
            42..=45 => numbers::command(self.random),
            36..=38 => question(self.random),
            39..=41 => (self.binary(), Compare::Exact),
            0..=21 => (bytes(self.on_values()), Compare::Exact),
            22..=29 => {
                let (words, compare) = self.on_keys();
                (bytes(words), compare)
            }
            30 => (bytes(self.connection()), Compare::Exact),
            31 => (bytes(self.unknown()), Compare::Exact),
            _ => {
                let words = self.broken();
                let is_time = words[0].ends_with(b"TTL");
                let compare = if is_time {
                    Compare::Near(5_000)
                } else {
                    Compare::Exact
                };
                (words, compare)
            }
        }
    }

    fn on_values(&mut self) -> Vec<String> {
        match self.random.below(22) {
            0..=4 => self.set(),
            5..=7 => vec![self.pick(&["GET", "get", "GeT"]).into(), self.key()],
            8 => {
                let name = self.pick(&["INCR", "DECR"]);
                vec![name.into(), self.key()]
            }
            9 => {
                let name = self.pick(&["INCRBY", "DECRBY"]);
                vec![name.into(), self.key(), self.integer()]
            }
            10 => self.float(),
            11 => vec!["APPEND".into(), self.key(), self.value()],
            12 => vec!["STRLEN".into(), self.key()],
            13 => {
                let name = self.pick(&["GETRANGE", "SUBSTR"]);
                vec![name.into(), self.key(), self.integer(), self.integer()]
            }
            14 => vec![
                "SETRANGE".into(),
                self.key(),
                self.pick(&[
                    "0",
                    "1",
                    "5",
                    "100",
                    "-1",
                    "abc",
                    "67108865",
                    "536870911",
                    "536870912",
                    "9223372036854775807",
                ])
                .into(),
                self.value(),
            ],
            15 => vec!["SETNX".into(), self.key(), self.value()],
            16 => vec!["SETEX".into(), self.key(), self.seconds(), self.value()],
            17 => vec![
                "PSETEX".into(),
                self.key(),
                self.milliseconds(),
                self.value(),
            ],
            18 => vec!["GETSET".into(), self.key(), self.value()],
            19 => vec!["GETDEL".into(), self.key()],
            _ => {
                let mut words = vec!["GETEX".to_owned(), self.key()];
                for _ in 0..self.random.below(3) {
                    words.extend(self.expiry());
                }
                words
            }
        }
    }

    fn on_keys(&mut self) -> (Vec<String>, Compare) {
        let mut compare = Compare::Exact;
        let words = match self.random.below(9) {
            0 => self.many("MGET"),
            1 => {
                let name = self.pick(&["DEL", "UNLINK", "EXISTS", "TOUCH"]);
                self.many(name)
            }
            2 => {
                let mut words = vec!["MSET".to_owned()];
                for _ in 0..1 + self.random.below(3) {
                    words.extend([self.key(), self.value()]);
                }
                words
            }
            3 => {
                let mut words = vec!["MSETNX".to_owned()];
                for _ in 0..1 + self.random.below(3) {
                    words.extend([self.tagged(), self.value()]);
                }
                words
            }
            4 => {
                let name = self.pick(&["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]);
                let is_ms = name.starts_with('P');
                compare = Compare::Near(if is_ms { 5_000 } else { 5 });
                vec![name.into(), self.key()]
            }
            5 | 6 => self.expire(),
            7 => vec![self.pick(&["PERSIST", "TYPE"]).into(), self.key()],
            _ => {
                compare = Compare::Sorted;
                let pattern = self.pick(&["*", "key:*", "{t}[0-3]", "key:?", "none", "*[^1]"]);
                vec!["KEYS".into(), pattern.into()]
            }
        };
        (words, compare)
    }

    /// Keys and values of any bytes.
    fn binary(&mut self) -> Args {
        let key = BINARY_KEYS[self.random.below(BINARY_KEYS.len())].to_vec();
        let length = self.random.below(40);
        let value = self.random.bytes(length);
        let (start, end) = (self.integer(), self.integer());
        let words: &[&[u8]] = match self.random.below(9) {
            0 | 1 => &[b"SET", &key, &value],
            2 | 3 => &[b"GET", &key],
            4 => &[b"APPEND", &key, &value],
            5 => &[b"GETRANGE", &key, start.as_bytes(), end.as_bytes()],
            6 => &[b"SETRANGE", &key, b"7", &value],
            7 => &[b"MGET", &key, b"key:1", &key],
            _ => &[b"ECHO", &value],
        };
        words.iter().map(|word| word.to_vec()).collect()
    }

    fn connection(&mut self) -> Vec<String> {
        let words: &[&str] = match self.random.below(16) {
            0 => &["PING"],
            1 => &["PING", "pong"],
            2 => &["PING", "too", "many"],
            3 => &["ECHO", "echo"],
            4 => &["SELECT", "0"],
            5 => &["SELECT", "abc"],
            6 => &["SELECT", "99"],
            7 => &["CLIENT", "SETNAME", "name"],
            8 => &["CLIENT", "GETNAME"],
            9 => &["CLIENT", "SETNAME", "a b"],
            10 => &["CLIENT", "BOGUS"],
            11 => &["CLIENT"],
            12 => &["CLIENT", "SETNAME"],
            13 => &["AUTH", "password"],
            14 => &["HELLO", "9"],
            _ => &["RESET"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn unknown(&mut self) -> Vec<String> {
        let mut words = vec![self.pick(&["NOSUCH", "a\r\nb", "x y", ""]).to_owned()];
        for _ in 0..self.random.below(6) {
            words.push("z".repeat(self.random.below(80)));
        }
        words
    }

    /// A command with some words too many, too few, or other ones.
    fn broken(&mut self) -> Args {
        let name = self.pick(NAMES);
        let most = match name {
            // Without arguments, or with one, these do what they should.
            "DBSIZE" | "RANDOMKEY" | "KEYS" | "SCAN" | "FLUSHDB" | "FLUSHALL" => {
                let option = self.pick(&["bogus", "1.5", "-"]);
                let mut words = vec![name.as_bytes().to_vec(), option.as_bytes().to_vec()];
                words.push(b"MATCH".to_vec());
                if name == "SCAN" {
                    words[1] = self.pick(&["abc", "0", "-1x", ""]).as_bytes().to_vec();
                }
                return words;
            }
            "MSET" | "MSETNX" => 2 * self.random.below(2) + 1,
            _ => self.random.below(5),
        };
        let mut words = vec![name.as_bytes().to_vec()];
        for index in 0..most {
            let word = if index == 0 {
                self.tagged()
            } else if self.random.below(3) == 0 {
                self.pick(&["EX", "NX", "XX", "GET", "MATCH", "COUNT", "PERSIST"])
                    .into()
            } else if name.ends_with("AT") {
                self.at(if name.starts_with('P') { 1000 } else { 1 })
            } else if name.starts_with('P') || name.contains("EX") {
                // Nothing that expires while the two servers are being asked.
                self.milliseconds()
            } else {
                self.integer()
            };
            // The empty key is refused here, and so are commands with it among others.
            let word = if word.is_empty() { "x".into() } else { word };
            words.push(word.into_bytes());
        }
        words
    }
}

impl Compare {
    pub(crate) fn holds(self, ours: &[u8], theirs: &[u8]) -> bool {
        match self {
            Self::Exact => ours == theirs,
            Self::Near(most) => match (number(ours), number(theirs)) {
                (Some(a), Some(b)) if a > 0 && b > 0 => (a - b).abs() <= most,
                _ => ours == theirs,
            },
            Self::NearOrNever(most) => {
                // From before this test to the year 2109.
                let is_far = number(theirs).is_some_and(|seconds| seconds > 2_500_000_000);
                ours == b":-1\r\n" && is_far || Self::Near(most).holds(ours, theirs)
            }
            Self::Sorted => sorted(ours) == sorted(theirs),
            Self::Kind => kind(ours) == kind(theirs),
            Self::Shape => {
                let shape = |reply| shape(reply).map(|(shape, _)| shape);
                shape(ours) == shape(theirs)
            }
        }
    }
}

/// The integer that a reply is.
fn number(reply: &[u8]) -> Option<i64> {
    let text = reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What a client tells replies apart by before it reads them.
fn kind(reply: &[u8]) -> &[u8] {
    match reply[0] {
        b'-' => reply.split(|byte| *byte == b' ').next().unwrap_or_default(),
        _ => &reply[..1],
    }
}

/// The kinds of a reply and all that is in it, and what is behind it.
fn shape(reply: &[u8]) -> Option<(String, &[u8])> {
    let end = reply.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, mut rest) = (&reply[..end], &reply[end + 2..]);
    let kind = char::from(line[0]);
    let number = || std::str::from_utf8(&line[1..]).ok()?.parse::<i64>().ok();
    match kind {
        '$' | '=' => match usize::try_from(number()?) {
            Ok(length) => Some((kind.into(), &rest[length + 2..])),
            Err(_) => Some(("null".into(), rest)),
        },
        '*' | '~' | '>' | '%' => {
            let Ok(count) = usize::try_from(number()?) else {
                return Some(("null".into(), rest));
            };
            let mut inner: Vec<String> = Vec::new();
            for _ in 0..count * if kind == '%' { 2 } else { 1 } {
                let (item, behind) = shape(rest)?;
                // Flags and categories are as many as they are.
                if inner.last() != Some(&item) || item.len() > 1 {
                    inner.push(item);
                }
                rest = behind;
            }
            Some((format!("{kind}[{}]", inner.join(" ")), rest))
        }
        _ => Some((kind.into(), rest)),
    }
}

/// The lines of a reply in order.
pub(crate) fn sorted(reply: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = reply.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

fn bytes(words: Vec<String>) -> Args {
    words.into_iter().map(String::into_bytes).collect()
}
