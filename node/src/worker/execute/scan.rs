//! Scan: a bounded part of the walk over this core's keys of one map.

use jerboa_core_shard::ExportCursor;
use jerboa_wire::frame::{begin_reply, finish_reply};
use jerboa_wire::{Reply, Request, RequestFlags, ScanQuery, Status, multi};

use super::{Execution, MapChoice};
use crate::glob::Glob;
use crate::worker::scan::ScanPlace;
use crate::worker::shared::Shared;

/// Buckets that one call looks at; each holds about five keys.
const BUCKETS_PER_CALL: u32 = 64;
/// Partitions that it passes over, which costs less where they are empty.
const PARTITIONS_PER_CALL: u32 = 1024;
/// Bytes of keys after which it ends.
const KEY_BYTES_PER_CALL: usize = 256 << 10;

/// What a call may still do.
struct Budget {
    buckets: u32,
    partitions: u32,
}

impl Execution<'_> {
    /// Executes a scan whose cursor stands on this core.
    pub(in crate::worker) fn scan(
        &mut self,
        request: &Request<'_>,
        map: MapChoice,
        shared: &Shared,
        out: &mut Vec<u8>,
    ) {
        let answering = self.answering;
        let query = ScanQuery::decode(request.value);
        let glob = query.map(|query| Glob::new(query.pattern));
        let (Some(query), Some(Ok(glob))) = (query, glob) else {
            return answering.status(request, Status::MalformedPayload, out);
        };
        let Some(start) = ScanPlace::of_scan(request, self.own_core, shared) else {
            return answering.status(request, Status::InvalidArgument, out);
        };
        let is_one_core = request.flags.contains(RequestFlags::THIS_CORE);
        let next_core = |place: ScanPlace| place.next_core(shared).filter(|_| !is_one_core);
        let MapChoice::Known(map) = map else {
            // Nobody wrote to the map on this core.
            let next = next_core(start).map_or(0, ScanPlace::cursor);
            let reply = Reply {
                arg: next,
                ..answering.head(request, Status::Ok)
            };
            return super::encode(&reply, out, answering.crc);
        };
        let every_key = query.pattern.is_empty();
        let begun = begin_reply(&answering.head(request, Status::Ok), out, answering.crc);
        let (mut count, mut key_bytes) = (0, 0);
        let mut budget = Budget {
            buckets: BUCKETS_PER_CALL,
            partitions: PARTITIONS_PER_CALL,
        };
        let mut place = start;
        let next = loop {
            // A partition that went elsewhere has nothing here.
            let entries = self.shard.partition_entries(place.partition);
            let mut is_done = entries.unwrap_or(0) == 0;
            if !is_done {
                budget.buckets -= 1;
                let mut cursor = ExportCursor::resume(place.partition, place.position);
                let walked = self.shard.export(&mut cursor, 1, self.now_ms, |entry| {
                    if entry.map != map || entry.value.is_none() {
                        return;
                    }
                    key_bytes += entry.key.len();
                    if every_key || glob.matches(entry.key) {
                        count += u32::from(multi::push_key(out, entry.key));
                    }
                });
                place.position = cursor.position();
                is_done = walked.is_err() || cursor.is_done();
            }
            if is_done {
                budget.partitions -= 1;
                match place.next_partition(shared) {
                    Some(next) => place = next,
                    None => break next_core(place),
                }
            }
            let spent = budget.buckets == 0 || budget.partitions == 0;
            if spent || count >= query.count || key_bytes >= KEY_BYTES_PER_CALL {
                break Some(place);
            }
        };
        let cursor = next.map_or(0, ScanPlace::cursor);
        if finish_reply(begun, count, cursor, out).is_err() {
            debug_assert!(false, "a bucket of keys that does not fit a reply");
            answering.status(request, Status::ReplyTooLarge, out);
        }
    }
}
