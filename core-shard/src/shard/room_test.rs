//! What a write does when the segment that was ready for it is taken by the index meanwhile.

use super::Shard;
use crate::config::ShardConfig;
use crate::map::MapId;
use crate::operation::{PutOptions, PutOutcome};
use crate::segment::{Purpose, RESERVE, State};

const NOW_MS: u64 = 1_800_000_000_000;

fn put(shard: &mut Shard, number: u16, value: &[u8]) {
    let key = number.to_le_bytes();
    let at = shard.address(MapId::DEFAULT, number, &key);
    let outcome = shard.put(at, &key, value, PutOptions::default(), NOW_MS);
    assert!(
        matches!(outcome, Ok(PutOutcome::Stored { .. })),
        "{outcome:?}"
    );
    assert!(shard.get(at, &key, NOW_MS).is_some());
}

#[test]
fn a_write_is_not_refused_because_the_index_took_the_segment_meant_for_it() {
    let mut shard = Shard::new(&ShardConfig::owning_all(8 << 20, 64)).unwrap();
    // The last of them ends its segment: the next one needs another.
    let value = vec![1; 32_000];
    for number in 0..16 {
        put(&mut shard, number, &value);
    }
    // As much as a write finds at least, and no memory for another partition's table.
    while shard.segments.free_count() > RESERVE + 1 {
        assert!(shard.segments.take(Purpose::Upkeep, State::Index).is_some());
    }
    while shard.index.chunks.count_free(&shard.memory) > 0 {
        let chunk = shard
            .index
            .chunks
            .take(&mut shard.memory, &mut shard.segments, 0);
        assert!(chunk.is_some());
    }
    assert_eq!(shard.segments.free_count(), RESERVE + 1);
    put(&mut shard, 60, &value);
}
