//! This core's share of the requests that every core executes. What changes something for all cores
//! is not among them: see [`crate::worker::changes`].

use jerboa_core_shard::{ExportCursor, MapId};
use jerboa_wire::{Opcode, Reply, Request, Status};

use super::{Execution, MapChoice, encode};
use crate::node::random;
use crate::worker::scan::ScanPlace;
use crate::worker::shared::Shared;

/// Buckets that a drawing looks at.
const BUCKETS_PER_DRAWING: u32 = 1024;
/// Partitions that it passes over, most of them because nothing is in them.
const PARTITIONS_PER_DRAWING: u32 = 16_384;

impl Execution<'_> {
    /// Executes this core's share.
    pub(in crate::worker) fn everywhere(
        &mut self,
        request: &Request<'_>,
        map: MapChoice,
        shared: &Shared,
        out: &mut Vec<u8>,
    ) {
        let answering = self.answering;
        let map = match map {
            MapChoice::Known(map) => Some(map),
            MapChoice::Unknown => None,
            MapChoice::Refused(status) => return answering.status(request, status, out),
        };
        let head = answering.head(request, Status::Ok);
        let entries = map.map_or(0, |map| self.shard.map_usage(map).entries);
        let mut key = Vec::new();
        let reply = match (request.opcode, map) {
            (Opcode::Size, _) => Reply {
                arg: entries,
                ..head
            },
            (Opcode::RandomKey, Some(map)) if entries > 0 => {
                let found = self.draw(map, shared, &mut key);
                Reply {
                    status: if found { Status::Ok } else { Status::Busy },
                    arg: entries,
                    value: &key,
                    ..head
                }
            }
            (Opcode::RandomKey, _) => answering.head(request, Status::NotFound),
            _ => answering.head(request, Status::UnknownOpcode),
        };
        encode(&reply, out, answering.crc);
    }

    /// Finds the first key of a map from a random place on; whether there is one near enough.
    fn draw(&mut self, map: MapId, shared: &Shared, key: &mut Vec<u8>) -> bool {
        let Some(start) = ScanPlace::random_on(self.own_core, random(), shared) else {
            return false;
        };
        let mut place = start;
        let mut buckets = BUCKETS_PER_DRAWING;
        let mut is_last = false;
        for _ in 0..PARTITIONS_PER_DRAWING {
            let mut cursor = ExportCursor::resume(place.partition, place.position);
            let is_empty = self.shard.partition_entries(place.partition).unwrap_or(0) == 0;
            while !is_empty && !cursor.is_done() {
                if buckets == 0 {
                    return false;
                }
                buckets -= 1;
                if self.draw_from_bucket(map, &mut cursor, key) {
                    return true;
                }
            }
            let next = place.next_partition(shared);
            let next = next.or_else(|| ScanPlace::first_on(self.own_core, shared));
            // Once around, the front of the first partition is left.
            let Some(next) = next.filter(|_| !is_last) else {
                return false;
            };
            is_last = next.partition == start.partition;
            place = next;
        }
        false
    }

    /// Draws one of a bucket's keys of a map, each alike; whether there is one.
    fn draw_from_bucket(
        &mut self,
        map: MapId,
        cursor: &mut ExportCursor,
        key: &mut Vec<u8>,
    ) -> bool {
        let mut seen = 0;
        let walked = self.shard.export(cursor, 1, self.now_ms, |entry| {
            if entry.map != map || entry.value.is_none() {
                return;
            }
            seen += 1;
            if random().is_multiple_of(seen) {
                key.clear();
                key.extend_from_slice(entry.key);
            }
        });
        // A partition that cannot be walked is done with.
        walked.is_ok() && seen > 0
    }
}
