//! Fear: a group of segments that stays with a map which has no limits any more, until no map can
//! have any; or entries that are lost, or count against another map's limit, while they are moved
//! from one group to another.

use std::collections::{BTreeMap, BTreeSet};

use jerboa_core_shard::{MapId, MapLimits, PutOptions, Shard, ShardConfig, ShardError};
use proptest::prelude::*;

const START_MS: u64 = 1_800_000_000_000;
const FREE: MapLimits = MapLimits {
    keys_max: None,
    bytes_max: None,
    idle_ms_max: None,
    full_policy: None,
    ttl_ms: None,
};

fn keys(keys_max: u64) -> MapLimits {
    MapLimits {
        keys_max: Some(keys_max),
        ..FREE
    }
}

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(16 << 20, 8)).expect("enough memory")
}

fn put(shard: &mut Shard, map: MapId, key: u32, now_ms: u64) {
    let key = key.to_le_bytes();
    let at = shard.address(map, u16::from(key[0]) % 8, &key);
    let stored = shard.put(at, &key, &[7; 90], PutOptions::default(), now_ms);
    stored.expect("room");
}

fn has(shard: &mut Shard, map: MapId, key: u32) -> bool {
    let key = key.to_le_bytes();
    let at = shard.address(map, u16::from(key[0]) % 8, &key);
    shard.metadata(at, &key, START_MS).is_some()
}

fn map(shard: &mut Shard, number: u32) -> MapId {
    let name = format!("map {number}");
    shard.map_id(name.as_bytes()).expect("room for maps")
}

#[test]
fn any_number_of_maps_has_limits_one_after_another() {
    let mut shard = shard();
    let rounds = shard.limited_maps_max() * 20;
    for number in 0..rounds {
        let map = map(&mut shard, number);
        for key in 0..5 {
            put(&mut shard, map, key, START_MS);
        }
        shard.set_map_limits(map, keys(100)).expect("room");
        for key in 5..10 {
            put(&mut shard, map, key, START_MS);
        }
        shard.set_map_limits(map, FREE).expect("no room needed");
        while shard.step(START_MS, 64) {}
    }
    for number in 0..rounds {
        let map = map(&mut shard, number);
        assert!((0..10).all(|key| has(&mut shard, map, key)), "{number}");
    }
    let limited = map(&mut shard, 0);
    shard.set_map_limits(limited, keys(2)).expect("room");
    while shard.step(START_MS, 64) {}
    for key in 0..100 {
        put(&mut shard, limited, key, START_MS);
        assert!(shard.map_usage(limited).entries <= 2);
    }
    shard.verify().expect("sound");
}

/// As many maps as can be limited get and lose their limits without a step of upkeep between: others
/// can be limited at once.
#[test]
fn limits_pass_from_all_maps_to_others_in_one_moment() {
    let mut shard = shard();
    let most = shard.limited_maps_max();
    let maps: Vec<MapId> = (0..most * 2)
        .map(|number| map(&mut shard, number))
        .collect();
    let (first, second) = maps.split_at(most as usize);
    for map in first {
        shard.set_map_limits(*map, keys(50)).expect("room");
        for key in 0..20 {
            put(&mut shard, *map, key, START_MS);
        }
    }
    let refused = shard.set_map_limits(second[0], keys(50));
    assert_eq!(refused, Err(ShardError::TooManyLimitedMaps));
    for (first, second) in first.iter().zip(second) {
        shard.set_map_limits(*first, FREE).expect("no room needed");
        shard.set_map_limits(*second, keys(3)).expect("room");
        for key in 0..20 {
            put(&mut shard, *second, key, START_MS);
        }
        assert_eq!(shard.map_usage(*second).entries, 3);
    }
    while shard.step(START_MS, 64) {}
    for map in first {
        assert!(
            (0..20).all(|key| has(&mut shard, *map, key)),
            "another's limit took it"
        );
    }
    shard.verify().expect("sound");
}

#[test]
fn a_map_that_is_forgotten_leaves_neither_limits_nor_a_group() {
    let mut shard = shard();
    shard.set_limits_of_new_maps(keys(10));
    for round in 0..shard.limited_maps_max() * 5 {
        let map = map(&mut shard, round);
        put(&mut shard, map, 1, START_MS);
        shard.destroy_map(map, START_MS).expect("known");
        while shard.step(START_MS, 64) {}
        assert_eq!(shard.next_vacant_map(), Some(map));
        assert!(shard.forget_map(map));
    }
    shard.set_limits_of_new_maps(FREE);
    // Plain maps may have got the numbers: their limits are still to be had.
    for number in 0..shard.limited_maps_max() {
        let plain = map(&mut shard, 1_000_000 + number);
        assert_eq!(shard.map_limits(plain), FREE);
        shard.set_map_limits(plain, keys(1)).expect("room");
    }
    shard.verify().expect("sound");
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, u8),
    Delete(usize, u8),
    Limit(usize),
    Lift(usize),
    Upkeep(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let map = 0..24_usize;
    prop_oneof![
        8 => (map.clone(), any::<u8>()).prop_map(|(map, key)| Step::Put(map, key)),
        2 => (map.clone(), any::<u8>()).prop_map(|(map, key)| Step::Delete(map, key)),
        2 => map.clone().prop_map(Step::Limit),
        2 => map.prop_map(Step::Lift),
        3 => (1..20_u8).prop_map(Step::Upkeep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Limits that are never reached change nothing, however they come and go.
    #[test]
    fn entries_stay_whatever_becomes_of_their_maps_limits(
        steps in prop::collection::vec(step(), 1..600),
    ) {
        let mut shard = shard();
        let maps: Vec<MapId> = (0..24).map(|number| map(&mut shard, number)).collect();
        let mut model: BTreeMap<usize, BTreeSet<u8>> = BTreeMap::new();
        let mut limited = BTreeSet::new();
        for step in steps {
            match step {
                Step::Put(map, key) => {
                    put(&mut shard, maps[map], key.into(), START_MS);
                    model.entry(map).or_default().insert(key);
                }
                Step::Delete(map, key) => {
                    let bytes = u32::from(key).to_le_bytes();
                    let at = shard.address(maps[map], u16::from(key) % 8, &bytes);
                    let was_there = shard.delete(at, &bytes, START_MS);
                    let removed = model.entry(map).or_default().remove(&key);
                    prop_assert_eq!(was_there, removed);
                }
                Step::Limit(map) => {
                    let most = shard.limited_maps_max() as usize;
                    let set = shard.set_map_limits(maps[map], keys(1 << 20));
                    if limited.len() < most || limited.contains(&map) {
                        // The groups of others may all be on the way back.
                        if set.is_ok() {
                            limited.insert(map);
                        } else {
                            while shard.step(START_MS, 256) {}
                            let again = shard.set_map_limits(maps[map], keys(1 << 20));
                            prop_assert_eq!(again, Ok(()));
                            limited.insert(map);
                        }
                    } else {
                        prop_assert_eq!(set, Err(ShardError::TooManyLimitedMaps));
                    }
                }
                Step::Lift(map) => {
                    prop_assert_eq!(shard.set_map_limits(maps[map], FREE), Ok(()));
                    limited.remove(&map);
                }
                Step::Upkeep(slices) => {
                    for _ in 0..slices {
                        shard.step(START_MS, 16);
                    }
                }
            }
        }
        for (number, keys) in &model {
            for key in keys {
                prop_assert!(has(&mut shard, maps[*number], u32::from(*key)));
            }
            prop_assert_eq!(shard.map_usage(maps[*number]).entries, keys.len() as u64);
        }
        while shard.step(START_MS, 256) {}
        prop_assert_eq!(shard.verify().err(), None);
    }
}
