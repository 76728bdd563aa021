//! Addresses that were prefetched before the index changed: as in a batch, where an operation may
//! come behind others that made its partition grow.
#![expect(clippy::unwrap_used, reason = "test harness")]

use jerboa_core_shard::{Address, MapId, PutOptions, Shard, ShardConfig};

const PARTITIONS: u16 = 4;
const PARTITION: u16 = 1;
const NOW_MS: u64 = 1_800_000_000_000;

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(32 << 20, PARTITIONS)).unwrap()
}

fn key(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

fn prefetched(shard: &Shard, number: u32) -> Address {
    let mut at = shard.address(MapId::DEFAULT, PARTITION, &key(number));
    shard.prefetch([&mut at]);
    at
}

fn put(shard: &mut Shard, at: Address, number: u32) {
    let value = number.to_string();
    let options = PutOptions::default();
    let stored = shard.put(at, &key(number), value.as_bytes(), options, NOW_MS);
    stored.unwrap();
}

fn get(shard: &mut Shard, at: Address, number: u32) -> Option<Vec<u8>> {
    let entry = shard.get(at, &key(number), NOW_MS)?;
    Some(entry.value.to_vec())
}

#[test]
fn an_address_finds_its_entry_however_much_its_partition_grew_since() {
    let mut shard = shard();
    let count = 20_000;
    // The first ones are from before there was a table at all.
    let mut addresses: Vec<Address> = (0..8).map(|number| prefetched(&shard, number)).collect();
    for number in 0..count {
        let at = match addresses.get(number as usize) {
            Some(at) => *at,
            None => prefetched(&shard, number),
        };
        put(&mut shard, at, number);
        if number >= 8 {
            addresses.push(at);
        }
        // Some that were split away from where they were, and some that were not.
        for old in [number / 2, number / 3, number] {
            let value = get(&mut shard, addresses[old as usize], old);
            assert_eq!(value, Some(old.to_string().into_bytes()), "{number}");
        }
    }
    assert_eq!(shard.usage().entries, u64::from(count), "each key once");
    shard.verify().unwrap();
}

#[test]
fn an_address_finds_nothing_in_a_partition_that_went_and_what_is_new_in_one_that_came_back() {
    let mut shard = shard();
    let numbers = 0..500;
    let addresses: Vec<Address> = numbers
        .clone()
        .map(|number| {
            let at = prefetched(&shard, number);
            put(&mut shard, at, number);
            prefetched(&shard, number)
        })
        .collect();
    let fresh = prefetched(&shard, 7);
    shard.drop_partition(PARTITION).unwrap();
    for number in numbers.clone() {
        assert_eq!(get(&mut shard, addresses[number as usize], number), None);
    }
    assert_eq!(get(&mut shard, fresh, 7), None);
    assert!(!shard.delete(fresh, &key(7), NOW_MS));
    while shard.is_dropping(PARTITION) {
        shard.step(NOW_MS, 64);
    }
    // Others take the memory and the place of its table.
    for partition in [0, 2, 3] {
        for number in 0..2_000 {
            let at = shard.address(MapId::DEFAULT, partition, &key(number));
            put(&mut shard, at, number);
        }
    }
    shard.adopt_partition(PARTITION).unwrap();
    for number in numbers.clone() {
        assert_eq!(get(&mut shard, addresses[number as usize], number), None);
    }
    for number in numbers.clone() {
        put(&mut shard, addresses[number as usize], number);
    }
    for number in numbers {
        let value = get(&mut shard, addresses[number as usize], number);
        assert_eq!(value, Some(number.to_string().into_bytes()));
    }
    shard.verify().unwrap();
}
