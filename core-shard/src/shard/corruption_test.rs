//! The recounts find what is planted: each kind of damage, in one go and in slices.

use super::{Shard, VerifyCursor};
use crate::config::ShardConfig;
use crate::entry;
use crate::index::SlotPlace;
use crate::map::MapId;
use crate::operation::PutOptions;

const KEY: &[u8] = b"key-77";

fn shard() -> Shard {
    let mut shard = Shard::new(&ShardConfig::owning_all(8 << 20, 2)).unwrap();
    for number in 0..300 {
        let key = format!("key-{number}");
        let at = shard.address(MapId::DEFAULT, 1, key.as_bytes());
        shard
            .put(at, key.as_bytes(), &[1; 100], PutOptions::default(), 1)
            .unwrap();
    }
    shard
}

fn found_in_slices(shard: &Shard) -> bool {
    let mut cursor = VerifyCursor::default();
    while !cursor.is_done() {
        if shard.verify_slice(&mut cursor, 10).is_err() {
            return true;
        }
    }
    false
}

fn place(shard: &Shard) -> (SlotPlace, usize) {
    let at = shard.address(MapId::DEFAULT, 1, KEY);
    let (place, _, start) = shard.find_start(at, KEY).unwrap();
    (place, start)
}

#[test]
fn every_planted_damage_is_found() {
    type Damage = fn(&mut Shard);
    let damages: [(&str, Damage); 9] = [
        ("a lost slot", |shard| {
            let (place, _) = place(shard);
            shard.memory.buckets_mut()[place.bucket as usize].0[place.position] = 0;
        }),
        ("a slot in the wrong bucket", |shard| {
            let (place, _) = place(shard);
            let slot = shard.memory.buckets()[place.bucket as usize].0[place.position];
            shard.memory.buckets_mut()[place.bucket as usize].0[place.position] = 0;
            let others = (1..4).flat_map(|flip| {
                let bucket = (place.bucket ^ flip) as usize;
                (0..8).map(move |position| (bucket, position))
            });
            let buckets = shard.memory.buckets_mut();
            let (bucket, position) = { others }
                .find(|(bucket, position)| buckets[*bucket].0[*position] == 0)
                .unwrap();
            buckets[bucket].0[position] = slot;
        }),
        ("an entry marked dead", |shard| {
            let (_, start) = place(shard);
            entry::mark_dead(&mut shard.memory.bytes_mut()[start..]);
        }),
        ("a changed key", |shard| {
            let (_, start) = place(shard);
            let key_at = entry::read(&shard.memory.bytes()[start..]).key_at;
            shard.memory.bytes_mut()[start + key_at] ^= 1;
        }),
        ("a changed length", |shard| {
            let (_, start) = place(shard);
            shard.memory.bytes_mut()[start] ^= 8;
        }),
        ("a miscounted map", |shard| shard.maps.usage[0].entries += 1),
        ("a miscounted partition", |shard| {
            shard.index.partitions[1].used += 1
        }),
        ("a miscounted total", |shard| shard.live_bytes -= 4),
        ("a segment with another generation", |shard| {
            let (_, start) = place(shard);
            let segment = shard.segment_of(start);
            shard.segments.invalidate(segment);
        }),
    ];
    assert!(!found_in_slices(&shard()) && shard().verify().is_ok());
    for (name, damage) in damages {
        let mut shard = shard();
        damage(&mut shard);
        assert!(shard.verify().is_err(), "{name}, in one go");
        assert!(found_in_slices(&shard), "{name}, in slices");
    }
}
