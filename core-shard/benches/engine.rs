//! Time and memory of the engine's operations in one process, without a network: hot and uncached,
//! one by one and in batches of 16.
//!
//! `cargo bench -p jerboa-core-shard --bench engine [-- ENTRIES [ROUNDS]]`; 1 M entries by default.
//! Keys have 16 bytes, values 64. Every number is the median of the rounds.
#![expect(
    clippy::unwrap_used,
    reason = "a bench stops at what it does not expect"
)]
#![expect(clippy::disallowed_types, reason = "measures wall time")]

use std::hint::black_box;
use std::time::Instant;

use jerboa_core_shard::{
    Address, Condition, Expiry, FullPolicy, MapId, PutOptions, Shard, ShardConfig,
};

const PARTITIONS: u16 = 4096;
const NOW_MS: u64 = 1_800_000_000_000;
const HOT_KEYS: u64 = 4_000;
const BATCH: usize = 16;
const SAMPLE: u64 = 1_000_000;

type Key = [u8; 16];

fn scramble(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

fn key(number: u64) -> Key {
    let mut key = *b"key:............";
    key[4..12].copy_from_slice(&number.to_le_bytes());
    key
}

fn address(shard: &Shard, key: &Key) -> Address {
    let number = key[4..12]
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let partition = (scramble(number) >> 52) as u16 & (PARTITIONS - 1);
    shard.address(MapId::DEFAULT, partition, key)
}

struct Bench {
    shard: Shard,
    entries: u64,
    seed: u64,
}

impl Bench {
    fn new(entries: u64) -> Self {
        let mut config = ShardConfig::owning_all((entries * 140) as usize + (96 << 20), PARTITIONS);
        config.prefault = true;
        config.full_policy = FullPolicy::Refuse;
        config.hash_seed = 0x1234_5678_9ABC_DEF0;
        let shard = Shard::new(&config).unwrap();
        println!("# {entries} entries, {}", shard.page_kind());
        Self {
            shard,
            entries,
            seed: 1,
        }
    }

    /// A random number below `limit`.
    fn random(&mut self, limit: u64) -> u64 {
        self.seed += 1;
        ((u128::from(scramble(self.seed)) * u128::from(limit)) >> 64) as u64
    }

    fn fill(&mut self) {
        let options = PutOptions {
            condition: Condition::Always,
            expiry: Expiry::At(NOW_MS + 86_400_000),
        };
        let start = Instant::now();
        for number in 0..self.entries {
            let key = key(number);
            let at = address(&self.shard, &key);
            self.shard
                .put(at, &key, &[number as u8; 64], options, NOW_MS)
                .unwrap();
        }
        let nanoseconds = start.elapsed().as_nanos() as f64 / self.entries as f64;
        report("insert, one by one", nanoseconds);
        let usage = self.shard.usage();
        let segments = u64::from(usage.segments - usage.segments_free) * usage.segment_bytes;
        let per_entry = |bytes: u64| bytes as f64 / self.entries as f64 - 80.0;
        println!(
            "{:<44} {:>8.1} B (entries and index {:.1} B, index alone {:.1} B)",
            "beyond key and value, segments and tables",
            per_entry(segments + usage.table_bytes),
            per_entry(usage.live_bytes + usage.index_bytes),
            usage.index_bytes as f64 / self.entries as f64,
        );
    }

    fn get(&mut self, key: &Key, at: Address) {
        let entry = self.shard.get(at, key, NOW_MS).unwrap();
        let mut copy = [0_u8; 64];
        copy.copy_from_slice(entry.value.as_slice().unwrap());
        black_box(&copy);
    }

    fn one_by_one(&mut self, limit: u64) -> f64 {
        let start = Instant::now();
        for _ in 0..SAMPLE {
            let key = key(self.random(limit));
            let at = address(&self.shard, &key);
            self.get(&key, at);
        }
        start.elapsed().as_nanos() as f64 / SAMPLE as f64
    }

    fn batched(&mut self, limit: u64, mut operate: impl FnMut(&mut Self, &Key, Address)) -> f64 {
        let start = Instant::now();
        for _ in 0..SAMPLE / BATCH as u64 {
            let keys: [Key; BATCH] = std::array::from_fn(|_| key(self.random(limit)));
            let at = keys.each_ref().map(|key| address(&self.shard, key));
            self.shard.prefetch(&at);
            for (key, at) in keys.iter().zip(at) {
                operate(self, key, at);
            }
        }
        start.elapsed().as_nanos() as f64 / SAMPLE as f64
    }

    fn overwrite(&mut self, key: &Key, at: Address) {
        let options = PutOptions {
            condition: Condition::Always,
            expiry: Expiry::Keep,
        };
        self.shard.put(at, key, &[9; 64], options, NOW_MS).unwrap();
    }
}

fn report(name: &str, nanoseconds: f64) {
    println!(
        "{name:<44} {nanoseconds:>8.1} ns {:>8.2} M/s",
        1000.0 / nanoseconds
    );
}

fn median(rounds: usize, mut measure: impl FnMut() -> f64) -> f64 {
    let mut samples: Vec<f64> = (0..rounds).map(|_| measure()).collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    let arguments: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let entries = arguments.first().copied().unwrap_or(1_000_000);
    let rounds = arguments.get(1).copied().unwrap_or(5) as usize;
    let mut bench = Bench::new(entries);
    bench.fill();
    let hot = HOT_KEYS.min(entries);
    report(
        "get, hot, one by one",
        median(rounds, || bench.one_by_one(hot)),
    );
    report(
        "get, hot, batches of 16",
        median(rounds, || bench.batched(hot, Bench::get)),
    );
    report(
        "get, uncached, one by one",
        median(rounds, || bench.one_by_one(entries)),
    );
    report(
        "get, uncached, batches of 16",
        median(rounds, || bench.batched(entries, Bench::get)),
    );
    report(
        "put, hot, batches of 16",
        median(rounds, || bench.batched(hot, Bench::overwrite)),
    );
    report(
        "put, uncached, batches of 16",
        median(rounds, || bench.batched(entries, Bench::overwrite)),
    );
}
