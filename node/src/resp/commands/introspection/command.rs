//! COMMAND and its subcommands, answered from the table.

mod describe;
mod docs;
mod keys;

use jerboa_wire::resp::Writer;

use crate::glob::Glob;
use crate::resp::call::{Call, Here};
use crate::resp::command::{self, Command, Flags, Run};
use crate::resp::commands::administration::help;
use crate::resp::refusal::Refusal;
use describe::{categories, describe};

type Result = std::result::Result<(), Refusal>;

const FLAGS: Flags = Flags::ALWAYS;

macro_rules! command {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new($name, $arity, FLAGS, Run::Here($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    command!("command|count", 2, count, "How many commands there are."),
    command!("command|info", -2, info, "What clients need to know of some commands."),
    command!("command|docs", -2, docs::docs, "What some commands do."),
    command!("command|list", -2, list, "The names of the commands."),
    command!("command|getkeys", -3, keys::get_keys, "Which arguments of a command are keys."),
    command!("command|getkeysandflags", -4, keys::get_keys_and_flags, "The same, and what is done to each."),
    command!("command|help", 2, command_help, "The subcommands."),
];

pub(super) fn all(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    out.array(command::all().count());
    command::all().for_each(|command| describe(command, out));
    Ok(())
}

fn count(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    out.integer(command::all().count() as i64);
    Ok(())
}

fn info(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    if call.len() == 2 {
        return all(here, call, out);
    }
    let names = call.names_from(2)?;
    out.array(names.len());
    for name in names.iter() {
        match named(name) {
            Some(command) => describe(command, out),
            None => out.null(),
        }
    }
    Ok(())
}

/// A command by its name, or a subcommand by its container's and its own with `|` between.
fn named(name: &[u8]) -> Option<&'static Command> {
    let mut parts = name.splitn(2, |byte| *byte == b'|');
    let command = command::find(parts.next()?)?;
    match parts.next() {
        None => Some(command),
        Some(subcommand) => command.subcommand(subcommand),
    }
}

/// The names of all commands and subcommands, or of those that a filter lets through.
fn list(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let with_theirs = command::all()
        .flat_map(|command| std::iter::once(command).chain(command.subcommands.iter()));
    let passes: Filter = match call.len() {
        2 => Box::new(|_| true),
        5 if call.is(2, "filterby") => filter(call)?,
        _ => return Err(Refusal::SYNTAX),
    };
    let found: Vec<&Command> = with_theirs.filter(|command| passes(command)).collect();
    out.array(found.len());
    found.iter().for_each(|command| out.bulk(command.name));
    Ok(())
}

type Filter = Box<dyn Fn(&Command) -> bool>;

fn filter(call: &Call<'_, '_>) -> std::result::Result<Filter, Refusal> {
    let wanted = call.at(4).to_ascii_lowercase();
    if call.is(3, "module") {
        // No command comes from one.
        Ok(Box::new(|_| false))
    } else if call.is(3, "aclcat") {
        Ok(Box::new(move |command| {
            let mut names = categories(command).into_iter();
            names.any(|name| name.as_bytes().strip_prefix(b"@") == Some(&wanted))
        }))
    } else if call.is(3, "pattern") {
        let glob = Glob::new(&wanted)
            .map_err(|_| Refusal::text("ERR the pattern is longer than 256 bytes"))?;
        Ok(Box::new(move |command| {
            glob.matches(command.name.as_bytes())
        }))
    } else {
        Err(Refusal::SYNTAX)
    }
}

fn command_help(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    help(SUBCOMMANDS, out)
}
