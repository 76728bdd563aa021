//! Keys whose hashes are equal must not disturb one another (a defect of some engines, where the
//! second key silently takes the place of the first).

use super::Shard;
use crate::config::ShardConfig;
use crate::hash::KeyHash;
use crate::map::MapId;
use crate::operation::PutOptions;

/// A shard whose hash keeps only these bits.
fn shard(mask: u64) -> Shard {
    let mut shard = Shard::new(&ShardConfig::owning_all(16 << 20, 1)).unwrap();
    shard.hasher = KeyHash::with_mask(7, mask);
    shard
}

fn put(shard: &mut Shard, map: MapId, key: &str, value: &str) {
    let at = shard.address(map, 0, key.as_bytes());
    shard
        .put(
            at,
            key.as_bytes(),
            value.as_bytes(),
            PutOptions::default(),
            1,
        )
        .unwrap();
}

fn get(shard: &mut Shard, map: MapId, key: &str) -> Option<String> {
    let at = shard.address(map, 0, key.as_bytes());
    let entry = shard.get(at, key.as_bytes(), 1)?;
    Some(String::from_utf8(entry.value.to_vec()).unwrap())
}

#[test]
fn two_keys_with_equal_hashes_are_both_alive() {
    let mut shard = shard(0);
    let other = shard.map_id(b"other").unwrap();
    put(&mut shard, MapId::DEFAULT, "one", "1");
    put(&mut shard, MapId::DEFAULT, "two", "2");
    put(&mut shard, other, "one", "3");
    assert_eq!(get(&mut shard, MapId::DEFAULT, "one").as_deref(), Some("1"));
    assert_eq!(get(&mut shard, MapId::DEFAULT, "two").as_deref(), Some("2"));
    assert_eq!(get(&mut shard, other, "one").as_deref(), Some("3"));
    assert_eq!(get(&mut shard, other, "two"), None);
    let at = shard.address(MapId::DEFAULT, 0, b"one");
    assert!(shard.delete(at, b"one", 1));
    assert_eq!(get(&mut shard, MapId::DEFAULT, "one"), None);
    assert_eq!(get(&mut shard, MapId::DEFAULT, "two").as_deref(), Some("2"));
    assert_eq!(get(&mut shard, other, "one").as_deref(), Some("3"));
    shard.verify().unwrap();
}

#[test]
fn hundreds_of_equal_hashes_and_equal_tags_survive_growth_and_deletion() {
    // Nothing left of the hash; only bits of the tag that no split comes to; two of the bucket.
    for mask in [0, 0x3FFF << 8, 0b11] {
        let mut shard = shard(mask);
        let count = if cfg!(miri) { 40 } else { 700 };
        for number in 0..count {
            put(
                &mut shard,
                MapId::DEFAULT,
                &format!("k{number}"),
                &format!("v{number}"),
            );
        }
        shard.verify().unwrap();
        for number in (0..count).step_by(3) {
            let key = format!("k{number}");
            let at = shard.address(MapId::DEFAULT, 0, key.as_bytes());
            assert!(shard.delete(at, key.as_bytes(), 1));
        }
        for number in 0..count {
            let expected = (number % 3 != 0).then(|| format!("v{number}"));
            assert_eq!(
                get(&mut shard, MapId::DEFAULT, &format!("k{number}")),
                expected
            );
        }
        shard.verify().unwrap();
    }
}
