//! MEMORY: what a key takes, and where the memory is.

use std::fmt::Write;

use jerboa_wire::resp::Writer;
use jerboa_wire::{EXISTS_MEMORY, Opcode, Request};

use super::{Answered, FLAGS, done, help};
use crate::resp::call::{Asked, Call, Here};
use crate::resp::command::{Command, Flags, Keys, Run};
use crate::resp::commands::introspection::info::Facts;
use crate::resp::commands::introspection::info::memory::{Memory, ratio};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

macro_rules! here {
    ($name:literal, $run:expr, $summary:literal) => {
        Command::new($name, 2, FLAGS, Run::Here($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    Command::new("memory|usage", -3, Flags::READ, Run::Request(usage), "Bytes that a key takes.")
        .keys(Keys::new(2, 2, 1)),
    here!("memory|stats", stats, "Where the memory is.").flags(Flags::NONE),
    here!("memory|doctor", doctor, "An explanation of the memory.").flags(Flags::NONE),
    here!("memory|malloc-stats", malloc_stats, "The memory, core by core.").flags(Flags::NONE),
    here!("memory|purge", done, "Gives memory back: it stays with the node.").flags(Flags::NONE),
    here!("memory|help", help_memory, "The subcommands."),
];

/// What the entry takes by the books of its core. The options are read as Redis does, and mean nothing
/// for values that are strings.
fn usage<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<Asked<'a>, Refusal> {
    let mut at = 3;
    while at < call.len() {
        if !call.is(at, "samples") || at + 1 >= call.len() {
            return Err(Refusal::SYNTAX);
        }
        if call.integer(at + 1)? < 0 {
            return Err(Refusal::SYNTAX);
        }
        at += 2;
    }
    let key = call.key(2)?;
    let request = Request {
        key,
        arg: EXISTS_MEMORY,
        ..Request::new(Opcode::Exists)
    };
    Ok(Asked::plain(request, Form::NumberOrNothing))
}

/// One figure of MEMORY STATS.
enum Figure {
    Bytes(u64),
    Difference(i64),
    Ratio(f64),
    /// Of the one database, under a name of its own.
    Database(u64, u64),
}

/// Where the memory is.
fn places(facts: &Facts<'_>, memory: &Memory) -> Vec<(&'static str, Figure)> {
    use Figure::{Bytes, Database, Ratio};
    let keys = facts.total.entries;
    let bytes_per_key = memory.dataset.checked_div(keys).unwrap_or(0);
    let percent = |of, by| Ratio(ratio(of, by) * 100.0);
    vec![
        ("peak.allocated", Bytes(memory.used_peak)),
        ("total.allocated", Bytes(memory.used)),
        ("startup.allocated", Bytes(0)),
        ("replication.backlog", Bytes(0)),
        ("clients.slaves", Bytes(0)),
        ("clients.normal", Bytes(0)),
        ("cluster.links", Bytes(0)),
        ("aof.buffer", Bytes(0)),
        ("lua.caches", Bytes(0)),
        ("functions.caches", Bytes(0)),
        ("db.0", Database(facts.total.index_bytes, 0)),
        ("overhead.total", Bytes(memory.overhead())),
        ("keys.count", Bytes(keys)),
        ("keys.bytes-per-key", Bytes(bytes_per_key)),
        ("dataset.bytes", Bytes(memory.dataset)),
        ("dataset.percentage", percent(memory.dataset, memory.used)),
        ("peak.percentage", percent(memory.used, memory.used_peak)),
    ]
}

/// How much of it is not for entries.
fn losses(memory: &Memory) -> [(&'static str, Figure); 11] {
    use Figure::{Bytes, Difference, Ratio};
    let above =
        |of: u64, from: u64| Difference(of.cast_signed().saturating_sub(from.cast_signed()));
    let Memory {
        used,
        allocated,
        reserved,
        resident,
        ..
    } = *memory;
    [
        ("allocator.allocated", Bytes(allocated)),
        ("allocator.active", Bytes(used)),
        ("allocator.resident", Bytes(reserved)),
        (
            "allocator-fragmentation.ratio",
            Ratio(ratio(used, allocated)),
        ),
        ("allocator-fragmentation.bytes", above(used, allocated)),
        ("allocator-rss.ratio", Ratio(ratio(reserved, used))),
        ("allocator-rss.bytes", above(reserved, used)),
        ("rss-overhead.ratio", Ratio(ratio(resident, reserved))),
        ("rss-overhead.bytes", above(resident, reserved)),
        ("fragmentation", Ratio(ratio(resident, reserved))),
        ("fragmentation.bytes", above(resident, reserved)),
    ]
}

fn stats(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let facts = Facts::read(here);
    let memory = Memory::of(&facts);
    let mut figures = places(&facts, &memory);
    figures.extend(losses(&memory));
    out.map(figures.len());
    for (name, figure) in figures {
        out.bulk(name);
        match figure {
            Figure::Bytes(bytes) => out.integer(bytes.cast_signed()),
            Figure::Difference(bytes) => out.integer(bytes),
            Figure::Ratio(ratio) => out.double(ratio),
            Figure::Database(main, expires) => {
                out.map(2);
                out.bulk("overhead.hashtable.main");
                out.integer(main.cast_signed());
                out.bulk("overhead.hashtable.expires");
                out.integer(expires.cast_signed());
            }
        }
    }
    Ok(())
}

fn doctor(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let facts = Facts::read(here);
    let memory = Memory::of(&facts);
    let percent = ratio(memory.used, facts.shared.memory_bytes) * 100.0;
    let refused = facts.total.out_of_memory;
    let mut text = format!(
        "The memory for entries was reserved when the node started: {} bytes, of which {percent:.0} \
         % are in use.",
        memory.reserved
    );
    if refused > 0 {
        let _ = write!(
            text,
            " {refused} writes were refused because no room could be made: raise `memory` or a \
             map's limit, or let entries be evicted."
        );
    } else if facts.total.evicted > 0 {
        let _ = write!(
            text,
            " {} entries were evicted to make room for others.",
            facts.total.evicted
        );
    } else {
        text.push_str(" Nothing had to go to make room, and no write was refused.");
    }
    out.text(&text);
    Ok(())
}

fn malloc_stats(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let mut text = String::from("core reserved used index live entries segments_free\n");
    for (core, stats) in here.shared.stats.iter().enumerate() {
        let counts = stats.read();
        let _ = writeln!(
            text,
            "{core} {} {} {} {} {} {}",
            counts.arena_bytes,
            counts.used_bytes,
            counts.index_bytes,
            counts.live_bytes,
            counts.entries,
            counts.segments_free
        );
    }
    out.text(&text);
    Ok(())
}

fn help_memory(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    help(SUBCOMMANDS, out)
}
