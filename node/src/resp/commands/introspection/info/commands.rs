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
