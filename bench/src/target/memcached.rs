//! memcached: the text protocol, with the meta no-op (`mn`) as the empty request.
//!
//! A `get` of many keys answers hits only, in the order of the keys, each with its key; the keys
//! passed over are the misses. There is no store of many keys, so a run of `set`s stands for it.

use super::text::{decimal, line, push_decimal};
use super::{Answer, Command, Expected, Items, Parsed, Protocol, ProtocolError, Refusal, Route};
use crate::operation::Operation;

/// Above what any item size limit of memcached allows.
const VALUE_BYTES_MAX: i64 = 1024 * 1024 * 1024;

/// Longer relative times are read as a date: 30 days in seconds.
const RELATIVE_SECONDS_MAX: u64 = 30 * 86_400;

/// The codec; it has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memcached;

/// memcached counts TTLs in whole seconds; a started second is a whole one.
fn seconds(ttl_ms: u64) -> u64 {
    ttl_ms.div_ceil(1_000).min(RELATIVE_SECONDS_MAX)
}

#[inline]
fn push_set(out: &mut Vec<u8>, key: &[u8], value: &[u8], ttl_ms: u64) {
    out.extend_from_slice(b"set ");
    out.extend_from_slice(key);
    out.extend_from_slice(b" 0 ");
    push_decimal(out, seconds(ttl_ms));
    out.push(b' ');
    push_decimal(out, value.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

impl Protocol for Memcached {
    #[inline]
    fn encode(&mut self, command: Command<'_>, _id: u32, _route: Route, out: &mut Vec<u8>) {
        match command {
            Command::Noop => out.extend_from_slice(b"mn\r\n"),
            Command::Get(key) => {
                out.extend_from_slice(b"get ");
                out.extend_from_slice(key);
                out.extend_from_slice(b"\r\n");
            }
            Command::Set(key, value, ttl_ms) => push_set(out, key, value, ttl_ms),
            Command::Delete(key) => {
                out.extend_from_slice(b"delete ");
                out.extend_from_slice(key);
                out.extend_from_slice(b"\r\n");
            }
            Command::Incr(key) => {
                out.extend_from_slice(b"incr ");
                out.extend_from_slice(key);
                out.extend_from_slice(b" 1\r\n");
            }
            Command::MultiGet(batch) => {
                out.extend_from_slice(b"get");
                for (key, _) in batch.iter() {
                    out.push(b' ');
                    out.extend_from_slice(key);
                }
                out.extend_from_slice(b"\r\n");
            }
            Command::MultiSet(batch, ttl_ms) => {
                for (key, value) in batch.iter() {
                    push_set(out, key, value, ttl_ms);
                }
            }
        }
    }

    #[inline]
    fn parse<'b>(&self, bytes: &'b [u8], expected: Expected) -> Result<Parsed<'b>, ProtocolError> {
        let operation = expected.operation;
        let (consumed, answer) = match operation {
            Operation::Get => match hits(bytes, operation, 1)? {
                Extent::Incomplete(needed) => return Ok(Parsed::Incomplete(needed)),
                Extent::Refused(total, answer) => (total, answer),
                Extent::Hits(total) => match hit(bytes, operation)? {
                    Step::Hit { value, .. } => (total, Answer::Value(value)),
                    _ => (total, Answer::Missing),
                },
            },
            Operation::MultiGet => match hits(bytes, operation, expected.items)? {
                Extent::Incomplete(needed) => return Ok(Parsed::Incomplete(needed)),
                Extent::Refused(total, answer) => (total, answer),
                Extent::Hits(total) => (
                    total,
                    Answer::Items(Items {
                        rest: &bytes[..total],
                        operation,
                    }),
                ),
            },
            Operation::MultiSet => {
                let mut at = 0;
                for _ in 0..expected.items {
                    match status(&bytes[at..], operation)? {
                        None => return Ok(Parsed::Incomplete(bytes.len() + 1)),
                        Some((consumed, _)) => at += consumed,
                    }
                }
                (
                    at,
                    Answer::Items(Items {
                        rest: &bytes[..at],
                        operation,
                    }),
                )
            }
            _ => match status(bytes, operation)? {
                None => return Ok(Parsed::Incomplete(bytes.len() + 1)),
                Some(whole) => whole,
            },
        };
        Ok(Parsed::Answer {
            consumed,
            id: None,
            answer,
        })
    }

    #[inline]
    fn item<'b>(&self, items: &mut Items<'b>, key: &[u8]) -> Answer<'b> {
        // `parse` has walked all of it already: what cannot be read here is not there.
        if items.operation == Operation::MultiSet {
            return match status(items.rest, items.operation) {
                Ok(Some((consumed, answer))) => {
                    items.rest = &items.rest[consumed..];
                    answer
                }
                _ => Answer::Refused(Refusal::Other, b"item without answer"),
            };
        }
        match hit(items.rest, items.operation) {
            Ok(Step::Hit {
                consumed,
                key: found,
                value,
            }) if found == key => {
                items.rest = &items.rest[consumed..];
                Answer::Value(value)
            }
            _ => Answer::Missing,
        }
    }

    fn route(&self, _key: &[u8]) -> Route {
        Route::default()
    }
}

/// The answer of one line to anything but a `get`.
#[inline]
fn status(
    bytes: &[u8],
    operation: Operation,
) -> Result<Option<(usize, Answer<'_>)>, ProtocolError> {
    let unexpected = || ProtocolError::unexpected(operation, bytes);
    let Some(head) = line(bytes).map_err(|()| unexpected())? else {
        return Ok(None);
    };
    let answer = match (operation, head) {
        (Operation::Set | Operation::MultiSet, b"STORED") => Answer::Done,
        (Operation::Delete, b"DELETED") => Answer::Number(1),
        (Operation::Delete, b"NOT_FOUND") => Answer::Number(0),
        (Operation::Incr, b"NOT_FOUND") => Answer::Missing,
        (Operation::Noop, b"MN") => Answer::Done,
        (Operation::Incr, text) if decimal(text).is_some() => {
            Answer::Number(decimal(text).unwrap_or(0))
        }
        (_, text) => refused(text).ok_or_else(unexpected)?,
    };
    Ok(Some((head.len() + 2, answer)))
}

fn refused(text: &[u8]) -> Option<Answer<'_>> {
    if text.starts_with(b"SERVER_ERROR out of memory") {
        return Some(Answer::Refused(Refusal::OutOfMemory, text));
    }
    let known: [&[u8]; 3] = [b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR"];
    known
        .iter()
        .any(|prefix| text.starts_with(prefix))
        .then_some(Answer::Refused(Refusal::Other, text))
}

enum Step<'b> {
    Incomplete(usize),
    Hit {
        consumed: usize,
        key: &'b [u8],
        value: &'b [u8],
    },
    End(usize),
    Refused(usize, Answer<'b>),
}

/// One hit, or the end, of the answer to a `get`.
#[inline]
fn hit(bytes: &[u8], operation: Operation) -> Result<Step<'_>, ProtocolError> {
    let unexpected = || ProtocolError::unexpected(operation, bytes);
    let Some(head) = line(bytes).map_err(|()| unexpected())? else {
        return Ok(Step::Incomplete(bytes.len() + 1));
    };
    let after = head.len() + 2;
    let Some(fields) = head.strip_prefix(b"VALUE ") else {
        if head == b"END" {
            return Ok(Step::End(after));
        }
        return refused(head)
            .map(|answer| Step::Refused(after, answer))
            .ok_or_else(unexpected);
    };
    let mut fields = fields.split(|byte| *byte == b' ');
    let (Some(key), Some(_flags), Some(length), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(unexpected());
    };
    let length = decimal(length).ok_or_else(unexpected)?;
    if !(0..=VALUE_BYTES_MAX).contains(&length) {
        return Err(ProtocolError::TooLong {
            operation: operation.name(),
            bytes: length,
        });
    }
    let end = after + length as usize;
    if bytes.len() < end + 2 {
        return Ok(Step::Incomplete(end + 2));
    }
    if &bytes[end..end + 2] != b"\r\n" {
        return Err(ProtocolError::unexpected(operation, &bytes[end..]));
    }
    Ok(Step::Hit {
        consumed: end + 2,
        key,
        value: &bytes[after..end],
    })
}

enum Extent<'b> {
    Incomplete(usize),
    Hits(usize),
    Refused(usize, Answer<'b>),
}

/// How far the answer to a `get` of `most` keys reaches, its END included.
#[inline]
fn hits(bytes: &[u8], operation: Operation, most: usize) -> Result<Extent<'_>, ProtocolError> {
    let mut at = 0;
    for _ in 0..=most {
        match hit(&bytes[at..], operation)? {
            Step::Incomplete(needed) => return Ok(Extent::Incomplete(at + needed)),
            Step::Hit { consumed, .. } => at += consumed,
            Step::End(consumed) => return Ok(Extent::Hits(at + consumed)),
            Step::Refused(consumed, answer) => return Ok(Extent::Refused(at + consumed, answer)),
        }
    }
    Err(ProtocolError::unexpected(operation, &bytes[at..]))
}

#[cfg(test)]
mod tests;
