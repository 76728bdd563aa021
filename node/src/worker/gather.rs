//! A multi-key request whose keys several cores own: sent out in parts, answered as one.
//!
//! The parts keep the order of their items, so the whole is put together by walking the request's
//! items once and taking the next item of the owner's part each time. A part that was refused as a
//! whole gives its status to each of its items: no item is ever left out in silence.

use jerboa_wire::frame::{begin_reply, finish_reply};
use jerboa_wire::{
    Crc, CrcMode, DecodeOptions, Decoded, EncodeError, Opcode, Reply, Request, Status,
    decode_reply, limits, multi,
};

/// A request under way in parts.
#[derive(Debug)]
pub(super) struct Gather {
    head: Reply<'static>,
    crc: Crc,
    value_bytes_max: u32,
    /// For every item of the request, the part that it went into.
    parts_of_items: Vec<u16>,
    replies: Vec<Option<Vec<u8>>>,
    missing: usize,
}

/// One part of a split request: the core that owns its keys and the frame for it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) core: u16,
    pub(super) frame: Vec<u8>,
}

/// Splits `request` by the owner of each key.
///
/// # Errors
/// Only if a part cannot be encoded, which a decoded request rules out.
pub(super) fn split(
    request: &Request<'_>,
    owner: impl Fn(&[u8]) -> u16,
) -> Result<(Vec<Part>, Vec<u16>), EncodeError> {
    let mut sections: Vec<(u16, u32, Vec<u8>)> = Vec::new();
    let mut parts_of_items = Vec::with_capacity(request.count as usize);
    let mut place = |key: &[u8], push: &dyn Fn(&mut Vec<u8>) -> bool| {
        let core = owner(key);
        let index = sections
            .iter()
            .position(|(of, ..)| *of == core)
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
            place(entry.key, &|out| {
                multi::push_entry(out, entry.key, entry.value)
            });
        }
    } else {
        for key in request.keys() {
            place(key, &|out| multi::push_key(out, key));
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

impl Gather {
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
            parts_of_items,
            replies: vec![None; parts],
            missing: parts,
        }
    }

    /// Keys of the request.
    pub(super) fn items(&self) -> usize {
        self.parts_of_items.len()
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
    pub(super) fn fill(&mut self, part: u16, reply: Vec<u8>) {
        if let Some(place @ None) = self.replies.get_mut(usize::from(part)) {
            *place = Some(reply);
            self.missing -= 1;
        }
    }

    /// The whole reply, once every part is there.
    pub(super) fn finish(&self) -> Option<Vec<u8>> {
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
        Some(out)
    }

    fn write(&self, parts: &[Reply<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let begun = begin_reply(&self.head, out, self.crc);
        let count = self.parts_of_items.len() as u32;
        let items = self.parts_of_items.iter().map(|part| usize::from(*part));
        let section_max = limits::section_bytes_max(self.value_bytes_max) as usize;
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
            Opcode::MultiDelete => {
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
                let mut left = self.parts_of_items.len();
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
mod tests {
    use super::*;

    fn request(keys: &[&[u8]], section: &mut Vec<u8>) -> u32 {
        for key in keys {
            assert!(multi::push_key(section, key));
        }
        keys.len() as u32
    }

    fn fetched(statuses: &[(Status, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let begun = begin_reply(
            &Reply::new(Opcode::MultiGet, Status::Ok, 0),
            &mut out,
            Crc::On,
        );
        for (status, value) in statuses {
            multi::push_fetched(&mut out, *status, 9, std::iter::once(*value));
        }
        finish_reply(begun, statuses.len() as u32, 0, &mut out).unwrap();
        out
    }

    #[test]
    fn items_come_back_in_request_order_and_a_refused_part_marks_each_of_its_items() {
        let mut section = Vec::new();
        let count = request(&[b"a0", b"b1", b"c2", b"d1", b"e0"], &mut section);
        let request = Request {
            count,
            value: &section,
            ..Request::new(Opcode::MultiGet)
        };
        let owner = |key: &[u8]| u16::from(key[1] - b'0');
        let (parts, places) = split(&request, owner).unwrap();
        assert_eq!(
            parts.iter().map(|part| part.core).collect::<Vec<_>>(),
            [0, 1, 2]
        );
        assert_eq!(places, [0, 1, 2, 1, 0]);

        let head = Reply::new(Opcode::MultiGet, Status::Ok, 77);
        let mut gather = Gather::new(head, Crc::On, 1 << 20, places, parts.len());
        gather.fill(2, fetched(&[(Status::NotFound, b"")]));
        gather.fill(0, fetched(&[(Status::Ok, b"first"), (Status::Ok, b"last")]));
        assert!(gather.finish().is_none());
        let mut busy = Vec::new();
        Reply::new(Opcode::MultiGet, Status::Busy, 0)
            .encode(&mut busy, Crc::On)
            .unwrap();
        gather.fill(1, busy);
        let whole = gather.finish().unwrap();
        let Ok(Decoded::Frame { frame, .. }) = decode_reply(&whole, &DecodeOptions::default())
        else {
            panic!("not a frame");
        };
        assert_eq!((frame.request_id, frame.count), (77, 5));
        let items: Vec<_> = frame
            .fetched()
            .map(|item| (item.status, item.value.to_vec()))
            .collect();
        assert_eq!(
            items,
            [
                (Status::Ok, b"first".to_vec()),
                (Status::Busy, vec![]),
                (Status::NotFound, vec![]),
                (Status::Busy, vec![]),
                (Status::Ok, b"last".to_vec()),
            ]
        );
    }

    #[test]
    fn values_that_do_not_fit_one_reply_are_named_and_the_rest_is_returned() {
        let mut section = Vec::new();
        let count = request(&[b"a0", b"b1", b"c0"], &mut section);
        let request = Request {
            count,
            value: &section,
            ..Request::new(Opcode::MultiGet)
        };
        let (_, places) = split(&request, |key| u16::from(key[1] - b'0')).unwrap();
        let head = Reply::new(Opcode::MultiGet, Status::Ok, 1);
        // The section limit never goes below 4 MiB, whatever the value limit.
        let mut gather = Gather::new(head, Crc::On, 4 << 20, places, 2);
        let large = vec![1; 3 << 20];
        gather.fill(0, fetched(&[(Status::Ok, &large), (Status::Ok, b"small")]));
        gather.fill(1, fetched(&[(Status::Ok, &large)]));
        let whole = gather.finish().unwrap();
        let options = DecodeOptions {
            crc: CrcMode::Required,
            value_bytes_max: 4 << 20,
        };
        let Ok(Decoded::Frame { frame, .. }) = decode_reply(&whole, &options) else {
            panic!("not a frame");
        };
        let statuses: Vec<_> = frame.fetched().map(|item| item.status).collect();
        assert_eq!(statuses, [Status::Ok, Status::ReplyTooLarge, Status::Ok]);
    }
}
