//! The engine itself as a cache that traces are played to: its real eviction, expiry and upkeep,
//! under the trace's clock, within the same number of bytes, of which it pays for everything.

use jerboa_core_shard::{Address, Expiry, MapId, PutOptions, Shard, ShardConfig};

use crate::support::mix::mix;
use crate::support::trace::{Cache, Request};

const PARTITIONS: u16 = 256;
const EPOCH_MS: u64 = 1_700_000_000_000;
/// A core gets to its background work after about so many requests, and goes on while there is
/// some, for as long as its turns allow.
const TURN: u32 = 16;
const SLICES_MAX: u32 = 4;
const SLICE_BUDGET: u32 = 128;
static VALUE: [u8; 256_000] = [7; 256_000];

pub(crate) struct Engine {
    shard: Shard,
    requests: u32,
}

impl Engine {
    pub(crate) fn new(budget_bytes: u64) -> Self {
        let mut config = ShardConfig::owning_all(budget_bytes as usize, PARTITIONS);
        config.hash_seed = 1;
        let shard = Shard::new(&config).expect("memory for the engine");
        Self { shard, requests: 0 }
    }

    /// Writes that found no room.
    pub(crate) fn refused(&self) -> u64 {
        self.shard.counters().refused
    }

    fn turn(&mut self, now_ms: u64) {
        self.requests += 1;
        if self.requests.is_multiple_of(TURN) {
            for _ in 0..SLICES_MAX {
                if !self.shard.step(now_ms, SLICE_BUDGET) {
                    break;
                }
            }
        }
    }

    fn address(&self, key: &[u8], number: u32) -> Address {
        let partition = (mix(u64::from(number)) % u64::from(PARTITIONS)) as u16;
        self.shard.address(MapId::DEFAULT, partition, key)
    }
}

/// The key's bytes: its number, then filler.
fn key_of(request: &Request) -> [u8; 255] {
    let mut key = [b'k'; 255];
    key[..4].copy_from_slice(&request.key.to_le_bytes());
    key
}

impl Cache for Engine {
    fn read(&mut self, request: &Request) -> bool {
        let now_ms = EPOCH_MS + request.at_ms;
        self.turn(now_ms);
        let key = key_of(request);
        let key = &key[..usize::from(request.key_bytes)];
        let at = self.address(key, request.key);
        let Some(entry) = self.shard.get(at, key, now_ms) else {
            return false;
        };
        assert_eq!(entry.value.len(), request.value_bytes as usize);
        true
    }

    fn write(&mut self, request: &Request) {
        let now_ms = EPOCH_MS + request.at_ms;
        self.turn(now_ms);
        let key = key_of(request);
        let key = &key[..usize::from(request.key_bytes)];
        let at = self.address(key, request.key);
        let options = PutOptions {
            expiry: match request.ttl_ms {
                0 => Expiry::None,
                ttl_ms => Expiry::At(now_ms + ttl_ms),
            },
            ..PutOptions::default()
        };
        let value = &VALUE[..request.value_bytes as usize];
        // The shard counts what it refuses, and the report shows it: an evicting cache refuses none.
        let _ = self.shard.put(at, key, value, options, now_ms);
    }
}
