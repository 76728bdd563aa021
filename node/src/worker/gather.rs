//! A request that several cores execute: sent out in parts, answered as one.
//!
//! * Many keys: the parts keep the order of their items, so the whole is put together by walking
//!   the request's items once and taking the next item of the owner's part each time. A part that
//!   was refused as a whole gives its status to each of its items: no item is ever left out in
//!   silence.
//! * No key: every core executes the same request; [`everywhere`] says how their answers are put
//!   together.

mod commands;
mod everywhere;

use jerboa_wire::frame::{begin_reply, finish_reply};
use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, EncodeError, Opcode, Reply, Request, Status,
    decode_reply, limits, multi,
};

use super::execute::resp::rendered;
use crate::resp::Render;

/// A request under way in parts.
#[derive(Debug)]
pub(crate) struct Gather {
    head: Reply<'static>,
    crc: Crc,
    value_bytes_max: u32,
    whole: Whole,
    replies: Vec<Option<Vec<u8>>>,
    missing: usize,
}

/// How the parts make a whole.
#[derive(Debug)]
enum Whole {
    /// For every item of the request, the part that it went into.
    Items(Vec<u16>),
    /// Each core has executed all of it.
    Everywhere,
}

/// One part of a split request: the core that owns its keys and the frame for it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) core: u16,
    pub(super) frame: Vec<u8>,
}

/// Splits `request` by the owner of each key.
///
/// A request of more or larger items than a frame may have, as commands can be, has several parts
/// for one core: each holds at most `section_max` bytes, or one item.
///
/// # Errors
/// Only if a part cannot be encoded, which a decoded request rules out.
pub(super) fn split(
    request: &Request<'_>,
    section_max: usize,
    owner: impl Fn(&[u8]) -> u16,
) -> Result<(Vec<Part>, Vec<u16>), EncodeError> {
    let mut sections: Vec<(u16, u32, Vec<u8>)> = Vec::new();
    let mut parts_of_items = Vec::with_capacity(request.count as usize);
    let mut place = |key: &[u8], bytes: usize, push: &dyn Fn(&mut Vec<u8>) -> bool| {
        let core = owner(key);
        // A part has to be a request that could have come by itself.
        let index = sections
            .iter()
            .rposition(|(of, count, section)| {
                let fits = section.len() + bytes <= section_max;
                *of == core && *count < limits::MULTI_ITEMS_MAX && fits
            })
            .unwrap_or_else(|| {
                sections.push((core, 0, Vec::new()));
                sections.len() - 1
            });
        let (_, count, section) = &mut sections[index];
        *count += u32::from(push(section));
        parts_of_items.push(index as u16);
    };
    if request.opcode == Opcode::MultiPut {
        for entry in request.entries() {
            let bytes = multi::entry_bytes(entry.key, entry.value);
            place(entry.key, bytes, &|out| {
                multi::push_entry(out, entry.key, entry.value)
            });
        }
    } else {
        for key in request.keys() {
            place(key, multi::key_bytes(key), &|out| multi::push_key(out, key));
        }
    }
    let mut parts = Vec::with_capacity(sections.len());
    for (core, count, section) in sections {
        let mut frame = Vec::new();
        let part = Request {
            hops: limits::HOPS_MAX,
            count,
            value: &section,
            ..*request
        };
        part.encode(&mut frame, Crc::On)?;
        parts.push(Part { core, frame });
    }
    Ok((parts, parts_of_items))
}

/// The parts of a request that each of so many cores executes.
///
/// # Errors
/// Only if it cannot be encoded, which a decoded request rules out.
pub(super) fn everywhere(request: &Request<'_>, cores: u16) -> Result<Vec<Part>, EncodeError> {
    let mut frame = Vec::new();
    let part = Request {
        hops: limits::HOPS_MAX,
        ..*request
    };
    part.encode(&mut frame, Crc::On)?;
    Ok((0..cores)
        .map(|core| Part {
            core,
            frame: frame.clone(),
        })
        .collect())
}

impl Gather {
    /// Waits for as many replies as there are cores.
    pub(crate) fn everywhere(
        head: Reply<'static>,
        crc: Crc,
        value_bytes_max: u32,
        cores: usize,
    ) -> Self {
        Self {
            whole: Whole::Everywhere,
            ..Self::new(head, crc, value_bytes_max, Vec::new(), cores)
        }
    }

    /// Waits for `parts` replies to the parts that [`split`] made.
    pub(super) fn new(
        head: Reply<'static>,
        crc: Crc,
        value_bytes_max: u32,
        parts_of_items: Vec<u16>,
        parts: usize,
    ) -> Self {
        Self {
            head,
            crc,
            value_bytes_max,
            whole: Whole::Items(parts_of_items),
            replies: vec![None; parts],
            missing: parts,
        }
    }

    /// Keys of the request; one for each core where it has none.
    pub(super) fn items(&self) -> usize {
        match &self.whole {
            Whole::Items(parts_of_items) => parts_of_items.len(),
            Whole::Everywhere => self.replies.len(),
        }
    }

    /// Parts that it was split into, at least one.
    pub(super) fn parts(&self) -> usize {
        self.replies.len().max(1)
    }

    /// Bytes of the parts that are here.
    pub(super) fn held_bytes(&self) -> usize {
        self.replies.iter().flatten().map(Vec::len).sum()
    }

    /// Takes the reply to one part.
    pub(crate) fn fill(&mut self, part: u16, reply: Vec<u8>) {
        if let Some(place @ None) = self.replies.get_mut(usize::from(part)) {
            *place = Some(reply);
            self.missing -= 1;
        }
    }

    /// The whole reply, once every part is there, as its connection wants it.
    pub(crate) fn finish(&self, render: Render) -> Option<Vec<u8>> {
        if self.missing > 0 {
            return None;
        }
        let options = DecodeOptions {
            crc: CrcMode::Optional,
            value_bytes_max: self.value_bytes_max,
        };
        let parts: Vec<Reply<'_>> = self
            .replies
            .iter()
            .map(
                |reply| match decode_reply(reply.as_deref().unwrap_or_default(), &options) {
                    Ok(Decoded::Frame { frame, .. }) => frame,
                    // Frames of our own cores decode; should one not, its items say so.
                    _ => Reply::new(self.head.opcode, Status::Internal, 0),
                },
            )
            .collect();
        let mut out = Vec::new();
        if let Render::Resp(form, version) = render
            && let Whole::Items(parts_of_items) = &self.whole
            && commands::write(form, &parts, parts_of_items, version, &mut out)
        {
            return Some(out);
        }
        let written = self.write(&parts, &mut out);
        if written.is_err() {
            out.clear();
            let refused = Reply::new(
                self.head.opcode,
                Status::ReplyTooLarge,
                self.head.request_id,
            );
            let _ = refused.encode(&mut out, self.crc);
        }
        Some(match render {
            Render::Frame => out,
            Render::Resp(form, version) => rendered(&out, form, version),
        })
    }

    fn write(&self, parts: &[Reply<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let section_max = limits::section_bytes_max(self.value_bytes_max) as usize;
        let parts_of_items = match &self.whole {
            Whole::Items(parts_of_items) => parts_of_items,
            Whole::Everywhere => {
                return everywhere::write(&self.head, parts, section_max, out, self.crc);
            }
        };
        let begun = begin_reply(&self.head, out, self.crc);
        let count = parts_of_items.len() as u32;
        let items = parts_of_items.iter().map(|part| usize::from(*part));
        let mut done: u64 = parts.iter().map(|part| part.arg).sum();
        match self.head.opcode {
            Opcode::MultiPut => {
                let mut stored: Vec<_> = parts.iter().map(Reply::stored).collect();
                for part in items {
                    match stored[part].next() {
                        Some(item) => multi::push_stored(out, item.status, item.version),
                        None => multi::push_stored(out, refusal(&parts[part]), 0),
                    }
                }
            }
            Opcode::MultiDelete | Opcode::MultiExists => {
                let mut deleted: Vec<_> = parts.iter().map(Reply::deleted).collect();
                for part in items {
                    let status = deleted[part]
                        .next()
                        .unwrap_or_else(|| refusal(&parts[part]));
                    multi::push_deleted(out, status);
                }
            }
            _ => {
                let mut fetched: Vec<_> = parts.iter().map(Reply::fetched).collect();
                let mut left = parts_of_items.len();
                for part in items {
                    left -= 1;
                    let room = section_max.saturating_sub(out.len() + left * multi::FETCHED_BYTES);
                    match fetched[part].next() {
                        Some(item) if item.value.len() <= room => {
                            let value = std::iter::once(item.value);
                            multi::push_fetched(out, item.status, item.version, value);
                        }
                        Some(_) => {
                            done = done.saturating_sub(1);
                            multi::push_fetched(out, Status::ReplyTooLarge, 0, std::iter::empty());
                        }
                        None => {
                            let status = refusal(&parts[part]);
                            multi::push_fetched(out, status, 0, std::iter::empty());
                        }
                    }
                }
            }
        }
        finish_reply(begun, count, done, out)
    }
}

/// What an item says whose part was refused.
fn refusal(part: &Reply<'_>) -> Status {
    if part.status.is_error() {
        part.status
    } else {
        Status::Internal
    }
}

#[cfg(test)]
mod tests;
