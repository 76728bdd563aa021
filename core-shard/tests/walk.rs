//! Fear: a walk over a partition misses entries that were there all the time, because the index
//! grew, others were evicted, or compaction moved them; or it shows what has expired.
#![expect(clippy::unwrap_used, reason = "test harness")]

use std::collections::{BTreeMap, BTreeSet};

use jerboa_core_shard::{
    Address, Expiry, ExportCursor, MapId, PutOptions, PutOutcome, Shard, ShardConfig,
};

const START_MS: u64 = 1_800_000_000_000;
const PARTITION: u16 = 1;
/// Overwritten all the time, with lengths that change, so that segments are mostly dead.
const HOT_KEYS: u32 = 200;

struct Store {
    shard: Shard,
    now_ms: u64,
    /// The version that each key was put under last.
    versions: BTreeMap<Vec<u8>, u64>,
    drawn: u64,
}

impl Store {
    fn at(&self, key: &[u8]) -> Address {
        self.shard.address(MapId::DEFAULT, PARTITION, key)
    }

    fn put(&mut self, key: String, value_bytes: usize, ttl_ms: Option<u64>) {
        let key = key.into_bytes();
        let options = PutOptions {
            expiry: ttl_ms.map_or(Expiry::None, |ttl_ms| Expiry::At(self.now_ms + ttl_ms)),
            ..PutOptions::default()
        };
        let value = vec![7; value_bytes];
        let at = self.at(&key);
        let stored = self.shard.put(at, &key, &value, options, self.now_ms);
        let PutOutcome::Stored { version } = stored.unwrap() else {
            panic!("a put without condition")
        };
        self.versions.insert(key, version);
    }

    fn version(&mut self, key: &[u8]) -> Option<u64> {
        let metadata = self.shard.metadata(self.at(key), key, self.now_ms);
        metadata.map(|metadata| metadata.version)
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.drawn = self.drawn.wrapping_mul(6_364_136_223_846_793_005) + 1;
        (self.drawn >> 33) % below
    }

    /// Writes between two steps of the walk: entries that go soon, entries that fill the memory, and
    /// overwrites, before which keys that were evicted are noted.
    fn disturb(&mut self, written: &mut u32, interrupted: &mut BTreeSet<Vec<u8>>) {
        for _ in 0..60 {
            *written += 1;
            match *written % 3 {
                0 => {
                    let ttl_ms = 1 + self.draw(50);
                    self.put(format!("brief-{written}"), 60, Some(ttl_ms));
                }
                1 => self.put(format!("late-{written}"), 300, None),
                _ => {
                    let key = format!("hot-{}", self.draw(HOT_KEYS.into()));
                    if self.version(key.as_bytes()).is_none() {
                        interrupted.insert(key.clone().into_bytes());
                    }
                    let bytes = 20 + self.draw(3_000) as usize;
                    self.put(key, bytes, None);
                }
            }
        }
    }
}

#[test]
fn what_stays_is_seen_and_nothing_expired_while_the_index_grows_and_memory_is_made_free() {
    let mut config = ShardConfig::owning_all(12 << 20, 4);
    config.hash_seed = 77;
    let mut store = Store {
        shard: Shard::new(&config).unwrap(),
        now_ms: START_MS,
        versions: BTreeMap::new(),
        drawn: 1,
    };
    for number in 0..3_000 {
        store.put(format!("early-{number}"), 100, None);
    }
    for number in 0..HOT_KEYS {
        store.put(format!("hot-{number}"), 500, None);
    }
    let before = store.versions.clone();
    let mut interrupted = BTreeSet::new();
    let counted = *store.shard.counters();

    let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let mut cursor = ExportCursor::start(PARTITION);
    let mut written = 0;
    while !cursor.is_done() {
        let now_ms = store.now_ms;
        let visit = |entry: jerboa_core_shard::ExportedEntry<'_>| {
            let is_live = entry.expires_at_ms.is_none_or(|at_ms| at_ms > now_ms);
            assert!(is_live, "an expired entry is shown");
            *seen.entry(entry.key.to_vec()).or_default() += 1;
        };
        // What travels between two calls is two numbers.
        cursor = ExportCursor::resume(cursor.partition(), cursor.position());
        store.shard.export(&mut cursor, 1, now_ms, visit).unwrap();
        store.disturb(&mut written, &mut interrupted);
        store.now_ms += 1;
        store.shard.step(store.now_ms, 256);
    }

    let counters = *store.shard.counters();
    let grew = |count: fn(&jerboa_core_shard::Counters) -> u64| count(&counters) - count(&counted);
    assert!(
        grew(|counters| counters.bucket_splits) > 1_000,
        "{counters:?}"
    );
    assert!(grew(|counters| counters.evicted) > 1_000, "{counters:?}");
    assert!(
        grew(|counters| counters.segments_compacted) > 0,
        "{counters:?}"
    );
    assert!(grew(|counters| counters.expired) > 1_000, "{counters:?}");
    store.shard.verify().unwrap();

    let mut stayed = 0;
    for (key, version) in &before {
        let now = store.version(key);
        let is_hot = key.starts_with(b"hot-");
        let was_there = match now {
            Some(now) => now == *version || is_hot && !interrupted.contains(key),
            None => false,
        };
        if was_there {
            stayed += 1;
            let name = String::from_utf8_lossy(key);
            assert!(seen.contains_key(key), "{name} stayed and was not seen");
        }
    }
    assert!(stayed > 100, "only {stayed} entries stayed");
    let once = seen.values().all(|times| *times == 1);
    assert!(once, "growth divides places, and none is visited twice");
}
