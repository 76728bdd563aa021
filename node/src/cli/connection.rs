//! One connection of a tool to a node: one question at a time, and messages as they come.
//!
//! A tool talks to the port of any core, which forwards what is not its own, so that it works from
//! wherever that one port can be reached.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use jerboa_wire::routing::partition_of;
use jerboa_wire::{
    Crc, DecodeOptions, Decoded, EncodeError, Hello, HelloReply, Opcode, Reply, Request, Status,
    decode_reply,
};

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// No connection could be made.
    Unreachable { address: String, source: io::Error },
    /// Nothing came in time.
    TimedOut { after: Duration },
    /// The connection broke.
    Lost { source: io::Error },
    /// What came is no frame of the protocol.
    NotAFrame,
    /// The request cannot be sent.
    Unsendable(EncodeError),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { address, source } => write!(f, "cannot reach {address}: {source}"),
            Self::TimedOut { after } => write!(f, "no answer within {after:?}"),
            Self::Lost { source } => write!(f, "the connection broke: {source}"),
            Self::NotAFrame => f.write_str("the peer does not speak the binary protocol"),
            Self::Unsendable(error) => write!(f, "the request cannot be sent: {error}"),
        }
    }
}

impl Error for NoAnswer {}

/// A reply that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) opcode: Opcode,
    pub(crate) status: Status,
    pub(crate) arg: u64,
    pub(crate) version: u64,
    pub(crate) count: u32,
    pub(crate) value: Vec<u8>,
    request_id: u32,
}

impl Answered {
    fn of(reply: &Reply<'_>) -> Self {
        Self {
            opcode: reply.opcode,
            status: reply.status,
            arg: reply.arg,
            version: reply.version,
            count: reply.count,
            value: reply.value.to_vec(),
            request_id: reply.request_id,
        }
    }

    /// The reply as the protocol's own type, whose items can be walked.
    pub(crate) fn reply(&self) -> Reply<'_> {
        Reply {
            arg: self.arg,
            version: self.version,
            count: self.count,
            value: &self.value,
            ..Reply::new(self.opcode, self.status, self.request_id)
        }
    }
}

/// What a node says of itself when it is met.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Introduction {
    pub(crate) member: u64,
    pub(crate) cores: u16,
    pub(crate) partition_count: u16,
    pub(crate) value_bytes_max: u32,
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    options: DecodeOptions,
    /// What the node said of itself.
    pub(crate) node: Introduction,
    input: Vec<u8>,
    /// Bytes of `input` that were returned.
    taken: usize,
    request_id: u32,
    timeout: Duration,
    messages: VecDeque<Answered>,
}

impl Connection {
    /// Connects and asks the node for its limits.
    pub(crate) fn open(address: &str, timeout: Duration) -> Result<Self, NoAnswer> {
        let stream = connect(address, timeout).map_err(|source| NoAnswer::Unreachable {
            address: address.to_owned(),
            source,
        })?;
        let lost = |source| NoAnswer::Lost { source };
        stream.set_nodelay(true).map_err(lost)?;
        stream.set_write_timeout(Some(timeout)).map_err(lost)?;
        let mut connection = Self {
            stream,
            options: DecodeOptions::default(),
            node: Introduction::default(),
            input: Vec::new(),
            taken: 0,
            request_id: 0,
            timeout,
            messages: VecDeque::new(),
        };
        let hello = Hello::new(false).encode();
        let answer = connection.ask(&Request {
            value: &hello,
            ..Request::new(Opcode::Hello)
        })?;
        let hello = HelloReply::decode(&answer.value).ok_or(NoAnswer::NotAFrame)?;
        connection.node = Introduction {
            member: hello.member,
            cores: hello.cores,
            partition_count: hello.partition_count,
            value_bytes_max: hello.value_bytes_max,
        };
        connection.options.value_bytes_max = hello.value_bytes_max;
        Ok(connection)
    }

    /// Asks and waits for the answer; the partition of the key is filled in.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Result<Answered, NoAnswer> {
        self.ask_within(request, self.timeout)
    }

    /// Asks what may take longer than the usual time.
    pub(crate) fn ask_within(
        &mut self,
        request: &Request<'_>,
        timeout: Duration,
    ) -> Result<Answered, NoAnswer> {
        self.request_id = self.request_id.wrapping_add(1).max(1);
        let partition = match (request.key, request.opcode) {
            ([], _) | (_, Opcode::Publish) => 0,
            (key, _) => partition_of(key, self.node.partition_count),
        };
        let request = Request {
            partition,
            request_id: self.request_id,
            ..*request
        };
        let mut frame = Vec::new();
        request
            .encode(&mut frame, Crc::On)
            .map_err(NoAnswer::Unsendable)?;
        let sent = self.stream.write_all(&frame);
        sent.map_err(|source| NoAnswer::Lost { source })?;
        let until = Instant::now() + timeout;
        loop {
            let Some(answer) = self.receive(until)? else {
                return Err(NoAnswer::TimedOut { after: timeout });
            };
            // A message, or the answer to what was given up earlier.
            if answer.opcode == Opcode::Message {
                self.messages.push_back(answer);
            } else if answer.request_id == request.request_id || answer.request_id == 0 {
                return Ok(answer);
            }
        }
    }

    /// The next message, `None` where none comes until then.
    pub(crate) fn message(&mut self, until: Instant) -> Result<Option<Answered>, NoAnswer> {
        if let Some(message) = self.messages.pop_front() {
            return Ok(Some(message));
        }
        self.receive(until)
    }

    /// The next frame, `None` where none comes until then.
    fn receive(&mut self, until: Instant) -> Result<Option<Answered>, NoAnswer> {
        loop {
            let rest = &self.input[self.taken..];
            match decode_reply(rest, &self.options).map_err(|_| NoAnswer::NotAFrame)? {
                Decoded::Frame { frame, consumed } => {
                    let answer = Answered::of(&frame);
                    self.taken += consumed;
                    return Ok(Some(answer));
                }
                Decoded::Incomplete { .. } => {
                    self.input.drain(..self.taken);
                    self.taken = 0;
                    if !self.read(until)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads what is there; false where nothing comes until then.
    fn read(&mut self, until: Instant) -> Result<bool, NoAnswer> {
        let lost = |source| NoAnswer::Lost { source };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.stream.set_read_timeout(Some(left)).map_err(lost)?;
            let before = self.input.len();
            self.input.resize(before + READ_BYTES, 0);
            let read = self.stream.read(&mut self.input[before..]);
            self.input.truncate(before + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => return Ok(true),
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(lost(error)),
            }
        }
    }
}

/// A read that ended without an end of the connection.
fn is_pause(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

fn connect(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
