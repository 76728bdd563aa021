//! A view as lines for people and as an object for programs.

use std::time::Duration;

use jerboa_wire::stats::{HotKey, Latency};
use serde_json::{Map, Value, json};

use super::sample::{Difference, Row};
use crate::cli::shell::{base64, quoted};

/// Operations shown.
const OPERATIONS: usize = 8;
/// Characters of a key shown.
const KEY_CHARS: usize = 48;

/// The view for people.
pub(super) fn lines(view: &Difference) -> Vec<String> {
    let memory = format!(
        "entries {}  live {} of {}  resident {}",
        count(view.total.entries as f64),
        bytes(view.total.live_bytes),
        bytes(view.total.arena_bytes),
        bytes(view.resident_bytes),
    );
    let mut lines = vec![
        format!(
            "jerboa {} at {}  up {}  interval {} ms",
            view.version,
            view.address,
            uptime(view.uptime),
            view.interval.as_millis()
        ),
        memory,
        String::new(),
    ];
    let header = [
        "core", "ops/s", "busy", "p50", "p99", "p999", "hits", "entries", "live", "conns",
        "mailbox", "fwd/s", "exp/s", "evict/s", "err/s",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (core, row) in view.cores.iter().enumerate() {
        rows.push(cells(core.to_string(), row));
    }
    if view.cores.len() > 1 {
        rows.push(cells("all".to_owned(), &view.total));
    }
    lines.extend(aligned(&rows));
    if !view.operations.is_empty() {
        lines.push(String::new());
        let header = ["operation", "ops/s", "p50", "p99", "p999", "max"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for operation in view.operations.iter().take(OPERATIONS) {
            let mut row = vec![operation.name.clone(), count(operation.ops)];
            row.extend(quantiles(&operation.latency).map(duration));
            row.push(duration(operation.latency.max()));
            rows.push(row);
        }
        lines.extend(aligned(&rows));
    }
    if !view.hot.is_empty() {
        lines.push(String::new());
        let header = ["hot key", "uses/s", "map"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for hot in &view.hot {
            rows.push(vec![
                shown_key(hot),
                count(hot.uses_per_s),
                quoted(&hot.map),
            ]);
        }
        lines.extend(aligned(&rows));
    }
    lines
}

fn shown_key(hot: &HotKey) -> String {
    let whole = quoted(&hot.key);
    let cut = whole.chars().count() > KEY_CHARS || hot.key.len() < hot.key_bytes as usize;
    if cut {
        let front: String = whole.chars().take(KEY_CHARS).collect();
        return format!("{front}…");
    }
    whole
}

fn cells(name: String, row: &Row) -> Vec<String> {
    let [p50, p99, p999] = quantiles(&row.latency).map(duration);
    vec![
        name,
        count(row.ops),
        percent(Some(row.busy)),
        p50,
        p99,
        p999,
        percent(row.hit_ratio),
        count(row.entries as f64),
        bytes(row.live_bytes),
        row.connections.to_string(),
        row.mailbox_depth.to_string(),
        count(row.forwarded),
        count(row.expired),
        count(row.evicted),
        count(row.errors),
    ]
}

fn quantiles(latency: &Latency) -> [Option<Duration>; 3] {
    [0.5, 0.99, 0.999].map(|share| latency.quantile(share))
}

/// Columns two spaces apart, the first to the left and the others to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line.push_str(&match index {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            }
            line
        })
        .collect()
}

fn count(number: f64) -> String {
    match number {
        n if n >= 9_999_500.0 => format!("{:.1}M", n / 1e6),
        n if n >= 99_950.0 => format!("{:.0}k", n / 1e3),
        n if n >= 9_999.5 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1023.5 {
            return match unit {
                "B" => format!("{value:.0} {unit}"),
                _ => format!("{value:.1} {unit}"),
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

fn duration(duration: Option<Duration>) -> String {
    let Some(duration) = duration else {
        return "-".to_owned();
    };
    let us = duration.as_nanos() as f64 / 1e3;
    match us {
        us if us < 99.95 => format!("{us:.1}µs"),
        us if us < 9_999.5 => format!("{us:.0}µs"),
        us if us < 9_999_500.0 => format!("{:.0}ms", us / 1e3),
        us => format!("{:.0}s", us / 1e6),
    }
}

fn uptime(uptime: Duration) -> String {
    let seconds = uptime.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    if days > 0 {
        format!("{days}d {hours:02}:{minutes:02}:{seconds:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    }
}

/// The view for programs: plain numbers, durations in nanoseconds, null where nothing happened.
pub(super) fn json(view: &Difference) -> Value {
    let cores: Vec<Value> = view
        .cores
        .iter()
        .enumerate()
        .map(|(core, row)| {
            let mut object = object(row);
            object.insert("core".to_owned(), json!(core));
            Value::Object(object)
        })
        .collect();
    let operations: Vec<Value> = view
        .operations
        .iter()
        .map(|operation| {
            let mut object = latencies(&operation.latency);
            object.insert("operation".to_owned(), json!(operation.name));
            object.insert("ops_per_s".to_owned(), json!(operation.ops));
            Value::Object(object)
        })
        .collect();
    json!({
        "address": view.address,
        "version": view.version,
        "uptime_ms": view.uptime.as_millis() as u64,
        "interval_ms": view.interval.as_millis() as u64,
        "resident_bytes": view.resident_bytes,
        "node": object(&view.total),
        "cores": cores,
        "operations": operations,
        "hot_keys": view.hot.iter().map(hot_key).collect::<Vec<_>>(),
    })
}

fn latencies(latency: &Latency) -> Map<String, Value> {
    let mut object = Map::new();
    let ns = |duration: Option<Duration>| json!(duration.map(|d| d.as_nanos() as u64));
    let [p50, p99, p999] = quantiles(latency);
    object.insert("p50_ns".to_owned(), ns(p50));
    object.insert("p99_ns".to_owned(), ns(p99));
    object.insert("p999_ns".to_owned(), ns(p999));
    object.insert("max_ns".to_owned(), ns(latency.max()));
    object
}

fn object(row: &Row) -> Map<String, Value> {
    let mut object = latencies(&row.latency);
    for (name, value) in [
        ("ops_per_s", json!(row.ops)),
        ("busy", json!(row.busy)),
        ("hit_ratio", json!(row.hit_ratio)),
        ("forwarded_per_s", json!(row.forwarded)),
        ("expired_per_s", json!(row.expired)),
        ("evicted_per_s", json!(row.evicted)),
        ("errors_per_s", json!(row.errors)),
        ("entries", json!(row.entries)),
        ("live_bytes", json!(row.live_bytes)),
        ("arena_bytes", json!(row.arena_bytes)),
        ("connections", json!(row.connections)),
        ("mailbox_depth", json!(row.mailbox_depth)),
    ] {
        object.insert(name.to_owned(), value);
    }
    object
}

fn hot_key(hot: &HotKey) -> Value {
    let mut object = Map::new();
    for (name, bytes) in [("map", &hot.map), ("key", &hot.key)] {
        match std::str::from_utf8(bytes) {
            Ok(text) => object.insert(name.to_owned(), json!(text)),
            Err(_) => object.insert(format!("{name}_base64"), json!(base64(bytes))),
        };
    }
    object.insert("key_bytes".to_owned(), json!(hot.key_bytes));
    object.insert("uses_per_s".to_owned(), json!(hot.uses_per_s));
    object.insert("or_more".to_owned(), json!(hot.error_per_s));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_stay_narrow() {
        for (number, expected) in [
            (0.4, "0"),
            (9_999.0, "9999"),
            (12_345.0, "12.3k"),
            (123_456.0, "123k"),
            (12_345_678.0, "12.3M"),
        ] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(
            (bytes(12), bytes(1 << 20)),
            ("12 B".to_owned(), "1.0 MiB".to_owned())
        );
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
        let shown = |ns| duration(Some(Duration::from_nanos(ns)));
        assert_eq!(
            (shown(1_234), shown(123_456)),
            ("1.2µs".to_owned(), "123µs".to_owned())
        );
        assert_eq!(shown(12_345_678), "12ms");
        assert_eq!(duration(None), "-");
        assert_eq!(uptime(Duration::from_secs(90_061)), "1d 01:01:01");
    }

    #[test]
    fn a_key_cannot_draw_on_the_screen() {
        let hot = HotKey {
            key: b"\x1b[2J\n".to_vec(),
            key_bytes: 5000,
            ..HotKey::default()
        };
        let shown = shown_key(&hot);
        assert!(
            !shown.chars().any(char::is_control) && shown.ends_with('…'),
            "{shown}"
        );
    }
}
