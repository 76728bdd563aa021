//! The whole reply to a command on many keys, written as RESP straight from its parts: a command
//! may have more keys than a frame has items.

use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::{Opcode, Reply, Status, multi::FetchedItem};

use crate::resp::{Form, status_text};

/// Writes the reply; false, and nothing written, where the form is not one of many keys.
pub(super) fn write(
    form: Form,
    parts: &[Reply<'_>],
    parts_of_items: &[u16],
    version: Version,
    out: &mut Vec<u8>,
) -> bool {
    let mut out = Writer::new(out, version);
    let refused = parts.iter().find(|part| part.status.is_error());
    match form {
        Form::Silent => {}
        Form::Values | Form::AllStored | Form::Count if refused.is_some() => {
            if let Some(part) = refused {
                out.error(status_text(part.opcode, part.status));
            }
        }
        Form::Values => write_values(parts, parts_of_items, &mut out),
        Form::AllStored => {
            let mut stored = parts.iter().flat_map(Reply::stored);
            match stored.find(|item| item.status != Status::Ok) {
                None => out.simple("OK"),
                Some(item) => out.error(status_text(Opcode::MultiPut, item.status)),
            }
        }
        Form::Count => {
            let mut statuses = parts.iter().flat_map(Reply::deleted);
            match statuses.find(|status| status.is_error()) {
                None => {
                    let count: u64 = parts.iter().map(|part| part.arg).sum();
                    out.integer(count.cast_signed());
                }
                Some(status) => out.error(status_text(Opcode::MultiDelete, status)),
            }
        }
        _ => return false,
    }
    true
}

fn write_values(parts: &[Reply<'_>], parts_of_items: &[u16], out: &mut Writer<'_>) {
    let mut all = parts.iter().flat_map(Reply::fetched);
    if let Some(item) = all.find(|item| item.status.is_error()) {
        return out.error(status_text(Opcode::MultiGet, item.status));
    }
    let mut fetched: Vec<_> = parts.iter().map(Reply::fetched).collect();
    out.array(parts_of_items.len());
    for part in parts_of_items {
        match fetched[usize::from(*part)].next() {
            Some(FetchedItem {
                status: Status::Ok,
                value,
                ..
            }) => out.bulk(value),
            _ => out.null(),
        }
    }
}
