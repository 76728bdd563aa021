//! The percentile table that HdrHistogram's plotter reads. Values are in microseconds.

use std::fmt::Write;

use hdrhistogram::Histogram;

/// Steps between halvings of the distance to 100 %.
const STEPS: u32 = 5;

/// The table of a histogram in nanoseconds.
#[must_use]
pub fn hgrm(histogram: &Histogram<u64>) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut total = 0;
    for step in histogram.iter_quantiles(STEPS) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / 1e3, step.quantile());
        let inverse = if quantile < 1.0 {
            format!("{:>14.2}", 1.0 / (1.0 - quantile))
        } else {
            String::new()
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{value:>12.3} {quantile:>2.12} {total:>10} {inverse}");
    }
    let us = |ns: f64| ns / 1e3;
    let _ = writeln!(
        out,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]",
        us(histogram.mean()),
        us(histogram.stdev())
    );
    let max = us(histogram.max() as f64);
    let _ = writeln!(
        out,
        "#[Max     = {max:>12.3}, Total count    = {:>12}]",
        histogram.len()
    );
    let _ = writeln!(
        out,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.buckets(),
        histogram.distinct_values() / usize::from(histogram.buckets()).max(1)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn the_table_ends_with_every_request_and_the_maximum() {
        let (_, mut tally) = sample();
        let table = hgrm(&tally.all());
        let rows: Vec<&str> = table
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let last: Vec<&str> = rows.last().unwrap().split_whitespace().collect();
        assert_eq!(last[2], "10001");
        assert!(last[0].parse::<f64>().unwrap() >= 5_000.0);
        assert!(table.contains("#[Max     ="), "{table}");
        assert!(rows[0].contains("Percentile"));
    }

    #[test]
    fn an_empty_histogram_makes_an_empty_table() {
        let table = hgrm(&crate::tally::Tally::default().all());
        assert!(table.contains("Total count    =            0"), "{table}");
    }
}
