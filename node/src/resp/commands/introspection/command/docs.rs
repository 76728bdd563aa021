//! COMMAND DOCS: what people and their tools read of a command. redis-cli makes its hints and its help
//! from it.

use jerboa_wire::resp::Writer;

use super::{Result, named};
use crate::resp::call::{Call, Here};
use crate::resp::command::{self, Command};
use crate::resp::documentation::{self, Argument};

/// Of all commands, or of those that are named: each is told of once, however often it is named.
pub(super) fn docs(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let mut commands = Vec::<&Command>::new();
    if call.len() == 2 {
        commands.extend(command::all());
    } else {
        for command in call.names_from(2)?.iter().filter_map(named) {
            if !commands.iter().any(|known| std::ptr::eq(*known, command)) {
                commands.push(command);
            }
        }
    }
    write_all(&commands, out);
    Ok(())
}

fn write_all(commands: &[&Command], out: &mut Writer<'_>) {
    out.map(commands.len());
    for command in commands {
        out.bulk(command.name);
        write(command, out);
    }
}

fn write(command: &Command, out: &mut Writer<'_>) {
    let told = documentation::of(command);
    let always = [
        ("summary", command.summary),
        ("since", told.since),
        ("group", told.group),
        ("complexity", told.complexity),
    ];
    let has_flags = told.deprecated.is_some() || told.is_for_system;
    out.map(
        always.len()
            + usize::from(has_flags)
            + 2 * usize::from(told.deprecated.is_some())
            + usize::from(!told.history.is_empty())
            + usize::from(!told.arguments.is_empty())
            + usize::from(!command.subcommands.is_empty()),
    );
    for (name, value) in always {
        out.bulk(name);
        out.bulk(value);
    }
    if has_flags {
        out.bulk("doc_flags");
        out.set(usize::from(told.deprecated.is_some()) + usize::from(told.is_for_system));
        if told.deprecated.is_some() {
            out.simple("deprecated");
        }
        if told.is_for_system {
            out.simple("syscmd");
        }
    }
    if let Some((since, instead)) = told.deprecated {
        for (name, value) in [("deprecated_since", since), ("replaced_by", instead)] {
            out.bulk(name);
            out.bulk(value);
        }
    }
    if !told.history.is_empty() {
        out.bulk("history");
        out.set(told.history.len());
        for (version, change) in &told.history {
            out.array(2);
            out.bulk(version);
            out.bulk(change);
        }
    }
    if !told.arguments.is_empty() {
        out.bulk("arguments");
        write_arguments(&told.arguments, command.keys.first != 0, out);
    }
    if !command.subcommands.is_empty() {
        out.bulk("subcommands");
        let subcommands: Vec<&Command> = command.subcommands.iter().collect();
        write_all(&subcommands, out);
    }
}

fn write_arguments(arguments: &[Argument], has_keys: bool, out: &mut Writer<'_>) {
    out.array(arguments.len());
    for argument in arguments {
        let is_key = has_keys && argument.kind == "key";
        let is_one = argument.parts.is_empty();
        let named = [
            // What newer clients show in its place; the same here.
            ("display_text", is_one.then_some(argument.name)),
            ("token", argument.token),
            ("since", argument.since),
            ("deprecated_since", argument.deprecated),
        ];
        let given = named.iter().filter(|(_, value)| value.is_some()).count();
        out.map(
            2 + given
                + usize::from(is_key)
                + usize::from(!argument.flags.is_empty())
                + usize::from(!is_one),
        );
        out.bulk("name");
        out.bulk(argument.name);
        out.bulk("type");
        out.bulk(argument.kind);
        if is_key {
            out.bulk("key_spec_index");
            out.integer(0);
        }
        for (name, value) in named {
            if let Some(value) = value {
                out.bulk(name);
                out.bulk(value);
            }
        }
        if !argument.flags.is_empty() {
            out.bulk("flags");
            out.set(argument.flags.len());
            argument.flags.iter().for_each(|flag| out.simple(flag));
        }
        if !is_one {
            out.bulk("arguments");
            write_arguments(&argument.parts, has_keys, out);
        }
    }
}
