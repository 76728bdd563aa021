//! CLIENT: what a client says of itself and learns of itself; and, beside it, of others.

mod others;

use jerboa_wire::resp::Writer;

use super::Result;
use crate::resp::call::{Call, Here};
use crate::resp::command::{Command, Flags, Run};
use crate::resp::commands::administration::help;
use crate::resp::refusal::Refusal;
use crate::resp::session::Replies;

const FLAGS: Flags = Flags::NO_SCRIPT.and(Flags::ALWAYS);

macro_rules! command {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new($name, $arity, FLAGS, Run::Here($run), $summary)
    };
}

macro_rules! clients {
    ($name:literal, $arity:literal, $ask:expr, $summary:literal) => {
        Command::new($name, $arity, FLAGS, Run::Clients($ask), $summary)
    };
}

/// Bytes of each text that a client says of itself: they are kept as long as it is connected, and
/// counted nowhere.
const TEXT_BYTES_MAX: usize = 1024;

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    command!("client|id", 2, id, "The number of this connection."),
    command!("client|getname", 2, get_name, "The name of this connection."),
    command!("client|setname", 3, set_name, "Gives this connection a name."),
    command!("client|setinfo", 4, set_info, "Tells which library the client uses."),
    command!("client|reply", 3, reply, "Whether this connection gets replies."),
    command!("client|no-evict", 3, no_evict, "Whether this connection is spared where others are closed for memory: none is.").flags(Flags::OPERATOR),
    command!("client|no-touch", 3, no_touch, "Whether what this connection reads counts as used."),
    clients!("client|info", 2, others::info, "This connection, in a line."),
    clients!("client|list", -2, others::list, "Connections of all cores, in a line each.").flags(Flags::OPERATOR),
    clients!("client|kill", -3, others::kill, "Closes connections of all cores.").flags(Flags::OPERATOR),
    command!("client|getredir", 2, get_redirection, "Who is told what changes for this connection: nobody."),
    command!("client|tracking", -3, tracking, "Whether this connection is told which keys change: OFF alone."),
    command!("client|trackinginfo", 2, tracking_info, "Which keys this connection is told of: none."),
    command!("client|caching", 3, caching, "Whether the next keys are tracked: only while tracking."),
    command!("client|pause", -3, others::pause, "Lets commands of clients wait for a time, or those that write.").flags(Flags::OPERATOR),
    command!("client|unpause", 2, others::unpause, "Ends a pause.").flags(Flags::OPERATOR),
    clients!("client|unblock", -3, others::unblock, "Ends the waiting of a client for a lock.").flags(Flags::OPERATOR),
    command!("client|help", 2, client_help, "The subcommands.").flags(Flags::ALWAYS),
];

/// A text that may be kept.
fn check_length(text: &[u8]) -> Result {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::format(format_args!(
            "ERR what a client says of itself has at most {TEXT_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// A name that can be shown in a line.
pub(super) fn checked_name(name: &[u8]) -> std::result::Result<&[u8], Refusal> {
    check_length(name)?;
    if name.iter().all(u8::is_ascii_graphic) {
        return Ok(name);
    }
    Err(Refusal::text(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))
}

fn id(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    out.integer(here.client.id.cast_signed());
    Ok(())
}

fn get_name(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    if here.client.name.is_empty() {
        out.null();
    } else {
        out.bulk(&here.client.name);
    }
    Ok(())
}

fn set_name(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    here.client.name = checked_name(call.at(2))?.to_vec();
    out.simple("OK");
    Ok(())
}

fn set_info(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let field = if call.is(2, "lib-name") {
        &mut here.client.library_name
    } else if call.is(2, "lib-ver") {
        &mut here.client.library_version
    } else {
        let mut text = b"ERR Unrecognized option '".to_vec();
        text.extend_from_slice(call.at(2));
        text.push(b'\'');
        return Err(Refusal::bytes(text));
    };
    let value = call.at(3);
    check_length(value)?;
    if !value.iter().all(u8::is_ascii_graphic) {
        let mut text = b"ERR ".to_vec();
        text.extend_from_slice(call.at(2));
        text.extend_from_slice(b" cannot contain spaces, newlines or special characters.");
        return Err(Refusal::bytes(text));
    }
    *field = value.to_vec();
    out.simple("OK");
    Ok(())
}

fn reply(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    if call.is(2, "on") {
        here.client.replies = Replies::On;
        out.simple("OK");
    } else if call.is(2, "off") {
        here.client.replies = Replies::Off;
    } else if call.is(2, "skip") {
        if here.client.replies != Replies::Off {
            here.client.replies = Replies::SkipNext;
        }
    } else {
        return Err(Refusal::SYNTAX);
    }
    Ok(())
}

/// `ON` or `OFF`.
fn switch(call: &Call<'_, '_>, index: usize) -> std::result::Result<bool, Refusal> {
    match (call.is(index, "on"), call.is(index, "off")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(Refusal::SYNTAX),
    }
}

/// No connection is closed to make room for others, so each is spared; one that itself holds more than
/// it may is closed as any other, as in Redis.
fn no_evict(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    here.client.no_evict = switch(call, 2)?;
    out.simple("OK");
    Ok(())
}

/// Commands that only read obey it. What is stored is used by being stored.
fn no_touch(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    here.client.no_touch = switch(call, 2)?;
    out.simple("OK");
    Ok(())
}

fn get_redirection(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    out.integer(-1);
    Ok(())
}

/// There is nothing to turn off; turned on it would have to tell.
fn tracking(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    if switch(call, 2)? {
        return Err(Refusal::text(
            "ERR this node does not tell clients which keys change",
        ));
    }
    if call.len() > 3 {
        return Err(Refusal::SYNTAX);
    }
    out.simple("OK");
    Ok(())
}

fn tracking_info(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    out.map(3);
    out.bulk("flags");
    out.set(1);
    out.bulk("off");
    out.bulk("redirect");
    out.integer(-1);
    out.bulk("prefixes");
    out.array(0);
    Ok(())
}

fn caching(_: &mut Here<'_>, _: &Call<'_, '_>, _: &mut Writer<'_>) -> Result {
    Err(Refusal::text(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    ))
}

fn client_help(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    help(SUBCOMMANDS, out)
}
