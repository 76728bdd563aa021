//! SlotKeys: the keys of one map in one slot, of which there are one or more to a partition.

use jerboa_core_shard::ExportCursor;
use jerboa_wire::frame::{begin_reply, finish_reply};
use jerboa_wire::routing::{SLOTS, partition, slot};
use jerboa_wire::{Request, ScanQuery, Status, multi};

use super::{Execution, MapChoice};
use crate::glob::Glob;

/// Entries of a partition that are looked at in one go; about a third of a millisecond.
const ENTRIES_MAX: u64 = 16_384;
/// Bytes of keys that one reply holds.
const KEY_BYTES_MAX: usize = 256 << 10;

impl Execution<'_> {
    /// Executes a request on a slot of this core.
    pub(in crate::worker) fn slot_keys(
        &mut self,
        request: &Request<'_>,
        map: MapChoice,
        partition_count: u16,
        out: &mut Vec<u8>,
    ) {
        let answering = self.answering;
        let query = ScanQuery::decode(request.value);
        let glob = query.map(|query| Glob::new(query.pattern));
        let (Some(query), Some(Ok(glob))) = (query, glob) else {
            return answering.status(request, Status::MalformedPayload, out);
        };
        let wanted = u16::try_from(request.arg).ok().filter(|slot| *slot < SLOTS);
        let Some(wanted) = wanted else {
            return answering.status(request, Status::InvalidArgument, out);
        };
        let partition = partition(wanted, partition_count.trailing_zeros());
        if self.shard.partition_entries(partition).unwrap_or(0) > ENTRIES_MAX {
            return answering.status(request, Status::Busy, out);
        }
        let every_key = query.pattern.is_empty();
        let begun = begin_reply(&answering.head(request, Status::Ok), out, answering.crc);
        let (mut found, mut listed, mut key_bytes) = (0, 0, 0);
        if let MapChoice::Known(map) = map {
            let mut cursor = ExportCursor::resume(partition, 0);
            let mut is_over = false;
            while !is_over {
                let walked = self.shard.export(&mut cursor, 64, self.now_ms, |entry| {
                    if entry.map != map || entry.value.is_none() || slot(entry.key) != wanted {
                        return;
                    }
                    found += 1;
                    let fits = listed < query.count && key_bytes + entry.key.len() <= KEY_BYTES_MAX;
                    if fits && (every_key || glob.matches(entry.key)) {
                        key_bytes += entry.key.len();
                        listed += u32::from(multi::push_key(out, entry.key));
                    }
                });
                is_over = walked.is_err() || cursor.is_done();
            }
        }
        if finish_reply(begun, listed, found, out).is_err() {
            debug_assert!(false, "keys that do not fit a reply");
            answering.status(request, Status::ReplyTooLarge, out);
        }
    }
}
