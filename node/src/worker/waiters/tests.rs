//! The lines alone: order, deadlines, and that nothing is left of who went away.

use jerboa_core_shard::{Shard, ShardConfig};

use super::*;

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(16 << 20, 16)).unwrap()
}

pub(in crate::worker) fn waiter(serial: u64, deadline_ms: u64) -> Waiter {
    Waiter {
        to: ReturnAddress {
            core: 0,
            socket: SocketId(serial as u32),
            serial,
            number: 0,
            part: 0,
        },
        request_id: serial as u32,
        partition: 0,
        crc: jerboa_wire::Crc::On,
        stale: false,
        lease_ms: None,
        deadline_ms,
    }
}

fn serial_at_head(waiters: &Waiters, line: u32) -> Option<u64> {
    waiters.head(line).map(|(_, waiter, ..)| waiter.to.serial)
}

#[test]
fn a_line_is_served_in_the_order_of_arrival_whoever_leaves_it() {
    let shard = shard();
    let at = shard.address(MapId::DEFAULT, 3, b"key");
    let mut waiters = Waiters::default();
    for serial in 0..6 {
        waiters.join(at, b"key", waiter(serial, 1000)).unwrap();
    }
    let line = waiters.next_touched().unwrap();
    assert_eq!(waiters.next_touched(), None, "one line, touched once");
    for gone in [0, 3, 5] {
        let ids = waiters.of_connection(Connection::new(0, SocketId(gone as u32), gone));
        assert_eq!(ids.len(), 1);
        assert_eq!(waiters.remove(ids[0]).unwrap().to.serial, gone);
        assert!(waiters.remove(ids[0]).is_none(), "it left only once");
    }
    let mut served = Vec::new();
    while let Some((id, waiter, ..)) = waiters.head(line) {
        served.push(waiter.to.serial);
        waiters.remove(id);
    }
    assert_eq!(served, [1, 2, 4]);
    assert!(waiters.is_empty() && waiters.line(&at, b"key").is_none());
    assert!(waiters.due.is_empty() && waiters.connections.is_empty());
    assert!(waiters.lines_of_maps.is_empty() && waiters.touched.is_empty());
}

#[test]
fn deadlines_and_expiries_come_due_in_order_and_once() {
    let shard = shard();
    let first = shard.address(MapId::DEFAULT, 1, b"first");
    let second = shard.address(MapId::DEFAULT, 2, b"second");
    let mut waiters = Waiters::default();
    waiters.join(first, b"first", waiter(1, 500)).unwrap();
    waiters.join(first, b"first", waiter(2, 300)).unwrap();
    waiters.join(second, b"second", waiter(3, 900)).unwrap();
    let mut lines = Vec::new();
    while let Some(line) = waiters.next_touched() {
        lines.push(line);
    }
    lines.sort_unstable();
    waiters.wake_at(lines[1], Some(400));
    waiters.wake_at(lines[1], Some(450));
    assert!(waiters.expire(299, usize::MAX).is_empty() && !waiters.is_touched());
    let overdue = waiters.expire(300, usize::MAX);
    assert_eq!(overdue.len(), 1);
    assert_eq!(
        waiters.next_touched(),
        Some(lines[0]),
        "it may be free by now"
    );
    assert_eq!(waiters.remove(overdue[0]).unwrap().to.serial, 2);
    assert!(
        waiters.expire(449, usize::MAX).is_empty() && !waiters.is_touched(),
        "the earlier wake-up was moved"
    );
    assert!(waiters.expire(450, usize::MAX).is_empty());
    assert_eq!(
        waiters.next_touched(),
        Some(lines[1]),
        "the lock in front expired"
    );
    assert_eq!(waiters.expire(10_000, usize::MAX).len(), 2);
    assert_eq!(serial_at_head(&waiters, lines[0]), Some(1));
}

#[test]
fn as_many_wait_as_may_and_their_memory_comes_back() {
    let shard = shard();
    let mut waiters = Waiters::default();
    for number in 0..LOCK_WAITERS_MAX as u64 {
        let key = (number % 1000).to_le_bytes();
        let at = shard.address(MapId::DEFAULT, 1, &key);
        waiters
            .join(at, &key, waiter(number, 1000 + number))
            .unwrap();
    }
    let at = shard.address(MapId::DEFAULT, 1, b"one more");
    assert_eq!(
        waiters.join(at, b"one more", waiter(0, 1)),
        Err(TooManyWaiters)
    );
    let overdue = waiters.expire(u64::MAX, usize::MAX);
    assert_eq!(overdue.len(), LOCK_WAITERS_MAX);
    for id in overdue {
        assert!(waiters.remove(id).is_some());
    }
    assert!(waiters.is_empty() && !waiters.is_touched());
    assert_eq!(waiters.nodes.capacity(), 0);
    assert_eq!(waiters.bytes(), 0);
}

#[test]
fn long_keys_are_bounded_by_their_bytes_and_each_is_counted_once() {
    let shard = shard();
    let mut waiters = Waiters::default();
    let long = |number: usize| {
        let mut key = vec![b'k'; 65_535];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    };
    let most = LOCK_KEY_BYTES_MAX / 65_535;
    for number in 0..most {
        let key = long(number);
        let at = shard.address(MapId::DEFAULT, 1, &key);
        waiters.join(at, &key, waiter(0, 1000)).unwrap();
        // A long line costs its key no second time.
        waiters.join(at, &key, waiter(1, 1000)).unwrap();
    }
    assert!(waiters.bytes() >= waiters.key_bytes && waiters.key_bytes == most * 65_535);
    let one_more = long(most);
    let at = shard.address(MapId::DEFAULT, 1, &one_more);
    let refused = waiters.join(at, &one_more, waiter(2, 1000));
    assert_eq!(refused, Err(TooManyWaiters));
    let known = long(0);
    let at = shard.address(MapId::DEFAULT, 1, &known);
    waiters.join(at, &known, waiter(2, 1000)).unwrap();
    for id in waiters.all() {
        waiters.remove(id).unwrap();
    }
    assert_eq!((waiters.bytes(), waiters.key_bytes), (0, 0));
    let at = shard.address(MapId::DEFAULT, 1, &one_more);
    waiters.join(at, &one_more, waiter(2, 1000)).unwrap();
}

#[test]
fn many_waiters_that_run_out_of_time_at_once_are_taken_a_few_at_a_time_each_once() {
    let shard = shard();
    let mut waiters = Waiters::default();
    let all = LOCK_WAITERS_MAX as u64;
    for number in 0..all {
        let key = number.to_le_bytes();
        let at = shard.address(MapId::DEFAULT, 1, &key);
        waiters.join(at, &key, waiter(number, 1000)).unwrap();
    }
    let (mut looks, mut served) = (0, 0);
    while !waiters.is_empty() {
        let overdue = waiters.expire(1000, 256);
        assert!(overdue.len() <= 256);
        // As the owner does: so many lines are looked at, and who belongs to another waits.
        for _ in 0..256 {
            waiters.next_touched();
        }
        for id in overdue {
            if waiters.is_line_touched(id) {
                waiters.put_off(id);
            } else {
                waiters.remove(id).unwrap();
                served += 1;
            }
        }
        assert!(waiters.is_empty() || waiters.are_overdue() || waiters.is_touched());
        looks += 1;
        assert!(looks <= 3 * all / 256, "nobody waits for ever");
    }
    assert_eq!(served, all);
    assert!(!waiters.is_touched());
}

#[test]
fn maps_have_lines_of_their_own() {
    let mut shard = shard();
    let other = shard.map_id(b"other").unwrap();
    let mut waiters = Waiters::default();
    let at = shard.address(MapId::DEFAULT, 1, b"key");
    waiters.join(at, b"key", waiter(1, 1000)).unwrap();
    while waiters.next_touched().is_some() {}
    waiters.touch(other, b"key");
    assert!(!waiters.is_touched());
    waiters.touch(MapId::DEFAULT, b"key");
    assert!(waiters.is_touched());
}

#[test]
fn the_lines_of_a_map_are_touched_a_few_at_a_time_and_none_is_left_out() {
    const LINES: u32 = 5000;
    const MOST: u32 = 512;
    let mut shard = shard();
    let maps = [b"a", b"b", b"c"].map(|name| shard.map_id(name).unwrap());
    let mut waiters = Waiters::default();
    for number in 0..LINES {
        for map in maps {
            let key = number.to_le_bytes();
            let at = shard.address(map, 1, &key);
            let id = u64::from(number * 3) + u64::from(map.index());
            waiters.join(at, &key, waiter(id, 1000)).unwrap();
        }
    }
    while waiters.next_touched().is_some() {}
    let mut touched = HashMap::<MapId, u32>::new();
    waiters.touch_map(maps[0]);
    let mut passes = 0;
    while waiters.is_touched() {
        waiters.pass_on(MOST);
        passes += 1;
        if passes == 7 {
            // By now lines of it were passed.
            waiters.touch_map(maps[2]);
        }
        let mut at_once = 0;
        while let Some(line) = waiters.next_touched() {
            let (_, _, at, _) = waiters.head(line).unwrap();
            *touched.entry(at.map).or_default() += 1;
            at_once += 1;
        }
        assert!(at_once <= MOST, "{at_once} lines at once");
    }
    assert_eq!(touched.get(&maps[0]), Some(&LINES));
    assert_eq!(touched.get(&maps[1]), None);
    assert_eq!(touched.get(&maps[2]), Some(&LINES));
    // Whoever is gone is not waited for.
    waiters.touch_map(maps[1]);
    waiters.pass_on(1);
    for id in waiters.all() {
        waiters.remove(id);
    }
    waiters.pass_on(1);
    assert!(!waiters.is_touched());
}

#[test]
fn a_pass_ends_however_many_lines_are_touched_meanwhile() {
    const LINES: u32 = 2000;
    const MOST: u32 = 64;
    let mut shard = shard();
    let (busy, quiet) = (MapId::DEFAULT, shard.map_id(b"quiet").unwrap());
    let mut waiters = Waiters::default();
    for number in 0..LINES {
        let map = if number < LINES / 2 { busy } else { quiet };
        let key = number.to_le_bytes();
        let at = shard.address(map, 1, &key);
        waiters
            .join(at, &key, waiter(u64::from(number), 1000))
            .unwrap();
    }
    while waiters.next_touched().is_some() {}
    waiters.touch_all();
    let mut found = 0;
    for turn in 0..LINES {
        // More than are looked at in a turn.
        for number in 0..2 * MOST {
            let key = ((turn * 2 * MOST + number) % (LINES / 2)).to_le_bytes();
            waiters.touch(busy, &key);
        }
        waiters.pass_on(MOST);
        for _ in 0..MOST {
            let line = waiters.next_touched().unwrap();
            found += u32::from(waiters.head(line).unwrap().2.map == quiet);
        }
    }
    assert_eq!(found, LINES / 2);
}
