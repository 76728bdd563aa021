//! Counters: integers and floating-point numbers in decimal text.

use jerboa_wire::resp::parse_float;
use jerboa_wire::{Opcode, Request};

use super::Result;
use crate::resp::call::{Asked, Call};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

pub(super) fn increment<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    add(call, 1)
}

pub(super) fn decrement<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    add(call, -1)
}

pub(super) fn increment_by<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    add(call, call.integer(2)?)
}

pub(super) fn decrement_by<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let amount = call.integer(2)?;
    let Some(delta) = amount.checked_neg() else {
        return Err(Refusal::text("ERR decrement would overflow"));
    };
    add(call, delta)
}

fn add<'a>(call: &Call<'_, 'a>, delta: i64) -> Result<'a> {
    let request = Request {
        key: call.key(1)?,
        arg: delta.cast_unsigned(),
        ..Request::new(Opcode::Incr)
    };
    Ok(Asked::plain(request, Form::Number))
}

pub(super) fn increment_by_float<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let delta = parse_float(call.at(2)).ok_or(Refusal::NOT_A_FLOAT)?;
    if !delta.is_finite() {
        return call.on_key(Opcode::Get, Form::InfiniteSum);
    }
    let request = Request {
        key: call.key(1)?,
        arg: delta.to_bits(),
        ..Request::new(Opcode::IncrFloat)
    };
    Ok(Asked::plain(request, Form::Float))
}
