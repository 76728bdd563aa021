//! Why a command failed, what to do about it, and the exit status that says so.

use std::fmt;

use jerboa_wire::Status;

use super::words::BadLine;
use crate::cli::connection::NoAnswer;

/// The command line or the command is wrong; nothing was sent.
pub(crate) const EXIT_USAGE: u8 = 2;
/// The node refused it.
pub(crate) const EXIT_REFUSED: u8 = 3;
/// The node did not answer.
pub(crate) const EXIT_NO_ANSWER: u8 = 4;

/// A failed command.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No command has this name.
    Unknown {
        name: String,
        nearest: Option<&'static str>,
    },
    /// The line is no line.
    Line(BadLine),
    /// The command is used in another way.
    Usage { what: String, usage: String },
    /// The node answered with an error.
    Refused { status: Status, text: String },
    /// It did not answer; `unsure` where a write may have been done.
    NoAnswer { why: NoAnswer, unsure: bool },
    /// Its answer is not one to the question.
    Unexpected,
}

impl Fault {
    /// The exit status.
    pub(crate) const fn exit(&self) -> u8 {
        match self {
            Self::Unknown { .. } | Self::Line(_) | Self::Usage { .. } => EXIT_USAGE,
            Self::Refused { .. } => EXIT_REFUSED,
            Self::NoAnswer { .. } | Self::Unexpected => EXIT_NO_ANSWER,
        }
    }

    /// A word for programs.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "UnknownCommand",
            Self::Line(_) => "BadLine",
            Self::Usage { .. } => "Usage",
            Self::Refused { status, .. } => status.name(),
            Self::NoAnswer { why, .. } => match why {
                NoAnswer::Unreachable { .. } => "Unreachable",
                NoAnswer::TimedOut { .. } => "TimedOut",
                NoAnswer::Lost { .. } => "ConnectionLost",
                NoAnswer::NotAFrame => "NotAFrame",
                NoAnswer::Unsendable(_) => "Unsendable",
            },
            Self::Unexpected => "UnexpectedReply",
        }
    }

    /// What to do, where there is something to do.
    pub(crate) fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { nearest, .. } => match nearest {
                Some(name) => format!("did you mean {name}? `help` lists the commands"),
                None => "`help` lists the commands".to_owned(),
            },
            Self::Line(_) => "`help quoting` tells how words are written".to_owned(),
            Self::Usage { usage, .. } => format!("usage: {usage}"),
            Self::Refused { status, .. } => refused(*status)?.to_owned(),
            Self::NoAnswer { why, unsure } => match why {
                NoAnswer::Unreachable { .. } => {
                    "is the node running there? its `ready` line tells its address; give it with \
                     --addr HOST:PORT"
                        .to_owned()
                }
                NoAnswer::TimedOut { .. } if *unsure => {
                    "it may or may not have been done: look before you repeat it; --timeout-ms \
                     waits longer"
                        .to_owned()
                }
                NoAnswer::TimedOut { .. } => "--timeout-ms waits longer".to_owned(),
                NoAnswer::Lost { .. } if *unsure => {
                    "it may or may not have been done: look before you repeat it".to_owned()
                }
                NoAnswer::Lost { .. } => "nothing was changed; try again".to_owned(),
                NoAnswer::NotAFrame => {
                    "is this the port of a Jerboa node? the default is 7400".to_owned()
                }
                NoAnswer::Unsendable(_) => return None,
            },
            Self::Unexpected => "are the node and this program of one version?".to_owned(),
        })
    }
}

/// What to do about a status.
const fn refused(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::NotANumber => "`get` shows what is stored; `put` replaces it",
        Status::OutOfMemory => {
            "delete something, let entries expire (`put … EX SECONDS`), or give the node more \
             memory (`serve --memory`)"
        }
        Status::ValueTooLarge => "`serve --value-bytes-max` sets the largest value",
        Status::Busy | Status::TooManyWaiters => "try again in a moment",
        Status::TooManyConnections => {
            "close some, or let the node accept more (`serve --connections-max`)"
        }
        Status::NoSuchLock => {
            "the lock was released, expired, or is somebody else's: take it again"
        }
        Status::UnknownOpcode | Status::UnknownFlags => {
            "the node is older than this program and does not know the operation"
        }
        Status::ShuttingDown => "the node is stopping; try another one",
        _ => return None,
    })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, .. } => write!(f, "no command is called {name}"),
            Self::Line(why) => why.fmt(f),
            Self::Usage { what, .. } => f.write_str(what),
            Self::Refused { status, text } if text.is_empty() => write!(f, "refused: {status}"),
            Self::Refused { status, text } => write!(f, "refused: {status} ({text})"),
            Self::NoAnswer { why, .. } => why.fmt(f),
            Self::Unexpected => f.write_str("the reply does not fit the request"),
        }
    }
}
