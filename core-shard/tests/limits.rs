//! Limits of maps: keys, bytes, idle time and policy, each map for itself.
#![expect(clippy::unwrap_used, reason = "test harness")]

use jerboa_core_shard::{
    FullPolicy, MapId, MapLimits, PutOptions, PutOutcome, Shard, ShardConfig, ShardError,
};

const START_MS: u64 = 1_800_000_000_000;

struct Maps {
    shard: Shard,
    limited: MapId,
}

impl Maps {
    fn new(limits: MapLimits) -> Self {
        let mut shard = Shard::new(&ShardConfig::owning_all(16 << 20, 8)).unwrap();
        let limited = shard.map_id(b"limited").unwrap();
        shard.set_map_limits(limited, limits).unwrap();
        assert_eq!(shard.map_limits(limited), limits);
        Self { shard, limited }
    }

    fn put(&mut self, map: MapId, key: &str, value: &[u8], now_ms: u64) -> Result<(), ShardError> {
        let at = self.shard.address(map, 3, key.as_bytes());
        let outcome = self
            .shard
            .put(at, key.as_bytes(), value, PutOptions::default(), now_ms)?;
        assert!(matches!(outcome, PutOutcome::Stored { .. }));
        Ok(())
    }

    fn get(&mut self, map: MapId, key: &str, now_ms: u64) -> bool {
        let at = self.shard.address(map, 3, key.as_bytes());
        self.shard.get(at, key.as_bytes(), now_ms).is_some()
    }

    fn settle(&mut self, now_ms: u64) {
        for _ in 0..100_000 {
            if !self.shard.step(now_ms, 256) {
                self.shard.verify().unwrap();
                return;
            }
        }
        panic!("background work never ends");
    }
}

fn keys(keys_max: u64) -> MapLimits {
    MapLimits {
        keys_max: Some(keys_max),
        ..MapLimits::default()
    }
}

#[test]
fn a_map_never_has_more_keys_than_its_limit_and_others_keep_theirs() {
    for keys_max in [1, 7, 1000] {
        let mut maps = Maps::new(keys(keys_max));
        let limited = maps.limited;
        for number in 0..5_000 {
            maps.put(limited, &format!("k{number}"), &[1; 100], START_MS)
                .unwrap();
            assert!(
                maps.get(limited, &format!("k{number}"), START_MS),
                "the newest stays"
            );
            maps.put(MapId::DEFAULT, &format!("k{number}"), &[2; 100], START_MS)
                .unwrap();
            let usage = maps.shard.map_usage(limited);
            assert!(usage.entries <= keys_max, "{usage:?} of {keys_max}");
        }
        assert_eq!(maps.shard.map_usage(limited).entries, keys_max);
        assert_eq!(maps.shard.map_usage(MapId::DEFAULT).entries, 5_000);
        maps.settle(START_MS);
    }
}

#[test]
fn a_map_at_its_limit_keeps_what_is_used() {
    let mut maps = Maps::new(keys(200));
    let limited = maps.limited;
    let mut missed = 0;
    for number in 0..20_000 {
        maps.put(limited, &format!("scan{number}"), &[1; 50], START_MS)
            .unwrap();
        let hot = format!("hot{}", number % 50);
        if !maps.get(limited, &hot, START_MS) {
            missed += 1;
            maps.put(limited, &hot, &[2; 50], START_MS).unwrap();
        }
    }
    assert!(missed < 1_000, "{missed} of 20000 uses missed");
    maps.settle(START_MS);
}

#[test]
fn a_map_never_has_more_bytes_than_its_limit() {
    let bytes_max = 300_000;
    let mut maps = Maps::new(MapLimits {
        bytes_max: Some(bytes_max),
        ..MapLimits::default()
    });
    let limited = maps.limited;
    for number in 0..8_000_usize {
        let value = vec![1; number * 37 % 5_000];
        maps.put(limited, &format!("k{}", number % 500), &value, START_MS)
            .unwrap();
        let usage = maps.shard.map_usage(limited);
        assert!(usage.bytes <= bytes_max, "{usage:?}");
    }
    assert!(maps.shard.map_usage(limited).bytes > bytes_max * 9 / 10);
    maps.settle(START_MS);
}

#[test]
fn a_map_that_refuses_says_so_and_still_overwrites_and_deletes() {
    let limits = MapLimits {
        full_policy: Some(FullPolicy::Refuse),
        ..keys(10)
    };
    let mut maps = Maps::new(limits);
    let limited = maps.limited;
    for number in 0..10 {
        maps.put(limited, &format!("k{number}"), b"v", START_MS)
            .unwrap();
    }
    assert_eq!(
        maps.put(limited, "new", b"v", START_MS),
        Err(ShardError::MapFull)
    );
    assert_eq!(maps.put(limited, "k3", b"longer value", START_MS), Ok(()));
    let at = maps.shard.address(limited, 3, b"k4");
    assert!(maps.shard.delete(at, b"k4", START_MS));
    assert_eq!(maps.put(limited, "new", b"v", START_MS), Ok(()));
    assert_eq!(maps.shard.map_usage(limited).entries, 10);
    maps.settle(START_MS);
}

#[test]
fn entries_of_a_map_that_refuses_survive_while_others_are_evicted() {
    let mut maps = Maps::new(MapLimits {
        full_policy: Some(FullPolicy::Refuse),
        ..MapLimits::default()
    });
    let limited = maps.limited;
    for number in 0..2_000 {
        maps.put(limited, &format!("kept{number}"), &[1; 500], START_MS)
            .unwrap();
    }
    for number in 0..60_000_u32 {
        maps.put(MapId::DEFAULT, &format!("k{number}"), &[2; 1_000], START_MS)
            .unwrap();
        if number.is_multiple_of(8) {
            maps.shard.step(START_MS, 256);
        }
    }
    assert!(maps.shard.counters().evicted > 30_000);
    for number in 0..2_000 {
        assert!(
            maps.get(limited, &format!("kept{number}"), START_MS),
            "{number}"
        );
    }
    maps.settle(START_MS);
}

#[test]
fn a_limit_set_on_a_full_map_is_reached_in_slices() {
    let mut maps = Maps::new(MapLimits::default());
    let limited = maps.limited;
    for number in 0..20_000 {
        maps.put(limited, &format!("k{number}"), &[1; 60], START_MS)
            .unwrap();
        maps.put(MapId::DEFAULT, &format!("k{number}"), &[1; 60], START_MS)
            .unwrap();
    }
    maps.shard.set_map_limits(limited, keys(500)).unwrap();
    maps.put(limited, "another", b"v", START_MS).unwrap();
    maps.settle(START_MS);
    assert_eq!(maps.shard.map_usage(limited).entries, 500);
    assert_eq!(maps.shard.map_usage(MapId::DEFAULT).entries, 20_000);
    maps.shard.set_map_limits(limited, keys(5)).unwrap();
    maps.settle(START_MS);
    assert_eq!(maps.shard.map_usage(limited).entries, 5);
    maps.shard
        .set_map_limits(limited, MapLimits::default())
        .unwrap();
    for number in 0..1_000 {
        maps.put(limited, &format!("n{number}"), b"v", START_MS)
            .unwrap();
    }
    assert_eq!(maps.shard.map_usage(limited).entries, 1_005);
}

#[test]
fn an_idle_entry_is_gone_at_its_time_and_a_read_does_not_revive_it() {
    let idle_ms_max = 10_000;
    for settled in [false, true] {
        let mut maps = Maps::new(MapLimits {
            idle_ms_max: Some(idle_ms_max),
            ..MapLimits::default()
        });
        let limited = maps.limited;
        for key in ["read", "written", "looked-at", "peeked-at", "left"] {
            maps.put(limited, key, b"v", START_MS).unwrap();
        }
        maps.put(MapId::DEFAULT, "left", b"v", START_MS).unwrap();
        let middle_ms = START_MS + idle_ms_max - 1;
        assert!(maps.get(limited, "read", middle_ms));
        maps.put(limited, "written", b"v", middle_ms).unwrap();
        let at = maps.shard.address(limited, 3, b"looked-at");
        assert!(maps.shard.metadata(at, b"looked-at", middle_ms).is_some());
        let at = maps.shard.address(limited, 3, b"peeked-at");
        let peeked = maps.shard.peek(at, b"peeked-at", middle_ms).unwrap();
        assert_eq!(peeked.value.as_slice(), Some(&b"v"[..]));
        let end_ms = START_MS + idle_ms_max;
        if settled {
            maps.settle(end_ms);
            assert_eq!(
                maps.shard.map_usage(limited).entries,
                2,
                "the walk found the others"
            );
        }
        for _ in 0..2 {
            assert!(
                !maps.get(limited, "left", end_ms),
                "a read does not revive it"
            );
            assert!(!maps.get(limited, "looked-at", end_ms), "looking is no use");
            assert!(!maps.get(limited, "peeked-at", end_ms), "peeking is no use");
        }
        assert!(maps.get(limited, "written", middle_ms + idle_ms_max - 1));
        assert!(!maps.get(limited, "read", middle_ms + idle_ms_max));
        assert!(maps.get(MapId::DEFAULT, "left", end_ms + 1_000_000));
        maps.settle(end_ms + 1_000_000);
        assert_eq!(maps.shard.map_usage(limited).entries, 0);
    }
}

#[test]
fn an_idle_limit_begins_to_count_when_it_is_set_for_entries_that_were_there_before_it() {
    let mut maps = Maps::new(MapLimits::default());
    let limited = maps.limited;
    let (idle_ms, set_ms) = (1_000, START_MS + 100_000);
    for number in 0..3_000_usize {
        let value = vec![number as u8; number % 400];
        maps.put(limited, &format!("k{number}"), &value, START_MS)
            .unwrap();
    }
    let long_key = "long".repeat(100);
    maps.put(limited, &long_key, b"v", START_MS).unwrap();
    maps.put(limited, "large", &[5; 100_000], START_MS).unwrap();
    maps.put(limited, "newest", b"v", set_ms).unwrap();
    let limits = MapLimits {
        idle_ms_max: Some(idle_ms),
        ..MapLimits::default()
    };
    maps.shard.set_map_limits(limited, limits).unwrap();
    // Nothing is gone at once, although all of it was written long ago.
    maps.settle(set_ms + idle_ms - 1);
    assert_eq!(maps.shard.map_usage(limited).entries, 3_003);
    let read_ms = set_ms + idle_ms - 1;
    for key in ["k7", "k399", "large", &long_key] {
        assert!(maps.get(limited, key, read_ms), "{key}");
        assert!(maps.get(limited, key, read_ms), "{key}");
    }
    // The next walk comes an eighth of the idle time later.
    maps.settle(set_ms + idle_ms + 200);
    assert_eq!(
        maps.shard.map_usage(limited).entries,
        4,
        "those that were read"
    );
    let end_ms = read_ms + idle_ms;
    let at = maps.shard.address(limited, 3, b"k399");
    let entry = maps.shard.get(at, b"k399", end_ms - 1).unwrap();
    assert_eq!(entry.value.as_slice(), Some(&[143; 399][..]));
    for key in ["k7", "large", &long_key] {
        assert!(!maps.get(limited, key, end_ms), "{key}");
    }
    assert!(maps.get(limited, "k399", end_ms));
    maps.settle(end_ms + 200);
    assert_eq!(maps.shard.map_usage(limited).entries, 1);
}

#[test]
fn limited_maps_are_bounded_in_number() {
    let mut maps = Maps::new(keys(5));
    let mut refused = 0;
    for number in 0..40 {
        let map = maps.shard.map_id(format!("m{number}").as_bytes()).unwrap();
        match maps.shard.set_map_limits(map, keys(9)) {
            Ok(()) => maps.put(map, "k", b"v", START_MS).unwrap(),
            Err(error) => {
                assert_eq!(error, ShardError::TooManyLimitedMaps);
                assert_eq!(maps.shard.map_limits(map), MapLimits::default());
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && refused < 40);
    maps.settle(START_MS);
}
