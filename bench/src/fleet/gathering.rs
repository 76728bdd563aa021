//! What the client cores report during a stage, summed up; the progress line of every second.

use std::time::Duration;

use super::{FleetError, Outcome, STALL};
use crate::report::text::{large, micros};
use crate::tally::Tally;
use crate::worker::{Event, Part, Report};

/// What came in so far from a stage.
pub(super) struct Gathering {
    name: String,
    quiet: bool,
    running: usize,
    warmup: Tally,
    measured: Tally,
    drain: Tally,
    /// Answered requests, nanoseconds and busy nanoseconds of each core's measurement.
    cores: Vec<(u64, u64, u64)>,
    failures: Vec<String>,
    /// What came in since the last progress line.
    line: Tally,
    line_since: Duration,
    silent: Duration,
}

impl Gathering {
    pub(super) fn new(name: &str, workers: usize, quiet: bool) -> Self {
        Self {
            name: name.to_owned(),
            quiet,
            running: workers,
            warmup: Tally::default(),
            measured: Tally::default(),
            drain: Tally::default(),
            cores: vec![(0, 0, 0); workers],
            failures: Vec::new(),
            line: Tally::default(),
            line_since: Duration::ZERO,
            silent: Duration::ZERO,
        }
    }

    /// Whether a client core is still at it.
    pub(super) const fn is_running(&self) -> bool {
        self.running > 0
    }

    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Over { failure, .. } => {
                self.running -= 1;
                self.failures.extend(failure);
            }
            Event::Report(report) => self.report(*report),
        }
    }

    fn report(&mut self, report: Report) {
        let Report {
            worker,
            part,
            elapsed_ns,
            busy_ns,
            tally,
            ..
        } = report;
        self.line.add(tally.clone());
        match part {
            Part::WarmUp => self.warmup.add(tally),
            Part::Measure => {
                let (answered, elapsed, busy) = &mut self.cores[worker];
                *answered += tally.counts.operations();
                *elapsed += elapsed_ns;
                *busy += busy_ns;
                self.measured.add(tally);
            }
            Part::Drain => self.drain.add(tally),
        }
    }

    /// The progress line of the last second.
    pub(super) fn progress(&mut self, elapsed: Duration) -> Result<(), FleetError> {
        let mut line = std::mem::take(&mut self.line);
        let span = elapsed - self.line_since;
        self.line_since = elapsed;
        let answered = line.counts.operations();
        self.silent = if answered == 0 {
            self.silent + span
        } else {
            Duration::ZERO
        };
        if self.silent >= STALL {
            return Err(FleetError::Stalled);
        }
        if self.quiet {
            return Ok(());
        }
        let latency = line.all();
        let us = |quantile| micros(latency.value_at_quantile(quantile) as f64 / 1e3);
        let reads = line.counts.hits + line.counts.misses;
        let hits = match reads {
            0 => String::new(),
            reads => format!(
                "  hit {:.1} %",
                line.counts.hits as f64 * 100.0 / reads as f64
            ),
        };
        eprintln!(
            "{:>8} {:>4.0}s {:>9}/s  p50 {:>8}  p99 {:>8}  p99.9 {:>8}  max {:>8}{hits}  err {}  bad {}",
            self.name,
            elapsed.as_secs_f64(),
            large(answered as f64 / span.as_secs_f64()),
            us(0.5),
            us(0.99),
            us(0.999),
            micros(latency.max() as f64 / 1e3),
            line.counts.errors(),
            line.counts.verify_failures(),
        );
        Ok(())
    }

    pub(super) fn outcome(self) -> Outcome {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let measured_cores = self.cores.iter().filter(|(_, elapsed, _)| *elapsed > 0);
        let rate = |(answered, elapsed, _): &(u64, u64, u64)| *answered as f64 / seconds(*elapsed);
        Outcome {
            ops_per_s: measured_cores.clone().map(rate).sum(),
            seconds: self
                .cores
                .iter()
                .map(|(_, elapsed, _)| seconds(*elapsed))
                .fold(0.0, f64::max),
            client_cpu: measured_cores
                .map(|(_, elapsed, busy)| *busy as f64 / *elapsed as f64)
                .collect(),
            warmup: self.warmup,
            measured: self.measured,
            drain: self.drain,
            samples: None,
            failures: self.failures,
        }
    }
}
