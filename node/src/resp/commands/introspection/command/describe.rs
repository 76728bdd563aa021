//! COMMAND INFO: what clients need to know of a command to send it, in ten fields.

use jerboa_wire::resp::Writer;

use super::keys;
use crate::resp::command::{Command, Flags};
use crate::resp::documentation;

/// Name, arity, flags, the keys in three numbers, categories, tips, the keys in Redis 7's words, and
/// the subcommands.
pub(super) fn describe(command: &Command, out: &mut Writer<'_>) {
    out.array(10);
    out.bulk(command.name);
    out.integer(command.arity.into());
    let flags: Vec<_> = command.flags.names().collect();
    out.set(flags.len());
    flags.iter().for_each(|flag| out.simple(flag));
    for number in [command.keys.first, command.keys.last, command.keys.step] {
        out.integer(number.into());
    }
    let categories = categories(command);
    out.set(categories.len());
    categories.iter().for_each(|name| out.simple(name));
    let tips = &documentation::of(command).tips;
    out.set(tips.len());
    tips.iter().for_each(|tip| out.bulk(tip));
    describe_keys(command, out);
    if command.subcommands.is_empty() {
        return out.set(0);
    }
    out.array(command.subcommands.len());
    for subcommand in command.subcommands {
        describe(subcommand, out);
    }
}

/// The categories of access lists: those that the flags imply, and the command's own.
pub(super) fn categories(command: &Command) -> Vec<&'static str> {
    let has = |flag| command.flags.contains(flag);
    let mut names = Vec::new();
    names.extend(has(Flags::WRITE).then_some("@write"));
    names.extend(has(Flags::READ).then_some("@read"));
    if has(Flags::ADMIN) {
        names.extend(["@admin", "@dangerous"]);
    }
    names.extend(has(Flags::CHANNELS).then_some("@pubsub"));
    names.push(if has(Flags::FAST) { "@fast" } else { "@slow" });
    names.extend(&documentation::of(command).categories);
    names
}

/// Where the keys are, in the words of Redis 7: they begin at an index and are a range.
fn describe_keys(command: &Command, out: &mut Writer<'_>) {
    let keys = command.keys;
    if keys.first == 0 {
        return out.set(0);
    }
    out.set(1);
    let note = keys::note(command);
    out.map(3 + usize::from(note.is_some()));
    if let Some(note) = note {
        out.bulk("notes");
        out.bulk(note);
    }
    out.bulk("flags");
    let flags = keys::flags(command);
    out.set(flags.len());
    flags.iter().for_each(|flag| out.simple(flag));
    out.bulk("begin_search");
    out.map(2);
    out.bulk("type");
    out.bulk("index");
    out.bulk("spec");
    out.map(1);
    out.bulk("index");
    out.integer(keys.first.into());
    out.bulk("find_keys");
    out.map(2);
    out.bulk("type");
    out.bulk("range");
    out.bulk("spec");
    out.map(3);
    out.bulk("lastkey");
    // Counted from the first key, where it is not from the end.
    let last = if keys.last < 0 {
        keys.last
    } else {
        keys.last - keys.first
    };
    out.integer(last.into());
    out.bulk("keystep");
    out.integer(keys.step.into());
    out.bulk("limit");
    out.integer(0);
}
