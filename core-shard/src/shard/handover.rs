//! Handing a partition over.

use super::Shard;
use super::store::Stamp;
use crate::operation::Address;

impl Shard {
    /// Leaves a remembered deletion in the place of a key.
    pub(super) fn remember_deletion(&mut self, at: Address, key: &[u8], now_ms: u64) {
        let version = self.versions.next(now_ms);
        let stamp = Stamp {
            version,
            expires_ms: 0,
            last_use_ms: None,
            deleted: true,
        };
        let found = self.find(at, key);
        if self.store(at, (key, &[]), stamp, found, now_ms).is_err() {
            self.counters.refused += 1;
        }
    }

    pub(super) fn drop_slice(&mut self, _budget: u32) -> bool {
        false
    }
}
