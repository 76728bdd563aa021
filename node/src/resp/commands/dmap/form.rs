//! How replies to Olric's commands are written: what is no entry is an error there, and errors have
//! Olric's code words.

use std::borrow::Cow;

use jerboa_wire::resp::{Writer, float_text};
use jerboa_wire::{Reply, Status};

use super::entry;
use crate::resp::refusal::status_text;

/// What a reply to one of Olric's commands looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MapForm {
    /// `OK` where it was done.
    Done,
    /// The value.
    Value,
    /// The value with its expiry, as Olric encodes an entry.
    Entry,
    /// The value that stood there before, or nothing.
    Old,
    /// The same, encoded.
    OldEntry,
    /// The reply's number.
    Number,
    /// A float, as its text.
    Float,
    /// Whether it was swapped, and what is there if not.
    Compared,
    /// The token of a lock, in hexadecimal digits.
    Token,
}

impl MapForm {
    /// Writes a reply.
    pub(crate) fn write(self, reply: &Reply<'_>, out: &mut Writer<'_>) {
        let is_ok = reply.status == Status::Ok;
        match self {
            Self::Compared if !reply.status.is_error() => compared(reply, out),
            _ if !is_ok => out.error(error_text(reply)),
            Self::Done => out.simple("OK"),
            Self::Value => out.bulk(reply.value),
            Self::Entry => out.bulk(entry::encoded(reply.value, reply.arg, reply.version)),
            // By its number a put tells whether there was an entry.
            Self::Old | Self::OldEntry if reply.arg == 0 => out.null(),
            Self::Old => out.bulk(reply.value),
            Self::OldEntry => out.bulk(entry::encoded(reply.value, 0, reply.arg)),
            Self::Number => out.integer(reply.arg.cast_signed()),
            Self::Float => {
                let mut text = Vec::new();
                float_text(f64::from_bits(reply.arg), &mut text);
                out.bulk(text);
            }
            Self::Compared => compared(reply, out),
            Self::Token => out.simple(&format!("{:016x}", reply.version)),
        }
    }
}

fn compared(reply: &Reply<'_>, out: &mut Writer<'_>) {
    out.array(2);
    out.integer((reply.status == Status::Ok).into());
    match reply.status {
        Status::Mismatch | Status::Exists => {
            out.bulk(entry::encoded(reply.value, 0, reply.version));
        }
        _ => out.null(),
    }
}

/// Olric's words for what did not happen.
fn error_text(reply: &Reply<'_>) -> Cow<'static, [u8]> {
    let text: &[u8] = match reply.status {
        Status::NotFound => b"KEYNOTFOUND key not found",
        Status::Exists => b"KEYFOUND key found",
        Status::NoSuchLock => b"NOSUCHLOCK no such lock",
        Status::LockNotAcquired => b"LOCKNOTACQUIRED lock not acquired",
        Status::KeyTooLarge => b"KEYTOOLARGE key too large",
        Status::ValueTooLarge => b"ENTRYTOOLARGE entry too large",
        Status::InvalidArgument => b"INVALIDARGUMENT invalid argument",
        Status::ShuttingDown => b"SERVERGONE the node is stopping",
        status => return status_text(reply.opcode, status),
    };
    Cow::Borrowed(text)
}
