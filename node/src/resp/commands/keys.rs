//! Keys: whether they are there, how long, which there are, and removing them.

mod expiry;
mod walk;

use jerboa_wire::Opcode;

use super::strings::many_keys;
use crate::resp::call::{Asked, Call};
use crate::resp::command::{Command, Flags, Keys, Run};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

type Result<'a> = std::result::Result<Asked<'a>, Refusal>;

const READS: Flags = Flags::READ.and(Flags::FAST);
const CHANGES: Flags = Flags::WRITE.and(Flags::FAST);

macro_rules! command {
    ($name:literal, $arity:literal, $flags:expr, $keys:expr, $run:expr, $summary:literal) => {
        Command::new($name, $arity, $flags, Run::Request($run), $summary).keys($keys)
    };
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("del", -2, Flags::WRITE, Keys::ALL, delete, "Removes keys."),
    command!("unlink", -2, CHANGES, Keys::ALL, delete, "Removes keys; never blocks, as DEL here."),
    command!("exists", -2, READS, Keys::ALL, exists, "How many of the keys are there."),
    command!("touch", -2, READS, Keys::ALL, exists, "How many of the keys are there, counted as a use."),
    command!("type", 2, READS, Keys::FIRST, type_name, "The type of a key's value: all are strings."),
    command!("ttl", 2, READS, Keys::FIRST, expiry::seconds_left, "Seconds until a key expires."),
    command!("pttl", 2, READS, Keys::FIRST, expiry::milliseconds_left, "Milliseconds until a key expires."),
    command!("expiretime", 2, READS, Keys::FIRST, expiry::at_seconds, "When a key expires, in Unix seconds."),
    command!("pexpiretime", 2, READS, Keys::FIRST, expiry::at_milliseconds, "When a key expires, in Unix milliseconds."),
    command!("expire", -3, CHANGES, Keys::FIRST, expiry::expire, "Has a key expire after some seconds."),
    command!("pexpire", -3, CHANGES, Keys::FIRST, expiry::expire_milliseconds, "Has a key expire after some milliseconds."),
    command!("expireat", -3, CHANGES, Keys::FIRST, expiry::expire_at, "Has a key expire at a Unix time in seconds."),
    command!("pexpireat", -3, CHANGES, Keys::FIRST, expiry::expire_at_milliseconds, "Has a key expire at a Unix time in milliseconds."),
    command!("persist", 2, CHANGES, Keys::FIRST, expiry::persist, "Has a key never expire."),
    command!("dbsize", 1, READS, Keys::NONE, walk::size, "How many keys there are."),
    command!("randomkey", 1, Flags::READ, Keys::NONE, walk::random_key, "One of the keys."),
    command!("flushdb", -1, Flags::WRITE, Keys::NONE, walk::flush, "Removes every key."),
    command!("flushall", -1, Flags::WRITE, Keys::NONE, walk::flush, "Removes every key."),
    command!("keys", 2, Flags::READ, Keys::NONE, walk::keys, "Every key that matches a pattern; SCAN does not hold up others."),
    command!("scan", -2, Flags::READ, Keys::NONE, walk::scan, "Some of the keys, and where to go on from."),
];

fn delete<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    if call.len() == 2 {
        return call.on_key(Opcode::Delete, Form::Flag);
    }
    many_keys(call, Opcode::MultiDelete, Form::Count, section)
}

fn exists<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    if call.len() == 2 {
        return call.on_key(Opcode::Exists, Form::Flag);
    }
    many_keys(call, Opcode::MultiExists, Form::Count, section)
}

fn type_name<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::Exists, Form::TypeName)
}
