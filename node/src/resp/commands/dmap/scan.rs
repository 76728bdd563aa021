//! DM.SCAN: the keys of a map, page by page.
//!
//! Olric's clients go from partition to partition, as many as the routing table lists. Here it
//! lists one, 0, because no partition of theirs lies on one core of ours; the cursor leads over all
//! cores.

use jerboa_wire::{Opcode, Request, ScanQuery, limits};

use super::{INVALID, NO_COPIES, Result, on_map, pattern};
use crate::resp::call::{Asked, Call};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

/// Keys that a call returns about, where it does not say.
const COUNT_DEFAULT: u32 = 10;

pub(super) fn scan<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let number = |index: usize| {
        let text = std::str::from_utf8(call.at(index)).ok();
        text.and_then(|text| text.parse::<u64>().ok())
    };
    if number(1) != Some(0) {
        return Err(Refusal::text(
            "INVALIDARGUMENT there is no such partition: the routing table lists one, 0",
        ));
    }
    let cursor = number(3).ok_or(Refusal::text("ERR invalid cursor"))?;
    let mut wanted = Vec::new();
    let mut count = COUNT_DEFAULT;
    let mut index = 4;
    while index < call.len() {
        if call.is(index, "rc") {
            return Err(NO_COPIES);
        }
        if index + 1 == call.len() {
            return Err(Refusal::SYNTAX);
        }
        if call.is(index, "count") {
            let most = i64::from(limits::MULTI_ITEMS_MAX);
            let given = call.integer(index + 1)?;
            count = u32::try_from(given.min(most))
                .ok()
                .filter(|count| *count > 0)
                .ok_or(INVALID)?;
        } else if call.is(index, "match") {
            wanted = pattern::as_glob(call.at(index + 1))?;
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 2;
    }
    let query = ScanQuery {
        count,
        pattern: &wanted,
    };
    query.encode(section);
    let request = Request {
        arg: cursor,
        ..on_map(call, Opcode::Scan, 2)?
    };
    Ok(Asked::composed(request, Form::Page))
}
