//! The sections about commands by their names: how often, how long, how many in vain, and which
//! errors were answered. All of it since the start, or since CONFIG RESETSTAT.

use super::{Facts, line};

pub(super) fn commands(facts: &Facts<'_>, out: &mut String) {
    for (command, row) in facts.commands.commands() {
        let us = row.ns() / 1000;
        let per_call_us = match row.calls() {
            0 => 0.0,
            calls => row.ns() as f64 / 1000.0 / calls as f64,
        };
        line(
            out,
            &format!("cmdstat_{}", command.name),
            format_args!(
                "calls={},usec={us},usec_per_call={per_call_us:.2},rejected_calls={},\
                 failed_calls={}",
                row.calls(),
                row.rejected(),
                row.failed(),
            ),
        );
    }
}

pub(super) fn errors(facts: &Facts<'_>, out: &mut String) {
    for (word, count) in facts.commands.errors() {
        let name = format!("errorstat_{word}");
        line(out, &name, format_args!("count={count}"));
    }
}

/// Durations that so many of a command's calls did not exceed: the ends of their classes.
pub(super) fn latencies(facts: &Facts<'_>, out: &mut String) {
    for (command, row) in facts.commands.commands() {
        if row.calls() == 0 {
            continue;
        }
        let us = |per_mille: u64| {
            let wanted = (row.calls() * per_mille).div_ceil(1000);
            let mut sum = 0;
            let found = row.classes().find(|(_, calls)| {
                sum += calls;
                sum >= wanted
            });
            found.map_or(0.0, |(longest_ns, _)| longest_ns as f64 / 1000.0)
        };
        let (half, most, nearly_all) = (us(500), us(990), us(999));
        line(
            out,
            &format!("latency_percentiles_usec_{}", command.name),
            format_args!("p50={half:.3},p99={most:.3},p99.9={nearly_all:.3}"),
        );
    }
}
