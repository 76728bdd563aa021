//! Requests, or parts of them, that this core executes because it owns their keys or because every
//! core does: those that other cores sent here, and this core's own share of what it splits.

use std::time::Instant;

use jerboa_core_shard::Address;
use jerboa_wire::routing::partition_of;
use jerboa_wire::{Opcode, Request, Status};

use super::Worker;
use super::execute::{Answering, Execution, MapChoice, choose_map, encode, without_map};
use super::locking::{Asked, Locks, asked_for_lock};
use super::mailbox::{Grant, Order, ReturnAddress};
use super::scan::ScanPlace;
use super::shared::Shared;

/// Who asked from elsewhere, and how to answer.
pub(super) struct Asker {
    pub(super) to: ReturnAddress,
    pub(super) answering: Answering,
    /// When the request was sent, or taken where that is not known.
    pub(super) since: Instant,
}

impl Worker {
    /// Where the key of a request is, if it has one of this core in a map that is there.
    pub(super) fn place(&mut self, request: &Request<'_>) -> Option<Address> {
        if request.key.is_empty() || request.count > 0 || request.opcode.is_everywhere() {
            return None;
        }
        let partition = partition_of(request.key, self.shared.partition_count);
        if self.shared.core_of_partition[usize::from(partition)] != self.config.core {
            return None;
        }
        match choose_map(&mut self.shard, request) {
            MapChoice::Known(map) => Some(self.shard.address(map, partition, request.key)),
            MapChoice::Unknown | MapChoice::Refused(_) => None,
        }
    }

    /// Executes a request that was asked elsewhere; `place` is what [`Self::place`] says of it.
    pub(super) fn serve(
        &mut self,
        request: &Request<'_>,
        place: Option<Address>,
        asker: &Asker,
        now_ms: u64,
        reply: &mut Vec<u8>,
    ) -> (Order, Option<Grant>) {
        let Asker {
            to,
            answering,
            since,
        } = *asker;
        if let Some(at) = place {
            self.measures.note(request.opcode, Some(at.map), since);
            self.measures.use_key(at.hash, request.map, request.key);
        }
        let mut engine = Execution {
            own_core: self.config.core,
            shard: &mut self.shard,
            now_ms,
            answering,
            // Answers are bounded by what waits to be picked up, and where they arrive.
            room: usize::MAX,
        };
        let locks = &mut self.locks;
        match place {
            Some(at) if request.opcode == Opcode::Lock => {
                match asked_for_lock(&mut engine, locks, request, at, to) {
                    Asked::Waits => return (Order::Parked, None),
                    Asked::Answered { reply: head, grant } => {
                        encode(&head, reply, answering.crc);
                        return (Order::InTurn, grant);
                    }
                }
            }
            Some(at) => {
                engine.key(request, at, reply);
                locks.changed(request, at);
            }
            None => {
                execute_owned(&mut engine, locks, &self.shared, request, reply);
                let map = choose_map(&mut self.shard, request);
                self.measures.note(request.opcode, map.known(), since);
                let count = self.shared.partition_count;
                self.measures.use_keys(&self.shard, request, map, count);
            }
        }
        (Order::InTurn, None)
    }
}

/// Executes a request whose keys, if it has any, must be those of the engine's core.
pub(super) fn execute_owned(
    engine: &mut Execution<'_>,
    locks: &mut Locks,
    shared: &Shared,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) {
    let own = engine.own_core;
    if request.opcode.is_everywhere() {
        let map = choose_map(engine.shard, request);
        return engine.everywhere(request, map, shared, out);
    }
    if request.opcode == Opcode::Scan {
        let place = ScanPlace::of_scan(request, own, shared);
        if place.is_some_and(|place| place.core(shared) != own) {
            return engine.answering.status(request, Status::NotOwner, out);
        }
        let map = choose_map(engine.shard, request);
        return engine.scan(request, map, shared, out);
    }
    if request.opcode == Opcode::SlotKeys {
        if shared
            .core_of_slot(request.arg)
            .is_some_and(|core| core != own)
        {
            return engine.answering.status(request, Status::NotOwner, out);
        }
        let map = choose_map(engine.shard, request);
        return engine.slot_keys(request, map, shared.partition_count, out);
    }
    let partition = |key: &[u8]| partition_of(key, shared.partition_count);
    let owned = |key: &[u8]| shared.core_of_partition[usize::from(partition(key))] == own;
    let mine = match request.opcode {
        Opcode::MultiPut => request.entries().all(|entry| owned(entry.key)),
        _ if request.count > 0 => request.keys().all(owned),
        _ => owned(request.key),
    };
    if !mine {
        return engine.answering.status(request, Status::NotOwner, out);
    }
    let map = choose_map(engine.shard, request);
    if request.count > 0 {
        engine.many(request, map, partition, out);
        return locks.changed_many(request, map);
    }
    match map {
        MapChoice::Known(map) => {
            let at = engine
                .shard
                .address(map, partition(request.key), request.key);
            engine.key(request, at, out);
            locks.changed(request, at);
        }
        MapChoice::Unknown => {
            let status = without_map(request.opcode);
            engine.answering.status(request, status, out);
        }
        MapChoice::Refused(status) => engine.answering.status(request, status, out),
    }
}
