//! The sections about the node: what runs, who is connected, and what it holds.

use std::time::{SystemTime, UNIX_EPOCH};

use jerboa_wire::stats;

use super::{Facts, line};
use crate::resp::commands::connection::COMPATIBLE_VERSION;

/// An identity for replication, which there is none of yet.
const NO_ID: &str = "0000000000000000000000000000000000000000";

pub(super) fn server(facts: &Facts<'_>, out: &mut String) {
    let known = &facts.shared.introspection;
    line(out, "redis_version", COMPATIBLE_VERSION);
    line(out, "redis_git_sha1", "00000000");
    line(out, "redis_git_dirty", 0);
    line(
        out,
        "redis_build_id",
        concat!("jerboa-", env!("CARGO_PKG_VERSION")),
    );
    line(out, "jerboa_version", env!("CARGO_PKG_VERSION"));
    let mode = if facts.is_cluster_node {
        "cluster"
    } else {
        "standalone"
    };
    line(out, "redis_mode", mode);
    line(out, "os", &known.system);
    line(out, "arch_bits", usize::BITS);
    line(out, "monotonic_clock", "POSIX clock_gettime");
    line(out, "multiplexing_api", "io_uring");
    line(out, "process_id", std::process::id());
    line(out, "process_supervised", "no");
    line(out, "run_id", &known.run_id);
    // As the client reached it: a core's own port is a node of its own.
    let port = facts.local.map_or(0, |address| address.port());
    line(out, "tcp_port", port);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    line(out, "server_time_usec", now.as_micros());
    let seconds = facts.shared.started.elapsed().as_secs();
    line(out, "uptime_in_seconds", seconds);
    line(out, "uptime_in_days", seconds / 86_400);
    // Ticks of a core in a second.
    line(out, "hz", 10);
    line(out, "configured_hz", 10);
    line(out, "lru_clock", now.as_secs() & 0xFF_FFFF);
    line(out, "executable", &known.executable);
    line(out, "config_file", &known.config_file);
    line(out, "io_threads_active", facts.shared.stats.len());
}

pub(super) fn clients(facts: &Facts<'_>, out: &mut String) {
    line(out, "connected_clients", facts.total.connections);
    line(out, "cluster_connections", 0);
    line(out, "maxclients", facts.shared.connections_max());
    line(out, "blocked_clients", facts.total.lock_waiters);
    line(out, "tracking_clients", 0);
    line(out, "clients_in_timeout_table", facts.total.lock_waiters);
}

/// Nothing is on disk, so nothing is being read from it or written to it.
pub(super) fn persistence(_: &Facts<'_>, out: &mut String) {
    for name in [
        "loading",
        "async_loading",
        "rdb_changes_since_last_save",
        "rdb_bgsave_in_progress",
        "rdb_last_save_time",
    ] {
        line(out, name, 0);
    }
    line(out, "rdb_last_bgsave_status", "ok");
    line(out, "rdb_last_bgsave_time_sec", -1);
    line(out, "rdb_current_bgsave_time_sec", -1);
    for name in [
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
    ] {
        line(out, name, 0);
    }
    line(out, "aof_last_rewrite_time_sec", -1);
    line(out, "aof_current_rewrite_time_sec", -1);
    line(out, "aof_last_bgrewrite_status", "ok");
    line(out, "aof_last_write_status", "ok");
}

pub(super) fn replication(facts: &Facts<'_>, out: &mut String) {
    line(out, "role", "master");
    line(out, "connected_slaves", 0);
    line(out, "master_failover_state", "no-failover");
    line(out, "master_replid", &facts.shared.introspection.run_id);
    line(out, "master_replid2", NO_ID);
    line(out, "master_repl_offset", 0);
    line(out, "second_repl_offset", -1);
    line(out, "repl_backlog_active", 0);
    line(out, "repl_backlog_size", 0);
    line(out, "repl_backlog_first_byte_offset", 0);
    line(out, "repl_backlog_histlen", 0);
}

pub(super) fn cpu(facts: &Facts<'_>, out: &mut String) {
    let seconds = |us: u64| format!("{:.6}", us as f64 / 1e6);
    line(out, "used_cpu_sys", seconds(facts.processor.system_us));
    line(out, "used_cpu_user", seconds(facts.processor.user_us));
    line(out, "used_cpu_sys_children", seconds(0));
    line(out, "used_cpu_user_children", seconds(0));
}

/// On a core's own port the client is at one node of a cluster.
pub(super) fn cluster(facts: &Facts<'_>, out: &mut String) {
    line(out, "cluster_enabled", u8::from(facts.is_cluster_node));
}

pub(super) fn keyspace(facts: &Facts<'_>, out: &mut String) {
    let (keys, expires) = (facts.total.entries, facts.total.expiring);
    if keys > 0 {
        let text = format!("keys={keys},expires={expires},avg_ttl=0");
        line(out, "db0", text);
    }
}

/// Every counter of the node under its own name.
pub(super) fn own(facts: &Facts<'_>, out: &mut String) {
    let text = facts.shared.stats_text(0).unwrap_or_default();
    for (name, value) in stats::lines(&text) {
        line(out, name, value);
    }
}
