//! A mixed load under a virtual clock that keeps expiry, eviction and growth of the index going
//! together: values become smaller as the run goes on, so that ever more entries share the same
//! memory, and more than half of them expire within the run.

use std::hint::black_box;

use jerboa_core_shard::{Expiry, MapId, PutOptions, Shard, ShardConfig};

use crate::support::mix::mix;
use crate::support::random::Random;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Put,
    Delete,
    Add,
    Expire,
    Slice,
    /// The measurement itself.
    Nothing,
}

/// One operation, drawn before its time is taken.
pub(crate) struct Job {
    pub(crate) kind: Kind,
    key: [u8; 16],
    partition: u16,
    value_bytes: usize,
    ttl_ms: u64,
}

const PARTITIONS: u16 = 4096;
const EPOCH_MS: u64 = 1_700_000_000_000;
/// A quarter of a million operations a second.
const NANOSECONDS_PER_OPERATION: u64 = 4_000;
const COUNTERS: u64 = 50_000;
/// Now and then a value that does not fit inline.
const LARGE_BYTES: usize = 32 << 10;
const LARGE_EVERY: u64 = 10_000;
static VALUE: [u8; LARGE_BYTES] = [0x5A; LARGE_BYTES];

pub(crate) struct Workload {
    shard: Shard,
    random: Random,
    operations: u64,
    done: u64,
    /// Keys so far: a put makes a new one or overwrites one of these.
    keys: u64,
}

impl Workload {
    pub(crate) fn new(memory_bytes: usize, operations: u64, seed: u64) -> Self {
        let mut config = ShardConfig::owning_all(memory_bytes, PARTITIONS);
        config.hash_seed = seed;
        config.prefault = true;
        Self {
            shard: Shard::new(&config).expect("memory for the engine"),
            random: Random::new(seed),
            operations,
            done: 0,
            keys: 1,
        }
    }

    pub(crate) fn next(&mut self) -> Job {
        self.done += 1;
        let drawn = self.random.below(100);
        let kind = match drawn {
            0..45 => Kind::Get,
            45..90 => Kind::Put,
            90..95 => Kind::Delete,
            95..98 => Kind::Add,
            _ => Kind::Expire,
        };
        let number = match kind {
            Kind::Put if self.random.below(10) < 7 => {
                self.keys += 1;
                self.keys - 1
            }
            Kind::Add => u64::MAX - self.random.below(COUNTERS),
            _ => self.random.below(self.keys),
        };
        let mixed = mix(number);
        let mut key = [0; 16];
        key[..8].copy_from_slice(&mixed.to_le_bytes());
        key[8..].copy_from_slice(&number.to_le_bytes());
        Job {
            kind,
            key,
            partition: (mixed % u64::from(PARTITIONS)) as u16,
            value_bytes: self.value_bytes(),
            ttl_ms: self.ttl_ms(),
        }
    }

    /// From 600 bytes on average at the start to 60 at the end.
    fn value_bytes(&mut self) -> usize {
        if self.random.below(LARGE_EVERY) == 0 {
            return LARGE_BYTES;
        }
        let mean = 60 + 540 * (self.operations - self.done) / self.operations.max(1);
        (1 + self.random.below(2 * mean)) as usize
    }

    /// None for four of ten; else from a millisecond to half of the run.
    fn ttl_ms(&mut self) -> u64 {
        if self.random.below(10) < 4 {
            return 0;
        }
        let run_ms = self.operations * NANOSECONDS_PER_OPERATION / 1_000_000;
        1 + self.random.below(run_ms / 2)
    }

    fn now_ms(&self) -> u64 {
        EPOCH_MS + self.done * NANOSECONDS_PER_OPERATION / 1_000_000
    }

    #[inline]
    pub(crate) fn execute(&mut self, job: &Job) {
        let now_ms = self.now_ms();
        let deadline_ms = (job.ttl_ms > 0).then(|| now_ms + job.ttl_ms);
        let key = &job.key;
        let at = self.shard.address(MapId::DEFAULT, job.partition, key);
        match job.kind {
            Kind::Get => {
                let found = self.shard.get(at, key, now_ms);
                black_box(found.map(|entry| entry.value.len()));
            }
            Kind::Put => {
                let options = PutOptions {
                    expiry: deadline_ms.map_or(Expiry::None, Expiry::At),
                    ..PutOptions::default()
                };
                let value = &VALUE[..job.value_bytes];
                let outcome = self.shard.put(at, key, value, options, now_ms);
                assert!(outcome.is_ok(), "an evicting cache takes every write");
            }
            Kind::Delete => {
                black_box(self.shard.delete(at, key, now_ms));
            }
            Kind::Add => {
                let sum = self.shard.add(at, key, 1, now_ms);
                assert!(sum.is_ok(), "counters are numbers");
            }
            Kind::Expire => {
                black_box(self.shard.set_expiry(at, key, deadline_ms, now_ms));
            }
            Kind::Slice | Kind::Nothing => {}
        }
    }

    #[inline]
    pub(crate) fn slice(&mut self, budget: u32) {
        black_box(self.shard.step(self.now_ms(), budget));
    }

    /// That the run was what it is meant to be, and that the engine's books add up after it.
    pub(crate) fn check(&self) {
        let counters = self.shard.counters();
        let went_on = [
            ("expiry", counters.segments_swept),
            ("eviction", counters.evicted),
            ("growth", counters.bucket_splits),
        ];
        for (what, count) in went_on {
            assert!(count > 0, "the run had no {what}: give it more operations");
        }
        if let Err(corruption) = self.shard.verify() {
            panic!("{corruption}");
        }
        println!("{counters:?}\n");
    }
}
