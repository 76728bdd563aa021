//! Fear: a destroyed map whose entries come back, whose memory does not, or which takes others'
//! entries along.

use jerboa_core_shard::{MapId, PutOptions, PutOutcome, Shard, ShardConfig, ShardError};

const START_MS: u64 = 1_800_000_000_000;
const PARTITIONS: u16 = 8;

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(64 << 20, PARTITIONS)).expect("enough memory")
}

fn put(shard: &mut Shard, map: MapId, number: u32, now_ms: u64) {
    let key = number.to_le_bytes();
    let at = shard.address(map, number as u16 % PARTITIONS, &key);
    let outcome = shard.put(at, &key, &[7; 60], PutOptions::default(), now_ms);
    assert!(matches!(outcome, Ok(PutOutcome::Stored { .. })));
}

fn has(shard: &mut Shard, map: MapId, number: u32, now_ms: u64) -> bool {
    let key = number.to_le_bytes();
    let at = shard.address(map, number as u16 % PARTITIONS, &key);
    let read = shard.get(at, &key, now_ms).is_some();
    assert_eq!(read, shard.metadata(at, &key, now_ms).is_some());
    read
}

#[test]
fn a_destroyed_map_is_empty_at_once_and_the_others_are_whole() {
    let mut shard = shard();
    let doomed = shard.map_id(b"doomed").expect("room for maps");
    for number in 0..20_000 {
        put(&mut shard, doomed, number, START_MS);
        put(&mut shard, MapId::DEFAULT, number, START_MS);
    }
    // The clock stands still: the version alone has to tell before from after.
    assert_eq!(shard.destroy_map(doomed, START_MS), Ok(20_000));
    for number in 0..20_000 {
        assert!(!has(&mut shard, doomed, number, START_MS));
        assert!(has(&mut shard, MapId::DEFAULT, number, START_MS));
    }
    shard.verify().expect("sound");
}

#[test]
fn memory_comes_back_in_slices_while_new_entries_are_written() {
    let mut shard = shard();
    let map = shard.map_id(b"again").expect("room for maps");
    for round in 0..6_u32 {
        for number in 0..30_000 {
            put(&mut shard, map, number, START_MS);
        }
        assert_eq!(shard.map_usage(map).entries, 30_000, "round {round}");
        assert_eq!(shard.destroy_map(map, START_MS), Ok(30_000));
        let mut slices = 0;
        let mut kept = 0;
        while shard.step(START_MS, 32) {
            slices += 1;
            if slices % 50 == 0 && kept < 100 {
                put(&mut shard, map, 50_000 + kept, START_MS);
                kept += 1;
            }
            assert!(slices < 1_000_000, "it never ends");
        }
        assert!(slices > 100, "one slice did too much: {slices}");
        for number in 0..kept {
            assert!(
                has(&mut shard, map, 50_000 + number, START_MS),
                "written after it"
            );
        }
        assert_eq!(
            shard.map_usage(map).entries,
            u64::from(kept),
            "nothing else is left"
        );
        shard.verify().expect("sound");
        shard.destroy_map(map, START_MS).expect("known");
        while shard.step(START_MS, 256) {}
        assert_eq!(shard.map_usage(map).entries, 0);
    }
    assert_eq!(shard.usage().entries, 0);
    shard.verify().expect("sound");
}

#[test]
fn another_map_destroyed_meanwhile_is_walked_too() {
    let mut shard = shard();
    let maps = [b"a", b"b", b"c"].map(|name| shard.map_id(name).expect("room for maps"));
    for number in 0..10_000 {
        for map in maps {
            put(&mut shard, map, number, START_MS);
        }
    }
    shard.destroy_map(maps[0], START_MS).expect("known");
    for _ in 0..200 {
        shard.step(START_MS, 32);
    }
    shard.destroy_map(maps[2], START_MS).expect("known");
    while shard.step(START_MS, 256) {}
    let left = maps.map(|map| shard.map_usage(map).entries);
    assert_eq!(left, [0, 10_000, 0]);
    assert!(has(&mut shard, maps[1], 9_999, START_MS));
    shard.verify().expect("sound");
}

#[test]
fn an_unknown_or_empty_map_is_destroyed_without_work() {
    let mut shard = shard();
    let mut other = Shard::new(&ShardConfig::owning_all(16 << 20, 8)).expect("enough memory");
    let unknown = other.map_id(b"unknown here").expect("room for maps");
    assert_eq!(
        shard.destroy_map(unknown, START_MS),
        Err(ShardError::NoSuchMap)
    );
    assert_eq!(shard.destroy_map(MapId::DEFAULT, START_MS), Ok(0));
    assert!(!shard.step(START_MS, 32));
}

#[test]
fn what_is_destroyed_does_not_count_although_it_is_still_in_memory() {
    let mut shard = shard();
    let map = shard.map_id(b"counted").expect("room for maps");
    for number in 0..5_000 {
        put(&mut shard, map, number, START_MS);
    }
    shard.destroy_map(map, START_MS).expect("known");
    assert_eq!(shard.map_usage(map), jerboa_core_shard::MapUsage::default());
    for number in 0..100 {
        put(&mut shard, map, number, START_MS);
    }
    assert_eq!(shard.map_usage(map).entries, 100);
    shard.verify().expect("sound");
    assert_eq!(
        shard.destroy_map(map, START_MS),
        Ok(100),
        "and again while it is cleaned up"
    );
    assert_eq!(shard.map_usage(map).entries, 0);
    shard.verify().expect("sound");
    while shard.step(START_MS, 64) {}
    assert_eq!(shard.usage().entries, 0);
    assert_eq!(shard.counters().expired, 0, "nothing of it has expired");
}

#[test]
fn memory_comes_back_although_maps_are_destroyed_all_the_time() {
    let mut shard = shard();
    let (large, busy) = (
        shard.map_id(b"large").expect("room for maps"),
        shard.map_id(b"busy").expect("room for maps"),
    );
    for number in 0..40_000 {
        put(&mut shard, large, number, START_MS);
    }
    shard.destroy_map(large, START_MS).expect("known");
    for round in 0..3_000 {
        put(&mut shard, busy, round, START_MS);
        shard.destroy_map(busy, START_MS).expect("known");
        shard.step(START_MS, 64);
    }
    assert!(
        shard.usage().entries < 20_000,
        "{} are left",
        shard.usage().entries
    );
    shard.verify().expect("sound");
}

#[test]
fn entries_that_expire_or_are_overwritten_after_their_map_went_are_taken_off_once() {
    let mut shard = shard();
    let map = shard.map_id(b"short").expect("room for maps");
    let at = |shard: &Shard, map, number: u32| {
        let partition = number as u16 % PARTITIONS;
        shard.address(map, partition, &number.to_le_bytes())
    };
    for number in 0..20_000_u32 {
        let at = at(&shard, map, number);
        let expiry = jerboa_core_shard::Expiry::At(START_MS + 1_000 + u64::from(number) / 20);
        let options = PutOptions {
            expiry,
            ..PutOptions::default()
        };
        let key = number.to_le_bytes();
        shard
            .put(at, &key, &[7; 60], options, START_MS)
            .expect("room");
    }
    shard.destroy_map(map, START_MS).expect("known");
    for number in (0..20_000).step_by(3) {
        put(&mut shard, map, number, START_MS);
    }
    shard.verify().expect("sound");
    // Segments expire whole while the walk is on its way.
    for now_ms in (START_MS..START_MS + 3_000).step_by(100) {
        shard.step(now_ms, 16);
        shard.verify().expect("sound");
        assert_eq!(shard.map_usage(map).entries, 6_667);
    }
    while shard.step(START_MS + 3_000, 64) {}
    assert_eq!(shard.usage().entries, 6_667);
    shard.verify().expect("sound");
}

#[test]
fn the_names_of_destroyed_maps_can_be_used_again_for_ever() {
    let mut shard = shard();
    let mut forgotten = 0;
    for number in 0..10_000_u32 {
        let name = format!("map {number}");
        let map = shard.map_id(name.as_bytes()).expect("a name is free");
        put(&mut shard, map, number, START_MS);
        assert!(!shard.forget_map(map), "it has an entry");
        shard.destroy_map(map, START_MS).expect("known");
        assert!(!shard.forget_map(map), "its entry is still in memory");
        while shard.step(START_MS, 64) {}
        while let Some(vacant) = shard.next_vacant_map() {
            assert!(shard.forget_map(vacant));
            assert!(!has(&mut shard, vacant, number, START_MS));
            forgotten += 1;
        }
        assert_eq!(shard.find_map(name.as_bytes()), None);
    }
    assert_eq!(forgotten, 10_000);
    shard.destroy_map(MapId::DEFAULT, START_MS).expect("known");
    assert_eq!(shard.next_vacant_map(), Some(MapId::DEFAULT));
    assert!(!shard.forget_map(MapId::DEFAULT));
    shard.verify().expect("sound");
}

#[test]
fn a_limited_map_that_was_destroyed_has_room_at_once() {
    let mut shard = shard();
    let map = shard.map_id(b"limited").expect("room for maps");
    let limits = jerboa_core_shard::MapLimits {
        keys_max: Some(1_000),
        full_policy: Some(jerboa_core_shard::FullPolicy::Refuse),
        ..jerboa_core_shard::MapLimits::default()
    };
    shard.set_map_limits(map, limits).expect("room for limits");
    for round in 0..5 {
        for number in 0..1_000 {
            put(&mut shard, map, round * 1_000 + number, START_MS);
        }
        shard.destroy_map(map, START_MS).expect("known");
    }
    assert_eq!(shard.map_limits(map), limits, "its limits stay");
    while shard.step(START_MS, 64) {}
    assert_eq!(shard.next_vacant_map(), Some(map));
    assert!(!shard.forget_map(map), "it has limits");
    shard.verify().expect("sound");
}

/// By counts: what is freed at a time is bounded by what a slice may look at, however large the map.
#[test]
fn no_moment_frees_more_than_a_slice_of_a_large_map() {
    const ENTRIES: u32 = 150_000;
    const STEP: u32 = 64;
    let mut shard = shard();
    let map = shard.map_id(b"large").expect("room for maps");
    for number in 0..ENTRIES {
        put(&mut shard, map, number, START_MS);
    }
    let before = shard.usage();
    assert_eq!(shard.destroy_map(map, START_MS), Ok(u64::from(ENTRIES)));
    assert_eq!(
        shard.usage(),
        before,
        "nothing is freed at the moment itself"
    );
    let (mut left, mut most) = (before.entries, 0);
    loop {
        let more = shard.step(START_MS, STEP);
        let now = shard.usage().entries;
        most = most.max(left - now);
        left = now;
        if !more {
            break;
        }
    }
    assert_eq!(left, 0);
    assert!(
        most > 0 && most <= u64::from(2 * STEP),
        "{most} in one slice"
    );
    shard.verify().expect("sound");
}
