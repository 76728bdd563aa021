//! LATENCY: pauses of the cores of at least `latency-monitor-threshold` milliseconds, and how long
//! commands took.

use std::fmt::Write;

use jerboa_wire::resp::Writer;

use super::{Answered, FLAGS, help, histogram};
use crate::resp::call::{Call, Here};
use crate::resp::command::{Command, Flags, Run};
use crate::resp::refusal::Refusal;
use crate::worker::pauses::{Pause, Series};

macro_rules! here {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new($name, $arity, FLAGS, Run::Here($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const SUBCOMMANDS: &[Command] = &[
    here!("latency|latest", 2, latest, "The last pause of each kind, and the longest.").flags(Flags::OPERATOR),
    here!("latency|history", 3, history, "The pauses of one kind, second by second.").flags(Flags::OPERATOR),
    here!("latency|reset", -2, reset, "Forgets the pauses of some kinds, or of all.").flags(Flags::OPERATOR),
    here!("latency|graph", 3, graph, "The pauses of one kind, drawn.").flags(Flags::OPERATOR),
    here!("latency|histogram", -2, histogram::histogram, "How long commands took, by their names.").flags(Flags::OPERATOR),
    here!("latency|doctor", 2, doctor, "An explanation of the pauses.").flags(Flags::OPERATOR),
    here!("latency|help", 2, help_latency, "The subcommands."),
];

/// The columns of a drawing, and its rows.
const COLUMNS: usize = 80;
const ROWS: u64 = 4;

fn known(here: &Here<'_>) -> Vec<(Pause, Series)> {
    let all = Pause::ALL.map(|pause| (pause, here.shared.pauses.of(pause)));
    let occurred = |(_, series): &(Pause, Series)| !series.seconds.is_empty();
    all.into_iter().filter(occurred).collect()
}

fn named(name: &[u8]) -> Option<Pause> {
    let mut all = Pause::ALL.into_iter();
    all.find(|pause| pause.name().as_bytes().eq_ignore_ascii_case(name))
}

fn latest(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let known = known(here);
    out.array(known.len());
    for (pause, series) in known {
        let (second, ms) = series.seconds.back().copied().unwrap_or_default();
        out.array(4);
        out.bulk(pause.name());
        for number in [second, ms, series.longest_ms] {
            out.integer(number.cast_signed());
        }
    }
    Ok(())
}

fn history(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let series = named(call.at(2)).map(|pause| here.shared.pauses.of(pause));
    let seconds = series.unwrap_or_default().seconds;
    out.array(seconds.len());
    for (second, ms) in seconds {
        out.array(2);
        out.integer(second.cast_signed());
        out.integer(ms.cast_signed());
    }
    Ok(())
}

fn reset(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let names = call.names_from(2)?;
    let mut forgotten = 0;
    for pause in Pause::ALL {
        let is_it = |name: &[u8]| named(name) == Some(pause);
        if names.is_empty() || names.iter().any(is_it) {
            forgotten += i64::from(here.shared.pauses.forget(pause));
        }
    }
    out.integer(forgotten);
    Ok(())
}

fn graph(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let series = named(call.at(2)).map(|pause| (pause, here.shared.pauses.of(pause)));
    let series = series.filter(|(_, series)| !series.seconds.is_empty());
    let Some((pause, series)) = series else {
        let mut text = b"ERR No samples available for event '".to_vec();
        text.extend_from_slice(&call.at(2)[..call.at(2).len().min(128)]);
        text.push(b'\'');
        return Err(Refusal::bytes(text));
    };
    out.text(&drawn(pause, &series));
    Ok(())
}

/// A column for each second in which there was a pause, the latest on the right.
fn drawn(pause: Pause, series: &Series) -> String {
    let left_out = series.seconds.len().saturating_sub(COLUMNS);
    let heights: Vec<u64> = series
        .seconds
        .iter()
        .skip(left_out)
        .map(|(_, ms)| *ms)
        .collect();
    let high = heights.iter().copied().max().unwrap_or(0);
    let low = heights.iter().copied().min().unwrap_or(0);
    let mut text = format!(
        "{} - high {high} ms, low {low} ms (all time high {} ms)\n",
        pause.name(),
        series.longest_ms
    );
    text.push_str(&"-".repeat(COLUMNS));
    for row in (0..ROWS).rev() {
        text.push('\n');
        for ms in &heights {
            let height = (ms * ROWS).div_ceil(high.max(1)).max(1);
            text.push(if height > row { '#' } else { ' ' });
        }
    }
    text.push('\n');
    text
}

fn doctor(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let from_ms = here.shared.pauses.threshold_ms();
    let known = known(here);
    let mut text = String::new();
    if from_ms == 0 {
        text.push_str(
            "Pauses are not watched: CONFIG SET latency-monitor-threshold <milliseconds> begins \
             it.",
        );
    } else if known.is_empty() {
        let _ = write!(
            text,
            "No core did any one thing for {from_ms} ms or longer."
        );
    }
    for (pause, series) in &known {
        let sum: u64 = series.seconds.iter().map(|(_, ms)| ms).sum();
        let count = series.seconds.len() as u64;
        let mean = sum.checked_div(count).unwrap_or(0);
        let advice = match pause {
            Pause::Command => {
                "SLOWLOG names the commands; large values and very long lists of keys take long, \
                 and so does a core that the system gives to somebody else"
            }
            Pause::EngineStep => {
                "background work is done in slices of microseconds: the system gave the core to \
                 somebody else, or took the memory away"
            }
        };
        let _ = writeln!(
            text,
            "{}: pauses in {count} seconds, {mean} ms in the mean, {} ms the longest. {advice}.",
            pause.name(),
            series.longest_ms
        );
    }
    out.text(&text);
    Ok(())
}

fn help_latency(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    help(SUBCOMMANDS, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_a_column_for_each_second_and_the_highest_reaches_the_top() {
        let series = Series {
            seconds: (0..100).map(|second| (second, second + 1)).collect(),
            longest_ms: 500,
        };
        let text = drawn(Pause::Command, &series);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "command - high 100 ms, low 21 ms (all time high 500 ms)"
        );
        assert_eq!(lines.len(), 6);
        assert!(lines[1..].iter().all(|line| line.len() == COLUMNS));
        assert!(lines[2].ends_with('#') && lines[2].starts_with(' '));
        assert_eq!(lines[5], "#".repeat(COLUMNS));
    }
}
