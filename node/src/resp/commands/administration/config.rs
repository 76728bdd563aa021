//! CONFIG: the settings, under the names of this node and under those that Redis' clients know.

mod draft;
mod parameter;

use jerboa_wire::resp::Writer;

use super::{Answered, FLAGS, help};
use crate::glob::Glob;
use crate::resp::call::{Call, Here};
use crate::resp::command::{Command, Flags, Run};
use crate::resp::refusal::Refusal;
use draft::Draft;
use parameter::{Change, Parameter};

macro_rules! here {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new($name, $arity, FLAGS, Run::Here($run), $summary)
    };
}

/// Patterns, or pairs of a name and a value, that one command may have: more than there are
/// settings.
const ITEMS_MAX: usize = 128;
/// Names that all patterns of a command are held against: a core does nothing else meanwhile.
const MATCHES_MAX: usize = 1 << 15;
/// Bytes of a name that an error quotes: that of a map may be as long.
const QUOTED_BYTES_MAX: usize = 300;

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
    here!("config|get", -3, get, "Settings whose names match.").flags(Flags::OPERATOR),
    here!("config|set", -4, set, "Changes settings: those that may change while the node runs.").flags(Flags::OPERATOR),
    here!("config|resetstat", 2, reset_counts, "INFO counts from here on; the node's own counters only grow.").flags(Flags::OPERATOR),
    here!("config|rewrite", 2, rewrite, "Refused: the file belongs to who runs the node.").flags(Flags::OPERATOR),
    here!("config|help", 2, config_help, "The subcommands."),
];

/// One pattern after the other: each takes kilobytes once it is compiled. What is named, not matched,
/// is answered under the name that it was asked by, as Redis does.
fn get(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let patterns = call.arguments.from(2);
    check_count(patterns.len())?;
    // Each with the name that it is answered under, if it is asked for.
    let mut found: Vec<(Parameter, Option<Vec<u8>>)> = parameter::all(here.shared)
        .into_iter()
        .map(|parameter| (parameter, None))
        .collect();
    if patterns.len() * found.len() > MATCHES_MAX {
        return Err(Refusal::text(
            "ERR too many patterns at a time for that many maps with settings",
        ));
    }
    let is_name = |pattern: &&[u8]| !pattern.iter().any(|byte| b"*?[".contains(byte));
    for name in patterns.iter().filter(is_name) {
        let Some(parameter) = parameter::find(here.shared, name) else {
            continue;
        };
        let mut all = found.iter_mut();
        match all.find(|(known, _)| known.name == parameter.name) {
            Some((_, shown)) => {
                shown.get_or_insert_with(|| name.to_vec());
            }
            // A map that has no settings of its own is not in the list, but has its name.
            None => found.push((parameter, Some(name.to_vec()))),
        }
    }
    for pattern in patterns.iter().filter(|pattern| !is_name(pattern)) {
        let lower = pattern.to_ascii_lowercase();
        let (Ok(glob), Ok(lower)) = (Glob::new(pattern), Glob::new(&lower)) else {
            continue;
        };
        for (parameter, shown) in &mut found {
            // Names of maps differ by their case.
            let matches = match parameter.change {
                Change::Map(..) => glob.matches(&parameter.name),
                _ => lower.matches(&parameter.name),
            };
            if matches && shown.is_none() {
                *shown = Some(parameter.name.clone());
            }
        }
    }
    out.map(found.iter().filter(|(_, shown)| shown.is_some()).count());
    for (parameter, shown) in found {
        if let Some(name) = shown {
            out.bulk(name);
            out.bulk(parameter.text);
        }
    }
    Ok(())
}

fn set(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let pairs = call.arguments.from(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(Refusal::SYNTAX);
    }
    check_count(pairs.len() / 2)?;
    let shared = here.shared;
    let _turn = shared.tuning.take_turn();
    let mut parameters: Vec<Parameter> = Vec::with_capacity(pairs.len() / 2);
    // First whether all of them are there, once each, as Redis does.
    for place in 0..pairs.len() / 2 {
        let given = pairs.at(place * 2);
        let found = parameter::find(shared, given).ok_or_else(|| {
            let mut text = UNKNOWN.to_vec();
            text.extend_from_slice(quoted(given));
            text.push(b'\'');
            Refusal::bytes(text)
        })?;
        if found.change == Change::Never {
            return Err(failed(given, "can't set immutable config"));
        }
        if parameters
            .iter()
            .any(|known| known.change_is_that_of(&found))
        {
            return Err(failed(given, "duplicate parameter"));
        }
        parameters.push(found);
    }
    let mut draft = Draft::new(here.shared);
    for (place, parameter) in parameters.iter().enumerate() {
        let wanted = String::from_utf8_lossy(pairs.at(place * 2 + 1));
        let taken = draft.take(place, parameter, &wanted);
        taken.map_err(|reason| failed(pairs.at(place * 2), &reason))?;
    }
    let made = draft.make(here.changes, parameters.len().saturating_sub(1));
    made.map_err(|(place, reason)| failed(pairs.at(place * 2), &reason))?;
    out.simple("OK");
    Ok(())
}

/// What is said to a name that no parameter has.
const UNKNOWN: &[u8] = b"ERR Unknown option or number of arguments for CONFIG SET - '";

fn quoted(name: &[u8]) -> &[u8] {
    &name[..name.len().min(QUOTED_BYTES_MAX)]
}

/// A parameter cannot be as it is wanted.
fn failed(name: &[u8], reason: &str) -> Refusal {
    let mut text = b"ERR CONFIG SET failed (possibly related to argument '".to_vec();
    text.extend_from_slice(quoted(name));
    text.extend_from_slice(b"') - ");
    text.extend_from_slice(reason.as_bytes());
    Refusal::bytes(text)
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
