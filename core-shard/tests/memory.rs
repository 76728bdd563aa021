//! Memory comes back: nothing that is deleted, overwritten, expired or evicted stays, and nothing
//! live is lost by what brings it back.
#![expect(clippy::unwrap_used, reason = "test harness")]

use jerboa_core_shard::{
    Condition, Expiry, FullPolicy, MapId, PutOptions, PutOutcome, Shard, ShardConfig, ShardError,
};

const PARTITIONS: u16 = 16;
const START_MS: u64 = 1_800_000_000_000;

struct Store {
    shard: Shard,
    now_ms: u64,
}

impl Store {
    fn new(memory_bytes: usize, full_policy: FullPolicy) -> Self {
        let mut config = ShardConfig::owning_all(memory_bytes, PARTITIONS);
        config.full_policy = full_policy;
        Self {
            shard: Shard::new(&config).unwrap(),
            now_ms: START_MS,
        }
    }

    fn try_put(
        &mut self,
        key: &str,
        value: &[u8],
        expiry: Expiry,
    ) -> Result<PutOutcome, ShardError> {
        let at = self
            .shard
            .address(MapId::DEFAULT, partition(key), key.as_bytes());
        let options = PutOptions {
            condition: Condition::Always,
            expiry,
        };
        self.shard
            .put(at, key.as_bytes(), value, options, self.now_ms)
    }

    fn put(&mut self, key: &str, value: &[u8]) {
        self.try_put(key, value, Expiry::None).unwrap();
    }

    fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        let at = self
            .shard
            .address(MapId::DEFAULT, partition(key), key.as_bytes());
        self.shard
            .get(at, key.as_bytes(), self.now_ms)
            .map(|entry| entry.value.to_vec())
    }

    fn delete(&mut self, key: &str) -> bool {
        let at = self
            .shard
            .address(MapId::DEFAULT, partition(key), key.as_bytes());
        self.shard.delete(at, key.as_bytes(), self.now_ms)
    }

    fn background(&mut self, slices: usize, budget: u32) {
        for _ in 0..slices {
            self.shard.step(self.now_ms, budget);
        }
    }

    fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.shard.step(self.now_ms, 256) {
                self.shard.verify().unwrap();
                return;
            }
        }
        panic!("background work never ends");
    }

    /// Puts keys `prefix-0`, `prefix-1` … until the memory is full; how many there were room for.
    fn fill(&mut self, prefix: &str, value: &[u8]) -> usize {
        for number in 0.. {
            match self.try_put(&format!("{prefix}-{number}"), value, Expiry::None) {
                Ok(_) => {}
                Err(ShardError::OutOfMemory) => return number,
                Err(error) => panic!("{error}"),
            }
        }
        unreachable!("memory is finite")
    }
}

fn partition(key: &str) -> u16 {
    key.bytes().fold(0_u16, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    }) % PARTITIONS
}

#[test]
fn compaction_loses_no_live_key_beside_a_hot_one() {
    // W1: one call of Olric's compaction lost all of 500 live keys.
    let mut store = Store::new(5 << 20, FullPolicy::Refuse);
    for round in 0..20_000_u32 {
        if round.is_multiple_of(40) {
            let number = round / 40;
            store.put(
                &format!("live-{number}"),
                format!("value-{number}").as_bytes(),
            );
        }
        // Lengths that change keep it from being overwritten where it lies.
        store.put(
            "hot",
            &vec![round as u8; 10 + (round as usize * 37) % 2_000],
        );
        if round.is_multiple_of(16) {
            store.shard.step(store.now_ms, 256);
        }
    }
    store.settle();
    assert!(
        store.shard.counters().segments_compacted > 0,
        "{:?}",
        store.shard.counters()
    );
    assert_eq!(store.shard.usage().entries, 501);
    for number in 0..500 {
        let expected = format!("value-{number}").into_bytes();
        assert_eq!(store.get(&format!("live-{number}")), Some(expected));
    }
}

#[test]
fn an_overwritten_value_never_returns() {
    // W2: with the old copy in an older table, a delete or a compaction brought it back.
    let mut store = Store::new(6 << 20, FullPolicy::Refuse);
    for number in 0..300 {
        store.put(&format!("k-{number}"), b"old");
    }
    store.fill("filler", &[1; 4_000]);
    for number in 0..300 {
        let key = format!("k-{number}");
        match number % 3 {
            0 => assert!(store.delete(&key)),
            1 => {
                // Once longer, so that it moves, and then deleted.
                let _ = store.try_put(&key, &[2; 60], Expiry::None);
                assert!(store.delete(&key));
            }
            _ => {
                for number in 0..40 {
                    store.delete(&format!("filler-{number}"));
                }
                store.put(&key, &[3; 60]);
            }
        }
    }
    for number in 0..5_000 {
        store.delete(&format!("filler-{number}"));
    }
    store.settle();
    for round in 0..5 {
        let filled = store.fill(&format!("more-{round}"), &[4; 500]);
        (0..filled).for_each(|number| assert!(store.delete(&format!("more-{round}-{number}"))));
        store.settle();
    }
    assert!(store.shard.counters().segments_compacted > 0);
    for number in 0..300 {
        let expected = (number % 3 == 2).then(|| vec![3; 60]);
        assert_eq!(store.get(&format!("k-{number}")), expected);
    }
    assert_eq!(store.shard.usage().entries, 100);
}

#[test]
fn what_entries_take_one_by_one_is_what_they_take_together() {
    const SLOT_BYTES: u64 = 8;
    let mut store = Store::new(16 << 20, FullPolicy::Refuse);
    let (partition, lengths) = (
        1,
        [0, 1, 60, 1_023, 1_024, 5_000, 262_143, 262_144, 700_001],
    );
    let mut sum = 0;
    for length in lengths {
        let key = format!("{length:k>30}");
        let at = store
            .shard
            .address(MapId::DEFAULT, partition, key.as_bytes());
        assert_eq!(
            store.shard.entry_bytes(at, key.as_bytes(), store.now_ms),
            None
        );
        let options = PutOptions {
            condition: Condition::Always,
            expiry: Expiry::None,
        };
        let put = store
            .shard
            .put(at, key.as_bytes(), &vec![7; length], options, store.now_ms);
        assert!(put.is_ok());
        let bytes = store.shard.entry_bytes(at, key.as_bytes(), store.now_ms);
        let bytes = bytes.unwrap();
        assert!(
            bytes >= (key.len() + length) as u64 + SLOT_BYTES,
            "{length}: {bytes}"
        );
        sum += bytes - SLOT_BYTES;
        assert_eq!(store.shard.usage().live_bytes, sum, "with {length} bytes");
    }
}

#[test]
fn a_key_overwritten_without_end_uses_bounded_memory() {
    // W2b: overwrites of one key filled 13 tables on a replica.
    let mut store = Store::new(5 << 20, FullPolicy::Refuse);
    store.put("other", b"stays");
    let rounds: u32 = if cfg!(miri) { 3_000 } else { 10_000_000 };
    for round in 0..rounds {
        store.put("hot", &[7; 300][..(round as usize * 31) % 300]);
    }
    let usage = store.shard.usage();
    assert_eq!(usage.entries, 2);
    assert!(usage.live_bytes < 1_000, "{usage:?}");
    assert!(usage.segments - usage.segments_free <= 3, "{usage:?}");
    assert_eq!(store.get("other").as_deref(), Some(&b"stays"[..]));
    store.shard.verify().unwrap();
}

#[test]
fn a_counter_incremented_without_end_uses_bounded_memory() {
    let mut store = Store::new(5 << 20, FullPolicy::Refuse);
    let at = store.shard.address(MapId::DEFAULT, 0, b"hits");
    for expected in 1..=300_000 {
        let counter = store.shard.add(at, b"hits", 1, START_MS).unwrap();
        assert_eq!(counter.value, expected);
    }
    let usage = store.shard.usage();
    assert!(usage.segments - usage.segments_free <= 3, "{usage:?}");
}

#[test]
fn what_deletes_free_can_be_filled_again_at_any_size() {
    let mut store = Store::new(8 << 20, FullPolicy::Refuse);
    let mut capacity = Vec::new();
    for (round, length) in [100, 3_000, 100, 20_000, 17, 100_000, 100]
        .into_iter()
        .enumerate()
    {
        let filled = store.fill(&format!("r{round}"), &vec![9; length]);
        if length == 100 {
            capacity.push(filled);
        }
        // Every third stays until the rest is gone, so that segments are left half empty.
        for offset in 0..3 {
            for number in (offset..filled).step_by(3) {
                assert!(store.delete(&format!("r{round}-{number}")));
            }
            store.settle();
        }
        assert_eq!(
            (store.shard.usage().entries, store.shard.usage().live_bytes),
            (0, 0)
        );
    }
    assert!(capacity[1] * 100 >= capacity[0] * 95, "{capacity:?}");
    // The index keeps what it grew to for the many short values of the fifth round.
    assert!(capacity[2] * 100 >= capacity[0] * 80, "{capacity:?}");
}

#[test]
fn holes_left_by_deletes_are_used_without_waiting_for_the_background() {
    let mut store = Store::new(6 << 20, FullPolicy::Refuse);
    let filled = store.fill("a", &[1; 200]);
    for number in (0..filled).step_by(2) {
        assert!(store.delete(&format!("a-{number}")));
    }
    // No step: writes themselves must bring the memory back.
    let again = store.fill("b", &[2; 200]);
    assert!(again * 10 >= filled * 3, "{again} of {filled}");
    for number in (1..filled).step_by(2) {
        assert_eq!(store.get(&format!("a-{number}")), Some(vec![1; 200]));
    }
    store.shard.verify().unwrap();
}

#[test]
fn a_refused_write_changes_nothing_and_reads_go_on() {
    let mut store = Store::new(5 << 20, FullPolicy::Refuse);
    let filled = store.fill("k", &[5; 1_000]);
    let before = store.shard.usage();
    for value in [vec![6; 50_000], vec![6; 400_000], vec![6; 4 << 20]] {
        assert_eq!(
            store.try_put("k-1", &value, Expiry::None),
            Err(ShardError::OutOfMemory)
        );
        assert_eq!(
            store.try_put("new", &value, Expiry::None),
            Err(ShardError::OutOfMemory)
        );
    }
    assert_eq!(store.get("new"), None);
    for number in 0..filled {
        assert_eq!(store.get(&format!("k-{number}")), Some(vec![5; 1_000]));
    }
    assert_eq!(store.shard.usage().live_bytes, before.live_bytes);
    store.put("k-2", &[8; 1_000]);
    store.shard.verify().unwrap();
}

#[test]
fn large_values_leave_no_holes_that_other_large_values_cannot_use() {
    let mut store = Store::new(16 << 20, FullPolicy::Refuse);
    let filled = store.fill("a", &[1; 300_000]);
    assert!(filled >= 40, "{filled} of 300 kB in 16 MiB");
    for number in (0..filled).step_by(2) {
        assert!(store.delete(&format!("a-{number}")));
    }
    let bigger = store.fill("b", &[2; 900_000]);
    assert!(
        bigger * 3 + 3 >= filled / 2,
        "{bigger} of 900 kB where {filled} of 300 kB were"
    );
    for number in (1..filled).step_by(2) {
        assert_eq!(store.get(&format!("a-{number}")), Some(vec![1; 300_000]));
    }
    store.shard.verify().unwrap();
}

#[test]
fn holes_left_by_large_values_serve_small_ones_too() {
    let mut store = Store::new(16 << 20, FullPolicy::Refuse);
    let small = store.fill("small", &[1; 500]);
    (0..small).for_each(|number| assert!(store.delete(&format!("small-{number}"))));
    store.settle();
    let filled = store.fill("large", &[2; 120_000]);
    for number in (0..filled).filter(|number| number % 4 != 0) {
        assert!(store.delete(&format!("large-{number}")));
    }
    let again = store.fill("small", &[3; 500]);
    assert!(
        again * 10 >= small * 6,
        "{again} where {small} were, a quarter is taken"
    );
    assert!(store.shard.counters().blocks_moved > 0);
    for number in (0..filled).step_by(4) {
        assert_eq!(
            store.get(&format!("large-{number}")),
            Some(vec![2; 120_000])
        );
    }
    store.shard.verify().unwrap();
}

#[test]
fn the_largest_value_is_stored_whole_and_one_more_byte_is_refused() {
    let mut store = Store::new(160 << 20, FullPolicy::Evict);
    let value: Vec<u8> = (0..64 << 20)
        .map(|at: u32| (at >> 8) as u8 ^ at as u8)
        .collect();
    store.put("small", b"s");
    store.put("large", &value);
    assert_eq!(store.get("large").as_ref(), Some(&value));
    let mut longer = value.clone();
    longer.push(0);
    let limit_bytes = 64 << 20;
    let refused = store.try_put("large", &longer, Expiry::None);
    assert_eq!(refused, Err(ShardError::ValueTooLarge { limit_bytes }));
    store.put("large", &value[1..]);
    assert_eq!(store.get("large").as_deref(), Some(&value[1..]));
    // A third and a fourth only fit if others make room.
    store.put("large-2", &value);
    store.put("large-3", &value);
    assert_eq!(store.get("large-3").as_ref(), Some(&value));
    store.shard.verify().unwrap();
}

#[test]
fn keys_of_any_length_are_told_apart() {
    let mut store = Store::new(16 << 20, FullPolicy::Refuse);
    let lengths = [1, 2, 255, 256, 257, 511, 65_535];
    for length in lengths {
        store.put(&"k".repeat(length), format!("{length}").as_bytes());
    }
    for length in lengths {
        assert_eq!(
            store.get(&"k".repeat(length)),
            Some(format!("{length}").into_bytes())
        );
    }
    assert_eq!(
        store.try_put(&"k".repeat(65_536), b"", Expiry::None),
        Err(ShardError::KeyTooLarge)
    );
    assert_eq!(
        store.try_put("", b"", Expiry::None),
        Err(ShardError::EmptyKey)
    );
    store.shard.verify().unwrap();
}

#[test]
fn one_partition_may_hold_everything() {
    // Keys with one hash tag all fall into one partition, far more than its table grows for.
    let mut store = Store::new(96 << 20, FullPolicy::Refuse);
    let count = if cfg!(miri) { 2_000_u64 } else { 500_000 };
    for number in 0..count {
        let key = number.to_le_bytes();
        let at = store.shard.address(MapId::DEFAULT, 5, &key);
        store
            .shard
            .put(at, &key, &key, PutOptions::default(), START_MS)
            .unwrap();
    }
    let index_bytes = store.shard.usage().index_bytes;
    assert!(index_bytes < count * 16, "{index_bytes} for {count}");
    store.shard.verify().unwrap();
    for number in 0..count {
        let key = number.to_le_bytes();
        let at = store.shard.address(MapId::DEFAULT, 5, &key);
        let entry = store.shard.get(at, &key, START_MS).unwrap();
        assert_eq!(entry.value.as_slice(), Some(&key[..]));
    }
    store.shard.drop_partition(5).unwrap();
    store.settle();
    assert_eq!(
        (store.shard.usage().entries, store.shard.usage().index_bytes),
        (0, 0)
    );
}

#[test]
fn generations_come_round_many_times_without_reviving_anything() {
    // 20 segments, each freed whole hundreds of times; 63 generations.
    let mut store = Store::new(5 << 20, FullPolicy::Evict);
    let rounds: u64 = if cfg!(miri) { 20 } else { 3_000 };
    for round in 0..rounds {
        for number in 0..60 {
            let key = format!("{}-{number}", round % 7);
            let expiry = Expiry::At(store.now_ms + 20);
            store
                .try_put(&key, &vec![round as u8; 9_000], expiry)
                .unwrap();
        }
        assert_eq!(
            store.get(&format!("{}-5", round % 7)),
            Some(vec![round as u8; 9_000])
        );
        store.now_ms += 100;
        // Cleaning lags behind at first, and not at all later.
        let slices = if round < rounds / 2 { 1 } else { 50 };
        store.background(slices, 8);
        assert_eq!(store.get(&format!("{}-5", round % 7)), None);
        if round.is_multiple_of(100) {
            store.shard.verify().unwrap();
        }
    }
    assert!(store.shard.counters().segments_swept > rounds);
    store.settle();
}

#[test]
fn expired_bytes_stay_below_a_twentieth_under_a_steady_load() {
    for ttl_seconds in [30_u64, 100, 300] {
        let mut store = Store::new(48 << 20, FullPolicy::Refuse);
        let mut written = 0_u64;
        let mut worst = 0.0_f64;
        for tick in 0..ttl_seconds * 10 * 3 {
            store.now_ms += 100;
            for _ in 0..300 * 100 / (ttl_seconds * 10) {
                let ttl_ms = ttl_seconds * 1000;
                let expiry = Expiry::At(store.now_ms + ttl_ms);
                store
                    .try_put(&format!("key-{written}"), &[1; 500], expiry)
                    .unwrap();
                written += 1;
            }
            store.background(4, 256);
            if tick > ttl_seconds * 20 {
                let live = (300 * 100 / (ttl_seconds * 10)) * ttl_seconds * 10;
                let expired = store.shard.usage().entries - live;
                worst = worst.max(expired as f64 / live as f64);
            }
        }
        assert!(
            worst < 0.05,
            "{worst} of the live entries at {ttl_seconds} s"
        );
        store.shard.verify().unwrap();
    }
}

#[test]
fn entries_in_use_survive_a_scan_that_is_far_larger_than_the_memory() {
    let mut store = Store::new(6 << 20, FullPolicy::Evict);
    for number in 0..500 {
        store.put(&format!("hot-{number}"), &[1; 1_000]);
    }
    let mut missed = 0;
    for number in 0..60_000_u32 {
        store.put(&format!("scan-{number}"), &[2; 1_000]);
        let hot = format!("hot-{}", number % 500);
        if store.get(&hot).is_none() {
            missed += 1;
            store.put(&hot, &[1; 1_000]);
        }
        if number.is_multiple_of(8) {
            store.shard.step(store.now_ms, 256);
        }
    }
    assert!(missed < 600, "{missed} of 60000 uses missed");
    assert!(store.shard.counters().evicted > 50_000);
    store.settle();
}

#[test]
fn writes_never_fail_while_others_can_be_evicted_even_without_background_work() {
    let mut store = Store::new(5 << 20, FullPolicy::Evict);
    for number in 0..60_000_usize {
        let key = format!("k-{}", number * 7919 % 9_000);
        store.put(&key, &vec![1; (number * 31) % 3_000]);
        store.get(&key).unwrap();
        if number.is_multiple_of(500) {
            store.put("large", &vec![2; 100_000 + number]);
        }
    }
    store.shard.verify().unwrap();
}
