//! Multi-key requests whose keys this core owns: looked up in prefetched batches, answered per key.

use arrayvec::ArrayVec;
use jerboa_core_shard::{Address, MapId, PutOptions, PutOutcome, Shard};
use jerboa_wire::frame::{begin_reply, finish_reply};
use jerboa_wire::{Opcode, Request, RequestFlags, Status, limits, multi};

use super::{Execution, MapChoice, put_expiry, read, status_of};
use crate::worker::budget::{BATCH, LARGE_REPLY_BYTES};

impl Execution<'_> {
    /// Executes a multi-key request; `partition` tells the partition of a key.
    pub(in crate::worker) fn many(
        &mut self,
        request: &Request<'_>,
        map: MapChoice,
        partition: impl Fn(&[u8]) -> u16,
        out: &mut Vec<u8>,
    ) {
        let answering = self.answering;
        let map = match map {
            MapChoice::Known(map) => Some(map),
            MapChoice::Unknown => None,
            MapChoice::Refused(status) => return answering.status(request, status, out),
        };
        let all_or_nothing = request.flags.contains(RequestFlags::IF_ABSENT);
        if all_or_nothing && self.any_present(request, map, &partition) {
            return answering.status(request, Status::Exists, out);
        }
        let start = out.len();
        let begun = begin_reply(&answering.head(request, Status::Ok), out, answering.crc);
        let left = request.count as usize;
        let room = self.room.max(LARGE_REPLY_BYTES);
        let mut run = Run {
            shard: self.shard,
            map,
            now_ms: self.now_ms,
            no_touch: self.answering.no_touch,
            out,
            done: 0,
            left,
            refused: None,
        };
        match request.opcode {
            Opcode::MultiPut => run.put(request, &partition),
            Opcode::MultiDelete => run.delete(request, &partition),
            Opcode::MultiExists => run.exists(request, &partition),
            _ => {
                let section_max = limits::section_bytes_max(answering.value_bytes_max) as usize;
                let before = run.out.len();
                run.get(request, &partition, section_max.min(room));
                self.room = self.room.saturating_sub(run.out.len() - before);
            }
        }
        let (done, refused) = (run.done, run.refused);
        if all_or_nothing && let Some(status) = refused {
            // Nothing was there before.
            for entry in request.entries() {
                let at = self.shard.address(
                    map.unwrap_or(MapId::DEFAULT),
                    partition(entry.key),
                    entry.key,
                );
                self.shard.delete(at, entry.key, self.now_ms);
            }
            out.truncate(start);
            return answering.status(request, status, out);
        }
        if finish_reply(begun, request.count, done, out).is_err() {
            answering.status(request, Status::ReplyTooLarge, out);
        }
    }
}

impl Execution<'_> {
    /// Whether any key of a MultiPut is present.
    fn any_present(
        &mut self,
        request: &Request<'_>,
        map: Option<MapId>,
        partition: &impl Fn(&[u8]) -> u16,
    ) -> bool {
        let map = map.unwrap_or(MapId::DEFAULT);
        let mut any = false;
        in_batches(request.entries(), |batch: &[multi::Entry<'_>]| {
            let keys = batch.iter().map(|entry| entry.key);
            let mut addresses = addresses(self.shard, map, keys, partition);
            self.shard.prefetch(&mut addresses);
            for (entry, at) in batch.iter().zip(&addresses) {
                any = any || self.shard.metadata(*at, entry.key, self.now_ms).is_some();
            }
        });
        any
    }
}

struct Run<'a> {
    shard: &'a mut Shard,
    /// `None`: nobody wrote to the map yet, so no key of it is there.
    map: Option<MapId>,
    now_ms: u64,
    /// To read an entry is not to use it.
    no_touch: bool,
    out: &'a mut Vec<u8>,
    /// Keys found, stored or removed.
    done: u64,
    /// Items not answered yet.
    left: usize,
    /// What the first item that was not stored was answered.
    refused: Option<Status>,
}

impl Run<'_> {
    fn get(
        &mut self,
        request: &Request<'_>,
        partition: &impl Fn(&[u8]) -> u16,
        section_max: usize,
    ) {
        let start = self.out.len();
        let Some(map) = self.map else {
            for _ in 0..request.count {
                multi::push_fetched(self.out, Status::NotFound, 0, std::iter::empty());
            }
            return;
        };
        in_batches(request.keys(), |batch: &[&[u8]]| {
            let mut addresses = self.addresses(map, batch.iter().copied(), partition);
            self.shard.prefetch(&mut addresses);
            for (key, at) in batch.iter().zip(&addresses) {
                self.left -= 1;
                let used = self.out.len() - start + self.left * multi::FETCHED_BYTES;
                let room = section_max.saturating_sub(used + multi::FETCHED_BYTES);
                match read(self.shard, self.no_touch, *at, key, self.now_ms) {
                    None => {
                        multi::push_fetched(self.out, Status::NotFound, 0, std::iter::empty());
                    }
                    Some(entry) if entry.value.len() > room => {
                        multi::push_fetched(self.out, Status::ReplyTooLarge, 0, std::iter::empty());
                    }
                    Some(entry) => {
                        self.done += 1;
                        let parts = entry.value.parts();
                        multi::push_fetched(self.out, Status::Ok, entry.version, parts);
                    }
                }
            }
        });
    }

    fn put(&mut self, request: &Request<'_>, partition: &impl Fn(&[u8]) -> u16) {
        let options = PutOptions {
            expiry: put_expiry(request, self.now_ms),
            ..PutOptions::default()
        };
        // A put makes its map known, so there is one.
        let map = self.map.unwrap_or(MapId::DEFAULT);
        in_batches(request.entries(), |batch: &[multi::Entry<'_>]| {
            let mut addresses = self.addresses(map, batch.iter().map(|entry| entry.key), partition);
            self.shard.prefetch(&mut addresses);
            for (entry, at) in batch.iter().zip(&addresses) {
                let (status, version) =
                    match self
                        .shard
                        .put(*at, entry.key, entry.value, options, self.now_ms)
                    {
                        Ok(PutOutcome::Stored { version }) => {
                            self.done += 1;
                            (Status::Ok, version)
                        }
                        Ok(PutOutcome::Exists) => (Status::Exists, 0),
                        Ok(PutOutcome::Missing) => (Status::NotFound, 0),
                        Err(error) => (status_of(error), 0),
                    };
                if status != Status::Ok {
                    self.refused.get_or_insert(status);
                }
                multi::push_stored(self.out, status, version);
            }
        });
    }

    fn exists(&mut self, request: &Request<'_>, partition: &impl Fn(&[u8]) -> u16) {
        let Some(map) = self.map else {
            return self.none_there(request);
        };
        in_batches(request.keys(), |batch: &[&[u8]]| {
            let mut addresses = self.addresses(map, batch.iter().copied(), partition);
            self.shard.prefetch(&mut addresses);
            for (key, at) in batch.iter().zip(&addresses) {
                let is_there = self.shard.metadata(*at, key, self.now_ms).is_some();
                self.push_found(is_there);
            }
        });
    }

    /// Nobody wrote to the map yet.
    fn none_there(&mut self, request: &Request<'_>) {
        for _ in 0..request.count {
            self.push_found(false);
        }
    }

    fn push_found(&mut self, found: bool) {
        self.done += u64::from(found);
        let status = if found { Status::Ok } else { Status::NotFound };
        multi::push_deleted(self.out, status);
    }

    fn delete(&mut self, request: &Request<'_>, partition: &impl Fn(&[u8]) -> u16) {
        let Some(map) = self.map else {
            return self.none_there(request);
        };
        in_batches(request.keys(), |batch: &[&[u8]]| {
            let mut addresses = self.addresses(map, batch.iter().copied(), partition);
            self.shard.prefetch(&mut addresses);
            for (key, at) in batch.iter().zip(&addresses) {
                let removed = self.shard.delete(*at, key, self.now_ms);
                self.push_found(removed);
            }
        });
    }

    fn addresses<'k>(
        &self,
        map: MapId,
        keys: impl Iterator<Item = &'k [u8]>,
        partition: &impl Fn(&[u8]) -> u16,
    ) -> ArrayVec<Address, BATCH> {
        addresses(self.shard, map, keys, partition)
    }
}

fn addresses<'k>(
    shard: &Shard,
    map: MapId,
    keys: impl Iterator<Item = &'k [u8]>,
    partition: &impl Fn(&[u8]) -> u16,
) -> ArrayVec<Address, BATCH> {
    keys.map(|key| shard.address(map, partition(key), key))
        .collect()
}

/// Hands out the items in batches of at most [`BATCH`].
fn in_batches<T>(items: impl Iterator<Item = T>, mut each: impl FnMut(&[T])) {
    let mut batch = ArrayVec::<T, BATCH>::new();
    for item in items {
        batch.push(item);
        if batch.is_full() {
            each(&batch);
            batch.clear();
        }
    }
    if !batch.is_empty() {
        each(&batch);
    }
}
