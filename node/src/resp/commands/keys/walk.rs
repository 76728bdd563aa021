//! Going over all keys, step by step.

use jerboa_wire::{Opcode, Request, ScanQuery, limits};

use super::Result;
use crate::resp::call::{Asked, Call};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

/// Keys that a call returns about, where it does not say.
const COUNT_DEFAULT: u32 = 10;

pub(super) fn scan<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let cursor = cursor(call.at(1)).ok_or(Refusal::text("ERR invalid cursor"))?;
    let mut query = ScanQuery {
        count: COUNT_DEFAULT,
        pattern: b"",
    };
    let (mut is_string, mut matches_some) = (true, true);
    let mut index = 2;
    while index < call.len() {
        if index + 1 == call.len() {
            return Err(Refusal::SYNTAX);
        }
        if call.is(index, "count") {
            let count = call.integer(index + 1)?;
            if count < 1 {
                return Err(Refusal::SYNTAX);
            }
            let most = i64::from(limits::MULTI_ITEMS_MAX);
            query.count = count.min(most) as u32;
        } else if call.is(index, "match") {
            matches_some = !call.at(index + 1).is_empty();
            query.pattern = pattern(call.at(index + 1))?;
        } else if call.is(index, "type") {
            // Every value is a string: another type is found nowhere.
            is_string = call.is(index + 1, "string");
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 2;
    }
    query.encode(section);
    let form = if is_string && matches_some {
        Form::PageOrEnd
    } else {
        Form::EmptyPage
    };
    let request = Request {
        arg: cursor,
        ..Request::new(Opcode::Scan)
    };
    Ok(Asked::composed(request, form))
}

pub(super) fn keys<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let (count, form) = if call.at(1).is_empty() {
        (1, Form::NoKeys)
    } else {
        (limits::MULTI_ITEMS_MAX, Form::AllKeys)
    };
    let query = ScanQuery {
        count,
        pattern: pattern(call.at(1))?,
    };
    query.encode(section);
    Ok(Asked::composed(Request::new(Opcode::Scan), form))
}

pub(super) fn size<'a>(_: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    Ok(Asked::plain(Request::new(Opcode::Size), Form::Number))
}

pub(super) fn random_key<'a>(_: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    Ok(Asked::plain(Request::new(Opcode::RandomKey), Form::Value))
}

/// Neither way of asking stops anybody: what is removed is given back in slices.
pub(super) fn flush<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let known = call.len() == 1 || call.is(1, "async") || call.is(1, "sync");
    if !known || call.len() > 2 {
        return Err(Refusal::SYNTAX);
    }
    Ok(Asked::plain(Request::new(Opcode::Destroy), Form::Done))
}

/// A cursor as Redis reads it, which is as C does: up to a zero byte, nothing being 0, with a sign if
/// there is one, negative numbers counting from the end. `None` where it is no number or too large.
fn cursor(text: &[u8]) -> Option<u64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let (is_negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if is_negative {
        number.wrapping_neg()
    } else {
        number
    })
}

/// A pattern that is not too long; the one that every key matches is none. (The empty one, which no
/// key matches, since no key is empty, is told apart by who asks.)
fn pattern(pattern: &[u8]) -> std::result::Result<&[u8], Refusal> {
    if pattern.len() > limits::PATTERN_BYTES_MAX {
        return Err(Refusal::text("ERR the pattern is longer than 256 bytes"));
    }
    Ok(if pattern == b"*" { b"" } else { pattern })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_redis_reads_them() {
        for (text, read) in [
            ("", Some(0)),
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+5", Some(5)),
            ("007", Some(7)),
            ("0\0a", Some(0)),
            ("\x005", Some(0)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("-18446744073709551615", Some(1)),
            ("18446744073709551616", None),
            ("-18446744073709551616", None),
            (" 5", None),
            ("5 ", None),
            ("-", None),
            ("+-1", None),
            ("0x10", None),
            ("1e3", None),
        ] {
            assert_eq!(cursor(text.as_bytes()), read, "{text:?}");
        }
    }
}
