//! A shard that evicts takes every write that fits into it at all, whatever it has held before.
#![expect(clippy::unwrap_used, reason = "test harness")]

use jerboa_core_shard::{Expiry, MapId, PutOptions, Shard, ShardConfig};
use proptest::prelude::*;

const START_MS: u64 = 1_800_000_000_000;

/// Writes of one kind.
#[derive(Clone, Debug)]
struct Phase {
    writes: u32,
    /// Keys are drawn from so many.
    keys: u32,
    key_bytes: usize,
    value_bytes: usize,
    /// None lives for ever.
    ttl_ms: Option<u64>,
    /// Milliseconds that pass with each write, in sixteenths.
    pace: u64,
    /// Writes between two slices of background work; none does without.
    step_every: Option<u32>,
    deletes: bool,
}

fn phase(value_bytes_max: usize) -> impl Strategy<Value = Phase> {
    let sizes = prop_oneof![
        4 => 0_usize..60,
        2 => 0_usize..2_000,
        2 => 10_000_usize..60_000,
        1 => 60_000..value_bytes_max,
    ];
    let key_bytes = prop_oneof![4 => 4_usize..20, 1 => 200_usize..300];
    let ttl_ms = prop_oneof![
        2 => Just(None),
        2 => (1_u64..3_000).prop_map(Some),
        1 => (1_u64..100_000_000).prop_map(Some),
    ];
    let step_every = prop_oneof![Just(None), (1_u32..200).prop_map(Some)];
    (
        sizes,
        key_bytes,
        ttl_ms,
        step_every,
        0_u64..40,
        1_u32..200_000,
        any::<bool>(),
        1_u64..40,
    )
        .prop_map(
            |(value_bytes, key_bytes, ttl_ms, step_every, pace, keys, deletes, mebibytes)| {
                let bytes = (value_bytes + key_bytes + 36) as u64;
                let writes = ((mebibytes << 19) / bytes).clamp(20, 60_000) as u32;
                Phase {
                    writes,
                    keys,
                    key_bytes,
                    value_bytes,
                    ttl_ms,
                    pace,
                    step_every,
                    deletes,
                }
            },
        )
}

struct Store {
    shard: Shard,
    partitions: u16,
    sixteenths: u64,
    drawn: u64,
}

impl Store {
    fn play(&mut self, phase: &Phase) {
        for write in 0..phase.writes {
            self.sixteenths += phase.pace;
            let now_ms = START_MS + self.sixteenths / 16;
            let number = self.draw() % u64::from(phase.keys);
            let mut key = vec![b'k'; phase.key_bytes];
            key[..4].copy_from_slice(&(number as u32).to_le_bytes());
            let partition = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u16;
            let at = self
                .shard
                .address(MapId::DEFAULT, partition % self.partitions, &key);
            // From a half of the size to all of it.
            let bytes = phase.value_bytes - (self.draw() as usize % (phase.value_bytes / 2 + 1));
            let ttl_ms = phase.ttl_ms.map(|ttl_ms| 1 + self.draw() % ttl_ms);
            let options = PutOptions {
                expiry: ttl_ms.map_or(Expiry::None, |ttl_ms| Expiry::At(now_ms + ttl_ms)),
                ..PutOptions::default()
            };
            let value = vec![7; bytes];
            let stored = self.shard.put(at, &key, &value, options, now_ms);
            assert!(
                stored.is_ok(),
                "write {write} of {bytes} bytes: {stored:?}, {:?}",
                self.shard.usage()
            );
            let found = self.shard.get(at, &key, now_ms).unwrap();
            assert_eq!(found.value.len(), bytes);
            if phase.deletes && self.draw().is_multiple_of(3) {
                self.shard.delete(at, &key, now_ms);
            }
            if phase.step_every.is_some_and(|every| write % every == 0) {
                self.shard.step(now_ms, 64);
            }
        }
    }

    fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_mul(6_364_136_223_846_793_005) + 1;
        self.drawn ^ (self.drawn >> 33)
    }
}

fn play(memory_bytes: usize, partitions: u16, phases: &[Phase]) {
    let config = ShardConfig::owning_all(memory_bytes, partitions);
    let mut store = Store {
        shard: Shard::new(&config).unwrap(),
        partitions,
        sixteenths: 0,
        drawn: 1,
    };
    for phase in phases {
        store.play(phase);
        store.shard.verify().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 64 }, ..ProptestConfig::default() })]

    #[test]
    fn no_write_that_fits_is_refused_whatever_the_sizes_and_times_to_live(
        memory_bytes in (5_usize << 20)..(14 << 20),
        partitions in prop_oneof![Just(1_u16), Just(16), Just(1024), Just(4096)],
        phases in prop::collection::vec(phase(1 << 20), 1..5),
    ) {
        let least = 5 << 20;
        play(memory_bytes.max(least + usize::from(partitions) * 1024), partitions, &phases);
    }
}

#[test]
fn tables_of_all_partitions_fit_beside_the_entries_in_the_least_memory() {
    for partitions in [1_u16, 4096, 16_384] {
        let mut config = ShardConfig::owning_all(1, partitions);
        let refused = Shard::new(&config).err().unwrap();
        let jerboa_core_shard::ShardSetupError::TooLittleMemory { needed_bytes, .. } = refused
        else {
            panic!("{refused}")
        };
        config.memory_bytes = needed_bytes;
        let phase = Phase {
            writes: 60_000,
            keys: u32::MAX,
            key_bytes: 16,
            value_bytes: 64,
            ttl_ms: None,
            pace: 0,
            step_every: None,
            deletes: false,
        };
        play(needed_bytes, partitions, &[phase]);
    }
}
