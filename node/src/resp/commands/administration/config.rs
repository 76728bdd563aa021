//! CONFIG: the settings, under the names of this node and under those that Redis' clients know.

use jerboa_wire::resp::Writer;

use super::{Answered, FLAGS, help};
use crate::config::value::{event_kinds, show_event_kinds};
use crate::glob::Glob;
use crate::resp::call::{Call, Here};
use crate::resp::command::{Command, Group, Run};
use crate::resp::refusal::Refusal;
use crate::worker::shared::Shared;

macro_rules! here {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new(
            $name,
            $arity,
            FLAGS,
            Group::Server,
            Run::Here($run),
            $summary,
        )
    };
}

/// Patterns, or pairs of a name and a value, that one command may have: more than there are
/// settings.
const ITEMS_MAX: usize = 128;
/// Bytes of a name that an error quotes; no setting's name is as long.
const QUOTED_BYTES_MAX: usize = 128;

fn check_count(items: usize) -> Answered {
    if items > ITEMS_MAX {
        return Err(Refusal::format(format_args!(
            "ERR at most {ITEMS_MAX} settings at a time"
        )));
    }
    Ok(())
}

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    here!("config|get", -3, get, "Settings whose names match."),
    here!("config|set", -4, set, "Changes settings: those that may change while the node runs."),
    here!("config|resetstat", 2, reset_counts, "INFO counts from here on; the node's own counters only grow."),
    here!("config|rewrite", 2, rewrite, "Refused: the file belongs to the operator."),
    here!("config|help", 2, config_help, "The subcommands."),
];

/// Every setting that can be read: our own, then those under Redis' names.
fn settings(shared: &Shared) -> Vec<(String, String)> {
    let mut settings: Vec<_> = shared.configuration.clone();
    for (name, text) in &mut settings {
        if name == "events" {
            let shown = show_event_kinds(&shared.events.kinds());
            *text = shown.trim_matches('"').to_owned();
        }
    }
    let own = |name: &str| {
        let found = shared.configuration.iter().find(|(own, _)| own == name);
        found.map_or_else(String::new, |(_, text)| text.clone())
    };
    let policy = match own("when_full").as_str() {
        "refuse" => "noeviction",
        _ => "allkeys-lru",
    };
    let timeout_ms: u64 = own("idle_timeout_ms").parse().unwrap_or(0);
    let known = [
        ("maxmemory", shared.memory_bytes.to_string()),
        ("maxmemory-policy", policy.to_owned()),
        ("maxclients", shared.connections_max.to_string()),
        ("timeout", (timeout_ms / 1000).to_string()),
        ("proto-max-bulk-len", shared.value_bytes_max.to_string()),
        ("databases", "1".to_owned()),
        ("save", String::new()),
        ("appendonly", "no".to_owned()),
        ("cluster-enabled", "no".to_owned()),
        ("replica-read-only", "yes".to_owned()),
        ("slave-read-only", "yes".to_owned()),
        ("slowlog-max-len", "0".to_owned()),
        ("io-threads", shared.stats.len().to_string()),
    ];
    settings.extend(known.map(|(name, text)| (name.to_owned(), text)));
    settings
}

fn get(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let patterns = call.arguments.from(2);
    check_count(patterns.len())?;
    let settings = settings(here.shared);
    let mut matched = vec![false; settings.len()];
    // One pattern after the other: each takes kilobytes once it is compiled.
    for pattern in patterns.iter() {
        let pattern = pattern.to_ascii_lowercase();
        let Ok(glob) = Glob::new(&pattern) else {
            continue;
        };
        for (matched, (name, _)) in matched.iter_mut().zip(&settings) {
            *matched = *matched || glob.matches(name.as_bytes());
        }
    }
    out.map(matched.iter().filter(|matched| **matched).count());
    let found = settings.into_iter().zip(matched);
    for ((name, text), _) in found.filter(|(_, matched)| *matched) {
        out.bulk(name);
        out.bulk(text);
    }
    Ok(())
}

fn set(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let pairs = call.arguments.from(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(call.wrong_arity());
    }
    check_count(pairs.len() / 2)?;
    // All or nothing: first whether every one can be set, then setting them.
    let known = settings(here.shared);
    let mut events = None;
    let mut named: Vec<&str> = Vec::with_capacity(pairs.len() / 2);
    for index in (0..pairs.len()).step_by(2) {
        let given = pairs.at(index);
        let wanted = String::from_utf8_lossy(pairs.at(index + 1));
        let found = known
            .iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(given));
        let given = String::from_utf8_lossy(&given[..given.len().min(QUOTED_BYTES_MAX)]);
        let Some((name, now)) = found else {
            return Err(Refusal::format(format_args!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{given}'"
            )));
        };
        if named.contains(&name.as_str()) {
            return Err(Refusal::format(format_args!(
                "ERR CONFIG SET failed (possibly related to argument '{given}') - duplicate \
                 parameter"
            )));
        }
        named.push(name);
        if name == "events" {
            let kinds = event_kinds(&wanted).map_err(|error| {
                Refusal::format(format_args!(
                    "ERR CONFIG SET failed (possibly related to argument '{name}') - {error}"
                ))
            })?;
            events = Some(kinds);
        } else if *now != wanted {
            return Err(Refusal::format(format_args!(
                "ERR CONFIG SET failed (possibly related to argument '{name}') - can't set \
                 immutable config"
            )));
        }
    }
    if let Some(kinds) = events {
        here.shared.events.set(kinds);
    }
    out.simple("OK");
    Ok(())
}

fn reset_counts(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    here.shared.introspection.forget(&here.shared.total());
    here.shared.reset_command_totals();
    out.simple("OK");
    Ok(())
}

fn rewrite(_: &mut Here<'_>, _: &Call<'_, '_>, _: &mut Writer<'_>) -> Answered {
    Err(Refusal::text(
        "ERR The server is running without a config file",
    ))
}

fn config_help(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    help(SUBCOMMANDS, out)
}
