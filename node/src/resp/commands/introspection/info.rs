//! INFO: the figures that exporters and clients read, under the names that they know.

use std::fmt::Write;

use jerboa_wire::resp::Writer;
use jerboa_wire::stats;

use crate::resp::call::{Call, Here};
use crate::resp::commands::connection::COMPATIBLE_VERSION;
use crate::resp::refusal::Refusal;

/// A section's name and what writes it.
type Section = (&'static str, fn(&Facts, &mut String));

const SECTIONS: [Section; 6] = [
    ("server", server),
    ("clients", clients),
    ("memory", memory),
    ("stats", counts),
    ("replication", replication),
    ("keyspace", keyspace),
];

/// What the sections are written from.
struct Facts {
    stats: String,
    cores: usize,
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
    let everything = ["all", "default", "everything"];
    let is_wanted = |section: &str| {
        wanted.is_empty()
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
        memory_bytes_max: 0,
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
    line(out, "redis_mode", "standalone");
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
