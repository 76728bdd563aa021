//! Fear: a waiter that learns only at its own deadline that the lock before it was evicted, because
//! others keep the core's lines busy.

use jerboa_core_shard::{Shard, ShardConfig};

use super::*;

const LINES: usize = 8;

fn waiter(serial: u64) -> Waiter {
    crate::worker::waiters::tests::waiter(serial, u64::MAX)
}

fn key(number: usize) -> [u8; 8] {
    number.to_le_bytes()
}

/// Lines that were looked at when they began.
fn quiet_lines(shard: &Shard) -> Locks {
    let mut locks = Locks::default();
    for number in 0..LINES {
        let at = shard.address(MapId::DEFAULT, 1, &key(number));
        let joined = locks.waiters.join(at, &key(number), waiter(number as u64));
        joined.unwrap();
    }
    assert_eq!(looked_at(&mut locks), LINES);
    locks
}

/// As many lines as a turn looks at.
fn looked_at(locks: &mut Locks) -> usize {
    std::iter::from_fn(|| locks.waiters.next_touched()).count()
}

/// A turn in which somebody uses the lock of the first line; the lines that are looked at.
fn busy_turn(locks: &mut Locks, gone: u64, now_ms: u64, most: u32) -> usize {
    locks.waiters.touch(MapId::DEFAULT, &key(0));
    locks.waiters.pass_on(most);
    locks.look_for_gone(gone, now_ms);
    looked_at(locks)
}

#[test]
fn evicted_locks_are_found_in_a_second_or_so_though_every_turn_has_lock_traffic() {
    let shard = Shard::new(&ShardConfig::owning_all(16 << 20, 16)).unwrap();
    let mut locks = quiet_lines(&shard);
    let mut now_ms = 1_700_000_000_000;
    // The first look is due at once; what it begins is done a turn later.
    let found: usize = (0..2).map(|_| busy_turn(&mut locks, 1, now_ms, 1024)).sum();
    assert_eq!(found, 1 + LINES);
    let mut looked = 0;
    for _ in 0..1_100 {
        now_ms += 1;
        looked += busy_turn(&mut locks, 2, now_ms, 1024);
    }
    assert_eq!(
        looked,
        1_100 + LINES - 1,
        "all lines once, the busy one always"
    );
    // Nothing was removed since: nothing is looked for.
    now_ms += 5_000;
    assert_eq!(busy_turn(&mut locks, 2, now_ms, 1024), 1);
    assert_eq!(busy_turn(&mut locks, 2, now_ms, 1024), 1);
    // A clock that was set back by a day does not put the look off for one.
    now_ms -= 86_400_000;
    let found: usize = (0..2).map(|_| busy_turn(&mut locks, 3, now_ms, 1024)).sum();
    assert_eq!(found, 1 + LINES);
}

#[test]
fn what_is_removed_during_a_look_is_found_by_the_next() {
    let shard = Shard::new(&ShardConfig::owning_all(16 << 20, 16)).unwrap();
    let mut locks = quiet_lines(&shard);
    let mut now_ms = 1_700_000_000_000;
    // The busy line takes half of what a turn goes by.
    let turns = LINES;
    let mut looked = 0;
    for turn in 0..=turns {
        now_ms += GONE_LOOK_MS;
        // From the second turn on something else has gone, before or behind where the look is.
        looked += busy_turn(&mut locks, 1 + u64::from(turn > 0), now_ms, 2);
    }
    assert_eq!(looked, 1 + turns + LINES - 1, "one look at a time");
    let mut again = 0;
    for _ in 0..turns {
        now_ms += 1;
        again += busy_turn(&mut locks, 2, now_ms, 2);
    }
    assert_eq!(again, turns + LINES - 1, "then the next");
    assert_eq!(busy_turn(&mut locks, 2, now_ms + 5_000, 2), 1);
}
