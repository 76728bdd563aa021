//! The result of a run, and its forms: text, JSON, HdrHistogram percentile table, web page.
//!
//! The JSON is a contract: the fields that the project's documents name keep their names.

pub mod hgrm;
pub mod html;
pub mod text;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::operation::Operation;
use crate::tally::{Counts, Tally};

/// Quantiles of latency in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// 99.99 %.
    pub p9999: f64,
    /// The longest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

impl Latency {
    /// The quantiles of a histogram in nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            p50: us(0.5),
            p90: us(0.9),
            p99: us(0.99),
            p999: us(0.999),
            p9999: us(0.9999),
            max: histogram.max() as f64 / 1e3,
            mean: histogram.mean() / 1e3,
        }
    }
}

/// One operation's share of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperationReport {
    /// Requests with a latency: begun, or due, in the measurement.
    pub count: u64,
    /// Their latencies.
    pub latency_us: Latency,
}

/// Filling the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PrefillReport {
    /// Keys that were stored.
    pub stored: u64,
    /// Keys that were refused.
    pub refused: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Reading back every key that was stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Keys found.
    pub present: u64,
    /// Keys not found.
    pub missing: u64,
}

/// Empty requests over the same connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoopReport {
    /// Their rate: the transport's ceiling on this machine at this depth.
    pub ops_per_s: f64,
    /// Their latencies.
    pub latency_us: Latency,
    /// Server CPU for each.
    pub server_cpu_us_per_op: Option<f64>,
    /// The run's rate as a share of theirs.
    pub share: f64,
}

/// Where the run happened and what it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Which server.
    pub target: String,
    /// Its address.
    pub address: String,
    /// Whether this program started it.
    pub own_node: bool,
    /// Name of the workload.
    pub workload: String,
    /// Shares of its operations.
    pub mix: String,
    /// Number of keys.
    pub keys: u64,
    /// Key sizes.
    pub key_size: String,
    /// Value sizes.
    pub value_size: String,
    /// Which keys.
    pub distribution: String,
    /// Times to live.
    pub ttl: String,
    /// Keys of an operation with several.
    pub multi_size: usize,
    /// `closed`, or `open` with its arrivals.
    pub loop_kind: String,
    /// Connections in all.
    pub connections: usize,
    /// Requests out on each.
    pub depth: usize,
    /// Open loop: requests a second.
    pub rate: Option<f64>,
    /// Length of the measurement.
    pub duration_s: f64,
    /// Length of the warm-up.
    pub warmup_s: f64,
    /// CPUs of the client cores.
    pub client_cpus: Vec<usize>,
    /// Addresses of the server that were used, one for each core that was asked directly.
    pub lanes: usize,
    /// Whether frames carried checksums (Jerboa).
    pub checksums: bool,
    /// Whether answers were verified.
    pub verify: bool,
    /// Seed of all random numbers.
    pub seed: u64,
    /// The machine.
    pub machine: String,
    /// Version of this program.
    pub version: String,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Name of the run.
    pub label: String,
    /// Requests answered a second.
    pub ops_per_s: f64,
    /// Keys in them a second.
    pub keys_per_s: f64,
    /// Open loop: requests due a second.
    pub offered_ops_per_s: Option<f64>,
    /// Latencies of all requests; in an open loop from when they were due.
    pub latency_us: Latency,
    /// Open loop: from when they were made. The difference is what the loader's own delays add.
    pub service_us: Option<Latency>,
    /// Refused and unanswered requests and lost connections.
    pub errors: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Reads that found their key.
    pub hits: u64,
    /// Answers that no honest server gives.
    pub verify_failures: u64,
    /// They by kind.
    pub verify: BTreeMap<String, u64>,
    /// Server CPU time for each request, from the server's own accounting.
    pub server_cpu_us_per_op: Option<f64>,
    /// Each operation apart.
    pub operations: BTreeMap<String, OperationReport>,
    /// Requests refused, those for want of memory among them.
    pub refused: u64,
    /// Requests refused for want of memory.
    pub refused_memory: u64,
    /// Requests never answered.
    pub unanswered: u64,
    /// Open loop: requests sent more than a millisecond late.
    pub late: u64,
    /// Open loop: the longest such delay.
    pub lag_us_max: f64,
    /// Bytes received a second.
    pub bytes_in_per_s: f64,
    /// Bytes sent a second.
    pub bytes_out_per_s: f64,
    /// Share of its CPU that each client core used, spinning left out.
    pub client_cpu: Vec<f64>,
    /// Operations of each server core, where the server tells.
    pub core_ops: Vec<u64>,
    /// The busiest server core's operations over the mean.
    pub imbalance: Option<f64>,
    /// Requests that reached a wrong core.
    pub forwarded: u64,
    /// Entries that the server evicted during the run.
    pub evicted: u64,
    /// Filling the server before the run.
    pub prefill: Option<PrefillReport>,
    /// Reading everything back.
    pub audit: Option<AuditReport>,
    /// Empty requests on the same connections.
    pub noop: Option<NoopReport>,
    /// Idle run: share of a CPU that the server used.
    pub idle_cpu: Option<f64>,
    /// What went wrong, in words.
    pub errors_text: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What was run, and where.
    pub parameters: Parameters,
    /// Upper bounds of latency (µs) and the share of requests below, for curves.
    pub curve: Vec<(f64, f64)>,
}

/// A client core that is busier than this may be the limit itself.
pub const CLIENT_CPU_WARN: f64 = 0.85;

impl RunReport {
    /// Enters what was counted, over this many seconds, with this rate of requests.
    pub fn enter(&mut self, tally: &mut Tally, ops_per_s: f64, seconds: f64) {
        let counts = tally.counts;
        let per_second = |count: u64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        self.ops_per_s = ops_per_s;
        self.keys_per_s = per_second(counts.items);
        self.hits = counts.hits;
        self.misses = counts.misses;
        self.late = counts.late;
        self.lag_us_max = counts.lag_ns_max as f64 / 1e3;
        self.bytes_in_per_s = per_second(counts.bytes_in);
        self.bytes_out_per_s = per_second(counts.bytes_out);
        let all = tally.all();
        self.latency_us = Latency::of(&all);
        self.curve = curve(&all);
        self.service_us = tally.service_times().map(Latency::of);
        for operation in Operation::ALL {
            if let Some(histogram) = tally.histogram(operation) {
                let (count, latency_us) = (histogram.len(), Latency::of(histogram));
                let report = OperationReport { count, latency_us };
                self.operations.insert(operation.name().to_owned(), report);
            }
        }
    }

    /// Adds what went wrong in any stage, measured or not.
    pub fn enter_faults(&mut self, counts: &Counts, texts: &[String]) {
        self.errors += counts.errors();
        self.refused += counts.refused;
        self.refused_memory += counts.refused_memory;
        self.unanswered += counts.unanswered;
        self.verify_failures += counts.verify_failures();
        for (finding, count) in Finding::FAILURES.iter().zip(counts.findings) {
            *self.verify.entry(finding.name().to_owned()).or_insert(0) += count;
        }
        for text in texts {
            if !self.errors_text.contains(text) {
                self.errors_text.push(text.clone());
            }
        }
    }

    /// Forgives reads that missed an acknowledged entry where the server evicted entries: which
    /// ones, it does not say. Everything else stays a failure.
    pub fn enter_evictions(&mut self, evicted: u64) {
        self.evicted = evicted;
        let lost = self.verify.get_mut(Finding::Lost.name());
        if let (1.., Some(lost @ 1..)) = (evicted, lost) {
            self.notes.push(format!(
                "{lost} reads missed entries that had been acknowledged; the server evicted {evicted}"
            ));
            self.verify_failures -= *lost;
            *lost = 0;
        }
    }

    /// Operations of each server core between two readings.
    pub fn enter_cores(&mut self, before: &[u64], after: &[u64]) {
        self.core_ops = after
            .iter()
            .zip(before)
            .map(|(after, before)| after - before)
            .collect();
        let total: u64 = self.core_ops.iter().sum();
        let most = self.core_ops.iter().max().copied().unwrap_or(0);
        self.imbalance =
            (total > 0).then(|| most as f64 * self.core_ops.len() as f64 / total as f64);
    }

    /// The JSON form.
    ///
    /// # Errors
    /// A number is not finite, which no measurement gives.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

/// The latency curve at steps that get finer towards the tail.
fn curve(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    histogram
        .iter_quantiles(5)
        .map(|step| (step.value_iterated_to() as f64 / 1e3, step.quantile()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn sample() -> (RunReport, Tally) {
        let mut tally = Tally::default();
        for ns in 1..=10_000u64 {
            tally.latency(Operation::Get, ns * 100);
            tally.counts.answered[Operation::Get.number()] += 1;
        }
        tally.latency(Operation::Set, 5_000_000);
        tally.counts.answered[Operation::Set.number()] += 1;
        tally.counts.items = 10_001;
        tally.counts.findings[0] = 2;
        let mut report = RunReport {
            label: "sample".to_owned(),
            ..RunReport::default()
        };
        report.enter(&mut tally, 10_001.0, 1.0);
        report.enter_faults(&tally.counts, &["OOM".to_owned()]);
        report.enter_cores(&[10, 10], &[40, 20]);
        (report, tally)
    }

    #[test]
    fn the_json_has_the_fields_of_the_contract_and_reads_back() {
        let (report, _) = sample();
        let text = report.json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for field in [
            "ops_per_s",
            "errors",
            "misses",
            "verify_failures",
            "server_cpu_us_per_op",
            "parameters",
        ] {
            assert!(value.get(field).is_some(), "{field}");
        }
        for field in ["p50", "p90", "p99", "p999", "p9999", "max"] {
            assert!(value["latency_us"][field].is_number(), "{field}");
        }
        assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), report);
    }

    #[test]
    fn the_figures_are_those_of_the_tally() {
        let (report, _) = sample();
        assert!(
            (report.latency_us.p50 / 500.0 - 1.0).abs() < 0.01,
            "{:?}",
            report.latency_us
        );
        assert!((report.latency_us.max / 5_000.0 - 1.0).abs() < 0.01);
        assert_eq!(report.operations["get"].count, 10_000);
        assert_eq!(report.operations["set"].count, 1);
        assert_eq!((report.verify_failures, report.verify["stale"]), (2, 2));
        assert_eq!(report.core_ops, [30, 10]);
        assert_eq!(report.imbalance, Some(1.5));
    }

    #[test]
    fn evictions_excuse_missing_entries_and_nothing_else() {
        let (mut report, mut tally) = sample();
        tally.counts.findings[1] = 5;
        report.enter_faults(&tally.counts, &[]);
        assert_eq!((report.verify["stale"], report.verify["lost"]), (4, 5));
        let mut unexcused = report.clone();
        unexcused.enter_evictions(0);
        assert_eq!(unexcused.verify_failures, 9);
        report.enter_evictions(1);
        assert_eq!((report.verify_failures, report.verify["lost"]), (4, 0));
        assert!(report.notes[0].contains("5 reads"), "{:?}", report.notes);
    }

    #[test]
    fn the_curve_rises_to_the_maximum() {
        let (report, _) = sample();
        assert!(report.curve.len() > 20);
        assert!(report.curve.is_sorted());
        let last = report.curve.last().unwrap();
        assert!(last.1 > 0.9999 && (last.0 / report.latency_us.max - 1.0).abs() < 0.01);
    }
}
