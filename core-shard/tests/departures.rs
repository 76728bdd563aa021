//! Fears: an entry that goes without being noted, is noted twice, or is noted although somebody
//! removed it; the books that no longer match once entries are told one by one; notes without bound.
#![expect(clippy::unwrap_used, reason = "test harness")]

use std::collections::BTreeMap;

use jerboa_core_shard::{
    Address, Condition, Departure, Expiry, Interest, MapId, PutOptions, Shard, ShardConfig,
};

const START_MS: u64 = 1_800_000_000_000;

fn shard() -> Shard {
    Shard::new(&ShardConfig::owning_all(16 << 20, 16)).unwrap()
}

fn put(shard: &mut Shard, map: MapId, key: &str, value: &[u8], ttl_ms: Option<u64>, now_ms: u64) {
    let at = shard.address(map, (key.len() % 16) as u16, key.as_bytes());
    let options = PutOptions {
        condition: Condition::Always,
        expiry: ttl_ms.map_or(Expiry::None, |ttl_ms| Expiry::At(now_ms + ttl_ms)),
    };
    shard
        .put(at, key.as_bytes(), value, options, now_ms)
        .unwrap();
}

fn settle(shard: &mut Shard, now_ms: u64) {
    while shard.step(now_ms, 64) {}
}

/// Keys that were noted, with how often, by why.
fn noted(shard: &mut Shard) -> (BTreeMap<String, u32>, BTreeMap<String, u32>) {
    let (mut expired, mut evicted) = (BTreeMap::new(), BTreeMap::new());
    while let Some(gone) = shard.take_departed() {
        let kind = match gone.departure {
            Departure::Expired => &mut expired,
            Departure::Evicted => &mut evicted,
            Departure::Deleted | Departure::Overwritten | Departure::Destroyed => {
                panic!("nothing bears a mark: {gone:?}")
            }
        };
        assert!(gone.version > 0);
        *kind
            .entry(String::from_utf8(gone.key.into()).unwrap())
            .or_default() += 1;
    }
    (expired, evicted)
}

const ALL: Interest = Interest {
    expired: true,
    evicted: true,
    mark: None,
};

#[test]
fn every_entry_that_expires_is_noted_once_however_it_is_found() {
    let mut shard = shard();
    shard.watch(ALL);
    let mixed = shard.map_id(b"other").unwrap();
    let large = vec![7; 600 << 10];
    for number in 0..5000 {
        let key = format!("short:{number}");
        let map = if number % 3 == 0 {
            mixed
        } else {
            MapId::DEFAULT
        };
        let ttl_ms = 1000 + number % 7;
        put(&mut shard, map, &key, b"value", Some(ttl_ms), START_MS);
    }
    put(&mut shard, mixed, "large", &large, Some(1000), START_MS);
    for number in 0..1000 {
        let key = format!("kept:{number}");
        put(&mut shard, mixed, &key, b"value", None, START_MS);
    }
    // Somebody's doing: not noted.
    for number in 0..100 {
        let key = format!("short:{number}");
        let map = if number % 3 == 0 {
            mixed
        } else {
            MapId::DEFAULT
        };
        let at = shard.address(map, (key.len() % 16) as u16, key.as_bytes());
        assert!(shard.delete(at, key.as_bytes(), START_MS));
        let key = format!("short:{}", number + 100);
        let map = if (number + 100) % 3 == 0 {
            mixed
        } else {
            MapId::DEFAULT
        };
        put(&mut shard, map, &key, b"changed", None, START_MS);
    }
    settle(&mut shard, START_MS + 999);
    assert!(!shard.has_departed());
    let now_ms = START_MS + 1500;
    // Some are found by a read before the sweep passes.
    for number in 200..210 {
        let key = format!("short:{number}");
        let map = if number % 3 == 0 {
            mixed
        } else {
            MapId::DEFAULT
        };
        let at = shard.address(map, (key.len() % 16) as u16, key.as_bytes());
        assert!(shard.get(at, key.as_bytes(), now_ms).is_none());
    }
    settle(&mut shard, now_ms);
    // What lies in open segments waits for the next look at them.
    settle(&mut shard, now_ms + 60_000);
    let (expired, evicted) = noted(&mut shard);
    assert_eq!(evicted, BTreeMap::new());
    let mut expected: BTreeMap<String, u32> = (200..5000)
        .map(|number| (format!("short:{number}"), 1))
        .collect();
    expected.insert("large".to_owned(), 1);
    assert_eq!(expired, expected);
    assert_eq!(shard.counters().expired, expected.len() as u64);
    assert_eq!(shard.take_unnoted(), 0);
    shard.verify().unwrap();
    assert_eq!(shard.usage().entries, 1100);
}

#[test]
fn every_entry_that_is_evicted_is_noted_once() {
    let mut shard = shard();
    shard.watch(ALL);
    let mut stored = 0;
    let mut gone: BTreeMap<String, u32> = BTreeMap::new();
    let value = [1; 200];
    while shard.counters().evicted < 30_000 {
        let key = format!("key:{stored}");
        put(&mut shard, MapId::DEFAULT, &key, &value, None, START_MS);
        stored += 1;
        if stored % 50 == 0 {
            shard.step(START_MS, 8);
        }
        let (expired, evicted) = noted(&mut shard);
        assert_eq!(expired, BTreeMap::new());
        for (key, times) in evicted {
            *gone.entry(key).or_default() += times;
        }
    }
    // Segments that were dropped whole are told in slices.
    settle(&mut shard, START_MS);
    let (_, evicted) = noted(&mut shard);
    gone.extend(evicted);
    assert_eq!(shard.take_unnoted(), 0);
    assert!(gone.values().all(|times| *times == 1));
    assert_eq!(gone.len() as u64, shard.counters().evicted);
    assert_eq!(shard.usage().entries + gone.len() as u64, stored);
    shard.verify().unwrap();
}

#[test]
fn only_marked_values_are_noted_where_only_they_matter() {
    let mut shard = shard();
    shard.watch(Interest {
        mark: Some(*b"JRBLOCK1"),
        ..Interest::default()
    });
    for number in 0..1000 {
        let key = format!("plain:{number}");
        put(
            &mut shard,
            MapId::DEFAULT,
            &key,
            b"JRBLOCK",
            Some(10),
            START_MS,
        );
    }
    put(
        &mut shard,
        MapId::DEFAULT,
        "lock",
        b"JRBLOCK1........",
        Some(10),
        START_MS,
    );
    settle(&mut shard, START_MS + 100_000);
    let gone = shard.take_departed().unwrap();
    assert_eq!(
        (&*gone.key, gone.marked),
        (&b"lock"[..], Some(*b"........"))
    );
    assert_eq!(shard.take_departed(), None);
}

#[test]
fn what_goes_with_its_map_or_unwatched_is_not_noted() {
    let mut shard = shard();
    let map = shard.map_id(b"doomed").unwrap();
    let fill = |shard: &mut Shard| {
        for number in 0..2000 {
            let key = format!("key:{number}");
            put(shard, map, &key, b"value", Some(1000), START_MS);
        }
    };
    shard.watch(ALL);
    fill(&mut shard);
    shard.destroy_map(map, START_MS).unwrap();
    settle(&mut shard, START_MS + 100_000);
    assert!(!shard.has_departed());
    fill(&mut shard);
    shard.watch(Interest::default());
    settle(&mut shard, START_MS + 200_000);
    shard.watch(ALL);
    assert!(!shard.has_departed());
    assert_eq!(shard.usage().entries, 0);
    shard.verify().unwrap();
}

const MARK: [u8; 8] = *b"markmark";

fn marked(token: u8) -> [u8; 16] {
    let mut value = [token; 16];
    value[..8].copy_from_slice(&MARK);
    value
}

type Loss = fn(&mut Shard, Address, &[u8]);

/// What may happen to a marked entry, and what of it is noted.
const LOSSES: [(&str, Option<Departure>, Loss); 9] = [
    ("deleted", Some(Departure::Deleted), |shard, at, key| {
        assert!(shard.delete(at, key, START_MS));
    }),
    ("shorter", Some(Departure::Overwritten), |shard, at, key| {
        shard
            .put(at, key, b"v", PutOptions::default(), START_MS)
            .unwrap();
    }),
    ("as long", Some(Departure::Overwritten), |shard, at, key| {
        shard
            .put(at, key, &[7; 16], PutOptions::default(), START_MS)
            .unwrap();
    }),
    ("longer", Some(Departure::Overwritten), |shard, at, key| {
        let value = [marked(1).as_slice(), b"appended"].concat();
        shard
            .put(at, key, &value, PutOptions::default(), START_MS)
            .unwrap();
    }),
    ("large", Some(Departure::Overwritten), |shard, at, key| {
        shard
            .put(at, key, &[7; 600 << 10], PutOptions::default(), START_MS)
            .unwrap();
    }),
    (
        "put that is over",
        Some(Departure::Deleted),
        |shard, at, key| {
            let expiry = Expiry::At(START_MS - 1);
            let options = PutOptions {
                expiry,
                ..PutOptions::default()
            };
            shard.put(at, key, b"v", options, START_MS).unwrap();
        },
    ),
    (
        "expiry that is over",
        Some(Departure::Deleted),
        |shard, at, key| {
            shard.set_expiry(at, key, Some(START_MS), START_MS);
        },
    ),
    ("same value", None, |shard, at, key| {
        shard
            .put(at, key, &marked(1), PutOptions::default(), START_MS)
            .unwrap();
        shard.set_expiry(at, key, Some(START_MS + 1_000_000), START_MS);
        assert!(shard.add(at, key, 1, START_MS).is_err());
    }),
    ("given back", None, |shard, at, key| {
        assert!(shard.give_back(at, key, START_MS));
    }),
];

#[test]
fn a_marked_entry_that_somebody_takes_away_is_noted_once_and_one_given_back_is_not() {
    let mut shard = shard();
    shard.watch(Interest {
        mark: Some(MARK),
        ..Interest::default()
    });
    let map = MapId::DEFAULT;
    for (key, expected, lose) in LOSSES {
        put(&mut shard, map, key, &marked(1), Some(60_000), START_MS);
        let plain = format!("plain {key}");
        put(&mut shard, map, &plain, &[1; 16], Some(60_000), START_MS);
        for key in [key, &plain] {
            let at = shard.address(map, (key.len() % 16) as u16, key.as_bytes());
            let key = key.as_bytes();
            if !key.starts_with(b"plain same") {
                lose(&mut shard, at, key);
            }
        }
        let noted: Vec<_> = std::iter::from_fn(|| shard.take_departed())
            .map(|gone| (gone.key, gone.departure, gone.marked))
            .collect();
        let expected: Vec<_> = expected
            .map(|departure| (Box::from(key.as_bytes()), departure, Some([1; 8])))
            .into_iter()
            .collect();
        assert_eq!(noted, expected, "{key}");
    }
    shard.watch(Interest::default());
    put(&mut shard, map, "unwatched", &marked(1), None, START_MS);
    let at = shard.address(map, 9, b"unwatched");
    assert!(shard.delete(at, b"unwatched", START_MS));
    assert!(!shard.has_departed());
}

#[test]
fn what_waits_to_be_told_keeps_the_name_of_a_map_whose_number_another_has_got() {
    let mut shard = shard();
    shard.watch(ALL);
    let first = shard.map_id(b"first").unwrap();
    let later_ms = START_MS + 100_000;
    for number in 0..1000 {
        let key = format!("first:{number}");
        put(&mut shard, first, &key, b"value", Some(1000), START_MS);
    }
    settle(&mut shard, later_ms);
    put(&mut shard, first, "stays", b"value", None, later_ms);
    shard.destroy_map(first, later_ms).unwrap();
    settle(&mut shard, later_ms);
    assert_eq!(shard.next_vacant_map(), Some(first));
    assert!(shard.forget_map(first));
    let second = shard.map_id(b"second").unwrap();
    assert_eq!(second, first, "the number is used again");
    for number in 0..1000 {
        let key = format!("second:{number}");
        put(&mut shard, second, &key, b"value", Some(1000), later_ms);
    }
    settle(&mut shard, later_ms + 100_000);
    let mut told = 0;
    while let Some(gone) = shard.take_departed() {
        let key = std::str::from_utf8(&gone.key).unwrap();
        let (map, _) = key.split_once(':').unwrap();
        assert_eq!(std::str::from_utf8(&gone.map_name), Ok(map), "{key}");
        told += 1;
    }
    assert_eq!(told, 2000);
    assert_eq!(shard.take_unnoted(), 0);
}

#[test]
fn the_marked_entries_of_a_destroyed_map_are_noted_once_and_the_others_are_not() {
    let mut shard = shard();
    shard.watch(Interest {
        mark: Some(MARK),
        ..ALL
    });
    let map = shard.map_id(b"doomed").unwrap();
    for number in 0..2000_u32 {
        let (key, ttl_ms) = (format!("key:{number}"), (number % 3 == 0).then_some(1000));
        let value = [marked(1), [7; 16]][usize::from(number % 10 > 0)];
        put(&mut shard, map, &key, &value, ttl_ms, START_MS);
    }
    assert_eq!(shard.destroy_map(map, START_MS).unwrap(), 2000);
    // By the slices, by an operation that comes across one, by the sweep: once in any case.
    let at = shard.address(map, 5, b"key:0");
    assert!(shard.get(at, b"key:0", START_MS).is_none());
    settle(&mut shard, START_MS + 100_000);
    let mut told = 0;
    while let Some(gone) = shard.take_departed() {
        let found = (gone.departure, gone.marked);
        assert_eq!(found, (Departure::Destroyed, Some([1; 8])));
        told += 1;
    }
    assert_eq!(told, 200);
    assert_eq!(shard.usage().entries, 0);
    shard.verify().unwrap();
}
