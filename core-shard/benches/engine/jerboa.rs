//! This engine as a contender: as a node of one core would run it.

use jerboa_core_shard::{Address, HugePages, MapId, PutOptions, Shard, ShardConfig};

use super::contender::{BATCH, Contender, Key, Payload};

/// The default of a cluster, all owned by the one core.
const PARTITIONS: u16 = 4096;
/// More than an entry and its share of the index take, so that nothing is evicted.
const ENTRY_BYTES: u64 = 136;
const SPARE_BYTES: u64 = 64 << 20;
/// What the table calls the engine as it runs by default.
pub(crate) const OURS: &str = "jerboa";
const NOW_MS: u64 = 1_700_000_000_000;
/// Background work after every so many writes, with so much to look at.
const UPKEEP_BUDGET: u32 = 32;

/// With the huge pages that the host gives, as by default, or with plain ones, as most of the
/// other contenders have.
pub(crate) struct Jerboa<const HUGE_PAGES: bool> {
    shard: Shard,
}

impl<const HUGE_PAGES: bool> Jerboa<HUGE_PAGES> {
    /// The partition comes with a request, so it costs next to nothing here.
    #[inline]
    fn address(&self, key: &Key) -> Address {
        let partition = u16::from_le_bytes([key[0], key[1]]) % PARTITIONS;
        self.shard.address(MapId::DEFAULT, partition, key)
    }

    #[inline]
    fn addresses(&self, keys: &[Key; BATCH]) -> [Address; BATCH] {
        let mut addresses = std::array::from_fn(|place| self.address(&keys[place]));
        self.shard.prefetch(&mut addresses);
        addresses
    }

    #[inline]
    fn put_at(&mut self, at: Address, key: &Key, value: &Payload) {
        let outcome = self
            .shard
            .put(at, key, value, PutOptions::default(), NOW_MS);
        assert!(outcome.is_ok(), "there is room for every entry");
    }

    #[inline]
    fn get_at(&mut self, at: Address, key: &Key, into: &mut Payload) -> bool {
        let Some(entry) = self.shard.get(at, key, NOW_MS) else {
            return false;
        };
        match entry.value.as_slice() {
            Some(value) if value.len() == into.len() => into.copy_from_slice(value),
            _ => return false,
        }
        true
    }
}

impl<const HUGE_PAGES: bool> Contender for Jerboa<HUGE_PAGES> {
    const NAME: &'static str = if HUGE_PAGES {
        OURS
    } else {
        "jerboa, plain pages"
    };

    fn new(entries: u64) -> Self {
        let memory_bytes = (entries * ENTRY_BYTES + SPARE_BYTES) as usize;
        let mut config = ShardConfig::owning_all(memory_bytes, PARTITIONS);
        config.hash_seed = 0x5EED;
        config.prefault = true;
        if !HUGE_PAGES {
            config.huge_pages = HugePages::Off;
        }
        let shard = Shard::new(&config).expect("memory for the engine");
        Self { shard }
    }

    fn describe(&self) -> Option<String> {
        Some(self.shard.page_kind().to_string())
    }

    #[inline]
    fn put(&mut self, key: &Key, value: &Payload) {
        self.put_at(self.address(key), key, value);
    }

    #[inline]
    fn get(&mut self, key: &Key, into: &mut Payload) -> bool {
        self.get_at(self.address(key), key, into)
    }

    #[inline]
    fn delete(&mut self, key: &Key) -> bool {
        self.shard.delete(self.address(key), key, NOW_MS)
    }

    fn put_batch(&mut self, keys: &[Key; BATCH], value: &Payload) {
        for (at, key) in self.addresses(keys).into_iter().zip(keys) {
            self.put_at(at, key, value);
        }
    }

    fn get_batch(&mut self, keys: &[Key; BATCH], into: &mut [Payload; BATCH]) -> usize {
        let mut found = 0;
        for ((at, key), into) in self.addresses(keys).into_iter().zip(keys).zip(into) {
            found += usize::from(self.get_at(at, key, into));
        }
        found
    }

    fn delete_batch(&mut self, keys: &[Key; BATCH]) -> usize {
        let pairs = self.addresses(keys).into_iter().zip(keys);
        pairs
            .filter(|(at, key)| self.shard.delete(*at, *key, NOW_MS))
            .count()
    }

    fn upkeep(&mut self) {
        self.shard.step(NOW_MS, UPKEEP_BUDGET);
    }
}
