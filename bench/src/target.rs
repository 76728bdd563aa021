//! The servers that can be loaded, as pure codecs: a command becomes bytes, bytes become an
//! answer. Nothing here does I/O.
//!
//! All three are driven by the same engine through [`Protocol`], so that they see the same
//! workload, the same pacing and the same checks.

pub mod jerboa;
pub mod memcached;
pub mod redis;
mod text;

use std::str::FromStr;

use crate::operation::Operation;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Jerboa, by its binary protocol.
    Jerboa,
    /// Redis and everything that speaks RESP2.
    Redis,
    /// memcached, by its text protocol.
    Memcached,
}

/// A name that is no target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown target {0:?}: expected jerboa, redis or memcached")]
pub struct UnknownTarget(String);

impl FromStr for TargetKind {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "jerboa" => Ok(Self::Jerboa),
            "redis" => Ok(Self::Redis),
            "memcached" => Ok(Self::Memcached),
            _ => Err(UnknownTarget(text.to_owned())),
        }
    }
}

impl TargetKind {
    /// As on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jerboa => "jerboa",
            Self::Redis => "redis",
            Self::Memcached => "memcached",
        }
    }

    /// The port it listens on by default.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Jerboa => 7400,
            Self::Redis => 6379,
            Self::Memcached => 11211,
        }
    }

    /// The longest key that it takes.
    #[must_use]
    pub const fn key_bytes_max(self) -> u64 {
        match self {
            Self::Jerboa => 65_535,
            Self::Redis => 512 * 1024 * 1024,
            Self::Memcached => 250,
        }
    }
}

/// Many keys, and values where the operation stores, as flat buffers that are reused.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// End of the key and end of the value of each item in `bytes`.
    ends: Vec<(usize, usize)>,
}

impl Batch {
    /// Forgets all items and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Appends an item; the value is empty where the operation does not store.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The items as (key, value).
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts
            .zip(&self.ends)
            .map(|(start, (key, end))| (&self.bytes[start..*key], &self.bytes[*key..*end]))
    }
}

/// What to ask the server.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// Nothing.
    Noop,
    /// The value of a key.
    Get(&'a [u8]),
    /// Store a value, with a TTL in milliseconds (0: none).
    Set(&'a [u8], &'a [u8], u64),
    /// Remove a key.
    Delete(&'a [u8]),
    /// Add one to a counter.
    Incr(&'a [u8]),
    /// The values of many keys.
    MultiGet(&'a Batch),
    /// Store many values, all with this TTL in milliseconds (0: none).
    MultiSet(&'a Batch, u64),
}

/// What the bytes must be the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The operation that was asked for first among the unanswered.
    pub operation: Operation,
    /// Its number of keys.
    pub items: usize,
}

/// Why a server refused, as far as it matters to the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has no memory left for the value.
    OutOfMemory,
    /// It is overloaded at the moment.
    Busy,
    /// Anything else.
    Other,
}

/// The answer to one command, or to one key of a command with many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'b> {
    /// Here is the value.
    Value(&'b [u8]),
    /// There is no such key.
    Missing,
    /// It was done.
    Done,
    /// The counter stands at this.
    Number(i64),
    /// It was refused, in the server's words.
    Refused(Refusal, &'b [u8]),
    /// One answer for each key, to be read with [`Protocol::item`].
    Items(Items<'b>),
}

/// The unread part of an answer with many items, in the protocol's own form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Items<'b> {
    rest: &'b [u8],
    operation: Operation,
}

/// What stands at the front of received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'b> {
    /// Not a whole answer; at least this many bytes are needed, counted from the front.
    Incomplete(usize),
    /// A whole answer.
    Answer {
        /// Bytes that it took.
        consumed: usize,
        /// The id of the request that it answers, in protocols that have one. Where there is
        /// none, answers come in the order of the requests.
        id: Option<u32>,
        /// The answer.
        answer: Answer<'b>,
    },
}

/// The server broke its own protocol, or the two sides lost step.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// These bytes are no answer to what was asked.
    #[error("unexpected answer to {operation}: {text:?}")]
    Unexpected {
        /// What was asked.
        operation: &'static str,
        /// How the answer begins.
        text: String,
    },
    /// A declared length is beyond all limits.
    #[error("the answer to {operation} declares {bytes} bytes")]
    TooLong {
        /// What was asked.
        operation: &'static str,
        /// The declared length.
        bytes: i64,
    },
    /// A frame that does not decode.
    #[error("bad frame: {0}")]
    Frame(String),
    /// An answer to a request that is not waiting.
    #[error("an answer to request {0}, which is not waiting")]
    UnknownId(u32),
    /// Bytes although nothing was asked.
    #[error("{0} bytes came although no request is waiting")]
    Unasked(usize),
}

impl ProtocolError {
    pub(crate) fn unexpected(operation: Operation, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned();
        Self::Unexpected {
            operation: operation.name(),
            text,
        }
    }
}

/// Where a key lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Which of the server's addresses to ask, 0 where there is one only.
    pub lane: u16,
    /// The partition of the key, 0 in protocols without partitions.
    pub partition: u16,
}

/// One server's protocol.
pub trait Protocol {
    /// Appends the bytes of `command`, to be known as `id`, to `out`. `route` is that of its key,
    /// or of the first of its keys.
    fn encode(&mut self, command: Command<'_>, id: u32, route: Route, out: &mut Vec<u8>);

    /// The answer at the front of `bytes`.
    ///
    /// # Errors
    /// The bytes cannot be an answer to `expected`: the connection is of no more use.
    fn parse<'b>(&self, bytes: &'b [u8], expected: Expected) -> Result<Parsed<'b>, ProtocolError>;

    /// The answer about the next key of an answer with many; `key` is that key. Called at most
    /// as many times as the request had keys, in their order, with what `parse` returned.
    fn item<'b>(&self, items: &mut Items<'b>, key: &[u8]) -> Answer<'b>;

    /// Where `key` lives.
    fn route(&self, key: &[u8]) -> Route;
}

#[cfg(test)]
pub(crate) mod testing;
