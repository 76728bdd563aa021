//! Fear: a map that becomes known without the limits that new maps are to have, a default expiry
//! that is forgotten or given where none belongs, or limits that run out because maps came and went.

use jerboa_core_shard::{
    Condition, Expiry, MapId, MapLimits, PutOptions, PutOutcome, Shard, ShardConfig, ShardError,
};

const START_MS: u64 = 1_800_000_000_000;

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(64 << 20, 8)).expect("enough memory")
}

/// When an entry expires that is stored so.
fn stored(shard: &mut Shard, map: MapId, expiry: Expiry) -> Option<u64> {
    let at = shard.address(map, 3, b"key");
    let options = PutOptions {
        condition: Condition::Always,
        expiry,
    };
    let outcome = shard.put(at, b"key", b"12", options, START_MS);
    assert!(matches!(outcome, Ok(PutOutcome::Stored { .. })));
    expiry_of(shard, map)
}

fn expiry_of(shard: &mut Shard, map: MapId) -> Option<u64> {
    let at = shard.address(map, 3, b"key");
    let metadata = shard.metadata(at, b"key", START_MS).expect("there");
    metadata.expires_at_ms
}

#[test]
fn a_write_that_does_not_say_gets_the_expiry_of_its_map() {
    let mut shard = shard();
    let map = shard.map_id(b"timed").expect("room for maps");
    assert_eq!(
        stored(&mut shard, map, Expiry::AsMap),
        None,
        "nothing is set"
    );
    let limits = MapLimits {
        ttl_ms: Some(500),
        ..MapLimits::default()
    };
    shard.set_map_limits(map, limits).expect("no group needed");
    assert_eq!(expiry_of(&mut shard, map), None, "it was there before");
    assert_eq!(stored(&mut shard, map, Expiry::AsMap), Some(START_MS + 500));
    let later = Expiry::At(START_MS + 900);
    assert_eq!(stored(&mut shard, map, later), Some(START_MS + 900));
    assert_eq!(stored(&mut shard, map, Expiry::Keep), Some(START_MS + 900));
    assert_eq!(stored(&mut shard, map, Expiry::None), None);
    let at = shard.address(map, 3, b"key");
    shard.add(at, b"key", 1, START_MS).expect("a number");
    assert_eq!(expiry_of(&mut shard, map), None, "a counter keeps its own");
    shard.delete(at, b"key", START_MS);
    assert_eq!(
        stored(&mut shard, map, Expiry::Keep),
        None,
        "nothing to be kept"
    );
    shard.delete(at, b"key", START_MS);
    shard.add(at, b"key", 1, START_MS).expect("a new counter");
    assert_eq!(expiry_of(&mut shard, map), Some(START_MS + 500));
    // Beyond what entries can keep is never.
    let limits = MapLimits {
        ttl_ms: Some(u64::MAX),
        ..limits
    };
    shard.set_map_limits(map, limits).expect("known");
    assert_eq!(stored(&mut shard, map, Expiry::AsMap), None);
    shard.verify().expect("sound");
}

#[test]
fn maps_come_and_go_for_ever_although_each_is_limited() {
    let mut shard = shard();
    let of_new_maps = MapLimits {
        keys_max: Some(10),
        idle_ms_max: Some(60_000),
        ..MapLimits::default()
    };
    let plain = shard.map_id(b"plain").expect("room for maps");
    shard.set_limits_of_new_maps(of_new_maps);
    assert_eq!(shard.map_limits(plain), MapLimits::default());
    let can_limit = shard.limited_maps_max();
    let mut known = Vec::new();
    let refused = loop {
        let name = format!("map {}", known.len());
        match shard.map_id(name.as_bytes()) {
            Ok(map) => known.push(map),
            Err(error) => {
                assert_eq!(shard.find_map(name.as_bytes()), None, "half known");
                break error;
            }
        }
    };
    assert_eq!(refused, ShardError::TooManyLimitedMaps);
    assert_eq!(known.len() as u32, can_limit);
    for round in 0..200_u32 {
        let place = round as usize % known.len();
        let map = known[place];
        for number in 0..50_u32 {
            let key = number.to_le_bytes();
            let at = shard.address(map, number as u16 % 8, &key);
            let options = PutOptions::default();
            shard
                .put(at, &key, &[7; 60], options, START_MS)
                .expect("room");
        }
        assert_eq!(shard.map_usage(map).entries, 10);
        shard.destroy_map(map, START_MS).expect("known");
        while shard.step(START_MS, 64) {}
        assert_eq!(shard.next_vacant_map(), Some(map));
        assert!(shard.forget_map(map));
        let name = format!("round {round}");
        let next = shard.map_id(name.as_bytes()).expect("room for its limits");
        assert!(next == map || !known.contains(&next), "two of one number");
        assert_eq!(shard.map_limits(next), of_new_maps);
        known[place] = next;
    }
    shard.set_limits_of_new_maps(MapLimits::default());
    let free = shard.map_id(b"free of limits").expect("room for maps");
    assert_eq!(shard.map_limits(free), MapLimits::default());
    shard.verify().expect("sound");
}
