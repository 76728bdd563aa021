//! The connection itself: greeting, names, leaving.

mod client;

use jerboa_wire::resp::{Version, Writer};

use crate::resp::call::{Call, Here};
use crate::resp::command::{Command, Flags, Run};
use crate::resp::refusal::Refusal;

pub(super) type Result = std::result::Result<(), Refusal>;

/// What a client may do at any time.
const ALWAYS: Flags = Flags::NO_SCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST);

/// What a client does before it does anything else, or last.
const GREETING: Flags = ALWAYS.and(Flags::NO_AUTH).and(Flags::BUSY);

/// The version of Redis whose commands a client may expect here.
pub(crate) const COMPATIBLE_VERSION: &str = "7.2.0";

macro_rules! command {
    ($name:literal, $arity:literal, $flags:expr, $run:expr, $summary:literal) => {
        Command::new($name, $arity, $flags, Run::Here($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("ping", -1, Flags::FAST, ping, "Answers PONG, or what it was given."),
    command!("echo", 2, Flags::ALWAYS.and(Flags::FAST), echo, "Answers with what it was given."),
    command!("hello", -1, GREETING, hello, "Chooses the protocol version and describes the server."),
    command!("auth", -2, GREETING, auth, "Says who the client is."),
    command!("quit", -1, GREETING, quit, "Closes the connection."),
    command!("reset", 1, GREETING, reset, "Forgets all that was set for the connection."),
    command!("select", 2, Flags::ALWAYS.and(Flags::FAST), select, "Chooses the database; there is one, 0."),
    command!("post", -1, ALWAYS, leave, "Ends the connection: a browser speaks here, not a client."),
    command!("host:", -1, ALWAYS, leave, "Ends the connection: a browser speaks here, not a client."),
    Command::container("client", client::SUBCOMMANDS, "About clients' connections."),
];

fn ping(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    if here.client.only_listens() && call.len() <= 2 {
        // In the shape of a message, as everything that such a client gets.
        out.array(2);
        out.bulk("pong");
        out.bulk(call.at(1));
        return Ok(());
    }
    match call.len() {
        1 => out.simple("PONG"),
        2 => out.bulk(call.at(1)),
        _ => return Err(call.wrong_arity()),
    }
    Ok(())
}

fn echo(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    out.bulk(call.at(1));
    Ok(())
}

fn quit(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    here.client.leaving = true;
    out.simple("OK");
    Ok(())
}

/// Lines of HTTP: somebody makes a browser send commands on their behalf. Nothing that follows them
/// may be executed.
fn leave(here: &mut Here<'_>, _: &Call<'_, '_>, _: &mut Writer<'_>) -> Result {
    here.client.leaving = true;
    Ok(())
}

fn reset(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    here.client.reset();
    out.simple("RESET");
    Ok(())
}

fn select(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    if call.integer(1)? != 0 {
        if here.client.is_on_core_port {
            return Err(Refusal::text("ERR SELECT is not allowed in cluster mode"));
        }
        return Err(Refusal::text("ERR DB index is out of range"));
    }
    out.simple("OK");
    Ok(())
}

/// There is one user, who needs no password.
pub(super) const USER: &[u8] = b"default";
const WRONG_USER: Refusal =
    Refusal::text("WRONGPASS invalid username-password pair or user is disabled.");

fn auth(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    match call.len() {
        2 => {
            return Err(Refusal::text(
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?",
            ));
        }
        3 if call.at(1) == USER => out.simple("OK"),
        3 => return Err(WRONG_USER),
        _ => return Err(Refusal::SYNTAX),
    }
    Ok(())
}

fn hello(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let mut version = here.client.version;
    if call.len() > 1 {
        version = match jerboa_wire::resp::parse_integer(call.at(1)) {
            Some(2) => Version::Two,
            Some(3) => Version::Three,
            Some(_) => return Err(Refusal::text("NOPROTO unsupported protocol version")),
            None => {
                return Err(Refusal::text(
                    "ERR Protocol version is not an integer or out of range",
                ));
            }
        };
    }
    let (mut user, mut name) = (None, None);
    let mut index = 2;
    while index < call.len() {
        let more = call.len() - index - 1;
        if call.is(index, "auth") && more >= 2 {
            user = Some(call.at(index + 1));
            index += 3;
        } else if call.is(index, "setname") && more >= 1 {
            name = Some(client::checked_name(call.at(index + 1))?);
            index += 2;
        } else {
            let mut text = b"ERR Syntax error in HELLO option '".to_vec();
            text.extend_from_slice(call.at(index));
            text.push(b'\'');
            return Err(Refusal::bytes(text));
        }
    }
    if user.is_some_and(|user| user != USER) {
        return Err(WRONG_USER);
    }
    if let Some(name) = name {
        here.client.name = name.to_vec();
    }
    here.client.version = version;
    describe(here, out, version);
    Ok(())
}

/// The answer to HELLO, in the version that it chose.
fn describe(here: &Here<'_>, out: &mut Writer<'_>, version: Version) {
    out.set_version(version);
    out.map(7);
    for (name, value) in [("server", "redis"), ("version", COMPATIBLE_VERSION)] {
        out.bulk(name);
        out.bulk(value);
    }
    out.bulk("proto");
    out.integer(match version {
        Version::Two => 2,
        Version::Three => 3,
    });
    out.bulk("id");
    out.integer(here.client.id.cast_signed());
    let mode = if here.client.is_on_core_port {
        "cluster"
    } else {
        "standalone"
    };
    for (name, value) in [("mode", mode), ("role", "master")] {
        out.bulk(name);
        out.bulk(value);
    }
    out.bulk("modules");
    out.array(0);
}
