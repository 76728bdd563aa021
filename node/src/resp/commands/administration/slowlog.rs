//! SLOWLOG: the commands that took longer than `slowlog-log-slower-than`, of all cores.

use jerboa_wire::resp::Writer;

use super::{Answered, FLAGS, help};
use crate::resp::call::{Call, Here};
use crate::resp::command::{Command, Flags, Run};
use crate::resp::refusal::Refusal;

macro_rules! here {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new($name, $arity, FLAGS, Run::Here($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    here!("slowlog|get", -2, get, "The last slow commands, the latest first.").flags(FLAGS.and(Flags::ADMIN)),
    here!("slowlog|len", 2, length, "How many are kept.").flags(FLAGS.and(Flags::ADMIN)),
    here!("slowlog|reset", 2, reset, "Forgets them.").flags(FLAGS.and(Flags::ADMIN)),
    here!("slowlog|help", 2, help_slowlog, "The subcommands."),
];

/// How many are told where nothing was said.
const COUNT: usize = 10;

fn get(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    if call.len() > 3 {
        return Err(Refusal::text(
            "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
        ));
    }
    let count = match call.len() {
        2 => COUNT,
        _ => count(call)?,
    };
    let commands = here.shared.slow_log.latest(count);
    out.array(commands.len());
    for command in commands {
        out.array(6);
        out.integer(command.id.cast_signed());
        out.integer((command.at_ms / 1000).cast_signed());
        out.integer(command.took_us.cast_signed());
        out.array(command.arguments.len());
        command.arguments.iter().for_each(|text| out.bulk(text));
        let client = command.client.map(|address| address.to_string());
        out.bulk(client.as_deref().unwrap_or("?:0"));
        out.bulk(command.client_name);
    }
    Ok(())
}

/// A number of commands; -1 stands for all.
fn count(call: &Call<'_, '_>) -> Result<usize, Refusal> {
    let refused = Refusal::text("ERR count should be greater than or equal to -1");
    match call.integer(2) {
        Ok(-1) => Ok(usize::MAX),
        Ok(count) => usize::try_from(count).map_err(|_| refused),
        Err(_) => Err(refused),
    }
}

fn length(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    out.integer(here.shared.slow_log.len() as i64);
    Ok(())
}

fn reset(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    here.shared.slow_log.clear();
    out.simple("OK");
    Ok(())
}

fn help_slowlog(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    help(SUBCOMMANDS, out)
}
