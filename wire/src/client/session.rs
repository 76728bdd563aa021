//! One connection without its socket: requests in, bytes out; bytes in, replies out.
//!
//! Request ids count up from 1, and the requests without a reply form a window over them:
//!
//! ```text
//! base                 base + window.len()
//!  │ ● ● ○ ● ○ ● ● │        ● waits for its reply   ○ answered, or given up
//! ```
//!
//! A request that may be answered long after others, a lock that is waited for, lies beside the
//! window, so that it does not fill up behind it.
//!
//! Invariants:
//! * I1 A reply finds exactly the request of its id and operation, or is dropped: an id is not
//!   used again before 2^32 others were.
//! * I2 The window holds at most `in_flight_max` places, the output at most
//!   `output_bytes_max` bytes and one frame more.
//! * I3 After an error from [`Session::receive`] the session is of no use: close the connection.
//!
//! Deadlines belong to the engine, which knows those of requests that are not sent yet too; it
//! gives a request up with [`Session::forget`].

use std::collections::{HashMap, VecDeque};

use super::operation::Operation;
use super::outcome::Response;
use crate::flags::ReplyFlags;
use crate::frame::{
    Crc, CrcMode, DecodeErrorKind, DecodeOptions, Decoded, EncodeError, Reply, Request,
    decode_reply,
};
use crate::hello::{Hello, HelloReply};
use crate::opcode::Opcode;
use crate::status::Status;

/// What one connection may hold, and what it asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionLimits {
    pub(super) without_crc: bool,
    pub(super) in_flight_max: usize,
    pub(super) output_bytes_max: usize,
    pub(super) value_bytes_max: u32,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) partition: u16,
    pub(super) epoch: u32,
}

/// A connection's state. `T` names a request to its sender.
#[derive(Debug)]
pub(super) struct Session<T> {
    limits: SessionLimits,
    decode: DecodeOptions,
    crc: Crc,
    /// Id of the first place of the window.
    base: u32,
    window: VecDeque<Option<Pending<T>>>,
    /// Requests that the node may let wait, by their ids.
    parked: HashMap<u32, Pending<T>>,
    /// Those of the window that wait for their reply.
    waiting: usize,
    output: Vec<u8>,
    /// All bytes ever put into the output, and those of them that were taken.
    queued: u64,
    taken: u64,
    input: Vec<u8>,
    hello: Option<HelloReply>,
    refused: Option<Status>,
    /// When the first request left since anything was heard.
    unheard_since_us: Option<u64>,
}

#[derive(Debug)]
struct Pending<T> {
    opcode: Opcode,
    /// Of the topology by which it was routed.
    epoch: u32,
    /// `None` for the session's own hello.
    tag: Option<T>,
    /// Where its frame ends among all bytes ever queued.
    end: u64,
}

/// A reply to one of the requests.
#[derive(Debug)]
pub(super) struct Received<T> {
    pub(super) tag: T,
    pub(super) response: Response,
}

/// What the replies of one [`Session::receive`] said beside their results.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Noticed {
    /// The greatest topology epoch.
    pub(super) epoch: u32,
    /// The greatest epoch under which a request went to the wrong core.
    pub(super) stale: Option<u32>,
}

/// A request that was under way when its connection ended.
#[derive(Debug)]
pub(super) struct Orphan<T> {
    pub(super) tag: T,
    /// No byte of it was handed to the socket.
    pub(super) unsent: bool,
}

impl<T: Copy> Session<T> {
    /// A session on a fresh connection; its hello is the first thing in the output.
    pub(super) fn new(limits: SessionLimits, now_us: u64) -> Self {
        let mut session = Self {
            limits,
            decode: DecodeOptions {
                crc: CrcMode::Required,
                value_bytes_max: limits.value_bytes_max,
            },
            crc: Crc::On,
            base: 1,
            window: VecDeque::new(),
            parked: HashMap::new(),
            waiting: 0,
            output: Vec::new(),
            queued: 0,
            taken: 0,
            input: Vec::new(),
            hello: None,
            refused: None,
            unheard_since_us: Some(now_us),
        };
        let hello = Hello::new(limits.without_crc).encode();
        // It is within every limit.
        let _ = session.push(
            Request {
                value: &hello,
                ..Request::new(Opcode::Hello)
            },
            None,
            false,
        );
        session
    }

    /// Appends a request to the output and returns its id. Ask [`Self::has_room`] first.
    pub(super) fn send(
        &mut self,
        operation: &Operation,
        target: Target,
        tag: T,
        now_us: u64,
    ) -> Result<u32, EncodeError> {
        let Target { partition, epoch } = target;
        let parks = !operation.wait().is_zero();
        if !parks {
            self.unheard_since_us.get_or_insert(now_us);
        }
        self.push(
            Request {
                partition,
                epoch,
                ..operation.request()
            },
            Some(tag),
            parks,
        )
    }

    fn push(
        &mut self,
        request: Request<'_>,
        tag: Option<T>,
        parks: bool,
    ) -> Result<u32, EncodeError> {
        let request_id = self.base.wrapping_add(self.window.len() as u32);
        let before = self.output.len();
        Request {
            request_id,
            ..request
        }
        .encode(&mut self.output, self.crc)?;
        self.queued += (self.output.len() - before) as u64;
        let Request { opcode, epoch, .. } = request;
        let pending = Pending {
            opcode,
            epoch,
            tag,
            end: self.queued,
        };
        if parks {
            self.window.push_back(None);
            self.parked.insert(request_id, pending);
            self.drop_answered();
        } else {
            self.window.push_back(Some(pending));
            self.waiting += 1;
        }
        Ok(request_id)
    }

    /// Moves the window past what needs no place in it any more.
    fn drop_answered(&mut self) {
        while let Some(None) = self.window.front() {
            self.window.pop_front();
            self.base = self.base.wrapping_add(1);
        }
    }

    /// Whether one more request may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.window.len() < self.limits.in_flight_max
            && self.output.len() < self.limits.output_bytes_max
    }

    /// Requests without a reply.
    pub(super) fn in_flight(&self) -> usize {
        self.waiting + self.parked.len()
    }

    /// The requests without a reply.
    pub(super) fn tags(&self) -> impl Iterator<Item = T> {
        let pending = self.window.iter().flatten().chain(self.parked.values());
        pending.filter_map(|pending| pending.tag)
    }

    /// Whether there are bytes to write.
    pub(super) const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Moves the bytes to write into `into`, which is empty.
    pub(super) fn take_output(&mut self, into: &mut Vec<u8>) {
        std::mem::swap(&mut self.output, into);
        self.taken = self.queued;
    }

    /// What the node said of itself, once it has.
    pub(super) const fn hello(&self) -> Option<&HelloReply> {
        self.hello.as_ref()
    }

    /// The node took the connection but serves nothing on it.
    pub(super) const fn refused(&self) -> Option<Status> {
        self.refused
    }

    /// For how long the peer has been silent although something was asked.
    pub(super) fn silent_us(&self, now_us: u64) -> u64 {
        self.unheard_since_us
            .map_or(0, |since_us| now_us.saturating_sub(since_us))
    }

    /// Takes bytes from the socket and appends the replies that they complete to `replies`.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<Received<T>>,
    ) -> Result<Noticed, DecodeErrorKind> {
        self.unheard_since_us = None;
        let mut noticed = Noticed::default();
        if self.input.is_empty() {
            let used = self.decode_all(bytes, replies, &mut noticed)?;
            self.input
                .extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            // Taken out so that decoding may borrow it; put back with what is left.
            let mut input = std::mem::take(&mut self.input);
            input.extend_from_slice(bytes);
            let used = self.decode_all(&input, replies, &mut noticed)?;
            input.drain(..used);
            self.input = input;
        }
        if self.input.is_empty() && self.input.capacity() > INPUT_BYTES_KEPT {
            self.input = Vec::new();
        }
        Ok(noticed)
    }

    fn decode_all(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<Received<T>>,
        noticed: &mut Noticed,
    ) -> Result<usize, DecodeErrorKind> {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            match decode_reply(rest, &self.decode) {
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(Decoded::Frame { frame, consumed }) => {
                    used += consumed;
                    self.accept(&frame, replies, noticed)?;
                }
                // A node that sends what this client does not know speaks another protocol.
                Err(error) => return Err(error.kind),
            }
        }
        Ok(used)
    }

    fn accept(
        &mut self,
        reply: &Reply<'_>,
        replies: &mut Vec<Received<T>>,
        noticed: &mut Noticed,
    ) -> Result<(), DecodeErrorKind> {
        noticed.epoch = noticed.epoch.max(reply.epoch);
        let Some(pending) = self.take(reply.request_id) else {
            // Given up before, or a word about the connection as a whole.
            if reply.request_id == 0 && reply.status == Status::TooManyConnections {
                self.refused = Some(reply.status);
            }
            return Ok(());
        };
        if reply.flags.contains(ReplyFlags::STALE_TOPOLOGY) {
            noticed.stale = noticed.stale.max(Some(pending.epoch));
        }
        if reply.opcode != pending.opcode && reply.opcode != Opcode::Unknown {
            return Err(DecodeErrorKind::UnknownOpcode {
                number: reply.opcode.as_u8(),
            });
        }
        match pending.tag {
            Some(tag) => replies.push(Received {
                tag,
                response: Response::from_reply(reply),
            }),
            None => self.negotiated(reply)?,
        }
        Ok(())
    }

    fn negotiated(&mut self, reply: &Reply<'_>) -> Result<(), DecodeErrorKind> {
        if reply.status.is_error() {
            self.refused = Some(reply.status);
            return Err(DecodeErrorKind::MalformedPayload);
        }
        let hello = HelloReply::decode(reply.value).ok_or(DecodeErrorKind::MalformedPayload)?;
        if !hello.crc_on && self.limits.without_crc {
            self.crc = Crc::Off;
            self.decode.crc = CrcMode::Optional;
        }
        self.decode.value_bytes_max = self.decode.value_bytes_max.max(hello.value_bytes_max);
        self.hello = Some(hello);
        Ok(())
    }

    /// Gives a request up: its reply, if one comes, is dropped.
    pub(super) fn forget(&mut self, request_id: u32) {
        let _ = self.take(request_id);
    }

    fn take(&mut self, request_id: u32) -> Option<Pending<T>> {
        let place = usize::try_from(request_id.wrapping_sub(self.base)).ok()?;
        let Some(pending) = self.window.get_mut(place).and_then(Option::take) else {
            return self.parked.remove(&request_id);
        };
        self.waiting -= 1;
        self.drop_answered();
        Some(pending)
    }

    /// Ends the session: every request that waits for a reply, in the order they were sent.
    pub(super) fn into_orphans(self) -> impl Iterator<Item = Orphan<T>> {
        let taken = self.taken;
        let mut pending: Vec<_> = self.window.into_iter().flatten().collect();
        pending.extend(self.parked.into_values());
        pending.sort_unstable_by_key(|pending| pending.end);
        pending.into_iter().filter_map(move |pending| {
            let unsent = pending.end > taken;
            pending.tag.map(|tag| Orphan { tag, unsent })
        })
    }
}

/// Memory of an emptied input buffer that is kept for the next half frame.
const INPUT_BYTES_KEPT: usize = 256 * 1024;

#[cfg(test)]
mod tests;
