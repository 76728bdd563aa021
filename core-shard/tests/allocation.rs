//! In steady state no operation allocates from the heap: a counting allocator says so.
#![expect(clippy::unwrap_used, reason = "test harness")]
#![expect(unsafe_code, reason = "an allocator that counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use jerboa_core_shard::{Condition, Expiry, MapId, PutOptions, Shard, ShardConfig};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`; the pointer came from `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One of every operation on a key; the shard is small, so that eviction, compaction, sweeps,
/// cleaning and growth all take part.
fn operate(shard: &mut Shard, number: u64, now_ms: u64) {
    let key = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 30_000).to_le_bytes();
    let partition = (key[0] % 16).into();
    let mut at = shard.address(MapId::DEFAULT, partition, &key);
    let value = [7; 300];
    let value = &value[..(number % 300) as usize];
    let expiry = match number % 3 {
        0 => Expiry::None,
        1 => Expiry::At(now_ms + 1 + number % 50_000),
        _ => Expiry::Keep,
    };
    let options = PutOptions {
        condition: Condition::Always,
        expiry,
    };
    shard.prefetch([&mut at.clone(), &mut at]);
    let _ = shard.get(at, &key, now_ms);
    let _ = shard.put(at, &key, value, options, now_ms);
    let _ = shard.metadata(at, &key, now_ms);
    if number.is_multiple_of(5) {
        let _ = shard.set_expiry(at, &key, Some(now_ms + 5_000), now_ms);
    }
    if number.is_multiple_of(7) {
        shard.delete(at, &key, now_ms);
    }
    let counter = b"counter";
    let at = shard.address(MapId::DEFAULT, 3, counter);
    shard.add(at, counter, 1, now_ms).unwrap();
    if number.is_multiple_of(1000) {
        let large = [1_u8; 40_000];
        let at = shard.address(MapId::DEFAULT, 4, b"large");
        let _ = shard.put(at, b"large", &large, PutOptions::default(), now_ms);
        assert!(
            shard
                .get(at, b"large", now_ms)
                .unwrap()
                .value
                .parts()
                .count()
                > 1
        );
    }
    shard.step(now_ms, 64);
}

#[test]
fn no_operation_allocates_in_steady_state() {
    let mut shard = Shard::new(&ShardConfig::owning_all(6 << 20, 16)).unwrap();
    let rounds = if cfg!(miri) { 500 } else { 60_000 };
    for number in 0..rounds {
        operate(&mut shard, number, 1_800_000_000_000 + number);
    }
    let before = ALLOCATIONS.get();
    for number in rounds..2 * rounds {
        operate(&mut shard, number, 1_800_000_000_000 + number);
    }
    assert_eq!(
        ALLOCATIONS.get() - before,
        0,
        "allocations in {rounds} rounds"
    );
    shard.verify().unwrap();
    if !cfg!(miri) {
        let counters = *shard.counters();
        assert!(
            counters.evicted > 0 && counters.segments_swept > 0,
            "{counters:?}"
        );
    }
}
