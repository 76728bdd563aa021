//! When keys expire: asking and setting.

use jerboa_wire::{Opcode, Request, limits};

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

/// A time in the past removes the key.
fn set_expiry<'a>(call: &Call<'_, 'a>, unit: Unit) -> Result<'a> {
    if call.len() > 3 {
        let mut text = b"ERR Unsupported option ".to_vec();
        text.extend_from_slice(call.at(3));
        return Err(Refusal::bytes(text));
    }
    let given = call.integer(2)?;
    let scale = if unit.in_seconds() { 1000 } else { 1 };
    let base_ms = if unit.is_absolute() { 0 } else { call.now_ms };
    let ms = given
        .checked_mul(scale)
        .filter(|ms| ms.checked_add_unsigned(base_ms).is_some())
        .ok_or_else(|| call.invalid_expiry())?;
    let request = Request {
        key: call.key(1)?,
        flags: unit.flag(),
        arg: ms.max(0).unsigned_abs().min(limits::EXPIRY_MS_MAX),
        ..Request::new(Opcode::Expire)
    };
    Ok(Asked::plain(request, Form::Flag))
}
