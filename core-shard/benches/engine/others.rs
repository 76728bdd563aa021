//! The contenders that are other people's crates, each set up as its documentation advises for a
//! known number of entries.

use std::time::Duration;

use super::contender::{Contender, Key, Payload};

const MIB: u64 = 1 << 20;

/// `hashbrown` with boxed keys and values, its table sized at the start. Not a cache: it knows
/// neither expiry nor eviction.
pub(crate) struct BoxedMap {
    entries: hashbrown::HashMap<Box<[u8]>, Box<[u8]>>,
}

impl Contender for BoxedMap {
    const NAME: &'static str = "hashbrown";

    fn new(entries: u64) -> Self {
        let entries = hashbrown::HashMap::with_capacity(entries as usize);
        Self { entries }
    }

    #[inline]
    fn put(&mut self, key: &Key, value: &Payload) {
        match self.entries.get_mut(&key[..]) {
            Some(old) => old.copy_from_slice(value),
            None => {
                self.entries.insert((*key).into(), (*value).into());
            }
        }
    }

    #[inline]
    fn get(&mut self, key: &Key, into: &mut Payload) -> bool {
        let found = self.entries.get(&key[..]);
        found.map(|value| into.copy_from_slice(value)).is_some()
    }

    #[inline]
    fn delete(&mut self, key: &Key) -> bool {
        self.entries.remove(&key[..]).is_some()
    }
}

/// `quick_cache` in its form for one thread.
pub(crate) struct QuickCache {
    entries: quick_cache::unsync::Cache<Box<[u8]>, Box<[u8]>>,
}

impl Contender for QuickCache {
    const NAME: &'static str = "quick_cache";

    fn new(entries: u64) -> Self {
        let capacity = (entries + entries / 8) as usize;
        let entries = quick_cache::unsync::Cache::new(capacity);
        Self { entries }
    }

    #[inline]
    fn put(&mut self, key: &Key, value: &Payload) {
        self.entries.insert((*key).into(), (*value).into());
    }

    #[inline]
    fn get(&mut self, key: &Key, into: &mut Payload) -> bool {
        let found = self.entries.get(&key[..]);
        found.map(|value| into.copy_from_slice(value)).is_some()
    }

    #[inline]
    fn delete(&mut self, key: &Key) -> bool {
        self.entries.remove(&key[..]).is_some()
    }
}

/// Slots of a Segcache index for so many entries, as a power of two: at most three quarters full.
fn hash_power(entries: u64) -> u8 {
    (entries * 4 / 3).next_power_of_two().ilog2().max(10) as u8
}

/// Room for all entries and for the copies that overwrites leave behind.
fn heap_bytes(entries: u64) -> usize {
    (entries * 128 + 64 * MIB).next_multiple_of(MIB) as usize
}

macro_rules! segcache_contender {
    ($contender:ident, $crate_name:ident, $name:literal) => {
        /// A release of the `segcache` crate.
        pub(crate) struct $contender {
            cache: $crate_name::Segcache,
        }

        impl Contender for $contender {
            const NAME: &'static str = $name;
            const REFUSED_PER_MILLION: u64 = 5_000;

            fn new(entries: u64) -> Self {
                let policy = $crate_name::Policy::Merge {
                    max: 8,
                    merge: 4,
                    compact: 2,
                };
                let builder = $crate_name::Segcache::builder()
                    .heap_size(heap_bytes(entries))
                    .segment_size(MIB as i32)
                    .hash_power(hash_power(entries))
                    // Chained buckets of the first release; the other has none and ignores it.
                    .overflow_factor(1.0)
                    .eviction(policy);
                let cache = builder.build().expect("memory for segcache");
                Self { cache }
            }

            #[inline]
            fn put(&mut self, key: &Key, value: &Payload) {
                let outcome = self.cache.insert(key, &value[..], None, Duration::ZERO);
                match outcome {
                    // Both buckets of a key can be full while the table is not.
                    Ok(()) | Err($crate_name::SegcacheError::HashTableInsertEx) => {}
                    Err(error) => panic!("no room for an entry: {error:?}"),
                }
            }

            #[inline]
            fn get(&mut self, key: &Key, into: &mut Payload) -> bool {
                let Some(item) = self.cache.get(key) else {
                    return false;
                };
                match item.value() {
                    $crate_name::Value::Bytes(value) => into.copy_from_slice(value),
                    _ => return false,
                }
                true
            }

            #[inline]
            fn delete(&mut self, key: &Key) -> bool {
                self.cache.delete(key)
            }
        }
    };
}

segcache_contender!(SegcacheNow, segcache, "segcache 0.4.4");
segcache_contender!(SegcacheFirst, segcache_first, "segcache 0.1.1");
