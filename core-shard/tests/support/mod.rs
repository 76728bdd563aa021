//! A shard beside a plain map: random operations are done on both and must answer alike.

use std::collections::BTreeMap;

use jerboa_core_shard::{
    Address, Condition, Entry, Expiry, ExpiryOutcome, FullPolicy, MapId, PutOptions, PutOutcome,
    Shard, ShardConfig, ShardError,
};
use proptest::prelude::*;

pub(crate) const PARTITIONS: u16 = 8;
pub(crate) const START_MS: u64 = 1_800_000_000_000;

/// One random step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put {
        key: u16,
        value: Vec<u8>,
        condition: Condition,
        expiry: TestExpiry,
    },
    Get {
        key: u16,
    },
    Metadata {
        key: u16,
    },
    Delete {
        key: u16,
    },
    SetExpiry {
        key: u16,
        after_ms: Option<u64>,
    },
    Add {
        key: u16,
        delta: i64,
    },
    Wait {
        milliseconds: u64,
    },
    Background {
        slices: u8,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TestExpiry {
    None,
    Keep,
    After(u64),
}

pub(crate) fn value(lengths: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    (lengths, any::<u8>(), any::<u8>()).prop_map(|(length, first, stride)| {
        (0..length)
            .map(|at| first.wrapping_add((at as u8).wrapping_mul(stride | 1)))
            .collect()
    })
}

fn after_ms() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..5, 0u64..1500, 0u64..60_000, 0u64..10_000_000_000]
}

pub(crate) fn step(
    keys: u16,
    values: impl Strategy<Value = Vec<u8>>,
) -> impl Strategy<Value = Step> {
    let condition = prop_oneof![
        6 => Just(Condition::Always),
        1 => Just(Condition::IfAbsent),
        1 => Just(Condition::IfPresent),
    ];
    let expiry = prop_oneof![
        3 => Just(TestExpiry::None),
        1 => Just(TestExpiry::Keep),
        4 => after_ms().prop_map(TestExpiry::After),
    ];
    let key = 0..keys;
    prop_oneof![
        8 => (key.clone(), values, condition, expiry)
            .prop_map(|(key, value, condition, expiry)| Step::Put { key, value, condition, expiry }),
        4 => key.clone().prop_map(|key| Step::Get { key }),
        1 => key.clone().prop_map(|key| Step::Metadata { key }),
        2 => key.clone().prop_map(|key| Step::Delete { key }),
        2 => (key.clone(), prop::option::of(after_ms()))
            .prop_map(|(key, after_ms)| Step::SetExpiry { key, after_ms }),
        1 => (key, prop_oneof![Just(1i64), any::<i64>()])
            .prop_map(|(key, delta)| Step::Add { key, delta }),
        2 => prop_oneof![0u64..3, 0u64..2000, 0u64..100_000]
            .prop_map(|milliseconds| Step::Wait { milliseconds }),
        2 => (1u8..8).prop_map(|slices| Step::Background { slices }),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) value: Vec<u8>,
    pub(crate) expires_at_ms: Option<u64>,
    pub(crate) version: u64,
}

/// What the shard may do that the plain map does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leeway {
    /// Nothing.
    None,
    /// Refuse a write for want of memory.
    Refuse,
    /// Forget any entry.
    Evict,
}

pub(crate) struct Pair {
    pub(crate) shard: Shard,
    pub(crate) known: BTreeMap<u16, Known>,
    pub(crate) now_ms: u64,
    leeway: Leeway,
    maps: Vec<MapId>,
    version_last: u64,
    /// Addresses as they were prefetched some time ago: the index has changed since, as it does
    /// within a batch.
    prefetched: BTreeMap<u16, Address>,
}

impl Pair {
    pub(crate) fn new(memory_bytes: usize, leeway: Leeway) -> Self {
        let mut config = ShardConfig::owning_all(memory_bytes, PARTITIONS);
        config.full_policy = if leeway == Leeway::Evict {
            FullPolicy::Evict
        } else {
            FullPolicy::Refuse
        };
        let mut shard = Shard::new(&config).unwrap();
        let maps = [&b""[..], b"orders"]
            .map(|name| shard.map_id(name).unwrap())
            .to_vec();
        let known = BTreeMap::new();
        Self {
            shard,
            known,
            now_ms: START_MS,
            leeway,
            maps,
            version_last: 0,
            prefetched: BTreeMap::new(),
        }
    }

    /// The bytes of a key: some are long, some share their bytes with one of the other map.
    pub(crate) fn key(&self, key: u16) -> (Address, Vec<u8>) {
        let map = self.maps[usize::from(key % 2)];
        let number = key / 2;
        let mut bytes = format!("key-{number}").into_bytes();
        if number % 7 == 3 {
            bytes.resize(250 + usize::from(number) * 13, b'.');
        }
        let prefetched = self.prefetched.get(&key).copied();
        let at = prefetched.unwrap_or_else(|| self.shard.address(map, number % PARTITIONS, &bytes));
        (at, bytes)
    }

    pub(crate) fn apply(&mut self, step: &Step) {
        self.expire();
        match step {
            Step::Put {
                key,
                value,
                condition,
                expiry,
            } => {
                self.put(*key, value, *condition, *expiry);
            }
            Step::Get { key } => self.get(*key),
            Step::Metadata { key } => {
                let (at, bytes) = self.key(*key);
                let found = self.shard.metadata(at, &bytes, self.now_ms);
                let found =
                    found.map(|found| (found.version, found.expires_at_ms, found.value_bytes));
                let known = self.known.get(key);
                let known = known
                    .map(|known| (known.version, known.expires_at_ms, known.value.len() as u32));
                self.compare(*key, found, known);
            }
            Step::Delete { key } => {
                let (at, bytes) = self.key(*key);
                let deleted = self.shard.delete(at, &bytes, self.now_ms);
                let known = self.known.remove(key).is_some();
                assert!(deleted == known || (known && self.leeway == Leeway::Evict));
            }
            Step::SetExpiry { key, after_ms } => self.set_expiry(*key, *after_ms),
            Step::Add { key, delta } => self.add(*key, *delta),
            Step::Wait { milliseconds } => self.now_ms += milliseconds,
            Step::Background { slices } => {
                for _ in 0..*slices {
                    self.shard.step(self.now_ms, 64);
                }
            }
        }
    }

    pub(crate) fn get(&mut self, key: u16) {
        let (mut at, bytes) = self.key(key);
        self.shard.prefetch([&mut at]);
        self.prefetched.insert(key, at);
        let found = self
            .shard
            .get(at, &bytes, self.now_ms)
            .map(|entry| known(&entry));
        let known = self.known.get(&key).cloned();
        self.compare(key, found, known);
    }

    pub(crate) fn check_all(&mut self) {
        self.expire();
        self.shard.verify().unwrap();
        for key in self.known.keys().copied().collect::<Vec<_>>() {
            self.get(key);
        }
        self.shard.verify().unwrap();
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        key: u16,
        found: Option<T>,
        known: Option<T>,
    ) {
        if found.is_none() && known.is_some() && self.leeway == Leeway::Evict {
            self.known.remove(&key);
        } else {
            assert_eq!(found, known, "key {key}");
        }
    }

    fn put(&mut self, key: u16, value: &[u8], condition: Condition, expiry: TestExpiry) {
        let (at, bytes) = self.key(key);
        let mut known = self.known.get(&key).cloned();
        if self.leeway == Leeway::Evict && self.shard.metadata(at, &bytes, self.now_ms).is_none() {
            known = None;
        }
        let (expiry, expires_at_ms) = match expiry {
            TestExpiry::None => (Expiry::None, None),
            TestExpiry::Keep => (
                Expiry::Keep,
                known.as_ref().and_then(|known| known.expires_at_ms),
            ),
            TestExpiry::After(after_ms) => (
                Expiry::At(self.now_ms + after_ms),
                Some(self.now_ms + after_ms),
            ),
        };
        let options = PutOptions { condition, expiry };
        match self.shard.put(at, &bytes, value, options, self.now_ms) {
            Ok(PutOutcome::Stored { version }) => {
                // A write may evict the very entry that its condition asks for.
                let evicted = self.leeway == Leeway::Evict;
                assert!(condition != Condition::IfAbsent || known.is_none() || evicted);
                assert!(condition != Condition::IfPresent || known.is_some());
                assert!(version > self.version_last);
                self.version_last = version;
                let fresh = Known {
                    value: value.to_vec(),
                    expires_at_ms,
                    version,
                };
                // With eviction, the expiry to keep may be gone with the entry.
                let found = self.shard.metadata(at, &bytes, self.now_ms);
                let fresh = match (found, expiry, self.leeway) {
                    (Some(found), Expiry::Keep, Leeway::Evict) => Known {
                        expires_at_ms: found.expires_at_ms,
                        ..fresh
                    },
                    _ => fresh,
                };
                self.known.insert(key, fresh);
                self.expire();
            }
            Ok(PutOutcome::Exists) => {
                assert!(condition == Condition::IfAbsent && known.is_some());
            }
            Ok(PutOutcome::Missing) => {
                let missing = known.is_none() || self.leeway == Leeway::Evict;
                assert!(condition == Condition::IfPresent && missing);
                self.known.remove(&key);
            }
            Err(ShardError::OutOfMemory) => assert_ne!(self.leeway, Leeway::None),
            Err(error) => panic!("{error}"),
        }
    }

    fn set_expiry(&mut self, key: u16, after_ms: Option<u64>) {
        let (at, bytes) = self.key(key);
        let expires_at_ms = after_ms.map(|after_ms| self.now_ms + after_ms);
        match self
            .shard
            .set_expiry(at, &bytes, expires_at_ms, self.now_ms)
        {
            ExpiryOutcome::Updated { version } => {
                assert!(version > self.version_last);
                self.version_last = version;
                let known = self.known.get_mut(&key).unwrap();
                known.expires_at_ms = expires_at_ms;
                known.version = version;
            }
            ExpiryOutcome::Deleted => {
                assert!(expires_at_ms.is_some_and(|time_ms| time_ms <= self.now_ms));
                assert!(self.known.remove(&key).is_some());
            }
            ExpiryOutcome::Missing => self.compare(key, None, self.known.get(&key).cloned()),
            ExpiryOutcome::OutOfMemory => assert_ne!(self.leeway, Leeway::None),
        }
    }

    fn add(&mut self, key: u16, delta: i64) {
        let (at, bytes) = self.key(key);
        let known = self.known.get(&key);
        let text = known.map_or("0", |known| {
            std::str::from_utf8(&known.value).unwrap_or("?")
        });
        // A counter has one spelling: `01`, `+1` and `-0` are texts, as with Redis.
        let old = text.parse::<i64>().ok();
        let old = old.filter(|old| old.to_string() == text);
        let expected = old.map(|old| old.checked_add(delta));
        match self.shard.add(at, &bytes, delta, self.now_ms) {
            Ok(counter) => {
                assert!(counter.version > self.version_last);
                self.version_last = counter.version;
                let expires_at_ms = known.and_then(|known| known.expires_at_ms);
                let value = counter.value.to_string().into_bytes();
                if self.leeway == Leeway::Evict && Some(Some(counter.value)) != expected {
                    assert_eq!(counter.value, delta, "it was evicted before");
                    let known = Known {
                        value,
                        expires_at_ms: None,
                        version: counter.version,
                    };
                    self.known.insert(key, known);
                    return;
                }
                assert_eq!(Some(Some(counter.value)), expected);
                let found = self.shard.metadata(at, &bytes, self.now_ms).unwrap();
                let expires_at_ms = match self.leeway {
                    Leeway::Evict => found.expires_at_ms,
                    _ => expires_at_ms,
                };
                let known = Known {
                    value,
                    expires_at_ms,
                    version: counter.version,
                };
                self.known.insert(key, known);
            }
            Err(ShardError::NotANumber) => assert_eq!(expected, None),
            Err(ShardError::Overflow) => assert_eq!(expected, Some(None)),
            Err(ShardError::OutOfMemory) => assert_ne!(self.leeway, Leeway::None),
            Err(error) => panic!("{error}"),
        }
    }

    fn expire(&mut self) {
        let now_ms = self.now_ms;
        self.known
            .retain(|_, known| known.expires_at_ms.is_none_or(|time_ms| time_ms > now_ms));
    }
}

fn known(entry: &Entry<'_>) -> Known {
    let Entry {
        version,
        expires_at_ms,
        value,
    } = *entry;
    assert_eq!(value.len(), value.parts().map(<[u8]>::len).sum::<usize>());
    Known {
        value: value.to_vec(),
        expires_at_ms,
        version,
    }
}
