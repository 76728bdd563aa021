//! Redis: commands as RESP arrays of bulk strings, answers in RESP2.

use super::text::{decimal, line, push_decimal};
use super::{
    Answer, Batch, Command, Expected, Items, Parsed, Protocol, ProtocolError, Refusal, Route,
};
use crate::operation::Operation;

/// The longest bulk string that Redis itself allows.
const BULK_BYTES_MAX: i64 = 512 * 1024 * 1024;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub struct Redis {
    /// MSET knows no TTL: where writes carry one, a run of SETs stands for it.
    sets_for_multi_set: bool,
}

impl Redis {
    /// A codec for a run whose writes all carry a TTL, or none.
    #[must_use]
    pub const fn new(with_ttl: bool) -> Self {
        Self {
            sets_for_multi_set: with_ttl,
        }
    }
}

fn push_head(out: &mut Vec<u8>, count: usize) {
    out.push(b'*');
    push_decimal(out, count as u64);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn push_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    push_decimal(out, bytes.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn push_set(out: &mut Vec<u8>, key: &[u8], value: &[u8], ttl_ms: u64) {
    out.extend_from_slice(if ttl_ms == 0 {
        b"*3\r\n$3\r\nSET\r\n"
    } else {
        b"*5\r\n$3\r\nSET\r\n"
    });
    push_bulk(out, key);
    push_bulk(out, value);
    if ttl_ms != 0 {
        out.extend_from_slice(b"$2\r\nPX\r\n");
        let mut digits = Vec::with_capacity(20);
        push_decimal(&mut digits, ttl_ms);
        push_bulk(out, &digits);
    }
}

fn push_multi_set(out: &mut Vec<u8>, batch: &Batch) {
    push_head(out, 1 + 2 * batch.len());
    out.extend_from_slice(b"$4\r\nMSET\r\n");
    for (key, value) in batch.iter() {
        push_bulk(out, key);
        push_bulk(out, value);
    }
}

impl Protocol for Redis {
    #[inline]
    fn encode(&mut self, command: Command<'_>, _id: u32, _route: Route, out: &mut Vec<u8>) {
        match command {
            Command::Noop => out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n"),
            Command::Get(key) => {
                out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
                push_bulk(out, key);
            }
            Command::Set(key, value, ttl_ms) => push_set(out, key, value, ttl_ms),
            Command::Delete(key) => {
                out.extend_from_slice(b"*2\r\n$3\r\nDEL\r\n");
                push_bulk(out, key);
            }
            Command::Incr(key) => {
                out.extend_from_slice(b"*2\r\n$4\r\nINCR\r\n");
                push_bulk(out, key);
            }
            Command::MultiGet(batch) => {
                push_head(out, 1 + batch.len());
                out.extend_from_slice(b"$4\r\nMGET\r\n");
                for (key, _) in batch.iter() {
                    push_bulk(out, key);
                }
            }
            Command::MultiSet(batch, _) if !self.sets_for_multi_set => push_multi_set(out, batch),
            Command::MultiSet(batch, ttl_ms) => {
                for (key, value) in batch.iter() {
                    push_set(out, key, value, ttl_ms);
                }
            }
        }
    }

    #[inline]
    fn parse<'b>(&self, bytes: &'b [u8], expected: Expected) -> Result<Parsed<'b>, ProtocolError> {
        let answered = |consumed, answer| Parsed::Answer {
            consumed,
            id: None,
            answer,
        };
        match expected.operation {
            Operation::MultiGet => {
                let total = match array(bytes, expected)? {
                    Extent::Bytes(total) => total,
                    Extent::Incomplete(needed) => return Ok(Parsed::Incomplete(needed)),
                };
                let front = &bytes[..total];
                if front.first() == Some(&b'-') {
                    return Ok(answered(total, refused(&front[1..total - 2])));
                }
                // Past the array's own head; `array` has checked that there is one.
                let head = front
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(0, |at| at + 1);
                let items = Items {
                    rest: &front[head..],
                    operation: Operation::MultiGet,
                };
                Ok(answered(total, Answer::Items(items)))
            }
            Operation::MultiSet if self.sets_for_multi_set => {
                let mut at = 0;
                for _ in 0..expected.items {
                    match element(&bytes[at..], expected.operation)? {
                        Element::Incomplete(needed) => return Ok(Parsed::Incomplete(at + needed)),
                        Element::Whole { consumed, .. } => at += consumed,
                    }
                }
                let items = Items {
                    rest: &bytes[..at],
                    operation: Operation::MultiSet,
                };
                Ok(answered(at, Answer::Items(items)))
            }
            operation => match element(bytes, operation)? {
                Element::Incomplete(needed) => Ok(Parsed::Incomplete(needed)),
                Element::Whole { consumed, answer } => {
                    if fits(operation, &answer) {
                        Ok(answered(consumed, answer))
                    } else {
                        Err(ProtocolError::unexpected(operation, bytes))
                    }
                }
            },
        }
    }

    #[inline]
    fn item<'b>(&self, items: &mut Items<'b>, _key: &[u8]) -> Answer<'b> {
        match element(items.rest, items.operation) {
            Ok(Element::Whole { consumed, answer }) => {
                items.rest = &items.rest[consumed..];
                answer
            }
            // `parse` has walked all items already.
            _ => Answer::Refused(Refusal::Other, b"item without answer"),
        }
    }

    fn route(&self, _key: &[u8]) -> Route {
        Route::default()
    }
}

/// Whether an answer of this type can answer the operation.
#[inline]
fn fits(operation: Operation, answer: &Answer<'_>) -> bool {
    use Operation as Op;
    matches!(
        (operation, answer),
        (_, Answer::Refused(..))
            | (Op::Get, Answer::Value(_) | Answer::Missing)
            | (Op::Set | Op::MultiSet | Op::Noop, Answer::Done)
            | (Op::Delete | Op::Incr, Answer::Number(_))
    )
}

fn refused(text: &[u8]) -> Answer<'_> {
    let kind = match text.split(|byte| *byte == b' ').next() {
        Some(b"OOM") => Refusal::OutOfMemory,
        Some(b"TRYAGAIN" | b"BUSY" | b"LOADING") => Refusal::Busy,
        _ => Refusal::Other,
    };
    Answer::Refused(kind, text)
}

enum Element<'b> {
    Incomplete(usize),
    Whole { consumed: usize, answer: Answer<'b> },
}

/// One RESP element that is not an array.
#[inline]
fn element(bytes: &[u8], operation: Operation) -> Result<Element<'_>, ProtocolError> {
    let Some(head) = line(bytes).map_err(|()| ProtocolError::unexpected(operation, bytes))? else {
        return Ok(Element::Incomplete(bytes.len() + 1));
    };
    let after = head.len() + 2;
    let number =
        |text: &[u8]| decimal(text).ok_or_else(|| ProtocolError::unexpected(operation, bytes));
    let whole = |answer| {
        Ok(Element::Whole {
            consumed: after,
            answer,
        })
    };
    match head {
        [b'+', ..] => whole(Answer::Done),
        [b'-', text @ ..] => whole(refused(text)),
        [b':', text @ ..] => whole(Answer::Number(number(text)?)),
        [b'$', text @ ..] => {
            let length = number(text)?;
            if length == -1 {
                return whole(Answer::Missing);
            }
            if !(0..=BULK_BYTES_MAX).contains(&length) {
                return Err(ProtocolError::TooLong {
                    operation: operation.name(),
                    bytes: length,
                });
            }
            let end = after + length as usize;
            if bytes.len() < end + 2 {
                return Ok(Element::Incomplete(end + 2));
            }
            if &bytes[end..end + 2] != b"\r\n" {
                return Err(ProtocolError::unexpected(operation, &bytes[end..]));
            }
            Ok(Element::Whole {
                consumed: end + 2,
                answer: Answer::Value(&bytes[after..end]),
            })
        }
        _ => Err(ProtocolError::unexpected(operation, bytes)),
    }
}

enum Extent {
    Incomplete(usize),
    Bytes(usize),
}

/// How far the array at the front reaches: its elements are checked on the way.
fn array(bytes: &[u8], expected: Expected) -> Result<Extent, ProtocolError> {
    let unexpected = || ProtocolError::unexpected(expected.operation, bytes);
    let Some(head) = line(bytes).map_err(|()| unexpected())? else {
        return Ok(Extent::Incomplete(bytes.len() + 1));
    };
    let mut at = head.len() + 2;
    match head {
        [b'-', ..] => return Ok(Extent::Bytes(at)),
        [b'*', count @ ..] if decimal(count) == Some(expected.items as i64) => {}
        _ => return Err(unexpected()),
    }
    for _ in 0..expected.items {
        match element(&bytes[at..], expected.operation)? {
            Element::Incomplete(needed) => return Ok(Extent::Incomplete(at + needed)),
            Element::Whole {
                consumed,
                answer: Answer::Value(_) | Answer::Missing,
            } => {
                at += consumed;
            }
            Element::Whole { .. } => return Err(unexpected()),
        }
    }
    Ok(Extent::Bytes(at))
}

#[cfg(test)]
mod tests;
