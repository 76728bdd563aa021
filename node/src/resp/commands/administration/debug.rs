//! DEBUG: what only tests of servers need, refused by any other node.

use std::time::Duration;

use jerboa_wire::resp::{Writer, parse_float};

use super::Answered;
use crate::resp::call::{Call, Here};
use crate::resp::refusal::{Refusal, unknown_subcommand};

/// Redis' words, which clients' test suites look for.
const REFUSED: Refusal = Refusal::text(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you \
     can run it from a local connection, otherwise you need to set this option in the configuration \
     file, and then restart the server.",
);

/// A test that freezes a core for longer has lost its way.
const SLEEP_MAX: Duration = Duration::from_secs(60);

pub(super) fn debug(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    if !here.shared.introspection.debug_commands {
        return Err(REFUSED);
    }
    if !call.is(1, "sleep") {
        return Err(unknown_subcommand(call.command, call.at(1)));
    }
    if call.len() != 3 {
        return Err(call.wrong_arity());
    }
    let seconds = parse_float(call.at(2)).filter(|seconds| *seconds >= 0.0);
    let duration = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or(Refusal::NOT_A_FLOAT)?;
    // The core's thread is this one: nothing of the core runs meanwhile, and no other core's.
    std::thread::sleep(duration.min(SLEEP_MAX));
    out.simple("OK");
    Ok(())
}
