//! The table of one size: medians over the rounds, and what they say of the numbers to reach.

use std::collections::BTreeMap;
use std::fmt;

use super::contender::BATCH;
use super::jerboa::OURS;
use super::turn::{Operation, Plan};
use crate::support::clock::Elapsed;
use crate::support::table::Table;

/// Sums of one round.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    elapsed: Elapsed,
}

/// What all turns of one size measured.
pub(crate) struct Report {
    entries: u64,
    rounds: u64,
    names: Vec<&'static str>,
    sums: BTreeMap<(Operation, &'static str), Vec<Sum>>,
}

impl Report {
    pub(crate) fn new(plan: &Plan, rounds: u64) -> Self {
        Self {
            entries: plan.entries,
            rounds,
            names: Vec::new(),
            sums: BTreeMap::new(),
        }
    }

    /// Begins a turn of this contender.
    pub(crate) fn begin(&mut self, name: &'static str) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        for operation in Operation::ALL {
            let sums = self.sums.entry((operation, name)).or_default();
            sums.push(Sum::default());
        }
    }

    /// Adds a measurement to the contender's turn.
    pub(crate) fn add(
        &mut self,
        name: &'static str,
        operation: Operation,
        count: u64,
        elapsed: Elapsed,
    ) {
        let sums = self.sums.entry((operation, name)).or_default();
        if let Some(sum) = sums.last_mut() {
            sum.count += count;
            sum.elapsed.wall_ns += elapsed.wall_ns;
            sum.elapsed.cpu_ns += elapsed.cpu_ns;
        }
    }

    /// Median nanoseconds of one operation: wall and processor time.
    fn median(&self, operation: Operation, name: &str) -> Option<(f64, f64)> {
        let sums = self
            .sums
            .iter()
            .find(|((one, of), _)| *one == operation && *of == name)?
            .1;
        let median = |time: fn(&Sum) -> u64| {
            let mut each: Vec<f64> = sums
                .iter()
                .map(|sum| time(sum) as f64 / sum.count.max(1) as f64)
                .collect();
            each.sort_by(f64::total_cmp);
            let middle = each.len() / 2;
            if each.len() % 2 == 1 {
                each[middle]
            } else {
                f64::midpoint(each[middle - 1], each[middle])
            }
        };
        Some((
            median(|sum| sum.elapsed.wall_ns),
            median(|sum| sum.elapsed.cpu_ns),
        ))
    }

    fn verdicts(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = |operation, name| self.median(operation, name).map(|(_, cpu)| cpu);
        let rivals = self
            .names
            .iter()
            .filter(|name| name.starts_with("segcache"));
        if self.entries < 100_000 {
            if let Some(ours) = cpu(Operation::Get, OURS) {
                verdict(formatter, "hot get, M/s", 1e3 / ours, 25.0)?;
            }
            return Ok(());
        }
        // The others were set for 10 M.
        if self.entries < 5_000_000 {
            return Ok(());
        }
        if let Some(ours) = cpu(Operation::GetBatch, OURS) {
            verdict(formatter, "get in batches, M/s", 1e3 / ours, 8.0)?;
            for rival in rivals.clone() {
                if let Some(theirs) = cpu(Operation::Get, rival) {
                    let what = format!("get in batches, times {rival}'s get");
                    verdict(formatter, &what, theirs / ours, 5.0)?;
                }
            }
        }
        for (operation, theirs) in [
            (Operation::Insert, Operation::Insert),
            (Operation::InsertBatch, Operation::Insert),
            (Operation::Reinsert, Operation::Reinsert),
            (Operation::ReinsertBatch, Operation::Reinsert),
        ] {
            for rival in rivals.clone() {
                let pair = (cpu(operation, OURS), cpu(theirs, rival));
                if let (Some(ours), Some(theirs)) = pair {
                    let what = format!("{}, times {rival}'s", operation.name());
                    verdict(formatter, &what, theirs / ours, 1.0)?;
                }
            }
        }
        Ok(())
    }
}

fn verdict(formatter: &mut fmt::Formatter<'_>, what: &str, found: f64, wanted: f64) -> fmt::Result {
    let word = if found >= wanted { "reached" } else { "MISSED" };
    writeln!(formatter, "* {what}: {found:.2}, wanted {wanted}: {word}")
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "### {} entries of 16 B and 64 B, batches of {BATCH}, median of {} rounds\n",
            self.entries, self.rounds
        )?;
        let mut table = Table::new(&[
            "operation",
            "engine",
            "wall ns",
            "CPU ns",
            "M/s (CPU)",
            "its CPU / ours",
        ]);
        for operation in Operation::ALL {
            let ours = self.median(operation, OURS);
            for name in &self.names {
                let Some((wall, cpu)) = self.median(operation, name) else {
                    continue;
                };
                table.row(vec![
                    operation.name().to_owned(),
                    (*name).to_owned(),
                    format!("{wall:.1}"),
                    format!("{cpu:.1}"),
                    format!("{:.2}", 1e3 / cpu),
                    ours.map_or_else(String::new, |(_, ours)| format!("{:.2}", cpu / ours)),
                ]);
            }
        }
        writeln!(formatter, "{table}")?;
        self.verdicts(formatter)
    }
}
