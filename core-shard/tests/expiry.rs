//! Expiry is exact: never early, never late, at every scale, whatever the sweep has done.
#![expect(clippy::unwrap_used, reason = "test harness")]

use jerboa_core_shard::{
    Address, Condition, Expiry, ExpiryOutcome, MapId, PutOptions, PutOutcome, Shard, ShardConfig,
};

const START_MS: u64 = 1_800_000_000_123;
const DAY_MS: u64 = 86_400_000;

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(32 << 20, 4)).unwrap()
}

fn at(shard: &Shard, key: &str) -> Address {
    shard.address(MapId::DEFAULT, 1, key.as_bytes())
}

fn put(shard: &mut Shard, key: &str, expiry: Expiry, now_ms: u64) -> PutOutcome {
    let options = PutOptions {
        condition: Condition::Always,
        expiry,
    };
    let at = at(shard, key);
    shard
        .put(at, key.as_bytes(), b"value", options, now_ms)
        .unwrap()
}

fn alive(shard: &mut Shard, key: &str, now_ms: u64) -> bool {
    let at = at(shard, key);
    shard.get(at, key.as_bytes(), now_ms).is_some()
}

fn expires_at_ms(shard: &mut Shard, key: &str, now_ms: u64) -> Option<u64> {
    let at = at(shard, key);
    shard
        .metadata(at, key.as_bytes(), now_ms)
        .unwrap()
        .expires_at_ms
}

fn settle(shard: &mut Shard, now_ms: u64) {
    while shard.step(now_ms, 256) {}
    shard.verify().unwrap();
}

#[test]
fn an_entry_lives_to_the_last_millisecond_and_not_one_more() {
    let times_to_live = [
        1,
        2,
        9,
        250,
        999,
        1000,
        1001,
        7_999,
        8_000,
        15_999,
        16_001,
        59_999,
        3_600_000,
        DAY_MS,
        30 * DAY_MS,
        365 * DAY_MS,
        20 * 365 * DAY_MS,
    ];
    for settled in [false, true] {
        for ttl_ms in times_to_live {
            let mut shard = shard();
            let end_ms = START_MS + ttl_ms;
            put(&mut shard, "k", Expiry::At(end_ms), START_MS);
            for now_ms in [START_MS, end_ms - 1, end_ms, end_ms + 1] {
                if settled {
                    settle(&mut shard, now_ms);
                }
                assert_eq!(
                    alive(&mut shard, "k", now_ms),
                    now_ms < end_ms,
                    "ttl {ttl_ms}"
                );
            }
            assert_eq!(shard.usage().entries, 0);
        }
    }
}

#[test]
fn entries_of_one_class_expire_each_at_its_own_time() {
    let mut shard = shard();
    let ends_ms: Vec<u64> = (0..50).map(|n| START_MS + 60_000 + n * 37).collect();
    for (n, end_ms) in ends_ms.iter().enumerate() {
        put(&mut shard, &format!("k{n}"), Expiry::At(*end_ms), START_MS);
    }
    for now_ms in (START_MS + 59_900..START_MS + 62_100).step_by(11) {
        settle(&mut shard, now_ms);
        for (n, end_ms) in ends_ms.iter().enumerate() {
            assert_eq!(
                alive(&mut shard, &format!("k{n}"), now_ms),
                now_ms < *end_ms
            );
        }
    }
}

#[test]
fn an_overwrite_clears_keeps_or_replaces_the_expiry_as_asked() {
    let mut shard = shard();
    let (soon_ms, later_ms) = (START_MS + 1_000, START_MS + DAY_MS);
    for (expiry, expected) in [
        (Expiry::None, None),
        (Expiry::Keep, Some(soon_ms)),
        (Expiry::At(later_ms), Some(later_ms)),
        (Expiry::At(START_MS + 10), Some(START_MS + 10)),
    ] {
        put(&mut shard, "k", Expiry::At(soon_ms), START_MS);
        put(&mut shard, "k", expiry, START_MS + 1);
        assert_eq!(expires_at_ms(&mut shard, "k", START_MS + 2), expected);
        settle(&mut shard, expected.unwrap_or(later_ms) - 1);
        assert!(
            alive(&mut shard, "k", expected.unwrap_or(later_ms) - 1),
            "{expiry:?}"
        );
        assert_eq!(
            alive(&mut shard, "k", later_ms + DAY_MS),
            expected.is_none(),
            "{expiry:?}"
        );
    }
    put(&mut shard, "new", Expiry::Keep, START_MS);
    assert_eq!(expires_at_ms(&mut shard, "new", START_MS), None);
}

#[test]
fn an_expiry_in_the_past_stores_nothing_and_removes_what_was_there() {
    let mut shard = shard();
    put(&mut shard, "k", Expiry::None, START_MS);
    for past_ms in [0, START_MS - 1, START_MS] {
        put(&mut shard, "k", Expiry::None, START_MS);
        assert!(matches!(
            put(&mut shard, "k", Expiry::At(past_ms), START_MS),
            PutOutcome::Stored { .. }
        ));
        assert!(!alive(&mut shard, "k", START_MS));
        assert_eq!(shard.usage().entries, 0);
    }
}

#[test]
fn prolonging_persisting_and_shortening_hold_through_sweeps() {
    let mut shard = shard();
    let kinds = [
        "prolonged",
        "persisted",
        "shortened",
        "never-then-soon",
        "untouched",
    ];
    for key in kinds {
        let expiry = if key == "never-then-soon" {
            Expiry::None
        } else {
            Expiry::At(START_MS + 60_000)
        };
        put(&mut shard, key, expiry, START_MS);
    }
    let ends_ms = [
        Some(START_MS + DAY_MS),
        None,
        Some(START_MS + 500),
        Some(START_MS + 700),
    ];
    for (key, end_ms) in kinds.iter().zip(ends_ms) {
        let at = at(&shard, key);
        let outcome = shard.set_expiry(at, key.as_bytes(), end_ms, START_MS + 1);
        assert!(matches!(outcome, ExpiryOutcome::Updated { .. }));
    }
    let ends_ms = ends_ms.into_iter().chain([Some(START_MS + 60_000)]);
    for (key, end_ms) in kinds.iter().zip(ends_ms) {
        assert_eq!(expires_at_ms(&mut shard, key, START_MS + 2), end_ms);
    }
    for now_ms in [
        499,
        500,
        699,
        700,
        59_999,
        60_000,
        60_001,
        DAY_MS - 1,
        DAY_MS,
        9 * DAY_MS,
    ] {
        settle(&mut shard, START_MS + now_ms);
        let expected = [
            now_ms < DAY_MS,
            true,
            now_ms < 500,
            now_ms < 700,
            now_ms < 60_000,
        ];
        for (key, expected) in kinds.iter().zip(expected) {
            assert_eq!(
                alive(&mut shard, key, START_MS + now_ms),
                expected,
                "{key} at {now_ms}"
            );
        }
    }
}

#[test]
fn an_expired_entry_counts_as_absent_for_every_condition() {
    let mut shard = shard();
    let end_ms = START_MS + 5;
    for condition in [Condition::IfAbsent, Condition::IfPresent] {
        put(&mut shard, "k", Expiry::At(end_ms), START_MS);
        let options = PutOptions {
            condition,
            expiry: Expiry::None,
        };
        let at = at(&shard, "k");
        let outcome = shard.put(at, b"k", b"second", options, end_ms).unwrap();
        let stored = matches!(outcome, PutOutcome::Stored { .. });
        assert_eq!(stored, condition == Condition::IfAbsent);
        assert_eq!(shard.delete(at, b"k", end_ms), stored);
        assert!(!shard.delete(at, b"k", end_ms));
        assert_eq!(
            shard.set_expiry(at, b"k", None, end_ms),
            ExpiryOutcome::Missing
        );
    }
    put(&mut shard, "n", Expiry::At(end_ms), START_MS);
    let at = at(&shard, "n");
    assert_eq!(
        shard.add(at, b"n", 3, end_ms).unwrap().value,
        3,
        "an expired counter starts anew"
    );
}

#[test]
fn the_sweep_frees_whole_segments_without_touching_their_entries() {
    let mut shard = shard();
    for n in 0..50_000 {
        put(
            &mut shard,
            &format!("key-{n}"),
            Expiry::At(START_MS + 30_000),
            START_MS,
        );
    }
    let full = shard.usage();
    assert!(full.segments_free + 8 < full.segments);
    // A single slice: far fewer steps than entries.
    shard.step(START_MS + 30_000, 256);
    shard.step(START_MS + 30_000, 256);
    let swept = shard.usage();
    assert_eq!(swept.entries, 0);
    assert!(swept.stale_slots > 30_000, "their slots are cleaned later");
    assert!(swept.segments_free > full.segments_free + 5);
    shard.verify().unwrap();
    settle(&mut shard, START_MS + 30_001);
    assert_eq!(shard.usage().stale_slots, 0);
}

#[test]
fn what_ended_is_counted_for_the_map_that_it_was_in() {
    let mut shard = Shard::new(&ShardConfig::owning_all(16 << 20, 4)).unwrap();
    let maps: Vec<MapId> = [&b""[..], b"one", b"two"]
        .iter()
        .map(|name| shard.map_id(name).unwrap())
        .collect();
    let mut stored = [0; 3];
    let mut now_ms = START_MS;
    // Three times what fits, values in blocks among them, a third of it with an expiry.
    for number in 0..30_000u32 {
        let key = number.to_string();
        let which = number as usize % 7 % 3;
        let at = shard.address(maps[which], 1, key.as_bytes());
        let bytes = if number % 500 == 0 { 300_000 } else { 1_000 };
        let expiry = match number % 3 {
            0 => Expiry::At(now_ms + 2_000),
            _ => Expiry::None,
        };
        let options = PutOptions {
            condition: Condition::Always,
            expiry,
        };
        let value = vec![1; bytes];
        if shard
            .put(at, key.as_bytes(), &value, options, now_ms)
            .is_ok()
        {
            stored[which] += 1;
        }
        if number % 10 == 0 {
            now_ms += 1;
            shard.get(at, key.as_bytes(), now_ms);
        }
        if number % 100 == 0 {
            shard.step(now_ms, 16);
        }
    }
    now_ms += 10_000;
    settle(&mut shard, now_ms);
    let (mut expired, mut evicted, mut gets) = (0, 0, 0);
    for (map, stored) in maps.into_iter().zip(stored) {
        let (counters, usage) = (shard.map_counters(map), shard.map_usage(map));
        assert!(counters.expired > 0 && counters.evicted > 0, "{counters:?}");
        assert_eq!(
            usage.entries + counters.expired + counters.evicted,
            stored,
            "each entry is there or ended once: {counters:?}"
        );
        expired += counters.expired;
        evicted += counters.evicted;
        gets += counters.gets;
    }
    let all = shard.counters();
    assert_eq!(
        (expired, evicted, gets),
        (all.expired, all.evicted, all.gets)
    );
    assert_eq!(all.gets, 3_000);
}

#[test]
fn an_expiry_months_ahead_is_kept_to_the_millisecond_by_an_entry_written_without_it() {
    let mut shard = shard();
    for (key, expiry) in [
        ("for-ever", Expiry::None),
        ("soon", Expiry::At(START_MS + 5_000)),
    ] {
        put(&mut shard, key, expiry, START_MS);
        let end_ms = START_MS + 100 * DAY_MS + 1;
        let at = at(&shard, key);
        let outcome = shard.set_expiry(at, key.as_bytes(), Some(end_ms), START_MS + 1);
        assert!(matches!(outcome, ExpiryOutcome::Updated { .. }));
        shard.verify().unwrap();
        assert_eq!(expires_at_ms(&mut shard, key, START_MS + 2), Some(end_ms));
        let entry = shard.get(at, key.as_bytes(), end_ms - 1);
        assert_eq!(entry.unwrap().value.as_slice(), Some(&b"value"[..]));
        assert!(shard.get(at, key.as_bytes(), end_ms).is_none());
    }
}

#[test]
fn entries_written_anew_where_they_lie_outlive_the_others_of_their_segment() {
    let mut shard = shard();
    let ttl_ms = 60_000;
    let write = |shard: &mut Shard, n: u64, now_ms: u64| {
        put(
            shard,
            &format!("key-{n}"),
            Expiry::At(now_ms + ttl_ms),
            now_ms,
        );
    };
    (0..20_000).for_each(|n| write(&mut shard, n, START_MS));
    // A third of them three times, and one of these for ever.
    for round in 1..=3 {
        let now_ms = START_MS + round * 15_000;
        (0..20_000)
            .step_by(3)
            .for_each(|n| write(&mut shard, n, now_ms));
        settle(&mut shard, now_ms);
    }
    put(&mut shard, "key-3", Expiry::None, START_MS + 50_000);
    let in_place = shard.counters().puts_in_place;
    assert_eq!(in_place, 3 * 6_667 + 1, "no write left dead bytes behind");
    settle(&mut shard, START_MS + ttl_ms - 1);
    assert_eq!(shard.usage().entries, 20_000);
    settle(&mut shard, START_MS + ttl_ms + 100);
    assert_eq!(shard.usage().entries, 6_667, "the others were swept");
    let end_ms = START_MS + 45_000 + ttl_ms;
    for n in [0, 3, 1_500, 19_998] {
        assert!(alive(&mut shard, &format!("key-{n}"), end_ms - 1), "{n}");
    }
    assert!(!alive(&mut shard, "key-1", end_ms - 1));
    settle(&mut shard, end_ms);
    assert_eq!(shard.usage().entries, 1);
    assert!(alive(&mut shard, "key-3", end_ms + DAY_MS));
}

#[test]
fn expired_bytes_stay_bounded_while_every_second_write_is_an_overwrite() {
    // The overwrites begin the time anew. What outlives a segment shares others with fewer of its
    // kind, which fill slowly: more has expired than under a load of new entries only, where it is
    // below a twentieth, but no dead bytes wait for their segment's end, which would be four times
    // as many.
    let keys = 40_000_u64;
    for ttl_ms in [20_000_u64, 90_000] {
        let mut shard = Shard::new(&ShardConfig::owning_all(64 << 20, 4)).unwrap();
        let mut ends_ms = std::collections::BTreeMap::new();
        let (mut worst, mut drawn, mut next) = (0.0_f64, 1_u64, 0);
        for tick in 1..=1_200 {
            let now_ms = START_MS + tick * ttl_ms / 400;
            for write in 0..keys / 200 {
                drawn = drawn.wrapping_mul(6_364_136_223_846_793_005) + 1;
                let overwrites = write % 2 == 1 && next > keys;
                next += u64::from(!overwrites);
                let key = next - u64::from(overwrites) * ((drawn >> 33) % keys);
                let end_ms = now_ms + ttl_ms - (drawn >> 50) % (ttl_ms / 50);
                let name = format!("key-{key:08}");
                let at = at(&shard, &name);
                let options = PutOptions {
                    condition: Condition::Always,
                    expiry: Expiry::At(end_ms),
                };
                let stored = shard.put(at, name.as_bytes(), &[7; 500], options, now_ms);
                assert!(stored.is_ok());
                ends_ms.insert(key, end_ms);
                if write % 16 == 0 {
                    shard.step(now_ms, 64);
                }
            }
            ends_ms.retain(|_, end_ms| *end_ms > now_ms);
            if tick > 600 {
                // All entries are of one size.
                let live = ends_ms.len() as f64;
                let expired = shard.usage().entries as f64 - live;
                worst = worst.max(expired / live);
            }
        }

        assert!(shard.counters().puts_in_place > 50_000);
        assert_eq!(shard.counters().evicted, 0);
        println!("at most {:.1} % have expired at {ttl_ms} ms", worst * 100.0);
        assert!(worst < 0.1, "{worst} of the live entries at {ttl_ms} ms");
        shard.verify().unwrap();
    }
}

/// Olric's W19: there, the scan for expired entries visits the first map of a partition only.
#[test]
fn w19_the_entries_of_every_map_of_a_partition_expire() {
    let mut shard = shard();
    let maps: Vec<MapId> = (0..50)
        .map(|number| shard.map_id(format!("map {number}").as_bytes()).unwrap())
        .collect();
    for map in &maps {
        for key in ["a", "b", "c"] {
            let at = shard.address(*map, 1, key.as_bytes());
            let options = PutOptions {
                condition: Condition::Always,
                expiry: Expiry::At(START_MS + 1000),
            };
            shard
                .put(at, key.as_bytes(), b"v", options, START_MS)
                .unwrap();
        }
    }
    settle(&mut shard, START_MS + 999);
    for map in &maps {
        assert_eq!(shard.map_usage(*map).entries, 3, "not before its time");
    }
    // Nobody reads any of them: the sweep alone has to find them.
    settle(&mut shard, START_MS + 60_000);
    for map in &maps {
        assert_eq!(shard.map_usage(*map).entries, 0, "{map:?}");
    }
}

/// Olric's W20: there, which of two writes stays depends on clocks.
#[test]
fn w20_a_clock_that_steps_back_hides_no_write_and_revives_nothing() {
    let mut shard = shard();
    let stored = |outcome| match outcome {
        PutOutcome::Stored { version } => version,
        other => panic!("{other:?}"),
    };
    let before = stored(put(&mut shard, "k", Expiry::None, START_MS));
    let at_k = at(&shard, "k");
    let options = PutOptions {
        condition: Condition::Always,
        expiry: Expiry::None,
    };
    let earlier = START_MS - DAY_MS;
    let after = shard.put(at_k, b"k", b"later", options, earlier).unwrap();
    assert!(
        stored(after) > before,
        "versions follow the order of writes"
    );
    for now_ms in [earlier, START_MS, START_MS + DAY_MS] {
        let entry = shard.get(at_k, b"k", now_ms).unwrap();
        assert_eq!(entry.value.as_slice(), Some(&b"later"[..]));
    }
    // What was seen to have expired stays so.
    put(&mut shard, "brief", Expiry::At(START_MS + 10), START_MS);
    assert!(!alive(&mut shard, "brief", START_MS + 10));
    assert!(!alive(&mut shard, "brief", earlier));
    settle(&mut shard, START_MS + DAY_MS);
}

#[test]
fn entries_that_expire_are_counted_as_they_come_and_go() {
    let mut shard = shard();
    for number in 0..100 {
        put(
            &mut shard,
            &format!("lasts:{number}"),
            Expiry::None,
            START_MS,
        );
        let at_ms = START_MS + 1000 + number % 3 * DAY_MS;
        put(
            &mut shard,
            &format!("ends:{number}"),
            Expiry::At(at_ms),
            START_MS,
        );
    }
    assert_eq!(shard.usage().expiring, 100);
    // What lasts begins to expire, and what expires is written anew.
    let address = at(&shard, "lasts:0");
    let set = shard.set_expiry(address, b"lasts:0", Some(START_MS + DAY_MS), START_MS);
    assert!(matches!(set, ExpiryOutcome::Updated { .. }), "{set:?}");
    put(
        &mut shard,
        "ends:1",
        Expiry::At(START_MS + DAY_MS),
        START_MS,
    );
    assert_eq!(shard.usage().expiring, 101);
    let address = at(&shard, "ends:2");
    assert!(shard.delete(address, b"ends:2", START_MS));
    assert_eq!(shard.usage().expiring, 100);
    // One that was made to last is counted until its neighbours are due, and then no more.
    let address = at(&shard, "ends:4");
    let set = shard.set_expiry(address, b"ends:4", None, START_MS);
    assert!(matches!(set, ExpiryOutcome::Updated { .. }), "{set:?}");
    settle(&mut shard, START_MS + 5 * DAY_MS);
    assert_eq!(shard.usage().expiring, 0);
    assert!(alive(&mut shard, "ends:4", START_MS + 5 * DAY_MS));
    assert_eq!(shard.usage().entries, 100);
}
