//! Histograms of all kinds of operation, and what they say of the numbers to reach.

use std::fmt;

use hdrhistogram::Histogram;

use crate::support::clock::Elapsed;
use crate::support::table::Table;
use crate::workload::Kind;

const KINDS: [(Kind, &str); 7] = [
    (Kind::Get, "get"),
    (Kind::Put, "put"),
    (Kind::Delete, "delete"),
    (Kind::Add, "add"),
    (Kind::Expire, "set expiry"),
    (Kind::Slice, "background slice"),
    (Kind::Nothing, "(measurement alone)"),
];
const SLICE_NS_MAX: u64 = 50_000;
const OPERATION_NS_MAX: u64 = 100_000;

/// What all runs measured.
pub(crate) struct Report {
    /// In the order of the run, which is the same in all of them.
    kinds: Vec<Kind>,
    /// The least processor time of each over all runs.
    least_ns: Vec<u32>,
    place: usize,
    runs: usize,
    cpu: Vec<Histogram<u64>>,
    wall: Vec<Histogram<u64>>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            kinds: Vec::new(),
            least_ns: Vec::new(),
            place: 0,
            runs: 0,
            cpu: KINDS.iter().map(|_| histogram()).collect(),
            wall: KINDS.iter().map(|_| histogram()).collect(),
        }
    }

    pub(crate) fn begin_run(&mut self) {
        self.place = 0;
    }

    pub(crate) fn end_run(&mut self) {
        self.runs += 1;
        assert_eq!(self.place, self.kinds.len(), "all runs are the same");
    }

    #[inline]
    pub(crate) fn add(&mut self, kind: Kind, elapsed: Elapsed) {
        self.cpu[kind as usize].saturating_record(elapsed.cpu_ns);
        self.wall[kind as usize].saturating_record(elapsed.wall_ns);
        let cpu_ns = u32::try_from(elapsed.cpu_ns).unwrap_or(u32::MAX);
        if self.runs == 0 {
            self.kinds.push(kind);
            self.least_ns.push(cpu_ns);
        } else {
            let least = &mut self.least_ns[self.place];
            *least = cpu_ns.min(*least);
        }
        self.place += 1;
    }

    fn least(&self) -> Vec<Histogram<u64>> {
        let mut least: Vec<_> = KINDS.iter().map(|_| histogram()).collect();
        for (kind, nanoseconds) in self.kinds.iter().zip(&self.least_ns) {
            least[*kind as usize].saturating_record(u64::from(*nanoseconds));
        }
        least
    }
}

fn histogram() -> Histogram<u64> {
    // Up to ten seconds, three digits.
    Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("bounds that fit together")
}

/// The longest slice at p99.99 and the longest of all operations.
fn extremes(histograms: &[Histogram<u64>]) -> (u64, u64) {
    let slice = histograms[Kind::Slice as usize].value_at_quantile(0.9999);
    let operations = [Kind::Get, Kind::Put, Kind::Delete, Kind::Add, Kind::Expire];
    let longest = operations.map(|kind| histograms[kind as usize].max());
    (slice, longest.into_iter().max().unwrap_or_default())
}

fn verdict(
    formatter: &mut fmt::Formatter<'_>,
    clock: &str,
    histograms: &[Histogram<u64>],
) -> fmt::Result {
    let (slice, operation) = extremes(histograms);
    let word = |found, wanted| if found <= wanted { "reached" } else { "MISSED" };
    writeln!(
        formatter,
        "* {clock}: slice p99.99 {:.1} µs, wanted 50: {}; longest operation {:.1} µs, wanted 100: \
         {}",
        slice as f64 / 1e3,
        word(slice, SLICE_NS_MAX),
        operation as f64 / 1e3,
        word(operation, OPERATION_NS_MAX),
    )
}

/// The share of the CPU time that background slices take, of everything that is measured.
fn background_share(histograms: &[Histogram<u64>]) -> f64 {
    // What reading the clock takes is part of every measurement.
    let clock_ns = histograms[Kind::Nothing as usize].mean();
    let total_ns = |kind: Kind| {
        let histogram = &histograms[kind as usize];
        (histogram.mean() - clock_ns).max(0.0) * histogram.len() as f64
    };
    let operations = [Kind::Get, Kind::Put, Kind::Delete, Kind::Add, Kind::Expire];
    let slices_ns = total_ns(Kind::Slice);
    slices_ns / (slices_ns + operations.map(total_ns).iter().sum::<f64>())
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = self.least();
        let clocks = [
            ("wall", &self.wall),
            ("CPU", &self.cpu),
            ("CPU, least of runs", &least),
        ];
        let mut table = Table::new(&[
            "µs", "clock", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max",
        ]);
        for (kind, name) in KINDS {
            for (clock, histograms) in &clocks {
                let histogram = &histograms[kind as usize];
                let mut cells = vec![
                    name.to_owned(),
                    (*clock).to_owned(),
                    histogram.len().to_string(),
                ];
                for quantile in [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
                    let nanoseconds = histogram.value_at_quantile(quantile);
                    cells.push(format!("{:.2}", nanoseconds as f64 / 1e3));
                }
                table.row(cells);
            }
        }
        writeln!(formatter, "{table}")?;
        verdict(formatter, "CPU of all runs", &self.cpu)?;
        verdict(formatter, "CPU, least of runs", &least)?;
        writeln!(
            formatter,
            "* background slices took {:.0} % of the CPU time (least of runs)",
            background_share(&least) * 100.0
        )
    }
}
