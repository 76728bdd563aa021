//! Parts of values, and their lengths.

use jerboa_wire::range::ByteRange;
use jerboa_wire::{Opcode, Request};

use super::Result;
use crate::resp::call::{Asked, Call};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

pub(super) fn length<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::Exists, Form::NumberOrZero)
}

pub(super) fn get<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let range = ByteRange {
        start: call.integer(2)?,
        end: call.integer(3)?,
    };
    section.extend_from_slice(&range.encode());
    let asked = call.on_key(Opcode::GetRange, Form::ValueOrEmpty)?;
    Ok(Asked::composed(asked.request, asked.form))
}

pub(super) fn set<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let offset = call.integer(2)?;
    let Ok(offset) = u64::try_from(offset) else {
        return Err(Refusal::text("ERR offset is out of range"));
    };
    let value = call.value(3)?;
    let bytes_max = u64::from(call.value_bytes_max);
    if !value.is_empty() && offset.saturating_add(value.len() as u64) > bytes_max {
        return Err(Refusal::VALUE_TOO_LARGE);
    }
    let request = Request {
        key: call.key(1)?,
        value,
        // Where nothing is written, any offset will do.
        arg: offset.min(bytes_max),
        ..Request::new(Opcode::SetRange)
    };
    Ok(Asked::plain(request, Form::Number))
}
