//! A view as lines for people; as an object for programs in [`json`].

mod format;
mod json;

use std::time::Duration;

use jerboa_wire::stats::{HotKey, Latency};

use super::maps::MapRow;
use super::order::{Column, Order};
use super::sample::{Difference, Row};
use crate::cli::shell::quoted;
use format::{bytes, count, duration, percent, uptime};

pub(super) use json::json;

/// Operations shown.
const OPERATIONS: usize = 8;
/// Characters of a key or of a map's name shown.
const NAME_CHARS: usize = 48;

/// What the rows of the view are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Cores,
    Maps,
}

impl What {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Cores => Self::Maps,
            Self::Maps => Self::Cores,
        }
    }
}

/// The view for people: two lines about the node, then tables.
pub(super) fn lines(view: &Difference, what: What, order: Order) -> Vec<String> {
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
    match what {
        What::Cores => push_cores(&mut lines, view, order),
        What::Maps => push_maps(&mut lines, view, order),
    }
    lines
}

/// The cores, the operations and the hot keys.
fn push_cores(lines: &mut Vec<String>, view: &Difference, order: Order) {
    let mut rows = vec![header(
        order,
        &[
            ("core", Some(Column::Name)),
            ("ops/s", Some(Column::Requests)),
            ("busy", Some(Column::Busy)),
            ("p50", None),
            ("p99", Some(Column::Latency)),
            ("p999", None),
            ("hits", None),
            ("entries", Some(Column::Entries)),
            ("live", Some(Column::Memory)),
            ("conns", None),
            ("mailbox", None),
            ("fwd/s", None),
            ("exp/s", None),
            ("evict/s", None),
            ("err/s", None),
        ],
    )];
    for core in order.of_cores(&view.cores) {
        let row = view.cores.get(core);
        rows.extend(row.map(|row| cells(core.to_string(), row)));
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
                shown_name(&hot.map),
            ]);
        }
        lines.extend(aligned(&rows));
    }
}

/// The maps.
fn push_maps(lines: &mut Vec<String>, view: &Difference, order: Order) {
    let Some(maps) = &view.maps else {
        lines.push("the first interval of the maps is under way".to_owned());
        return;
    };
    let mut rows = vec![header(
        order,
        &[
            ("map", Some(Column::Name)),
            ("ops/s", Some(Column::Requests)),
            ("p50", None),
            ("p99", Some(Column::Latency)),
            ("p999", None),
            ("hits", None),
            ("entries", Some(Column::Entries)),
            ("live", Some(Column::Memory)),
            ("exp/s", None),
            ("evict/s", None),
        ],
    )];
    let order = order.of_maps(maps).into_iter();
    rows.extend(order.filter_map(|place| maps.get(place).map(map_cells)));
    lines.extend(aligned(&rows));
    if view.more_maps {
        lines.push(format!("and more than these {} maps", maps.len()));
    }
}

/// Names of columns, that which the rows are in the order of with an arrow.
fn header(order: Order, columns: &[(&str, Option<Column>)]) -> Vec<String> {
    let arrow = if order.reversed { '↑' } else { '↓' };
    let name = |(name, column): &(&str, Option<Column>)| match column {
        Some(column) if *column == order.by && order != Order::NAME => format!("{name}{arrow}"),
        _ => (*name).to_owned(),
    };
    columns.iter().map(name).collect()
}

fn map_cells(row: &MapRow) -> Vec<String> {
    let latency = row.latency.clone().unwrap_or_default();
    let [p50, p99, p999] = quantiles(&latency).map(duration);
    vec![
        shown_name(&row.map),
        count(row.ops),
        p50,
        p99,
        p999,
        percent(row.hit_ratio),
        count(row.keys as f64),
        bytes(row.bytes),
        count(row.expired),
        count(row.evicted),
    ]
}

/// A map's name, cut where it is long.
fn shown_name(name: &[u8]) -> String {
    let whole = quoted(name);
    cut(&whole, whole.chars().count() > NAME_CHARS)
}

fn cut(whole: &str, is_cut: bool) -> String {
    if !is_cut {
        return whole.to_owned();
    }
    let front: String = whole.chars().take(NAME_CHARS).collect();
    format!("{front}…")
}

fn shown_key(hot: &HotKey) -> String {
    let whole = quoted(&hot.key);
    let is_cut = whole.chars().count() > NAME_CHARS || hot.key.len() < hot.key_bytes as usize;
    cut(&whole, is_cut)
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

#[cfg(test)]
mod tests {
    use super::*;

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
