//! LATENCY HISTOGRAM: for each command how many of its calls took at most so long.

use jerboa_wire::resp::Writer;

use super::Answered;
use crate::resp::call::{Call, Here};
use crate::worker::shared::CommandRow;

/// All commands that were called, or those that are named; a container stands for what is in it.
pub(super) fn histogram(
    here: &mut Here<'_>,
    call: &Call<'_, '_>,
    out: &mut Writer<'_>,
) -> Answered {
    let totals = here.shared.command_totals();
    let wanted = call.names_from(2)?;
    let is_wanted = |name: &str| {
        let container = name.split('|').next().unwrap_or(name);
        let mut words = wanted.iter();
        wanted.is_empty()
            || words.any(|word| {
                word.eq_ignore_ascii_case(name.as_bytes())
                    || word.eq_ignore_ascii_case(container.as_bytes())
            })
    };
    let called = totals.commands().filter(|(_, row)| row.calls() > 0);
    let found: Vec<_> = called
        .filter(|(command, _)| is_wanted(command.name))
        .collect();
    out.map(found.len());
    for (command, row) in found {
        out.bulk(command.name);
        out.map(2);
        out.bulk("calls");
        out.integer(row.calls().cast_signed());
        out.bulk("histogram_usec");
        write_classes(row, out);
    }
    Ok(())
}

/// Calls up to the longest duration of each class that has any.
fn write_classes(row: &CommandRow, out: &mut Writer<'_>) {
    let classes: Vec<_> = row.classes().filter(|(_, calls)| *calls > 0).collect();
    out.map(classes.len());
    let mut sum = 0;
    for (longest_ns, calls) in classes {
        sum += calls;
        out.integer((longest_ns / 1000).cast_signed());
        out.integer(sum.cast_signed());
    }
}
