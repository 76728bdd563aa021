//! INFO: the figures that exporters and clients read, under the names that they know.

use std::fmt::Write;

use jerboa_wire::resp::Writer;
use jerboa_wire::stats;

use crate::resp::call::{Call, Here};
use crate::resp::commands::connection::COMPATIBLE_VERSION;
use crate::resp::refusal::Refusal;

/// A section's name and what writes it.
type Section = (&'static str, fn(&Facts, &mut String));

const SECTIONS: [Section; 10] = [
    ("server", server),
    ("clients", clients),
    ("memory", memory),
    ("persistence", persistence),
    ("stats", counts),
    ("replication", replication),
    ("cpu", cpu),
    ("cluster", cluster),
    ("keyspace", keyspace),
    ("jerboa", own),
];

/// What the sections are written from.
struct Facts {
    stats: String,
    cores: usize,
    is_cluster_node: bool,
    memory_bytes_max: u64,
    connections_max: u32,
}

impl Facts {
    fn number(&self, name: &str) -> u64 {
        stats::number(&self.stats, name).unwrap_or(0)
    }

    /// A core's count, over all cores.
    fn sum(&self, name: &str) -> u64 {
        (0..self.cores)
            .map(|core| self.number(&format!("core.{core}.{name}")))
            .sum()
    }
}

pub(super) fn info(
    here: &mut Here<'_>,
    call: &Call<'_, '_>,
    out: &mut Writer<'_>,
) -> Result<(), Refusal> {
    let wanted = call.arguments.from(1);
    // Our own counters are long, and asked for by name or with everything.
    let everything = ["all", "everything"];
    let is_default = wanted
        .iter()
        .any(|word| word.eq_ignore_ascii_case(b"default"));
    let is_wanted = |section: &str| {
        (section != "jerboa" && (wanted.is_empty() || is_default))
            || wanted.iter().any(|word| {
                word.eq_ignore_ascii_case(section.as_bytes())
                    || everything
                        .iter()
                        .any(|all| word.eq_ignore_ascii_case(all.as_bytes()))
            })
    };
    let facts = Facts {
        stats: here.shared.stats_text(0).unwrap_or_default(),
        cores: here.shared.stats.len(),
        is_cluster_node: here.client.is_on_core_port,
        memory_bytes_max: here.shared.memory_bytes,
        connections_max: here.shared.connections_max,
    };
    let mut text = String::new();
    for (name, write) in SECTIONS {
        if is_wanted(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let mut title = name.to_owned();
            title[..1].make_ascii_uppercase();
            let _ = write!(text, "# {title}\r\n");
            write(&facts, &mut text);
        }
    }
    out.text(&text);
    Ok(())
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(out, "{name}:{value}\r\n");
}

fn server(facts: &Facts, out: &mut String) {
    line(out, "redis_version", COMPATIBLE_VERSION);
    line(out, "jerboa_version", env!("CARGO_PKG_VERSION"));
    let mode = if facts.is_cluster_node {
        "cluster"
    } else {
        "standalone"
    };
    line(out, "redis_mode", mode);
    line(out, "os", std::env::consts::OS);
    line(out, "arch_bits", usize::BITS);
    line(out, "process_id", std::process::id());
    let seconds = facts.number("node.uptime_ms") / 1000;
    line(out, "uptime_in_seconds", seconds);
    line(out, "uptime_in_days", seconds / 86_400);
    line(out, "io_threads_active", facts.cores);
}

fn clients(facts: &Facts, out: &mut String) {
    line(out, "connected_clients", facts.number("node.connections"));
    line(out, "maxclients", facts.connections_max);
    line(out, "blocked_clients", facts.sum("lock_waiters"));
}

fn memory(facts: &Facts, out: &mut String) {
    line(out, "used_memory", facts.sum("arena_bytes"));
    line(
        out,
        "used_memory_rss",
        facts.number("process.resident_bytes"),
    );
    line(out, "used_memory_dataset", facts.number("node.live_bytes"));
    line(out, "maxmemory", facts.memory_bytes_max);
}

/// Nothing is on disk, so nothing is being read from it.
fn persistence(_: &Facts, out: &mut String) {
    line(out, "loading", 0);
    line(out, "rdb_bgsave_in_progress", 0);
    line(out, "aof_enabled", 0);
}

fn counts(facts: &Facts, out: &mut String) {
    line(out, "total_connections_received", facts.sum("accepted"));
    line(out, "total_commands_processed", facts.number("node.ops"));
    line(out, "total_net_input_bytes", facts.sum("bytes_in"));
    line(out, "total_net_output_bytes", facts.sum("bytes_out"));
    line(out, "rejected_connections", facts.sum("refused"));
    line(out, "expired_keys", facts.sum("expired"));
    line(out, "evicted_keys", facts.sum("evicted"));
    let hits = facts.number("node.hits");
    line(out, "keyspace_hits", hits);
    let misses = facts.number("node.gets").saturating_sub(hits);
    line(out, "keyspace_misses", misses);
}

fn replication(_: &Facts, out: &mut String) {
    line(out, "role", "master");
    line(out, "connected_slaves", 0);
    line(out, "master_repl_offset", 0);
}

fn cpu(facts: &Facts, out: &mut String) {
    let seconds = facts.number("process.cpu_us") as f64 / 1e6;
    line(out, "used_cpu_sys", "0.000000");
    line(out, "used_cpu_user", format_args!("{seconds:.6}"));
}

/// On a core's own port the client is at one node of a cluster.
fn cluster(facts: &Facts, out: &mut String) {
    line(out, "cluster_enabled", u8::from(facts.is_cluster_node));
}

/// Every counter of the node under its own name.
fn own(facts: &Facts, out: &mut String) {
    for (name, value) in stats::lines(&facts.stats) {
        line(out, name, value);
    }
}

fn keyspace(facts: &Facts, out: &mut String) {
    let entries = facts.number("node.entries");
    if entries > 0 {
        line(
            out,
            "db0",
            format_args!("keys={entries},expires=0,avg_ttl=0"),
        );
    }
}
