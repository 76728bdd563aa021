//! Going over all keys, step by step.

use jerboa_wire::{Opcode, Request, ScanQuery, limits};

use super::Result;
use crate::resp::call::{Asked, Call};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

/// Keys that a call returns about, where it does not say.
const COUNT_DEFAULT: u32 = 10;

pub(super) fn scan<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let cursor = std::str::from_utf8(call.at(1))
        .ok()
        .and_then(|text| text.parse::<u64>().ok())
        .ok_or(Refusal::text("ERR invalid cursor"))?;
    let mut query = ScanQuery {
        count: COUNT_DEFAULT,
        pattern: b"",
    };
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
            query.pattern = pattern(call.at(index + 1))?;
        } else if call.is(index, "type") {
            // Every value is a string: another type is found nowhere, not even looked for.
            if !call.is(index + 1, "string") {
                return Err(Refusal::SYNTAX);
            }
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 2;
    }
    query.encode(section);
    let request = Request {
        arg: cursor,
        ..Request::new(Opcode::Scan)
    };
    Ok(Asked::composed(request, Form::Page))
}

/// A pattern that is not too long; the one that every key matches is none.
fn pattern(pattern: &[u8]) -> std::result::Result<&[u8], Refusal> {
    if pattern.len() > limits::PATTERN_BYTES_MAX {
        return Err(Refusal::text("ERR the pattern is longer than 256 bytes"));
    }
    Ok(if pattern == b"*" { b"" } else { pattern })
}
