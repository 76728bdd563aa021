//! What travels to a core and back: operations on the way there, their replies on the way back.
//!
//! ```text
//! operations   in order, all of one core
//! replies      as many reply frames, without checksum, one behind the other
//! ```

use std::sync::Arc;

use jerboa_wire::client::{Error, Operation, Outcome, Response};
use jerboa_wire::{CrcMode, DecodeOptions, Decoded, Opcode, Reply, Status, decode_reply, limits};

use super::listener::Listener;

/// How a job came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing of it was begun.
    #[default]
    Untouched,
    /// It was begun; what was done is not known.
    Begun,
    /// Every operation has its reply.
    Answered,
}

/// A subscriber as its core gets to know it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: u64,
    pub(crate) listener: Arc<Listener>,
}

/// Operations for one core, and their replies.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) operations: Vec<Operation>,
    pub(crate) replies: Vec<u8>,
    /// Names a job that may wait in line for a lock; else 0.
    pub(crate) ticket: u64,
    /// The subscriber whose subscriptions it changes.
    pub(crate) subscriber: Option<Member>,
    pub(crate) ending: Ending,
}

/// Reply bytes that a job may keep room for while it is not in use.
const KEPT_BYTES: usize = 16 << 10;
/// Operations that it may keep room for.
const KEPT_OPERATIONS: usize = 256;

impl Job {
    /// What the operations weigh.
    pub(super) fn bytes(&self) -> usize {
        self.operations.iter().map(Self::bytes_of).sum()
    }

    /// What one operation weighs.
    pub(super) fn bytes_of(operation: &Operation) -> usize {
        let request = operation.request();
        request.map.len() + request.key.len() + request.value.len()
    }

    /// Empty again, with the room that it had, within reason.
    pub(super) fn clear(&mut self) {
        self.operations.clear();
        self.operations.shrink_to(KEPT_OPERATIONS);
        self.replies.clear();
        self.replies.shrink_to(KEPT_BYTES);
        self.ticket = 0;
        self.subscriber = None;
        self.ending = Ending::Untouched;
    }

    /// The answers, in the order of the operations.
    pub(super) fn answers(&self) -> impl Iterator<Item = Result<Response, Error>> {
        let mut rest = &self.replies[..];
        self.operations.iter().map(move |operation| {
            if self.ending != Ending::Answered {
                return Err(ended(self.ending, operation.opcode()));
            }
            let (reply, behind) = first(rest).ok_or(Error::UnexpectedReply)?;
            rest = behind;
            Ok(Response::from_reply(&reply))
        })
    }

    /// The reply frames, if every operation has one.
    pub(super) fn replies(&self) -> Option<&[u8]> {
        (self.ending == Ending::Answered).then_some(&self.replies[..])
    }

    /// The token of the lock that the job was given, if it asked for one and got it.
    pub(crate) fn granted(&self) -> Option<u64> {
        let [operation] = &self.operations[..] else {
            return None;
        };
        if operation.opcode() != Opcode::Lock || self.ending != Ending::Answered {
            return None;
        }
        let (reply, _) = first(&self.replies)?;
        (reply.status == Status::Ok).then_some(reply.version)
    }
}

/// What a reply frame says.
pub(super) fn read(frame: &[u8]) -> Result<Response, Error> {
    let (reply, _) = first(frame).ok_or(Error::UnexpectedReply)?;
    Ok(Response::from_reply(&reply))
}

/// The first of a row of reply frames, and the rest.
fn first(frames: &[u8]) -> Option<(Reply<'_>, &[u8])> {
    const OPTIONS: DecodeOptions = DecodeOptions {
        crc: CrcMode::Optional,
        value_bytes_max: limits::VALUE_BYTES_MAX_CEILING,
    };
    match decode_reply(frames, &OPTIONS) {
        Ok(Decoded::Frame { frame, consumed }) => Some((frame, frames.get(consumed..)?)),
        Ok(Decoded::Incomplete { .. }) | Err(_) => None,
    }
}

/// Why a call to a node that has stopped came to nothing.
pub(super) fn ended(ending: Ending, opcode: Opcode) -> Error {
    let outcome = match ending {
        Ending::Untouched => Outcome::NothingDone,
        Ending::Begun | Ending::Answered => unanswered(opcode),
    };
    Error::Closed { outcome }
}

/// What an operation that was not answered may have done.
pub(super) const fn unanswered(opcode: Opcode) -> Outcome {
    if opcode.is_read() {
        Outcome::NothingDone
    } else {
        Outcome::Unknown
    }
}
