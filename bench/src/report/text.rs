//! The report for people.

use std::fmt::Write;

use super::{CLIENT_CPU_WARN, Latency, RunReport};

/// A count a second, or any large number, with three significant digits.
#[must_use]
pub fn large(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n if n >= 1e3 => format!("{:.2} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// Microseconds, short.
#[must_use]
pub fn micros(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{:.2}s", us / 1e6),
        us if us >= 1e4 => format!("{:.1}ms", us / 1e3),
        us if us >= 100.0 => format!("{us:.0}us"),
        us => format!("{us:.1}us"),
    }
}

fn row(out: &mut String, name: &str, count: u64, latency: &Latency) {
    let cells = [
        latency.mean,
        latency.p50,
        latency.p90,
        latency.p99,
        latency.p999,
        latency.p9999,
        latency.max,
    ];
    // Writing to a string cannot fail.
    let _ = write!(out, "{name:<10}{count:>12}");
    for cell in cells {
        let _ = write!(out, "{:>10}", micros(cell));
    }
    out.push('\n');
}

/// The report as text.
#[must_use]
pub fn text(report: &RunReport) -> String {
    let mut out = String::new();
    let _ = writes(report, &mut out);
    out
}

fn writes(report: &RunReport, out: &mut String) -> std::fmt::Result {
    let p = &report.parameters;
    writeln!(out, "\n{} ({}, {})", report.label, p.loop_kind, p.machine)?;
    writeln!(
        out,
        "  {} at {}, workload {} ({}), {} keys of {} B, values of {} B, {}, ttl {}",
        p.target,
        p.address,
        p.workload,
        p.mix,
        p.keys,
        p.key_size,
        p.value_size,
        p.distribution,
        p.ttl
    )?;
    writeln!(
        out,
        "  {} connections x depth {}, client CPUs {:?}, {:.1} s after {:.1} s, seed {}",
        p.connections, p.depth, p.client_cpus, p.duration_s, p.warmup_s, p.seed
    )?;
    if !report.operations.is_empty() {
        writeln!(
            out,
            "\n{:<10}{:>12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "operation", "count", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"
        )?;
        for (name, operation) in &report.operations {
            row(out, name, operation.count, &operation.latency_us);
        }
        if report.operations.len() > 1 {
            let count = report
                .operations
                .values()
                .map(|operation| operation.count)
                .sum();
            row(out, "all", count, &report.latency_us);
        }
        if let Some(service) = &report.service_us {
            let count = report
                .operations
                .values()
                .map(|operation| operation.count)
                .sum();
            row(out, "unqueued", count, service);
        }
    }
    writeln!(out)?;
    throughput(report, out)?;
    server(report, out)?;
    outcome(report, out)
}

fn throughput(report: &RunReport, out: &mut String) -> std::fmt::Result {
    write!(out, "throughput    {} op/s", large(report.ops_per_s))?;
    if let Some(offered) = report.offered_ops_per_s {
        write!(out, " of {} offered", large(offered))?;
        write!(
            out,
            ", {} late, longest delay {}",
            report.late,
            micros(report.lag_us_max)
        )?;
    }
    if report.keys_per_s > report.ops_per_s * 1.01 {
        write!(out, ", {} keys/s", large(report.keys_per_s))?;
    }
    let (received, sent) = (report.bytes_in_per_s / 1e6, report.bytes_out_per_s / 1e6);
    writeln!(out, ", {received:.1} MB/s in, {sent:.1} MB/s out")?;
    let reads = report.hits + report.misses;
    if reads > 0 {
        let ratio = report.hits as f64 * 100.0 / reads as f64;
        writeln!(out, "hit ratio     {ratio:.2} % ({} misses)", report.misses)?;
    }
    if let Some(noop) = &report.noop {
        writeln!(
            out,
            "transport     {:.1} % of this machine's ceiling ({} empty requests/s, p99 {})",
            noop.share * 100.0,
            large(noop.ops_per_s),
            micros(noop.latency_us.p99)
        )?;
    }
    Ok(())
}

fn server(report: &RunReport, out: &mut String) -> std::fmt::Result {
    if let Some(us) = report.server_cpu_us_per_op {
        write!(out, "server CPU    {us:.2} us/op")?;
        if let Some(empty) = report
            .noop
            .as_ref()
            .and_then(|noop| noop.server_cpu_us_per_op)
        {
            write!(out, " (an empty request: {empty:.2})")?;
        }
        writeln!(out)?;
    }
    if let Some(imbalance) = report.imbalance {
        let total: u64 = report.core_ops.iter().sum();
        let shares: Vec<String> = report
            .core_ops
            .iter()
            .map(|ops| format!("{:.1}", *ops as f64 * 100.0 / total.max(1) as f64))
            .collect();
        writeln!(
            out,
            "server cores  {} % of operations, busiest {imbalance:.2} x mean, {} forwarded",
            shares.join(" "),
            report.forwarded
        )?;
    }
    let shares: Vec<String> = report
        .client_cpu
        .iter()
        .map(|share| format!("{:.0}", share * 100.0))
        .collect();
    if !shares.is_empty() {
        writeln!(out, "client CPU    {} %", shares.join(" "))?;
    }
    if report
        .client_cpu
        .iter()
        .any(|share| *share > CLIENT_CPU_WARN)
    {
        writeln!(
            out,
            "warning       a client core is busier than {:.0} %: it may be the limit, not the server",
            CLIENT_CPU_WARN * 100.0
        )?;
    }
    Ok(())
}

fn outcome(report: &RunReport, out: &mut String) -> std::fmt::Result {
    if let Some(prefill) = &report.prefill {
        write!(
            out,
            "prefill       {} keys in {:.1} s",
            prefill.stored, prefill.seconds
        )?;
        if prefill.refused > 0 {
            write!(out, ", {} refused", prefill.refused)?;
        }
        writeln!(out)?;
    }
    if let Some(audit) = &report.audit {
        writeln!(
            out,
            "audit         {} keys present, {} missing",
            audit.present, audit.missing
        )?;
    }
    if report.evicted > 0 {
        writeln!(out, "evicted       {} entries", report.evicted)?;
    }
    if report.errors > 0 {
        writeln!(
            out,
            "errors        {} ({} refused, {} of them for want of memory, {} unanswered)",
            report.errors, report.refused, report.refused_memory, report.unanswered
        )?;
    }
    for text in &report.errors_text {
        writeln!(out, "              {text}")?;
    }
    if report.verify_failures > 0 {
        write!(out, "VERIFICATION FAILED {} times:", report.verify_failures)?;
        for (name, count) in report.verify.iter().filter(|(_, count)| **count > 0) {
            write!(out, " {count} {name}")?;
        }
        writeln!(out)?;
    } else if report.parameters.verify && !report.operations.is_empty() {
        writeln!(
            out,
            "verification  no stale, lost, foreign or corrupt answer"
        )?;
    }
    for note in &report.notes {
        writeln!(out, "note          {note}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn a_failed_verification_and_a_busy_client_are_not_overlooked() {
        let (mut report, _) = sample();
        report.client_cpu = vec![0.2, 0.97];
        let text = text(&report);
        assert!(
            text.contains("VERIFICATION FAILED 2 times: 2 stale"),
            "{text}"
        );
        assert!(text.contains("warning") && text.contains("97"), "{text}");
        assert!(
            text.contains("p99.99") && text.contains("75.0 25.0 % of operations"),
            "{text}"
        );
    }

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(large(1_234_567.0), "1.23 M");
        assert_eq!(large(164_400.0), "164 k");
        assert_eq!(large(999.0), "999");
        assert_eq!(micros(12.34), "12.3us");
        assert_eq!(micros(12_345.0), "12.3ms");
        assert_eq!(micros(2_500_000.0), "2.50s");
    }
}
