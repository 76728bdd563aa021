//! Random operations under a virtual clock against a plain map, with everything recounted.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::{Leeway, Pair, Step, step, value};

/// Enough memory for everything that a run can write.
const ROOMY_BYTES: usize = 64 << 20;
/// Just above the least that a shard accepts.
const CRAMPED_BYTES: usize = 5 << 20;

fn run(memory_bytes: usize, leeway: Leeway, steps: &[Step]) {
    let mut pair = Pair::new(memory_bytes, leeway);
    for (number, step) in steps.iter().enumerate() {
        pair.apply(step);
        if number % 32 == 0 {
            pair.shard.verify().unwrap();
        }
    }
    pair.check_all();
    // Nothing may be left behind by what has expired.
    if leeway != Leeway::Evict {
        let usage = pair.shard.usage();
        assert!(usage.entries >= pair.known.len() as u64);
    }
    pair.now_ms += 1 << 36;
    while pair.shard.step(pair.now_ms, 256) {}
    pair.check_all();
    if leeway == Leeway::None {
        assert_eq!(pair.shard.usage().entries, pair.known.len() as u64);
        assert_eq!(pair.shard.usage().stale_slots, 0);
    }
}

fn small() -> impl Strategy<Value = Vec<u8>> {
    value(prop_oneof![Just(0usize), 0usize..24, 0usize..200])
}

fn any_size() -> impl Strategy<Value = Vec<u8>> {
    value(prop_oneof![4 => 0usize..300, 2 => 3_000usize..40_000, 1 => 40_000usize..300_000])
}

/// `JERBOA_TEST_FACTOR` multiplies the number of cases, for long runs.
fn cases(cases: u32) -> ProptestConfig {
    let factor = std::env::var("JERBOA_TEST_FACTOR").map_or(1, |factor| factor.parse().unwrap());
    let cases = if cfg!(miri) { 2 } else { cases * factor };
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn with_memory_to_spare_the_shard_answers_like_a_plain_map(
        steps in vec(step(60, small()), 1..400),
    ) {
        run(ROOMY_BYTES, Leeway::None, &steps);
    }

    #[test]
    fn values_of_any_size_come_back_whole(steps in vec(step(24, any_size()), 1..150)) {
        run(ROOMY_BYTES, Leeway::None, &steps);
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_full_shard_that_refuses_loses_nothing(
        steps in vec(step(80, value(prop_oneof![0usize..40_000, 0usize..120_000])), 1..300),
    ) {
        run(CRAMPED_BYTES, Leeway::Refuse, &steps);
    }

    #[test]
    fn a_full_shard_that_evicts_answers_right_or_not_at_all(
        steps in vec(step(200, value(prop_oneof![0usize..40_000, 0usize..120_000])), 1..300),
    ) {
        run(CRAMPED_BYTES, Leeway::Evict, &steps);
    }
}
