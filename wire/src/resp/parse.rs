//! Finds commands in received bytes, and goes on where it stopped when bytes are missing.
//!
//! ```text
//! bytes    *2\r\n$3\r\nGET\r\n$3\r\nke            (y\r\n is still on its way)
//! spans                  [8,11)        
//! at       ───────────────────────────┘           what lies before it is never looked at again
//! ```
//!
//! Invariants:
//! * R1 No byte of a command is read twice, however it is cut up, but those of an unfinished
//!   length line, which is short.
//! * R2 Nothing is allocated for a length that was only announced: memory is taken as arguments
//!   arrive, at most [`Span`] for each.
//! * R3 After an error the end of the command is unknown: the connection has to close.

use super::arguments::{Arguments, Span};

/// Longest inline command, and the most that is searched for its end.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// A length line that is longer holds no length.
const LENGTH_LINE_BYTES_MAX: usize = 64;

/// What the sender of a command may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParserLimits {
    /// Longest argument, in bytes.
    pub argument_bytes_max: u32,
    /// Most arguments of one command.
    pub arguments_max: u32,
    /// Longest command in all, its lengths included. Below 4 GiB.
    pub command_bytes_max: u32,
}

/// Bytes that are no command. The connection has to close: where the next command begins is
/// unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The number of arguments is no number, or beyond the limit.
    InvalidArgumentCount,
    /// The length of an argument is no number, negative, or beyond the limit.
    InvalidArgumentLength,
    /// An argument has to begin with `$`.
    ExpectedArgument {
        /// What stands there instead.
        found: u8,
    },
    /// The line with the number of arguments does not end.
    EndlessArgumentCount,
    /// The line with the length of an argument does not end.
    EndlessArgumentLength,
    /// An inline command does not end.
    EndlessInline,
    /// The quotes of an inline command do not match.
    UnbalancedQuotes,
    /// An argument is longer than it said: no line end follows.
    MissingLineEnd,
    /// All arguments together are more than the node keeps.
    CommandTooLarge,
}

impl std::error::Error for ProtocolError {}

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.reply().escape_ascii())
    }
}

impl ProtocolError {
    /// The text of the error reply, its code word first.
    #[must_use]
    pub fn reply(&self) -> Vec<u8> {
        let mut text = b"ERR Protocol error: ".to_vec();
        text.extend_from_slice(match self {
            Self::InvalidArgumentCount => b"invalid multibulk length",
            Self::InvalidArgumentLength => b"invalid bulk length",
            Self::ExpectedArgument { .. } => b"expected '$', got '",
            Self::EndlessArgumentCount => b"too big mbulk count string",
            Self::EndlessArgumentLength => b"too big bulk count string",
            Self::EndlessInline => b"too big inline request",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
            Self::MissingLineEnd => b"expected a line end behind an argument",
            Self::CommandTooLarge => b"the command is larger than a connection may hold",
        });
        if let Self::ExpectedArgument { found } = self {
            text.extend_from_slice(&[*found, b'\'']);
        }
        text
    }
}

/// What stands at the front of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parsed<'a> {
    /// The beginning of a command; the parser remembers what it saw of it.
    Incomplete,
    /// An empty command, which is not answered.
    Nothing {
        /// Bytes to skip.
        consumed: usize,
    },
    /// A command, whose arguments [`Parser::arguments`] has.
    Command {
        /// Bytes that it takes.
        consumed: usize,
    },
    /// A line that [`super::split_inline`] splits; not empty.
    Inline {
        /// The line without its end.
        line: &'a [u8],
        /// Bytes that it takes with its end.
        consumed: usize,
    },
}

/// Finds one command after the other.
///
/// After `Incomplete` it has to be given the same bytes again, with more behind them; to forget
/// them, [`Parser::reset`].
#[derive(Debug, Default)]
pub struct Parser {
    spans: Vec<Span>,
    /// Where reading goes on.
    at: usize,
    /// Arguments still to come; 0 before the first line is read.
    missing: u32,
    /// Length of the argument that begins at `at`, once it is known.
    argument_bytes: Option<u32>,
}

/// A line with a length.
enum Line {
    Incomplete,
    Endless,
    Number { value: Option<i64>, next: usize },
}

impl Parser {
    /// Forgets the command that was begun.
    #[inline]
    pub fn reset(&mut self) {
        self.spans.clear();
        self.at = 0;
        self.missing = 0;
        self.argument_bytes = None;
    }

    /// Whether a command was begun and is incomplete.
    #[must_use]
    pub const fn is_amid(&self) -> bool {
        self.at > 0
    }

    /// Bytes that it holds.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
    }

    /// The arguments of the command that was found last, in the bytes that it was found in.
    #[must_use]
    #[inline]
    pub fn arguments<'p, 'a>(&'p self, bytes: &'a [u8]) -> Arguments<'p, 'a> {
        Arguments::new(bytes, &self.spans)
    }

    /// Looks for a command at the front of `bytes`.
    ///
    /// # Errors
    /// The bytes are no command; the connection has to close.
    #[inline]
    pub fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &ParserLimits,
    ) -> Result<Parsed<'a>, ProtocolError> {
        if self.missing == 0 {
            match bytes.first() {
                None => return Ok(Parsed::Incomplete),
                Some(b'*') => {}
                Some(_) => return self.parse_inline(bytes),
            }
            // What the last command left is of no use any more.
            self.reset();
            if let Some((count, next)) = short_length(bytes, b'*')
                && (1..=limits.arguments_max).contains(&count)
            {
                self.missing = count;
                self.at = next;
                return self.parse_arguments(bytes, limits);
            }
            match length_line(bytes, 0) {
                Line::Incomplete => return Ok(Parsed::Incomplete),
                Line::Endless => return Err(ProtocolError::EndlessArgumentCount),
                Line::Number { value, next } => {
                    let count = value.ok_or(ProtocolError::InvalidArgumentCount)?;
                    if count > i64::from(limits.arguments_max) {
                        return Err(ProtocolError::InvalidArgumentCount);
                    }
                    if count <= 0 {
                        return Ok(Parsed::Nothing { consumed: next });
                    }
                    self.missing = u32::try_from(count).unwrap_or(0);
                    self.at = next;
                }
            }
        }
        self.parse_arguments(bytes, limits)
    }

    #[inline]
    fn parse_arguments<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &ParserLimits,
    ) -> Result<Parsed<'a>, ProtocolError> {
        while self.missing > 0 {
            if self.argument_bytes.is_none()
                && let Some((span, next)) = whole_argument(bytes, self.at, limits)
            {
                self.spans.push(span);
                self.at = next;
                self.missing -= 1;
                continue;
            }
            let length = match self.argument_bytes {
                Some(length) => length,
                None => match length_line(bytes, self.at) {
                    Line::Incomplete => return Ok(Parsed::Incomplete),
                    Line::Endless => return Err(ProtocolError::EndlessArgumentLength),
                    Line::Number { value, next } => {
                        let found = bytes.get(self.at).copied().unwrap_or(0);
                        if found != b'$' {
                            return Err(ProtocolError::ExpectedArgument { found });
                        }
                        let length = value
                            .and_then(|value| u32::try_from(value).ok())
                            .filter(|length| *length <= limits.argument_bytes_max)
                            .ok_or(ProtocolError::InvalidArgumentLength)?;
                        self.at = next;
                        self.argument_bytes = Some(length);
                        length
                    }
                },
            };
            let end = self.at.saturating_add(length as usize);
            if end.saturating_add(2) > limits.command_bytes_max as usize {
                return Err(ProtocolError::CommandTooLarge);
            }
            match bytes.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(ProtocolError::MissingLineEnd),
                None => return Ok(Parsed::Incomplete),
            }
            let span = Span::new(self.at, end).ok_or(ProtocolError::CommandTooLarge)?;
            self.spans.push(span);
            self.at = end + 2;
            self.argument_bytes = None;
            self.missing -= 1;
        }
        let consumed = self.at;
        self.at = 0;
        Ok(Parsed::Command { consumed })
    }

    fn parse_inline<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<'a>, ProtocolError> {
        let new = bytes.get(self.at..).unwrap_or_default();
        let end = new.iter().position(|byte| *byte == b'\n');
        let length = self.at + end.unwrap_or(new.len());
        if length > INLINE_BYTES_MAX {
            return Err(ProtocolError::EndlessInline);
        }
        if end.is_none() {
            self.at = length;
            return Ok(Parsed::Incomplete);
        }
        self.reset();
        let consumed = length + 1;
        let line = bytes.get(..length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Ok(Parsed::Nothing { consumed });
        }
        Ok(Parsed::Inline { line, consumed })
    }
}

/// The argument that begins at `at`, with its length, and where what is behind it begins, if all
/// of it is here and nothing is wrong with it. Nearly every argument is found here.
#[inline(always)]
fn whole_argument(bytes: &[u8], at: usize, limits: &ParserLimits) -> Option<(Span, usize)> {
    let (length, text_at) = short_length(bytes.get(at..)?, b'$')?;
    let start = at + text_at;
    let end = start + length as usize;
    let fits = length <= limits.argument_bytes_max && end + 2 <= limits.command_bytes_max as usize;
    let ends = bytes.get(end..end + 2)? == b"\r\n";
    if !fits || !ends {
        return None;
    }
    Some((Span::new(start, end)?, end + 2))
}

/// The length of one to three digits behind `kind` at the front of `bytes`, and where what is
/// behind its line begins. No command ends within the six bytes that are looked at.
#[inline(always)]
fn short_length(bytes: &[u8], kind: u8) -> Option<(u32, usize)> {
    let [found, line @ ..] = bytes.first_chunk::<6>()?;
    let digit = |byte: &u8| u32::from(byte - b'0');
    let length = match line {
        [a @ b'0'..=b'9', b'\r', b'\n', ..] => (digit(a), 4),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', _] => (digit(a) * 10 + digit(b), 5),
        [
            a @ b'1'..=b'9',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            b'\r',
            b'\n',
        ] => ((digit(a) * 10 + digit(b)) * 10 + digit(c), 6),
        _ => return None,
    };
    (*found == kind).then_some(length)
}

/// Reads the number behind the first byte of the line at `start`.
fn length_line(bytes: &[u8], start: usize) -> Line {
    let line = bytes.get(start..).unwrap_or_default();
    let most = line.get(..LENGTH_LINE_BYTES_MAX).unwrap_or(line);
    let Some(end) = most.iter().position(|byte| *byte == b'\r') else {
        let endless = line.len() >= LENGTH_LINE_BYTES_MAX;
        return if endless {
            Line::Endless
        } else {
            Line::Incomplete
        };
    };
    match line.get(end + 1) {
        None => Line::Incomplete,
        Some(b'\n') => Line::Number {
            value: line.get(1..end).and_then(super::parse_integer),
            next: start + end + 2,
        },
        Some(_) => Line::Number {
            value: None,
            next: start + end + 2,
        },
    }
}

#[cfg(test)]
mod tests;
