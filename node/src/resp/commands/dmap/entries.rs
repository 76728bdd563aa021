//! Entries of a map: storing, reading, counting, removing.

use jerboa_wire::resp::parse_float;
use jerboa_wire::{Comparison, Opcode, Request, RequestFlags, limits, multi};

use super::{
    EXCLUSIVE, INVALID, KEY_TOO_LARGE, MapForm, NO_COPIES, Result, Times, VALUE_TOO_LARGE, form,
    key, on_key, on_map, seconds_as_ms, value,
};
use crate::resp::call::{Asked, Call};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

pub(super) fn put<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let mut request = Request {
        value: value(call, 3)?,
        ..on_key(call, Opcode::Put)?
    };
    let (mut times, mut if_absent, mut if_present) = (Times::default(), false, false);
    let mut index = 4;
    while index < call.len() {
        if times.take(call, index)? {
            index += 1;
        } else if call.is(index, "nx") {
            if_absent = true;
        } else if call.is(index, "xx") {
            if_present = true;
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 1;
    }
    request = times.applied(request);
    if if_absent && if_present {
        return Err(EXCLUSIVE);
    }
    if if_absent {
        request.flags = request.flags | RequestFlags::IF_ABSENT;
    } else if if_present {
        request.flags = request.flags | RequestFlags::IF_PRESENT;
    }
    Ok(Asked::plain(request, form(MapForm::Done)))
}

pub(super) fn get<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    if is_raw(call, 3)? {
        let request = on_key(call, Opcode::GetMeta)?;
        return Ok(Asked::plain(request, form(MapForm::Entry)));
    }
    let request = on_key(call, Opcode::Get)?;
    Ok(Asked::plain(request, form(MapForm::Value)))
}

/// Whether the encoded entry is asked for, which only the last argument may do.
fn is_raw(call: &Call<'_, '_>, index: usize) -> std::result::Result<bool, Refusal> {
    match call.len() {
        len if len <= index => Ok(false),
        len if len == index + 1 && call.is(index, "rw") => Ok(true),
        _ => Err(Refusal::SYNTAX),
    }
}

pub(super) fn get_entry<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    match call.len() {
        3 => {}
        4 if call.is(3, "rc") => return Err(NO_COPIES),
        _ => return Err(Refusal::SYNTAX),
    }
    let request = on_key(call, Opcode::GetMeta)?;
    Ok(Asked::plain(request, form(MapForm::Entry)))
}

pub(super) fn delete<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let keys = call.arguments.from(2);
    for name in keys.iter() {
        if !multi::push_key(section, key(name)?) {
            return Err(KEY_TOO_LARGE);
        }
    }
    let request = Request {
        count: keys.len() as u32,
        ..on_map(call, Opcode::MultiDelete, 1)?
    };
    Ok(Asked::composed(request, Form::Count))
}

pub(super) fn expire<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    expire_in(call, seconds_as_ms(call, 3)?)
}

pub(super) fn expire_milliseconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    expire_in(call, call.integer(3)?)
}

/// A time that is over removes the entry.
fn expire_in<'a>(call: &Call<'_, 'a>, ms: i64) -> Result<'a> {
    let request = Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg: ms.max(0).unsigned_abs().min(limits::EXPIRY_MS_MAX),
        ..on_key(call, Opcode::Expire)?
    };
    Ok(Asked::plain(request, form(MapForm::Done)))
}

pub(super) fn increment<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    count(call, Opcode::Incr)
}

pub(super) fn decrement<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    count(call, Opcode::Decr)
}

fn count<'a>(call: &Call<'_, 'a>, opcode: Opcode) -> Result<'a> {
    let request = Request {
        arg: call.integer(3)?.cast_unsigned(),
        ..on_key(call, opcode)?
    };
    Ok(Asked::plain(request, form(MapForm::Number)))
}

pub(super) fn increment_float<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let delta = parse_float(call.at(3)).ok_or(Refusal::NOT_A_FLOAT)?;
    if !delta.is_finite() {
        return Err(INVALID);
    }
    let request = Request {
        arg: delta.to_bits(),
        ..on_key(call, Opcode::IncrFloat)?
    };
    Ok(Asked::plain(request, form(MapForm::Float)))
}

pub(super) fn get_put<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let old = if is_raw(call, 4)? {
        MapForm::OldEntry
    } else {
        MapForm::Old
    };
    let request = Request {
        value: value(call, 3)?,
        flags: RequestFlags::RETURN_OLD,
        ..on_key(call, Opcode::Put)?
    };
    Ok(Asked::plain(request, form(old)))
}

/// To expect an empty value is to expect no entry.
pub(super) fn compare_and_swap<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let (expected, new) = (call.at(3), value(call, 4)?);
    let mut times = Times::default();
    let mut index = 5;
    while index < call.len() {
        if !times.take(call, index)? {
            return Err(Refusal::SYNTAX);
        }
        index += 2;
    }
    let comparison = Comparison { expected, new };
    let section_max = limits::section_bytes_max(call.value_bytes_max) as usize;
    if !comparison.encode(section) || section.len() > section_max {
        return Err(VALUE_TOO_LARGE);
    }
    let mut request = times.applied(on_key(call, Opcode::CasValue)?);
    if expected.is_empty() {
        request.flags = request.flags | RequestFlags::IF_ABSENT;
    }
    Ok(Asked::composed(request, form(MapForm::Compared)))
}

/// There is one node, so that `LC`, this node only, is all there is.
pub(super) fn destroy<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    match call.len() {
        2 => {}
        3 if call.is(2, "lc") => {}
        _ => return Err(Refusal::SYNTAX),
    }
    let request = on_map(call, Opcode::Destroy, 1)?;
    Ok(Asked::plain(request, form(MapForm::Done)))
}
