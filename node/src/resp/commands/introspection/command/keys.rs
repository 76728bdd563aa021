//! COMMAND GETKEYS and GETKEYSANDFLAGS: which arguments of a command are keys, and what is done to
//! them, in Redis' words.

use jerboa_wire::resp::{Arguments, Writer};

use super::Result;
use crate::resp::call::{Call, Here};
use crate::resp::command::{self, Command, Flags};
use crate::resp::refusal::Refusal;

const READ: &[&str] = &["RO", "access"];
const LOOK: &[&str] = &["RO"];
const CHANGE: &[&str] = &["RW", "update"];
const READ_AND_CHANGE: &[&str] = &["RW", "access", "update"];
const NOT_A_KEY: &[&str] = &["not_key"];
const OVERWRITE: &[&str] = &["OW", "update"];

/// What a command does to its keys, whatever its options.
pub(super) fn flags(command: &Command) -> &'static [&'static str] {
    match command.name {
        "set" => &["RW", "access", "update", "variable_flags"],
        "exists" | "touch" | "type" | "strlen" | "memory|usage" => LOOK,
        // Channels, which have slots as keys have.
        "ssubscribe" | "sunsubscribe" | "spublish" => NOT_A_KEY,
        "del" | "unlink" => &["RM", "delete"],
        "getdel" => &["RW", "access", "delete"],
        "setnx" | "msetnx" => &["OW", "insert"],
        "setex" | "psetex" | "mset" => OVERWRITE,
        "append" => &["RW", "insert"],
        "getset" | "getex" | "incr" | "decr" | "incrby" | "decrby" | "incrbyfloat" => {
            READ_AND_CHANGE
        }
        _ if command.flags.contains(Flags::WRITE) => CHANGE,
        _ => READ,
    }
}

/// Why that is so, where it may surprise.
pub(super) fn note(command: &Command) -> Option<&'static str> {
    match command.name {
        "set" => Some("Reads the key only where GET is given."),
        "getex" => Some("Writes, because it changes when the key expires."),
        _ => None,
    }
}

/// The same for one call of it: SET reads only where it is told to.
fn flags_of_call(command: &Command, arguments: Arguments<'_, '_>) -> &'static [&'static str] {
    if command.name != "set" {
        return flags(command);
    }
    let mut options = arguments.from(3).iter();
    if options.any(|option| option.eq_ignore_ascii_case(b"get")) {
        READ_AND_CHANGE
    } else {
        OVERWRITE
    }
}

pub(super) fn get_keys(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let asked = call.arguments.from(2);
    let command = with_keys(asked)?;
    let keys: Vec<_> = command.keys.of(asked.len()).collect();
    out.array(keys.len());
    keys.iter().for_each(|index| out.bulk(asked.at(*index)));
    Ok(())
}

pub(super) fn get_keys_and_flags(
    _: &mut Here<'_>,
    call: &Call<'_, '_>,
    out: &mut Writer<'_>,
) -> Result {
    let asked = call.arguments.from(2);
    let command = with_keys(asked)?;
    let flags = flags_of_call(command, asked);
    let keys: Vec<_> = command.keys.of(asked.len()).collect();
    out.array(keys.len());
    for index in keys {
        out.array(2);
        out.bulk(asked.at(index));
        out.set(flags.len());
        flags.iter().for_each(|flag| out.simple(flag));
    }
    Ok(())
}

/// The command that is asked about, if it has keys and takes so many arguments.
fn with_keys(asked: Arguments<'_, '_>) -> std::result::Result<&'static Command, Refusal> {
    let mut found = command::find(asked.at(0));
    if let Some(container) = found
        && !container.subcommands.is_empty()
        && asked.len() >= 2
    {
        found = container.subcommand(asked.at(1));
    }
    let Some(command) = found else {
        return Err(Refusal::text("ERR Invalid command specified"));
    };
    if command.keys.first == 0 {
        return Err(Refusal::text("ERR The command has no key arguments"));
    }
    if !command.takes(asked.len()) {
        return Err(Refusal::text(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    Ok(command)
}
