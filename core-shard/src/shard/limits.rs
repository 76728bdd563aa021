//! Limits of maps: a map with a limit of keys or bytes, or with a policy of its own, keeps its
//! entries in segments of its own, so that what it has to give up is found without a search.

use super::Shard;
use crate::config::FullPolicy;
use crate::limits::SHARED_GROUP;

impl Shard {
    /// What happens to entries of a group when memory is needed.
    pub(super) fn group_policy(&self, group: u8) -> FullPolicy {
        debug_assert_eq!(group, SHARED_GROUP, "one group");
        self.full_policy
    }

    pub(super) fn limit_slice(&mut self, _now_ms: u64, _budget: u32) -> bool {
        false
    }
}
