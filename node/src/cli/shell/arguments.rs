//! The words behind a command's name, taken one after the other, with faults that name what is
//! missing or wrong.

use std::collections::VecDeque;
use std::str::FromStr;

use jerboa_wire::{RequestFlags, limits};

use super::command::Command;
use super::fault::Fault;
use super::words::quoted;

/// The words that are left.
#[derive(Debug)]
pub(crate) struct Arguments {
    command: &'static Command,
    words: VecDeque<Vec<u8>>,
}

/// When an entry expires: the flag and its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub(crate) flags: RequestFlags,
    pub(crate) arg: u64,
}

impl Arguments {
    pub(crate) fn new(command: &'static Command, words: Vec<Vec<u8>>) -> Self {
        Self {
            command,
            words: words.into(),
        }
    }

    /// A fault of how the command is used.
    pub(crate) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::Usage {
            what: what.into(),
            usage: self.command.usage(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The next word, which is called `name`.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, Fault> {
        match self.words.pop_front() {
            Some(word) => Ok(word),
            None => Err(self.fault(format!("{name} is missing"))),
        }
    }

    /// The next word, if there is one.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        self.words.pop_front()
    }

    /// The next word as a key, which is never empty.
    pub(crate) fn key(&mut self) -> Result<Vec<u8>, Fault> {
        let key = self.bytes("KEY")?;
        if key.is_empty() {
            return Err(self.fault("a key has at least one byte"));
        }
        Ok(key)
    }

    /// The next word as a number.
    pub(crate) fn number<N: FromStr>(&mut self, name: &str) -> Result<N, Fault> {
        let word = self.bytes(name)?;
        let text = std::str::from_utf8(&word).ok();
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.fault(format!("{name} is no number in range: {}", quoted(&word))))
    }

    /// The next word as a number, or `default` if there is none.
    pub(crate) fn number_or<N: FromStr>(&mut self, name: &str, default: N) -> Result<N, Fault> {
        if self.is_empty() {
            return Ok(default);
        }
        self.number(name)
    }

    /// The next word as an option, in capital letters.
    pub(crate) fn option(&mut self) -> Option<String> {
        let word = self.words.pop_front()?;
        Some(String::from_utf8_lossy(&word).to_uppercase())
    }

    /// The fault of an option that the command does not have.
    pub(crate) fn unknown_option(&self, option: &str) -> Fault {
        self.fault(format!("no option {}", quoted(option.as_bytes())))
    }

    /// Whether the option sets an expiry; its argument is taken then.
    pub(crate) fn expiry(&mut self, option: &str) -> Result<Option<Expiry>, Fault> {
        let (flags, unit_ms) = match option {
            "EX" => (RequestFlags::TTL_RELATIVE, 1000),
            "PX" => (RequestFlags::TTL_RELATIVE, 1),
            "EXAT" => (RequestFlags::TTL_ABSOLUTE, 1000),
            "PXAT" => (RequestFlags::TTL_ABSOLUTE, 1),
            "KEEPTTL" => {
                let flags = RequestFlags::KEEP_TTL;
                return Ok(Some(Expiry { flags, arg: 0 }));
            }
            "NEVER" => {
                let flags = RequestFlags::TTL_ABSOLUTE;
                return Ok(Some(Expiry { flags, arg: 0 }));
            }
            _ => return Ok(None),
        };
        let count: u64 = self.number(option)?;
        let arg = self.in_ms(count, unit_ms)?;
        Ok(Some(Expiry { flags, arg }))
    }

    /// So many units as milliseconds, within what can be stored.
    pub(crate) fn in_ms(&self, count: u64, unit_ms: u64) -> Result<u64, Fault> {
        count
            .checked_mul(unit_ms)
            .filter(|ms| *ms <= limits::EXPIRY_MS_MAX)
            .ok_or_else(|| self.fault("this time is beyond the year 10,000"))
    }

    /// Every word that is left.
    pub(crate) fn rest(&mut self) -> Vec<Vec<u8>> {
        self.words.drain(..).collect()
    }

    /// Fails if words are left.
    pub(crate) fn end(&self) -> Result<(), Fault> {
        match self.words.front() {
            Some(word) => Err(self.fault(format!("one word too many: {}", quoted(word)))),
            None => Ok(()),
        }
    }
}
