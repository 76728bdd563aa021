//! Parts of values: reading some bytes, and writing over some.

use jerboa_core_shard::{Address, Expiry};
use jerboa_wire::{ByteRange, Reply, Request, Status};

use super::update::kept;
use super::{Execution, encode, read};
use crate::worker::budget::LARGE_REPLY_BYTES;

impl Execution<'_> {
    /// Answers with some bytes of an entry's value.
    pub(super) fn get_range(&mut self, request: &Request<'_>, at: Address, out: &mut Vec<u8>) {
        let answering = &self.answering;
        let Some(range) = ByteRange::decode(request.value) else {
            return answering.status(request, Status::MalformedPayload, out);
        };
        let no_touch = answering.no_touch;
        let Some(entry) = read(self.shard, no_touch, at, request.key, self.now_ms) else {
            return answering.status(request, Status::NotFound, out);
        };
        let (first, bytes) = range.within(entry.value.len());
        if bytes > LARGE_REPLY_BYTES {
            if bytes > self.room {
                return answering.status(request, Status::Busy, out);
            }
            self.room -= bytes;
        }
        let head = Reply {
            version: entry.version,
            arg: entry.value.len() as u64,
            ..answering.head(request, Status::Ok)
        };
        let (mut skip, mut left) = (first, bytes);
        let parts = entry.value.parts().map(|part: &[u8]| {
            let behind = &part[skip.min(part.len())..];
            skip -= part.len() - behind.len();
            let wanted = &behind[..left.min(behind.len())];
            left -= wanted.len();
            wanted
        });
        let crc = answering.crc;
        if jerboa_wire::encode_reply_parts(&head, parts, bytes as u32, out, crc).is_err() {
            debug_assert!(false, "a part of a value that does not encode");
            answering.status(request, Status::Internal, out);
        }
    }

    /// Writes over bytes of a value, from an offset on.
    pub(super) fn set_range(&mut self, request: &Request<'_>, at: Address) -> Reply<'static> {
        let (version, bytes) = match self.shard.metadata(at, request.key, self.now_ms) {
            None => (0, 0),
            Some(metadata) => (metadata.version, metadata.value_bytes as usize),
        };
        if request.value.is_empty() {
            return Reply {
                version,
                arg: bytes as u64,
                ..self.answering.head(request, Status::Ok)
            };
        }
        let limit = u64::from(self.answering.value_bytes_max);
        let end = request.arg.saturating_add(request.value.len() as u64);
        if end > limit {
            return self.answering.head(request, Status::ValueTooLarge);
        }
        let (offset, end) = (request.arg as usize, end as usize);
        let (mut value, expiry) = match self.shard.get(at, request.key, self.now_ms) {
            None => (Vec::with_capacity(end), Expiry::AsMap),
            Some(entry) => (entry.value.to_vec(), kept(entry.expires_at_ms)),
        };
        value.resize(bytes.max(end), 0);
        value[offset..end].copy_from_slice(request.value);
        let stored = self.store(request, at, &value, expiry);
        match stored.status {
            Status::Ok => Reply {
                arg: value.len() as u64,
                ..stored
            },
            _ => stored,
        }
    }

    /// Answers with an entry whose expiry is changed.
    pub(super) fn get_expire(
        &mut self,
        request: &Request<'_>,
        at: Address,
        expires_at_ms: Option<u64>,
        out: &mut Vec<u8>,
    ) {
        let answering = self.answering;
        let Some(metadata) = self.shard.metadata(at, request.key, self.now_ms) else {
            return answering.status(request, Status::NotFound, out);
        };
        let bytes = metadata.value_bytes as usize;
        if bytes > LARGE_REPLY_BYTES && bytes > self.room {
            return answering.status(request, Status::Busy, out);
        }
        if expires_at_ms.is_some_and(|at_ms| at_ms <= self.now_ms) {
            if self.get_telling(request, at, |_| expires_at_ms.unwrap_or(0), out) {
                self.shard.delete(at, request.key, self.now_ms);
            }
            return;
        }
        if expires_at_ms.is_some() || metadata.expires_at_ms.is_some() {
            let changed = self.set_expiry(request, at, expires_at_ms);
            if changed.status != Status::Ok {
                return encode(&changed, out, answering.crc);
            }
        }
        self.get_telling(request, at, |_| expires_at_ms.unwrap_or(0), out);
    }
}
