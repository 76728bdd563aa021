//! Where tests are.

pub(crate) const TABLE: &str = "node/tests/operations/table.rs";
pub(crate) const CALLS: &str = "node/tests/operations/calls.rs";
pub(crate) const LISTENING: &str = "node/tests/operations/listening.rs";
pub(crate) const LOCKS: &str = "node/tests/locks.rs";
pub(crate) const UPDATES: &str = "node/tests/updates/compare_and_swap.rs";
pub(crate) const SCAN: &str = "node/tests/scan.rs";
pub(crate) const MAPS: &str = "node/tests/maps.rs";
pub(crate) const MAP_SETTINGS: &str = "node/tests/map_settings.rs";
pub(crate) const SERVE: &str = "node/tests/serve.rs";
pub(crate) const PUBSUB: &str = "node/tests/pubsub.rs";
pub(crate) const LIMITS: &str = "node/tests/limits.rs";
pub(crate) const BAD_INPUT: &str = "node/tests/bad_input.rs";
pub(crate) const EMBEDDED: &str = "node/tests/embedded.rs";
pub(crate) const LIFECYCLE: &str = "node/tests/embedded_lifecycle.rs";
pub(crate) const RESP_DMAP: &str = "node/tests/resp_dmap.rs";
pub(crate) const STATS: &str = "node/tests/shell/stats.rs";
pub(crate) const VALUES: &str = "wire/src/value/tests.rs";
pub(crate) const FRAMES: &str = "wire/tests/properties.rs";
pub(crate) const FILE: &str = "node/src/config/file.rs";
pub(crate) const ENGINE_EXPIRY: &str = "core-shard/tests/expiry.rs";
pub(crate) const ENGINE_MEMORY: &str = "core-shard/tests/memory.rs";
pub(crate) const ENGINE_LIMITS: &str = "core-shard/tests/limits.rs";
pub(crate) const ENGINE_MODEL: &str = "core-shard/tests/model.rs";
pub(crate) const ENGINE_HANDOVER: &str = "core-shard/tests/handover.rs";
pub(crate) const CLIENTS: &str = "node/tests/clients.rs";

/// The row of the table, run through every door, embedded and over the network.
pub(crate) const fn row(fear: &'static str) -> (&'static str, &'static str) {
    (TABLE, fear)
}
