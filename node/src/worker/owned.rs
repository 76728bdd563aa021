//! Requests, or parts of them, that this core executes because it owns their keys or because every
//! core does: those that other cores sent here, and this core's own share of what it splits.

use jerboa_core_shard::Address;
use jerboa_wire::routing::partition_of;
use jerboa_wire::{Opcode, Request, Status};

use super::execute::{Execution, MapChoice, choose_map};
use super::locking::Locks;
use super::scan::ScanPlace;
use super::shared::Shared;

/// Where the key of a request is, if it has one of the core `own` in a map that is there.
pub(super) fn owned_key(
    engine: &mut Execution<'_>,
    shared: &Shared,
    request: &Request<'_>,
) -> Option<Address> {
    if request.key.is_empty() || request.count > 0 || request.opcode.is_everywhere() {
        return None;
    }
    let partition = partition_of(request.key, shared.partition_count);
    if shared.core_of_partition[usize::from(partition)] != engine.own_core {
        return None;
    }
    match choose_map(engine.shard, request) {
        MapChoice::Known(map) => Some(engine.shard.address(map, partition, request.key)),
        MapChoice::Unknown | MapChoice::Refused(_) => None,
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
        engine.everywhere(request, map, shared, out);
        return locks.changed_map(request, map);
    }
    if request.opcode == Opcode::Scan {
        let place = ScanPlace::of_cursor(request.arg, shared);
        if place.is_some_and(|place| place.core(shared) != own) {
            return engine.answering.status(request, Status::NotOwner, out);
        }
        let map = choose_map(engine.shard, request);
        return engine.scan(request, map, shared, out);
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
        MapChoice::Unknown => engine.answering.status(request, Status::NotFound, out),
        MapChoice::Refused(status) => engine.answering.status(request, status, out),
    }
}
