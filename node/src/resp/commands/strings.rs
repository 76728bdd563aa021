//! Values: reading, storing, counting, and many at once.

mod condition;
mod count;
mod many;
mod part;
mod set;

use jerboa_wire::{Opcode, Request, RequestFlags};

pub(super) use many::many_keys;
pub(super) use set::Unit;

use crate::resp::call::{Asked, Call};
use crate::resp::command::{Command, Flags, Keys, Run};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

type Result<'a> = std::result::Result<Asked<'a>, Refusal>;

const READS: Flags = Flags::READ.and(Flags::FAST);
const WRITES: Flags = Flags::WRITE.and(Flags::MEMORY);
const COUNTS: Flags = WRITES.and(Flags::FAST);

macro_rules! command {
    ($name:literal, $arity:literal, $flags:expr, $keys:expr, $run:expr, $summary:literal) => {
        Command::new($name, $arity, $flags, Run::Request($run), $summary).keys($keys)
    };
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("get", 2, READS, Keys::FIRST, get, "The value of a key."),
    command!("set", -3, WRITES, Keys::FIRST, set::set, "Stores a value, whatever was there, or under a condition."),
    command!("setnx", 3, COUNTS, Keys::FIRST, set::set_if_absent, "Stores a value where the key is absent."),
    command!("setex", 4, WRITES, Keys::FIRST, set::set_for_seconds, "Stores a value that expires after some seconds."),
    command!("psetex", 4, WRITES, Keys::FIRST, set::set_for_milliseconds, "Stores a value that expires after some milliseconds."),
    command!("getset", 3, COUNTS, Keys::FIRST, get_set, "Stores a value and answers with the one before."),
    command!("getdel", 2, Flags::WRITE.and(Flags::FAST), Keys::FIRST, get_delete, "Removes a key and answers with its value."),
    command!("digest", 2, READS, Keys::FIRST, condition::digest_of, "The digest of a value: XXH3 in hexadecimal digits."),
    command!("delex", -2, Flags::WRITE.and(Flags::FAST), Keys::FIRST, condition::delete_if, "Removes a key, if a condition holds of its value."),
    command!("delifeq", 3, Flags::WRITE.and(Flags::FAST), Keys::FIRST, condition::delete_if_equal, "Removes a key if its value is the one that is given."),
    command!("getex", -2, Flags::WRITE.and(Flags::FAST), Keys::FIRST, set::get_and_expire, "The value of a key, whose expiry is changed."),
    command!("strlen", 2, READS, Keys::FIRST, part::length, "Bytes of a value."),
    command!("getrange", 4, Flags::READ, Keys::FIRST, part::get, "Some bytes of a value."),
    command!("substr", 4, Flags::READ, Keys::FIRST, part::get, "Some bytes of a value; the old name of GETRANGE."),
    command!("setrange", 4, WRITES, Keys::FIRST, part::set, "Overwrites some bytes of a value."),
    command!("append", 3, COUNTS, Keys::FIRST, append, "Appends to a value; an absent key counts as empty."),
    command!("incr", 2, COUNTS, Keys::FIRST, count::increment, "Adds one to an integer."),
    command!("decr", 2, COUNTS, Keys::FIRST, count::decrement, "Takes one from an integer."),
    command!("incrby", 3, COUNTS, Keys::FIRST, count::increment_by, "Adds to an integer."),
    command!("decrby", 3, COUNTS, Keys::FIRST, count::decrement_by, "Takes from an integer."),
    command!("incrbyfloat", 3, COUNTS, Keys::FIRST, count::increment_by_float, "Adds to a floating-point number."),
    command!("mget", -2, READS, Keys::ALL, many::get, "The values of many keys."),
    command!("mset", -3, WRITES, Keys::PAIRS, many::set, "Stores many values."),
    command!("msetnx", -3, WRITES, Keys::PAIRS, many::set_if_absent, "Stores many values where none of the keys is there; one core has to own them all."),
];

fn get<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::Get, Form::Value)
}

fn get_set<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let request = Request {
        key: call.key(1)?,
        value: call.value(2)?,
        flags: RequestFlags::RETURN_OLD,
        ..Request::new(Opcode::Put)
    };
    Ok(Asked::plain(request, Form::Old))
}

fn get_delete<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::GetDelete, Form::Value)
}

fn append<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let request = Request {
        key: call.key(1)?,
        value: call.value(2)?,
        ..Request::new(Opcode::Append)
    };
    Ok(Asked::plain(request, Form::Number))
}
