//! The table of miss ratios and what it says of the numbers to reach.

use std::fmt;

use crate::support::table::Table;

/// The simulated caches, in the order of `Row::simulated`.
const SIMULATED: [&str; 5] = ["LRU", "FIFO", "S3-FIFO", "Redis LRU", "FIFO-merge"];
/// Misses less than a thousandth apart are equal.
const TOLERANCE: f64 = 1.001;
const LRU: usize = 0;
const S3_FIFO: usize = 2;
const FIFO_MERGE: usize = 4;

/// One trace at one size.
pub(crate) struct Row {
    pub(crate) trace: &'static str,
    /// Of the bytes of all different keys.
    pub(crate) percent: u64,
    pub(crate) budget_bytes: u64,
    pub(crate) engine: f64,
    /// Writes that the engine refused: none, if it evicts as it should.
    pub(crate) refused: u64,
    pub(crate) simulated: [f64; SIMULATED.len()],
}

/// All rows.
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Short traces fit in so little memory that they are a smoke, not a measurement.
    is_full: bool,
}

impl Report {
    pub(crate) fn new(is_full: bool) -> Self {
        Self {
            rows: Vec::new(),
            is_full,
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The traces, each with its mean ratio of our misses to another's over all sizes, and the
    /// worst of them.
    fn against(&self, other: usize) -> Vec<(&'static str, f64, f64)> {
        let mut traces: Vec<(&'static str, Vec<f64>)> = Vec::new();
        for row in &self.rows {
            // Where nobody misses, nobody is worse.
            let ratio = (row.engine + 1e-9) / (row.simulated[other] + 1e-9);
            match traces.last_mut() {
                Some((name, ratios)) if *name == row.trace => ratios.push(ratio),
                _ => traces.push((row.trace, vec![ratio])),
            }
        }
        let summarise = |(name, ratios): (&'static str, Vec<f64>)| {
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            (name, mean, ratios.into_iter().fold(0.0, f64::max))
        };
        traces.into_iter().map(summarise).collect()
    }

    /// The misses of every cache on every trace, mean over sizes: what to publish.
    fn means(&self) -> Table {
        let mut titles = vec!["misses in percent, mean over sizes", "jerboa"];
        titles.extend(SIMULATED);
        titles.extend(["/ LRU", "/ S3-FIFO", "/ FIFO-merge"]);
        let mut table = Table::new(&titles);
        let [lru, s3_fifo, merge] = [LRU, S3_FIFO, FIFO_MERGE].map(|other| self.against(other));
        for (place, (name, against_lru, _)) in lru.iter().enumerate() {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.trace == *name).collect();
            let mean = |misses: &dyn Fn(&Row) -> f64| {
                let sum: f64 = rows.iter().map(|row| misses(row)).sum();
                format!("{:.2}", 100.0 * sum / rows.len() as f64)
            };
            let mut cells = vec![(*name).to_owned(), mean(&|row| row.engine)];
            cells.extend((0..SIMULATED.len()).map(|other| mean(&|row| row.simulated[other])));
            cells.extend(
                [*against_lru, s3_fifo[place].1, merge[place].1].map(|ratio| format!("{ratio:.3}")),
            );
            table.row(cells);
        }
        table
    }

    fn verdict(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        other: usize,
        limit: f64,
        allowed: usize,
    ) -> fmt::Result {
        let name = SIMULATED[other];
        let traces = self.against(other);
        let above: Vec<String> = traces
            .iter()
            .filter(|(_, mean, _)| *mean > limit * TOLERANCE)
            .map(|(trace, mean, _)| format!("{trace} {mean:.3}"))
            .collect();
        let cells = self
            .rows
            .iter()
            .filter(|row| row.engine > limit * TOLERANCE * row.simulated[other] + 1e-9);
        let worst = traces
            .iter()
            .map(|(_, _, worst)| *worst)
            .fold(0.0, f64::max);
        let word = if above.len() <= allowed {
            "reached"
        } else {
            "MISSED"
        };
        writeln!(
            formatter,
            "* misses at most {limit} x {name}'s on all traces but {allowed}, mean over sizes: \
             {word}; above it: {}; single cells above it: {} of {}, the worst {worst:.3} x",
            if above.is_empty() {
                "none".to_owned()
            } else {
                above.join(", ")
            },
            cells.count(),
            self.rows.len(),
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut titles = vec!["trace", "size", "MiB", "jerboa"];
        titles.extend(SIMULATED);
        titles.extend(["/ LRU", "/ S3-FIFO"]);
        let mut table = Table::new(&titles);
        for row in &self.rows {
            let mut cells = vec![
                row.trace.to_owned(),
                format!("{} %", row.percent),
                format!("{:.0}", row.budget_bytes as f64 / f64::from(1 << 20)),
                format!("{:.4}", row.engine),
            ];
            cells.extend(row.simulated.iter().map(|misses| format!("{misses:.4}")));
            for other in [LRU, S3_FIFO] {
                let ratio = (row.engine + 1e-9) / (row.simulated[other] + 1e-9);
                cells.push(format!("{ratio:.3}"));
            }
            table.row(cells);
        }
        writeln!(formatter, "{table}")?;
        writeln!(formatter, "{}", self.means())?;
        if self.is_full {
            self.verdict(formatter, LRU, 1.0, 1)?;
            self.verdict(formatter, S3_FIFO, 1.03, 0)?;
        }
        let mut refusing = self.rows.iter().filter(|row| row.refused > 0).peekable();
        let word = if refusing.peek().is_none() {
            "reached"
        } else {
            "MISSED"
        };
        write!(formatter, "* no write refused: {word}")?;
        for row in refusing {
            let Row { trace, percent, .. } = row;
            write!(formatter, "; {} of {trace} at {percent} %", row.refused)?;
        }
        writeln!(formatter)
    }
}
