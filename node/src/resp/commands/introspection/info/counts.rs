//! The `stats` section: what has been done since the start, or since CONFIG RESETSTAT.

use super::{Facts, line};

pub(super) fn write(facts: &Facts<'_>, out: &mut String) {
    let (total, done) = (&facts.total, &facts.since_reset);
    line(out, "total_connections_received", done.accepted);
    line(out, "total_commands_processed", done.ops);
    line(out, "instantaneous_ops_per_sec", total.ops_per_s);
    line(out, "total_net_input_bytes", done.bytes_in);
    line(out, "total_net_output_bytes", done.bytes_out);
    line(out, "total_net_repl_input_bytes", 0);
    line(out, "total_net_repl_output_bytes", 0);
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    line(
        out,
        "instantaneous_input_kbps",
        kilobytes(total.bytes_in_per_s),
    );
    line(
        out,
        "instantaneous_output_kbps",
        kilobytes(total.bytes_out_per_s),
    );
    line(out, "rejected_connections", done.refused);
    line(out, "sync_full", 0);
    line(out, "sync_partial_ok", 0);
    line(out, "sync_partial_err", 0);
    line(out, "expired_keys", done.expired);
    line(out, "evicted_keys", done.evicted);
    let cut_off = done.closed_slow + done.closed_overload;
    line(out, "evicted_clients", cut_off);
    line(
        out,
        "client_output_buffer_limit_disconnections",
        done.closed_slow,
    );
    line(
        out,
        "client_query_buffer_limit_disconnections",
        done.closed_overload,
    );
    line(out, "keyspace_hits", done.hits);
    line(out, "keyspace_misses", done.misses);
    let directory = &facts.shared.directory;
    line(out, "pubsub_channels", directory.channels());
    line(out, "pubsub_patterns", directory.patterns());
    line(out, "latest_fork_usec", 0);
    line(out, "total_forks", 0);
    line(out, "migrate_cached_sockets", 0);
    line(out, "slave_expires_tracked_keys", 0);
    line(out, "tracking_total_keys", 0);
    line(out, "tracking_total_items", 0);
    line(out, "tracking_total_prefixes", 0);
    line(out, "unexpected_error_replies", 0);
    line(out, "total_error_replies", done.errors);
    // A turn of a core reads once from each connection and writes once to it.
    line(out, "io_threads_active", facts.shared.stats.len());
}
