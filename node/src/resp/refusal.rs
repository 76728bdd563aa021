//! Errors as their code word and text: what a command is refused with, and what a status of the
//! binary protocol is in Redis' words.

use std::borrow::Cow;

use jerboa_wire::resp::Arguments;
use jerboa_wire::{Opcode, Status};

use super::command::Command;

/// Why a command was not executed: the whole text of the error reply, its code word first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal(Cow<'static, [u8]>);

impl Refusal {
    pub(crate) const SYNTAX: Self = Self::text("ERR syntax error");
    pub(crate) const NOT_AN_INTEGER: Self =
        Self::text("ERR value is not an integer or out of range");
    pub(crate) const NOT_A_FLOAT: Self = Self::text("ERR value is not a valid float");
    pub(crate) const UNBLOCKED: Self = Self::text("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    pub(crate) const VALUE_TOO_LARGE: Self =
        Self::text("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    pub(crate) const KEY_EMPTY: Self = Self::text("ERR the key is empty");
    pub(crate) const KEY_TOO_LARGE: Self = Self::text("ERR the key is longer than 65,535 bytes");

    /// The word by which a member of a cluster of Redis asks to be asked again in a moment.
    pub(crate) const OVERLOADED: &'static str = "TRYAGAIN the node is overloaded, try again later";

    /// One whose text is fixed.
    pub(crate) const fn text(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }

    /// One whose text quotes what was sent, which need not be text.
    pub(crate) fn bytes(text: Vec<u8>) -> Self {
        Self(Cow::Owned(text))
    }

    /// One that is put together.
    pub(crate) fn format(text: std::fmt::Arguments<'_>) -> Self {
        Self(Cow::Owned(text.to_string().into_bytes()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The words of Redis for a request that was refused.
pub(crate) fn status_text(opcode: Opcode, status: Status) -> Cow<'static, [u8]> {
    match (opcode, status) {
        (Opcode::IncrFloat, Status::NotANumber) => Refusal::NOT_A_FLOAT.0,
        (_, Status::NotANumber) => Refusal::NOT_AN_INTEGER.0,
        (Opcode::IncrFloat, Status::Overflow) => {
            Refusal::text("ERR increment would produce NaN or Infinity").0
        }
        (_, Status::Overflow) => Refusal::text("ERR increment or decrement would overflow").0,
        (_, Status::ValueTooLarge) => Refusal::VALUE_TOO_LARGE.0,
        (_, Status::KeyEmpty) => Refusal::KEY_EMPTY.0,
        (_, Status::KeyTooLarge) => Refusal::KEY_TOO_LARGE.0,
        (_, Status::OutOfMemory) => {
            Refusal::text("OOM command not allowed when used memory > 'maxmemory'.").0
        }
        (Opcode::Scan, Status::InvalidArgument) => Refusal::text("ERR invalid cursor").0,
        (_, Status::ManyOwners) => {
            Refusal::text("CROSSSLOT Keys in request don't hash to the same slot").0
        }
        (_, Status::Busy) => Refusal::text(Refusal::OVERLOADED).0,
        (_, status) => Refusal::format(format_args!("ERR {}", status.text())).0,
    }
}

/// Bytes of what was sent that an error quotes.
const QUOTED_BYTES_MAX: usize = 128;

/// What an error quotes of some bytes: up to a zero byte, as Redis does, where text ends with one.
fn quoted(bytes: &[u8], most: usize) -> &[u8] {
    let most = &bytes[..bytes.len().min(most)];
    most.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Nothing has this name.
pub(crate) fn unknown_command(arguments: Arguments<'_, '_>) -> Refusal {
    let mut words = Vec::new();
    for argument in arguments.from(1).iter() {
        if words.len() >= QUOTED_BYTES_MAX {
            break;
        }
        let left = QUOTED_BYTES_MAX - words.len();
        words.push(b'\'');
        words.extend_from_slice(quoted(argument, left));
        words.extend_from_slice(b"' ");
    }
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(quoted(arguments.at(0), QUOTED_BYTES_MAX));
    text.extend_from_slice(b"', with args beginning with: ");
    text.extend_from_slice(&words);
    Refusal::bytes(text)
}

/// The container has nothing of this name.
pub(crate) fn unknown_subcommand(container: &Command, name: &[u8]) -> Refusal {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(quoted(name, QUOTED_BYTES_MAX));
    text.extend_from_slice(b"'. Try ");
    text.extend_from_slice(container.name.to_ascii_uppercase().as_bytes());
    text.extend_from_slice(b" HELP.");
    Refusal::bytes(text)
}
