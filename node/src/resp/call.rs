//! A command as its function sees it: its arguments with their checks, and what it may touch.

use jerboa_wire::resp::{Arguments, parse_integer};
use jerboa_wire::{Opcode, Request, limits};

use super::command::Command;
use super::form::Form;
use super::refusal::Refusal;
use super::session::Client;
use crate::worker::changes::follow::Follower;
use crate::worker::shared::Shared;

/// Names that one command may ask about where each may take a look through a table: so that no
/// command that is answered at once holds its core for long.
const NAMES_MAX: usize = 1024;

/// A command with its arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'p, 'a> {
    pub(crate) command: &'static Command,
    /// The command's name first.
    pub(crate) arguments: Arguments<'p, 'a>,
    pub(crate) now_ms: u64,
    /// The node's limit for one value.
    pub(crate) value_bytes_max: u32,
}

impl<'p, 'a> Call<'p, 'a> {
    /// The arguments from one on, as names of what is asked about.
    ///
    /// # Errors
    /// There are more than may be asked about at a time.
    pub(crate) fn names_from(&self, first: usize) -> Result<Arguments<'p, 'a>, Refusal> {
        let names = self.arguments.from(first);
        if names.len() > NAMES_MAX {
            return Err(Refusal::format(format_args!(
                "ERR at most {NAMES_MAX} names at a time"
            )));
        }
        Ok(names)
    }

    /// Arguments, the name included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.arguments.len()
    }

    /// The argument with this number, the name being 0.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> &'a [u8] {
        self.arguments.at(index)
    }

    /// Whether the argument is this word, in whatever case.
    pub(crate) fn is(&self, index: usize, word: &str) -> bool {
        self.at(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// An argument that is a key.
    #[inline]
    pub(crate) fn key(&self, index: usize) -> Result<&'a [u8], Refusal> {
        check_key(self.at(index))
    }

    /// An argument that is a value to be stored.
    #[inline]
    pub(crate) fn value(&self, index: usize) -> Result<&'a [u8], Refusal> {
        let value = self.at(index);
        if value.len() > self.value_bytes_max as usize {
            return Err(Refusal::VALUE_TOO_LARGE);
        }
        Ok(value)
    }

    /// An argument that is an integer.
    pub(crate) fn integer(&self, index: usize) -> Result<i64, Refusal> {
        parse_integer(self.at(index)).ok_or(Refusal::NOT_AN_INTEGER)
    }

    /// A request on the key that argument 1 is.
    #[inline]
    pub(crate) fn on_key(&self, opcode: Opcode, form: Form) -> Result<Asked<'a>, Refusal> {
        let key = self.key(1)?;
        let request = Request {
            key,
            ..Request::new(opcode)
        };
        Ok(Asked::plain(request, form))
    }

    /// The number of arguments does not fit.
    pub(crate) fn wrong_arity(&self) -> Refusal {
        wrong_arity(self.command.name)
    }

    /// The options of a command do not fit together, in its own words.
    pub(crate) fn invalid_expiry(&self) -> Refusal {
        let name = self.command.name;
        Refusal::format(format_args!("ERR invalid expire time in '{name}' command"))
    }
}

/// The number of arguments does not fit the command of this name.
pub(crate) fn wrong_arity(name: &str) -> Refusal {
    Refusal::format(format_args!(
        "ERR wrong number of arguments for '{name}' command"
    ))
}

/// A key that can be one.
#[inline]
pub(crate) fn check_key(key: &[u8]) -> Result<&[u8], Refusal> {
    match key.len() {
        0 => Err(Refusal::KEY_EMPTY),
        1..=limits::KEY_BYTES_MAX => Ok(key),
        _ => Err(Refusal::KEY_TOO_LARGE),
    }
}

/// What a command becomes, and how the reply to it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) form: Form,
    /// The value section of the request is what the command's function wrote.
    pub(crate) composed: bool,
}

impl<'a> Asked<'a> {
    /// One that borrows all it carries from the command: these share the batches.
    #[inline]
    pub(crate) const fn plain(request: Request<'a>, form: Form) -> Self {
        let composed = false;
        Self {
            request,
            form,
            composed,
        }
    }

    /// One whose value section was written.
    pub(crate) const fn composed(request: Request<'a>, form: Form) -> Self {
        let composed = true;
        Self {
            request,
            form,
            composed,
        }
    }
}

/// What a command that is answered where it is read may see and change.
pub(crate) struct Here<'h> {
    pub(crate) client: &'h mut Client,
    pub(crate) shared: &'h Shared,
    /// By which settings change for all cores.
    pub(crate) changes: &'h mut Follower,
}
