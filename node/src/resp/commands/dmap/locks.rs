//! Locks: a token is the text of the number under which the lock was taken.
//!
//! A lock that is waited for holds back what its connection sends behind it, so that replies come
//! in the order of the commands; other connections do not notice.

use jerboa_wire::{Opcode, Request, RequestFlags, limits, lock};

use super::{INVALID, MapForm, Result, Times, form, on_key, seconds_as_ms};
use crate::resp::call::{Asked, Call};
use crate::resp::refusal::Refusal;

/// What is no token is that of no lock.
const NO_SUCH_LOCK: Refusal = Refusal::text("NOSUCHLOCK no such lock");

pub(super) fn lock<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let wait_ms = seconds_as_ms(call, 3)?.max(0).unsigned_abs();
    let mut times = Times::default();
    let mut index = 4;
    while index < call.len() {
        let is_lease = call.is(index, "ex") || call.is(index, "px");
        if !is_lease || !times.take(call, index)? {
            return Err(Refusal::SYNTAX);
        }
        index += 2;
    }
    let request = times.applied(on_key(call, Opcode::Lock)?);
    let wait_ms = wait_ms.min(limits::LOCK_WAIT_MS_MAX);
    section.extend_from_slice(&lock::encode_wait(wait_ms));
    Ok(Asked::composed(request, form(MapForm::Token)))
}

pub(super) fn unlock<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let request = Request {
        version: token(call)?,
        ..on_key(call, Opcode::Unlock)?
    };
    Ok(Asked::plain(request, form(MapForm::Done)))
}

pub(super) fn lease<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    lease_for(call, seconds_as_ms(call, 4)?)
}

pub(super) fn lease_milliseconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    lease_for(call, call.integer(4)?)
}

fn lease_for<'a>(call: &Call<'_, 'a>, ms: i64) -> Result<'a> {
    let arg = u64::try_from(ms)
        .ok()
        .filter(|ms| *ms > 0)
        .ok_or(INVALID)?
        .min(limits::EXPIRY_MS_MAX);
    let request = Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg,
        version: token(call)?,
        ..on_key(call, Opcode::Lease)?
    };
    Ok(Asked::plain(request, form(MapForm::Done)))
}

fn token(call: &Call<'_, '_>) -> std::result::Result<u64, Refusal> {
    let digits = call.at(3);
    let text = std::str::from_utf8(digits).ok();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    text.filter(|_| is_number)
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        // No lock was ever taken under it.
        .filter(|token| *token != 0)
        .ok_or(NO_SUCH_LOCK)
}
