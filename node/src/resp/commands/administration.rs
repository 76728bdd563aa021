//! What operators and their tools ask of a server: settings, logs, memory, time.
//!
//! Where Redis has something that this node has not (files on disk, for one), the answer is that of
//! a Redis in which nothing of the kind has happened, so that exporters and consoles work; see
//! `RESP.md` for the list.

mod config;
mod debug;
mod histogram;
mod latency;
mod memory;
mod slowlog;

use std::time::{SystemTime, UNIX_EPOCH};

use jerboa_wire::resp::Writer;

use crate::resp::call::{Call, Here};
use crate::resp::command::{Command, Flags, Run};
use crate::resp::refusal::Refusal;

type Answered = Result<(), Refusal>;

const FLAGS: Flags = Flags::ALWAYS;
const FAST: Flags = FLAGS.and(Flags::FAST);

macro_rules! here {
    ($name:literal, $arity:literal, $flags:expr, $run:expr, $summary:literal) => {
        Command::new($name, $arity, $flags, Run::Here($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    Command::container("config", config::SUBCOMMANDS, "About the settings."),
    Command::container("slowlog", slowlog::SUBCOMMANDS, "About slow commands."),
    Command::container("latency", latency::SUBCOMMANDS, "About pauses."),
    Command::container("memory", memory::SUBCOMMANDS, "About memory."),
    here!("debug", -2, Flags::OPERATOR, debug::debug, "For tests of servers only: refused unless the node was started for them."),
    here!("wait", 3, Flags::NO_SCRIPT, wait, "How many copies have all writes: there are none."),
    here!("time", 1, FAST, time, "The node's clock: seconds and microseconds."),
    here!("role", 1, FAST.and(Flags::NO_SCRIPT), role, "The part that the node has among copies."),
    here!("lastsave", 1, FAST, last_save, "When the data was last written to disk: never."),
];

fn done(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    out.simple("OK");
    Ok(())
}

/// The subcommands of a container, with what they do, behind the line with which Redis begins.
pub(super) fn help(commands: &[Command], out: &mut Writer<'_>) -> Answered {
    let container = commands
        .first()
        .and_then(|command| command.name.split_once('|'));
    let container = container.map_or("", |(container, _)| container);
    out.array(1 + commands.len() * 2);
    out.simple(&format!(
        "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        container.to_ascii_uppercase()
    ));
    for command in commands {
        out.simple(&command.last_name().to_ascii_uppercase());
        out.simple(&format!("    {}", command.summary));
    }
    Ok(())
}

fn wait(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    call.integer(1)?;
    let timeout_ms = call
        .integer(2)
        .map_err(|_| Refusal::text("ERR timeout is not an integer or out of range"))?;
    if timeout_ms < 0 {
        return Err(Refusal::text("ERR timeout is negative"));
    }
    out.integer(0);
    Ok(())
}

fn time(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    out.array(2);
    out.bulk(since.as_secs().to_string());
    out.bulk(since.subsec_micros().to_string());
    Ok(())
}

fn role(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    out.array(3);
    out.bulk("master");
    out.integer(0);
    out.array(0);
    Ok(())
}

fn last_save(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    out.integer(0);
    Ok(())
}
