//! INFO: the figures that exporters and clients read, under the names that they know.
//!
//! Each section is a function of [`Facts`], which are read once for all sections of an answer.
//! Fields of Redis that have no meaning here are left out, unless tools fail without them.

mod commands;
mod counts;
pub(in crate::resp::commands) mod memory;
mod node;

use std::fmt::Display;
use std::fmt::Write;
use std::net::SocketAddr;

use jerboa_wire::resp::Writer;

use crate::resp::call::{Call, Here};
use crate::resp::refusal::Refusal;
use crate::worker::shared::{CommandTotals, Shared};
use crate::worker::stats::{Counts, ProcessorTime, resident_bytes};

/// A section: its name and title, whether it is told where nothing was asked for, what writes it.
struct Section {
    name: &'static str,
    title: &'static str,
    by_default: bool,
    write: fn(&Facts<'_>, &mut String),
}

const fn section(
    name: &'static str,
    title: &'static str,
    write: fn(&Facts<'_>, &mut String),
) -> Section {
    let by_default = true;
    Section {
        name,
        title,
        by_default,
        write,
    }
}

impl Section {
    /// Told only by name, or with everything.
    const fn if_asked(mut self) -> Self {
        self.by_default = false;
        self
    }
}

const SECTIONS: &[Section] = &[
    section("server", "Server", node::server),
    section("clients", "Clients", node::clients),
    section("memory", "Memory", memory::write),
    section("persistence", "Persistence", node::persistence),
    section("stats", "Stats", counts::write),
    section("replication", "Replication", node::replication),
    section("cpu", "CPU", node::cpu),
    section("modules", "Modules", |_, _| {}),
    section("commandstats", "Commandstats", commands::commands).if_asked(),
    section("errorstats", "Errorstats", commands::errors),
    section("latencystats", "Latencystats", commands::latencies).if_asked(),
    section("cluster", "Cluster", node::cluster),
    section("keyspace", "Keyspace", node::keyspace),
    section("jerboa", "Jerboa", node::own).if_asked(),
];

/// Words that ask for sections without naming one.
const DEFAULT: &[u8] = b"default";
const ALL: [&[u8]; 2] = [b"all", b"everything"];

/// What the sections are written from.
pub(in crate::resp::commands) struct Facts<'f> {
    pub(in crate::resp::commands) shared: &'f Shared,
    /// All cores together, since the start.
    pub(in crate::resp::commands) total: Counts,
    /// The same since CONFIG RESETSTAT.
    since_reset: Counts,
    /// Commands since then.
    commands: CommandTotals,
    is_cluster_node: bool,
    local: Option<SocketAddr>,
    pub(in crate::resp::commands) resident_bytes: u64,
    processor: ProcessorTime,
}

impl<'f> Facts<'f> {
    pub(in crate::resp::commands) fn read(here: &Here<'f>) -> Self {
        let shared = here.shared;
        let total = shared.total();
        Self {
            shared,
            since_reset: total.since(&shared.introspection.forgotten()),
            total,
            commands: shared.command_totals(),
            is_cluster_node: here.client.is_on_core_port,
            local: here.client.local,
            resident_bytes: resident_bytes().unwrap_or(0),
            processor: ProcessorTime::of_process().unwrap_or_default(),
        }
    }
}

pub(super) fn info(
    here: &mut Here<'_>,
    call: &Call<'_, '_>,
    out: &mut Writer<'_>,
) -> Result<(), Refusal> {
    let wanted = call.names_from(1)?;
    let is_named = |name: &[u8]| wanted.iter().any(|word| word.eq_ignore_ascii_case(name));
    let all = ALL.iter().any(|word| is_named(word));
    let default = wanted.is_empty() || is_named(DEFAULT);
    let facts = Facts::read(here);
    let mut text = String::new();
    for section in SECTIONS {
        let is_wanted = all || (default && section.by_default);
        if is_wanted || is_named(section.name.as_bytes()) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {}\r\n", section.title);
            (section.write)(&facts, &mut text);
        }
    }
    out.text(&text);
    Ok(())
}

fn line(out: &mut String, name: &str, value: impl Display) {
    // Writing to a string does not fail.
    let _ = write!(out, "{name}:{value}\r\n");
}
