//! Many values at once.

use jerboa_wire::{Opcode, Request, RequestFlags, limits, multi};

use super::Result;
use crate::resp::call::{Asked, Call, check_key};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

pub(super) fn get<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    many_keys(call, Opcode::MultiGet, Form::Values, section)
}

/// A request on all arguments, each of which is a key.
pub(crate) fn many_keys<'a>(
    call: &Call<'_, '_>,
    opcode: Opcode,
    form: Form,
    section: &mut Vec<u8>,
) -> Result<'a> {
    let keys = call.arguments.from(1);
    for key in keys.iter() {
        check_key(key)?;
        if !multi::push_key(section, key) {
            return Err(Refusal::KEY_TOO_LARGE);
        }
    }
    let request = Request {
        count: keys.len() as u32,
        ..Request::new(opcode)
    };
    Ok(Asked::composed(request, form))
}

pub(super) fn set_if_absent<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let mut asked = set(call, section)?;
    if asked.request.count > limits::MULTI_ITEMS_MAX {
        return Err(Refusal::text("ERR more than 16,384 keys at once"));
    }
    asked.request.flags = RequestFlags::IF_ABSENT;
    asked.form = Form::Flag;
    Ok(asked)
}

pub(super) fn set<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    if call.len().is_multiple_of(2) {
        return Err(call.wrong_arity());
    }
    for index in (1..call.len()).step_by(2) {
        let (key, value) = (call.key(index)?, call.value(index + 1)?);
        // What has to go to another core goes in a frame.
        let section_max = limits::section_bytes_max(call.value_bytes_max) as usize;
        if multi::entry_bytes(key, value) > section_max {
            return Err(Refusal::VALUE_TOO_LARGE);
        }
        if !multi::push_entry(section, key, value) {
            return Err(Refusal::KEY_TOO_LARGE);
        }
    }
    let request = Request {
        count: (call.len() / 2) as u32,
        ..Request::new(Opcode::MultiPut)
    };
    Ok(Asked::composed(request, Form::AllStored))
}
