//! One Markdown table from the JSON reports of many runs: medians over equal runs, and ratios.
//!
//! Runs are equal where workload, operation mix, depth and label are. Rows are workload and
//! depth, columns are labels; the first label is the one that the ratios are about.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::report::RunReport;
use crate::report::text::{large, micros};

/// Reports that make no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no report.
    #[error("{path} is no report of this program: {source}")]
    Parse {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The table of the reports in these files.
///
/// # Errors
/// A file cannot be read or is no report.
pub fn from_files(paths: &[String]) -> Result<String, TableError> {
    let mut reports = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path).map_err(|source| TableError::Read {
            path: path.clone(),
            source,
        })?;
        let report: RunReport =
            serde_json::from_str(&text).map_err(|source| TableError::Parse {
                path: path.clone(),
                source,
            })?;
        reports.push(report);
    }
    Ok(table(&reports))
}

/// Figures of one label in one row.
#[derive(Default)]
struct Cell {
    ops_per_s: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    p999: Vec<f64>,
    cpu: Vec<f64>,
    noop: Vec<f64>,
}

type Row = (String, usize);

/// The table of these reports.
#[must_use]
pub fn table(reports: &[RunReport]) -> String {
    let mut labels: Vec<&str> = Vec::new();
    let mut order: Vec<Row> = Vec::new();
    let mut cells: BTreeMap<(Row, &str), Cell> = BTreeMap::new();
    for report in reports {
        let row = (report.parameters.mix.clone(), report.parameters.depth);
        if !labels.contains(&report.label.as_str()) {
            labels.push(&report.label);
        }
        if !order.contains(&row) {
            order.push(row.clone());
        }
        let cell = cells.entry((row, &report.label)).or_default();
        cell.ops_per_s.push(report.ops_per_s);
        cell.p50.push(report.latency_us.p50);
        cell.p99.push(report.latency_us.p99);
        cell.p999.push(report.latency_us.p999);
        cell.cpu.extend(report.server_cpu_us_per_op);
        cell.noop
            .extend(report.noop.as_ref().map(|noop| noop.share));
    }
    order.sort();
    let mut out = String::from(
        "| workload | depth | server | op/s | p50 | p99 | p99.9 | server CPU us/op | of NOOP | op/s vs best other | CPU vs best other |\n\
         |---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in &order {
        let others: Vec<&Cell> = labels
            .iter()
            .skip(1)
            .filter_map(|label| cells.get(&(row.clone(), *label)))
            .collect();
        for (place, label) in labels.iter().enumerate() {
            let Some(cell) = cells.get(&(row.clone(), *label)) else {
                continue;
            };
            let others = if place == 0 { others.as_slice() } else { &[] };
            line(&mut out, row, label, cell, others);
        }
    }
    out
}

fn line(out: &mut String, row: &Row, label: &str, cell: &Cell, others: &[&Cell]) {
    let (mix, depth) = row;
    let best_rate = others
        .iter()
        .filter_map(|other| median(&other.ops_per_s))
        .fold(0.0, f64::max);
    let best_cpu = others
        .iter()
        .filter_map(|other| median(&other.cpu))
        .fold(f64::MAX, f64::min);
    let ratio = |ours: Option<f64>, theirs: f64| match ours {
        Some(ours) if theirs > 0.0 && theirs < f64::MAX => format!("{:.2} x", ours / theirs),
        _ => String::new(),
    };
    let rate = median(&cell.ops_per_s);
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "| {mix} | {depth} | {label} | {} | {} | {} | {} | {} | {} | {} | {} |",
        shown(rate, large),
        shown(median(&cell.p50), micros),
        shown(median(&cell.p99), micros),
        shown(median(&cell.p999), micros),
        shown(median(&cell.cpu), |us| format!("{us:.2}")),
        shown(median(&cell.noop), |share| format!(
            "{:.0} %",
            share * 100.0
        )),
        ratio(rate, best_rate),
        ratio(median(&cell.cpu), best_cpu),
    );
}

fn shown(figure: Option<f64>, show: impl Fn(f64) -> String) -> String {
    figure.map_or_else(String::new, show)
}

/// The median; the lower one of the two in the middle.
fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(label: &str, depth: usize, ops_per_s: f64, cpu: f64) -> RunReport {
        let mut report = RunReport {
            label: label.to_owned(),
            ops_per_s,
            server_cpu_us_per_op: Some(cpu),
            ..RunReport::default()
        };
        report.parameters.mix = "get:100".to_owned();
        report.parameters.depth = depth;
        report
    }

    #[test]
    fn medians_are_compared_with_the_best_of_the_others() {
        let mut reports = Vec::new();
        for (ours, redis, memcached) in [
            (160.0, 100.0, 110.0),
            (150.0, 90.0, 100.0),
            (9.0, 900.0, 1.0),
        ] {
            reports.push(report("jerboa", 1, ours * 1e3, 6.0));
            reports.push(report("redis", 1, redis * 1e3, 9.0));
            reports.push(report("memcached", 1, memcached * 1e3, 8.0));
        }
        let table = table(&reports);
        let ours = table
            .lines()
            .find(|line| line.contains("| jerboa |"))
            .unwrap();
        assert!(
            ours.contains("| 150 k |") && ours.contains("| 1.50 x | 0.75 x |"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 5);
    }

    #[test]
    fn rows_are_in_order_of_depth_as_numbers() {
        let reports = [32, 1, 8].map(|depth| report("jerboa", depth, 1.0, 1.0));
        let table = table(&reports);
        let depths: Vec<&str> = table
            .lines()
            .skip(2)
            .map(|line| line.split('|').nth(2).unwrap().trim())
            .collect();
        assert_eq!(depths, ["1", "8", "32"]);
    }

    #[test]
    fn a_file_that_is_no_report_is_named() {
        let path = std::env::temp_dir().join(format!("jerboa-no-report-{}", std::process::id()));
        fs::write(&path, "{").unwrap();
        let path = path.to_string_lossy().into_owned();
        let error = from_files(std::slice::from_ref(&path))
            .unwrap_err()
            .to_string();
        fs::remove_file(&path).unwrap();
        assert!(error.contains(&path), "{error}");
        assert!(from_files(&[path]).is_err());
    }
}
