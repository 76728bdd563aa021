//! The recount in slices agrees with the one in one go, and works while operations go on.
#![expect(clippy::unwrap_used, reason = "test harness")]

use jerboa_core_shard::{
    Condition, Expiry, MapId, PutOptions, Shard, ShardConfig, VerifyCursor, VerifyReport,
};

const NOW_MS: u64 = 1_800_000_000_000;

fn operate(shard: &mut Shard, number: u64) {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let key = (mixed % 40_000).to_le_bytes();
    let at = shard.address(MapId::DEFAULT, (mixed % 8) as u16, &key);
    let now_ms = NOW_MS + number / 8;
    let expiry = if mixed.is_multiple_of(2) {
        Expiry::At(now_ms + mixed % 9_000 + 1)
    } else {
        Expiry::None
    };
    let options = PutOptions {
        condition: Condition::Always,
        expiry,
    };
    let value = [1; 50_000];
    let length = if number.is_multiple_of(997) {
        50_000
    } else {
        mixed as usize % 400
    };
    shard
        .put(at, &key, &value[..length], options, now_ms)
        .unwrap();
    if mixed.is_multiple_of(5) {
        shard.delete(at, &key, now_ms);
    }
    if number.is_multiple_of(16) {
        shard.step(now_ms, 64);
    }
}

fn in_slices(shard: &mut Shard, budget: u32, mut between: impl FnMut(&mut Shard)) -> VerifyReport {
    let mut cursor = VerifyCursor::default();
    while !cursor.is_done() {
        shard.verify_slice(&mut cursor, budget).unwrap();
        between(shard);
    }
    *cursor.report()
}

#[test]
fn a_recount_in_slices_finds_the_same_as_one_in_one_go() {
    let mut shard = Shard::new(&ShardConfig::owning_all(8 << 20, 8)).unwrap();
    assert_eq!(in_slices(&mut shard, 1, |_| ()), shard.verify().unwrap());
    for round in 0..6 {
        (round * 9_000..(round + 1) * 9_000).for_each(|number| operate(&mut shard, number));
        let whole = shard.verify().unwrap();
        for budget in [1, 7, 200, u32::MAX] {
            let sliced = in_slices(&mut shard, budget, |_| ());
            assert_eq!(sliced.segments_skipped, 0);
            assert_eq!(
                (sliced.buckets, sliced.stale_slots),
                (whole.buckets, whole.stale_slots)
            );
            assert!(sliced.entries <= whole.entries && sliced.live_bytes <= whole.live_bytes);
        }
    }
}

#[test]
fn a_recount_goes_on_beside_writes_evictions_sweeps_and_growth() {
    let mut shard = Shard::new(&ShardConfig::owning_all(8 << 20, 8)).unwrap();
    (0..30_000).for_each(|number| operate(&mut shard, number));
    let mut number = 30_000;
    for _ in 0..4 {
        let report = in_slices(&mut shard, 50, |shard| {
            for _ in 0..6 {
                operate(shard, number);
                number += 1;
            }
        });
        assert!(
            report.segments > 0 && report.segments_skipped * 2 < report.segments,
            "{report:?}"
        );
    }
    assert!(shard.counters().evicted > 0 && shard.counters().expired > 0);
    shard.verify().unwrap();
}
