//! The shard: one core's entries and every operation on them.

use std::collections::BTreeMap;

use crate::config::{PageKind, ShardConfig, ShardSetupError};
use crate::counters::{Counters, Usage, VerifyReport};
use crate::error::{Corruption, ShardError};
use crate::map::MapId;
use crate::operation::{
    Address, Condition, Counter, Expiry, ExpiryOutcome, Metadata, PutOptions, PutOutcome,
};
use crate::value::{Entry, Value};

struct Stored {
    version: u64,
    expires_at_ms: Option<u64>,
    value: Vec<u8>,
}

/// One core's slice of the partitions and all their entries.
pub struct Shard {
    config: ShardConfig,
    maps: Vec<Vec<u8>>,
    entries: BTreeMap<(u16, u16, Vec<u8>), Stored>,
    version_last: u64,
    counters: Counters,
}

impl Shard {
    /// Reserves the memory and builds an empty shard.
    pub fn new(config: &ShardConfig) -> Result<Self, ShardSetupError> {
        Ok(Self {
            config: config.clone(),
            maps: vec![Vec::new()],
            entries: BTreeMap::new(),
            version_last: 0,
            counters: Counters::default(),
        })
    }

    /// What the memory got, for the start-up log.
    #[must_use]
    pub fn page_kind(&self) -> PageKind {
        PageKind::Heap
    }

    /// The number of a map, which is made known to the shard if it is new.
    pub fn map_id(&mut self, name: &[u8]) -> Result<MapId, ShardError> {
        if let Some(map) = self.find_map(name) {
            return Ok(map);
        }
        if name.len() > 255 {
            return Err(ShardError::MapNameTooLarge);
        }
        let number = u16::try_from(self.maps.len()).map_err(|_| ShardError::TooManyMaps)?;
        self.maps.push(name.to_vec());
        Ok(MapId(number))
    }

    /// The number of a map that the shard knows.
    #[must_use]
    pub fn find_map(&self, name: &[u8]) -> Option<MapId> {
        let position = self.maps.iter().position(|known| known == name)?;
        u16::try_from(position).ok().map(MapId)
    }

    /// Hashes a key.
    #[must_use]
    pub fn address(&self, map: MapId, partition: u16, key: &[u8]) -> Address {
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(key, self.config.hash_seed);
        Address {
            map,
            partition,
            hash,
        }
    }

    /// Brings the memory that the batch will touch towards the processor. At most 32 at a time.
    pub fn prefetch(&self, _batch: &[Address]) {}

    /// Reads an entry.
    pub fn get(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Entry<'_>> {
        self.counters.gets += 1;
        self.expire(at, key, now_ms);
        let stored = self.entries.get(&slot(at, key))?;
        self.counters.hits += 1;
        Some(Entry {
            version: stored.version,
            expires_at_ms: stored.expires_at_ms,
            value: Value::inline(&stored.value),
        })
    }

    /// Stores an entry.
    pub fn put(
        &mut self,
        at: Address,
        key: &[u8],
        value: &[u8],
        options: PutOptions,
        now_ms: u64,
    ) -> Result<PutOutcome, ShardError> {
        if key.is_empty() {
            return Err(ShardError::EmptyKey);
        }
        if key.len() > usize::from(u16::MAX) {
            return Err(ShardError::KeyTooLarge);
        }
        if value.len() > self.config.value_bytes_max as usize {
            return Err(ShardError::ValueTooLarge {
                limit_bytes: self.config.value_bytes_max,
            });
        }
        self.expire(at, key, now_ms);
        let existing = self
            .entries
            .get(&slot(at, key))
            .map(|stored| stored.expires_at_ms);
        match (options.condition, existing) {
            (Condition::IfAbsent, Some(_)) => return Ok(PutOutcome::Exists),
            (Condition::IfPresent, None) => return Ok(PutOutcome::Missing),
            _ => {}
        }
        let expires_at_ms = match options.expiry {
            Expiry::None => None,
            Expiry::At(time) => Some(time),
            Expiry::Keep => existing.flatten(),
        };
        let version = self.version_next(now_ms);
        let stored = Stored {
            version,
            expires_at_ms,
            value: value.to_vec(),
        };
        self.entries.insert(slot(at, key), stored);
        self.expire(at, key, now_ms);
        self.counters.puts += 1;
        Ok(PutOutcome::Stored { version })
    }

    /// Removes an entry; whether there was a live one.
    pub fn delete(&mut self, at: Address, key: &[u8], now_ms: u64) -> bool {
        self.expire(at, key, now_ms);
        let removed = self.entries.remove(&slot(at, key)).is_some();
        self.counters.deletes += u64::from(removed);
        removed
    }

    /// Looks at an entry without counting it as used.
    pub fn metadata(&mut self, at: Address, key: &[u8], now_ms: u64) -> Option<Metadata> {
        self.expire(at, key, now_ms);
        let stored = self.entries.get(&slot(at, key))?;
        Some(Metadata {
            version: stored.version,
            expires_at_ms: stored.expires_at_ms,
            value_bytes: u32::try_from(stored.value.len()).unwrap_or(u32::MAX),
        })
    }

    /// Changes when an entry expires; `None` makes it stay.
    pub fn set_expiry(
        &mut self,
        at: Address,
        key: &[u8],
        expires_at_ms: Option<u64>,
        now_ms: u64,
    ) -> ExpiryOutcome {
        self.expire(at, key, now_ms);
        let version = self.version_next(now_ms);
        let Some(stored) = self.entries.get_mut(&slot(at, key)) else {
            return ExpiryOutcome::Missing;
        };
        stored.expires_at_ms = expires_at_ms;
        stored.version = version;
        if self.expire(at, key, now_ms) {
            return ExpiryOutcome::Deleted;
        }
        ExpiryOutcome::Updated { version }
    }

    /// Adds to a counter; a missing one is 0. The expiry is kept.
    pub fn add(
        &mut self,
        at: Address,
        key: &[u8],
        delta: i64,
        now_ms: u64,
    ) -> Result<Counter, ShardError> {
        self.expire(at, key, now_ms);
        let old: i64 = match self.entries.get(&slot(at, key)) {
            None => 0,
            Some(stored) => core::str::from_utf8(&stored.value)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or(ShardError::NotANumber)?,
        };
        let value = old.checked_add(delta).ok_or(ShardError::Overflow)?;
        let options = PutOptions {
            condition: Condition::Always,
            expiry: Expiry::Keep,
        };
        match self.put(at, key, value.to_string().as_bytes(), options, now_ms)? {
            PutOutcome::Stored { version } => Ok(Counter { value, version }),
            PutOutcome::Exists | PutOutcome::Missing => Err(ShardError::NotOwned),
        }
    }

    /// One slice of background work of at most 50 µs; whether there is more to do.
    pub fn step(&mut self, _now_ms: u64, _budget: u32) -> bool {
        false
    }

    /// Events since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the memory holds now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            entries: self.entries.len() as u64,
            ..Usage::default()
        }
    }

    /// Recounts everything.
    pub fn verify(&self) -> Result<VerifyReport, Corruption> {
        Ok(VerifyReport {
            entries: self.entries.len() as u64,
            ..VerifyReport::default()
        })
    }

    fn expire(&mut self, at: Address, key: &[u8], now_ms: u64) -> bool {
        let Some(stored) = self.entries.get(&slot(at, key)) else {
            return false;
        };
        let gone = stored.expires_at_ms.is_some_and(|time| time <= now_ms);
        if gone {
            self.entries.remove(&slot(at, key));
            self.counters.expired += 1;
        }
        gone
    }

    fn version_next(&mut self, now_ms: u64) -> u64 {
        self.version_last = (self.version_last + 1).max(now_ms << 16);
        self.version_last
    }
}

fn slot(at: Address, key: &[u8]) -> (u16, u16, Vec<u8>) {
    (at.partition, at.map.index(), key.to_vec())
}
