//! Why a call failed, by fault, and whether anything was done.

use std::fmt;

use super::operation::InvalidCall;
use crate::frame::DecodeErrorKind;
use crate::status::Status;
use crate::value::{Unencodable, WrongType};

/// What a failed call may have changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Nothing: calling again is safe.
    NothingDone,
    /// A write was on its way and was not answered: it may or may not have been done.
    Unknown,
    /// Everything that was asked: only the answer cannot be read as what the caller expects.
    Done,
}

/// A failed call.
///
/// The client itself sends a call again where its connection failed before any of it was
/// written, where a connection was lost and the operation only reads, and where a node answered
/// that it did nothing and another attempt may do better (`Busy`, `NotOwner`, `ShuttingDown`).
/// It never repeats a write that may have been done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The node answered with an error.
    Refused {
        /// Which.
        status: Status,
        /// The node's explanation, often empty.
        text: String,
    },
    /// The call cannot be made; nothing was sent.
    Invalid(InvalidCall),
    /// No answer by the deadline.
    TimedOut {
        /// What may have been done.
        outcome: Outcome,
    },
    /// The connection closed before the answer.
    ConnectionLost {
        /// What may have been done.
        outcome: Outcome,
    },
    /// No connection could be made.
    Unreachable {
        /// To where.
        address: String,
        /// Why, as the operating system puts it.
        cause: String,
    },
    /// The peer sent what is not a frame of this protocol; the connection was closed.
    Protocol {
        /// What is wrong with it.
        kind: DecodeErrorKind,
        /// What may have been done.
        outcome: Outcome,
    },
    /// The reply does not fit its request.
    UnexpectedReply,
    /// The value is not of the type that it was to be read as. The error holds its bytes, also
    /// where the call has removed or replaced it.
    WrongType(WrongType),
    /// The value to store cannot be encoded; nothing was sent.
    Unencodable(Unencodable),
    /// The client has as many calls under way as it allows; nothing was sent.
    Overloaded,
    /// The client was closed.
    Closed {
        /// What may have been done.
        outcome: Outcome,
    },
    /// A blocking call on a thread that must not block, because others wait for it: one of the
    /// cores of an embedded node. Nothing was sent.
    MustNotBlock,
    /// The runtime that awaits the call, or the one that the client lives on, cannot serve it;
    /// nothing was sent.
    Runtime(RuntimeFault),
}

/// What is wrong with a runtime.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RuntimeFault {
    /// There is none of the driver's kind on this thread.
    Missing,
    /// It has no timer: build it with `enable_time` or `enable_all`.
    NoTimer,
    /// It has no sockets: build it with `enable_io` or `enable_all`.
    NoSockets,
    /// The one that the client was connected on has ended, and the client with it.
    Gone,
    /// It is another than the one that the client was connected on, and the client cannot move.
    Another,
}

impl fmt::Display for RuntimeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no runtime of this driver's kind here",
            Self::NoTimer => "the runtime has no timer: build it with enable_all",
            Self::NoSockets => "the runtime has no sockets: build it with enable_all",
            Self::Gone => "the runtime that the client lived on has ended",
            Self::Another => "the client lives on another executor",
        })
    }
}

impl Error {
    /// What the failed call may have changed.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Refused { status, .. } if status.changed_nothing() => Outcome::NothingDone,
            Self::Refused { .. } | Self::UnexpectedReply => Outcome::Unknown,
            Self::Invalid(_)
            | Self::Unencodable(_)
            | Self::Unreachable { .. }
            | Self::Overloaded
            | Self::MustNotBlock
            | Self::Runtime(_) => Outcome::NothingDone,
            Self::WrongType(_) => Outcome::Done,
            Self::TimedOut { outcome }
            | Self::ConnectionLost { outcome }
            | Self::Protocol { outcome, .. }
            | Self::Closed { outcome } => *outcome,
        }
    }

    /// The node's status, where one answered.
    #[must_use]
    pub const fn status(&self) -> Option<Status> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The same failure for a call with another outcome.
    pub(super) fn with_outcome(self, outcome: Outcome) -> Self {
        match self {
            Self::TimedOut { .. } => Self::TimedOut { outcome },
            Self::ConnectionLost { .. } => Self::ConnectionLost { outcome },
            Self::Protocol { kind, .. } => Self::Protocol { kind, outcome },
            Self::Closed { .. } => Self::Closed { outcome },
            other => other,
        }
    }
}

impl From<InvalidCall> for Error {
    fn from(invalid: InvalidCall) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<WrongType> for Error {
    fn from(wrong: WrongType) -> Self {
        Self::WrongType(wrong)
    }
}

impl From<Unencodable> for Error {
    fn from(unencodable: Unencodable) -> Self {
        Self::Unencodable(unencodable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, text } if text.is_empty() => write!(f, "refused: {status}"),
            Self::Refused { status, text } => write!(f, "refused: {status} ({text})"),
            Self::Invalid(invalid) => fmt::Display::fmt(invalid, f),
            Self::WrongType(wrong) => fmt::Display::fmt(wrong, f),
            Self::Unencodable(unencodable) => fmt::Display::fmt(unencodable, f),
            Self::TimedOut { .. } => f.write_str("no answer by the deadline"),
            Self::ConnectionLost { .. } => f.write_str("the connection closed before the answer"),
            Self::Unreachable { address, cause } => write!(f, "cannot reach {address}: {cause}"),
            Self::Protocol { kind, .. } => write!(f, "the peer broke the protocol: {kind}"),
            Self::UnexpectedReply => f.write_str("the reply does not fit the request"),
            Self::Overloaded => f.write_str("the client has too many calls under way"),
            Self::Closed { .. } => f.write_str("the client is closed"),
            Self::MustNotBlock => f.write_str("a core's own thread must not block"),
            Self::Runtime(fault) => fmt::Display::fmt(fault, f),
        }?;
        match self.outcome() {
            Outcome::NothingDone | Outcome::Done => Ok(()),
            Outcome::Unknown => f.write_str("; whether it was done is unknown"),
        }
    }
}

impl std::error::Error for Error {}
