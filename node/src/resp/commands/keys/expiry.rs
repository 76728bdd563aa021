//! When keys expire: asking and setting.

use jerboa_wire::{Opcode, Request, RequestFlags, limits};

use super::Result;
use crate::resp::call::{Asked, Call};
use crate::resp::commands::strings::Unit;
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

pub(super) fn seconds_left<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::Ttl, Form::LeftSeconds)
}

pub(super) fn milliseconds_left<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::Ttl, Form::LeftMilliseconds)
}

pub(super) fn at_seconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::GetMeta, Form::AtSeconds)
}

pub(super) fn at_milliseconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::GetMeta, Form::AtMilliseconds)
}

pub(super) fn persist<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::Persist, Form::NumberOrZero)
}

pub(super) fn expire<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    set_expiry(call, Unit::Seconds)
}

pub(super) fn expire_milliseconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    set_expiry(call, Unit::Milliseconds)
}

pub(super) fn expire_at<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    set_expiry(call, Unit::AtSeconds)
}

pub(super) fn expire_at_milliseconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    set_expiry(call, Unit::AtMilliseconds)
}

/// The conditions that a new expiry may have to meet.
fn conditions(call: &Call<'_, '_>) -> std::result::Result<RequestFlags, Refusal> {
    const WORDS: [(&str, RequestFlags); 4] = [
        ("nx", RequestFlags::IF_ABSENT),
        ("xx", RequestFlags::IF_PRESENT),
        ("gt", RequestFlags::IF_LATER),
        ("lt", RequestFlags::IF_EARLIER),
    ];
    let mut flags = RequestFlags::NONE;
    for index in 3..call.len() {
        let Some((_, flag)) = WORDS.iter().find(|(word, _)| call.is(index, word)) else {
            let mut text = b"ERR Unsupported option ".to_vec();
            text.extend_from_slice(call.at(index));
            return Err(Refusal::bytes(text));
        };
        flags = flags | *flag;
    }
    let others = RequestFlags::IF_PRESENT | RequestFlags::IF_LATER | RequestFlags::IF_EARLIER;
    if flags.contains(RequestFlags::IF_ABSENT) && flags.intersects(others) {
        return Err(Refusal::text(
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if flags.contains(RequestFlags::IF_LATER | RequestFlags::IF_EARLIER) {
        return Err(Refusal::text(
            "ERR GT and LT options at the same time are not compatible",
        ));
    }
    Ok(flags)
}

/// A time in the past removes the key.
fn set_expiry<'a>(call: &Call<'_, 'a>, unit: Unit) -> Result<'a> {
    let conditions = conditions(call)?;
    let given = call.integer(2)?;
    let scale = if unit.in_seconds() { 1000 } else { 1 };
    let base_ms = if unit.is_absolute() { 0 } else { call.now_ms };
    let ms = given
        .checked_mul(scale)
        .filter(|ms| ms.checked_add_unsigned(base_ms).is_some())
        .ok_or_else(|| call.invalid_expiry())?;
    let request = Request {
        key: call.key(1)?,
        flags: unit.flag() | conditions,
        arg: ms.max(0).unsigned_abs().min(limits::EXPIRY_MS_MAX),
        ..Request::new(Opcode::Expire)
    };
    Ok(Asked::plain(request, Form::Flag))
}
