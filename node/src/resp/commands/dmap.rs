//! Olric's commands: maps by name, their locks, and what a member of a cluster says of itself.
//!
//! Names, arguments, kinds of replies and the code words of errors are Olric's, so that its clients
//! work. Where Olric answers wrongly, this is right instead: a deletion removes and counts every
//! key, whoever owns it; an expiry keeps the value; a counter refuses what is no number; a command
//! with a missing argument is refused. The map with the empty name is the one that commands
//! without a map act on.

mod entries;
mod entry;
mod form;
mod locks;
mod members;
mod pattern;
mod report;
mod scan;

use jerboa_wire::resp::parse_float;
use jerboa_wire::{Opcode, Request, RequestFlags, limits};

pub(crate) use form::MapForm;

use super::strings::Unit;
use crate::resp::call::{Asked, Call};
use crate::resp::command::{Command, Flags, Keys, Run, Translate};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

type Result<'a> = std::result::Result<Asked<'a>, Refusal>;

const READ: Flags = Flags::READ.and(Flags::FAST);
const CHANGE: Flags = Flags::WRITE.and(Flags::FAST);
const STORE: Flags = Flags::WRITE.and(Flags::MEMORY);
const ACCOUNT: Flags = Flags::ALWAYS;

/// The argument that names the key; the map comes before it.
const KEY: Keys = Keys::new(2, 2, 1);
const KEYS: Keys = Keys::new(2, -1, 1);

const fn keyed(
    name: &'static str,
    arity: i8,
    flags: Flags,
    translate: Translate,
    summary: &'static str,
) -> Command {
    Command::new(name, arity, flags, Run::Request(translate), summary).keys(KEY)
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    keyed("dm.put", -4, STORE, entries::put, "Stores a value in a map."),
    keyed("dm.get", -3, READ, entries::get, "A value of a map."),
    keyed("dm.getentry", -3, READ, entries::get_entry, "A value of a map with its expiry."),
    keyed("dm.del", -3, Flags::WRITE, entries::delete, "Removes keys from a map.").keys(KEYS),
    keyed("dm.expire", 4, CHANGE, entries::expire, "Lets an entry of a map expire, in seconds."),
    keyed("dm.pexpire", 4, CHANGE, entries::expire_milliseconds, "Lets an entry of a map expire, in milliseconds."),
    keyed("dm.incr", 4, STORE, entries::increment, "Adds to an integer of a map."),
    keyed("dm.decr", 4, STORE, entries::decrement, "Subtracts from an integer of a map."),
    keyed("dm.incrbyfloat", 4, STORE, entries::increment_float, "Adds to a floating-point number of a map."),
    keyed("dm.getput", -4, STORE, entries::get_put, "Stores a value in a map and answers with the old one."),
    keyed("dm.cas", -5, STORE, entries::compare_and_swap, "Stores a value if the expected one is there."),
    keyed("dm.lock", -4, STORE, locks::lock, "Takes a lock, or waits for it."),
    keyed("dm.unlock", 4, CHANGE, locks::unlock, "Gives a lock back."),
    keyed("dm.locklease", 5, CHANGE, locks::lease, "Lets a lock expire, in seconds."),
    keyed("dm.plocklease", 5, CHANGE, locks::lease_milliseconds, "Lets a lock expire, in milliseconds."),
    Command::new("dm.destroy", -2, Flags::WRITE, Run::Request(entries::destroy), "Removes all entries of a map."),
    Command::new("dm.scan", -4, Flags::READ, Run::Request(scan::scan), "Keys of a map, step by step."),
    Command::new("cluster.routingtable", 1, ACCOUNT, Run::Here(members::routing_table), "Who serves what, for Olric's clients."),
    Command::new("cluster.members", 1, ACCOUNT, Run::Here(members::members), "The members of the cluster, for Olric's clients."),
    Command::new("stats", -1, ACCOUNT, Run::Here(report::stats), "Figures of the server as JSON."),
];

/// What Olric's clients know as an argument that makes no sense.
const INVALID: Refusal = Refusal::text("INVALIDARGUMENT invalid argument");
/// Olric drops one of them without a word.
const EXCLUSIVE: Refusal = Refusal::text("INVALIDARGUMENT two of the options exclude each other");
const KEY_TOO_LARGE: Refusal = Refusal::text("KEYTOOLARGE key too large");
const VALUE_TOO_LARGE: Refusal = Refusal::text("ENTRYTOOLARGE entry too large");
const NO_COPIES: Refusal = Refusal::text("INVALIDARGUMENT no replica copies are kept here");

/// A request on the map that argument 1 names.
fn on_map<'a>(
    call: &Call<'_, 'a>,
    opcode: Opcode,
    map: usize,
) -> std::result::Result<Request<'a>, Refusal> {
    let map = call.at(map);
    if map.len() > limits::MAP_NAME_BYTES_MAX {
        return Err(Refusal::text(
            "INVALIDARGUMENT the map's name is longer than 255 bytes",
        ));
    }
    Ok(Request {
        map,
        ..Request::new(opcode)
    })
}

/// A request on the map and the key that arguments 1 and 2 name.
fn on_key<'a>(call: &Call<'_, 'a>, opcode: Opcode) -> std::result::Result<Request<'a>, Refusal> {
    Ok(Request {
        key: key(call.at(2))?,
        ..on_map(call, opcode, 1)?
    })
}

fn key(key: &[u8]) -> std::result::Result<&[u8], Refusal> {
    match key.len() {
        0 => Err(Refusal::KEY_EMPTY),
        1..=limits::KEY_BYTES_MAX => Ok(key),
        _ => Err(KEY_TOO_LARGE),
    }
}

/// The argument that is a value to be stored.
fn value<'a>(call: &Call<'_, 'a>, index: usize) -> std::result::Result<&'a [u8], Refusal> {
    call.value(index).map_err(|_| VALUE_TOO_LARGE)
}

/// The milliseconds of an argument in seconds, which may have fractions. What is not 0 stays so.
fn seconds_as_ms(call: &Call<'_, '_>, index: usize) -> std::result::Result<i64, Refusal> {
    let seconds = parse_float(call.at(index))
        .filter(|seconds| seconds.is_finite())
        .ok_or(Refusal::NOT_A_FLOAT)?;
    // What is out of range becomes the end of the range.
    let ms = (seconds * 1000.0).round() as i64;
    Ok(match ms {
        0 if seconds > 0.0 => 1,
        0 if seconds < 0.0 => -1,
        _ => ms,
    })
}

/// The expiry that a command's options name, in one form: Olric takes the first of several without a
/// word. One of 0 is none, as in Olric; one below is refused, where Olric acknowledges a value that
/// nobody ever sees.
#[derive(Default)]
struct Times(Option<(Unit, i64)>);

impl Times {
    /// Takes an option and its argument; false where it is another option.
    fn take(&mut self, call: &Call<'_, '_>, index: usize) -> std::result::Result<bool, Refusal> {
        let Some(unit) = Unit::of(call.at(index)) else {
            return Ok(false);
        };
        if index + 1 >= call.len() {
            return Err(Refusal::SYNTAX);
        }
        if self.0.is_some_and(|(other, _)| other != unit) {
            return Err(EXCLUSIVE);
        }
        let ms = if unit.in_seconds() {
            seconds_as_ms(call, index + 1)?
        } else {
            call.integer(index + 1)?
        };
        if ms < 0 {
            return Err(INVALID);
        }
        self.0 = Some((unit, ms));
        Ok(true)
    }

    /// The flag and the `arg` of a request; none, where it does not expire. A point in time before
    /// now makes an entry that is gone at once.
    fn expiry(&self) -> Option<(RequestFlags, u64)> {
        let (unit, ms) = self.0.filter(|(_, ms)| *ms != 0)?;
        Some((unit.flag(), ms.unsigned_abs().min(limits::EXPIRY_MS_MAX)))
    }

    /// The same request with the expiry.
    fn applied<'a>(&self, request: Request<'a>) -> Request<'a> {
        match self.expiry() {
            None => request,
            Some((flag, arg)) => Request {
                flags: request.flags | flag,
                arg,
                ..request
            },
        }
    }
}

const fn form(form: MapForm) -> Form {
    Form::Map(form)
}
